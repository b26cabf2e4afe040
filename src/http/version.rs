//! The protocol version of a message, as far as it changes what a message means.

/// What the sender understands. `HTTP/1.2` and above count as 1.1; 2 and above never get here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `GET /path` alone: no fields, the answer is a body without a head.
    Http09,
    Http10,
    Http11,
}

impl Version {
    /// As `$server_protocol` shows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http09 => "HTTP/0.9",
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }

    /// By the minor number of a major 1.
    #[must_use]
    pub fn of_minor(minor: u16) -> Self {
        if minor == 0 { Self::Http10 } else { Self::Http11 }
    }
}
