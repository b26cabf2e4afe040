//! Fields that a request has at most once beside those that frame and route it, which are checked where they are read.

use super::fields::Fields;
use super::name::{Name, Names};

const SINGLE: [Name; 9] = [
    Name::Expect,
    Name::IfMatch,
    Name::IfRange,
    Name::IfNoneMatch,
    Name::ContentRange,
    Name::Authorization,
    Name::IfModifiedSince,
    Name::IfUnmodifiedSince,
    Name::ProxyAuthorization,
];

/// Whether one of them stands twice.
#[must_use]
pub fn has_repeated(fields: &Fields) -> bool {
    fields.has_any(const { Names::of(&SINGLE) }) && SINGLE.iter().any(|name| fields.count(*name) > 1)
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
