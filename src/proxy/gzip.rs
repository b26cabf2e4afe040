//! Whether an answer leaves compressed, and what that changes in its head. The bytes are the responder's.

use super::exchange::Exchange;
use super::responder::{Answer, Responder};
use crate::http::framing::BodyLength;
use crate::http::{Fields, Name, Version, accept_encoding};
use crate::model::{Gzip, GzipProxied, LogLevel};
use crate::route;

/// Chooses for an answer with all its fields, before it is given to the responder.
pub fn choose(exchange: &Exchange<'_>, rules: &Gzip, responder: &mut Responder<'_>, answer: &mut Answer) {
    let length = match answer.length {
        BodyLength::Length(length) => Some(length),
        BodyLength::None | BodyLength::Chunked | BodyLength::UntilClose => None,
    };
    let status = exchange.shown_status.unwrap_or(answer.status);
    if exchange.is_subrequest() || !is_worth_it(rules, status, length, &answer.fields) {
        return;
    }
    if rules.vary {
        answer.fields.push(b"Vary", b"Accept-Encoding");
    }
    if takes(exchange, rules, &answer.fields) && responder.compress(rules) {
        relabel(&mut answer.fields);
        answer.length = BodyLength::Chunked;
    }
}

/// Whether a file that would be sent whole leaves compressed: then no part of it can be asked for.
pub fn is_chosen_for_file(exchange: &Exchange<'_>, content_type: &[u8], length: u64) -> bool {
    let Some(rules) = &exchange.location.gzip else { return false };
    let mut fields = Fields::new();
    fields.push(b"Content-Type", content_type);
    is_worth_it(rules, 200, Some(length), &fields) && takes(exchange, rules, &fields)
}

/// Whether it would be compressed for some client.
fn is_worth_it(rules: &Gzip, status: u16, length: Option<u64>, fields: &Fields) -> bool {
    matches!(status, 200 | 403 | 404)
        && length.is_none_or(|length| length >= rules.min_length)
        && fields.first(Name::ContentEncoding).is_none_or(<[u8]>::is_empty)
        && rules.types.list(fields.first(Name::ContentType))
        // RFC 9110 7.7, where nginx compresses all the same: whoever says so may rely on the bytes.
        && !fields.has_token(Name::CacheControl, b"no-transform")
}

/// Whether this client gets it compressed.
fn takes(exchange: &Exchange<'_>, rules: &Gzip, answer: &Fields) -> bool {
    let request = &exchange.head.fields;
    let is_new_enough = match exchange.head.version {
        Version::Http09 => false,
        Version::Http10 => rules.http_1_0,
        Version::Http11 => true,
    };
    is_new_enough
        && request.first(Name::AcceptEncoding).is_some_and(accept_encoding::takes_gzip)
        && (!request.has(Name::Via) || is_let_through(&rules.proxied, request, answer))
        && !request.first(Name::UserAgent).is_some_and(|agent| is_disabled(exchange, rules, agent))
}

/// Whether it may be compressed for a proxy, which may give it to other clients.
fn is_let_through(rules: &GzipProxied, request: &Fields, answer: &Fields) -> bool {
    if rules.off {
        return false;
    }
    if rules.any || (rules.auth && request.has(Name::Authorization)) {
        return true;
    }
    if let Some(expires) = answer.first(Name::Expires) {
        return rules.expired && is_before(expires, answer.first(Name::Date));
    }
    if answer.has(Name::CacheControl) {
        let says = |word: &[u8]| answer.has_token(Name::CacheControl, word);
        return (rules.no_cache && says(b"no-cache"))
            || (rules.no_store && says(b"no-store"))
            || (rules.private && says(b"private"));
    }
    !(rules.no_last_modified && answer.has(Name::LastModified) || rules.no_etag && answer.has(Name::Etag))
}

fn is_before(expires: &[u8], date: Option<&[u8]>) -> bool {
    let time = |value: &[u8]| httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok();
    matches!((time(expires), date.and_then(time)), (Some(expires), Some(date)) if expires < date)
}

fn is_disabled(exchange: &Exchange<'_>, rules: &Gzip, agent: &[u8]) -> bool {
    (rules.disable_msie6 && is_msie6(agent))
        || rules.disable.iter().any(|pattern| match route::find(pattern, agent) {
            Ok(found) => found.is_some(),
            Err(error) => {
                exchange.report(LogLevel::Error, format_args!("{error}"));
                false
            }
        })
}

/// Internet Explorer 4 to 6, but not 6 with its second service pack.
fn is_msie6(agent: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(agent, b"MSIE ") else { return false };
    match &agent[at + 5..] {
        [b'4' | b'5', b'.', _, ..] => true,
        [b'6', b'.', rest @ ..] => !rest.is_empty() && memchr::memmem::find(rest, b"SV1").is_none(),
        _ => false,
    }
}

/// The fields of an answer whose body is another than they were made for: no part of it can be asked for, and it is the
/// same only in what it means.
fn relabel(fields: &mut Fields) {
    fields.remove(Name::AcceptRanges);
    weaken(fields);
    fields.push(b"Content-Encoding", b"gzip");
}

/// A strong `ETag` becomes a weak one, and one that is none goes.
pub fn weaken(fields: &mut Fields) {
    let strong = fields.first(Name::Etag).filter(|tag| !tag.starts_with(b"W/")).map(<[u8]>::to_vec);
    if let Some(tag) = strong {
        fields.remove(Name::Etag);
        if tag.starts_with(b"\"") {
            fields.push(b"ETag", &[b"W/".as_slice(), &tag].concat());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in list {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        fields
    }

    #[test]
    fn old_browsers_are_known_by_their_name() {
        for (agent, is_old) in [
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", true),
            ("Mozilla/4.0 (compatible; MSIE 5.5; Windows 98)", true),
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)", false),
            ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)", false),
            ("Mozilla/5.0 (compatible; MSIE 10.0)", false),
            ("MSIE 6.", false),
            ("curl/8", false),
        ] {
            assert_eq!(is_msie6(agent.as_bytes()), is_old, "{agent}");
        }
    }

    #[test]
    fn short_answers_other_statuses_and_encoded_ones_are_left_alone() {
        let rules = Gzip::default();
        let html = [("Content-Type", "text/html")];
        for (status, length, is) in [
            (200, Some(20), true),
            (404, None, true),
            (403, Some(99), true),
            (200, Some(19), false),
            (206, None, false),
        ] {
            assert_eq!(is_worth_it(&rules, status, length, &fields(&html)), is, "{status} {length:?}");
        }
        for (encoding, is) in [("br", false), ("", true)] {
            let fields = fields(&[html[0], ("Content-Encoding", encoding)]);
            assert_eq!(is_worth_it(&rules, 200, None, &fields), is, "{encoding:?}");
        }
    }

    #[test]
    fn what_a_proxy_may_have() {
        const OLD: (&str, &str) = ("Expires", "Thu, 01 Jan 1970 00:00:01 GMT");
        const DATE: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let none = GzipProxied::default();
        let lets =
            |rules: GzipProxied, answer: &[(&str, &str)]| is_let_through(&rules, &Fields::new(), &fields(answer));
        assert!(!lets(GzipProxied { off: true, any: true, ..none }, &[]));
        assert!(lets(GzipProxied { any: true, ..none }, &[OLD, DATE]));
        let expired = GzipProxied { expired: true, ..none };
        assert!(lets(expired, &[OLD, DATE]));
        assert!(!lets(expired, &[("Expires", "Thu, 31 Dec 2037 23:55:55 GMT"), DATE]));
        assert!(!lets(expired, &[("Expires", "-1"), DATE]));
        assert!(!lets(GzipProxied { no_cache: true, ..none }, &[OLD, DATE, ("Cache-Control", "no-cache")]));
        let cache = [("Cache-Control", "public, No-Store")];
        assert!(lets(GzipProxied { no_store: true, ..none }, &cache));
        assert!(!lets(GzipProxied { no_cache: true, private: true, ..none }, &cache));
        let known = [("Last-Modified", DATE.1), ("ETag", "\"a\"")];
        assert!(!lets(GzipProxied { no_last_modified: true, ..none }, &known));
        assert!(!lets(GzipProxied { no_etag: true, ..none }, &known));
        assert!(lets(GzipProxied { no_etag: true, ..none }, &known[..1]));
        let with_name = fields(&[("Authorization", "Basic x")]);
        assert!(is_let_through(&GzipProxied { auth: true, expired: true, ..none }, &with_name, &fields(&[OLD])));
    }

    #[test]
    fn a_strong_tag_becomes_weak_and_a_broken_one_goes() {
        for (tag, after) in [("\"a\"", Some("W/\"a\"")), ("W/\"a\"", Some("W/\"a\"")), ("a", None), ("", None)] {
            let mut fields = fields(&[("ETag", tag), ("Accept-Ranges", "bytes")]);
            relabel(&mut fields);
            assert_eq!(fields.first(Name::Etag), after.map(str::as_bytes), "{tag}");
            assert!(!fields.has(Name::AcceptRanges) && fields.has_token(Name::ContentEncoding, b"gzip"));
        }
    }
}
