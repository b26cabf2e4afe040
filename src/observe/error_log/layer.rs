//! Events of `tracing` as lines: our own carry nginx's level and the connection, those of libraries only a level.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Once};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context as Position, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::line::{self, Prefix};
use super::targets::{LOG, Log, Targets};
use crate::model::LogLevel;
use crate::observe::clock;

/// Target of our own events.
pub(super) const OWN: &str = "longhaul";

static INSTALLED: Once = Once::new();

thread_local! {
    /// Where our own event goes that is being made now, if it is not the process's.
    static TARGETS: RefCell<Option<Arc<Targets>>> = const { RefCell::new(None) };

    /// Text and line of the event at hand.
    static SCRATCH: RefCell<(String, Vec<u8>)> = const { RefCell::new((String::new(), Vec::new())) };
}

/// Makes [`LOG`] the destination of all events, unless the program around us has chosen another.
pub(super) fn install() {
    INSTALLED.call_once(|| {
        // Refused when one was set before: then that one gets the events.
        drop(tracing::subscriber::set_global_default(Registry::default().with(ErrorLayer { log: &LOG })));
    });
}

/// Sends the events that `make` makes to these targets.
pub(super) fn direct(targets: &Arc<Targets>, make: impl FnOnce()) {
    TARGETS.set(Some(Arc::clone(targets)));
    make();
    TARGETS.set(None);
}

/// Writes events to a log, those that were directed to other targets excepted.
pub(super) struct ErrorLayer {
    pub log: &'static Log,
}

impl<S: Subscriber> Layer<S> for ErrorLayer {
    fn enabled(&self, event: &Metadata<'_>, _: Position<'_, S>) -> bool {
        // Libraries tell of their inner life from `info` on: only who asked for `debug` wants to know.
        // What comes of a name stands in the line of whoever asked for it: name servers must not fill the log.
        let is_wanted = *event.level() <= Level::WARN && !event.target().starts_with("hickory");
        event.target() == OWN || is_wanted || self.log.takes(LogLevel::Debug)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.log.least_anywhere() {
            LogLevel::Emerg | LogLevel::Alert | LogLevel::Crit | LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Notice | LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
        })
    }

    fn on_event(&self, event: &Event<'_>, _: Position<'_, S>) {
        SCRATCH.with(|scratch| {
            // An event inside the formatting of another would find the scratch in use.
            let Ok(mut scratch) = scratch.try_borrow_mut() else { return };
            let (text, buffer) = &mut *scratch;
            text.clear();
            let mut fields = Fields { text, level: None, connection: None };
            event.record(&mut fields);
            let Fields { level, connection, .. } = fields;
            let level = level.unwrap_or_else(|| level_of(*event.metadata().level()));
            let targets = if event.metadata().target() == OWN { TARGETS.take() } else { None };
            let takes = targets.as_ref().map_or_else(|| self.log.takes(level), |targets| targets.takes(level));
            if !takes {
                return;
            }
            let time = clock::error_time();
            let prefix = Prefix {
                time: time.as_str(),
                pid: std::process::id(),
                thread: rustix::thread::gettid().as_raw_nonzero().get(),
                connection,
            };
            let written = match &targets {
                Some(targets) => targets.write(&prefix, level, text, buffer),
                None => self.log.write(&prefix, level, text, buffer),
            };
            if let Some(failed) = written.failed {
                text.clear();
                // A string takes everything.
                let _ = write!(text, "{failed}");
                // Should this fail as well, it was told enough.
                let _ = self.log.write(&Prefix { connection: None, ..prefix }, LogLevel::Error, text, buffer);
            }
        });
    }
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG | Level::TRACE => LogLevel::Debug,
    }
}

/// Collects the fields of an event.
struct Fields<'t> {
    text: &'t mut String,
    level: Option<LogLevel>,
    connection: Option<u64>,
}

impl Visit for Fields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "nginx" => self.level = line::level(value),
            "connection" => self.connection = Some(value),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string fails only if the value's own formatting does: then what it wrote so far stands.
        let _ = match field.name() {
            "message" => write!(self.text, "{value:?}"),
            name => write!(self.text, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ErrorLog, ErrorLogTarget};

    /// What two files hold, for `error` and for `level`, after the events.
    fn logged(level: LogLevel, events: impl FnOnce()) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("error.log"), folder.path().join("more.log")];
        let to = |at: usize, level| ErrorLog { target: ErrorLogTarget::File(paths[at].clone()), level };
        let log: &'static Log = Box::leak(Box::new(Log::new()));
        log.replace(Targets::open(&[to(0, LogLevel::Error), to(1, level)]).unwrap(), None);
        log.leave_console();
        tracing::subscriber::with_default(Registry::default().with(ErrorLayer { log }), events);
        // Without the time, the numbers of process and thread.
        let read = |at: usize| {
            let text = std::fs::read_to_string(&paths[at]).unwrap();
            text.lines().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
        };
        (read(0), read(1))
    }

    fn own(level: LogLevel, connection: Option<u64>, text: &str) {
        tracing::event!(target: OWN, Level::ERROR, nginx = line::code(level), connection, "{text}");
    }

    #[test]
    fn each_file_takes_its_levels() {
        let (errors, all) = logged(LogLevel::Notice, || {
            own(LogLevel::Alert, Some(7), "first");
            own(LogLevel::Warn, None, "second");
            own(LogLevel::Info, None, "third");
        });
        assert_eq!(errors, ["*7 first"]);
        assert_eq!(all, ["*7 first", "second"]);
    }

    #[test]
    fn events_of_libraries_are_lines_from_warn_on() {
        let (errors, all) = logged(LogLevel::Info, || {
            tracing::error!(target: "library", code = 5, "broken");
            tracing::warn!(target: "library", "odd");
            tracing::info!(target: "library", "chatter");
        });
        assert_eq!(errors, ["broken code=5"]);
        assert_eq!(all, ["broken code=5", "odd"]);
    }

    #[test]
    fn debug_tells_what_libraries_do() {
        let (_, all) = logged(LogLevel::Debug, || tracing::debug!(target: "library", "inner life"));
        assert_eq!(all, ["inner life"]);
    }
}
