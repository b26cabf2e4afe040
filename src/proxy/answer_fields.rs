//! The fields of a peer's answer as the client gets them: what is hidden, changed by `proxy_redirect` and the
//! `proxy_cookie_*` directives, or said once too often.

use super::cookie::{self, Flags};
use super::exchange::Exchange;
use super::replace::{self, Compare};
use super::respond;
use super::rewrite;
use crate::http::{Fields, Name, Names, ResponseHead, hop_by_hop, token};
use crate::model::{CookieFlags, Find, LogLevel, OwnRedirect, ProxyAnswer, Redirect};
use crate::observe::escape::Quoted;

/// Fields of which an answer has one: a second one is dropped.
const SINGLE: Names = Names::of(&[
    Name::ContentType,
    Name::Date,
    Name::Server,
    Name::LastModified,
    Name::Etag,
    Name::Location,
    Name::Refresh,
    Name::Expires,
    Name::AcceptRanges,
    Name::ContentEncoding,
]);

/// `Server` and `Date`, and those of the peer's answer that go on. `own` is `proxy_redirect default` of the location.
#[must_use]
pub fn of(exchange: &Exchange<'_>, rules: &ProxyAnswer, own: Option<&OwnRedirect>, status: u16) -> Fields {
    let mut fields = respond::standard_fields(exchange);
    let Some(ResponseHead { fields: answered, .. }) = exchange.answered.as_deref() else { return fields };
    let dropped = hop_by_hop::of_response(answered);
    // `proxy_pass_header` of one of the two says that it is the peer's, also where the peer says nothing.
    for own in [Name::Server, Name::Date] {
        if !is_hidden(rules, own.as_bytes()) {
            fields.remove(own);
        }
    }
    let mut seen = Names::default();
    for (known, name, value) in answered.iter_known() {
        if SINGLE.has(known) && seen.has(known) {
            report_second(exchange, name, value);
            continue;
        }
        seen.add(known);
        // Of a 426 it says which protocol is required.
        let is_requirement = status == 426 && known == Name::Upgrade;
        let ends_here = rewrite::FRAMING.has(known) || dropped.contains(known, name);
        if (ends_here && !is_requirement) || is_hidden(rules, name) {
            continue;
        }
        match changed(exchange, rules, own, known, value) {
            Some(value) => fields.push_spelled(known, name, &value),
            None => fields.push_spelled(known, name, value),
        }
    }
    fields
}

#[inline(never)]
fn is_hidden(rules: &ProxyAnswer, name: &[u8]) -> bool {
    rules.hidden.iter().any(|hidden| token::is_same(name, hidden))
}

#[cold]
#[inline(never)]
fn report_second(exchange: &Exchange<'_>, name: &[u8], value: &[u8]) {
    let text = format_args!("upstream sent duplicate header line: \"{}: {}\", ignored", Quoted(name), Quoted(value));
    exchange.report(LogLevel::Warn, text);
}

/// The value that takes the place of a field's.
#[inline(never)]
fn changed(
    exchange: &Exchange<'_>,
    rules: &ProxyAnswer,
    own: Option<&OwnRedirect>,
    name: Name,
    value: &[u8],
) -> Option<Vec<u8>> {
    match name {
        // A redirect that was changed is ours, and is made absolute as ours are.
        Name::Location => redirected(exchange, rules, own, value).map(|to| respond::absolute(exchange, &to)),
        Name::Refresh => {
            let at = value.windows(4).position(|window| window.eq_ignore_ascii_case(b"url="))? + 4;
            let to = redirected(exchange, rules, own, &value[at..])?;
            Some([&value[..at], &to].concat())
        }
        Name::SetCookie => of_cookie(exchange, rules, value),
        _ => None,
    }
}

fn redirected(exchange: &Exchange<'_>, rules: &ProxyAnswer, own: Option<&OwnRedirect>, url: &[u8]) -> Option<Vec<u8>> {
    rules.redirect.iter().find_map(|rule| match rule {
        Redirect::Default => {
            let rest = url.strip_prefix(&*own?.begin)?;
            Some([&*own?.replacement, rest].concat())
        }
        Redirect::Replace(rule) => replace::first(exchange, [rule], url, Compare::Beginning),
    })
}

fn of_cookie(exchange: &Exchange<'_>, rules: &ProxyAnswer, value: &[u8]) -> Option<Vec<u8>> {
    let mut new: Option<Vec<u8>> = None;
    if !rules.cookie_domain.is_empty()
        && let Some(mut place) = cookie::attribute(value, b"domain")
    {
        // A dot in front says nothing (RFC 6265 5.2.3), and stays.
        if value[place.clone()].starts_with(b".") {
            place.start += 1;
        }
        let to = replace::first(exchange, rules.cookie_domain.iter(), &value[place.clone()], Compare::Whole);
        new = to.map(|to| cookie::with(value, place, &to));
    }
    if !rules.cookie_path.is_empty() {
        let value = new.as_deref().unwrap_or(value);
        if let Some(place) = cookie::attribute(value, b"path") {
            let to = replace::first(exchange, rules.cookie_path.iter(), &value[place.clone()], Compare::Beginning);
            new = to.map(|to| cookie::with(value, place, &to)).or(new);
        }
    }
    let name = cookie::cookie_name(value);
    let Some(rule) = rules.cookie_flags.iter().find(|rule| is_named(exchange, rule, name)) else { return new };
    let mut flags = Flags::default();
    for word in rule.flags.iter().map(|flag| exchange.evaluate(flag)).filter(|word| !word.is_empty()) {
        if !flags.add(&word) {
            exchange.report(LogLevel::Warn, format_args!("invalid proxy_cookie_flags flag \"{}\"", Quoted(&word)));
        }
    }
    Some(flags.set_on(new.as_deref().unwrap_or(value)))
}

fn is_named(exchange: &Exchange<'_>, rule: &CookieFlags, name: &[u8]) -> bool {
    match &rule.name {
        Find::Text(text) => exchange.evaluate(text).eq_ignore_ascii_case(name),
        Find::Pattern(pattern) => replace::matches(exchange, pattern, name),
    }
}
