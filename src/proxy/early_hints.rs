//! `103 Early Hints` of a peer, passed on before its answer where `early_hints` says so.

use super::exchange::Exchange;
use super::rewrite;
use crate::http::{ResponseHead, Version, encode, hop_by_hop, status};
use crate::model::{LogLevel, Proxy};

/// The status.
pub const EARLY_HINTS: u16 = 103;

/// What becomes of the hints of one answer.
#[derive(Debug, Default)]
pub struct EarlyHints {
    /// Bytes of their heads so far: together they may be as long as the answer's.
    taken_bytes: usize,
}

impl EarlyHints {
    /// The hints as the client gets them, if it does. `head_bytes` is how long they were.
    pub fn for_client(
        &mut self,
        exchange: &Exchange<'_>,
        proxy: &Proxy,
        hints: &ResponseHead,
        head_bytes: usize,
    ) -> Option<Vec<u8>> {
        let rules = &proxy.answer;
        // Clients of HTTP/1.0 know no interim answers, and a part of a page has none.
        if rules.early_hints.is_empty() || exchange.head.version != Version::Http11 || exchange.is_subrequest() {
            return None;
        }
        self.taken_bytes += head_bytes;
        if self.taken_bytes > proxy.buffer_bytes {
            exchange.report(LogLevel::Info, format_args!("upstream sent too big early hints"));
            return None;
        }
        if !rules.early_hints.iter().any(|condition| exchange.is_true(condition)) {
            return None;
        }
        let dropped = hop_by_hop::of_response(&hints.fields);
        let mut head = Vec::with_capacity(head_bytes + 32);
        encode::status_line(&mut head, EARLY_HINTS, status::reason(EARLY_HINTS).as_bytes());
        let begin = head.len();
        for (known, name, value) in hints.fields.iter_known() {
            let is_hidden = rules.hidden.iter().any(|hidden| name.eq_ignore_ascii_case(hidden));
            if !is_hidden && !rewrite::FRAMING.has(known) && !dropped.contains(known, name) {
                encode::field(&mut head, name, value);
            }
        }
        if head.len() == begin {
            return None;
        }
        head.extend_from_slice(b"\r\n");
        Some(head)
    }
}
