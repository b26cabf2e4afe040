//! `access_log`, `log_format` and `open_log_file_cache`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{SyslogId, Template};

/// One `access_log` of a location. A location with none has an empty list.
#[derive(Debug, Clone)]
pub struct AccessLog {
    pub target: AccessLogTarget,
    pub format: Arc<LogFormat>,
    /// `if=`: the line is written unless this is empty or `0`.
    pub condition: Option<Template>,
}

/// Where the lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Opened at the start and again on USR1.
    File(AccessFileId),
    /// A path with variables, absolute: opened for each line, or kept open by `open_log_file_cache`.
    Path(Template),
    Syslog(SyslogId),
}

/// Index into [`super::Serving::access_files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessFileId(pub u16);

/// A file that `access_log` lines name, with what they say of it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessFile {
    /// Absolute.
    pub path: PathBuf,
    /// `buffer=`: bytes collected before a write; 0 writes each line at once.
    pub buffer_bytes: usize,
    /// `flush=`: how long a line may wait in the buffer; without it until that is full.
    pub flush: Option<Duration>,
    /// `gzip=`: each write is compressed at this level, 1 to 9.
    pub gzip: Option<u8>,
    /// A line names it: it is opened whether or not a location writes to it, as in nginx. The default one is not.
    pub is_named: bool,
}

/// Index into [`super::Serving::log_caches`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCacheId(pub u16);

/// `open_log_file_cache`: log files with variables in their path that stay open. Each shard has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCache {
    /// Most files open at a time.
    pub max: usize,
    /// A file that nothing was written to for so long is closed.
    pub inactive: Duration,
    /// Writes within `inactive` from which on a file stays open.
    pub min_uses: u32,
    /// How long an open file is taken for the one of that name.
    pub valid: Duration,
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
