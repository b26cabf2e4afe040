//! Chunked bodies (RFC 9112 7.1): an incremental reader for any split of the bytes, and the few bytes a writer needs.
//!
//! Only CRLF ends a line here: what one reader takes for a line end and another for data is how requests are smuggled.
//! Extensions are read and dropped, trailers are kept, both within bounds.

use super::encode;
use super::field_lines::{self, Sender};
use super::fields::Fields;
use super::hop_by_hop;
use super::token;
use crate::limits::{CHUNK_OVERHEAD_BYTES_MAX, TRAILER_BYTES_MAX};

/// The last chunk and an empty trailer section.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends the line before a chunk's data; `\r\n` follows the data. For an empty piece nothing may be written at all:
/// it would end the body.
pub fn chunk_head(bytes: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - bytes.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[bytes >> (4 * digit) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Where a chunked body breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkedError {
    /// No hexadecimal digit where a size must stand, or something else behind it.
    Size,
    /// 2^63 or more.
    SizeTooLarge,
    /// A control byte in an extension.
    Extension,
    /// A line or a chunk's data ends with something other than CRLF.
    LineEnd,
    /// Extensions and leading zeros outweigh the data.
    TooMuchOverhead,
    TrailerTooLarge,
    Trailer,
}

impl ChunkedError {
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Size => "invalid chunk size",
            Self::SizeTooLarge => "too large chunk size",
            Self::Extension => "invalid chunk extension",
            Self::LineEnd => "chunk line does not end with CRLF",
            Self::TooMuchOverhead => "too long chunk extensions",
            Self::TrailerTooLarge => "too large trailers",
            Self::Trailer => "invalid trailer",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    Start,
    Size,
    /// Spaces behind a size: an extension or the line's end must follow.
    Space,
    Extension,
    /// Behind the CR of a size line.
    SizeEnd,
    Data,
    /// Behind the data of a chunk.
    DataCr,
    DataLf,
    /// At the begin of a trailer line.
    TrailerStart,
    TrailerLine,
    TrailerLf,
    /// Behind the CR of the empty line.
    LastLf,
    Done,
}

/// Reads one body.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    /// Of the present chunk: its size, then what is left of its data.
    left_bytes: u64,
    /// Bytes that no body needs, weighed against its data: many tiny chunks with long extensions cost much more to read
    /// than they carry.
    overhead_bytes: usize,
    trailer: Vec<u8>,
    trailers: Fields,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    #[must_use]
    pub fn new() -> Self {
        let state = State::Start;
        Self { state, left_bytes: 0, overhead_bytes: 0, trailer: Vec::new(), trailers: Fields::new() }
    }

    /// Reads from `raw`, appends data to `out`, and says how many bytes of `raw` it took and whether the body is over.
    /// It takes all of `raw` unless the body is over.
    ///
    /// # Errors
    /// The body breaks the rules; the decoder is of no further use.
    pub fn decode(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<(usize, bool), ChunkedError> {
        let mut used = 0;
        while let Some(&byte) = raw.get(used) {
            match self.state {
                State::Done => break,
                State::Data => {
                    let rest = &raw[used..];
                    let bytes = usize::try_from(self.left_bytes).map_or(rest.len(), |left| left.min(rest.len()));
                    out.extend_from_slice(&rest[..bytes]);
                    used += bytes;
                    self.left_bytes -= bytes as u64;
                    self.overhead_bytes = self.overhead_bytes.saturating_sub(bytes);
                    if self.left_bytes == 0 {
                        self.state = State::DataCr;
                    }
                }
                State::Start | State::Size | State::Space | State::Extension | State::SizeEnd => {
                    self.state = self.size_line(byte)?;
                    used += 1;
                }
                State::DataCr => {
                    self.state = after(byte, b'\r', State::DataLf)?;
                    used += 1;
                }
                State::DataLf => {
                    self.state = after(byte, b'\n', State::Start)?;
                    used += 1;
                }
                State::TrailerStart | State::TrailerLine | State::TrailerLf | State::LastLf => {
                    self.state = self.trailer_line(byte)?;
                    used += 1;
                }
            }
        }
        Ok((used, self.is_done()))
    }

    /// Whether the last byte of the body was read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer fields, once the body is over: those that may stand in a trailer section (RFC 9110 6.5.1).
    #[must_use]
    pub fn trailers(&self) -> &Fields {
        &self.trailers
    }

    fn size_line(&mut self, byte: u8) -> Result<State, ChunkedError> {
        match (self.state, byte) {
            (State::Start | State::Size, _) if byte.is_ascii_hexdigit() => self.add_digit(byte),
            (State::Size | State::Space | State::Extension, b'\r') => Ok(State::SizeEnd),
            (State::Size | State::Space, b' ' | b'\t') => self.weigh(State::Space),
            (State::Size | State::Space, b';') => self.weigh(State::Extension),
            (State::Size | State::Extension, b'\n') => Err(ChunkedError::LineEnd),
            (State::Extension, _) if token::is_control(byte) => Err(ChunkedError::Extension),
            (State::Extension, _) => self.weigh(State::Extension),
            (State::SizeEnd, b'\n') if self.left_bytes == 0 => Ok(State::TrailerStart),
            (State::SizeEnd, b'\n') => Ok(State::Data),
            (State::SizeEnd, _) => Err(ChunkedError::LineEnd),
            _ => Err(ChunkedError::Size),
        }
    }

    fn add_digit(&mut self, byte: u8) -> Result<State, ChunkedError> {
        let digit = char::from(byte).to_digit(16).ok_or(ChunkedError::Size)?;
        if self.left_bytes > (i64::MAX as u64) >> 4 {
            return Err(ChunkedError::SizeTooLarge);
        }
        if self.state == State::Size && self.left_bytes == 0 {
            self.weigh(State::Size)?;
        }
        self.left_bytes = self.left_bytes << 4 | u64::from(digit);
        Ok(State::Size)
    }

    /// Counts a byte that no body needs: an extension's, a leading zero.
    fn weigh(&mut self, next: State) -> Result<State, ChunkedError> {
        self.overhead_bytes += 1;
        if self.overhead_bytes > CHUNK_OVERHEAD_BYTES_MAX { Err(ChunkedError::TooMuchOverhead) } else { Ok(next) }
    }

    fn trailer_line(&mut self, byte: u8) -> Result<State, ChunkedError> {
        let next = match (self.state, byte) {
            (State::TrailerStart, b'\r') => return Ok(State::LastLf),
            (State::TrailerLine, b'\r') => State::TrailerLf,
            (State::TrailerStart | State::TrailerLine, b'\n') => return Err(ChunkedError::LineEnd),
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::LastLf, b'\n') => {
                self.finish()?;
                return Ok(State::Done);
            }
            (State::TrailerLf | State::LastLf, _) => return Err(ChunkedError::LineEnd),
            _ => State::TrailerLine,
        };
        if self.trailer.len() >= TRAILER_BYTES_MAX {
            return Err(ChunkedError::TrailerTooLarge);
        }
        self.trailer.push(byte);
        Ok(next)
    }

    fn finish(&mut self) -> Result<(), ChunkedError> {
        let mut lines = std::mem::take(&mut self.trailer);
        if lines.is_empty() {
            return Ok(());
        }
        lines.extend_from_slice(b"\r\n");
        let sender = Sender::Client { underscores: false, ignore_invalid: true };
        let fields = field_lines::parse(&lines, sender).map_err(|_| ChunkedError::Trailer)?;
        for (name, value) in fields.iter().filter(|(name, _)| hop_by_hop::may_trail(name)) {
            self.trailers.push(name, value);
        }
        Ok(())
    }
}

/// Appends the last chunk with trailer fields.
pub fn last_chunk_with(trailers: &Fields, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter() {
        encode::field(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
}

fn after(byte: u8, wanted: u8, next: State) -> Result<State, ChunkedError> {
    if byte == wanted { Ok(next) } else { Err(ChunkedError::LineEnd) }
}

#[cfg(test)]
#[path = "tests/chunked.rs"]
mod tests;
