//! Access log lines that wait for the end of a tunnel.
//!
//! Of the request only values are kept, rendered and escaped at the upgrade: the text between them stays in the format,
//! values that many clients have in common are kept once for all (see [`Words`]), and what only the end tells is a
//! hole. So an idle tunnel keeps one block of about a hundred bytes, and nothing of the request.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::clock;
use super::outcome::TunnelRecord;
use super::words::Words;
use crate::model::{AccessLog, AccessLogTarget, Escape, Location, Part, Variable};

/// What is known only at the end. A hole has a base: mostly what was counted before the tunnel began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// Base in bytes, to which those of the tunnel to the client are added: `$bytes_sent`, `$body_bytes_sent`,
    /// `$upstream_bytes_received`, `$tunnel_bytes_to_client`.
    BytesToClient,
    /// The same for the other direction: `$upstream_bytes_sent`, `$bytes_received`, `$tunnel_bytes_to_upstream`.
    BytesToUpstream,
    /// Base in milliseconds, to which the tunnel's duration is added: `$request_time`, `$connection_time`,
    /// `$upstream_response_time`, `$tunnel_time`.
    Time,
    /// `$upstream_first_byte_time`: twice the base in milliseconds before the tunnel, and [`base_of_absent`].
    FirstByte,
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

/// Whether a variable has a value for each peer that was tried. In the line of a tunnel those before the last are final:
/// their text stands before the hole.
#[must_use]
pub fn lists_attempts(variable: &Variable) -> bool {
    matches!(
        variable,
        Variable::UpstreamBytesReceived
            | Variable::UpstreamBytesSent
            | Variable::UpstreamFirstByteTime
            | Variable::UpstreamResponseTime
    )
}

/// The base of holes whose value may be absent: it says whether the format writes `-` for that.
#[must_use]
pub fn base_of_absent(escape: Escape) -> u64 {
    match escape {
        Escape::Default => 1,
        Escape::Json | Escape::None => 0,
    }
}

/// Lines in the making.
#[derive(Debug, Default)]
pub struct Draft {
    bytes: Vec<u8>,
}

/// The lines of one tunnel, with the location they belong to.
///
/// For each line the place of its log, and for each variable of a path with variables, then of the format, its value or the base of its hole (see [`lists_attempts`]). Numbers have seven bits a byte, the high bit set on all but the last. A value is its
/// doubled length and its bytes, or the doubled number of a shared word and one.
#[derive(Debug)]
pub struct Lines {
    location: Arc<Location>,
    bytes: Box<[u8]>,
}

impl Hole {
    /// The hole that a variable leaves in the line of a tunnel; `None` if its value is final at the upgrade.
    #[must_use]
    pub fn of(variable: &Variable) -> Option<Self> {
        match variable {
            Variable::BytesSent
            | Variable::BodyBytesSent
            | Variable::UpstreamBytesReceived
            | Variable::TunnelBytesToClient => Some(Self::BytesToClient),
            Variable::UpstreamBytesSent | Variable::BytesReceived | Variable::TunnelBytesToUpstream => {
                Some(Self::BytesToUpstream)
            }
            Variable::RequestTime
            | Variable::ConnectionTime
            | Variable::UpstreamResponseTime
            | Variable::TunnelTime => Some(Self::Time),
            Variable::UpstreamFirstByteTime => Some(Self::FirstByte),
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
            Self::Time => seconds(base, record.duration, out),
            Self::FirstByte => match record.answered {
                Some(answered) => seconds(base / 2, answered, out),
                None => absent(base % 2, out),
            },
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

/// The base in milliseconds and a time, with three digits.
fn seconds(base: u64, time: Duration, out: &mut Vec<u8>) {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).saturating_add(base);
    // Writing to a vector cannot fail.
    let _ = write!(out, "{}.{:03}", ms / 1000, ms % 1000);
}

fn absent(base: u64, out: &mut Vec<u8>) {
    if base > 0 {
        out.push(b'-');
    }
}

impl Draft {
    /// The line of a log comes next, by its place in the location's; where its path has variables, theirs before those of
    /// the format.
    pub fn begin(&mut self, place: usize) {
        append_number(place as u64, &mut self.bytes);
    }

    /// The value of the next variable; `word` is the number of the same text.
    pub fn value(&mut self, value: &[u8], word: Option<u32>) {
        match word {
            Some(word) => append_number(u64::from(word) << 1 | 1, &mut self.bytes),
            None => self.append_text(value),
        }
    }

    /// The next variable leaves a hole. `base` is in bytes or milliseconds, as the hole says.
    pub fn leave(&mut self, base: u64) {
        append_number(base, &mut self.bytes);
    }

    fn append_text(&mut self, text: &[u8]) {
        append_number((text.len() as u64) << 1, &mut self.bytes);
        self.bytes.extend_from_slice(text);
    }

    /// `None` if there is no line to write.
    #[must_use]
    pub fn seal(self, location: &Arc<Location>) -> Option<Lines> {
        if self.bytes.is_empty() {
            return None;
        }
        // A copy of the right size: shrunk in its place, the block would stay as large as it grew to be.
        Some(Lines { location: Arc::clone(location), bytes: self.bytes.as_slice().into() })
    }
}

impl Lines {
    /// Renders the lines of a tunnel that has ended, without line feed, and gives each to `write` with its log and the
    /// path that this log's variables made.
    pub fn finish(
        self,
        words: &mut Words,
        record: &TunnelRecord,
        mut write: impl FnMut(&Location, &AccessLog, Option<&[u8]>, &mut Vec<u8>),
    ) {
        let mut line = Vec::new();
        let mut rest = &*self.bytes;
        // What a draft wrote always reads back; if not, the lines end early.
        while let Some(place) = read_number(&mut rest) {
            let log = usize::try_from(place).ok().and_then(|place| self.location.access_logs.get(place));
            let Some(log) = log else { return };
            let mut path = None;
            if let AccessLogTarget::Path(template) = &log.target {
                let mut text = Vec::new();
                if render(&template.parts, &mut rest, words, record, &mut text).is_none() {
                    return;
                }
                path = Some(text);
            }
            line.clear();
            if render(&log.format.line.parts, &mut rest, words, record, &mut line).is_none() {
                return;
            }
            write(&self.location, log, path.as_deref(), &mut line);
        }
    }

    /// What it keeps, beyond its own fields.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// Appends a line: the parts of its format, with the next values of `rest`.
fn render(parts: &[Part], rest: &mut &[u8], words: &mut Words, record: &TunnelRecord, out: &mut Vec<u8>) -> Option<()> {
    for part in parts {
        match part {
            Part::Text(text) => out.extend_from_slice(text),
            Part::Variable(variable) => match Hole::of(variable) {
                Some(hole) => {
                    if lists_attempts(variable) {
                        read_value(rest, words, out)?;
                    }
                    hole.fill(read_number(rest)?, record, out);
                }
                None => read_value(rest, words, out)?,
            },
        }
    }
    Some(())
}

fn read_value(rest: &mut &[u8], words: &mut Words, out: &mut Vec<u8>) -> Option<()> {
    let number = read_number(rest)?;
    if number & 1 == 1 {
        out.extend_from_slice(&words.give_back(u32::try_from(number >> 1).ok()?)?);
    } else {
        let (text, after) = rest.split_at_checked(usize::try_from(number >> 1).ok()?)?;
        out.extend_from_slice(text);
        *rest = after;
    }
    Some(())
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

    fn record() -> TunnelRecord {
        TunnelRecord {
            ended: TunnelEnd::ClientClosed,
            bytes_to_upstream: 70,
            bytes_to_client: 4_000_000_000,
            messages_to_upstream: 3,
            messages_to_client: 5,
            close: Some(TunnelClose { by: TunnelCloser::Peer, code: 1000 }),
            answered: Some(Duration::from_millis(250)),
            duration: Duration::from_millis(61_005),
        }
    }

    fn parts(variables: &[Variable]) -> Vec<Part> {
        let part = |variable: &Variable| [Part::Text(b"<".as_slice().into()), Part::Variable(variable.clone())];
        variables.iter().flat_map(part).collect()
    }

    fn rendered(variables: &[Variable], draft: Draft) -> Option<String> {
        rendered_of(variables, draft, &record())
    }

    fn rendered_of(variables: &[Variable], draft: Draft, record: &TunnelRecord) -> Option<String> {
        let mut out = Vec::new();
        let mut rest = &*draft.bytes;
        render(&parts(variables), &mut rest, &mut Words::default(), record, &mut out)?;
        assert!(rest.is_empty());
        String::from_utf8(out).ok()
    }

    #[test]
    fn holes_are_filled_at_the_end() {
        let mut draft = Draft::default();
        draft.leave(129);
        draft.value(b"GET", None);
        draft.value(b"12, ", None);
        draft.leave(0);
        draft.leave(1);
        let variables =
            [Variable::BytesSent, Variable::RequestMethod, Variable::UpstreamBytesSent, Variable::RequestTime];
        assert_eq!(rendered(&variables, draft).unwrap(), "<4000000129<GET<12, 70<61.006");
    }

    #[test]
    fn how_a_tunnel_ended_is_filled_in() {
        let variables = [
            Variable::TunnelEnd,
            Variable::TunnelMessagesToUpstream,
            Variable::TunnelMessagesToClient,
            Variable::TunnelCloseCode,
            Variable::TunnelCloseBy,
        ];
        let line = |escape, record| {
            let mut draft = Draft::default();
            (0..5).for_each(|_| draft.leave(base_of_absent(escape)));
            rendered_of(&variables, draft, &record).unwrap()
        };
        assert_eq!(line(Escape::Default, record()), "<client_closed<3<5<1000<peer");
        assert_eq!(line(Escape::Default, TunnelRecord { close: None, ..record() }), "<client_closed<3<5<-<-");
        assert_eq!(line(Escape::Json, TunnelRecord { close: None, ..record() }), "<client_closed<3<5<<");
    }

    #[test]
    fn the_first_byte_has_its_time_or_none() {
        let line = |record| {
            let mut draft = Draft::default();
            draft.value(b"-, ", None);
            draft.leave(2 * 1005 + base_of_absent(Escape::Default));
            rendered_of(&[Variable::UpstreamFirstByteTime], draft, &record).unwrap()
        };
        assert_eq!(line(record()), "<-, 1.255");
        assert_eq!(line(TunnelRecord { answered: None, ..record() }), "<-, -");
    }

    #[test]
    fn the_end_has_its_own_time() {
        let mut draft = Draft::default();
        (0..3).for_each(|_| draft.leave(0));
        let line = rendered(&[Variable::TimeLocal, Variable::TimeIso8601, Variable::Msec], draft).unwrap();
        assert!(line.len() >= 26 + 25 + 14 && line.is_ascii(), "{line}");
        assert_eq!(rendered(&[Variable::Msec], Draft::default()), None);
    }

    #[test]
    fn a_combined_line_of_socket_io_keeps_a_hundred_bytes() {
        let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 \
                     Safari/537.36";
        let request = "GET /socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC HTTP/1.1";
        let mut words = Words::default();
        let mut draft = Draft::default();
        draft.begin(0);
        draft.value(b"203.0.113.7", None);
        draft.value(b"-", None);
        draft.leave(0);
        draft.value(request.as_bytes(), None);
        draft.value(b"101", None);
        draft.leave(0);
        draft.value(b"-", None);
        draft.value(agent.as_bytes(), words.keep(agent.as_bytes()));
        assert_eq!(draft.bytes.len(), 101);
    }

    proptest! {
        #[test]
        fn any_value_and_base_read_back(values in proptest::collection::vec((".{0,200}", 0..u64::MAX / 2), 0..6)) {
            let (mut draft, mut expected) = (Draft::default(), String::new());
            let mut variables = Vec::new();
            for (value, base) in &values {
                draft.value(value.as_bytes(), None);
                draft.leave(*base);
                variables.extend([Variable::Uri, Variable::BytesReceived]);
                expected += &format!("<{value}<{}", base + 70);
            }
            prop_assert_eq!(rendered(&variables, draft).unwrap(), expected);
        }

        #[test]
        fn other_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let variables = [Variable::Uri, Variable::BytesSent, Variable::Host];
            let _ = render(&parts(&variables), &mut &*bytes, &mut Words::default(), &record(), &mut Vec::new());
        }
    }
}
