//! The body of a peer's answer on its way to the client.
//!
//! A piece that the client takes at once goes straight on. With `proxy_buffering` what it does not take goes into the
//! responder's backlog, so that the peer is read on and free before the client has all; without, the peer waits too.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::Reading;
use crate::http::framing::BodyLength;
use crate::http::{Fields, Name};
use crate::limits::{BODY_BUFFER_BYTES, GZIP_HOLD_TIME};
use crate::model::LogLevel;
use crate::net::turn::Turn;
use crate::net::{buffer, moment, timer};
use crate::proxy::body::Body;
use crate::proxy::failure::{Cause, Failure, Phase};
use crate::proxy::pace::Pace;
use crate::proxy::peer::of_peer;
use crate::proxy::responder::{LateError, Patience};
use crate::transport::Transport;

/// What comes from the peer, and how fast it is taken.
struct Intake {
    body: Body,
    pace: Option<Pace>,
    taken_bytes: u64,
    turn: Turn,
}

impl Intake {
    fn new(length: BodyLength, pace: Option<Pace>) -> Self {
        Self { body: Body::new(length), pace, taken_bytes: 0, turn: Turn::default() }
    }

    /// How long nothing may be read, if that is so.
    fn pause(&self) -> Option<Duration> {
        self.pace.and_then(|pace| pace.room(self.taken_bytes).err())
    }
}

impl Reading<'_, '_, '_> {
    /// Moves the answer's body. While the peer sends nothing, no buffer is held.
    pub(super) async fn body(&mut self, length: BodyLength) -> Result<(), Failure> {
        let trailers = if self.pass_whole(length)? { None } else { self.pass_pieces(length).await? };
        // Only a client that says so is known to read fields there (RFC 9110 6.5.1).
        if self.passed.proxy.answer.pass_trailers && self.exchange.head.fields.has_token(Name::Te, b"trailers") {
            self.responder.trailers.clone_from(&trailers);
        }
        if trailers.is_some() {
            self.exchange.upstream_trailers = trailers;
        }
        self.exchange.add_trailers(self.responder);
        if self.is_buffered {
            let is_first = self.responder.offer_end(&self.passed.proxy.buffering).map_err(late)?;
            self.tell_file(is_first);
            return Ok(());
        }
        if self.exchange.has_page() {
            return Box::pin(self.exchange.take_end(self.responder)).await;
        }
        self.responder.finish().await.map_err(lost)
    }

    /// Passes on a body that is here as a whole, as a short one mostly is when its head is. Whether it was.
    fn pass_whole(&mut self, length: BodyLength) -> Result<bool, Failure> {
        let is_here = !self.raw.is_empty() && length == BodyLength::Length(self.raw.len() as u64);
        if !is_here || !self.is_buffered || self.is_page() || !self.responder.is_plain() || self.pace().is_some() {
            return Ok(false);
        }
        let piece = std::mem::take(self.raw);
        self.note_response(piece.len());
        self.offer(&piece)?;
        Ok(true)
    }

    /// Passes a body on as it comes, and gives back the fields behind it.
    async fn pass_pieces(&mut self, length: BodyLength) -> Result<Option<Box<Fields>>, Failure> {
        let mut intake = Intake::new(length, self.pace());
        while self.pass_piece(&mut intake).await? {}
        Ok(intake.body.trailers)
    }

    /// Passes on what has come, or waits until something does; whether there may be more.
    async fn pass_piece(&mut self, intake: &mut Intake) -> Result<bool, Failure> {
        if intake.body.is_done() {
            return Ok(false);
        }
        if intake.body.front_bytes(self.raw) > 0 && !self.is_page() {
            self.pass_front(intake).await?;
            return self.go_on(intake).await;
        }
        let mut piece = buffer::take();
        match self.take(intake, &mut piece)? {
            Some(true) if self.is_buffered => {
                self.offer(&piece)?;
                drop(piece);
                self.catch_up(intake).await?;
                self.responder.give_way().await;
            }
            Some(true) if self.is_page() => {
                Box::pin(self.exchange.take_piece(self.responder, &piece)).await?;
                drop(piece);
            }
            Some(true) => {
                self.responder.data_at_once(&piece).await.map_err(lost)?;
                drop(piece);
            }
            Some(false) => return Ok(false),
            None => {
                drop(piece);
                if self.is_buffered {
                    let is_first = self.responder.offer_head(&self.passed.proxy.buffering).map_err(late)?;
                    self.tell_file(is_first);
                    if self.catch_up(intake).await? || self.is_held_up().await? {
                        return Ok(true);
                    }
                } else {
                    self.responder.flush().await.map_err(lost)?;
                    if self.is_page() && self.is_held_up().await? {
                        return Ok(true);
                    }
                }
                self.wait(Phase::ReadingResponse).await?;
            }
        }
        self.go_on(intake).await
    }

    /// What came with the head goes on from where it is.
    async fn pass_front(&mut self, intake: &mut Intake) -> Result<(), Failure> {
        let bytes = intake.body.front_bytes(self.raw);
        self.note_taken(intake, bytes);
        let piece = &self.raw[..bytes];
        if self.is_buffered {
            let is_first = self.responder.offer(piece, &self.passed.proxy.buffering).map_err(late)?;
            intake.body.used_front(self.raw, bytes);
            self.tell_file(is_first);
            self.catch_up(intake).await?;
            self.responder.give_way().await;
        } else {
            self.responder.data_at_once(piece).await.map_err(lost)?;
            intake.body.used_front(self.raw, bytes);
        }
        Ok(())
    }

    /// Lets time pass or others have their turn, as it is due; there may be more after it.
    async fn go_on(&mut self, intake: &mut Intake) -> Result<bool, Failure> {
        if let Some(pause) = intake.pause() {
            timer::sleep(pause).await;
        } else {
            intake.turn.note(intake.taken_bytes, self.stream.stream()).await;
        }
        Ok(true)
    }

    /// Waits a little for a peer whose bytes the compressor keeps, then lets them go. Whether there were such bytes.
    async fn is_held_up(&mut self) -> Result<bool, Failure> {
        if !self.responder.outer_holds_bytes() {
            return Ok(false);
        }
        let waits = Box::pin(async { timer::limited(GZIP_HOLD_TIME, pin!(self.stream.readable())).await });
        if waits.await.is_err() {
            if self.is_buffered {
                let is_first = self.responder.offer_held(&self.passed.proxy.buffering).map_err(late)?;
                self.tell_file(is_first);
            } else {
                Box::pin(self.responder.give_held()).await.map_err(lost)?;
            }
        }
        Ok(true)
    }

    /// Whether the body is read for commands, or a part of one that is.
    fn is_page(&self) -> bool {
        self.exchange.has_page() || self.responder.is_inside()
    }

    /// Appends what has come to `piece`; `Some(false)` is the end, `None` that nothing is there yet.
    fn take(&mut self, intake: &mut Intake, piece: &mut Vec<u8>) -> Result<Option<bool>, Failure> {
        let read_before = intake.body.read_bytes;
        let more = intake.body.next_now(self.stream, self.raw, piece);
        self.note_received(usize::try_from(intake.body.read_bytes - read_before).unwrap_or(usize::MAX));
        let more = more.map_err(of_peer)?;
        self.note_taken(intake, piece.len());
        Ok(more)
    }

    fn note_taken(&mut self, intake: &mut Intake, bytes: usize) {
        intake.taken_bytes += bytes as u64;
        self.note_response(bytes);
    }

    fn note_response(&mut self, bytes: usize) {
        if let Some(attempt) = self.exchange.attempts.last_mut() {
            attempt.response_bytes += bytes as u64;
        }
    }

    fn offer(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let is_first = self.responder.offer(piece, &self.passed.proxy.buffering).map_err(late)?;
        self.tell_file(is_first);
        Ok(())
    }

    fn tell_file(&self, is_first: bool) {
        if let (true, Some(path)) = (is_first, self.responder.backlog_path()) {
            let path = path.display();
            let text =
                format_args!("an upstream response is buffered to a temporary file {path} while reading upstream");
            self.exchange.report(LogLevel::Warn, text);
        }
    }

    /// Lets a client that is behind catch up; whether it was. Seldom, so it has its own room.
    async fn catch_up(&mut self, intake: &mut Intake) -> Result<bool, Failure> {
        let is_behind = self.responder.is_behind();
        if is_behind {
            Box::pin(self.go_on_behind(intake)).await?;
        }
        Ok(is_behind)
    }

    /// Reads on while the client takes its time, until it has caught up or the peer has sent all.
    async fn go_on_behind(&mut self, intake: &mut Intake) -> Result<(), Failure> {
        let mut patience = Patience::new();
        let mut waited_since = Instant::now();
        while self.responder.is_behind() && !intake.body.is_done() {
            let pause = intake.pause();
            let takes = self.responder.has_room();
            if !takes || pause.is_some() {
                waited_since = Instant::now();
            }
            let timeout = self.passed.proxy.read_timeout;
            let is_peer = monoio::select! {
                ready = self.responder.ready(patience) => ready.map(|()| false).map_err(late)?,
                ready = peer_ready(self.stream, takes, pause, waited_since, timeout) => ready.map(|()| true)?,
            };
            if is_peer && pause.is_none() {
                waited_since = Instant::now();
                let mut piece = buffer::take();
                match self.take(intake, &mut piece)? {
                    Some(true) => self.offer(&piece)?,
                    Some(false) => return Ok(()),
                    None => {}
                }
            }
            // Also when the peer was ready: one that always is must not keep the client waiting.
            let moved = self.responder.push().map_err(late)?;
            if moved || !is_peer {
                patience.note(moved);
            }
        }
        Ok(())
    }

    /// Drops the body of an answer that nobody reads, as far as it is here; whether that was all of it. What is still
    /// under way is not worth the wait: the connection ends instead.
    pub(super) fn drops_body(&mut self, length: BodyLength) -> bool {
        let mut body = Body::new(length);
        let mut piece = buffer::take();
        while !body.is_done() && body.read_bytes < BODY_BUFFER_BYTES as u64 {
            piece.clear();
            if !matches!(body.next_now(self.stream, self.raw, &mut piece), Ok(Some(_))) {
                return false;
            }
        }
        body.is_done()
    }

    /// `proxy_limit_rate`, if it limits this answer.
    fn pace(&self) -> Option<Pace> {
        let rate = self.exchange.size(&self.passed.proxy.answer.limit_rate);
        Pace::new(rate, 0, moment::now())
    }
}

fn lost(error: io::Error) -> Failure {
    Failure::client(Phase::SendingToClient, "send()", error)
}

/// Bytes that could be neither sent nor kept.
pub fn late(error: LateError) -> Failure {
    match error {
        LateError::Client(error) => lost(error),
        LateError::File(error) => Failure::new(Phase::ReadingResponse, Cause::Own("pwrite()", error)),
    }
}

/// Waits until the peer has sent something, or until it may be read again. While nothing may be taken this never ends.
async fn peer_ready(
    stream: &Transport,
    takes: bool,
    pause: Option<Duration>,
    since: Instant,
    timeout: Duration,
) -> Result<(), Failure> {
    if !takes {
        return std::future::pending().await;
    }
    if let Some(pause) = pause {
        timer::sleep(pause).await;
        return Ok(());
    }
    let failed = |error| Failure::upstream(Phase::ReadingResponse, "recv()", error);
    let left = timeout.saturating_sub(since.elapsed());
    if left.is_zero() && !timeout.is_zero() {
        return Err(failed(io::ErrorKind::TimedOut.into()));
    }
    timer::within_any(left, stream.readable()).await.map_err(failed)
}
