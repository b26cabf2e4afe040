//! The ranges that a request names (RFC 9110, 14), and the body of an answer with several of them. Pure.

use crate::http::encode;

/// What a part of a multipart answer costs beside its bytes, and what all of them may cost together, as in nginx: beyond
/// that the whole file is shorter.
const PART_BYTES: u64 = 256;
const PARTS_BYTES: u64 = 4096;

/// What a `Range` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// Nothing that is worth parts.
    Whole,
    /// Offset and length of each, none empty.
    Parts(Vec<(u64, u64)>),
    NotSatisfiable,
}

/// Reads what stands behind `bytes=`. `most` is `max_ranges`.
#[must_use]
pub fn parse(text: &[u8], length: u64, most: Option<u64>) -> Ranges {
    let mut parts = Vec::new();
    let mut total: u64 = 0;
    for text in text.split(|byte| *byte == b',') {
        let Some((start, end)) = bounds(text.trim_ascii(), length) else { return Ranges::NotSatisfiable };
        if start < end {
            if most.is_some_and(|most| parts.len() as u64 >= most) {
                return Ranges::Whole;
            }
            total = total.saturating_add(end - start);
            parts.push((start, end - start));
        } else if start == 0 {
            // Only an empty file has no first byte.
            return Ranges::Whole;
        }
    }
    let cost = total.saturating_add(PART_BYTES.saturating_mul(parts.len() as u64));
    match parts.len() {
        0 => Ranges::NotSatisfiable,
        1 => Ranges::Parts(parts),
        _ if total > length => Ranges::Whole,
        _ if most.is_none() && cost > length.saturating_add(PARTS_BYTES) => Ranges::Whole,
        _ => Ranges::Parts(parts),
    }
}

/// The first byte and the one behind the last, cut to the file; `None` for what is no range.
fn bounds(text: &[u8], length: u64) -> Option<(u64, u64)> {
    let dash = text.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (text[..dash].trim_ascii(), text[dash + 1..].trim_ascii());
    match (first, last) {
        (b"", last) => Some((length.saturating_sub(number(last)?), length)),
        (first, b"") => Some((number(first)?, length)),
        (first, last) => Some((number(first)?, number(last)?.saturating_add(1).min(length))),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok())
}

/// The heads of the parts of an answer with several, and its end.
#[derive(Debug)]
pub struct Multipart {
    /// In the order of the parts.
    pub heads: Vec<Vec<u8>>,
    pub end: Vec<u8>,
    /// Of the whole body.
    pub length: u64,
    pub content_type: String,
}

impl Multipart {
    /// `boundary` must not stand in the file.
    #[must_use]
    pub fn new(parts: &[(u64, u64)], file_length: u64, content_type: &[u8], boundary: u64) -> Self {
        let boundary = format!("{boundary:020}");
        let head = |(start, length): &(u64, u64)| {
            let mut head = format!("\r\n--{boundary}\r\n").into_bytes();
            encode::field(&mut head, b"Content-Type", content_type);
            let range = content_range(*start, *length, file_length);
            encode::field(&mut head, b"Content-Range", range.as_bytes());
            head.extend_from_slice(b"\r\n");
            head
        };
        let heads: Vec<Vec<u8>> = parts.iter().map(head).collect();
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        let of_heads: u64 = heads.iter().map(|head| head.len() as u64).sum();
        let of_parts: u64 = parts.iter().map(|(_, length)| length).sum();
        let length = of_heads + of_parts + end.len() as u64;
        Self { heads, end, length, content_type: format!("multipart/byteranges; boundary={boundary}") }
    }
}

/// The value of `Content-Range`.
#[must_use]
pub fn content_range(start: u64, length: u64, file_length: u64) -> String {
    format!("bytes {start}-{}/{file_length}", (start + length).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Ranges {
        parse(text.as_bytes(), 100, None)
    }

    #[test]
    fn ranges_are_cut_to_the_file() {
        for (text, parts) in [
            ("0-9", vec![(0, 10)]),
            ("90-", vec![(90, 10)]),
            ("90-1000", vec![(90, 10)]),
            ("-10", vec![(90, 10)]),
            ("-1000", vec![(0, 100)]),
            (" 1 - 2 ", vec![(1, 2)]),
            ("0-0,-1", vec![(0, 1), (99, 1)]),
            ("0-9 , 5-14,200-", vec![(0, 10), (5, 10)]),
            ("-0,3-3", vec![(3, 1)]),
        ] {
            assert_eq!(of(text), Ranges::Parts(parts), "{text}");
        }
    }

    #[test]
    fn what_is_none_and_what_lies_behind_the_end() {
        for text in ["100-", "5-4", "-0", "a-b", "-", "", "1", "1-2-3", "0-0,", "0-0,x", "+1-2", "9223372036854775808-"]
        {
            assert_eq!(of(text), Ranges::NotSatisfiable, "{text}");
        }
    }

    #[test]
    fn more_than_the_file_and_more_than_is_allowed_are_the_whole() {
        assert_eq!(of("0-,0-9"), Ranges::Whole);
        assert_eq!(parse(b"0-0,2-2", 100, Some(1)), Ranges::Whole);
        assert_eq!(parse(b"0-0,2-2", 100, Some(2)), Ranges::Parts(vec![(0, 1), (2, 1)]));
        assert_eq!(parse(b"0-9", 0, None), Ranges::Whole);
        let many = vec!["0-0"; 17].join(",");
        assert_eq!(of(&many), Ranges::Whole, "parts that cost more than they hold");
        assert!(matches!(parse(many.as_bytes(), 100, Some(20)), Ranges::Parts(_)));
    }

    #[test]
    fn a_body_of_parts_has_its_length() {
        let made = Multipart::new(&[(0, 1), (98, 2)], 100, b"text/plain", 7);
        let body = [made.heads[0].as_slice(), b"a", &made.heads[1], b"bc", &made.end].concat();
        let expected = "\r\n--00000000000000000007\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/100\r\n\r\na\
                        \r\n--00000000000000000007\r\nContent-Type: text/plain\r\nContent-Range: bytes 98-99/100\r\n\r\nbc\
                        \r\n--00000000000000000007--\r\n";
        assert_eq!(String::from_utf8_lossy(&body), expected);
        assert_eq!(made.length, body.len() as u64);
        assert_eq!(made.content_type, "multipart/byteranges; boundary=00000000000000000007");
    }
}
