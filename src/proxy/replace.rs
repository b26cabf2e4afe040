//! Finding a text or an expression in a value of an answer, and what takes its place.

use super::exchange::Exchange;
use crate::model::{Find, LogLevel, Pattern, Replace};
use crate::route;

/// How a text without expression is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// It is the beginning of the subject; what follows stays.
    Beginning,
    /// It is all of the subject, without regard to case.
    Whole,
}

/// What becomes of the subject by the first rule that fits; `None` when none does.
pub fn first<'r>(
    exchange: &Exchange<'_>,
    rules: impl IntoIterator<Item = &'r Replace>,
    subject: &[u8],
    compare: Compare,
) -> Option<Vec<u8>> {
    rules.into_iter().find_map(|rule| match &rule.find {
        Find::Text(text) => {
            let rest = rest(&exchange.evaluate(text), subject, compare)?;
            Some([&exchange.evaluate(&rule.replacement), rest].concat())
        }
        Find::Pattern(pattern) => matches(exchange, pattern, subject).then(|| exchange.evaluate(&rule.replacement)),
    })
}

/// What follows the text in the subject; `None` when the text does not fit.
#[must_use]
pub fn rest<'s>(text: &[u8], subject: &'s [u8], compare: Compare) -> Option<&'s [u8]> {
    match compare {
        Compare::Beginning => subject.strip_prefix(text),
        Compare::Whole => text.eq_ignore_ascii_case(subject).then_some(b"".as_slice()),
    }
}

/// Whether the expression matches; its groups are `$1` to `$9` from then on.
pub fn matches(exchange: &Exchange<'_>, pattern: &Pattern, subject: &[u8]) -> bool {
    match route::find(pattern, subject) {
        Ok(Some(captures)) => {
            exchange.facts.borrow_mut().captured(captures);
            true
        }
        Ok(None) => false,
        Err(error) => {
            exchange.report(LogLevel::Error, format_args!("{error}"));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_leaves_what_follows_and_a_whole_nothing() {
        assert_eq!(rest(b"http://a/", b"http://a/b", Compare::Beginning), Some(b"b".as_slice()));
        assert_eq!(rest(b"http://A/", b"http://a/b", Compare::Beginning), None);
        assert_eq!(rest(b"", b"b", Compare::Beginning), Some(b"b".as_slice()));
        assert_eq!(rest(b"Example.org", b"example.ORG", Compare::Whole), Some(b"".as_slice()));
        assert_eq!(rest(b"example.org", b"example.org.", Compare::Whole), None);
    }
}
