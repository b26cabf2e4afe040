//! `error_log`: targets and levels.

use std::path::PathBuf;

use super::Syslog;

/// One `error_log` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLog {
    pub target: ErrorLogTarget,
    pub level: LogLevel,
}

/// Where error lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorLogTarget {
    /// Absolute.
    File(PathBuf),
    Stderr,
    Syslog(Syslog),
}

/// Index into [`super::Serving::error_logs`]: the `error_log` lines of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorLogId(pub u16);

/// nginx's levels, most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Emerg,
    Alert,
    Crit,
    Error,
    Warn,
    Notice,
    Info,
    Debug,
}
