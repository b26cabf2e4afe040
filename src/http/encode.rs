//! Bytes of heads that go out. Whatever a value holds, a line stays one line: values may be built from a decoded
//! path, and that may hold any byte.

use super::method::Method;
use super::token;

/// Appends `METHOD URI HTTP/1.x`. Bytes that would end the URI or the line are percent-encoded.
pub fn request_line(out: &mut Vec<u8>, method: &Method, uri: &[u8], http_1_1: bool) {
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    if token::has_space(uri) {
        without_spaces(out, uri)
    } else {
        out.extend_from_slice(uri)
    }
    out.extend_from_slice(if http_1_1 { b" HTTP/1.1\r\n" } else { b" HTTP/1.0\r\n" });
}

#[cold]
#[inline(never)]
fn without_spaces(out: &mut Vec<u8>, uri: &[u8]) {
    for byte in uri {
        if ends_uri(*byte) { percent_encoded(out, *byte) } else { out.push(*byte) }
    }
}

/// Appends `HTTP/1.1 CODE REASON`. The answer to a 1.0 client says 1.1 too (RFC 9112 2.3).
pub fn status_line(out: &mut Vec<u8>, code: u16, reason: &[u8]) {
    let mut begin = *b"HTTP/1.1 000 ";
    for (digit, unit) in begin[9..12].iter_mut().zip([100, 10, 1]) {
        *digit += (code / unit % 10) as u8;
    }
    out.extend_from_slice(&begin);
    one_line(out, reason);
    out.extend_from_slice(b"\r\n");
}

/// Appends `Name: value`. CR, LF and NUL in the value become spaces.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    one_line(out, value);
    out.extend_from_slice(b"\r\n");
}

/// The same with a value that is written in its place. Without one there is no field.
pub fn field_with(out: &mut Vec<u8>, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    let line_at = out.len();
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    let value_at = out.len();
    write(out);
    let value = out.get_mut(value_at..).unwrap_or_default();
    if value.is_empty() {
        out.truncate(line_at);
        return;
    }
    if ends_line(value) {
        value.iter_mut().filter(|byte| is_line_end(**byte)).for_each(|byte| *byte = b' ');
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends `Content-Length: N`.
pub fn length_field(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal digits.
pub fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends `%XX`.
pub fn percent_encoded(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

fn ends_uri(byte: u8) -> bool {
    byte <= 0x20 || byte == 0x7f
}

/// Whether a byte would end the line.
fn ends_line(value: &[u8]) -> bool {
    // Hardly any value has one of those up to CR, which are NUL, LF and the tab too.
    token::any_word(value, |word| token::has_less(word, b'\r' + 1) != 0) && value.iter().any(|byte| is_line_end(*byte))
}

fn one_line(out: &mut Vec<u8>, value: &[u8]) {
    if ends_line(value) { without_line_ends(out, value) } else { out.extend_from_slice(value) }
}

#[cold]
#[inline(never)]
fn without_line_ends(out: &mut Vec<u8>, value: &[u8]) {
    out.extend(value.iter().map(|byte| if is_line_end(*byte) { b' ' } else { *byte }));
}

/// NUL too: there are readers to which it is one.
fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_have_their_form() {
        assert_eq!(made(|o| request_line(o, &Method::Get, b"/a?b", true)), "GET /a?b HTTP/1.1\r\n");
        assert_eq!(made(|o| request_line(o, &Method::Post, b"/", false)), "POST / HTTP/1.0\r\n");
        assert_eq!(made(|o| status_line(o, 404, b"Not Found")), "HTTP/1.1 404 Not Found\r\n");
        assert_eq!(made(|o| status_line(o, 299, b"")), "HTTP/1.1 299 \r\n");
        assert_eq!(made(|o| field(o, b"Host", b"a:1")), "Host: a:1\r\n");
        assert_eq!(made(|o| field_with(o, b"Host", |o| o.extend(b"a:1"))), "Host: a:1\r\n");
        assert_eq!(made(|o| field_with(o, b"Host", |_| {})), "");
        assert_eq!(made(|o| length_field(o, 0)), "Content-Length: 0\r\n");
        assert_eq!(made(|o| length_field(o, u64::MAX)), "Content-Length: 18446744073709551615\r\n");
    }

    #[test]
    fn the_end_of_a_line_is_seen_at_any_place() {
        for length in 0..30 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut value = vec![b'\x0c'; length];
                    value[at] = byte;
                    assert_eq!(ends_line(&value), matches!(byte, b'\r' | b'\n' | 0), "{byte} at {at} of {length}");
                }
            }
            assert!(!ends_line(&vec![0x80; length]) && !ends_line(&vec![1; length]));
        }
    }

    #[test]
    fn a_value_cannot_end_its_line() {
        assert_eq!(made(|o| field(o, b"X", b"a\r\nY: b\0c")), "X: a  Y: b c\r\n");
        assert_eq!(made(|o| field_with(o, b"X", |o| o.extend(b"a\r\nY: b\0c"))), "X: a  Y: b c\r\n");
        assert_eq!(made(|o| status_line(o, 200, b"O\nK")), "HTTP/1.1 200 O K\r\n");
        let line = made(|o| request_line(o, &Method::Get, b"/a HTTP/1.1\r\nX: y", true));
        assert_eq!(line, "GET /a%20HTTP/1.1%0D%0AX:%20y HTTP/1.1\r\n");
    }
}
