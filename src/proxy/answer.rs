//! One request over one connection to a peer: it is sent, the answer's head is read, and the body passed on.

mod body;

pub use self::body::late;

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use super::answer_fields;
use super::early_hints::{EARLY_HINTS, EarlyHints};
use super::exchange::{ClientSide, Exchange};
use super::failure::{Cause, Failure, Phase};
use super::peer::{Opening, PeerConnection, Rest, Upload, answer_or_client_gone};
use super::request_body::Ready;
use super::responder::{Answer, Responder};
use super::rewrite::Upgrading;
use crate::http::framing::{self, BodyLength};
use crate::http::{Method, Name, ResponseHead, Version, parse, upgrade};
use crate::limits::WATCH_CLIENT_AFTER;
use crate::model::{OwnRedirect, Proxy};
use crate::transport::Transport;

/// How an attempt ended well.
pub enum Answered {
    /// The answer is through, and the connection to the peer could carry another.
    Done,
    /// The answer is through, the connection is at its end.
    DoneAndClose,
    /// A status that another peer may do better than. Nothing of it was passed on.
    NextPeer(u16),
    /// A verified 101, whose fields are the exchange's.
    Upgraded,
}

/// One request as every peer gets it.
pub struct Passed<'p> {
    pub opening: &'p Opening<'p>,
    /// As the peer gets it.
    pub method: &'p Method,
    /// Statuses for which another peer is tried in place of passing the answer on.
    pub next_on: &'p [u16],
    pub body: &'p Ready,
    pub proxy: &'p Proxy,
    pub upgrading: &'p Upgrading,
    /// `proxy_redirect default` of the location.
    pub redirect: Option<&'p OwnRedirect>,
}

impl Passed<'_> {
    /// Sends the request over a connection and passes the answer on.
    ///
    /// # Errors
    /// The peer's failure, or the client's.
    pub async fn over(
        &self,
        exchange: &mut Exchange<'_>,
        side: &mut ClientSide<'_>,
        peer: &mut PeerConnection,
    ) -> Result<Answered, Failure> {
        let sent = Cell::new(0);
        let PeerConnection { stream, raw, written, lease, .. } = peer;
        let client = exchange.client;
        let streams_body = !side.body.is_done();
        let settings = &exchange.location.client;
        let received = Cell::new(0);
        let body = &mut side.body;
        let rest = streams_body.then(|| Rest {
            body,
            client: &client.stream,
            raw: &mut *side.raw,
            timeout: settings.body_timeout,
            max_bytes: settings.max_body_bytes,
            used_bytes: self.body.first().len() as u64,
            received: &received,
        });
        let upload = Upload { opening: self.opening, file: self.body.file(), rest };
        let stream = &*stream;
        exchange.phase = Phase::SendingRequest;
        let mut sending = upload.begin(*written, stream, self.proxy, &sent);
        let is_buffered = self.proxy.buffering.is_on;
        let responder = &mut side.responder;
        let watches_client = !streams_body;
        let mut reading = Reading { exchange, responder, stream, raw, passed: self, is_buffered, watches_client };
        let head = sending.beside(pin!(reading.head())).await;
        let result = match head {
            Ok(head) if head.status == 101 => {
                exchange.note_sent(sent.get(), received.get());
                let verified = self.verified(exchange, &head);
                exchange.answered = Some(head);
                return verified.map(|()| Answered::Upgraded);
            }
            Ok(head) if !streams_body && self.next_on.contains(&head.status) => {
                exchange.note_sent(sent.get(), received.get());
                let status = head.status;
                exchange.answered = Some(head);
                return Ok(Answered::NextPeer(status));
            }
            Ok(head) => {
                lease.succeeded();
                sending.note_answer();
                // An answer to half a request: the rest of it will not be waited for.
                reading.responder.keep_alive &= !streams_body || sending.is_complete();
                sending.beside(pin!(reading.pass_on(head))).await
            }
            Err(failure) => Err(failure),
        };
        let is_complete = sending.is_complete();
        exchange.note_sent(sent.get(), received.get());
        if !is_complete {
            // The answer came before the request was through: neither side knows where the next message begins.
            side.responder.keep_alive &= !streams_body;
            return result.map(|_| Answered::DoneAndClose);
        }
        result
    }

    /// Checks a 101 against what was asked.
    fn verified(&self, exchange: &Exchange<'_>, head: &ResponseHead) -> Result<(), Failure> {
        let wrong = |cause| Failure::new(Phase::ReadingResponseHead, cause);
        match self.upgrading {
            Upgrading::WebSocket => {
                upgrade::verify(&exchange.head.fields, head).map_err(|mismatch| wrong(Cause::UpgradeMismatch(mismatch)))
            }
            Upgrading::Blind => Ok(()),
            Upgrading::No => Err(wrong(Cause::UpstreamMalformed("101 to a request that asked for no upgrade"))),
        }
    }
}

/// A peer's answer being read and passed on.
struct Reading<'r, 'e, 's> {
    exchange: &'r mut Exchange<'e>,
    responder: &'r mut Responder<'s>,
    stream: &'r Transport,
    raw: &'r mut Vec<u8>,
    passed: &'r Passed<'r>,
    /// The peer is read on while the client takes its time.
    is_buffered: bool,
    /// Nobody else reads what the client sends.
    watches_client: bool,
}

impl Reading<'_, '_, '_> {
    /// Reads the head of the final answer; of the interim ones before it only hints are passed on.
    async fn head(&mut self) -> Result<Box<ResponseHead>, Failure> {
        let mut hints = EarlyHints::default();
        loop {
            let Some((head, head_bytes)) = self.take_head()? else {
                self.wait(Phase::ReadingResponseHead).await?;
                self.read_some()?;
                continue;
            };
            match head.status {
                101 | 200.. => {
                    self.note_head(head.status);
                    return Ok(head);
                }
                EARLY_HINTS => Box::pin(self.pass_hints(head, head_bytes, &mut hints)).await?,
                _ => {}
            }
        }
    }

    /// Takes the head at the front of what has come, and says how many bytes it had. `None` when more have to come.
    #[inline(never)]
    fn take_head(&mut self) -> Result<Option<(Box<ResponseHead>, usize)>, Failure> {
        if self.raw.is_empty() {
            return Ok(None);
        }
        match parse::response(self.raw, self.passed.proxy.buffer_bytes) {
            Ok(Some((head, used))) => {
                self.raw.drain(..used);
                Ok(Some((head, used)))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(Failure::new(Phase::ReadingResponseHead, Cause::UpstreamMalformed(error.phrase()))),
        }
    }

    /// Takes what has come of a head.
    fn read_some(&mut self) -> Result<(), Failure> {
        self.exchange.phase = Phase::ReadingResponseHead;
        let room = self.passed.proxy.buffer_bytes.saturating_sub(self.raw.len());
        self.raw.reserve(room.max(1));
        match self.stream.read_now(self.raw, usize::MAX) {
            Ok(Some(0)) => Err(Failure::new(Phase::ReadingResponseHead, Cause::UpstreamClosed)),
            Ok(Some(n)) => {
                self.note_received(n);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => Err(Failure::upstream(Phase::ReadingResponseHead, "recv()", error)),
        }
    }

    /// Waits for bytes of the peer, as long as the client is there.
    async fn wait(&self, phase: Phase) -> Result<(), Failure> {
        // A client that is counted by `limit_conn` gives its place back the moment it leaves.
        let after = if self.exchange.places.is_empty() { WATCH_CLIENT_AFTER } else { Duration::ZERO };
        let watch_after = self.watches_client.then_some(after);
        let timeout = self.passed.proxy.read_timeout;
        answer_or_client_gone(self.stream, &self.exchange.client.stream, phase, watch_after, timeout).await
    }

    async fn pass_hints(
        &mut self,
        head: Box<ResponseHead>,
        bytes: usize,
        hints: &mut EarlyHints,
    ) -> Result<(), Failure> {
        if head.version != Version::Http11 {
            let cause = Cause::UpstreamMalformed("HTTP/1.0 response with early hints");
            return Err(Failure::new(Phase::ReadingResponseHead, cause));
        }
        let Some(head) = hints.for_client(self.exchange, self.passed.proxy, &head, bytes) else { return Ok(()) };
        let sent = self.responder.interim(&head).await;
        sent.map_err(|error| Failure::client(Phase::SendingToClient, "send()", error))
    }

    fn note_head(&mut self, status: u16) {
        let time = self.exchange.attempt_time();
        if let Some(attempt) = self.exchange.attempts.last_mut() {
            attempt.header_time = Some(time);
            attempt.status = Some(status);
        }
    }

    fn note_received(&mut self, n: usize) {
        if let Some(attempt) = self.exchange.attempts.last_mut() {
            attempt.bytes_received += n as u64;
        }
    }

    /// Passes an answer that is no upgrade to the client.
    async fn pass_on(&mut self, mut head: Box<ResponseHead>) -> Result<Answered, Failure> {
        let told = self.told(&head);
        let exchange = &mut *self.exchange;
        let (status, reason) = (head.status, std::mem::take(&mut head.reason));
        exchange.answered = Some(head);
        let Told { length, shown, persists, is_buffered } = told?;
        let fields = answer_fields::of(exchange, &self.passed.proxy.answer, self.passed.redirect, status);
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        exchange.begin(self.responder, Answer { status, reason, fields, length: shown });
        // What goes through commands, or into another answer, goes at that one's pace.
        self.is_buffered = is_buffered && !exchange.has_page() && !self.responder.is_inside();
        if !is_buffered {
            // As in nginx: what is not held cannot be held back.
            self.responder.pace = None;
        }
        if self.responder.is_for_nobody() {
            return Ok(if self.drops_body(length) && persists { Answered::Done } else { Answered::DoneAndClose });
        }
        self.body(length).await?;
        let ends_with_close = length == BodyLength::UntilClose;
        Ok(if persists && !ends_with_close { Answered::Done } else { Answered::DoneAndClose })
    }

    /// What an answer's head says of the way it goes on.
    fn told(&mut self, response: &ResponseHead) -> Result<Told, Failure> {
        let exchange = &mut *self.exchange;
        let rules = &self.passed.proxy.answer;
        let status = response.status;
        if self.passed.proxy.intercept_errors && status >= 300 && exchange.has_error_page(status) {
            exchange.challenge(response.fields.all(Name::WwwAuthenticate).map(Into::into).collect());
            return Err(exchange.failure(Cause::Status(status)));
        }
        if let Some(rate) = response.fields.first(Name::XAccelLimitRate)
            && !rules.ignores_accel_limit_rate
        {
            exchange.obey_rate(rate);
        }
        if let Some(charset) = response.fields.all(Name::XAccelCharset).last()
            && !rules.ignores_accel_charset
        {
            exchange.accel_charset = (!charset.is_empty()).then(|| charset.into());
        }
        if let Some(to) = response.fields.first(Name::XAccelRedirect)
            && !rules.ignores_accel_redirect
        {
            exchange.carry(&response.fields);
            return Err(exchange.failure(Cause::Inside(to.into())));
        }
        let length = framing::response(self.passed.method, response)
            .map_err(|error| Failure::new(Phase::ReadingResponseHead, Cause::UpstreamMalformed(error.phrase())))?;
        let persists = match response.version {
            Version::Http11 => !response.fields.connection().close,
            Version::Http09 | Version::Http10 => response.fields.connection().keep_alive,
        };
        let said = if rules.ignores_accel_buffering { None } else { accel_buffering(response) };
        let shown = shown_length(&exchange.head.method, response, length);
        Ok(Told { length, shown, persists, is_buffered: said.unwrap_or(self.is_buffered) })
    }
}

/// The way of an answer.
struct Told {
    /// How the peer ends its body.
    length: BodyLength,
    /// What the client is told of that.
    shown: BodyLength,
    /// Whether the peer keeps the connection open.
    persists: bool,
    is_buffered: bool,
}

/// `X-Accel-Buffering` of a peer.
fn accel_buffering(response: &ResponseHead) -> Option<bool> {
    let value = response.fields.first(Name::XAccelBuffering)?;
    if value.eq_ignore_ascii_case(b"yes") {
        return Some(true);
    }
    value.eq_ignore_ascii_case(b"no").then_some(false)
}

/// The length that the client is told: a HEAD answer or a 304 says how long the body would be.
fn shown_length(method: &Method, response: &ResponseHead, length: BodyLength) -> BodyLength {
    let bodyless = *method == Method::Head || response.status == 304;
    if bodyless {
        let said = response.fields.first(Name::ContentLength).and_then(framing::parse_length);
        return said.map_or(length, BodyLength::Length);
    }
    if length == BodyLength::None && response.status != 204 { BodyLength::Length(0) } else { length }
}
