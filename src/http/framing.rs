//! How long a message's body is (RFC 9112 6.3), and every way in which a head could tell two readers two lengths.

use super::fields::Fields;
use super::head::{RequestHead, ResponseHead};
use super::method::Method;
use super::name::Name;
use super::version::Version;

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyLength {
    #[default]
    None,
    Length(u64),
    Chunked,
    /// A response that ends with its connection.
    UntilClose,
}

/// A head that frames its body in no safe way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingError {
    /// More than one `Content-Length`, equal or not: as nginx.
    DuplicateLength,
    /// Not a decimal number below 2^63.
    InvalidLength,
    /// More than one `Transfer-Encoding`.
    DuplicateEncoding,
    /// A `Transfer-Encoding` other than `chunked` alone.
    UnknownEncoding,
    LengthAndEncoding,
    /// `Transfer-Encoding` before HTTP/1.1.
    EncodingBefore11,
}

impl FramingError {
    /// What was sent, for use behind "upstream sent".
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::DuplicateLength => "duplicate \"Content-Length\" header",
            Self::InvalidLength => "invalid \"Content-Length\" header",
            Self::DuplicateEncoding => "duplicate \"Transfer-Encoding\" header",
            Self::UnknownEncoding => "unknown \"Transfer-Encoding\"",
            Self::LengthAndEncoding => "\"Content-Length\" and \"Transfer-Encoding\" headers at the same time",
            Self::EncodingBefore11 => "HTTP/1.0 message with \"Transfer-Encoding\" header",
        }
    }

    /// nginx's words when a client sent it.
    #[must_use]
    pub fn of_client(self) -> &'static str {
        match self {
            Self::DuplicateLength => "client sent duplicate \"Content-Length\" header",
            Self::InvalidLength => "client sent invalid \"Content-Length\" header",
            Self::DuplicateEncoding => "client sent duplicate \"Transfer-Encoding\" header",
            Self::UnknownEncoding => "client sent unknown \"Transfer-Encoding\"",
            Self::LengthAndEncoding => {
                "client sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time"
            }
            Self::EncodingBefore11 => "client sent HTTP/1.0 request with \"Transfer-Encoding\" header",
        }
    }
}

/// The body of a request.
///
/// # Errors
/// The head could be read as two different messages.
pub fn request(head: &RequestHead) -> Result<BodyLength, FramingError> {
    Ok(match declared(&head.fields, head.version)? {
        Declared::Nothing => BodyLength::None,
        Declared::Length(length) => BodyLength::Length(length),
        Declared::Chunked => BodyLength::Chunked,
    })
}

/// The body of a response to a request with that method. A final 1xx, 204, 304 and the answer to HEAD have none
/// whatever their fields say; the fields must be sound all the same.
///
/// # Errors
/// The head could be read as two different messages.
pub fn response(method: &Method, head: &ResponseHead) -> Result<BodyLength, FramingError> {
    let declared = declared(&head.fields, head.version)?;
    if *method == Method::Head || matches!(head.status, 100..=199 | 204 | 304) {
        return Ok(BodyLength::None);
    }
    Ok(match declared {
        Declared::Nothing => BodyLength::UntilClose,
        Declared::Length(length) => BodyLength::Length(length),
        Declared::Chunked => BodyLength::Chunked,
    })
}

enum Declared {
    Nothing,
    Length(u64),
    Chunked,
}

fn declared(fields: &Fields, version: Version) -> Result<Declared, FramingError> {
    let length = fields.only(Name::ContentLength).map_err(|_| FramingError::DuplicateLength)?;
    let encoding = fields.only(Name::TransferEncoding).map_err(|_| FramingError::DuplicateEncoding)?;
    let length = length.map(|digits| parse_length(digits).ok_or(FramingError::InvalidLength)).transpose()?;
    match (length, encoding) {
        (None, None) => Ok(Declared::Nothing),
        (Some(length), None) => Ok(Declared::Length(length)),
        (_, Some(_)) if version != Version::Http11 => Err(FramingError::EncodingBefore11),
        (_, Some(encoding)) if !encoding.eq_ignore_ascii_case(b"chunked") => Err(FramingError::UnknownEncoding),
        (Some(_), Some(_)) => Err(FramingError::LengthAndEncoding),
        (None, Some(_)) => Ok(Declared::Chunked),
    }
}

/// Digits only: no sign, no list, no space. Below 2^63, so that sums of two lengths stay in range.
#[must_use]
pub fn parse_length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut length: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        length = length.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    i64::try_from(length).ok().map(i64::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse::{self, RequestRules};

    fn of_request(fields: &str) -> Result<BodyLength, FramingError> {
        framed("POST / HTTP/1.1", fields)
    }

    fn framed(line: &str, fields: &str) -> Result<BodyLength, FramingError> {
        let text = format!("{line}\r\nHost: a\r\n{fields}\r\n");
        request(&parse::request(text.as_bytes(), &RequestRules::default()).unwrap().unwrap().0)
    }

    fn of_response(method: &Method, line: &str, fields: &str) -> Result<BodyLength, FramingError> {
        let text = format!("{line}\r\n{fields}\r\n");
        response(method, &parse::response(text.as_bytes(), 4096).unwrap().unwrap().0)
    }

    #[test]
    fn requests() {
        assert_eq!(of_request(""), Ok(BodyLength::None));
        assert_eq!(of_request("Content-Length: 0\r\n"), Ok(BodyLength::Length(0)));
        assert_eq!(of_request("Content-Length:   12 \r\n"), Ok(BodyLength::Length(12)));
        assert_eq!(of_request("Content-Length: 9223372036854775807\r\n"), Ok(BodyLength::Length(u64::MAX / 2)));
        assert_eq!(of_request("Transfer-Encoding: Chunked\r\n"), Ok(BodyLength::Chunked));
        assert_eq!(of_request("Transfer-Encoding:chunked \t\r\n"), Ok(BodyLength::Chunked));
    }

    #[test]
    fn lengths_that_are_none() {
        for value in ["", "-1", "+1", "0x10", "1,1", "1, 2", "1 1", "1.0", "a", "9223372036854775808", "\u{661}"] {
            let fields = format!("Content-Length: {value}\r\n");
            assert_eq!(of_request(&fields), Err(FramingError::InvalidLength), "{value}");
        }
        let two = "Content-Length: 1\r\ncontent-length: 1\r\n";
        assert_eq!(of_request(two), Err(FramingError::DuplicateLength));
    }

    #[test]
    fn encodings_that_smuggle() {
        for value in ["", "identity", "gzip, chunked", "chunked, chunked", "chunked;x", "xchunked", "\"chunked\"", "x"]
        {
            let fields = format!("Transfer-Encoding: {value}\r\n");
            assert_eq!(of_request(&fields), Err(FramingError::UnknownEncoding), "{value}");
        }
        let both = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n";
        assert_eq!(of_request(both), Err(FramingError::LengthAndEncoding));
        let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(of_request(twice), Err(FramingError::DuplicateEncoding));
        let old = framed("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n");
        assert_eq!(old, Err(FramingError::EncodingBefore11));
    }

    #[test]
    fn responses() {
        let get = |line: &str, fields: &str| of_response(&Method::Get, line, fields);
        assert_eq!(get("HTTP/1.1 200 OK", ""), Ok(BodyLength::UntilClose));
        assert_eq!(get("HTTP/1.1 200 OK", "Content-Length: 3\r\n"), Ok(BodyLength::Length(3)));
        assert_eq!(get("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n"), Ok(BodyLength::Chunked));
        assert_eq!(get("HTTP/1.1 204 No", "Content-Length: 3\r\n"), Ok(BodyLength::None));
        assert_eq!(get("HTTP/1.1 304 No", "Content-Length: 3\r\n"), Ok(BodyLength::None));
        assert_eq!(get("HTTP/1.1 101 S", ""), Ok(BodyLength::None));
        let head = of_response(&Method::Head, "HTTP/1.1 200 OK", "Content-Length: 3\r\n");
        assert_eq!(head, Ok(BodyLength::None));
        let both = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n";
        assert_eq!(get("HTTP/1.1 200 OK", both), Err(FramingError::LengthAndEncoding));
        assert_eq!(get("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n"), Err(FramingError::EncodingBefore11));
        let differing = "Content-Length: 5\r\nContent-Length: 6\r\n";
        assert_eq!(get("HTTP/1.1 200 OK", differing), Err(FramingError::DuplicateLength));
    }
}
