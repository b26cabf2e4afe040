//! What is wrong with a head: its status for the client, and nginx's words for the error log.

use std::fmt;

use super::framing::FramingError;
use super::host::HostError;
use super::target::TargetError;

/// What is wrong with a field line, whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldError {
    /// A line that begins with a space or tab continues the one before it (RFC 9112 5.2): refused.
    Folded,
    /// Empty, or with a space, a control byte, or (unless such lines are ignored) a byte no name has.
    Name,
    /// A control byte in the value.
    Value,
    /// A CR without LF.
    BareCr,
    /// More fields than the bound.
    TooMany,
}

impl FieldError {
    /// nginx's words, and what was wrong, when a client sent it.
    #[must_use]
    pub fn of_client(self) -> &'static str {
        match self {
            Self::Folded => "client sent invalid header line: it continues the line before",
            Self::Name => "client sent invalid header line: no valid name",
            Self::Value => "client sent invalid header line: control byte in the value",
            Self::BareCr => "client sent invalid header line: CR without LF",
            Self::TooMany => "client sent too many header lines",
        }
    }

    /// What was wrong, for use behind "upstream sent".
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Folded => "header line that continues the line before",
            Self::Name => "header line without a valid name",
            Self::Value => "control byte in a header value",
            Self::BareCr => "CR without LF in a header line",
            Self::TooMany => "too many header lines",
        }
    }
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// The first byte, or one before the first space, is none of a method's.
    Method,
    /// The request line has another form.
    Line,
    /// HTTP/2 and above.
    Version,
    /// HTTP/0.9 knows GET alone.
    Method09,
    /// The request line is longer than a large buffer.
    LineTooLong,
    /// A field line is longer than a large buffer, or the head is longer than all of them.
    HeadTooLarge,
    Field(FieldError),
    /// A field that a request has at most once stands twice.
    Repeated,
    Target(TargetError),
    Host(HostError),
    Framing(FramingError),
}

impl RequestError {
    /// The status for the client. 494 is nginx's own number for a head too large; the client sees 400.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Version => 505,
            Self::LineTooLong => 414,
            Self::HeadTooLarge | Self::Field(FieldError::TooMany) => 494,
            Self::Field(FieldError::Folded | FieldError::Name | FieldError::Value | FieldError::BareCr) => 400,
            Self::Method | Self::Line | Self::Method09 | Self::Repeated | Self::Target(_) | Self::Host(_) => 400,
            // nginx's word for a coding that it does not know; the connection is closed as with the others.
            Self::Framing(FramingError::UnknownEncoding) => 501,
            Self::Framing(_) => 400,
        }
    }

    /// nginx's words.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Method => "client sent invalid method",
            Self::Line => "client sent invalid request",
            Self::Version => "client sent invalid version",
            Self::Method09 => "client sent invalid method in HTTP/0.9 request",
            Self::LineTooLong => "client sent too long URI",
            Self::HeadTooLarge => "client sent too long header line",
            Self::Field(error) => error.of_client(),
            Self::Repeated => "client sent duplicate header line",
            Self::Target(error) => error.phrase(),
            Self::Host(error) => error.phrase(),
            Self::Framing(error) => error.of_client(),
        }
    }

    /// Whether it was met in the request line, before any field.
    #[must_use]
    pub fn is_in_line(self) -> bool {
        match self {
            Self::Method | Self::Line | Self::Version | Self::Method09 | Self::LineTooLong | Self::Target(_) => true,
            Self::HeadTooLarge | Self::Field(_) | Self::Repeated | Self::Host(_) | Self::Framing(_) => false,
        }
    }
}

/// What is wrong with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseError {
    /// It does not begin with a status line: an HTTP/0.9 answer, or no HTTP at all.
    NoStatusLine,
    /// The status line begins well and goes wrong.
    StatusLine,
    /// The status is below 100.
    Status,
    /// The head is longer than its buffer.
    HeadTooLarge,
    Field(FieldError),
}

impl ResponseError {
    /// What was wrong, for use behind "upstream sent".
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::NoStatusLine => "no valid HTTP/1.0 header",
            Self::StatusLine => "invalid status line",
            Self::Status => "invalid status",
            Self::HeadTooLarge => "too big header",
            Self::Field(error) => error.phrase(),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "upstream sent {}", self.phrase())
    }
}

impl std::error::Error for RequestError {}
impl std::error::Error for ResponseError {}

impl From<FieldError> for RequestError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<TargetError> for RequestError {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<HostError> for RequestError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<FramingError> for RequestError {
    fn from(error: FramingError) -> Self {
        Self::Framing(error)
    }
}

impl From<FieldError> for ResponseError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}
