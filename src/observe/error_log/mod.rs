//! The error log: nginx's lines, written through `tracing`.
//!
//! `write` makes a `tracing` event that carries nginx's level; the layer installed here turns each event, ours or a
//! library's, into a line for every configured target. Until [`use_targets`], lines go to stderr as
//! `longhaul: [level] text`; after it, those of `warn` and more important go there too until [`leave_console`], as a
//! process that starts owes its caller the reason when it fails.

mod layer;
mod line;
mod targets;

pub use targets::Targets;

use std::fmt;

use tracing::Level;

use super::file::OpenError;
use crate::model::LogLevel;
use layer::OWN;
use targets::LOG;

/// Whether a line of that level goes anywhere: ask before building what the line would hold.
#[must_use]
pub fn is_on(level: LogLevel) -> bool {
    LOG.takes(level)
}

/// Writes a line. `connection` is the number after the `*`. The text holds nginx's tail, `, client: …, server: …`.
pub fn write(level: LogLevel, connection: Option<u64>, text: fmt::Arguments<'_>) {
    if !is_on(level) {
        return;
    }
    layer::install();
    let nginx = line::code(level);
    match level {
        LogLevel::Emerg | LogLevel::Alert | LogLevel::Crit | LogLevel::Error => {
            tracing::event!(target: OWN, Level::ERROR, nginx, connection, "{text}");
        }
        LogLevel::Warn => tracing::event!(target: OWN, Level::WARN, nginx, connection, "{text}"),
        LogLevel::Notice | LogLevel::Info => tracing::event!(target: OWN, Level::INFO, nginx, connection, "{text}"),
        LogLevel::Debug => tracing::event!(target: OWN, Level::DEBUG, nginx, connection, "{text}"),
    }
}

/// Sends lines to these targets from here on, in place of those before.
pub fn use_targets(targets: Targets) {
    LOG.replace(targets);
    layer::install();
    tracing::callsite::rebuild_interest_cache();
}

/// Lines go only to the targets from here on: the start has succeeded.
pub fn leave_console() {
    LOG.leave_console();
    tracing::callsite::rebuild_interest_cache();
}

/// Opens all files anew. Those that cannot be opened go on with the old file.
#[must_use]
pub fn reopen() -> Vec<OpenError> {
    LOG.reopen()
}
