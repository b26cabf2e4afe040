//! The log files of a generation: opened before it takes over, kept until the last of its connections has ended.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::report::Fatal;
use crate::model::{ErrorLog, ErrorLogTarget, Generation, LogLevel};
use crate::observe::error_log::{self, Targets};
use crate::observe::logs;

/// Logs of a generation that does not run yet.
pub(super) struct Opened(Arc<logs::Logs>);

/// Logs of the process.
pub(super) struct Logs {
    newest: Arc<logs::Logs>,
    /// Of generations before, while they have connections.
    old: Vec<Weak<logs::Logs>>,
}

impl Opened {
    /// Opens what a generation logs to.
    pub(super) fn of(generation: &Generation, running: Option<&Logs>) -> Result<Self, Fatal> {
        logs::Logs::open(generation, running.map(|logs| &*logs.newest)).map(Self).map_err(fatal)
    }

    /// All files.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.0.paths().collect()
    }

    /// The generation takes over.
    pub(super) fn take_over(self, before: Option<&Logs>) -> Logs {
        self.0.error.take_over();
        let mut old: Vec<Weak<logs::Logs>> = Vec::new();
        if let Some(before) = before {
            old.extend(before.old.iter().filter(|logs| logs.strong_count() > 0).cloned());
            old.push(Arc::downgrade(&before.newest));
        }
        Logs { newest: self.0, old }
    }
}

impl Logs {
    pub(super) fn newest(&self) -> Arc<logs::Logs> {
        Arc::clone(&self.newest)
    }

    fn all(&self) -> impl Iterator<Item = Arc<logs::Logs>> {
        self.old.iter().filter_map(Weak::upgrade).chain([self.newest()])
    }

    /// Writes the lines that wait.
    pub(super) fn flush(&self) {
        self.all().for_each(|logs| logs.access.flush());
    }

    /// Writes the lines that have waited for their `flush=`. How long until others might have, `None` if none ever will.
    pub(super) fn flush_due(&self) -> Option<Duration> {
        let now = Instant::now();
        let next = self.all().filter_map(|logs| logs.access.flush_due(now)).min();
        next.map(|next| next.saturating_duration_since(now))
    }

    /// Opens all files anew; those that cannot be opened go on as they were.
    pub(super) fn reopen(&self) -> Vec<Fatal> {
        self.all().flat_map(|logs| logs.reopen()).map(fatal).collect()
    }
}

/// `-e`: where lines go until the configuration is known.
pub(super) fn begin(path: PathBuf) -> Result<(), Fatal> {
    let log = ErrorLog { target: ErrorLogTarget::File(path), level: LogLevel::Notice };
    error_log::use_targets(Targets::open(&[log]).map_err(fatal)?);
    Ok(())
}

fn fatal(error: crate::observe::file::OpenError) -> Fatal {
    Fatal(format!("{error}: make its folder, or give this user the right to write there"))
}
