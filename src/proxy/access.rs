//! The access log of an exchange: its lines rendered when it ends, or, for a tunnel, when that ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use crate::model::{AccessLog, Part, Variable};
use crate::observe::deferred::{Deferred, Draft, Hole, Lines, base_of_absent};
use crate::observe::escape;

impl Exchange<'_> {
    /// Writes a line to each access log of the location.
    pub fn write_access_log(&self) {
        for log in self.location.access_logs.iter().filter(|log| self.wants_line(log)) {
            let mut line = Vec::with_capacity(256);
            let mut value = Vec::new();
            for part in &log.format.line.parts {
                self.append_part(log, part, &mut value, &mut line);
            }
            line.push(b'\n');
            self.shard.logs.write(&log.target, &line);
        }
    }

    /// The same lines for an exchange that becomes a tunnel: what is known now is rendered, the rest is left open.
    pub fn tunnel_lines(&self) -> Option<Lines> {
        let logs = &self.location.access_logs;
        let wanted = logs.iter().enumerate().filter(|(_, log)| self.wants_line(log));
        let lines: Vec<(usize, Deferred)> = wanted.map(|(place, log)| (place, self.deferred(log))).collect();
        (!lines.is_empty()).then(|| Lines::new(Arc::clone(logs), lines))
    }

    fn deferred(&self, log: &AccessLog) -> Deferred {
        let mut draft = Draft::new();
        let mut value = Vec::new();
        for part in &log.format.line.parts {
            match part {
                Part::Variable(variable) => match Hole::of(variable) {
                    Some(hole) => draft.leave(hole, self.base(log, variable)),
                    None => self.append_part(log, part, &mut value, draft.text()),
                },
                Part::Text(_) => self.append_part(log, part, &mut value, draft.text()),
            }
        }
        draft.seal()
    }

    /// The base of a variable's hole: what was counted before the tunnel in bytes or milliseconds, or what it says.
    fn base(&self, log: &AccessLog, variable: &Variable) -> u64 {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let attempt = self.attempts.last();
        match variable {
            Variable::BytesSent => self.sent.borrow().bytes,
            Variable::UpstreamBytesReceived => attempt.map_or(0, |attempt| attempt.bytes_received),
            Variable::UpstreamBytesSent => attempt.map_or(0, |attempt| attempt.bytes_sent),
            Variable::RequestTime => ms(self.started.elapsed()),
            Variable::ConnectionTime => ms(self.client.accepted_at.elapsed()),
            Variable::UpstreamResponseTime => ms(Instant::now() - self.attempt_started.get()),
            Variable::TunnelCloseCode | Variable::TunnelCloseBy => base_of_absent(log.format.escape),
            // The others count from the upgrade on, or are no counts.
            _ => 0,
        }
    }

    fn append_part(&self, log: &AccessLog, part: &Part, value: &mut Vec<u8>, line: &mut Vec<u8>) {
        match part {
            Part::Text(text) => line.extend_from_slice(text),
            Part::Variable(variable) => {
                value.clear();
                let there = self.append(variable, value);
                escape::append(log.format.escape, there.then_some(value), line);
            }
        }
    }

    fn wants_line(&self, log: &AccessLog) -> bool {
        log.condition.as_ref().is_none_or(|condition| {
            let value = self.evaluate(condition);
            !value.is_empty() && value != b"0"
        })
    }
}
