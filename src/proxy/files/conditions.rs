//! Conditional requests and ranges of a file (RFC 9110, 13 and 14), decided without touching it. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ranges::{self, Ranges};
use crate::http::{Fields, Name};
use crate::model::{Client, IfModifiedSince};

/// What a file is known by.
#[derive(Debug, Clone)]
pub struct Version {
    /// Whole seconds, as `Last-Modified` has it.
    pub modified: SystemTime,
    pub etag: Option<String>,
    pub length: u64,
}

/// What the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Whole,
    /// Offset and length of each, none empty.
    Parts(Vec<(u64, u64)>),
    /// 304.
    NotModified,
    /// 412.
    Failed,
    /// 416.
    NotSatisfiable,
}

impl Version {
    /// A version from the time of the last change and the length.
    #[must_use]
    pub fn new(modified: SystemTime, length: u64, has_etag: bool) -> Self {
        let seconds = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let etag = has_etag.then(|| format!("\"{seconds:x}-{length:x}\""));
        Self { modified: UNIX_EPOCH + Duration::from_secs(seconds), etag, length }
    }

    fn is_named(&self, list: &[u8], is_weak_enough: bool) -> bool {
        if list.trim_ascii() == b"*" {
            return true;
        }
        let Some(own) = &self.etag else { return false };
        list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|tag| match tag.strip_prefix(b"W/") {
            Some(tag) => is_weak_enough && tag == own.as_bytes(),
            None => tag == own.as_bytes(),
        })
    }
}

/// Judges the fields of a request for a file. The order of the conditions is that of RFC 9110, 13.2.2.
#[must_use]
pub fn judge(fields: &Fields, version: &Version, settings: &Client) -> Verdict {
    match fields.first(Name::IfMatch) {
        Some(list) if !version.is_named(list, false) => return Verdict::Failed,
        Some(_) => {}
        None => {
            let unmodified_since = fields.first(Name::IfUnmodifiedSince).and_then(date);
            if unmodified_since.is_some_and(|time| version.modified > time) {
                return Verdict::Failed;
            }
        }
    }
    let is_known_by_tag = fields.first(Name::IfNoneMatch).map(|list| version.is_named(list, true));
    let is_known_by_date = fields.first(Name::IfModifiedSince).map(|value| is_unchanged(value, version, settings));
    // nginx asks both where both are there.
    match (is_known_by_tag, is_known_by_date) {
        (None, None) | (Some(false), _) | (_, Some(false)) => range(fields, version, settings),
        (Some(true), _) | (None, Some(true)) => Verdict::NotModified,
    }
}

fn date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

fn is_unchanged(value: &[u8], version: &Version, settings: &Client) -> bool {
    let Some(since) = date(value) else { return false };
    match settings.if_modified_since {
        IfModifiedSince::Off => false,
        IfModifiedSince::Exact => since == version.modified,
        IfModifiedSince::Before => since >= version.modified,
    }
}

fn range(fields: &Fields, version: &Version, settings: &Client) -> Verdict {
    let Some(wanted) = fields.first(Name::Range).filter(|_| settings.max_ranges != Some(0)) else {
        return Verdict::Whole;
    };
    if let Some(condition) = fields.first(Name::IfRange) {
        let holds = if condition.ends_with(b"\"") {
            !condition.starts_with(b"W/") && version.is_named(condition, false)
        } else {
            date(condition) == Some(version.modified)
        };
        if !holds {
            return Verdict::Whole;
        }
    }
    let Some((unit, ranges)) = wanted.split_at_checked(6) else { return Verdict::Whole };
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return Verdict::Whole;
    }
    if ranges.is_empty() {
        return Verdict::Whole;
    }
    match ranges::parse(ranges, version.length, settings.max_ranges) {
        Ranges::Whole => Verdict::Whole,
        Ranges::Parts(parts) => Verdict::Parts(parts),
        Ranges::NotSatisfiable => Verdict::NotSatisfiable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn settings() -> Client {
        Client { if_modified_since: IfModifiedSince::Exact, ..Client::default() }
    }

    fn judged_with(fields: &[(&str, &str)], settings: &Client) -> Verdict {
        let mut head = Fields::new();
        for (name, value) in fields {
            head.push(name.as_bytes(), value.as_bytes());
        }
        let version = Version::new(httpdate::parse_http_date(MODIFIED).unwrap(), 100, true);
        judge(&head, &version, settings)
    }

    fn judged(fields: &[(&str, &str)]) -> Verdict {
        judged_with(fields, &settings())
    }

    fn tag() -> String {
        Version::new(httpdate::parse_http_date(MODIFIED).unwrap(), 100, true).etag.unwrap()
    }

    #[test]
    fn dates_and_tags_say_whether_the_client_has_the_file() {
        assert_eq!(judged(&[]), Verdict::Whole);
        assert_eq!(judged(&[("If-Modified-Since", MODIFIED)]), Verdict::NotModified);
        assert_eq!(judged(&[("If-Modified-Since", "Sun, 06 Nov 1994 08:49:38 GMT")]), Verdict::Whole);
        assert_eq!(judged(&[("If-Modified-Since", "yesterday")]), Verdict::Whole);
        assert_eq!(judged(&[("If-None-Match", &tag())]), Verdict::NotModified);
        assert_eq!(judged(&[("If-None-Match", &format!("\"x\", W/{}", tag()))]), Verdict::NotModified);
        assert_eq!(judged(&[("If-None-Match", "*")]), Verdict::NotModified);
        assert_eq!(judged(&[("If-None-Match", "\"x\""), ("If-Modified-Since", MODIFIED)]), Verdict::Whole);
        assert_eq!(judged(&[("If-Match", "\"x\"")]), Verdict::Failed);
        assert_eq!(judged(&[("If-Match", &format!("W/{}", tag()))]), Verdict::Failed);
        assert_eq!(judged(&[("If-Match", &tag())]), Verdict::Whole);
        assert_eq!(judged(&[("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")]), Verdict::Failed);
        assert_eq!(judged(&[("If-Unmodified-Since", MODIFIED)]), Verdict::Whole);
    }

    #[test]
    fn if_modified_since_is_compared_as_configured() {
        let later = [("If-Modified-Since", "Sun, 06 Nov 1994 08:49:38 GMT")];
        let before = Client { if_modified_since: IfModifiedSince::Before, ..settings() };
        assert_eq!(judged_with(&later, &before), Verdict::NotModified);
        let off = Client { if_modified_since: IfModifiedSince::Off, ..settings() };
        assert_eq!(judged_with(&[("If-Modified-Since", MODIFIED)], &off), Verdict::Whole);
    }

    fn part(offset: u64, length: u64) -> Verdict {
        Verdict::Parts(vec![(offset, length)])
    }

    #[test]
    fn a_range_is_read_where_ranges_are_allowed() {
        for (text, verdict) in [
            ("bytes=0-9", part(0, 10)),
            ("BYTES=-10", part(90, 10)),
            ("bytes=0-0,-1", Verdict::Parts(vec![(0, 1), (99, 1)])),
            ("bytes=100-", Verdict::NotSatisfiable),
            ("bytes=-", Verdict::NotSatisfiable),
            ("bytes=", Verdict::Whole),
            ("Bytes = 1-2", Verdict::Whole),
            ("lines=0-9", Verdict::Whole),
        ] {
            assert_eq!(judged(&[("Range", text)]), verdict, "{text}");
        }
        let none = Client { max_ranges: Some(0), ..settings() };
        assert_eq!(judged_with(&[("Range", "bytes=0-9")], &none), Verdict::Whole);
    }

    #[test]
    fn a_range_of_another_version_is_the_whole_file() {
        assert_eq!(judged(&[("Range", "bytes=0-9"), ("If-Range", MODIFIED)]), part(0, 10));
        assert_eq!(judged(&[("Range", "bytes=0-9"), ("If-Range", &tag())]), part(0, 10));
        assert_eq!(judged(&[("Range", "bytes=0-9"), ("If-Range", "\"other\"")]), Verdict::Whole);
        assert_eq!(judged(&[("Range", "bytes=0-9"), ("If-Range", "Sun, 06 Nov 1994 08:49:36 GMT")]), Verdict::Whole);
    }
}
