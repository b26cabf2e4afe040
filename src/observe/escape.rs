//! What becomes of a variable's value in an access log line, `escape=` of `log_format`, and of bytes in an error line.

use std::fmt;

use crate::model::Escape;

const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends the value of a variable; `None` is a variable without a value, which `default` writes as `-`.
pub fn append(escape: Escape, value: Option<&[u8]>, out: &mut Vec<u8>) {
    match (escape, value) {
        (Escape::Default, None) => out.push(b'-'),
        (Escape::Json | Escape::None, None) => {}
        (Escape::Default, Some(value)) => runs(value, out, |byte| !is_plain(byte), append_hex),
        (Escape::Json, Some(value)) => runs(value, out, |b| b < 0x20 || matches!(b, b'"' | b'\\'), append_json),
        (Escape::None, Some(value)) => out.extend_from_slice(value),
    }
}

/// Copies the bytes between those to be escaped as a whole: most values have none.
fn runs(value: &[u8], out: &mut Vec<u8>, is_special: impl Fn(u8) -> bool, append: impl Fn(u8, &mut Vec<u8>)) {
    let mut rest = value;
    while let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
        out.extend_from_slice(&rest[..at]);
        append(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\')
}

fn hex(byte: u8) -> [u8; 2] {
    [UPPER_HEX[usize::from(byte >> 4)], UPPER_HEX[usize::from(byte & 15)]]
}

fn append_hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    out.extend_from_slice(&hex(byte));
}

fn append_json(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&hex(byte));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Bytes of a message between quotes: as nginx writes them, raw, but for what could end the quotes.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'b>(pub &'b [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(at) = rest.find(['"', '\\']) {
                write!(f, "{}\\x{:02X}", &rest[..at], rest.as_bytes()[at])?;
                rest = &rest[at + 1..];
            }
            f.write_str(rest)?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02X}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(escape: Escape, value: Option<&[u8]>) -> String {
        let mut out = Vec::new();
        append(escape, value, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn default_writes_forging_bytes_as_upper_case_hex() {
        assert_eq!(escaped(Escape::Default, Some(b"a\"b\\c\x01\n\x7f\xe9~ ")), "a\\x22b\\x5Cc\\x01\\x0A\\x7F\\xE9~ ");
    }

    #[test]
    fn json_has_short_and_long_escapes_and_keeps_other_bytes() {
        let value = "\"\\\n\r\t\u{8}\u{c}\u{1f}\u{7f}é/".as_bytes();
        assert_eq!(escaped(Escape::Json, Some(value)), "\\\"\\\\\\n\\r\\t\\b\\f\\u001F\u{7f}é/");
    }

    #[test]
    fn a_missing_value_is_a_dash_only_by_default() {
        assert_eq!(escaped(Escape::Default, None), "-");
        assert_eq!(escaped(Escape::Default, Some(b"")), "");
        assert_eq!(escaped(Escape::Json, None) + &escaped(Escape::None, None), "");
        assert_eq!(escaped(Escape::None, Some(b"a\"\n")), "a\"\n");
    }

    #[test]
    fn bytes_of_an_error_line_cannot_end_their_quotes() {
        let text = Quoted(b"GET /it's \"a\\b\" \xc3\xa9 \xff!").to_string();
        assert_eq!(text, "GET /it's \\x22a\\x5Cb\\x22 \u{e9} \\xFF!");
        assert_eq!(Quoted(b"").to_string(), "");
    }

    proptest! {
        #[test]
        fn no_value_ends_a_line_or_a_quoted_field(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let line = escaped(Escape::Default, Some(&value));
            prop_assert!(line.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"'));
        }
    }
}
