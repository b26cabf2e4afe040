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

/// Whether two names are the same but for the case of letters: eight bytes at a time, since names are compared more often
/// than anything else. The last eight may have been looked at already.
#[must_use]
#[inline]
pub fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && is_same_letters(a, b)
}

/// The same for names of one length. It has room of its own, so that those who compare lengths alone stay short.
#[inline(never)]
fn is_same_letters(a: &[u8], b: &[u8]) -> bool {
    if let (Some(a_last), Some(b_last)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        let ((a, _), (b, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
        return a.iter().zip(b).all(|(a, b)| is_same_word(*a, *b)) && is_same_word(*a_last, *b_last);
    }
    match (ends(a), ends(b)) {
        (Some(a), Some(b)) => is_same_word(a, b),
        _ => a.eq_ignore_ascii_case(b),
    }
}

/// The first four bytes and the last four, which may be some of the first.
fn ends(bytes: &[u8]) -> Option<[u8; 8]> {
    let ([a, b, c, d], [e, f, g, h]) = (*bytes.first_chunk::<4>()?, *bytes.last_chunk::<4>()?);
    Some([a, b, c, d, e, f, g, h])
}

/// The same for eight bytes.
fn is_same_word(a: [u8; 8], b: [u8; 8]) -> bool {
    const CASE: u64 = EACH * 0x20;
    const HIGH: u64 = EACH * 0x80;
    let (a, b) = (u64::from_le_bytes(a), u64::from_le_bytes(b));
    let differing = a ^ b;
    if differing & !CASE != 0 {
        return false;
    }
    // Mostly the spelling is the usual one.
    if differing == 0 {
        return true;
    }
    // The highest bit of each byte says whether it is a letter: not below `a`, not above `z`, and no byte beyond ASCII.
    let lower = (a | CASE) & !HIGH;
    let from_a = lower + EACH * u64::from(0x80 - b'a');
    let above_z = lower + EACH * u64::from(0x7f - b'z');
    let letters = from_a & !above_z & !a & HIGH;
    (differing << 2) & !letters == 0
}

/// Whether any of the words that hold all of the bytes is one that the function says yes to. A word holds some bytes twice
/// where they fill none; of no bytes there is no word.
#[inline]
pub fn any_word(bytes: &[u8], mut found: impl FnMut(u64) -> bool) -> bool {
    match (bytes.last_chunk::<8>(), ends(bytes), bytes) {
        (Some(last), ..) => {
            let (words, _) = bytes.as_chunks::<8>();
            words.iter().any(|word| found(u64::from_le_bytes(*word))) || found(u64::from_le_bytes(*last))
        }
        (None, Some(ends), _) => found(u64::from_le_bytes(ends)),
        (None, None, [first, .., last]) => {
            let middle = bytes[bytes.len() / 2];
            found(u64::from_le_bytes([*first, middle, *last, *last, *last, *last, *last, *last]))
        }
        (None, None, [byte]) => found(u64::from_le_bytes([*byte; 8])),
        (None, None, []) => false,
    }
}

/// 1 in each byte of a word.
const EACH: u64 = u64::from_le_bytes([1; 8]);

/// Not 0 if one of a word's bytes is this one.
#[must_use]
#[inline]
pub const fn has_byte(word: u64, byte: u8) -> u64 {
    has_less(word ^ (EACH * byte as u64), 1)
}

/// Not 0 if one of a word's bytes is less than a bound of at most 128.
#[must_use]
#[inline]
pub const fn has_less(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(EACH * bound as u64) & !word & (EACH << 7)
}

/// Whether a space or a control byte is among them.
#[must_use]
pub fn has_space(bytes: &[u8]) -> bool {
    any_word(bytes, |word| has_less(word, b' ' + 1) | has_byte(word, 0x7f) != 0)
}

/// What may not stand in a field value: control bytes other than the tab.
#[must_use]
pub const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Whether one of those is among them.
#[must_use]
pub fn has_control(bytes: &[u8]) -> bool {
    // Most texts have no tab either.
    any_word(bytes, |word| has_less(word, b' ') | has_byte(word, 0x7f) != 0)
        && bytes.iter().any(|byte| is_control(*byte))
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
    fn names_are_the_same_but_for_the_case_of_letters() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let (x, y) =
                    ([b'k', b'K', a, b'-', b'z', b'A', b'a', b'0'], [b'K', b'k', b, b'-', b'Z', b'A', b'A', b'0']);
                assert_eq!(is_same(&x, &y), x.eq_ignore_ascii_case(&y), "{a} {b}");
                assert_eq!(is_same(&[a], &[b]), a.eq_ignore_ascii_case(&b), "{a} {b}");
            }
        }
        assert!(is_same(b"", b"") && is_same(b"Content-Length", b"content-length"));
        assert!(!is_same(b"content-length", b"content-lengt") && !is_same(b"content-length", b"content-lengtg"));
        assert!(!is_same(b"content-length", b"consent-length") && !is_same(b"12345678", b"1234567"));
    }

    #[test]
    fn a_difference_is_seen_at_any_place() {
        for length in 0..20 {
            let a = vec![b'k'; length];
            assert!(is_same(&a, &vec![b'K'; length]));
            for at in 0..length {
                for byte in 0..=255 {
                    let mut b = a.clone();
                    b[at] = byte;
                    assert_eq!(is_same(&a, &b), a.eq_ignore_ascii_case(&b), "{byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn a_space_is_seen_at_any_place() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'!'; length];
                    bytes[at] = byte;
                    assert_eq!(has_space(&bytes), byte <= b' ' || byte == 0x7f, "{byte} at {at} of {length}");
                    assert_eq!(has_control(&bytes), is_control(byte), "{byte} at {at} of {length}");
                }
            }
            assert!(!has_space(&vec![0x80; length]) && !has_space(&vec![0xff; length]));
        }
    }

    #[test]
    fn trimming_knows_tabs() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t"), b"");
    }
}
