//! Lookup in a `map` block.

use std::borrow::Cow;

use super::{Captures, captures, names};
use crate::model::{Map, Template};

/// The value for a source: exact key, longest `*.x`, longest `x.*`, first expression, default. Keys are compared
/// without case; expressions see the source as it is. Captures are there when an expression matched.
///
/// An expression that gives up counts as not matching, as in nginx.
#[must_use]
pub fn lookup<'m>(map: &'m Map, source: &[u8]) -> (&'m Template, Option<Captures>) {
    let source = match source {
        [name @ .., b'.'] if map.hostnames => name,
        _ => source,
    };
    if let Some(value) = names::lookup(&map.exact, &map.suffixes, &map.prefixes, &lower(source)) {
        return (value, None);
    }
    // nginx runs no expression on an empty source.
    if source.is_empty() {
        return (&map.default, None);
    }
    for (pattern, value) in &map.patterns {
        if let Ok(Some(captures)) = captures::find(pattern, source) {
            return (value, Some(captures));
        }
    }
    (&map.default, None)
}

fn lower(source: &[u8]) -> Cow<'_, [u8]> {
    if source.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(source.to_ascii_lowercase())
    } else {
        Cow::Borrowed(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pattern;
    use std::collections::HashMap;

    fn keys(pairs: &[(&str, &str)]) -> HashMap<Box<[u8]>, Template> {
        pairs.iter().map(|(key, value)| (key.as_bytes().into(), Template::text(value.as_bytes()))).collect()
    }

    fn pattern(text: &str, ignores_case: bool) -> Pattern {
        Pattern { text: text.into(), regex: Pattern::compile(text, ignores_case).unwrap(), named: Box::default() }
    }

    /// `example.com`, `example.*`, `*.example.com`, `.dot.example.com` and two expressions.
    fn map(hostnames: bool) -> Map {
        let text = |value: &str| Template::text(value.as_bytes());
        Map {
            name: "y".into(),
            source: Template::default(),
            hostnames,
            volatile: false,
            exact: keys(&[("example.com", "exact"), ("dot.example.com", "special"), ("", "empty")]),
            suffixes: keys(&[("example.com", "left"), ("dot.example.com", "special")]),
            prefixes: keys(&[("example", "right"), ("example.co", "longer right")]),
            patterns: vec![
                (pattern(r"^REGEX.EXAMPLE\.ORG$", false), text("sensitive")),
                (pattern(r"^www.(reg.x).example\.org$", true), text("insensitive")),
                (pattern("^www", true), text("late")),
            ],
            default: text("default"),
        }
    }

    fn value(map: &Map, source: &str) -> String {
        let (template, _) = lookup(map, source.as_bytes());
        String::from_utf8(template.as_text().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn exact_keys_ignore_case_and_one_trailing_dot() {
        let map = map(true);
        assert_eq!(value(&map, "example.com"), "exact");
        assert_eq!(value(&map, "EXAMPLE.com"), "exact");
        assert_eq!(value(&map, "example.com."), "exact");
        assert_eq!(value(&map, "example.com.."), "right");
    }

    #[test]
    fn without_hostnames_a_trailing_dot_counts() {
        let mut map = map(false);
        map.prefixes.clear();
        map.suffixes.clear();
        assert_eq!(value(&map, "example.com."), "default");
    }

    #[test]
    fn wildcards_match_the_longest_key() {
        let map = map(true);
        assert_eq!(value(&map, "foo.example.com"), "left");
        assert_eq!(value(&map, "a.b.example.com."), "left");
        assert_eq!(value(&map, "www.dot.example.com"), "special");
        assert_eq!(value(&map, "dot.example.com"), "special");
        assert_eq!(value(&map, "example.org"), "right");
        assert_eq!(value(&map, "example.co.uk"), "longer right");
    }

    #[test]
    fn expressions_come_in_order_and_see_the_case() {
        let map = map(true);
        assert_eq!(value(&map, "REGEX.EXAMPLE.ORG"), "sensitive");
        assert_eq!(value(&map, "regex.example.org"), "default");
        assert_eq!(value(&map, "WWW.REGEX.EXAMPLE.ORG"), "insensitive");
        assert_eq!(value(&map, "www."), "late");
        let (_, captures) = lookup(&map, b"www.rEgex.example.org.");
        assert_eq!(captures.unwrap().group(1), Some(&b"rEgex"[..]));
    }

    #[test]
    fn an_empty_source_runs_no_expression() {
        let mut map = map(false);
        map.patterns.insert(0, (pattern("^$", false), Template::text(b"never")));
        assert_eq!(value(&map, ""), "empty");
        map.exact.clear();
        assert_eq!(value(&map, ""), "default");
    }
}
