//! Sending without waiting: what the client does not take now goes into the backlog and leaves later.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::Responder;
use crate::http::gzip::Then;
use crate::limits::FILE_STEP_BYTES;
use crate::model::Buffering;
use crate::net::timer;
use crate::proxy::backlog::Backlog;

/// Why bytes could be neither sent nor kept.
#[derive(Debug)]
pub enum LateError {
    /// The client's socket's.
    Client(io::Error),
    /// The file's.
    File(io::Error),
}

/// How long a client has taken nothing.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    since: Instant,
}

impl Patience {
    #[must_use]
    pub fn new() -> Self {
        Self { since: Instant::now() }
    }

    /// Takes note of whether the last try moved bytes.
    pub fn note(&mut self, moved: bool) {
        if moved {
            *self = Self::new();
        }
    }
}

impl Responder<'_> {
    /// Whether bytes wait for the client.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| !backlog.is_empty())
    }

    /// Whether more may be taken from the peer.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.backlog.as_ref().is_none_or(|backlog| backlog.has_room())
    }

    /// Takes a piece of the body, and before it the head. Returns whether it was the first that went into a file.
    ///
    /// # Errors
    /// The client's socket's, or the file system's.
    pub fn offer(&mut self, piece: &[u8], rules: &Arc<Buffering>) -> Result<bool, LateError> {
        if self.compressor.is_some() {
            return self.offer_compressed(piece, Then::More, rules);
        }
        let head = std::mem::take(&mut self.pending);
        let mut size = Vec::new();
        let parts = self.framed(&head, piece, b"", &mut size);
        self.offer_parts(&parts, rules)
    }

    /// Sends of the parts what the client takes, and keeps the rest.
    pub(super) fn offer_parts(&mut self, parts: &[&[u8]], rules: &Arc<Buffering>) -> Result<bool, LateError> {
        let sent = if self.is_behind() { 0 } else { self.write_now(parts).map_err(LateError::Client)? };
        self.keep(parts, sent, rules)
    }

    /// Takes the head, so that a client sees it while the body takes its time.
    ///
    /// # Errors
    /// As [`Responder::offer`].
    pub fn offer_head(&mut self, rules: &Arc<Buffering>) -> Result<bool, LateError> {
        if self.pending.is_empty() {
            return Ok(false);
        }
        let head = std::mem::take(&mut self.pending);
        let sent = self.write_now(&[&head]).map_err(LateError::Client)?;
        self.keep(&[&head], sent, rules)
    }

    /// Takes what ends the body, and before it the head if that has not left.
    ///
    /// # Errors
    /// As [`Responder::offer`].
    pub fn offer_end(&mut self, rules: &Arc<Buffering>) -> Result<bool, LateError> {
        if self.compressor.is_some() {
            return self.offer_compressed(b"", Then::End, rules);
        }
        let head = std::mem::take(&mut self.pending);
        let mut with_trailers = Vec::new();
        let last = self.last(&mut with_trailers);
        if head.is_empty() && last.is_empty() {
            return Ok(false);
        }
        self.offer_parts(&[&head, last], rules)
    }

    /// The file that holds a part of the backlog.
    #[must_use]
    pub fn backlog_path(&self) -> Option<&Path> {
        self.backlog.as_ref().and_then(|backlog| backlog.path())
    }

    /// Keeps what of the parts was not sent.
    fn keep(&mut self, parts: &[&[u8]], mut sent: usize, rules: &Arc<Buffering>) -> Result<bool, LateError> {
        let mut is_first = false;
        for part in parts {
            let skipped = sent.min(part.len());
            sent -= skipped;
            if skipped < part.len() {
                let backlog = self.backlog.get_or_insert_with(|| Box::new(Backlog::new(Arc::clone(rules))));
                is_first |= backlog.push(&part[skipped..]).map_err(LateError::File)?;
            }
        }
        Ok(is_first)
    }

    fn write_now(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        let Some(stream) = self.stream else { return Ok(0) };
        if let Some(pace) = self.pace {
            // One part at a time: what a rate lets through at once is small.
            let mut sent = 0;
            for part in parts {
                let room = pace.room(self.sent.bytes).unwrap_or(0);
                let now = part.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                let n = if now == 0 { 0 } else { stream.write_now(&part[..now])? };
                self.sent.bytes += n as u64;
                sent += n;
                if n < part.len() {
                    break;
                }
            }
            return Ok(sent);
        }
        let sent = stream.write_parts_now(parts)?;
        self.sent.bytes += sent as u64;
        Ok(sent)
    }

    /// Sends of the backlog what the client takes now, and returns whether that was anything.
    ///
    /// # Errors
    /// As [`Responder::offer`].
    pub fn push(&mut self) -> Result<bool, LateError> {
        let (Some(stream), Some(backlog)) = (self.stream, &mut self.backlog) else { return Ok(false) };
        let mut moved = 0;
        while moved < FILE_STEP_BYTES && !backlog.is_empty() {
            let room = self.pace.map_or(Ok(u64::MAX), |pace| pace.room(self.sent.bytes)).unwrap_or(0);
            let front = backlog.front().map_err(LateError::File)?;
            let now = front.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            let n = if now == 0 { 0 } else { stream.write_now(&front[..now]).map_err(LateError::Client)? };
            if n == 0 {
                break;
            }
            backlog.advance(n);
            self.sent.bytes += n as u64;
            moved += n;
        }
        Ok(moved > 0)
    }

    /// Waits until the client may take more.
    ///
    /// # Errors
    /// The client's socket's, `TimedOut` when it took nothing for `send_timeout`.
    pub async fn ready(&self, patience: Patience) -> Result<(), LateError> {
        let Some(stream) = self.stream else { return Ok(()) };
        if let Some(Err(pause)) = self.pace.map(|pace| pace.room(self.sent.bytes)) {
            return match Box::pin(monoio::time::timeout(pause, stream.gone())).await {
                Ok(()) => Err(LateError::Client(io::ErrorKind::BrokenPipe.into())),
                Err(_) => Ok(()),
            };
        }
        let left = self.timeout.saturating_sub(patience.since.elapsed());
        if left.is_zero() && !self.timeout.is_zero() {
            return Err(LateError::Client(io::ErrorKind::TimedOut.into()));
        }
        timer::within_any(left, stream.writable()).await.map_err(LateError::Client)
    }

    /// Sends what was taken of an answer that goes no further.
    ///
    /// # Errors
    /// As [`Responder::ready`].
    pub async fn give_rest(&mut self) -> Result<(), LateError> {
        self.flush().await.map_err(LateError::Client)?;
        self.catch_up().await?;
        self.write_held().await.map_err(LateError::Client)
    }

    /// Sends all of the backlog.
    ///
    /// # Errors
    /// As [`Responder::ready`].
    pub async fn catch_up(&mut self) -> Result<(), LateError> {
        let mut patience = Patience::new();
        while self.is_behind() {
            self.ready(patience).await?;
            patience.note(self.push()?);
        }
        Ok(())
    }
}
