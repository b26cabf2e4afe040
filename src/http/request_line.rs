//! The request line (RFC 9112 3), as lenient as nginx: several spaces between the parts and behind the version,
//! HTTP/0.9 without a version, `HTTP/1.x` above 1.1.

use std::ops::Range;

use super::error::RequestError;
use super::version::Version;

/// Where the parts of a request line lie in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    pub method: Range<usize>,
    pub target: Range<usize>,
    pub version: Version,
}

/// Whether a method may begin with this byte: capital letters, `-`, `_`. A TLS hello does not.
#[must_use]
pub const fn begins_method(byte: u8) -> bool {
    byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-')
}

/// Reads a line without its end.
///
/// # Errors
/// It has another form, or its version is not spoken here.
pub fn parse(line: &[u8]) -> Result<RequestLine, RequestError> {
    let method_end = line.iter().position(|byte| !begins_method(*byte)).ok_or(RequestError::Method)?;
    if method_end == 0 || line[method_end] != b' ' {
        return Err(RequestError::Method);
    }
    let target_at = skip_spaces(line, method_end);
    let target_end = line[target_at..].iter().position(|byte| *byte <= b' ' || *byte == 0x7f);
    let target = target_at..target_end.map_or(line.len(), |length| target_at + length);
    if target.is_empty() || line.get(target.end).is_some_and(|byte| *byte != b' ') {
        return Err(RequestError::Line);
    }
    let version = match &line[skip_spaces(line, target.end)..] {
        // `GET  HTTP/1.0`: a target is missing, this is no request of HTTP/0.9 for `HTTP/1.0`.
        [] if !line[target.clone()].starts_with(b"/") => return Err(RequestError::Line),
        [] if line[..method_end] != *b"GET" => return Err(RequestError::Method09),
        [] => Version::Http09,
        rest => parse_version(rest)?,
    };
    Ok(RequestLine { method: 0..method_end, target, version })
}

fn skip_spaces(line: &[u8], from: usize) -> usize {
    from + line[from..].iter().take_while(|byte| **byte == b' ').count()
}

/// `HTTP/1.x` and spaces behind it.
fn parse_version(bytes: &[u8]) -> Result<Version, RequestError> {
    if bytes == b"HTTP/1.1" {
        return Ok(Version::Http11);
    }
    let digits = bytes.strip_prefix(b"HTTP/").ok_or(RequestError::Line)?;
    let major_end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (major, rest) = digits.split_at(major_end);
    match major {
        [] | [b'0', ..] => return Err(RequestError::Line),
        b"1" => {}
        _ => return Err(RequestError::Version),
    }
    let minor = rest.strip_prefix(b".").ok_or(RequestError::Line)?;
    let minor_end = minor.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(minor.len());
    let (minor, rest) = minor.split_at(minor_end);
    // Three digits are more than any version will have.
    if minor.is_empty() || minor.len() > 3 || !rest.iter().all(|byte| *byte == b' ') {
        return Err(RequestError::Line);
    }
    let minor = minor.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    Ok(Version::of_minor(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Result<(&str, &str, Version), RequestError> {
        parse(line.as_bytes()).map(|parts| (&line[parts.method], &line[parts.target], parts.version))
    }

    #[test]
    fn lines_that_nginx_accepts() {
        assert_eq!(parts("GET / HTTP/1.1"), Ok(("GET", "/", Version::Http11)));
        assert_eq!(parts("GET / HTTP/1.0"), Ok(("GET", "/", Version::Http10)));
        assert_eq!(parts("GET   /a   HTTP/1.0  "), Ok(("GET", "/a", Version::Http10)));
        assert_eq!(parts("GET /"), Ok(("GET", "/", Version::Http09)));
        assert_eq!(parts("GET /  "), Ok(("GET", "/", Version::Http09)));
        assert_eq!(parts("GET / HTTP/1.2"), Ok(("GET", "/", Version::Http11)));
        assert_eq!(parts("GET / HTTP/1.01"), Ok(("GET", "/", Version::Http11)));
        assert_eq!(parts("M-SEARCH_X / HTTP/1.1"), Ok(("M-SEARCH_X", "/", Version::Http11)));
        assert_eq!(parts("GET /\u{e9}\"<> HTTP/1.1"), Ok(("GET", "/\u{e9}\"<>", Version::Http11)));
    }

    #[test]
    fn methods_that_are_none() {
        for line in [
            "get / HTTP/1.1",
            "GeT / HTTP/1.1",
            "GET1 / HTTP/1.1",
            "\x16\x03\x01",
            " GET /",
            "GET\t/ HTTP/1.1",
            "GET",
            "",
        ] {
            assert_eq!(parts(line), Err(RequestError::Method), "{line}");
        }
        assert_eq!(parts("POST /"), Err(RequestError::Method09));
    }

    #[test]
    fn lines_that_are_none() {
        let lines = [
            "GET ",
            "GET  ",
            "GET / /",
            "GET  HTTP/1.0",
            "GET / / HTTP/1.1",
            "GET /\x02 HTTP/1.1",
            "GET /\t HTTP/1.1",
            "GET /a\rb HTTP/1.1",
            "GET / HTTP/1.1 x",
            "GET / HTTP/1.1\t",
            "GET / HTTP/1.1\r",
            "GET / HTTP/1",
            "GET / HTTP/1.",
            "GET / HTTP/.1",
            "GET / HTTP/",
            "GET / HTTP/0.9",
            "GET / HTTP/01.1",
            "GET / HTTP/1.1000",
            "GET / HTTP/1.x",
            "GET / HTTP /1.1",
            "GET / http/1.1",
            "GET / ICAP/1.0",
            "GET / HTTPS/1.1",
        ];
        for line in lines {
            assert_eq!(parts(line), Err(RequestError::Line), "{line}");
        }
    }

    #[test]
    fn later_versions() {
        for line in ["GET / HTTP/2.0", "GET / HTTP/2", "PRI * HTTP/2.0", "GET / HTTP/10.1", "GET / HTTP/11"] {
            assert_eq!(parts(line), Err(RequestError::Version), "{line}");
        }
    }
}
