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
use std::path::PathBuf;
use std::sync::Arc;

use tracing::Level;

use super::file::OpenError;
use crate::model::{ErrorLogId, Generation, LogLevel};
use layer::OWN;
use targets::{LOG, Shared};

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
    emit(level, connection, text);
}

fn emit(level: LogLevel, connection: Option<u64>, text: fmt::Arguments<'_>) {
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

/// Sends the process's lines to these targets from here on, in place of those before.
pub fn use_targets(targets: Arc<Targets>) {
    use_beside(targets, None);
}

fn use_beside(targets: Arc<Targets>, least_of_levels: Option<LogLevel>) {
    LOG.replace(targets, least_of_levels);
    layer::install();
    tracing::callsite::rebuild_interest_cache();
}

/// Lines go only to the targets from here on: the start has succeeded.
pub fn leave_console() {
    LOG.leave_console();
    tracing::callsite::rebuild_interest_cache();
}

/// The error logs of one generation, all levels of it.
#[derive(Debug, Default)]
pub struct ErrorLogs {
    shared: Shared,
    /// Of the main context.
    process: Arc<Targets>,
    /// By [`ErrorLogId`].
    levels: Box<[Arc<Targets>]>,
}

impl ErrorLogs {
    /// Opens all that the generation names. A file that cannot be opened and is open in `before` stays.
    ///
    /// # Errors
    /// The first file that cannot be opened; nothing has changed then.
    pub fn open(generation: &Generation, before: Option<&Self>) -> Result<Self, OpenError> {
        let before = before.map(|logs| &logs.shared);
        let mut shared = Shared::default();
        let mut failed = Vec::new();
        let process = shared.open(&generation.process.error_logs, before, &mut failed)?;
        let levels = generation.serving.error_logs.iter().map(|logs| shared.open(logs, before, &mut failed));
        let levels = levels.collect::<Result<_, _>>()?;
        for error in failed {
            write(LogLevel::Error, None, format_args!("{error}: its lines go on to the file as it was"));
        }
        Ok(Self { shared, process, levels })
    }

    /// The process's lines go to the main context's targets from here on.
    pub fn take_over(&self) {
        use_beside(Arc::clone(&self.process), self.levels.iter().filter_map(|targets| targets.least()).max());
    }

    /// Whether a line of that level goes anywhere; `None` is the main context.
    #[must_use]
    pub fn takes(&self, id: Option<ErrorLogId>, level: LogLevel) -> bool {
        self.level(id).map_or_else(|| is_on(level), |targets| targets.takes(level))
    }

    /// As [`write`], to the lines of a level.
    pub fn write(&self, id: Option<ErrorLogId>, level: LogLevel, connection: Option<u64>, text: fmt::Arguments<'_>) {
        let Some(targets) = self.level(id) else { return write(level, connection, text) };
        if targets.takes(level) {
            layer::install();
            layer::direct(targets, || emit(level, connection, text));
        }
    }

    fn level(&self, id: Option<ErrorLogId>) -> Option<&Arc<Targets>> {
        self.levels.get(usize::from(id?.0))
    }

    /// Paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.shared.paths().map(PathBuf::from)
    }

    /// Opens all files anew. Those that cannot be opened go on with the old file.
    #[must_use]
    pub fn reopen(&self) -> Vec<OpenError> {
        self.shared.reopen()
    }
}
