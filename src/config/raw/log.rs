//! `access_log`, `error_log` and `log_format` as written.

use std::time::Duration;

use crate::config::address::Address;
use crate::config::lexer::Word;
use crate::config::source::Span;
use crate::model::{Escape, LogCache, LogLevel};

/// All of a level.
#[derive(Debug, Default)]
pub struct RawLogs {
    pub access: Vec<RawAccessLog>,
    /// `access_log off`, which wins over other lines of its level.
    pub access_off: bool,
    pub error: Vec<RawErrorLog>,
    pub subrequests: Option<bool>,
    /// `Some(None)` is `off`.
    pub cache: Option<Option<LogCache>>,
}

/// `access_log`.
#[derive(Debug)]
pub struct RawAccessLog {
    pub span: Span,
    pub target: RawAccessTarget,
    /// `combined` if left out.
    pub format: Option<Word>,
    /// 0 is no buffer.
    pub buffer_bytes: usize,
    pub flush: Option<Duration>,
    pub gzip: Option<u8>,
    pub condition: Option<Word>,
}

/// What an `access_log` names.
#[derive(Debug)]
pub enum RawAccessTarget {
    /// With or without variables.
    File(Word),
    Syslog(RawSyslog),
}

/// `error_log`.
#[derive(Debug)]
pub struct RawErrorLog {
    pub target: RawErrorTarget,
    pub level: LogLevel,
}

/// What an `error_log` names.
#[derive(Debug)]
pub enum RawErrorTarget {
    File(Word),
    Stderr,
    Syslog(RawSyslog),
}

/// `syslog:…`.
#[derive(Debug)]
pub struct RawSyslog {
    pub span: Span,
    /// As written, for messages.
    pub server: String,
    pub address: Address,
    pub facility: Option<u8>,
    pub severity: Option<u8>,
    pub tag: Option<String>,
    pub has_hostname: bool,
}

/// `log_format`.
#[derive(Debug)]
pub struct RawLogFormat {
    pub name: Word,
    pub escape: Escape,
    pub line: Vec<Word>,
}
