//! Field lines to `Fields`: httparse reads them, and what it refuses is looked at line by line here.
//!
//! nginx knows three kinds of lines: good ones, ones with an odd name (ignored or passed on, by configuration), and
//! broken ones. httparse knows good and broken. So the block goes to httparse as it is; only when that fails are odd
//! lines taken out, with a name for what is broken, and the rest goes to httparse again. Two readers never judge the
//! same line by two rules.

use httparse::{EMPTY_HEADER, Header, Status};

use super::error::FieldError;
use super::fields::Fields;
use super::scan;
use super::token;
use crate::limits::HEAD_FIELD_COUNT_MAX;

/// Whose fields they are, and what becomes of odd names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    Client {
        /// `underscores_in_headers`: a name with an underscore is not odd.
        underscores: bool,
        /// `ignore_invalid_headers`: an odd line is left out. Otherwise it stands, if its name is a token at all.
        ignore_invalid: bool,
    },
    /// Token names stand; other odd lines, and a second status line among the fields, are left out.
    Upstream,
}

/// Most heads have fewer fields, those of programs by far; a larger table costs more to clear than to fill.
const USUAL_COUNT: usize = 48;
const FEW_COUNT: usize = 16;

/// Reads field lines at the front of a block, and how many bytes they are with the empty line that ends them. `None`
/// unless they are all there, are good and are not many: then the end is looked for, and [`parse`] has the word.
#[must_use]
#[inline(never)]
pub fn parse_front(block: &[u8], sender: Sender) -> Option<(Fields, usize)> {
    with_table(block, &mut [EMPTY_HEADER; FEW_COUNT], sender).ok()
}

/// Reads field lines up to and with the empty line that ends them.
///
/// # Errors
/// A line is broken, or there are too many.
pub fn parse(block: &[u8], sender: Sender) -> Result<Fields, FieldError> {
    match parse_good(block, sender) {
        Err(Some(error)) => Err(error),
        Err(None) => parse_good(&without_odd_lines(block, sender)?, sender).map_err(|e| e.unwrap_or(FieldError::Value)),
        Ok(fields) => Ok(fields),
    }
}

/// The whole block, which ends with its first empty line.
/// `Err(None)`: httparse refuses a line.
fn parse_good(block: &[u8], sender: Sender) -> Result<Fields, Option<FieldError>> {
    let read = match with_table(block, &mut [EMPTY_HEADER; USUAL_COUNT], sender) {
        Err(Some(FieldError::TooMany)) => with_table(block, &mut [EMPTY_HEADER; HEAD_FIELD_COUNT_MAX], sender),
        result => result,
    };
    match read? {
        (fields, bytes) if bytes == block.len() => Ok(fields),
        _ => Err(None),
    }
}

fn with_table<'b>(
    block: &'b [u8],
    table: &mut [Header<'b>],
    sender: Sender,
) -> Result<(Fields, usize), Option<FieldError>> {
    let (bytes, lines) = match httparse::parse_headers(block, table) {
        Ok(Status::Complete(read)) => read,
        Ok(Status::Partial) => return Err(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Some(FieldError::TooMany)),
        Err(_) => return Err(None),
    };
    let parts = lines.iter().map(|line| (line.name.as_bytes(), line.value));
    Ok((Fields::of_block(&block[..bytes], parts, |name| !is_ignored(name, sender)), bytes))
}

/// Whether a name that is a token is odd and left out.
fn is_ignored(name: &[u8], sender: Sender) -> bool {
    match sender {
        Sender::Client { underscores, ignore_invalid: true } => {
            !name.iter().all(|byte| USUAL_IN_NAMES[usize::from(*byte)] || (underscores && *byte == b'_'))
        }
        Sender::Client { underscores: _, ignore_invalid: false } | Sender::Upstream => false,
    }
}

/// Letters, digits and hyphens, by byte: each byte of each name is looked up.
const USUAL_IN_NAMES: [bool; 256] = {
    let mut usual = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        usual[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'-';
        byte += 1;
    }
    usual
};

/// The block without the lines that nginx ignores, for httparse to read again.
fn without_odd_lines(block: &[u8], sender: Sender) -> Result<Vec<u8>, FieldError> {
    let mut kept = Vec::with_capacity(block.len() + 1);
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let line = scan::without_end(line);
        if sender == Sender::Upstream && line.starts_with(b"HTTP/") {
            continue;
        }
        if line.is_empty() || judge(line, sender)? {
            kept.extend_from_slice(line);
            if !line.is_empty() && !line.contains(&b':') {
                // A name alone is a field with an empty value.
                kept.push(b':');
            }
            kept.extend_from_slice(b"\r\n");
        }
    }
    Ok(kept)
}

/// Whether a line stands; what is broken in it.
fn judge(line: &[u8], sender: Sender) -> Result<bool, FieldError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(FieldError::Folded);
    }
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let (name, value) = line.split_at(colon);
    if line.contains(&b'\r') {
        return Err(FieldError::BareCr);
    }
    if name.is_empty() || name.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return Err(FieldError::Name);
    }
    if value.iter().any(|byte| token::is_control(*byte)) {
        return Err(FieldError::Value);
    }
    match (token::is_token(name), sender) {
        (true, _) => Ok(true),
        (false, Sender::Client { ignore_invalid: false, .. }) => Err(FieldError::Name),
        (false, Sender::Client { ignore_invalid: true, .. } | Sender::Upstream) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Sender = Sender::Client { underscores: false, ignore_invalid: true };
    const STRICT: Sender = Sender::Client { underscores: false, ignore_invalid: false };
    const UNDERSCORES: Sender = Sender::Client { underscores: true, ignore_invalid: true };

    fn read(block: &[u8], sender: Sender) -> Result<String, FieldError> {
        parse(block, sender).map(|fields| {
            let mut out = Vec::new();
            fields.encode_into(&mut out);
            String::from_utf8(out).unwrap()
        })
    }

    fn fields(text: &str) -> Result<String, FieldError> {
        Ok(text.to_string())
    }

    #[test]
    fn good_lines() {
        assert_eq!(read(b"\r\n", USUAL), fields(""));
        assert_eq!(read(b"\n", USUAL), fields(""));
        assert_eq!(
            read(b"A: b\r\nC:d\nE:\r\nF: \t g h \t\r\n\r\n", USUAL),
            fields("A: b\r\nC: d\r\nE: \r\nF: g h\r\n")
        );
        assert_eq!(read("A: \u{e9}\tx\r\n\r\n".as_bytes(), USUAL), fields("A: \u{e9}\tx\r\n"));
    }

    #[test]
    fn odd_names_are_ignored_or_stand_as_configured() {
        let block = b"A: 1\r\nB_C: 2\r\nD.E: 3\r\nF: 4\r\n\r\n";
        assert_eq!(read(block, USUAL), fields("A: 1\r\nF: 4\r\n"));
        assert_eq!(read(block, UNDERSCORES), fields("A: 1\r\nB_C: 2\r\nF: 4\r\n"));
        assert_eq!(read(block, STRICT), fields("A: 1\r\nB_C: 2\r\nD.E: 3\r\nF: 4\r\n"));
        assert_eq!(read(block, Sender::Upstream), fields("A: 1\r\nB_C: 2\r\nD.E: 3\r\nF: 4\r\n"));
    }

    #[test]
    fn names_that_are_no_tokens_are_ignored_or_refused() {
        let block = b"A: 1\r\nB@C: 2\r\n(x): 3\r\n\xe9: 4\r\n\"q\": 5\r\nF: 6\r\n\r\n";
        assert_eq!(read(block, USUAL), fields("A: 1\r\nF: 6\r\n"));
        assert_eq!(read(block, UNDERSCORES), fields("A: 1\r\nF: 6\r\n"));
        assert_eq!(read(block, Sender::Upstream), fields("A: 1\r\nF: 6\r\n"));
        assert_eq!(read(block, STRICT), Err(FieldError::Name));
    }

    #[test]
    fn a_name_without_a_colon_has_an_empty_value() {
        assert_eq!(read(b"A\r\nB: 1\r\n\r\n", USUAL), fields("A: \r\nB: 1\r\n"));
    }

    #[test]
    fn broken_lines_are_refused_from_either_side() {
        let cases: [(&[u8], FieldError); 20] = [
            (b" A: 1\r\n\r\n", FieldError::Folded),
            (b"A: 1\r\n b\r\n\r\n", FieldError::Folded),
            (b"A: 1\r\n\tb\r\n\r\n", FieldError::Folded),
            (b"A: 1\r\n \r\n\r\n", FieldError::Folded),
            (b"A : 1\r\n\r\n", FieldError::Name),
            (b"A\t: 1\r\n\r\n", FieldError::Name),
            (b"A B: 1\r\n\r\n", FieldError::Name),
            (b": 1\r\n\r\n", FieldError::Name),
            (b":\r\n\r\n", FieldError::Name),
            (b"A\0: 1\r\n\r\n", FieldError::Name),
            (b"A\x7f: 1\r\n\r\n", FieldError::Name),
            (b"A: 1\0\r\n\r\n", FieldError::Value),
            (b"A: \x01\r\n\r\n", FieldError::Value),
            (b"A: a\x0bb\r\n\r\n", FieldError::Value),
            (b"A: \x7f\r\n\r\n", FieldError::Value),
            (b"A: 1\rB: 2\r\n\r\n", FieldError::BareCr),
            (b"A: 1\r\r\n\r\n", FieldError::BareCr),
            (b"A\r: 1\r\n\r\n", FieldError::BareCr),
            (b"\rA: 1\r\n\r\n", FieldError::BareCr),
            (b"B@: 1\0\r\n\r\n", FieldError::Value),
        ];
        for (block, expected) in cases {
            for sender in [USUAL, UNDERSCORES, Sender::Upstream] {
                assert_eq!(read(block, sender), Err(expected), "{}", block.escape_ascii());
            }
        }
    }

    #[test]
    fn an_upstream_may_repeat_its_status_line() {
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\n", Sender::Upstream), fields("A: 1\r\n"));
        assert!(read(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\n", USUAL).is_err());
    }

    #[test]
    fn the_number_of_fields_is_bounded() {
        let block = |count: usize| [b"A: 1\r\n".repeat(count), b"\r\n".to_vec()].concat();
        for count in [FEW_COUNT, FEW_COUNT + 1, USUAL_COUNT, USUAL_COUNT + 1, HEAD_FIELD_COUNT_MAX] {
            assert_eq!(parse(&block(count), USUAL).map(|fields| fields.len()), Ok(count));
        }
        assert_eq!(parse(&block(HEAD_FIELD_COUNT_MAX + 1), USUAL), Err(FieldError::TooMany));
    }
}
