//! What the process says of itself: error log, access logs, counters, and the table of how things end.
//!
//! Knows the model and nothing of connections or messages: callers give text, bytes and counts.

pub mod access_log;
pub mod clock;
pub mod deferred;
pub mod error_log;
pub mod escape;
pub mod file;
pub mod logs;
mod losses;
pub mod metrics;
pub mod outcome;
pub mod path_logs;
pub mod syslog;
pub mod words;
