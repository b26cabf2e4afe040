//! Errors of the process itself, and what is done when the program is wrong.

use std::fmt;
use std::panic;

use crate::model::LogLevel;
use crate::observe::error_log;

/// Why something cannot be: one line that names the resource, the errno and the remedy.
#[derive(Debug)]
pub struct Fatal(pub String);

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes the line where errors go: before the process serves that is also the terminal.
pub fn emerg(error: &Fatal) {
    error_log::write(LogLevel::Emerg, None, format_args!("{error}"));
}

/// Writes every panic to the error log with its place: a shard goes on after it, so nobody else would.
pub fn log_panics() {
    panic::set_hook(Box::new(|panicked| {
        let text = crate::shard::contain::text_of(panicked.payload());
        match panicked.location() {
            Some(place) => {
                let (file, line) = (place.file(), place.line());
                error_log::write(LogLevel::Alert, None, format_args!("panic at {file}:{line}: {text}"));
            }
            None => error_log::write(LogLevel::Alert, None, format_args!("panic: {text}")),
        }
    }));
}
