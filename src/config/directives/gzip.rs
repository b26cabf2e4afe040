//! Answers that leave compressed.

use std::sync::Arc;

use super::media_types;
use crate::config::diagnostic::Fault;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawGzip, RawLevel};
use crate::config::table::*;
use crate::config::value;
use crate::model::{Gzip, GzipProxied};

pub const TABLE: &[Directive] = &[
    supported(
        "gzip",
        HTTP_LEVELS | IF_IN_LOCATION,
        FLAG,
        Setter::Flag(|level| &mut level.gzip.is_on),
        "Answers with status 200, 403 or 404 are compressed for clients that say so, without `Cache-Control: no-transform` \
         (off).",
    ),
    level(
        "gzip_types",
        ONE_OR_MORE,
        |level, line| media_types::record(&mut level.gzip.types, line),
        "Types that are compressed besides `text/html`; `*` is every type.",
    ),
    level_size(
        "gzip_min_length",
        |level| &mut level.gzip.min_length,
        "Answers whose `Content-Length` is smaller are not compressed (20).",
    ),
    level("gzip_comp_level", ONE, comp_level, "From 1, the fastest, to 9, the smallest (1)."),
    level(
        "gzip_http_version",
        ONE,
        http_version,
        "Least version of a request: `1.0`, for which the connection closes, or `1.1` (1.1).",
    ),
    level(
        "gzip_proxied",
        ONE_OR_MORE,
        proxied,
        "What is compressed for requests with `Via`: `off`, `any`, or by the answer `expired`, `no-cache`, `no-store`, \
         `private`, `no_last_modified`, `no_etag`, or by the request `auth` (off).",
    ),
    level_flag(
        "gzip_vary",
        |level| &mut level.gzip.vary,
        "`Vary: Accept-Encoding` on answers that are compressed for some clients (off).",
    ),
    level(
        "gzip_disable",
        ONE_OR_MORE,
        disable,
        "Expressions for `User-Agent`: clients that get nothing compressed; `msie6` is a shortcut for old browsers.",
    ),
    level(
        "gzip_buffers",
        TWO,
        buffers,
        "Number and size of buffers for compressed bytes; together at most 32k leave at once (32 4k).",
    ),
];

fn comp_level(level: &mut RawLevel, line: &Line) -> Recorded {
    let mut number = None;
    line.once(&mut level.gzip.comp_level, |line| {
        line.number(&mut number)?;
        let number = number.and_then(|number| u8::try_from(number).ok()).filter(|number| (1..=9).contains(number));
        number.ok_or_else(|| Fault::new(line.arg(0).span, "value must be between 1 and 9"))
    })
}

fn http_version(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.gzip.http_1_0, |line| match line.arg(0).text.as_str() {
        "1.0" => Ok(true),
        "1.1" => Ok(false),
        _ => Err(line.unknown_value(line.arg(0)).help("`1.0` or `1.1`")),
    })
}

fn proxied(level: &mut RawLevel, line: &Line) -> Recorded {
    let set = level.gzip.proxied.get_or_insert_default();
    for word in line.args() {
        let flag = proxied_flag(set, &word.text.to_ascii_lowercase()).ok_or_else(|| {
            line.unknown_value(word).help(
                "`off`, `any`, `expired`, `no-cache`, `no-store`, `private`, `no_last_modified`, `no_etag` or `auth`",
            )
        })?;
        if *flag {
            line.env.warn(Fault::new(word.span, format!("duplicate value \"{}\"", word.text)));
        }
        *flag = true;
    }
    Ok(())
}

fn proxied_flag<'s>(set: &'s mut GzipProxied, name: &str) -> Option<&'s mut bool> {
    Some(match name {
        "off" => &mut set.off,
        "expired" => &mut set.expired,
        "no-cache" => &mut set.no_cache,
        "no-store" => &mut set.no_store,
        "private" => &mut set.private,
        "no_last_modified" => &mut set.no_last_modified,
        "no_etag" => &mut set.no_etag,
        "auth" => &mut set.auth,
        "any" => &mut set.any,
        _ => return None,
    })
}

fn disable(level: &mut RawLevel, line: &Line) -> Recorded {
    for word in line.args() {
        if word.text == "msie6" {
            level.gzip.disable_msie6 = true;
        } else {
            level.gzip.disable.push(line.env.names.borrow_mut().pattern(&word.text, true, word.span)?);
        }
    }
    Ok(())
}

fn buffers(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.gzip.buffers, |line| {
        let count = value::number(&line.arg(0).text).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count > 0);
        let count = count.ok_or_else(|| line.invalid_value(line.arg(0)).help(value::NUMBER_HELP))?;
        match line.size_at(1)? {
            0 => Err(line.invalid_value(line.arg(1)).help(value::SIZE_HELP)),
            bytes => Ok((count, bytes)),
        }
    })
}

/// Settings of a level, with what levels inside it need to know.
#[derive(Debug, Clone, Default)]
pub struct GzipParts {
    is_on: bool,
    rules: Arc<Gzip>,
}

impl GzipParts {
    /// What acts in the level; `None` where nothing is compressed.
    #[must_use]
    pub fn settings(self) -> Option<Arc<Gzip>> {
        self.is_on.then_some(self.rules)
    }
}

/// A level's settings over those around it.
#[must_use]
pub fn resolve(raw: &RawGzip, around: &GzipParts) -> GzipParts {
    let is_on = raw.is_on.unwrap_or(around.is_on);
    if raw.has_no_rules() {
        return GzipParts { is_on, rules: Arc::clone(&around.rules) };
    }
    let outer = &around.rules;
    let rules = Gzip {
        comp_level: raw.comp_level.unwrap_or(outer.comp_level),
        types: media_types::resolve(raw.types.as_ref(), &outer.types),
        min_length: raw.min_length.map_or(outer.min_length, |bytes| bytes as u64),
        http_1_0: raw.http_1_0.unwrap_or(outer.http_1_0),
        proxied: raw.proxied.unwrap_or(outer.proxied),
        vary: raw.vary.unwrap_or(outer.vary),
        disable: if raw.disable.is_empty() {
            Arc::clone(&outer.disable)
        } else {
            raw.disable.iter().cloned().collect()
        },
        disable_msie6: raw.disable_msie6 || outer.disable_msie6,
        buffers_bytes: raw.buffers.map_or(outer.buffers_bytes, |(count, bytes)| count.saturating_mul(bytes)),
    };
    GzipParts { is_on, rules: Arc::new(rules) }
}
