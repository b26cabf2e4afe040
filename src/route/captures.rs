//! What an expression found in its subject, as owned bytes: `$1` to `$9` and the named groups.

use std::fmt;
use std::ops::Range;

use crate::model::{Pattern, SlotId};

/// Groups that a request can name, `$1` to `$9`; named groups beyond the ninth still have their own variables.
const GROUP_COUNT_MAX: usize = 9;

/// Groups of one match. They take the place of the captures known before, also when there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captures {
    bytes: Vec<u8>,
    /// Ranges of `bytes`, `$1` first; a group that took no part in the match is empty.
    groups: Vec<Range<u32>>,
    named: Vec<(SlotId, Range<u32>)>,
}

/// An expression gave up before it knew whether it matches: it backtracked too long. The request must fail: to go on
/// as if it had not matched would step around what its location forbids.
#[derive(Debug)]
pub struct MatchError {
    pub pattern: Box<str>,
    pub cause: Box<fancy_regex::Error>,
}

impl fmt::Display for MatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the expression \"{}\" could not be matched: {}", self.pattern, self.cause)
    }
}

impl std::error::Error for MatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

impl Captures {
    /// `$n`; `None` if the expression has no such group, empty if the group took no part in the match.
    #[must_use]
    pub fn group(&self, n: usize) -> Option<&[u8]> {
        Some(self.bytes_at(self.groups.get(n.checked_sub(1)?)?))
    }

    /// The variables that named groups set.
    pub fn named(&self) -> impl Iterator<Item = (SlotId, &[u8])> {
        self.named.iter().map(|(slot, range)| (*slot, self.bytes_at(range)))
    }

    /// Adds the named groups of a match that came before this one: those that this one does not set itself.
    pub(super) fn keep_named_of(&mut self, earlier: &Self) {
        for (slot, value) in earlier.named() {
            if self.named.iter().all(|(own, _)| *own != slot) {
                let range = self.append(value);
                self.named.push((slot, range));
            }
        }
    }

    fn append(&mut self, value: &[u8]) -> Range<u32> {
        // A subject is part of a head or of a variable, far below 4 GiB; saturated, it would read as empty.
        let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let start = at(self.bytes.len());
        self.bytes.extend_from_slice(value);
        start..at(self.bytes.len())
    }

    fn bytes_at(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

/// Looks for the expression in the subject. An expression without groups gives empty captures.
///
/// # Errors
/// See [`MatchError`].
pub fn find(pattern: &Pattern, subject: &[u8]) -> Result<Option<Captures>, MatchError> {
    let failed = |cause| MatchError { pattern: pattern.text.clone(), cause: Box::new(cause) };
    let group_count = pattern.regex.captures_len();
    if group_count <= 1 {
        // Without groups the engine need not find where the match begins.
        return Ok(pattern.regex.is_match(subject).map_err(failed)?.then(Captures::default));
    }
    let Some(found) = pattern.regex.captures(subject).map_err(failed)? else { return Ok(None) };
    let mut captures = Captures::default();
    let value_of = |group: usize| found.get(group).map_or(&b""[..], |found| found.as_bytes());
    for group in 1..group_count.min(GROUP_COUNT_MAX + 1) {
        let range = captures.append(value_of(group));
        captures.groups.push(range);
    }
    for named in &pattern.named {
        let range = match captures.groups.get(named.group.wrapping_sub(1)) {
            Some(range) => range.clone(),
            None => captures.append(value_of(named.group)),
        };
        // The same name may stand in several branches: the one that took part gives the value.
        match captures.named.iter_mut().find(|(slot, _)| *slot == named.slot) {
            Some((_, known)) if known.start == known.end => *known = range,
            Some(_) => {}
            None => captures.named.push((named.slot, range)),
        }
    }
    Ok(Some(captures))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NamedCapture;

    fn pattern(text: &str, named: &[(usize, u16)]) -> Pattern {
        let named = named.iter().map(|&(group, slot)| NamedCapture { group, slot: SlotId(slot) }).collect();
        Pattern { text: text.into(), regex: Pattern::compile(text, false).unwrap(), named }
    }

    #[test]
    fn groups_and_named_groups_are_kept() {
        let found = find(&pattern(r"^/(\w+)(/x)?/(?<id>\d+)$", &[(3, 7)]), b"/user/42").unwrap().unwrap();
        assert_eq!(found.group(1), Some(&b"user"[..]));
        assert_eq!(found.group(2), Some(&b""[..]));
        assert_eq!(found.group(3), Some(&b"42"[..]));
        assert_eq!(found.group(4), None);
        assert_eq!(found.group(0), None);
        assert_eq!(found.named().collect::<Vec<_>>(), [(SlotId(7), &b"42"[..])]);
    }

    #[test]
    fn any_bytes_match() {
        let found = find(&pattern(r"^/a(.+)b(\W)$", &[]), b"/a\xff\x80\xc3b\xe9").unwrap().unwrap();
        assert_eq!(found.group(1), Some(&b"\xff\x80\xc3"[..]));
        assert_eq!(found.group(2), Some(&b"\xe9"[..]));
    }

    #[test]
    fn letters_outside_ascii_are_their_bytes() {
        assert!(find(&pattern("^/caf\u{e9}$", &[]), "/caf\u{e9}".as_bytes()).unwrap().is_some());
        let found = find(&pattern("^/(.)", &[]), "/\u{e9}".as_bytes()).unwrap().unwrap();
        assert_eq!(found.group(1), Some(&b"\xc3"[..]));
    }

    #[test]
    fn look_around_and_back_references_work_on_any_bytes() {
        let found = find(&pattern(r"^/(?!api)(.)\1", &[]), b"/\xfe\xfe").unwrap().unwrap();
        assert_eq!(found.group(1), Some(&b"\xfe"[..]));
        assert!(find(&pattern(r"^/(?!api)", &[]), b"/api/\xff").unwrap().is_none());
    }

    #[test]
    fn endless_backtracking_is_an_error_and_not_a_miss() {
        let subject = [&b"a".repeat(40)[..], b"!"].concat();
        let error = find(&pattern(r"^(a|a)*(?=b)\1$", &[]), &subject).unwrap_err();
        assert!(error.to_string().contains("could not be matched"), "{error}");
    }

    #[test]
    fn groups_beyond_the_ninth_only_by_name() {
        let text = "(a)(b)(c)(d)(e)(f)(g)(h)(i)(?<last>j)";
        let found = find(&pattern(text, &[(10, 1)]), b"abcdefghij").unwrap().unwrap();
        assert_eq!(found.group(9), Some(&b"i"[..]));
        assert_eq!(found.group(10), None);
        assert_eq!(found.named().next(), Some((SlotId(1), &b"j"[..])));
    }

    #[test]
    fn earlier_names_stay_unless_set_again() {
        let earlier = find(&pattern("(a)(b)", &[(1, 0), (2, 1)]), b"ab").unwrap().unwrap();
        let mut later = find(&pattern("(c)", &[(1, 1)]), b"c").unwrap().unwrap();
        later.keep_named_of(&earlier);
        let mut named: Vec<_> = later.named().collect();
        named.sort_by_key(|(slot, _)| slot.0);
        assert_eq!(named, [(SlotId(0), &b"a"[..]), (SlotId(1), &b"c"[..])]);
        assert_eq!(later.group(1), Some(&b"c"[..]));
        assert_eq!(later.group(2), None);
    }
}
