//! The body of an answer on its way through a compressor. What that makes leaves at once; what it keeps until there is
//! more leaves with a pause or with the end.

use std::io;
use std::mem;
use std::sync::Arc;

use super::{LateError, Responder};
use crate::http::gzip::{Broken, Then};
use crate::model::{Buffering, Gzip};
use crate::net::buffer::{self, Buffer};
use crate::net::turn;
use crate::proxy::compressor::Compressor;

/// What a compressor made, and what stands around it.
struct Made {
    head: Vec<u8>,
    size: Vec<u8>,
    out: Buffer,
    last: Vec<u8>,
    is_done: bool,
    is_last: bool,
}

fn broken(Broken: Broken) -> io::Error {
    io::Error::other("the compressor failed")
}

impl Responder<'_> {
    /// The body will be compressed, if the shard has room for that; whether it will. Before the answer is chosen.
    pub fn compress(&mut self, rules: &Gzip) -> bool {
        // The head of an answer without a body says what would be done.
        self.compressor = Compressor::take(rules.comp_level, rules.piece_bytes()).filter(|_| !self.is_head);
        self.is_head || self.compressor.is_some()
    }

    /// Whether the compressor keeps bytes until there is more.
    #[must_use]
    pub fn holds_bytes(&self) -> bool {
        self.compressor.as_ref().is_some_and(|compressor| compressor.holds_bytes())
    }

    /// Lets others of the shard have their turn, if this answer has worked long enough.
    pub async fn give_way(&mut self) {
        if self.compressor.as_ref().is_some_and(|compressor| compressor.has_had_turn()) {
            Box::pin(self.give_turn()).await;
        }
    }

    async fn give_turn(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.begin_turn();
        }
        if let Some(stream) = self.stream {
            turn::give(stream.stream()).await;
        }
    }

    /// The next that comes of compressing `rest`, of which it takes what it has used; `None` without a compressor.
    fn make(&mut self, rest: &mut &[u8], then: Then) -> io::Result<Option<Made>> {
        let Some(compressor) = &mut self.compressor else { return Ok(None) };
        let mut out = buffer::take();
        let mut is_done = false;
        while !is_done && out.is_empty() {
            is_done = compressor.step(rest, then, &mut out).map_err(broken)?;
        }
        let is_last = is_done && then == Then::End;
        let head = if out.is_empty() && !is_last { Vec::new() } else { mem::take(&mut self.pending) };
        Ok(Some(Made { head, size: Vec::new(), out, last: Vec::new(), is_done, is_last }))
    }

    /// That as it is sent: nothing where all was kept.
    fn framed_made<'p>(&self, made: &'p mut Made) -> [&'p [u8]; 5] {
        let last = if made.is_last { self.last(&mut made.last) } else { b"" };
        self.framed(&made.head, &made.out, last, &mut made.size)
    }

    /// Compresses a piece of the body, and writes what comes of it.
    pub(super) async fn write_compressed(&mut self, mut rest: &[u8], then: Then) -> io::Result<()> {
        while let Some(mut made) = self.make(&mut rest, then)? {
            let parts = self.framed_made(&mut made);
            self.write(&parts).await?;
            if made.is_done {
                break;
            }
        }
        if then == Then::End {
            self.end_compressed();
            self.give_turn().await;
        } else {
            self.give_way().await;
        }
        Ok(())
    }

    /// The same without waiting, for a body whose peer is read on. Returns whether a file was begun.
    pub(super) fn offer_compressed(
        &mut self,
        mut rest: &[u8],
        then: Then,
        rules: &Arc<Buffering>,
    ) -> Result<bool, LateError> {
        let mut is_first = false;
        while let Some(mut made) = self.make(&mut rest, then).map_err(LateError::Client)? {
            let parts = self.framed_made(&mut made);
            is_first |= self.offer_parts(&parts, rules)?;
            if made.is_done {
                break;
            }
        }
        if then == Then::End {
            self.end_compressed();
        }
        Ok(is_first)
    }

    /// Lets what the compressor holds leave, since nothing follows for now.
    ///
    /// # Errors
    /// As [`Responder::offer`].
    pub fn offer_held(&mut self, rules: &Arc<Buffering>) -> Result<bool, LateError> {
        if self.holds_bytes() { self.offer_compressed(b"", Then::Pause, rules) } else { Ok(false) }
    }

    /// Writes what the compressor holds of an answer that goes no further.
    pub(super) async fn write_held(&mut self) -> io::Result<()> {
        if self.holds_bytes() { Box::pin(self.write_compressed(b"", Then::Pause)).await } else { Ok(()) }
    }

    fn end_compressed(&mut self) {
        self.sent.compressed = self.compressor.take().and_then(|compressor| compressor.amounts());
    }
}
