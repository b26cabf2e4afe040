//! The form of a line. Pure: time and numbers are arguments.

use std::fmt::{self, Write as _};

use crate::limits::ERROR_LINE_BYTES_MAX;
use crate::model::LogLevel;

const LEVELS: [LogLevel; 8] = [
    LogLevel::Emerg,
    LogLevel::Alert,
    LogLevel::Crit,
    LogLevel::Error,
    LogLevel::Warn,
    LogLevel::Notice,
    LogLevel::Info,
    LogLevel::Debug,
];

/// What stands before the text.
pub(super) struct Prefix<'p> {
    pub time: &'p str,
    pub pid: u32,
    pub thread: i32,
    pub connection: Option<u64>,
}

/// 0 for `emerg` to 7 for `debug`.
pub(super) fn code(level: LogLevel) -> u64 {
    level as u64
}

/// The same for syslog.
pub(super) fn severity(level: LogLevel) -> u8 {
    level as u8
}

pub(super) fn level(code: u64) -> Option<LogLevel> {
    LEVELS.get(usize::try_from(code).ok()?).copied()
}

pub(super) fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Emerg => "emerg",
        LogLevel::Alert => "alert",
        LogLevel::Crit => "crit",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Notice => "notice",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

/// `2026/11/21 05:18:00 [error] 5#7: *3 text`, for files.
pub(super) fn append(prefix: &Prefix<'_>, level: LogLevel, text: &str, out: &mut Vec<u8>) {
    let mut line = Line::new(out);
    let Prefix { time, pid, thread, connection } = prefix;
    // A line takes what fits and never fails.
    let _ = write!(line, "{time} [{}] {pid}#{thread}: ", word(level));
    if let Some(connection) = connection {
        let _ = write!(line, "*{connection} ");
    }
    let _ = line.write_str(text);
    line.end();
}

/// `longhaul: [emerg] text`, for whoever started the process.
pub(super) fn append_for_console(level: LogLevel, text: &str, out: &mut Vec<u8>) {
    let mut line = Line::new(out);
    let _ = write!(line, "longhaul: [{}] {text}", word(level));
    line.end();
}

/// One line: control bytes become `\xHH`, so that no text can forge a second one; what is too long is cut.
struct Line<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> Line<'o> {
    fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    fn end(self) {
        self.out.push(b'\n');
    }
}

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.chars() {
            let mut utf8 = [0; 4];
            let escaped;
            let piece = if part.is_ascii_control() {
                escaped = format!("\\x{:02X}", u32::from(part));
                escaped.as_str()
            } else {
                part.encode_utf8(&mut utf8)
            };
            if self.out.len() - self.start + piece.len() >= ERROR_LINE_BYTES_MAX {
                break;
            }
            self.out.extend_from_slice(piece.as_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: Prefix<'_> = Prefix { time: "2026/11/21 05:18:00", pid: 5, thread: 7, connection: Some(3) };

    fn lined(prefix: &Prefix<'_>, level: LogLevel, text: &str) -> String {
        let mut out = Vec::new();
        append(prefix, level, text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_have_nginx_form() {
        let text = "connect() failed (111: Connection refused), client: 127.0.0.1";
        assert_eq!(lined(&PREFIX, LogLevel::Error, text), format!("2026/11/21 05:18:00 [error] 5#7: *3 {text}\n"));
        let bare = Prefix { connection: None, ..PREFIX };
        assert_eq!(lined(&bare, LogLevel::Notice, "x"), "2026/11/21 05:18:00 [notice] 5#7: x\n");
        let mut out = Vec::new();
        append_for_console(LogLevel::Emerg, "no", &mut out);
        assert_eq!(out, b"longhaul: [emerg] no\n");
    }

    #[test]
    fn a_text_cannot_forge_a_second_line() {
        assert!(lined(&PREFIX, LogLevel::Info, "a\nb\x7f\té").ends_with("*3 a\\x0Ab\\x7F\\x09é\n"));
    }

    #[test]
    fn long_lines_are_cut_at_a_character() {
        let line = lined(&PREFIX, LogLevel::Info, &"é".repeat(ERROR_LINE_BYTES_MAX));
        assert!(line.len() <= ERROR_LINE_BYTES_MAX && line.len() > ERROR_LINE_BYTES_MAX - 4, "{}", line.len());
    }

    #[test]
    fn every_level_has_a_code_and_a_word() {
        for level in LEVELS {
            assert_eq!(super::level(code(level)), Some(level));
            assert!(!word(level).is_empty());
        }
        assert_eq!(super::level(8), None);
    }
}
