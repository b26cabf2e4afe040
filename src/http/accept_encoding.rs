//! What a client says it can uncompress (RFC 9110 12.5.3), read as nginx reads it.

/// Whether an `Accept-Encoding` takes gzip. It has to be named, and its weight must not be 0: `*` alone is not taken for
/// it, and neither is what breaks the form. Of several elements the first counts.
#[must_use]
pub fn takes_gzip(value: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = value[from..].windows(4).position(|window| window.eq_ignore_ascii_case(b"gzip")) {
        let at = from + at;
        if at == 0 || matches!(value[at - 1], b',' | b' ' | b'\t') {
            return is_taken(&value[at + 4..]);
        }
        from = at + 4;
    }
    false
}

/// Judges what stands behind the name of an element.
fn is_taken(rest: &[u8]) -> bool {
    match rest.trim_ascii_start() {
        [] | [b',', ..] => true,
        [b';', rest @ ..] => match rest.trim_ascii_start() {
            [] => true,
            [b'q' | b'Q', b'=', weight @ ..] => is_above_zero(weight),
            _ => false,
        },
        _ => false,
    }
}

/// A weight has at most three digits behind its point.
fn is_above_zero(weight: &[u8]) -> bool {
    let end = weight.iter().position(|byte| matches!(byte, b',' | b' ' | b'\t')).unwrap_or(weight.len());
    match &weight[..end] {
        [whole @ (b'0' | b'1')] => *whole == b'1',
        [whole @ (b'0' | b'1'), b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
            let is_fraction = digits.iter().any(|digit| *digit != b'0');
            (*whole == b'1') != is_fraction
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_with_a_weight() {
        for value in [
            "gzip",
            "GZip",
            "gzip, deflate",
            "gzip,deflate,br",
            "deflate, gzip",
            "deflate,gzip",
            "br,\tgzip",
            "xgzip, gzip",
            "gzip;",
            "gzip;q=1",
            "gzip; q=1",
            "gzip ; Q=1",
            "gzip;q=1.",
            "gzip;q=1.000",
            "gzip;q=0.001",
            "gzip;q=0.5, x",
            "gzip;q=1,x",
            "gzip, gzip;q=0",
            "*;q=0, gzip",
        ] {
            assert!(takes_gzip(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn it_is_not_taken_where_it_is_refused_or_the_form_is_broken() {
        for value in [
            "",
            "gzi",
            "*",
            "identity",
            "x-gzip",
            "gzipped",
            "gzip;q=0",
            "gzip;q=0.",
            "gzip;q=0.0",
            "gzip;q=0.000",
            "gzip;q=0, *",
            "identity;q=1, gzip;q=0",
            "gzip;q=0,gzip",
            "gzip;q=0.0001",
            "gzip;q=1.001",
            "gzip;q=1.0000",
            "gzip;q=2",
            "gzip;q=.5",
            "gzip;q= 1",
            "gzip;q",
            "gzip;q=",
            "gzip;x=1",
            "gzip;q=0.5;x=y",
            "gzip x",
        ] {
            assert!(!takes_gzip(value.as_bytes()), "{value}");
        }
    }
}
