//! Directives that change, hide or obey what a peer answers.

use std::sync::Arc;

use super::rate;
use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::names::has_variables;
use crate::config::raw::{RawCookieFlags, RawFind, RawLevel, RawProxyAnswer, RawRedirect, RawReplace};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{CookieFlags, Find, ProxyAnswer, Redirect, Replace, Template};

/// Fields that nginx does not pass on.
const HIDDEN: [&str; 8] = [
    "date",
    "server",
    "x-pad",
    "x-accel-expires",
    "x-accel-redirect",
    "x-accel-limit-rate",
    "x-accel-buffering",
    "x-accel-charset",
];

/// What `proxy_ignore_headers` may name. Some of them steer nothing here to begin with.
const IGNORABLE: [&str; 9] = [
    "x-accel-redirect",
    "x-accel-expires",
    "x-accel-limit-rate",
    "x-accel-buffering",
    "x-accel-charset",
    "expires",
    "cache-control",
    "set-cookie",
    "vary",
];

const FLAGS: [&str; 8] =
    ["secure", "nosecure", "httponly", "nohttponly", "samesite=strict", "samesite=lax", "samesite=none", "nosamesite"];

pub const TABLE: &[Directive] = &[
    level(
        "proxy_redirect",
        ONE_OR_TWO,
        redirect,
        "Changes `Location` and `Refresh` of a peer; `default` turns the peer's address into the location (default).",
    ),
    level("proxy_cookie_domain", ONE_OR_TWO, cookie_domain, "Changes the domain of a peer's cookies (off)."),
    level("proxy_cookie_path", ONE_OR_TWO, cookie_path, "Changes the path of a peer's cookies (off)."),
    level(
        "proxy_cookie_flags",
        between(1, 4),
        cookie_flags,
        "Sets or removes `Secure`, `HttpOnly` and `SameSite` of a peer's cookies (off).",
    ),
    level(
        "proxy_hide_header",
        ONE,
        |level, line| {
            level.proxy.answer.hide_header.push(line.arg(0).text.to_ascii_lowercase());
            Ok(())
        },
        "A field of an answer that is not passed on, beside `Date`, `Server`, `X-Pad` and `X-Accel-…`.",
    ),
    level(
        "proxy_pass_header",
        ONE,
        |level, line| {
            level.proxy.answer.pass_header.push(line.arg(0).text.to_ascii_lowercase());
            Ok(())
        },
        "A field of an answer that is passed on although it would be hidden.",
    ),
    level("proxy_ignore_headers", ONE_OR_MORE, ignore_headers, "Fields of an answer that do not steer longhaul."),
    level(
        "proxy_limit_rate",
        ONE,
        |level, line| line.once(&mut level.proxy.answer.limit_rate, rate::size),
        "Bytes a second that are read from a peer, for each request (0).",
    ),
    level_flag(
        "proxy_pass_trailers",
        |level| &mut level.proxy.answer.pass_trailers,
        "Whether fields behind an answer's body are passed on (off).",
    ),
    level(
        "early_hints",
        ONE_OR_MORE,
        early_hints,
        "Passes a peer's 103 on when one of the values is neither empty nor `0` (they are dropped).",
    ),
];

fn early_hints(level: &mut RawLevel, line: &Line) -> Recorded {
    level.proxy.answer.early_hints.get_or_insert_default().extend_from_slice(line.args());
    Ok(())
}

/// An expression behind `~` or `~*`, or a text.
fn find(line: &Line, word: &Word, always_ignores_case: bool) -> Result<RawFind, Fault> {
    let Some(text) = word.text.strip_prefix('~') else { return Ok(RawFind::Text(word.clone())) };
    let (text, ignores_case) = match text.strip_prefix('*') {
        Some(rest) if !always_ignores_case => (rest, true),
        _ => (text, always_ignores_case),
    };
    if text.is_empty() {
        return Err(line.invalid_parameter(word).help("an expression follows the `~`"));
    }
    let pattern = line.env.names.borrow_mut().pattern(text, ignores_case, word.span)?;
    Ok(RawFind::Pattern(Arc::new(pattern)))
}

/// Adds a line to a list that `off` empties. `off` stands alone.
fn add<T>(list: &mut Option<Vec<T>>, line: &Line, one: impl FnOnce() -> Result<T, Fault>) -> Recorded {
    if line.args().len() == 1 && line.arg(0).text == "off" {
        return match list.replace(Vec::new()) {
            None => Ok(()),
            Some(_) => Err(line.fault("is duplicate").help("`off` takes no other line beside it")),
        };
    }
    match list {
        Some(known) if known.is_empty() => Err(line.fault("is duplicate").help("`off` takes no other line beside it")),
        list => {
            let one = one()?;
            list.get_or_insert_default().push(one);
            Ok(())
        }
    }
}

fn redirect(level: &mut RawLevel, line: &Line) -> Recorded {
    add(&mut level.proxy.answer.redirect, line, || match line.args() {
        [word] if word.text == "default" => Ok(RawRedirect::Default),
        [word] => Err(line.invalid_parameter(word).help("`default`, `off`, or what is looked for and its replacement")),
        _ => {
            let find = find(line, line.arg(0), false)?;
            Ok(RawRedirect::Replace(RawReplace { find, replacement: line.arg(1).clone() }))
        }
    })
}

fn pair<'a>(line: &Line<'a>) -> Result<(&'a Word, Word), Fault> {
    match line.args() {
        [find, replacement] => Ok((find, replacement.clone())),
        _ => Err(line.invalid_parameter(line.arg(0)).help("`off`, or what is looked for and its replacement")),
    }
}

fn cookie_domain(level: &mut RawLevel, line: &Line) -> Recorded {
    let without_dot =
        |word: &Word| Word { text: word.text.strip_prefix('.').unwrap_or(&word.text).into(), ..word.clone() };
    add(&mut level.proxy.answer.cookie_domain, line, || {
        let (word, replacement) = pair(line)?;
        let find = find(line, &without_dot(word), true)?;
        Ok(RawReplace { find, replacement: without_dot(&replacement) })
    })
}

fn cookie_path(level: &mut RawLevel, line: &Line) -> Recorded {
    add(&mut level.proxy.answer.cookie_path, line, || {
        let (word, replacement) = pair(line)?;
        Ok(RawReplace { find: find(line, word, false)?, replacement })
    })
}

fn cookie_flags(level: &mut RawLevel, line: &Line) -> Recorded {
    add(&mut level.proxy.answer.cookie_flags, line, || {
        let name = find(line, line.arg(0), true)?;
        let flags = line.args()[1..].to_vec();
        if flags.is_empty() {
            return Err(line.invalid_parameter(line.arg(0)).help("`off`, or a cookie and what becomes of its flags"));
        }
        for word in flags.iter().filter(|word| !has_variables(word)) {
            if !FLAGS.iter().any(|flag| flag.eq_ignore_ascii_case(&word.text)) {
                return Err(line.invalid_parameter(word).help(format!("one of: {}", FLAGS.join(", "))));
            }
        }
        Ok(RawCookieFlags { name, flags })
    })
}

fn ignore_headers(level: &mut RawLevel, line: &Line) -> Recorded {
    let list = level.proxy.answer.ignore_headers.get_or_insert_default();
    for word in line.args() {
        let name = word.text.to_ascii_lowercase();
        if !IGNORABLE.contains(&name.as_str()) {
            return Err(line.unknown_value(word).help("`proxy_hide_header` keeps any other field from the client"));
        }
        if list.contains(&name) {
            line.env.warn(Fault::new(word.span, format!("duplicate value \"{}\"", word.text)));
        }
        list.push(name);
    }
    Ok(())
}

/// nginx's defaults.
#[must_use]
pub fn defaults() -> ProxyAnswer {
    ProxyAnswer {
        redirect: Arc::new([Redirect::Default]),
        cookie_domain: Arc::default(),
        cookie_path: Arc::default(),
        cookie_flags: Arc::default(),
        hidden: HIDDEN.iter().map(|name| name.as_bytes().into()).collect(),
        ignores_accel_redirect: false,
        ignores_accel_limit_rate: false,
        ignores_accel_charset: false,
        ignores_accel_buffering: false,
        limit_rate: Template::default(),
        early_hints: Arc::default(),
        pass_trailers: false,
    }
}

impl RawProxyAnswer {
    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.redirect.is_none()
            && self.cookie_domain.is_none()
            && self.cookie_path.is_none()
            && self.cookie_flags.is_none()
            && self.hide_header.is_empty()
            && self.pass_header.is_empty()
            && self.ignore_headers.is_none()
            && self.limit_rate.is_none()
            && self.early_hints.is_none()
            && self.pass_trailers.is_none()
    }
}

/// A level's settings over those around it.
#[must_use]
pub fn resolve(raw: &RawProxyAnswer, around: &ProxyAnswer, scope: &Scope<'_>) -> ProxyAnswer {
    let replaces = |raw: &Option<Vec<RawReplace>>, around: &Arc<[Replace]>| match raw {
        Some(list) => list.iter().map(|one| replace(one, scope)).collect(),
        None => Arc::clone(around),
    };
    let redirect = |one: &RawRedirect| match one {
        RawRedirect::Default => Redirect::Default,
        RawRedirect::Replace(one) => Redirect::Replace(replace(one, scope)),
    };
    let flags = |one: &RawCookieFlags| CookieFlags {
        name: resolve_find(&one.name, scope),
        flags: one.flags.iter().map(|word| scope.template(word)).collect(),
    };
    let ignores = |name: &str, around: bool| match &raw.ignore_headers {
        Some(list) => list.iter().any(|known| known == name),
        None => around,
    };
    ProxyAnswer {
        redirect: match &raw.redirect {
            Some(list) => list.iter().map(redirect).collect(),
            None => Arc::clone(&around.redirect),
        },
        cookie_domain: replaces(&raw.cookie_domain, &around.cookie_domain),
        cookie_path: replaces(&raw.cookie_path, &around.cookie_path),
        cookie_flags: match &raw.cookie_flags {
            Some(list) => list.iter().map(flags).collect(),
            None => Arc::clone(&around.cookie_flags),
        },
        hidden: hidden(raw, around),
        ignores_accel_redirect: ignores("x-accel-redirect", around.ignores_accel_redirect),
        ignores_accel_buffering: ignores("x-accel-buffering", around.ignores_accel_buffering),
        ignores_accel_limit_rate: ignores("x-accel-limit-rate", around.ignores_accel_limit_rate),
        ignores_accel_charset: ignores("x-accel-charset", around.ignores_accel_charset),
        early_hints: match &raw.early_hints {
            Some(words) => words.iter().map(|word| scope.template(word)).collect(),
            None => Arc::clone(&around.early_hints),
        },
        limit_rate: rate::resolve(raw.limit_rate.as_ref(), &around.limit_rate, scope),
        pass_trailers: raw.pass_trailers.unwrap_or(around.pass_trailers),
    }
}

/// A level that hides or passes fields does so over nginx's own list.
fn hidden(raw: &RawProxyAnswer, around: &ProxyAnswer) -> Arc<[Box<[u8]>]> {
    if raw.hide_header.is_empty() && raw.pass_header.is_empty() {
        return Arc::clone(&around.hidden);
    }
    let all = HIDDEN.iter().copied().chain(raw.hide_header.iter().map(String::as_str));
    all.filter(|name| !raw.pass_header.iter().any(|passed| passed == name)).map(|name| name.as_bytes().into()).collect()
}

fn replace(raw: &RawReplace, scope: &Scope<'_>) -> Replace {
    Replace { find: resolve_find(&raw.find, scope), replacement: scope.template(&raw.replacement) }
}

fn resolve_find(raw: &RawFind, scope: &Scope<'_>) -> Find {
    match raw {
        RawFind::Text(word) => Find::Text(scope.template(word)),
        RawFind::Pattern(pattern) => Find::Pattern(Arc::clone(pattern)),
    }
}
