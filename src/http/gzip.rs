//! The gzip coding (RFC 1952, RFC 9110 8.4.1.3) as a function over bytes: plain ones in, compressed ones out, in pieces
//! of any size on either side.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// The coder's own first level makes bodies a fifth longer than zlib's does; its second is shorter than that, and faster.
const LEVEL_MIN: u8 = 2;

/// What follows the bytes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// More, so that some may wait for it.
    More,
    /// Nothing for now: a reader of what is out by then has all bytes so far.
    Pause,
    End,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped {
    /// Bytes of the input that were taken.
    pub taken: usize,
    /// Bytes of the output that were written.
    pub made: usize,
    /// Nothing is left to do. Otherwise the output is full, and the step goes on with the rest of the input.
    pub is_done: bool,
}

/// The compressor failed, which no input makes it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// One compressed body.
#[derive(Debug)]
pub struct Encoder {
    level: u8,
    deflate: Compress,
    crc: Crc,
    edge: Edge,
    /// All but the tail is out.
    is_over: bool,
}

/// The head, and later the tail, as far as it is not out yet.
#[derive(Debug)]
struct Edge {
    bytes: [u8; 10],
    left: u8,
}

impl Edge {
    fn head(level: u8) -> Self {
        // What the two ends of the range of levels are for, as zlib says it.
        let extra = match level {
            9 => 2,
            1 => 4,
            _ => 0,
        };
        const UNIX: u8 = 3;
        Self { bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extra, UNIX], left: 10 }
    }

    fn tail(crc: &Crc) -> Self {
        let mut bytes = [0; 10];
        bytes[2..6].copy_from_slice(&crc.sum().to_le_bytes());
        bytes[6..].copy_from_slice(&crc.amount().to_le_bytes());
        Self { bytes, left: 8 }
    }

    fn write(&mut self, out: &mut [u8]) -> usize {
        let left = &self.bytes[self.bytes.len() - usize::from(self.left)..];
        let count = left.len().min(out.len());
        out[..count].copy_from_slice(&left[..count]);
        self.left -= count as u8;
        count
    }
}

impl Encoder {
    /// `level` is from 1, the fastest, to 9.
    #[must_use]
    pub fn new(level: u8) -> Self {
        let deflate = Compress::new(Compression::new(u32::from(level.clamp(LEVEL_MIN, 9))), false);
        Self { level, deflate, crc: Crc::new(), edge: Edge::head(level), is_over: false }
    }

    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Makes it ready for another body of its level, for less than a new one takes.
    pub fn begin_again(&mut self) {
        self.deflate.reset();
        self.crc.reset();
        (self.edge, self.is_over) = (Edge::head(self.level), false);
    }

    /// Takes bytes from the begin of `input` and writes to the begin of `out`, which must have room for the head or
    /// the mark of a pause and more: 16 bytes at least.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn step(&mut self, input: &[u8], then: Then, out: &mut [u8]) -> Result<Stepped, Broken> {
        let (mut made, taken);
        if self.is_over {
            (made, taken) = (self.edge.write(out), 0);
        } else {
            // The head leaves with what follows it.
            let head_bytes = usize::from(self.edge.left);
            let flush = match then {
                Then::More => FlushCompress::None,
                Then::Pause => FlushCompress::Sync,
                Then::End => FlushCompress::Finish,
            };
            let (before_in, before_out) = (self.deflate.total_in(), self.deflate.total_out());
            let status = self.deflate.compress(input, &mut out[head_bytes..], flush).map_err(|_| Broken)?;
            // Both are at most the lengths of the slices.
            taken = (self.deflate.total_in() - before_in) as usize;
            made = (self.deflate.total_out() - before_out) as usize;
            if made > 0 {
                made += self.edge.write(out);
            }
            self.crc.update(&input[..taken]);
            if status == Status::StreamEnd {
                self.is_over = true;
                self.edge = Edge::tail(&self.crc);
                made += self.edge.write(&mut out[made..]);
            }
        }
        let is_done = match then {
            Then::More => taken == input.len(),
            Then::Pause => taken == input.len() && made < out.len(),
            Then::End => self.is_over && self.edge.left == 0,
        };
        Ok(Stepped { taken, made, is_done })
    }

    /// Plain bytes so far.
    #[must_use]
    pub fn plain_bytes(&self) -> u64 {
        self.deflate.total_in()
    }

    /// How long the body is once it is over, head and tail included.
    #[must_use]
    pub fn compressed_bytes(&self) -> u64 {
        self.deflate.total_out() + 18
    }
}

#[cfg(test)]
#[path = "tests/gzip.rs"]
mod tests;
