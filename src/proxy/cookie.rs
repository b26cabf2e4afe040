//! A `Set-Cookie` value and the places in it that a proxy changes. Pure.

use std::ops::Range;

/// `SameSite`, as it is written.
const SAME_SITE: &[u8] = b"samesite";

/// What is to become of the flags; `None` leaves one as it is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Flags {
    pub secure: Option<bool>,
    pub http_only: Option<bool>,
    /// The value, or `Some(None)` to take it away.
    pub same_site: Option<Option<&'static str>>,
}

impl Flags {
    /// Takes a word of `proxy_cookie_flags` in; `false` if it is none.
    pub fn add(&mut self, word: &[u8]) -> bool {
        match word.to_ascii_lowercase().as_slice() {
            b"secure" => self.secure = Some(true),
            b"nosecure" => self.secure = Some(false),
            b"httponly" => self.http_only = Some(true),
            b"nohttponly" => self.http_only = Some(false),
            b"samesite=strict" => self.same_site = Some(Some("Strict")),
            b"samesite=lax" => self.same_site = Some(Some("Lax")),
            b"samesite=none" => self.same_site = Some(Some("None")),
            b"nosamesite" => self.same_site = Some(None),
            _ => return false,
        }
        true
    }

    /// The value with the flags changed.
    #[must_use]
    pub fn set_on(&self, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(value.len() + 32);
        for (number, part) in parts(value).enumerate() {
            let name = name(&value[part.clone()]);
            let is_set_anew = (name.eq_ignore_ascii_case(b"secure") && self.secure.is_some())
                || (name.eq_ignore_ascii_case(b"httponly") && self.http_only.is_some())
                || (name.eq_ignore_ascii_case(SAME_SITE) && self.same_site.is_some());
            if number > 0 && (is_set_anew || part.is_empty()) {
                continue;
            }
            if number > 0 {
                out.extend_from_slice(b"; ");
            }
            out.extend_from_slice(&value[part]);
        }
        if self.secure == Some(true) {
            out.extend_from_slice(b"; Secure");
        }
        if self.http_only == Some(true) {
            out.extend_from_slice(b"; HttpOnly");
        }
        if let Some(Some(same_site)) = self.same_site {
            out.extend_from_slice(b"; SameSite=");
            out.extend_from_slice(same_site.as_bytes());
        }
        out
    }
}

/// The cookie's own name.
#[must_use]
pub fn cookie_name(value: &[u8]) -> &[u8] {
    parts(value).next().map_or(b"", |part| name(&value[part]))
}

/// Where the value of an attribute stands, if it has one.
#[must_use]
pub fn attribute(value: &[u8], wanted: &[u8]) -> Option<Range<usize>> {
    parts(value).skip(1).find_map(|part| {
        let equals = value[part.clone()].iter().position(|byte| *byte == b'=')?;
        let found = value[part.start..part.start + equals].trim_ascii().eq_ignore_ascii_case(wanted);
        found.then(|| trimmed(value, part.start + equals + 1..part.end))
    })
}

/// The value with another text in a place.
#[must_use]
pub fn with(value: &[u8], place: Range<usize>, text: &[u8]) -> Vec<u8> {
    [&value[..place.start], text, &value[place.end..]].concat()
}

fn name(part: &[u8]) -> &[u8] {
    part.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

/// The pieces between semicolons, without the spaces around them.
fn parts(value: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    value.split(|byte| *byte == b';').map(move |part| {
        let place = start..start + part.len();
        start += part.len() + 1;
        trimmed(value, place)
    })
}

fn trimmed(value: &[u8], place: Range<usize>) -> Range<usize> {
    let part = &value[place.clone()];
    let start = place.start + (part.len() - part.trim_ascii_start().len());
    start..(place.end - (part.len() - part.trim_ascii_end().len())).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(words: &[&str]) -> Flags {
        let mut flags = Flags::default();
        assert!(words.iter().all(|word| flags.add(word.as_bytes())));
        flags
    }

    #[test]
    fn attributes_have_places() {
        let value = b"sid=a=b; Path = /x ;domain=.example.org";
        assert_eq!(cookie_name(value), b"sid");
        let at = |name: &[u8]| attribute(value, name).map(|place| &value[place]);
        assert_eq!(at(b"path"), Some(b"/x".as_slice()));
        assert_eq!(at(b"DOMAIN"), Some(b".example.org".as_slice()));
        assert_eq!(at(b"sid"), None);
        assert_eq!(with(value, attribute(value, b"path").unwrap(), b"/"), b"sid=a=b; Path = / ;domain=.example.org");
        assert_eq!(attribute(b"a=b; path", b"path"), None);
        assert_eq!(attribute(b"a=b; path= ", b"path").map(|place| place.len()), Some(0));
        assert_eq!(attribute(b"", b"path"), None);
    }

    #[test]
    fn flags_are_set_once_and_taken_away() {
        let all = flags(&["secure", "httponly", "samesite=lax"]);
        assert_eq!(all.set_on(b"a=b; Domain=x"), b"a=b; Domain=x; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(all.set_on(b"a=b;secure;HTTPONLY ;SameSite=None"), b"a=b; Secure; HttpOnly; SameSite=Lax");
        let none = flags(&["nosecure", "nohttponly", "nosamesite"]);
        assert_eq!(none.set_on(b"a=b; Secure; Path=/; HttpOnly;samesite=lax"), b"a=b; Path=/");
        assert_eq!(flags(&[]).set_on(b"a=b;  Secure"), b"a=b; Secure");
        assert!(!Flags::default().add(b"samesite=other"));
    }
}
