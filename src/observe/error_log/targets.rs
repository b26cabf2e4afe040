//! Where error lines go, and from which level on.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::line::{self, Prefix};
use crate::model::{ErrorLog, ErrorLogTarget, LogLevel};
use crate::observe::file::{LogFile, OpenError};

/// The process's error log.
pub(super) static LOG: Log = Log::new();

/// Opened `error_log` lines of one configuration.
#[derive(Debug, Default)]
pub struct Targets {
    targets: Vec<(Target, LogLevel)>,
}

#[derive(Debug, Clone)]
enum Target {
    File(Arc<LogFile>),
    Stderr,
}

/// Targets in use, and whether the console still listens.
#[derive(Debug)]
pub(super) struct Log {
    state: RwLock<State>,
    /// The least important level that goes anywhere, by [`line::code`]: what a line that is off costs to ask.
    least: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// `None` until the configuration's are known.
    targets: Option<Targets>,
    console: bool,
}

impl Targets {
    /// Opens the files; one named twice is opened once.
    ///
    /// # Errors
    /// The first file that cannot be opened.
    pub fn open(logs: &[ErrorLog]) -> Result<Self, OpenError> {
        let mut files: HashMap<&Path, Arc<LogFile>> = HashMap::new();
        let mut targets = Vec::new();
        for log in logs {
            let target = match &log.target {
                ErrorLogTarget::Stderr => Target::Stderr,
                ErrorLogTarget::File(path) => {
                    let file = match files.get(path.as_path()) {
                        Some(file) => Arc::clone(file),
                        None => Arc::new(LogFile::open(path)?),
                    };
                    files.insert(path, Arc::clone(&file));
                    Target::File(file)
                }
            };
            targets.push((target, log.level));
        }
        Ok(Self { targets })
    }

    /// Paths of the files.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.targets.iter().filter_map(|(target, _)| match target {
            Target::File(file) => Some(file.path().to_owned()),
            Target::Stderr => None,
        })
    }
}

impl Log {
    pub(super) const fn new() -> Self {
        let state = State { targets: None, console: true };
        Self { state: RwLock::new(state), least: AtomicU64::new(LogLevel::Notice as u64) }
    }

    pub(super) fn takes(&self, level: LogLevel) -> bool {
        line::code(level) <= self.least.load(Ordering::Relaxed)
    }

    /// The least important level that goes anywhere.
    pub(super) fn least(&self) -> LogLevel {
        line::level(self.least.load(Ordering::Relaxed)).unwrap_or(LogLevel::Debug)
    }

    pub(super) fn replace(&self, targets: Targets) {
        self.change(|state| state.targets = Some(targets));
    }

    pub(super) fn leave_console(&self) {
        self.change(|state| state.console = false);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let of_targets = state.targets.iter().flat_map(|targets| &targets.targets).map(|(_, level)| *level);
        let of_console = state.console_level();
        let least = of_targets.chain(of_console).max();
        // With nothing to write to, only a level above all would do; `emerg` is the nearest there is.
        self.least.store(line::code(least.unwrap_or(LogLevel::Emerg)), Ordering::Relaxed);
    }

    pub(super) fn reopen(&self) -> Vec<OpenError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let targets = state.targets.iter().flat_map(|targets| &targets.targets);
        let files = targets.filter_map(|(target, _)| match target {
            Target::File(file) => Some(file),
            Target::Stderr => None,
        });
        files.filter_map(|file| file.reopen().err()).collect()
    }

    /// Writes a line to all that take its level. What cannot be written is lost: there is nowhere to say so.
    pub(super) fn write(&self, prefix: &Prefix<'_>, level: LogLevel, text: &str, buffer: &mut Vec<u8>) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut has_stderr = false;
        buffer.clear();
        for (target, least) in state.targets.iter().flat_map(|targets| &targets.targets) {
            if level > *least {
                continue;
            }
            if buffer.is_empty() {
                line::append(prefix, level, text, buffer);
            }
            match target {
                Target::File(file) => drop(file.write(buffer)),
                Target::Stderr => {
                    has_stderr = true;
                    drop(std::io::stderr().write_all(buffer));
                }
            }
        }
        if !has_stderr && state.console_level().is_some_and(|least| level <= least) {
            buffer.clear();
            line::append_for_console(level, text, buffer);
            drop(std::io::stderr().write_all(buffer));
        }
    }
}

impl State {
    /// The least important level that the console gets.
    fn console_level(&self) -> Option<LogLevel> {
        match (self.console, &self.targets) {
            (false, _) => None,
            (true, None) => Some(LogLevel::Notice),
            (true, Some(_)) => Some(LogLevel::Warn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(level: LogLevel) -> Targets {
        Targets::open(&[ErrorLog { target: ErrorLogTarget::Stderr, level }]).unwrap()
    }

    #[test]
    fn a_level_is_on_as_soon_as_anybody_takes_it() {
        let log = Log::new();
        assert!(log.takes(LogLevel::Notice) && !log.takes(LogLevel::Info));
        log.replace(targets(LogLevel::Crit));
        assert!(log.takes(LogLevel::Warn) && !log.takes(LogLevel::Notice), "the console takes warnings");
        log.leave_console();
        assert!(log.takes(LogLevel::Crit) && !log.takes(LogLevel::Error));
        log.replace(targets(LogLevel::Debug));
        assert!(log.takes(LogLevel::Debug));
    }

    #[test]
    fn a_file_named_twice_is_open_once_and_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("error.log");
        let to = |level| ErrorLog { target: ErrorLogTarget::File(path.clone()), level };
        let log = Log::new();
        log.replace(Targets::open(&[to(LogLevel::Error), to(LogLevel::Info)]).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(log.reopen().is_empty());
        assert!(path.exists());
    }

    #[test]
    fn a_file_that_cannot_be_opened_changes_nothing() {
        let log = ErrorLog { target: ErrorLogTarget::File("/nonexistent/e.log".into()), level: LogLevel::Error };
        assert!(Targets::open(&[log]).unwrap_err().to_string().starts_with("open() \"/nonexistent/e.log\" failed (2:"));
    }
}
