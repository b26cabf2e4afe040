//! An access log line that waits for the end of a tunnel.
//!
//! All that is known at the upgrade is rendered then; what only the end tells stays as a hole. So an idle tunnel keeps
//! one block of about the line's length, and nothing of the request.

use std::io::Write as _;
use std::sync::Arc;

use super::access_log::AccessLogs;
use super::clock;
use super::outcome::TunnelRecord;
use crate::model::{AccessLog, Escape, Variable};

/// What is known only at the end. A hole has a base: mostly what was counted before the tunnel began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Hole {
    /// Base in bytes, to which those of the tunnel to the client are added: `$bytes_sent`, `$body_bytes_sent`,
    /// `$upstream_bytes_received`, `$tunnel_bytes_to_client`.
    BytesToClient,
    /// The same for the other direction: `$upstream_bytes_sent`, `$tunnel_bytes_to_upstream`.
    BytesToUpstream,
    /// Base in milliseconds, to which the tunnel's duration is added: `$request_time`, `$connection_time`,
    /// `$upstream_response_time`, `$tunnel_time`.
    Time,
    /// `$msec`; no base.
    Msec,
    /// `$time_iso8601`; no base.
    TimeIso8601,
    /// `$time_local`; no base.
    TimeLocal,
    /// `$tunnel_end`; no base.
    End,
    /// `$tunnel_messages_to_upstream`; no base.
    MessagesToUpstream,
    /// `$tunnel_messages_to_client`; no base.
    MessagesToClient,
    /// `$tunnel_close_code`; the base is that of [`base_of_absent`].
    CloseCode,
    /// `$tunnel_close_by`; the same base.
    CloseBy,
}

/// The base of holes whose value may be absent: it says whether the format writes `-` for that.
#[must_use]
pub fn base_of_absent(escape: Escape) -> u64 {
    match escape {
        Escape::Default => 1,
        Escape::Json | Escape::None => 0,
    }
}

/// A line in the making.
#[derive(Debug, Default)]
pub struct Draft {
    bytes: Vec<u8>,
    text: Vec<u8>,
}

/// A line with holes: (length of text, text, hole, base) again and again, then the last text alone. Numbers have seven
/// bits a byte, the high bit set on all but the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferred {
    bytes: Box<[u8]>,
}

/// The lines of one tunnel, with the logs they belong to.
#[derive(Debug)]
pub struct Lines {
    access_logs: Arc<[AccessLog]>,
    /// With the place of the log in `access_logs`.
    lines: Box<[(usize, Deferred)]>,
}

impl Hole {
    /// By number.
    const ALL: [Self; 11] = [
        Self::BytesToClient,
        Self::BytesToUpstream,
        Self::Time,
        Self::Msec,
        Self::TimeIso8601,
        Self::TimeLocal,
        Self::End,
        Self::MessagesToUpstream,
        Self::MessagesToClient,
        Self::CloseCode,
        Self::CloseBy,
    ];

    /// The hole that a variable leaves in the line of a tunnel; `None` if its value is final at the upgrade.
    #[must_use]
    pub fn of(variable: &Variable) -> Option<Self> {
        match variable {
            Variable::BytesSent
            | Variable::BodyBytesSent
            | Variable::UpstreamBytesReceived
            | Variable::TunnelBytesToClient => Some(Self::BytesToClient),
            Variable::UpstreamBytesSent | Variable::TunnelBytesToUpstream => Some(Self::BytesToUpstream),
            Variable::RequestTime
            | Variable::ConnectionTime
            | Variable::UpstreamResponseTime
            | Variable::TunnelTime => Some(Self::Time),
            Variable::TunnelEnd => Some(Self::End),
            Variable::TunnelMessagesToUpstream => Some(Self::MessagesToUpstream),
            Variable::TunnelMessagesToClient => Some(Self::MessagesToClient),
            Variable::TunnelCloseCode => Some(Self::CloseCode),
            Variable::TunnelCloseBy => Some(Self::CloseBy),
            Variable::Msec => Some(Self::Msec),
            Variable::TimeIso8601 => Some(Self::TimeIso8601),
            Variable::TimeLocal => Some(Self::TimeLocal),
            // All others are of the request, the connection or the head of the answer.
            _ => None,
        }
    }

    fn fill(self, base: u64, record: &TunnelRecord, out: &mut Vec<u8>) {
        let number = |n: u64, out: &mut Vec<u8>| {
            // Writing to a vector cannot fail.
            let _ = write!(out, "{n}");
        };
        match self {
            Self::BytesToClient => number(base.saturating_add(record.bytes_to_client), out),
            Self::BytesToUpstream => number(base.saturating_add(record.bytes_to_upstream), out),
            Self::Time => {
                let ms = u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX).saturating_add(base);
                let _ = write!(out, "{}.{:03}", ms / 1000, ms % 1000);
            }
            Self::Msec => out.extend_from_slice(clock::msec().as_bytes()),
            Self::TimeIso8601 => out.extend_from_slice(clock::time_iso8601().as_bytes()),
            Self::TimeLocal => out.extend_from_slice(clock::time_local().as_bytes()),
            Self::End => out.extend_from_slice(record.ended.word().as_bytes()),
            Self::MessagesToUpstream => number(record.messages_to_upstream.into(), out),
            Self::MessagesToClient => number(record.messages_to_client.into(), out),
            Self::CloseCode => match record.close {
                Some(close) => number(close.code.into(), out),
                None => absent(base, out),
            },
            Self::CloseBy => match record.close {
                Some(close) => out.extend_from_slice(close.by.word().as_bytes()),
                None => absent(base, out),
            },
        }
    }
}

fn absent(base: u64, out: &mut Vec<u8>) {
    if base > 0 {
        out.push(b'-');
    }
}

impl Draft {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Text goes to the end of this, escaped as the log wants it.
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// A hole comes next. `base` is in bytes or milliseconds, as the hole says.
    pub fn leave(&mut self, hole: Hole, base: u64) {
        self.end_text();
        self.bytes.push(hole as u8);
        append_number(base, &mut self.bytes);
    }

    #[must_use]
    pub fn seal(mut self) -> Deferred {
        self.end_text();
        Deferred { bytes: self.bytes.into_boxed_slice() }
    }

    fn end_text(&mut self) {
        append_number(self.text.len() as u64, &mut self.bytes);
        self.bytes.append(&mut self.text);
    }
}

impl Deferred {
    /// Appends the line with its holes filled.
    pub fn render(&self, record: &TunnelRecord, out: &mut Vec<u8>) {
        let mut rest = &*self.bytes;
        // What a draft wrote always reads back; if not, the line ends early.
        while let Some(length) = read_number(&mut rest) {
            let Some((text, after)) = usize::try_from(length).ok().and_then(|n| rest.split_at_checked(n)) else {
                return;
            };
            out.extend_from_slice(text);
            let Some((hole, after)) = after.split_first() else { return };
            rest = after;
            let (Some(hole), Some(base)) = (Hole::ALL.get(usize::from(*hole)), read_number(&mut rest)) else { return };
            hole.fill(base, record, out);
        }
    }

    /// What it keeps, beyond its own pointer and length.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl Lines {
    /// `lines` with the place of their log in `access_logs`, and without line feed at the end.
    #[must_use]
    pub fn new(access_logs: Arc<[AccessLog]>, lines: Vec<(usize, Deferred)>) -> Self {
        Self { access_logs, lines: lines.into_boxed_slice() }
    }

    /// Writes the lines of a tunnel that has ended.
    pub fn write(&self, logs: &AccessLogs, record: &TunnelRecord) {
        let mut text = Vec::new();
        for (at, line) in &self.lines {
            let Some(log) = self.access_logs.get(*at) else { continue };
            text.clear();
            line.render(record, &mut text);
            text.push(b'\n');
            logs.write(&log.target, &text);
        }
    }
}

fn append_number(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::outcome::{TunnelClose, TunnelCloser, TunnelEnd};
    use proptest::prelude::*;
    use std::time::Duration;

    fn record() -> TunnelRecord {
        TunnelRecord {
            ended: TunnelEnd::ClientClosed,
            bytes_to_upstream: 70,
            bytes_to_client: 4_000_000_000,
            messages_to_upstream: 3,
            messages_to_client: 5,
            close: Some(TunnelClose { by: TunnelCloser::Peer, code: 1000 }),
            duration: Duration::from_millis(61_005),
        }
    }

    fn rendered(line: &Deferred) -> String {
        let mut out = Vec::new();
        line.render(&record(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn holes_are_filled_at_the_end() {
        let mut draft = Draft::new();
        draft.text().extend_from_slice(b"a ");
        draft.leave(Hole::BytesToClient, 129);
        draft.text().extend_from_slice(b" b ");
        draft.leave(Hole::BytesToUpstream, 0);
        draft.leave(Hole::Time, 1);
        draft.text().push(b'.');
        assert_eq!(rendered(&draft.seal()), "a 4000000129 b 7061.006.");
    }

    #[test]
    fn every_hole_reads_back_as_itself() {
        for (number, hole) in Hole::ALL.into_iter().enumerate() {
            assert_eq!(hole as usize, number);
        }
    }

    #[test]
    fn how_a_tunnel_ended_is_filled_in() {
        let mut draft = Draft::new();
        for hole in [Hole::End, Hole::MessagesToUpstream, Hole::MessagesToClient, Hole::CloseCode, Hole::CloseBy] {
            draft.text().push(b' ');
            draft.leave(hole, base_of_absent(Escape::Default));
        }
        draft.leave(Hole::CloseCode, base_of_absent(Escape::Json));
        let line = draft.seal();
        assert_eq!(rendered(&line), " client_closed 3 5 1000 peer1000");
        let mut out = Vec::new();
        line.render(&TunnelRecord { close: None, ..record() }, &mut out);
        assert_eq!(out, b" client_closed 3 5 - -");
    }

    #[test]
    fn the_end_has_its_own_time() {
        let mut draft = Draft::new();
        draft.leave(Hole::TimeLocal, 0);
        draft.leave(Hole::TimeIso8601, 0);
        draft.leave(Hole::Msec, 0);
        let line = rendered(&draft.seal());
        assert!(line.len() >= 26 + 25 + 14 && line.is_ascii(), "{line}");
        assert_eq!(rendered(&Draft::new().seal()), "");
    }

    #[test]
    fn a_combined_line_keeps_little_more_than_its_text() {
        let mut draft = Draft::new();
        let text = b"203.0.113.7 - - [] \"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\" 101 \"-\" \"agent\"";
        draft.text().extend_from_slice(&text[..18]);
        draft.leave(Hole::TimeLocal, 0);
        draft.text().extend_from_slice(&text[18..]);
        draft.leave(Hole::BytesToClient, 0);
        let line = draft.seal();
        assert!(line.kept_bytes() <= text.len() + 8, "{}", line.kept_bytes());
    }

    #[test]
    fn lines_go_to_their_logs() {
        use crate::model::{AccessLogTarget, Escape, LogFormat, Template};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let format = LogFormat { name: "f".into(), escape: Escape::Default, line: Template::default() };
        let log = AccessLog {
            target: AccessLogTarget::File(path.clone()),
            format: Arc::new(format),
            buffer_bytes: 0,
            flush: None,
            condition: None,
        };
        let mut draft = Draft::new();
        draft.leave(Hole::BytesToUpstream, 1);
        let lines = Lines::new(Arc::new([log]), vec![(0, draft.seal())]);
        let logs = AccessLogs::of_files([(path.clone(), 0)]).unwrap();
        lines.write(&logs, &record());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "71\n");
    }

    proptest! {
        #[test]
        fn any_text_and_base_read_back(parts in proptest::collection::vec((".{0,200}", 0..u64::MAX / 2), 0..6)) {
            let mut draft = Draft::new();
            let mut expected = String::new();
            for (text, base) in &parts {
                draft.text().extend_from_slice(text.as_bytes());
                draft.leave(Hole::BytesToUpstream, *base);
                expected += &format!("{text}{}", base + 70);
            }
            prop_assert_eq!(rendered(&draft.seal()), expected);
        }

        #[test]
        fn other_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            Deferred { bytes: bytes.into() }.render(&record(), &mut Vec::new());
        }
    }
}
