//! Why a name has no addresses. Numbers and words are nginx's.

use std::fmt;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;

/// What came of a question instead of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unresolved {
    FormatError,
    ServerFailure,
    NotFound,
    Unimplemented,
    Refused,
    TimedOut,
    /// Too many names are asked for already.
    Crowded,
}

impl Unresolved {
    /// What is behind an error of the library.
    #[must_use]
    pub fn of(error: &NetError) -> Self {
        match error {
            NetError::Timeout => Self::TimedOut,
            NetError::Dns(DnsError::NoRecordsFound(_)) => Self::NotFound,
            NetError::Dns(DnsError::ResponseCode(code)) => Self::of_code(*code),
            NetError::Proto(_) => Self::FormatError,
            NetError::Busy => Self::Crowded,
            _ => Self::ServerFailure,
        }
    }

    fn of_code(code: ResponseCode) -> Self {
        match code {
            ResponseCode::FormErr => Self::FormatError,
            ResponseCode::NXDomain => Self::NotFound,
            ResponseCode::NotImp => Self::Unimplemented,
            ResponseCode::Refused => Self::Refused,
            _ => Self::ServerFailure,
        }
    }

    /// Whether the servers say that there is nothing, and not merely that they cannot say.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::NotFound | Self::FormatError)
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FormatError => "1: Format error",
            Self::ServerFailure => "2: Server failure",
            Self::NotFound => "3: Host not found",
            Self::Unimplemented => "4: Unimplemented",
            Self::Refused => "5: Operation refused",
            Self::TimedOut => "110: Operation timed out",
            Self::Crowded => "too many names are being resolved",
        })
    }
}
