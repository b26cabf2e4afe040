//! `access_log` and `log_format`.

use std::path::Path;
use std::sync::Arc;

use super::core::check_log_file;
use crate::config::diagnostic::{Fault, nearest};
use crate::config::line::{Line, Recorded};
use crate::config::names::has_variables;
use crate::config::raw::{RawAccessLog, RawHttp, RawLevel, RawLogFormat};
use crate::config::scope::Scope;
use crate::config::source::Span;
use crate::config::table::*;
use crate::config::value;
use crate::model::{AccessLog, AccessLogTarget, Escape, LogFormat, Template};

const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                        \"$http_referer\" \"$http_user_agent\"";
const ACCESS_LOG: &str = "logs/access.log";
/// `gzip` and `flush=` need a buffer; nginx gives `gzip` this one.
const BUFFER_BYTES: usize = 64 << 10;

pub const TABLE: &[Directive] = &[
    supported(
        "access_log",
        HTTP_LEVELS | IF_IN_LOCATION | LIMIT_EXCEPT,
        ONE_OR_MORE,
        Setter::Level(access_log),
        "File and format of the access log, or `off` (`logs/access.log combined`); `buffer=`, `flush=`, `if=`.",
    ),
    supported("log_format", HTTP, TWO_OR_MORE, Setter::Http(log_format), "A format for `access_log`, with `escape=`."),
    accepted(
        "error_log",
        HTTP_LEVELS,
        ONE_OR_MORE,
        "all lines go to the `error_log` of the main context, each with its server and request",
    ),
];

fn log_format(http: &mut RawHttp, line: &Line) -> Recorded {
    let name = line.arg(0);
    if http.log_formats.iter().any(|format| format.name.text == name.text) || name.text == "combined" {
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
    http.log_formats.push(RawLogFormat { name: name.clone(), escape, line: words.to_vec() });
    Ok(())
}

fn access_log(level: &mut RawLevel, line: &Line) -> Recorded {
    let path = line.arg(0);
    let logs = level.access_logs.get_or_insert_default();
    if path.text == "off" {
        if let Some(word) = line.args().get(1) {
            return Err(line.invalid_parameter(word));
        }
        return Ok(());
    }
    check_log_file(line, &path.text)?;
    if has_variables(path) {
        let fault = Fault::new(path.span, "variables in the path of \"access_log\" are not supported yet");
        return Err(fault.help("name one file, and put the variable into the `log_format`"));
    }
    let mut log = RawAccessLog {
        path: line.env.path(&path.text),
        format: line.args().get(1).filter(|word| !is_parameter(&word.text)).cloned(),
        buffer_bytes: 0,
        flush: None,
        condition: None,
    };
    let parameters = if log.format.is_some() { 2 } else { 1 };
    for word in &line.args()[parameters..] {
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
            Some(("if", text)) if !text.is_empty() => {
                log.condition = Some(crate::config::lexer::Word { text: text.to_owned(), span: word.span });
            }
            _ if word.text == "gzip" || word.text.starts_with("gzip=") => {
                line.env.warn(
                    Fault::new(word.span, "\"gzip\" of \"access_log\" changes nothing here: lines are written plain")
                        .help("compress the files when they are rotated"),
                );
                log.buffer_bytes = log.buffer_bytes.max(BUFFER_BYTES);
            }
            _ => return Err(line.invalid_parameter(word).help("buffer=SIZE, flush=TIME or if=VALUE")),
        }
    }
    if log.flush.is_some() && log.buffer_bytes == 0 {
        let message = format!("no buffer is defined for access_log \"{}\"", path.text);
        return Err(Fault::new(line.span(), message).help("add `buffer=64k`"));
    }
    logs.push(log);
    Ok(())
}

/// A format could be left out by mistake, which nginx takes for the name of one.
fn is_parameter(text: &str) -> bool {
    ["buffer=", "flush=", "if=", "gzip="].iter().any(|name| text.starts_with(name)) || text == "gzip"
}

/// Makes all formats known.
pub fn resolve_formats(raw: &[RawLogFormat], span: Span, scope: &mut Scope<'_>) {
    let line = scope.template_of(COMBINED, span);
    let combined = LogFormat { name: "combined".into(), escape: Escape::Default, line };
    scope.log_formats.insert("combined".to_owned(), Arc::new(combined));
    for format in raw {
        // Each word by itself: one that ends in `$name` must not grow by the next.
        let parts = format.line.iter().flat_map(|word| scope.template(word).parts).collect();
        let made =
            LogFormat { name: format.name.text.as_str().into(), escape: format.escape, line: Template { parts } };
        scope.log_formats.insert(format.name.text.clone(), Arc::new(made));
    }
}

/// What is logged where nothing is said.
pub fn defaults(prefix: &Path, scope: &Scope<'_>) -> Arc<[AccessLog]> {
    let format = scope.log_formats.get("combined").cloned();
    let log = |format| AccessLog {
        target: AccessLogTarget::File(prefix.join(ACCESS_LOG)),
        format,
        buffer_bytes: 0,
        flush: None,
        condition: None,
    };
    format.map(log).into_iter().collect()
}

/// A level's `access_log` lines, or those around it.
pub fn resolve(raw: Option<&[RawAccessLog]>, around: &Arc<[AccessLog]>, scope: &Scope<'_>) -> Arc<[AccessLog]> {
    let Some(raw) = raw else { return Arc::clone(around) };
    let mut logs = Vec::new();
    for log in raw {
        let name = log.format.as_ref().map_or("combined", |word| word.text.as_str());
        let Some(format) = scope.log_formats.get(name) else {
            if let Some(word) = &log.format {
                let fault = Fault::new(word.span, format!("unknown log format \"{name}\""));
                scope.env.fault(match nearest(name, scope.log_formats.keys().map(String::as_str)) {
                    Some(known) => fault.help(format!("did you mean `{known}`?")),
                    None => fault.help(format!("define it in `http`: `log_format {name} '…';`")),
                });
            }
            continue;
        };
        logs.push(AccessLog {
            target: AccessLogTarget::File(log.path.clone()),
            format: Arc::clone(format),
            buffer_bytes: log.buffer_bytes,
            flush: log.flush,
            condition: log.condition.as_ref().map(|word| scope.template(word)),
        });
    }
    logs.into()
}
