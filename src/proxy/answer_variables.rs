//! Variables of the answer: what was chosen, and what of it was sent.

use super::exchange::Exchange;
use super::sent::Sent;
use super::variables::{append_field, print, put, put_some};
use crate::model::Variable;

impl Exchange<'_> {
    /// Variables of the answer; `None` if the variable is none of them.
    pub(super) fn append_of_answer(&self, variable: &Variable, out: &mut Vec<u8>) -> Option<bool> {
        let sent = self.sent.borrow();
        let there = match variable {
            Variable::Status => match (sent.status, self.shown_status) {
                (0, None) => put(out, b"000"),
                // An error page that is being made already has the status it is shown with.
                (0, Some(status)) | (status, _) => print(out, format_args!("{status:03}")),
            },
            Variable::BytesSent => print(out, format_args!("{}", sent.bytes)),
            Variable::BodyBytesSent => print(out, format_args!("{}", sent.bytes.saturating_sub(sent.head_bytes))),
            Variable::SentHttp(name) => append_field(&sent.fields, name, out) || append_framing(&sent, name, out),
            Variable::SentTrailer(name) => {
                self.sent_trailers.borrow().as_deref().is_some_and(|fields| append_field(fields, name, out))
            }
            Variable::GzipRatio => sent.compressed.is_some_and(|(plain, made)| append_ratio(plain, made, out)),
            Variable::LimitConnStatus => put_some(out, self.limit_conn_status.map(|status| status.text().as_bytes())),
            Variable::LimitRate => print(out, format_args!("{}", self.rate.get().unwrap_or(0))),
            Variable::LimitReqStatus => put_some(out, self.limit_req_status.map(|status| status.text().as_bytes())),
            Variable::RequestCompletion => put(out, if self.is_complete { b"OK" } else { b"" }),
            _ => return None,
        };
        Some(there)
    }
}

/// Two digits, rounded.
fn append_ratio(plain: u64, compressed: u64, out: &mut Vec<u8>) -> bool {
    let thousandths = plain.saturating_mul(1000) / compressed.max(1);
    let hundredths = thousandths / 10 + u64::from(thousandths % 10 > 4);
    print(out, format_args!("{}.{:02}", hundredths / 100, hundredths % 100))
}

/// Fields that are written for this connection alone.
fn append_framing(sent: &Sent, name: &[u8], out: &mut Vec<u8>) -> bool {
    match (name, sent.length, sent.keep_alive) {
        (b"content_length", Some(length), _) => print(out, format_args!("{length}")),
        (b"transfer_encoding", ..) if sent.is_chunked => put(out, b"chunked"),
        (b"connection", ..) if !sent.connection.is_empty() => put(out, sent.connection.as_bytes()),
        (b"keep_alive", _, Some(timeout)) => print(out, format_args!("timeout={}", timeout.as_secs())),
        _ => false,
    }
}
