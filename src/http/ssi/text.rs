//! The text of values: variables and escapes in it, what a path of `include` may be, and how `echo` shows a value.

use crate::limits::SSI_MEMORY_BYTES_MAX;

/// Puts the values of variables into a text and takes the backslashes before `\`, `$` and quotes out. `value` appends
/// that of the variable whose name it is given, in lower case.
///
/// # Errors
/// What is wrong with the text, for the log.
pub fn expand(text: &[u8], value: impl FnMut(&[u8], &mut Vec<u8>)) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    append_expanded(text, value, &mut out)?;
    Ok(out)
}

/// The same for a path, which stands in that folder unless it begins with a slash.
///
/// # Errors
/// As [`expand`].
pub fn expand_path(text: &[u8], folder: &[u8], value: impl FnMut(&[u8], &mut Vec<u8>)) -> Result<Vec<u8>, String> {
    let path = expand(text, value)?;
    // What begins the text counts where nothing has to be looked up.
    let is_whole =
        if text.contains(&b'$') { matches!(path.first(), None | Some(b'/')) } else { text.starts_with(b"/") };
    Ok(if is_whole { path } else { [folder, &path].concat() })
}

fn append_expanded(text: &[u8], mut value: impl FnMut(&[u8], &mut Vec<u8>), out: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'$', _) => {
                let name = name(&mut rest, text)?;
                value(&name, out);
                if out.len() > SSI_MEMORY_BYTES_MAX {
                    return Err("too large SSI value".to_owned());
                }
            }
            (b'\\', []) => {}
            (b'\\', [escaped, after @ ..]) => {
                rest = after;
                if !matches!(escaped, b'\\' | b'\'' | b'"' | b'$') {
                    out.push(b'\\');
                }
                out.push(*escaped);
            }
            (plain, _) => out.push(*plain),
        }
    }
    Ok(())
}

/// The name behind a `$`, in braces or not.
fn name(rest: &mut &[u8], text: &[u8]) -> Result<Vec<u8>, String> {
    let inner = rest.strip_prefix(b"{");
    let from = inner.unwrap_or(rest);
    let length = from.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let (name, after) = from.split_at(length);
    *rest = match (inner, after) {
        (None, after) | (Some(_), [b'}', after @ ..]) => after,
        (Some(b""), _) => return Err(invalid_name(text)),
        (Some(_), _) => {
            return Err(format!("the closing bracket in \"{}\" variable is missing", name.escape_ascii()));
        }
    };
    if name.is_empty() { Err(invalid_name(text)) } else { Ok(name.to_ascii_lowercase()) }
}

fn invalid_name(text: &[u8]) -> String {
    format!("invalid variable name in \"{}\"", text.escape_ascii())
}

/// Path and arguments of an `include`, the path without escapes.
///
/// # Errors
/// It is empty or leads upwards; in words for the log.
pub fn target(uri: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    let unsafe_uri = || format!("unsafe URI \"{}\" was detected", uri.escape_ascii());
    let mut parts = uri.splitn(2, |byte| *byte == b'?');
    let raw = parts.next().unwrap_or_default();
    let path = unescaped(raw);
    if raw.is_empty() || leads_upwards(raw) || leads_upwards(&path) {
        return Err(unsafe_uri());
    }
    Ok((path, parts.next().map(<[u8]>::to_vec)))
}

/// Without escapes. As in nginx what is none is left out.
fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (byte, after) {
            (b'%', []) => {}
            (b'%', [first, after @ ..]) => {
                rest = after;
                match (digit(first), after) {
                    (None, _) => out.push(*first),
                    (Some(_), []) => {}
                    (Some(high), [second, after @ ..]) => {
                        rest = after;
                        out.extend(digit(second).map(|low| high << 4 | low));
                    }
                }
            }
            (plain, _) => out.push(*plain),
        }
    }
    out
}

fn leads_upwards(path: &[u8]) -> bool {
    path.contains(&0) || path.split(|byte| *byte == b'/').any(|segment| segment == b"..")
}

/// How `echo` shows a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    None,
    Url,
    #[default]
    Entity,
}

impl Encoding {
    /// The one of that name.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"none" => Some(Self::None),
            b"url" => Some(Self::Url),
            b"entity" => Some(Self::Entity),
            _ => None,
        }
    }

    #[must_use]
    pub fn apply(self, value: Vec<u8>) -> Vec<u8> {
        let escape: fn(u8, &mut Vec<u8>) = match self {
            Self::None => return value,
            Self::Url => append_percent,
            Self::Entity => append_entity,
        };
        let mut out = Vec::with_capacity(value.len());
        for byte in value {
            escape(byte, &mut out);
        }
        out
    }
}

fn append_percent(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    match byte {
        0..=b' ' | 0x7f.. | b'"' | b'#' | b'%' | b'\'' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
            out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        plain => out.push(plain),
    }
}

fn append_entity(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'<' => out.extend_from_slice(b"&lt;"),
        b'>' => out.extend_from_slice(b"&gt;"),
        b'&' => out.extend_from_slice(b"&amp;"),
        b'"' => out.extend_from_slice(b"&quot;"),
        plain => out.push(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &[u8], out: &mut Vec<u8>) {
        match name {
            b"one" => out.push(b'1'),
            b"slash" => out.push(b'/'),
            _ => {}
        }
    }

    fn expanded(text: &str) -> Result<String, String> {
        expand(text.as_bytes(), value).map(|out| String::from_utf8(out).unwrap())
    }

    #[test]
    fn variables_and_escapes() {
        for (text, expected) in [
            ("a$one.b", "a1.b"),
            ("${ONE}b$none-$one", "1b-1"),
            ("\\$one \\\\ \\\" \\' \\d \\", "$one \\ \" ' \\d "),
            ("$oneb", ""),
            ("", ""),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn values_of_values_come_to_an_end() {
        let large = vec![b'x'; SSI_MEMORY_BYTES_MAX / 2];
        let mut count = 0;
        let expanded = expand("$a".repeat(1000).as_bytes(), |_, out| {
            count += 1;
            out.extend_from_slice(&large);
        });
        assert_eq!((expanded, count), (Err("too large SSI value".to_owned()), 3));
    }

    #[test]
    fn names_that_are_none() {
        for text in ["a$", "a$-b", "${}", "${", "a$$one"] {
            assert_eq!(expanded(text), Err(format!("invalid variable name in \"{text}\"")));
        }
        for text in ["${one", "${one-}"] {
            assert_eq!(expanded(text), Err("the closing bracket in \"one\" variable is missing".into()), "{text}");
        }
    }

    #[test]
    fn a_path_stands_in_its_folder_unless_it_begins_with_a_slash() {
        let of = |text: &str| String::from_utf8(expand_path(text.as_bytes(), b"/d/", value).unwrap()).unwrap();
        for (text, expected) in [
            ("", "/d/"),
            ("a", "/d/a"),
            ("/a", "/a"),
            ("$slash.a", "/.a"),
            ("$none", ""),
            ("$none/a", "/a"),
            ("$one", "/d/1"),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn targets_do_not_lead_upwards() {
        let good = |uri: &str| target(uri.as_bytes()).unwrap();
        assert_eq!(good("/a%20b?c=%2e/../x?d"), (b"/a b".to_vec(), Some(b"c=%2e/../x?d".to_vec())));
        assert_eq!(good("/a..b/..c"), (b"/a..b/..c".to_vec(), None));
        assert_eq!(good("/a?"), (b"/a".to_vec(), Some(Vec::new())));
        for uri in ["", "?a", "..", "../a", "/a/../b", "/a/..", "/%2e%2e/a", "/a%2f..", "/a%00"] {
            assert_eq!(target(uri.as_bytes()), Err(format!("unsafe URI \"{uri}\" was detected")));
        }
    }

    #[test]
    fn encodings() {
        let all = b"<a href=\"x\">&'\x01\xff ~".to_vec();
        assert_eq!(Encoding::None.apply(all.clone()), all);
        assert_eq!(Encoding::Entity.apply(all.clone()), b"&lt;a href=&quot;x&quot;&gt;&amp;'\x01\xff ~");
        assert_eq!(Encoding::Url.apply(all), b"%3Ca%20href=%22x%22%3E&%27%01%FF%20~");
    }
}
