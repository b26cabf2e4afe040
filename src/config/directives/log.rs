//! `access_log`, `log_format` and `open_log_file_cache`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::syslog;
use crate::config::diagnostic::{Fault, nearest};
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::names::has_variables;
use crate::config::raw::{RawAccessLog, RawAccessTarget, RawLevel, RawLogFormat, RawLogs, RawServing};
use crate::config::scope::Scope;
use crate::config::source::Span;
use crate::config::table::*;
use crate::config::value;
use crate::model::{
    AccessFile, AccessFileId, AccessLog, AccessLogTarget, Escape, LogCache, LogCacheId, LogFormat, Protocol, SyslogId,
    Template,
};

const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                        \"$http_referer\" \"$http_user_agent\"";
const ACCESS_LOG: &str = "logs/access.log";
/// nginx's, for `gzip` without `buffer=`.
const GZIP_BUFFER_BYTES: usize = 64 << 10;
/// nginx's, for `gzip` without a level: the fastest.
const GZIP_LEVEL: u8 = 1;
/// nginx's, for what `open_log_file_cache` leaves out.
const CACHE_INACTIVE: Duration = Duration::from_secs(10);
const CACHE_VALID: Duration = Duration::from_secs(60);

pub const TABLE: &[Directive] = &[
    supported(
        "access_log",
        HTTP_LEVELS | IF_IN_LOCATION | LIMIT_EXCEPT | STREAM_LEVELS,
        ONE_OR_MORE,
        Setter::Level(access_log),
        "File, path with variables or `syslog:` of the access log and its format, or `off` (`logs/access.log combined`, in `stream` `off`); \
         `buffer=`, `flush=`, `gzip`, `if=`.",
    ),
    supported(
        "log_format",
        HTTP | STREAM,
        TWO_OR_MORE,
        Setter::Serving(log_format),
        "A format for `access_log`, with `escape=`.",
    ),
    supported(
        "log_subrequest",
        HTTP_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut level.logs.subrequests),
        "Whether requests that are made inside, as by `auth_request`, have lines of their own (off).",
    ),
    supported(
        "open_log_file_cache",
        HTTP_LEVELS | STREAM_LEVELS,
        ONE_TO_FOUR,
        Setter::Level(open_log_file_cache),
        "Keeps access logs with variables in their path open: `max=`, `inactive=`, `min_uses=`, `valid=`, or `off` (off).",
    ),
];

fn log_format(serving: &mut RawServing, line: &Line) -> Recorded {
    let name = line.arg(0);
    let is_known = serving.log_formats.iter().any(|format| format.name.text == name.text);
    if is_known || (name.text == "combined" && serving.protocol == Protocol::Http) {
        return Err(Fault::new(name.span, format!("duplicate \"log_format\" name \"{}\"", name.text)));
    }
    let mut words = &line.args()[1..];
    let mut escape = Escape::Default;
    if let [first, rest @ ..] = words
        && let Some(kind) = first.text.strip_prefix("escape=")
    {
        escape = match kind {
            "default" => Escape::Default,
            "json" => Escape::Json,
            "none" => Escape::None,
            other => {
                let fault = Fault::new(first.span, format!("unknown log format escaping \"{other}\""));
                return Err(fault.help("`escape=default`, `escape=json` or `escape=none`"));
            }
        };
        words = rest;
    }
    serving.log_formats.push(RawLogFormat { name: name.clone(), escape, line: words.to_vec() });
    Ok(())
}

fn access_log(level: &mut RawLevel, line: &Line) -> Recorded {
    let word = line.arg(0);
    if word.text == "off" {
        if let Some(word) = line.args().get(1) {
            return Err(line.invalid_parameter(word));
        }
        level.logs.access_off = true;
        return Ok(());
    }
    if word.text.starts_with("memory:") {
        return Err(Fault::new(word.span, "logging to memory is not supported").help("name a file"));
    }
    let target = match syslog::read(word)? {
        Some(syslog) => RawAccessTarget::Syslog(syslog),
        None => RawAccessTarget::File(word.clone()),
    };
    let format = line.args().get(1).filter(|word| !is_parameter(&word.text)).cloned();
    let parameters = if format.is_some() { 2 } else { 1 };
    let span = line.span();
    let mut log = RawAccessLog { span, target, format, buffer_bytes: 0, flush: None, gzip: None, condition: None };
    for word in &line.args()[parameters..] {
        parameter(&mut log, word, line)?;
    }
    if log.gzip.is_some() && log.buffer_bytes == 0 {
        log.buffer_bytes = GZIP_BUFFER_BYTES;
    }
    if log.flush.is_some() && log.buffer_bytes == 0 {
        let message = format!("no buffer is defined for access_log \"{}\"", word.text);
        return Err(Fault::new(line.span(), message).help("add `buffer=64k`"));
    }
    if log.buffer_bytes > 0 {
        let message = match &log.target {
            RawAccessTarget::Syslog(_) => Some("logs to syslog cannot be buffered"),
            RawAccessTarget::File(word) if has_variables(word) => Some("buffered logs cannot have variables in name"),
            RawAccessTarget::File(_) => None,
        };
        if let Some(message) = message {
            return Err(Fault::new(line.span(), message));
        }
    }
    level.logs.access.push(log);
    Ok(())
}

fn parameter(log: &mut RawAccessLog, word: &Word, line: &Line) -> Recorded {
    match word.text.split_once('=') {
        Some(("buffer", text)) => {
            let bytes = value::size(text).and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes > 0);
            log.buffer_bytes = bytes.ok_or_else(|| {
                Fault::new(word.span, format!("invalid buffer size \"{text}\"")).help(value::SIZE_HELP)
            })?;
        }
        Some(("flush", text)) => {
            let time = value::time(text).filter(|time| !time.is_zero());
            log.flush = Some(time.ok_or_else(|| {
                Fault::new(word.span, format!("invalid flush time \"{text}\"")).help(value::TIME_HELP)
            })?);
        }
        Some(("gzip", text)) => {
            let level = text.parse().ok().filter(|level| (1..=9).contains(level));
            log.gzip = Some(level.ok_or_else(|| {
                Fault::new(word.span, format!("invalid compression level \"{text}\"")).help("a number from 1 to 9")
            })?);
        }
        None if word.text == "gzip" => log.gzip = Some(GZIP_LEVEL),
        Some(("if", text)) => log.condition = Some(Word { text: text.to_owned(), span: word.span }),
        _ => return Err(line.invalid_parameter(word).help("buffer=SIZE, flush=TIME, gzip[=LEVEL] or if=VALUE")),
    }
    Ok(())
}

/// A format could be left out by mistake, which nginx takes for the name of one.
fn is_parameter(text: &str) -> bool {
    ["buffer=", "flush=", "if=", "gzip="].iter().any(|name| text.starts_with(name)) || text == "gzip"
}

fn open_log_file_cache(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.logs.cache, |line| {
        let mut cache = LogCache { max: 0, inactive: CACHE_INACTIVE, min_uses: 1, valid: CACHE_VALID };
        let mut is_off = false;
        for word in line.args() {
            let invalid = || {
                let fault = Fault::new(word.span, format!("invalid \"{}\" parameter \"{}\"", line.name(), word.text));
                fault.help("`max=N`, `inactive=TIME`, `min_uses=N`, `valid=TIME` or `off`")
            };
            match word.text.split_once('=') {
                Some(("max", text)) => {
                    let max = value::number(text).and_then(|max| usize::try_from(max).ok());
                    cache.max = max.filter(|max| *max > 0).ok_or_else(invalid)?;
                }
                Some(("inactive", text)) => cache.inactive = value::time(text).ok_or_else(invalid)?,
                Some(("valid", text)) => cache.valid = value::time(text).ok_or_else(invalid)?,
                Some(("min_uses", text)) => {
                    let uses = value::number(text).and_then(|uses| u32::try_from(uses).ok());
                    cache.min_uses = uses.ok_or_else(invalid)?;
                }
                None if word.text == "off" => is_off = true,
                _ => return Err(invalid()),
            }
        }
        if is_off {
            return Ok(None);
        }
        if cache.max == 0 {
            let message = format!("\"{}\" must have \"max\" parameter", line.name());
            return Err(Fault::new(line.span(), message).help("as in `open_log_file_cache max=100;`"));
        }
        Ok(Some(cache))
    })
}

/// Makes all formats known.
pub fn resolve_formats(raw: &[RawLogFormat], span: Span, scope: &mut Scope<'_>) {
    scope.log_formats.clear();
    if scope.protocol == Protocol::Http {
        let line = scope.template_of(COMBINED, span);
        let combined = LogFormat { name: "combined".into(), escape: Escape::Default, line };
        scope.log_formats.insert("combined".to_owned(), Arc::new(combined));
    }
    for format in raw {
        // Each word by itself: one that ends in `$name` must not grow by the next.
        let parts = format.line.iter().flat_map(|word| scope.template(word).parts).collect();
        let made =
            LogFormat { name: format.name.text.as_str().into(), escape: format.escape, line: Template { parts } };
        scope.log_formats.insert(format.name.text.clone(), Arc::new(made));
    }
}

/// What is logged where nothing is said.
pub fn defaults(prefix: &Path, scope: &mut Scope<'_>) -> Arc<[AccessLog]> {
    if scope.protocol == Protocol::Stream {
        return Arc::default();
    }
    let path = prefix.join(ACCESS_LOG);
    let at = place(
        &mut scope.access_files,
        |known| known.path == path,
        || AccessFile { path: path.clone(), buffer_bytes: 0, flush: None, gzip: None, is_named: false },
    );
    let Ok(at) = u16::try_from(at) else { return Arc::default() };
    let target = AccessLogTarget::File(AccessFileId(at));
    let format = scope.log_formats.get("combined").cloned();
    format.map(|format| AccessLog { target, format, condition: None }).into_iter().collect()
}

/// A level's `access_log` lines, or those around it.
pub fn resolve(raw: &RawLogs, around: &Arc<[AccessLog]>, scope: &mut Scope<'_>) -> Arc<[AccessLog]> {
    if raw.access_off {
        return Arc::default();
    }
    if raw.access.is_empty() {
        return Arc::clone(around);
    }
    raw.access.iter().filter_map(|log| resolve_one(log, scope)).collect()
}

fn resolve_one(log: &RawAccessLog, scope: &mut Scope<'_>) -> Option<AccessLog> {
    let name = log.format.as_ref().map_or("combined", |word| word.text.as_str());
    let Some(format) = scope.log_formats.get(name).cloned() else {
        if log.format.is_none() {
            let fault = Fault::new(log.span, "log format is not specified");
            scope.env.fault(fault.help("define one with `log_format` in `stream`, and name it behind the file"));
        }
        if let Some(word) = &log.format {
            let fault = Fault::new(word.span, format!("unknown log format \"{name}\""));
            scope.env.fault(match nearest(name, scope.log_formats.keys().map(String::as_str)) {
                Some(known) => fault.help(format!("did you mean `{known}`?")),
                None => fault.help(format!("define it: `log_format {name} '…';`")),
            });
        }
        return None;
    };
    let target = match &log.target {
        RawAccessTarget::File(word) if has_variables(word) => {
            // What is before the first variable may be relative.
            let path = scope.env.path(&word.text);
            AccessLogTarget::Path(scope.template_of(&path.to_string_lossy(), word.span))
        }
        RawAccessTarget::File(word) => AccessLogTarget::File(resolve_file(log, word, scope)?),
        RawAccessTarget::Syslog(raw) => {
            let syslog = syslog::resolve(raw, scope.env, scope.resolver)?;
            let at = place(&mut scope.syslogs, |known| *known == syslog, || syslog.clone());
            AccessLogTarget::Syslog(SyslogId(counted(at, log, scope)?))
        }
    };
    let condition = log.condition.as_ref().map(|word| scope.template(word));
    Some(AccessLog { target, format, condition })
}

/// All lines that name a file mean the same one, and agree on how it is written.
fn resolve_file(log: &RawAccessLog, word: &Word, scope: &mut Scope<'_>) -> Option<AccessFileId> {
    let path = scope.env.path(&word.text);
    let RawAccessLog { buffer_bytes, flush, gzip, .. } = *log;
    let at = place(
        &mut scope.access_files,
        |known| known.path == path,
        || AccessFile { path: path.clone(), buffer_bytes, flush, gzip, is_named: true },
    );
    let file = &mut scope.access_files[at];
    file.is_named = true;
    if buffer_bytes > 0 {
        if file.buffer_bytes > 0 && (file.buffer_bytes, file.flush, file.gzip) != (buffer_bytes, flush, gzip) {
            let message = format!("access_log \"{}\" already defined with conflicting parameters", word.text);
            let fault = Fault::new(log.span, message);
            scope.env.fault(fault.help("say the same `buffer=`, `flush=` and `gzip` wherever the file is named"));
            return None;
        }
        (file.buffer_bytes, file.flush, file.gzip) = (buffer_bytes, flush, gzip);
    }
    counted(at, log, scope).map(AccessFileId)
}

/// Where the list has it, after it was added if need be.
fn place<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> usize {
    list.iter().position(is_it).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    })
}

fn counted(at: usize, log: &RawAccessLog, scope: &Scope<'_>) -> Option<u16> {
    let number = u16::try_from(at).ok();
    if number.is_none() {
        let fault = Fault::new(log.span, "more than 65536 access logs");
        scope.env.fault(fault.help("put a variable into the path instead, and add `open_log_file_cache`"));
    }
    number
}

/// A level's `open_log_file_cache`, or the one around it.
pub fn resolve_cache(raw: &RawLogs, around: Option<LogCacheId>, scope: &mut Scope<'_>) -> Option<LogCacheId> {
    match &raw.cache {
        None => around,
        Some(None) => None,
        Some(Some(cache)) => {
            scope.log_caches.push(cache.clone());
            // More caches than a number of 16 bits counts are none.
            u16::try_from(scope.log_caches.len() - 1).ok().map(LogCacheId)
        }
    }
}
