//! `access_log` and `log_format`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Template;

/// One `access_log` of a location. A location with none has an empty list.
#[derive(Debug, Clone)]
pub struct AccessLog {
    pub target: AccessLogTarget,
    pub format: Arc<LogFormat>,
    /// `buffer=`: bytes collected before a write; 0 writes each line at once.
    pub buffer_bytes: usize,
    /// `flush=`: how long a line may wait in the buffer.
    pub flush: Option<Duration>,
    /// `if=`: the line is written unless this is empty or `0`.
    pub condition: Option<Template>,
}

/// Where the lines go.
#[derive(Debug, Clone)]
pub enum AccessLogTarget {
    /// Absolute path, opened at start and again on USR1.
    File(PathBuf),
}

/// One `log_format`.
#[derive(Debug)]
pub struct LogFormat {
    pub name: Box<str>,
    pub escape: Escape,
    /// Without the end of line.
    pub line: Template,
}

/// `escape=` of `log_format`: what becomes of bytes that could forge a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// `"`, `\` and bytes below 32 or above 126 as `\xHH`; an empty value is `-`.
    Default,
    /// JSON string escapes; an empty value stays empty.
    Json,
    /// Bytes as they are; an empty value stays empty.
    None,
}
