//! Classes of bytes and comma lists, as fields use them (RFC 9110 5.6).

/// `tchar` of RFC 9110 5.6.2.
#[must_use]
pub const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// Whether these bytes are a `token`.
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// What may not stand in a field value: control bytes other than the tab.
#[must_use]
pub const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Without spaces and tabs at both ends.
#[must_use]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma list without empty ones. Commas inside quotes do not part elements.
pub fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = element_end(rest);
            let element = trim(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    })
}

fn element_end(list: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in list.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    list.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(list: &str) -> Vec<&str> {
        elements(list.as_bytes()).map(|e| std::str::from_utf8(e).unwrap()).collect()
    }

    #[test]
    fn lists_are_split_and_trimmed() {
        assert_eq!(split("a, b ,\tc"), ["a", "b", "c"]);
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split(" , ,,"), [""; 0]);
        assert_eq!(split("keep-alive,"), ["keep-alive"]);
        assert_eq!(split("a;x=\"1,2\", b"), ["a;x=\"1,2\"", "b"]);
        assert_eq!(split("a;x=\"1\\\",2\", b"), ["a;x=\"1\\\",2\"", "b"]);
        assert_eq!(split("a\"open, b"), ["a\"open, b"]);
    }

    #[test]
    fn trimming_knows_tabs() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t"), b"");
    }
}
