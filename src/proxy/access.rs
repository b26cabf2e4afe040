//! The access log of an exchange: its lines rendered when it ends, or, for a tunnel, when that ends.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use super::shard::Shard;
use crate::model::{AccessLog, AccessLogTarget, Escape, Location, LogLevel, Part, Template, Variable};
use crate::observe::deferred::{Draft, Hole, Lines, base_of_absent, lists_attempts};
use crate::observe::escape;
use crate::observe::path_logs::Failed;
use crate::observe::words;

impl Shard {
    /// Writes a line, without its line feed, to the log of a location; `path` is what the variables of the log's make.
    ///
    /// # Errors
    /// When that path cannot be opened or written.
    pub fn write_line(
        &self,
        location: &Location,
        log: &AccessLog,
        path: Option<&[u8]>,
        line: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        match (&log.target, path) {
            (AccessLogTarget::Syslog(id), _) => self.logs.access.send(*id, line),
            (AccessLogTarget::File(id), _) => {
                line.push(b'\n');
                self.logs.access.write(*id, line);
            }
            (AccessLogTarget::Path(_), Some(path)) => {
                line.push(b'\n');
                return self.write_to_path(location.log_cache, path, line);
            }
            (AccessLogTarget::Path(_), None) => {}
        }
        Ok(())
    }
}

impl Exchange<'_> {
    /// Writes a line to each access log of the location.
    pub fn write_access_log(&self) {
        for log in self.location.access_logs.iter().filter(|log| self.wants_line(log)) {
            let Ok(path) = self.log_path(log) else { continue };
            self.shard.with_scratch(|line, value| {
                for part in &log.format.line.parts {
                    match part {
                        Part::Text(text) => line.extend_from_slice(text),
                        Part::Variable(variable) => self.append_escaped(log.format.escape, variable, value, line),
                    }
                }
                if let Err(failed) = self.shard.write_line(self.location, log, path.as_deref(), line) {
                    self.report(LogLevel::Crit, format_args!("{failed}"));
                }
            });
        }
    }

    /// The same lines for an exchange that becomes a tunnel: what is known now is rendered, the rest is left open.
    pub fn tunnel_lines(&self) -> Option<Lines> {
        let mut draft = Draft::default();
        for (place, log) in self.location.access_logs.iter().enumerate().filter(|(_, log)| self.wants_line(log)) {
            if self.log_path(log).is_err() {
                continue;
            }
            draft.begin(place);
            if let AccessLogTarget::Path(path) = &log.target {
                self.draft(path, Escape::None, &mut draft);
            }
            self.draft(&log.format.line, log.format.escape, &mut draft);
        }
        draft.seal(self.location)
    }

    fn draft(&self, template: &Template, escape: Escape, draft: &mut Draft) {
        self.shard.with_scratch(|text, value| {
            for part in &template.parts {
                let Part::Variable(variable) = part else { continue };
                text.clear();
                if Hole::of(variable).is_some() {
                    if lists_attempts(variable) {
                        draft.value(self.earlier(variable, text), None);
                    }
                    draft.leave(self.base(escape, variable));
                    continue;
                }
                self.append_escaped(escape, variable, value, text);
                let is_shared = words::is_shared(variable);
                draft.value(text, is_shared.then(|| self.shard.words.borrow_mut().keep(text)).flatten());
            }
        });
    }

    /// What stands in a list of attempts before the last one's value.
    fn earlier<'t>(&self, variable: &Variable, text: &'t mut Vec<u8>) -> &'t [u8] {
        if self.attempts.len() < 2 {
            return b"";
        }
        self.append(variable, text);
        let end = text.iter().rposition(|byte| *byte == b' ').map_or(0, |at| at + 1);
        &text[..end]
    }

    /// The base of a variable's hole: what was counted before the tunnel in bytes or milliseconds, or what it says.
    fn base(&self, escape: Escape, variable: &Variable) -> u64 {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let attempt = self.attempts.last();
        match variable {
            Variable::BytesSent => self.sent.borrow().bytes,
            Variable::UpstreamBytesReceived => attempt.map_or(0, |attempt| attempt.bytes_received),
            Variable::UpstreamBytesSent => attempt.map_or(0, |attempt| attempt.bytes_sent),
            Variable::RequestTime => ms(self.started.elapsed()),
            Variable::ConnectionTime => ms(self.client.accepted_at.elapsed()),
            Variable::BytesReceived => self.request_bytes.get(),
            Variable::UpstreamResponseTime => ms(Instant::now() - self.attempt_started.get()),
            Variable::UpstreamFirstByteTime => {
                2 * ms(Instant::now() - self.attempt_started.get()) + base_of_absent(escape)
            }
            Variable::TunnelCloseCode | Variable::TunnelCloseBy => base_of_absent(escape),
            // The others count from the upgrade on, or are no counts.
            _ => 0,
        }
    }

    fn append_escaped(&self, escape: Escape, variable: &Variable, value: &mut Vec<u8>, line: &mut Vec<u8>) {
        value.clear();
        let there = self.append(variable, value);
        escape::append(escape, there.then_some(value), line);
    }

    /// The path of a log that has variables in it. As in nginx the line is left out where there is no `root`: without
    /// that check a client could have files made for hosts and folders that nobody configured.
    fn log_path(&self, log: &AccessLog) -> Result<Option<Vec<u8>>, NoRoot> {
        let AccessLogTarget::Path(path) = &log.target else { return Ok(None) };
        if self.server.stream.is_some() {
            // There is no `root`, and nothing of a client's own words among the variables.
            return Ok(Some(self.evaluate(path)));
        }
        let mut root = Vec::new();
        self.append(&Variable::DocumentRoot, &mut root);
        match std::fs::metadata(OsStr::from_bytes(&root)) {
            Ok(found) if found.is_dir() => Ok(Some(self.evaluate(path))),
            found => {
                let errno = found.err().unwrap_or_else(|| std::io::ErrorKind::NotADirectory.into());
                let (root, errno) = (String::from_utf8_lossy(&root), crate::sys::errno::Errno(&errno));
                self.report(LogLevel::Error, format_args!("testing \"{root}\" existence failed ({errno})"));
                Err(NoRoot)
            }
        }
    }

    fn wants_line(&self, log: &AccessLog) -> bool {
        log.condition.as_ref().is_none_or(|condition| self.is_true(condition))
    }
}

/// The folder that a log's path is checked against is not there.
struct NoRoot;
