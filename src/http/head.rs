//! Heads of messages as values. Only `parse` makes them from bytes; what they mean is asked of `framing`, `target`,
//! `host` and `upgrade`.

use super::fields::Fields;
use super::method::Method;
use super::version::Version;

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    pub method: Method,
    /// As received.
    pub target: Box<[u8]>,
    pub version: Version,
    pub fields: Fields,
    /// The request line without its end: `$request`.
    pub line: Box<[u8]>,
}

impl RequestHead {
    /// In place of a head that could not be read, or that is none: `line` is all there is of it.
    #[must_use]
    pub fn unread(line: Box<[u8]>) -> Self {
        Self {
            method: Method::Other(Box::default()),
            target: Box::default(),
            version: Version::Http10,
            fields: Fields::new(),
            line,
        }
    }
}

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    pub version: Version,
    pub status: u16,
    /// May be empty.
    pub reason: Box<[u8]>,
    pub fields: Fields,
}
