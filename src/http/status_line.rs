//! The status line of a response (RFC 9112 4), as lenient as nginx: the reason may be missing with its space, spaces
//! may stand before the code, `403.1` counts as 403.

use super::error::ResponseError;
use super::token;
use super::version::Version;

/// The parts of a status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLine<'l> {
    pub version: Version,
    pub status: u16,
    pub reason: &'l [u8],
}

const PREFIX: &[u8] = b"HTTP/";

/// Whether these first bytes of a line can still become a status line.
#[must_use]
pub fn may_begin(bytes: &[u8]) -> bool {
    let compared = bytes.len().min(PREFIX.len());
    bytes[..compared] == PREFIX[..compared]
}

/// Reads a line without its end.
///
/// # Errors
/// It is none, or its status is no HTTP status.
pub fn parse(line: &[u8]) -> Result<StatusLine<'_>, ResponseError> {
    let (version, rest) = match line.strip_prefix(b"HTTP/1.1 ") {
        Some(rest) => (Version::Http11, rest),
        None => begin(line)?,
    };
    let code_at = rest.iter().take_while(|byte| **byte == b' ').count();
    let (code, reason) = rest[code_at..].split_at_checked(3).ok_or(ResponseError::StatusLine)?;
    if !code.iter().all(u8::is_ascii_digit) || !matches!(reason.first(), None | Some(b' ' | b'.')) {
        return Err(ResponseError::StatusLine);
    }
    let status = code.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    if status < 100 {
        return Err(ResponseError::Status);
    }
    if token::has_control(reason) {
        return Err(ResponseError::StatusLine);
    }
    Ok(StatusLine { version, status, reason: reason.get(1..).unwrap_or_default() })
}

/// The version of any other line than the usual, and what follows it.
#[cold]
#[inline(never)]
fn begin(line: &[u8]) -> Result<(Version, &[u8]), ResponseError> {
    let rest = line.strip_prefix(PREFIX).ok_or(ResponseError::NoStatusLine)?;
    let space = rest.iter().position(|byte| *byte == b' ').ok_or(ResponseError::StatusLine)?;
    Ok((parse_version(&rest[..space])?, &rest[space..]))
}

/// `1.x`. A higher major in an answer to HTTP/1.x means that something else is speaking.
fn parse_version(bytes: &[u8]) -> Result<Version, ResponseError> {
    let minor = bytes.strip_prefix(b"1.").ok_or(ResponseError::StatusLine)?;
    if minor.is_empty() || minor.len() > 3 || !minor.iter().all(u8::is_ascii_digit) {
        return Err(ResponseError::StatusLine);
    }
    Ok(Version::of_minor(minor.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Result<(Version, u16, &str), ResponseError> {
        parse(line.as_bytes()).map(|line| (line.version, line.status, std::str::from_utf8(line.reason).unwrap()))
    }

    #[test]
    fn lines_that_nginx_accepts() {
        assert_eq!(parts("HTTP/1.1 200 OK"), Ok((Version::Http11, 200, "OK")));
        assert_eq!(parts("HTTP/1.0 404 Not Found"), Ok((Version::Http10, 404, "Not Found")));
        assert_eq!(parts("HTTP/1.1 200"), Ok((Version::Http11, 200, "")));
        assert_eq!(parts("HTTP/1.1 200 "), Ok((Version::Http11, 200, "")));
        assert_eq!(parts("HTTP/1.1   200 OK"), Ok((Version::Http11, 200, "OK")));
        assert_eq!(parts("HTTP/1.1 403.1 Forbidden"), Ok((Version::Http11, 403, "1 Forbidden")));
        assert_eq!(parts("HTTP/1.2 200 OK"), Ok((Version::Http11, 200, "OK")));
        assert_eq!(parts("HTTP/1.1 999 Own"), Ok((Version::Http11, 999, "Own")));
    }

    #[test]
    fn lines_that_are_none() {
        for line in ["", "hello", "HTTP 200", "http/1.1 200 OK", "ICY 200 OK"] {
            assert_eq!(parts(line), Err(ResponseError::NoStatusLine), "{line}");
        }
        let broken = [
            "HTTP/1.1",
            "HTTP/1.1 ",
            "HTTP/1.1 20",
            "HTTP/1.1 2000",
            "HTTP/1.1 2x0 OK",
            "HTTP/1.1 +20 OK",
            "HTTP/1.1\t200 OK",
            "HTTP/1.1 200\tOK",
            "HTTP/1 200 OK",
            "HTTP/2 200 OK",
            "HTTP/2.0 200 OK",
            "HTTP/0.9 200 OK",
            "HTTP/1.x 200 OK",
            "HTTP/1.1 200 O\rK",
            "HTTP/1.1 200 O\0K",
        ];
        for line in broken {
            assert_eq!(parts(line), Err(ResponseError::StatusLine), "{line}");
        }
        for line in ["HTTP/1.1 000 x", "HTTP/1.1 099 x", "HTTP/1.1 010 x"] {
            assert_eq!(parts(line), Err(ResponseError::Status), "{line}");
        }
    }

    #[test]
    fn the_first_bytes_already_tell() {
        assert!(may_begin(b"") && may_begin(b"HT") && may_begin(b"HTTP/1.1"));
        assert!(!may_begin(b"X") && !may_begin(b"HTTP 1"));
    }
}
