//! Fields that a request has at most once beside those that frame and route it, which are checked where they are read.

use super::fields::Fields;

/// Their names, told apart by length first.
fn number(name: &[u8]) -> Option<u16> {
    let candidates: &[(&[u8], u16)] = match name.len() {
        6 => &[(b"expect", 1)],
        8 => &[(b"if-match", 2), (b"if-range", 4)],
        13 => &[(b"if-none-match", 8), (b"content-range", 16), (b"authorization", 32)],
        17 => &[(b"if-modified-since", 64)],
        19 => &[(b"if-unmodified-since", 128), (b"proxy-authorization", 256)],
        _ => return None,
    };
    candidates.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, bit)| *bit)
}

/// Whether one of them stands twice.
#[must_use]
pub fn has_repeated(fields: &Fields) -> bool {
    let mut seen = 0;
    fields.iter().filter_map(|(name, _)| number(name)).any(|bit| {
        let again = seen & bit != 0;
        seen |= bit;
        again
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> bool {
        let mut fields = Fields::new();
        for name in names {
            fields.push(name.as_bytes(), b"x");
        }
        has_repeated(&fields)
    }

    #[test]
    fn each_may_stand_once() {
        let names = [
            "Expect",
            "If-Match",
            "If-Range",
            "If-None-Match",
            "Content-Range",
            "Authorization",
            "If-Modified-Since",
            "If-Unmodified-Since",
            "Proxy-Authorization",
        ];
        assert!(!of(&names));
        for name in names {
            assert!(of(&["Host", name, "Accept", &name.to_ascii_lowercase()]), "{name}");
        }
    }

    #[test]
    fn others_may_stand_more_often() {
        assert!(!of(&["Cookie", "Cookie", "Via", "Via", "Range", "Range", "Content-Type", "Content-Type"]));
    }
}
