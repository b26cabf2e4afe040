//! The answer on its way to the client: head, body in the framing the client can read, and what was sent for the log.

mod compressed;
mod inside;
mod late;

pub use self::late::{LateError, Patience};

use std::fs::File;
use std::io;
use std::time::Duration;

use super::backlog::Backlog;
use super::compressor::Compressor;
use super::pace::Pace;
use super::sent::Sent;
use crate::http::framing::BodyLength;
use crate::http::gzip::Then;
use crate::http::{Fields, Name, Names, Version, chunked, encode, status};
use crate::limits::{FILE_STEP_BYTES, HEAD_BYTES_USUAL};
use crate::net::turn::Turn;
use crate::transport::Transport;

/// An answer's head, before the fields that belong to the connection are added.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The peer's words; `None` uses the standard ones.
    pub reason: Option<Box<[u8]>>,
    pub fields: Fields,
    /// How long the body is, as far as it is known. `UntilClose` becomes chunks where the client knows them.
    pub length: BodyLength,
}

/// How a body leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// The answer has no body: HEAD, 204, 304.
    None,
    /// As it is; the client knows the end by the length or by the close.
    Plain,
    Chunked,
}

/// Where the body of a request that is made inside goes.
enum Inside<'c> {
    /// Into the client's answer.
    Within(Box<Responder<'c>>),
    /// Into memory, up to so many bytes.
    Kept { bytes: Vec<u8>, bytes_max: usize },
}

/// Writes one answer.
pub struct Responder<'c> {
    /// `None` where no client reads the answer.
    stream: Option<&'c Transport>,
    /// Where the body goes then, if it goes anywhere.
    inside: Option<Box<Inside<'c>>>,
    version: Version,
    is_head: bool,
    /// Encoded head that goes out with the first bytes of the body.
    pending: Vec<u8>,
    framing: Framing,
    pub timeout: Duration,
    /// Whether the connection may carry another request after this answer. Set before the head is written.
    pub keep_alive: bool,
    /// Value of `Keep-Alive: timeout=`, if one is to be sent.
    pub keep_alive_header: Option<Duration>,
    /// The status of an error that a page answers: it takes the place of the page's own.
    pub shown_status: Option<u16>,
    /// Whether a body may leave in chunks. Set before the head is written.
    pub takes_chunks: bool,
    /// Fields behind the body are to come: it has to be in chunks. Set before the head is written.
    pub expects_trailers: bool,
    /// Fields behind the body; they go out where there are chunks.
    pub trailers: Option<Box<Fields>>,
    /// `limit_rate`: set before anything is written.
    pub pace: Option<Pace>,
    /// What the body goes through, if it is compressed.
    compressor: Option<Box<Compressor>>,
    /// What the client has not taken yet.
    backlog: Option<Box<Backlog>>,
    pub sent: Sent,
}

impl<'c> Responder<'c> {
    #[must_use]
    pub fn new(stream: &'c Transport, version: Version, is_head: bool) -> Self {
        Self { stream: Some(stream), ..Self::for_nobody(version, is_head) }
    }

    /// One whose answer is chosen and counted, and written nowhere.
    #[must_use]
    pub fn for_nobody(version: Version, is_head: bool) -> Self {
        Self {
            stream: None,
            inside: None,
            version,
            is_head,
            pending: Vec::new(),
            framing: Framing::None,
            timeout: Duration::ZERO,
            keep_alive: false,
            keep_alive_header: None,
            shown_status: None,
            takes_chunks: version == Version::Http11,
            expects_trailers: false,
            trailers: None,
            pace: None,
            compressor: None,
            backlog: None,
            sent: Sent::default(),
        }
    }

    /// Whether the answer goes nowhere.
    #[must_use]
    pub fn is_for_nobody(&self) -> bool {
        self.stream.is_none() && self.inside.is_none()
    }

    /// Whether a head was given: from then on no other answer can be sent.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.sent.status != 0
    }

    /// Chooses the answer. Nothing is written yet: the head leaves with the first bytes of the body.
    pub fn begin(&mut self, answer: Answer) {
        let Answer { status, reason, fields, length } = answer;
        let (status, reason) = match self.shown_status {
            Some(shown) => (status::shown(shown), None),
            None => (status, reason),
        };
        let bodyless = self.is_head || matches!(status, 204 | 304);
        self.framing = match length {
            // What frames the client's answer frames its parts.
            _ if self.is_inside() => Framing::Plain,
            _ if bodyless => Framing::None,
            _ if self.expects_trailers && self.takes_chunks => Framing::Chunked,
            BodyLength::None | BodyLength::Length(_) => Framing::Plain,
            BodyLength::Chunked | BodyLength::UntilClose if self.takes_chunks => Framing::Chunked,
            BodyLength::Chunked | BodyLength::UntilClose => {
                self.keep_alive = false;
                Framing::Plain
            }
        };
        self.sent.status = status;
        self.sent.is_chunked = self.framing == Framing::Chunked;
        // RFC 9110 15.5.22 and 7.8: what tells which protocol is required names the field as one for this hop.
        let names_protocol = status == 426 && fields.first(Name::Upgrade).is_some();
        self.sent.connection = match (self.keep_alive, names_protocol) {
            (true, false) => "keep-alive",
            (true, true) => "keep-alive, upgrade",
            (false, false) => "close",
            (false, true) => "close, upgrade",
        };
        self.sent.keep_alive = self.keep_alive_header.filter(|_| self.keep_alive);
        self.sent.length = match length {
            BodyLength::Length(length) if !self.sent.is_chunked => Some(length),
            BodyLength::None | BodyLength::Length(_) | BodyLength::Chunked | BodyLength::UntilClose => None,
        };
        if self.version != Version::Http09 && !self.is_inside() {
            self.encode_head(status, reason.as_deref(), &fields, length);
            self.sent.head_bytes += self.pending.len() as u64;
        }
        self.sent.fields = fields;
    }

    fn encode_head(&mut self, code: u16, reason: Option<&[u8]>, fields: &Fields, length: BodyLength) {
        let out = &mut self.pending;
        *out = Vec::with_capacity(HEAD_BYTES_USUAL);
        let reason = reason.unwrap_or_else(|| status::reason(code).as_bytes());
        encode::status_line(out, code, reason);
        const FIRST: [Name; 3] = [Name::Server, Name::Date, Name::ContentType];
        for name in FIRST {
            if let Some(value) = fields.first(name) {
                encode::field(out, name.as_bytes(), value);
            }
        }
        match length {
            _ if self.framing == Framing::Chunked => encode::field(out, b"Transfer-Encoding", b"chunked"),
            BodyLength::Length(n) if code != 204 => encode::length_field(out, n),
            BodyLength::None | BodyLength::Length(_) | BodyLength::Chunked | BodyLength::UntilClose => {}
        }
        encode::field(out, b"Connection", self.sent.connection.as_bytes());
        if let Some(timeout) = self.sent.keep_alive {
            encode::field(out, b"Keep-Alive", format!("timeout={}", timeout.as_secs()).as_bytes());
        }
        for (known, name, value) in fields.iter_known() {
            if !const { Names::of(&FIRST) }.has(known) {
                encode::field(out, name, value);
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether the body leaves as it is: a file can be sent without its bytes being read.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.framing != Framing::Chunked && self.compressor.is_none() && !self.is_inside()
    }

    /// Writes an interim answer (1xx) as it is.
    ///
    /// # Errors
    /// The client's socket's.
    pub async fn interim(&mut self, head: &[u8]) -> io::Result<()> {
        self.sent.head_bytes += head.len() as u64;
        self.write(&[head]).await
    }

    async fn write(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        match (self.stream, self.pace) {
            (Some(stream), None) => stream.write_parts(parts, self.timeout, &mut self.sent.bytes).await,
            (Some(stream), Some(pace)) => Box::pin(self.write_paced(stream, pace, parts)).await,
            (None, _) if self.is_inside() => Box::pin(self.write_inside(parts)).await,
            (None, _) => Ok(()),
        }
    }

    /// Writes a piece of the body, and before it the head if that has not left yet.
    ///
    /// # Errors
    /// The client's socket's, `TimedOut` when it took nothing for `send_timeout`.
    pub async fn data(&mut self, piece: &[u8]) -> io::Result<()> {
        self.data_then(piece, Then::More).await
    }

    /// The same for a piece that must not wait for others.
    ///
    /// # Errors
    /// As [`Responder::data`].
    pub async fn data_at_once(&mut self, piece: &[u8]) -> io::Result<()> {
        self.data_then(piece, Then::Pause).await
    }

    async fn data_then(&mut self, piece: &[u8], then: Then) -> io::Result<()> {
        if self.compressor.is_some() {
            return Box::pin(self.write_compressed(piece, then)).await;
        }
        let head = std::mem::take(&mut self.pending);
        let mut size = Vec::new();
        let parts = self.framed(&head, piece, b"", &mut size);
        self.write(&parts).await
    }

    /// A piece of the body as it is sent, behind the head if there is one, and before what ends the body.
    fn framed<'p>(&self, head: &'p [u8], piece: &'p [u8], last: &'p [u8], size: &'p mut Vec<u8>) -> [&'p [u8]; 5] {
        match self.framing {
            Framing::None => [head, b"", b"", b"", b""],
            Framing::Plain => [head, b"", piece, b"", b""],
            // An empty chunk would be the end.
            Framing::Chunked if piece.is_empty() => [head, b"", b"", b"", last],
            Framing::Chunked => {
                chunked::chunk_head(piece.len(), size);
                [head, size, piece, b"\r\n", last]
            }
        }
    }

    /// Writes a part of a file as the body, and before it the head. The length was told by [`Responder::begin`].
    ///
    /// # Errors
    /// As [`Responder::data`]; `UnexpectedEof` when the file has become shorter.
    pub async fn file(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        self.flush().await?;
        let Some(stream) = self.stream.filter(|_| self.framing != Framing::None) else { return Ok(()) };
        self.write_file(stream, file, offset, length).await
    }

    async fn write_file(&mut self, stream: &Transport, file: &File, mut offset: u64, mut left: u64) -> io::Result<()> {
        let (mut others, first_byte) = (Turn::default(), self.sent.bytes);
        while left > 0 {
            let step = match self.pace {
                None => left.min(FILE_STEP_BYTES as u64),
                Some(pace) => left.min(turn(stream, pace, self.sent.bytes).await?),
            };
            stream.write_file(file, offset, step, self.timeout, &mut self.sent.bytes).await?;
            others.note(self.sent.bytes - first_byte, stream.stream()).await;
            (offset, left) = (offset + step, left - step);
        }
        Ok(())
    }

    async fn write_paced(&mut self, stream: &Transport, pace: Pace, parts: &[&[u8]]) -> io::Result<()> {
        for part in parts {
            let mut rest = *part;
            while !rest.is_empty() {
                let room = usize::try_from(turn(stream, pace, self.sent.bytes).await?).unwrap_or(usize::MAX);
                let (now, later) = rest.split_at(room.min(rest.len()));
                stream.write_all(now, self.timeout, &mut self.sent.bytes).await?;
                rest = later;
            }
        }
        Ok(())
    }

    /// Writes the head if it has not left yet, so that a client sees it while the body takes its time.
    ///
    /// # Errors
    /// As [`Responder::data`].
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return if self.is_inside() { Box::pin(self.flush_inside()).await } else { Ok(()) };
        }
        let head = std::mem::take(&mut self.pending);
        self.write(&[&head]).await
    }

    /// Ends the answer: writes what is still pending and the last chunk.
    ///
    /// # Errors
    /// As [`Responder::data`].
    pub async fn finish(&mut self) -> io::Result<()> {
        if self.compressor.is_some() {
            return Box::pin(self.write_compressed(b"", Then::End)).await;
        }
        let head = std::mem::take(&mut self.pending);
        let mut with_trailers = Vec::new();
        let last = self.last(&mut with_trailers);
        if head.is_empty() && last.is_empty() {
            return Ok(());
        }
        self.write(&[&head, last]).await
    }

    /// What ends the body.
    fn last<'p>(&self, with_trailers: &'p mut Vec<u8>) -> &'p [u8] {
        match &self.trailers {
            _ if self.framing != Framing::Chunked => b"",
            None => chunked::LAST_CHUNK,
            Some(trailers) => {
                chunked::last_chunk_with(trailers, with_trailers);
                with_trailers
            }
        }
    }

    /// Writes the whole body and ends the answer in one go.
    ///
    /// # Errors
    /// As [`Responder::data`].
    pub async fn whole(&mut self, body: &[u8]) -> io::Result<()> {
        if self.compressor.is_some() {
            return Box::pin(self.write_compressed(body, Then::End)).await;
        }
        if !body.is_empty() && self.framing != Framing::None {
            self.data(body).await?;
        }
        self.finish().await
    }
}

/// Waits until bytes may leave again, and says how many. A client that goes meanwhile is not waited for.
async fn turn(stream: &Transport, pace: Pace, sent: u64) -> io::Result<u64> {
    loop {
        let pause = match pace.room(sent) {
            Ok(room) => return Ok(room),
            Err(pause) => pause,
        };
        if Box::pin(monoio::time::timeout(pause, stream.gone())).await.is_ok() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
    }
}
