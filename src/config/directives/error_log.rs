//! `error_log` of every level.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::syslog;
use crate::config::diagnostic::Fault;
use crate::config::line::{Env, Line, Recorded};
use crate::config::raw::{RawErrorLog, RawErrorTarget};
use crate::config::scope::{Resolve, Scope};
use crate::config::table::*;
use crate::model::{ErrorLog, ErrorLogId, ErrorLogTarget, LogLevel};

const ERROR_LOG: &str = "logs/error.log";
/// nginx's classes of debug lines, which here are all or none.
const DEBUG_CLASSES: [&str; 7] =
    ["debug_core", "debug_alloc", "debug_mutex", "debug_event", "debug_http", "debug_mail", "debug_stream"];
const LEVELS: [(&str, LogLevel); 8] = [
    ("emerg", LogLevel::Emerg),
    ("alert", LogLevel::Alert),
    ("crit", LogLevel::Crit),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("notice", LogLevel::Notice),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

pub const TABLE: &[Directive] = &[
    supported(
        "error_log",
        MAIN,
        ONE_OR_MORE,
        Setter::Process(|process, line| record(&mut process.error_logs, line)),
        "File, `stderr` or `syslog:` of the error log and its least level (`logs/error.log error`).",
    ),
    supported(
        "error_log",
        HTTP_LEVELS | STREAM_LEVELS,
        ONE_OR_MORE,
        Setter::Level(|level, line| record(&mut level.logs.error, line)),
        "The same for requests of the level, in place of the lines around it.",
    ),
];

fn record(logs: &mut Vec<RawErrorLog>, line: &Line) -> Recorded {
    let word = line.arg(0);
    let target = if word.text == "stderr" {
        RawErrorTarget::Stderr
    } else if word.text.starts_with("memory:") {
        let fault = Fault::new(word.span, "logging to memory is not supported: no debugger reads it from here");
        return Err(fault.help("name a file"));
    } else if let Some(syslog) = syslog::read(word)? {
        RawErrorTarget::Syslog(syslog)
    } else {
        RawErrorTarget::File(word.clone())
    };
    logs.push(RawErrorLog { target, level: level(line)? });
    Ok(())
}

/// The level behind the target; several classes of `debug_*` may stand together.
fn level(line: &Line) -> Result<LogLevel, Fault> {
    let mut found = None;
    let mut is_class = false;
    for word in &line.args()[1..] {
        let invalid = || {
            let fault = Fault::new(word.span, format!("invalid log level \"{}\"", word.text));
            fault.help("one of emerg, alert, crit, error, warn, notice, info, debug")
        };
        if DEBUG_CLASSES.contains(&word.text.as_str()) {
            if found.is_some() && !is_class {
                return Err(invalid());
            }
            is_class = true;
            found = Some(LogLevel::Debug);
            continue;
        }
        let (_, level) = LEVELS.iter().find(|(known, _)| *known == word.text).ok_or_else(invalid)?;
        if found.replace(*level).is_some() {
            return Err(Fault::new(word.span, format!("duplicate log level \"{}\"", word.text)));
        }
    }
    Ok(found.unwrap_or(LogLevel::Error))
}

fn made(raw: &[RawErrorLog], env: &Env, resolver: &dyn Resolve) -> Vec<ErrorLog> {
    let target = |raw: &RawErrorTarget| {
        Some(match raw {
            RawErrorTarget::File(word) => ErrorLogTarget::File(env.path(&word.text)),
            RawErrorTarget::Stderr => ErrorLogTarget::Stderr,
            RawErrorTarget::Syslog(raw) => ErrorLogTarget::Syslog(syslog::resolve(raw, env, resolver)?),
        })
    };
    raw.iter().filter_map(|raw| Some(ErrorLog { target: target(&raw.target)?, level: raw.level })).collect()
}

/// Lines of the main context; `flag` is what `-e` names in place of the default.
pub fn of_process(
    raw: &[RawErrorLog],
    prefix: &Path,
    flag: Option<PathBuf>,
    env: &Env,
    resolver: &dyn Resolve,
) -> Vec<ErrorLog> {
    if !raw.is_empty() {
        return made(raw, env, resolver);
    }
    let path = flag.unwrap_or_else(|| PathBuf::from(ERROR_LOG));
    let is_stderr = path.as_os_str() == "stderr";
    let target = if is_stderr { ErrorLogTarget::Stderr } else { ErrorLogTarget::File(prefix.join(path)) };
    vec![ErrorLog { target, level: LogLevel::Error }]
}

/// A level's lines, or those around it; `None` are those of the main context.
pub fn resolve(raw: &[RawErrorLog], around: Option<ErrorLogId>, scope: &mut Scope<'_>) -> Option<ErrorLogId> {
    if raw.is_empty() {
        return around;
    }
    let logs: Arc<[ErrorLog]> = made(raw, scope.env, scope.resolver).into();
    let known = scope.error_logs.iter().position(|known| *known == logs);
    let at = known.unwrap_or_else(|| {
        scope.error_logs.push(logs);
        scope.error_logs.len() - 1
    });
    // More levels with lines of their own than a number of 16 bits counts go to the main context's log.
    u16::try_from(at).ok().map(ErrorLogId)
}
