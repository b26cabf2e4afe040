//! The log files of a generation: opened before it takes over, kept until the last of its connections has ended.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use super::report::Fatal;
use crate::model::{ErrorLog, ErrorLogTarget, Generation, LogLevel};
use crate::observe::access_log::AccessLogs;
use crate::observe::error_log::{self, Targets};

/// Logs of a generation that does not run yet.
pub(super) struct Opened {
    access: Arc<AccessLogs>,
    targets: Targets,
}

/// Logs of the process.
pub(super) struct Logs {
    access: Arc<AccessLogs>,
    /// Of generations before, while they have connections.
    old: Vec<Weak<AccessLogs>>,
}

impl Opened {
    /// Opens what a generation logs to. Access logs that are open already stay so.
    pub(super) fn of(generation: &Generation, running: Option<&Logs>) -> Result<Self, Fatal> {
        let reuse = running.map(|logs| &*logs.access);
        let access = AccessLogs::open(generation, reuse).map_err(fatal)?;
        let targets = Targets::open(&generation.process.error_logs).map_err(fatal)?;
        Ok(Self { access, targets })
    }

    /// All files.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.access.paths().map(PathBuf::from).chain(self.targets.paths()).collect()
    }

    /// The generation takes over.
    pub(super) fn take_over(self, before: Option<&Logs>) -> Logs {
        error_log::use_targets(self.targets);
        let mut old: Vec<Weak<AccessLogs>> = Vec::new();
        if let Some(before) = before {
            old.extend(before.old.iter().filter(|logs| logs.strong_count() > 0).cloned());
            old.push(Arc::downgrade(&before.access));
        }
        Logs { access: self.access, old }
    }
}

impl Logs {
    pub(super) fn access(&self) -> Arc<AccessLogs> {
        Arc::clone(&self.access)
    }

    fn all(&self) -> impl Iterator<Item = Arc<AccessLogs>> {
        self.old.iter().filter_map(Weak::upgrade).chain([self.access()])
    }

    /// Writes the lines that wait.
    pub(super) fn flush(&self) {
        self.all().for_each(|logs| logs.flush());
    }

    /// Opens all files anew, the error log last; those that cannot be opened go on as they were.
    pub(super) fn reopen(&self) -> Vec<Fatal> {
        let mut failed: Vec<_> = self.all().flat_map(|logs| logs.reopen()).collect();
        failed.extend(error_log::reopen());
        failed.into_iter().map(fatal).collect()
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
