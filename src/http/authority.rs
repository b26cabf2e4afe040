//! `host[:port]` as it stands in a `Host` field or an absolute target (RFC 3986 3.2.2), judged as nginx judges it.

/// A host that may choose a virtual server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Lower case, without port and without one trailing dot; brackets of an IP literal stay.
    pub name: Box<[u8]>,
    /// `None` when there is no colon or nothing behind it.
    pub port: Option<u16>,
}

/// Not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHost;

/// Reads `host[:port]`.
///
/// # Errors
/// Empty, a byte no host has, two dots in a row, a port that is none.
pub fn parse(bytes: &[u8]) -> Result<Host, InvalidHost> {
    let (name, port) = if bytes.first() == Some(&b'[') { split_literal(bytes)? } else { split_name(bytes)? };
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() {
        return Err(InvalidHost);
    }
    let mut name = Box::<[u8]>::from(name);
    if name.iter().any(u8::is_ascii_uppercase) {
        lower(&mut name);
    }
    Ok(Host { name, port: parse_port(port)? })
}

/// Few names want it, and it is long for its speed.
#[cold]
#[inline(never)]
fn lower(name: &mut [u8]) {
    name.make_ascii_lowercase();
}

/// `[...]` and what stands behind its colon.
fn split_literal(bytes: &[u8]) -> Result<(&[u8], &[u8]), InvalidHost> {
    let end = bytes.iter().position(|byte| *byte == b']').ok_or(InvalidHost)? + 1;
    let (literal, rest) = bytes.split_at(end);
    let inner = &literal[1..end - 1];
    if !inner.iter().all(|byte| *byte == b':' || (*byte != b'%' && IN_NAMES[usize::from(*byte)])) {
        return Err(InvalidHost);
    }
    if inner.windows(2).any(|pair| pair == b"..") {
        return Err(InvalidHost);
    }
    match rest {
        [] => Ok((literal, rest)),
        [b':', port @ ..] => Ok((literal, port)),
        _ => Err(InvalidHost),
    }
}

fn split_name(bytes: &[u8]) -> Result<(&[u8], &[u8]), InvalidHost> {
    let mut before = b' ';
    for (at, byte) in bytes.iter().enumerate() {
        match *byte {
            b':' => return Ok((&bytes[..at], &bytes[at + 1..])),
            b'.' if before == b'.' => return Err(InvalidHost),
            byte if IN_NAMES[usize::from(byte)] => before = byte,
            _ => return Err(InvalidHost),
        }
    }
    Ok((bytes, b""))
}

/// `unreserved` and `sub-delims` of RFC 3986, and the sign of escapes, by byte.
const IN_NAMES: [bool; 256] = {
    let others = b"-._~!$&'()*+,;=%";
    let mut known = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        known[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        known[others[at] as usize] = true;
        at += 1;
    }
    known
};

fn parse_port(digits: &[u8]) -> Result<Option<u16>, InvalidHost> {
    if digits.is_empty() {
        return Ok(None);
    }
    let mut port: u16 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(InvalidHost);
        }
        let next = port.checked_mul(10).and_then(|port| port.checked_add(u16::from(digit - b'0')));
        port = next.ok_or(InvalidHost)?;
    }
    Ok(Some(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        parse(text.as_bytes()).ok().map(|host| String::from_utf8(host.name.into_vec()).unwrap())
    }

    #[test]
    fn good_hosts() {
        let future_in = "[v0123456789aBcDeF.!$&'()*+,;=-._~AbCdEfGhIjKlMnOpQrStUvWxYz0123456789:]";
        let future_out = future_in.to_lowercase();
        let cases = [
            ("l", "l"),
            ("L", "l"),
            ("abcd-ef.g02.xyz:", "abcd-ef.g02.xyz"),
            ("123.40.56.78:", "123.40.56.78"),
            ("www.abcd-ef.g02.xyz", "www.abcd-ef.g02.xyz"),
            ("abcd-ef.g02.xyz:8080", "abcd-ef.g02.xyz"),
            ("www.abcd-ef.g02.xyz.", "www.abcd-ef.g02.xyz"),
            ("abcd-ef.g02.xyz.:88", "abcd-ef.g02.xyz"),
            ("AbC-d93.0.34ZhGt-s.nk.Ru:88", "abc-d93.0.34zhgt-s.nk.ru"),
            ("123.49.0.78:987", "123.49.0.78"),
            ("[abcd::ef98:0:7654:321]", "[abcd::ef98:0:7654:321]"),
            ("[abcd::ef98:0:7654:321]:80", "[abcd::ef98:0:7654:321]"),
            ("[::ffff:12.30.67.89]", "[::ffff:12.30.67.89]"),
            ("[::123.45.67.89]:4321", "[::123.45.67.89]"),
            ("under_score.example", "under_score.example"),
            ("a%20b", "a%20b"),
            (".example.com", ".example.com"),
            (future_in, &future_out),
        ];
        for (text, expected) in cases {
            assert_eq!(name(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn bad_hosts() {
        let cases = [
            "",
            ":",
            ":80",
            ".",
            ".:80",
            "..",
            "example.com.:1.2",
            "123.49.0.78:98777",
            "123.49.0.78:65536",
            "123.40.56.78:123456",
            "123.40.56.78:9000:80",
            "example.com/\\:552",
            "\\e/xample.com",
            "..examp-LE.com",
            "com.exa-m.45..:",
            "[abcd::e\\f98:0/:7654:321]",
            "[abcd\\::ef98:0:7654:321/]:12",
            "[abcd::ef98:0:7654:321].",
            "[abcd::ef98:0:7654:321].:98",
            "[abcd::ef98:0:7654:321]..:98",
            "[ab..cd::ef98:0:7654:321]",
            "extra[abcd::ef98:0:7654:321]:98",
            "[abcd::ef98:0:7654:321",
            "localhost\x02",
            "a b",
            "user@host",
            "a\tb",
            "h\u{e9}",
            "a:-1",
            "a:+1",
            "a,b:",
        ];
        for text in cases.iter().filter(|text| **text != "a,b:") {
            assert_eq!(name(text), None, "{text}");
        }
        // A comma is a sub-delim: a list of two hosts looks like one name, as to nginx.
        assert_eq!(name("a,b:").as_deref(), Some("a,b"));
    }

    #[test]
    fn ports() {
        let port = |text: &str| parse(text.as_bytes()).map(|host| host.port);
        assert_eq!(port("a"), Ok(None));
        assert_eq!(port("a:"), Ok(None));
        assert_eq!(port("a:0"), Ok(Some(0)));
        assert_eq!(port("a:65535"), Ok(Some(65535)));
        assert_eq!(port("a:00080"), Ok(Some(80)));
    }
}
