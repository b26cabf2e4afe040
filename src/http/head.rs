//! Heads of messages as values. Only `parse` makes them from bytes; what they mean is asked of `framing`, `target`,
//! `host` and `upgrade`.

use std::ops::Range;

use super::fields::Fields;
use super::method::Method;
use super::version::Version;

/// The head of a request. It passes through many hands until it is an exchange's: in a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    pub method: Method,
    /// Where the target lies in the line.
    pub target_at: Range<usize>,
    pub version: Version,
    pub fields: Fields,
    /// The request line without its end: `$request`.
    pub line: Box<[u8]>,
}

impl RequestHead {
    /// The target as received.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        self.line.get(self.target_at.clone()).unwrap_or_default()
    }

    /// In place of a head that could not be read, or that is none: `line` is all there is of it.
    #[must_use]
    pub fn unread(line: Box<[u8]>) -> Box<Self> {
        Box::new(Self {
            method: Method::Other(Box::default()),
            target_at: 0..0,
            version: Version::Http10,
            fields: Fields::new(),
            line,
        })
    }
}

/// The head of a response: in a box, as that of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    pub version: Version,
    pub status: u16,
    /// Empty too if it is the usual one of the status.
    pub reason: Box<[u8]>,
    pub fields: Fields,
}
