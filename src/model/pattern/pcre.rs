//! What PCRE understands and the engine does not, in words that both understand: `\Q…\E`, and `\p{…}` as far as ASCII goes,
//! like `\w` and its kin. What is left untouched is the engine's to judge.

use std::borrow::Cow;

/// General categories of Unicode, by the ASCII that is in them.
const CATEGORIES: &[(&str, &str)] = &[
    ("L", "A-Za-z"),
    ("L&", "A-Za-z"),
    ("Lu", "A-Z"),
    ("Ll", "a-z"),
    ("N", "0-9"),
    ("Nd", "0-9"),
    ("P", r"!-#%-*,-/:;?@\[-\]_{}"),
    ("S", r"$+<=>\^`|~"),
    ("Z", r"\x20"),
    ("Zs", r"\x20"),
    ("C", r"\x00-\x1f\x7f"),
    ("Cc", r"\x00-\x1f\x7f"),
];

/// The expression in the engine's words.
#[must_use]
pub fn translated(text: &str) -> Cow<'_, str> {
    if ![r"\Q", r"\E", r"\p", r"\P"].iter().any(|escape| text.contains(escape)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut is_in_class = false;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let (literal, behind) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            literal.chars().for_each(|letter| push_literal(letter, &mut out));
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix(r"\E") {
            rest = behind;
        } else if let Some((members, is_none_of, behind)) = category(rest).filter(|(_, not, _)| !(*not && is_in_class))
        {
            match (is_in_class, is_none_of) {
                (true, _) => out.push_str(members),
                (false, false) => out.extend(["[", members, "]"]),
                (false, true) => out.extend(["[^", members, "]"]),
            }
            rest = behind;
        } else {
            // An escape is two letters, whatever the second one is.
            let length = match first {
                '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
                _ => first.len_utf8(),
            };
            let (taken, behind) = rest.split_at(length);
            out.push_str(taken);
            rest = behind;
            match (first, is_in_class) {
                ('[', false) => {
                    is_in_class = true;
                    // A bracket that comes first is a member.
                    for member in ["^", "]"] {
                        if let Some(behind) = rest.strip_prefix(member) {
                            out.push_str(if member == "]" { r"\]" } else { member });
                            rest = behind;
                        }
                    }
                }
                (']', true) => is_in_class = false,
                _ => {}
            }
        }
    }
    Cow::Owned(out)
}

fn push_literal(letter: char, out: &mut String) {
    if r"\.+*?()|[]{}^$#&-~".contains(letter) {
        out.push('\\');
    }
    out.push(letter);
}

/// `\p{N}`, `\pN`, `\P{N}` or `\p{^N}` at the begin of the text: the members, whether they are what must not be there, and
/// what stands behind it.
fn category(text: &str) -> Option<(&'static str, bool, &str)> {
    let (is_none_of, behind) = match text.strip_prefix(r"\p") {
        Some(behind) => (false, behind),
        None => (true, text.strip_prefix(r"\P")?),
    };
    let (name, behind) = match behind.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => behind.split_at_checked(1)?,
    };
    let (is_none_of, name) = match name.strip_prefix('^') {
        Some(name) => (!is_none_of, name),
        None => (is_none_of, name),
    };
    let (_, members) = CATEGORIES.iter().find(|(known, _)| *known == name)?;
    Some((members, is_none_of, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pattern;

    fn matches(expression: &str, subject: &[u8]) -> bool {
        Pattern::compile(expression, false).unwrap().is_match(subject).unwrap()
    }

    #[test]
    fn what_is_quoted_stands_for_itself() {
        assert_eq!(translated(r"^(?<a>[a-z]+)\Q.example.com\E$"), r"^(?<a>[a-z]+)\.example\.com$");
        assert!(matches(r"^\Qa.b\E$", b"a.b") && !matches(r"^\Qa.b\E$", b"axb"));
        // Without an end it goes to the end, and an end without a begin is nothing.
        assert!(matches(r"^a\Q+(", b"a+(") && matches(r"^a\E.$", b"ab"));
        assert!(matches(r"^[\Q]^\E]+$", b"]^") && !matches(r"^[\Q]^\E]+$", b"a"));
        // A backslash before it makes it none.
        assert!(matches(r"^\\Q$", b"\\Q"));
        assert!(matches(r"^\Q\d\E$", b"\\d") && !matches(r"^\Q\d\E$", b"1"));
    }

    #[test]
    fn categories_are_those_of_ascii() {
        assert!(matches(r"^www\p{N}+$", b"www01") && !matches(r"^www\p{N}+$", b"wwwa"));
        assert!(matches(r"^\pL\PL$", b"a1") && !matches(r"^\pL\PL$", b"ab"));
        assert!(matches(r"^[\p{Lu}\p{Nd}_]+$", b"A1_") && !matches(r"^[\p{Lu}\p{Nd}_]+$", b"a"));
        assert!(matches(r"^\p{^N}$", b"x") && !matches(r"^\p{^N}$", b"1"));
        for (name, _) in CATEGORIES {
            assert!(!matches(&format!(r"^\p{{{name}}}$"), b"\xff"), "{name}");
        }
        assert!(matches(r"^\p{P}+$", b"!\"#%&'()*,-./:;?@[\\]_{}") && matches(r"^\p{S}+$", b"$+<=>^`|~"));
    }

    #[test]
    fn what_is_not_known_is_an_error_as_before() {
        for expression in [r"\p{Greek}", r"[\P{N}]", r"\p{N", r"\p"] {
            assert!(Pattern::compile(expression, false).is_err(), "{expression}");
        }
    }

    #[test]
    fn nothing_else_changes() {
        for expression in [r"^/a(.+)b(\W)$", r"[]a]\d", r"(?<x>[^]]+)"] {
            assert!(matches!(translated(expression), Cow::Borrowed(same) if same == expression));
        }
        assert!(matches(r"^[]a]\p{N}$", b"]1") && matches(r"^[^]a]\p{N}$", b"b1"));
    }
}
