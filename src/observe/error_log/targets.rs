//! Where error lines go, and from which level on.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::line::{self, Prefix};
use crate::model::{ErrorLog, ErrorLogTarget, LogLevel};
use crate::observe::file::{LogFile, OpenError};
use crate::observe::syslog::{SendError, Sender};

/// The process's error log.
pub(super) static LOG: Log = Log::new();

/// Opened `error_log` lines of one level.
#[derive(Debug, Default)]
pub struct Targets {
    targets: Vec<(Target, LogLevel)>,
}

/// What the lines of several levels share: a file is open once, however many name it.
#[derive(Debug, Default)]
pub struct Shared {
    files: HashMap<PathBuf, Arc<LogFile>>,
    senders: Vec<Arc<Sender>>,
}

#[derive(Debug, Clone)]
enum Target {
    File(Arc<LogFile>),
    Stderr,
    Syslog(Arc<Sender>),
}

/// What became of a line.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// It stands on stderr.
    has_stderr: bool,
    pub failed: Option<SendError>,
}

/// Targets in use, and whether the console still listens.
#[derive(Debug)]
pub(super) struct Log {
    state: RwLock<State>,
    /// The least important level that goes anywhere, by [`line::code`]: what a line that is off costs to ask.
    least: AtomicU64,
    /// The same over the lines of all levels of the configuration.
    least_anywhere: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// `None` until the configuration's are known.
    targets: Option<Arc<Targets>>,
    console: bool,
}

impl Shared {
    /// A file, opened if it is not; `before` is what the running generation has open. Adds to `failed` what could not be
    /// opened anew.
    fn file(
        &mut self,
        path: &Path,
        before: Option<&Self>,
        failed: &mut Vec<OpenError>,
    ) -> Result<Arc<LogFile>, OpenError> {
        if let Some(file) = self.files.get(path) {
            return Ok(Arc::clone(file));
        }
        let (file, error) = LogFile::open_or(path, before.and_then(|before| before.files.get(path)))?;
        failed.extend(error);
        self.files.insert(path.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn sender(&mut self, settings: &crate::model::Syslog) -> Arc<Sender> {
        if let Some(known) = self.senders.iter().find(|known| known.settings() == settings) {
            return Arc::clone(known);
        }
        let sender = Arc::new(Sender::new(settings));
        self.senders.push(Arc::clone(&sender));
        sender
    }

    /// Opens the targets of one level. Adds to `failed` what stays as it was in `before`.
    ///
    /// # Errors
    /// The first file that cannot be opened.
    pub(super) fn open(
        &mut self,
        logs: &[ErrorLog],
        before: Option<&Self>,
        failed: &mut Vec<OpenError>,
    ) -> Result<Arc<Targets>, OpenError> {
        let mut targets = Vec::with_capacity(logs.len());
        for log in logs {
            let target = match &log.target {
                ErrorLogTarget::Stderr => Target::Stderr,
                ErrorLogTarget::File(path) => Target::File(self.file(path, before, failed)?),
                ErrorLogTarget::Syslog(settings) => Target::Syslog(self.sender(settings)),
            };
            targets.push((target, log.level));
        }
        Ok(Arc::new(Targets { targets }))
    }

    /// Paths of the files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Opens all files anew; those that cannot be opened go on with the old file.
    pub(super) fn reopen(&self) -> Vec<OpenError> {
        self.files.values().filter_map(|file| file.reopen().err()).collect()
    }
}

impl Targets {
    /// For a log that is no configuration's.
    ///
    /// # Errors
    /// The first file that cannot be opened.
    pub fn open(logs: &[ErrorLog]) -> Result<Arc<Self>, OpenError> {
        Shared::default().open(logs, None, &mut Vec::new())
    }

    /// The least important level that goes anywhere.
    pub(super) fn least(&self) -> Option<LogLevel> {
        self.targets.iter().map(|(_, level)| *level).max()
    }

    pub(super) fn takes(&self, level: LogLevel) -> bool {
        self.targets.iter().any(|(_, least)| level <= *least)
    }

    /// Writes a line to all that take its level. What cannot be written is lost: there is nowhere to say so.
    pub(super) fn write(&self, prefix: &Prefix<'_>, level: LogLevel, text: &str, buffer: &mut Vec<u8>) -> Written {
        let mut written = Written::default();
        buffer.clear();
        for (target, least) in &self.targets {
            if level > *least {
                continue;
            }
            if buffer.is_empty() {
                line::append(prefix, level, text, buffer);
            }
            match target {
                Target::File(file) => drop(file.write(buffer)),
                Target::Stderr => {
                    written.has_stderr = true;
                    write_to_stderr(buffer);
                }
                Target::Syslog(sender) => {
                    let line = buffer.strip_suffix(b"\n").unwrap_or(buffer);
                    if let Err(error) = sender.send(Some(line::severity(level)), line) {
                        written.failed = Some(error);
                    }
                }
            }
        }
        written
    }
}

impl Log {
    pub(super) const fn new() -> Self {
        let state = State { targets: None, console: true };
        let least = LogLevel::Notice as u64;
        Self { state: RwLock::new(state), least: AtomicU64::new(least), least_anywhere: AtomicU64::new(least) }
    }

    pub(super) fn takes(&self, level: LogLevel) -> bool {
        line::code(level) <= self.least.load(Ordering::Relaxed)
    }

    /// The least important level that goes anywhere, lines of locations included.
    pub(super) fn least_anywhere(&self) -> LogLevel {
        line::level(self.least_anywhere.load(Ordering::Relaxed)).unwrap_or(LogLevel::Debug)
    }

    /// `least_of_levels` is of lines that do not go through this log.
    pub(super) fn replace(&self, targets: Arc<Targets>, least_of_levels: Option<LogLevel>) {
        self.change(|state| state.targets = Some(targets));
        // Never lower again: connections of the generation before still write to its lines.
        let of_levels = least_of_levels.map_or(0, line::code);
        self.least_anywhere.fetch_max(of_levels, Ordering::Relaxed);
    }

    pub(super) fn leave_console(&self) {
        self.change(|state| state.console = false);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let of_targets = state.targets.iter().filter_map(|targets| targets.least());
        let least = of_targets.chain(state.console_level()).max();
        // With nothing to write to, only a level above all would do; `emerg` is the nearest there is.
        let least = line::code(least.unwrap_or(LogLevel::Emerg));
        self.least.store(least, Ordering::Relaxed);
        self.least_anywhere.fetch_max(least, Ordering::Relaxed);
    }

    /// Writes a line to all that take its level.
    pub(super) fn write(&self, prefix: &Prefix<'_>, level: LogLevel, text: &str, buffer: &mut Vec<u8>) -> Written {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let written = state.targets.as_ref().map(|targets| targets.write(prefix, level, text, buffer));
        let written = written.unwrap_or_default();
        if !written.has_stderr && state.console_level().is_some_and(|least| level <= least) {
            buffer.clear();
            line::append_for_console(level, text, buffer);
            drop(std::io::stderr().write_all(buffer));
        }
        written
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

/// Writes a line, unless stderr is a pipe that is full: nobody may wait for whoever reads it.
fn write_to_stderr(line: &[u8]) {
    let stderr = std::io::stderr();
    let mut ready = [PollFd::new(&stderr, PollFlags::OUT)];
    let has_room = poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) != Ok(0);
    if has_room {
        drop(stderr.lock().write_all(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(level: LogLevel) -> Arc<Targets> {
        Targets::open(&[ErrorLog { target: ErrorLogTarget::Stderr, level }]).unwrap()
    }

    #[test]
    fn a_level_is_on_as_soon_as_anybody_takes_it() {
        let log = Log::new();
        assert!(log.takes(LogLevel::Notice) && !log.takes(LogLevel::Info));
        log.replace(targets(LogLevel::Crit), None);
        assert!(log.takes(LogLevel::Warn) && !log.takes(LogLevel::Notice), "the console takes warnings");
        log.leave_console();
        assert!(log.takes(LogLevel::Crit) && !log.takes(LogLevel::Error));
        log.replace(targets(LogLevel::Debug), None);
        assert!(log.takes(LogLevel::Debug));
    }

    #[test]
    fn a_file_named_twice_is_open_once_reopened_and_gets_a_line_from_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("error.log");
        let to = |level| ErrorLog { target: ErrorLogTarget::File(path.clone()), level };
        let mut shared = Shared::default();
        let targets = shared.open(&[to(LogLevel::Error), to(LogLevel::Info)], None, &mut Vec::new()).unwrap();
        assert_eq!(shared.paths().count(), 1);
        std::fs::remove_file(&path).unwrap();
        assert!(shared.reopen().is_empty());
        let prefix = Prefix { time: "t", pid: 1, thread: 2, connection: None };
        targets.write(&prefix, LogLevel::Error, "both", &mut Vec::new());
        targets.write(&prefix, LogLevel::Info, "one", &mut Vec::new());
        targets.write(&prefix, LogLevel::Debug, "none", &mut Vec::new());
        let lines = "t [error] 1#2: both\nt [error] 1#2: both\nt [info] 1#2: one\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), lines);
    }

    #[test]
    fn the_levels_of_locations_are_heard_of() {
        let log = Log::new();
        log.leave_console();
        log.replace(targets(LogLevel::Error), Some(LogLevel::Info));
        assert!(!log.takes(LogLevel::Info));
        assert_eq!(log.least_anywhere(), LogLevel::Info);
    }

    #[test]
    fn a_file_that_cannot_be_opened_changes_nothing() {
        let log = ErrorLog { target: ErrorLogTarget::File("/nonexistent/e.log".into()), level: LogLevel::Error };
        assert!(Targets::open(&[log]).unwrap_err().to_string().starts_with("open() \"/nonexistent/e.log\" failed (2:"));
    }
}
