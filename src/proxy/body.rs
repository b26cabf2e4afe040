//! A message body as it comes in, from the client or from a peer: the same three framings either way.

use std::io;
use std::time::{Duration, Instant};

use crate::http::Fields;
use crate::http::chunked::Decoder;
use crate::http::framing::BodyLength;
use crate::model::Lingering;
use crate::net::buffer;
use crate::net::turn::Turn;
use crate::transport::Transport;

/// The part of a body that has not been read yet.
pub struct Body {
    rest: Rest,
    /// Bytes read from the stream so far, framing included.
    pub read_bytes: u64,
    /// Fields behind a chunked body, once it is over.
    pub trailers: Option<Box<Fields>>,
    turn: Turn,
}

enum Rest {
    /// All of it has been read.
    Nothing,
    /// This many bytes of payload are to come.
    Length(u64),
    Chunked(Box<Decoder>),
    /// It ends with the connection.
    UntilClose,
}

/// Why a body cannot be read on.
#[derive(Debug)]
pub enum BodyError {
    /// The connection ended, or its socket failed, or nothing came in time.
    Io(io::Error),
    /// The framing is broken; what it says.
    Malformed(&'static str),
}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Body {
    /// A body of which nothing has been read.
    #[must_use]
    pub fn new(length: BodyLength) -> Self {
        let rest = match length {
            BodyLength::None | BodyLength::Length(0) => Rest::Nothing,
            BodyLength::Length(n) => Rest::Length(n),
            BodyLength::Chunked => Rest::Chunked(Box::default()),
            BodyLength::UntilClose => Rest::UntilClose,
        };
        Self { rest, read_bytes: 0, trailers: None, turn: Turn::default() }
    }

    /// Whether nothing is left to read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    /// Bytes of payload still to come, where the framing says so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match self.rest {
            Rest::Nothing => Some(0),
            Rest::Length(n) => Some(n),
            Rest::Chunked(_) | Rest::UntilClose => None,
        }
    }

    /// Appends the next payload to `piece`, as much as it has room for, and returns whether there was any: `false` is
    /// the end of the body. `raw` holds bytes that were read from the stream before; what follows the body stays in it.
    ///
    /// # Errors
    /// [`BodyError`]; an early end of the stream is `UnexpectedEof`.
    pub async fn next(
        &mut self,
        stream: &Transport,
        raw: &mut Vec<u8>,
        piece: &mut Vec<u8>,
        timeout: Duration,
    ) -> Result<bool, BodyError> {
        self.turn.note(self.read_bytes, stream.stream()).await;
        loop {
            if let Some(any) = self.next_now(stream, raw, piece)? {
                return Ok(any);
            }
            stream.readable_within(timeout).await?;
        }
    }

    /// As [`Body::next`] with what is there now; `None` when the stream must be waited for.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub fn next_now(
        &mut self,
        stream: &Transport,
        raw: &mut Vec<u8>,
        piece: &mut Vec<u8>,
    ) -> Result<Option<bool>, BodyError> {
        loop {
            if let Some(any) = self.next_of(raw, piece)? {
                return Ok(Some(any));
            }
            let into = if matches!(self.rest, Rest::Chunked(_)) { &mut *raw } else { &mut *piece };
            if into.capacity() == into.len() {
                into.reserve(crate::limits::BODY_BUFFER_BYTES);
            }
            let max = match self.rest {
                Rest::Length(n) => usize::try_from(n).unwrap_or(usize::MAX),
                Rest::Nothing | Rest::Chunked(_) | Rest::UntilClose => usize::MAX,
            };
            let Some(n) = stream.read_now(into, max)? else { return Ok(None) };
            self.read_bytes += n as u64;
            match &mut self.rest {
                Rest::UntilClose if n == 0 => {
                    self.rest = Rest::Nothing;
                    return Ok(Some(false));
                }
                _ if n == 0 => return Err(BodyError::Io(io::ErrorKind::UnexpectedEof.into())),
                Rest::UntilClose => return Ok(Some(true)),
                Rest::Length(left) => {
                    *left -= n as u64;
                    if *left == 0 {
                        self.rest = Rest::Nothing;
                    }
                    return Ok(Some(true));
                }
                Rest::Nothing | Rest::Chunked(_) => {}
            }
        }
    }

    /// How many bytes of payload stand at the front of `raw` as they are.
    #[must_use]
    pub fn front_bytes(&self, raw: &[u8]) -> usize {
        match self.rest {
            Rest::Length(left) => usize::try_from(left).unwrap_or(usize::MAX).min(raw.len()),
            Rest::UntilClose => raw.len(),
            Rest::Nothing | Rest::Chunked(_) => 0,
        }
    }

    /// So many of them have been used.
    pub fn used_front(&mut self, raw: &mut Vec<u8>, bytes: usize) {
        raw.drain(..bytes);
        if let Rest::Length(left) = &mut self.rest {
            *left -= bytes as u64;
            if *left == 0 {
                self.rest = Rest::Nothing;
            }
        }
    }

    /// Drops what `raw` holds of the body: an answer that does not want it is given only if that much of it is sound.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub fn skim(&mut self, raw: &mut Vec<u8>) -> Result<(), BodyError> {
        while !raw.is_empty() && !self.is_done() {
            let mut piece = buffer::take();
            self.next_of(raw, &mut piece)?;
        }
        Ok(())
    }

    /// Reads to the end of the body and drops it; `false` when that fails or takes too long.
    pub async fn discard(&mut self, stream: &Transport, raw: &mut Vec<u8>, patience: Lingering) -> bool {
        let began = Instant::now();
        let mut piece = buffer::take();
        while let Some(timeout) = patience.pause_max(began.elapsed()) {
            piece.clear();
            match self.next(stream, raw, &mut piece, timeout).await {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    /// What `raw` alone gives: payload, the end, or `None` when the stream must be read.
    fn next_of(&mut self, raw: &mut Vec<u8>, piece: &mut Vec<u8>) -> Result<Option<bool>, BodyError> {
        match &mut self.rest {
            Rest::Nothing => Ok(Some(false)),
            Rest::Length(_) | Rest::UntilClose if raw.is_empty() => Ok(None),
            Rest::Length(_) | Rest::UntilClose => {
                let bytes = self.front_bytes(raw);
                piece.extend_from_slice(&raw[..bytes]);
                self.used_front(raw, bytes);
                Ok(Some(true))
            }
            Rest::Chunked(decoder) => {
                let before = piece.len();
                let (used, done) = decoder.decode(raw, piece).map_err(|e| BodyError::Malformed(e.phrase()))?;
                raw.drain(..used);
                if done {
                    self.trailers = (!decoder.trailers().is_empty()).then(|| Box::new(decoder.trailers().clone()));
                    self.rest = Rest::Nothing;
                }
                match piece.len() > before {
                    true => Ok(Some(true)),
                    false if done => Ok(Some(false)),
                    false => Ok(None),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a body gives of bytes that were read before, and what it leaves.
    fn of_raw(length: BodyLength, raw: &[u8]) -> (Option<bool>, Vec<u8>, Vec<u8>, bool) {
        let (mut body, mut raw, mut piece) = (Body::new(length), raw.to_vec(), Vec::new());
        let any = body.next_of(&mut raw, &mut piece).unwrap();
        (any, piece, raw, body.is_done())
    }

    #[test]
    fn a_body_with_a_length_leaves_what_follows() {
        let (any, piece, left, done) = of_raw(BodyLength::Length(3), b"abcGET");
        assert_eq!(
            (any, piece.as_slice(), left.as_slice(), done),
            (Some(true), b"abc".as_slice(), b"GET".as_slice(), true)
        );
    }

    #[test]
    fn a_body_with_a_length_goes_on() {
        let (any, piece, left, done) = of_raw(BodyLength::Length(5), b"abc");
        assert_eq!((any, piece.as_slice(), left.is_empty(), done), (Some(true), b"abc".as_slice(), true, false));
    }

    #[test]
    fn chunks_are_taken_off_and_what_follows_stays() {
        let (any, piece, left, done) = of_raw(BodyLength::Chunked, b"3\r\nabc\r\n0\r\n\r\nGET");
        assert_eq!(
            (any, piece.as_slice(), left.as_slice(), done),
            (Some(true), b"abc".as_slice(), b"GET".as_slice(), true)
        );
    }

    #[test]
    fn no_body_takes_nothing() {
        let (any, piece, left, done) = of_raw(BodyLength::None, b"GET");
        assert_eq!((any, piece.is_empty(), left.as_slice(), done), (Some(false), true, b"GET".as_slice(), true));
    }

    #[test]
    fn a_broken_chunk_is_an_error() {
        let (mut raw, mut piece) = (b"zz\r\n".to_vec(), Vec::new());
        let result = Body::new(BodyLength::Chunked).next_of(&mut raw, &mut piece);
        assert!(matches!(result, Err(BodyError::Malformed(_))));
    }
}
