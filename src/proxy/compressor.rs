//! The compressor of one answer.
//!
//! It is made with the first byte of a body and given back with the last: an answer that waits for its body holds none.

use std::cell::Cell;

use crate::http::gzip::{Broken, Encoder, Then};
use crate::limits::{GZIP_ANSWERS_MAX, GZIP_TURN_BYTES};

thread_local! {
    /// Places of the shard that are taken.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// Leave to compress, one of [`GZIP_ANSWERS_MAX`] of the shard.
struct Place(());

impl Place {
    fn take() -> Option<Self> {
        TAKEN.with(|taken| {
            let count = taken.get();
            (count < GZIP_ANSWERS_MAX).then(|| {
                taken.set(count + 1);
                Self(())
            })
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TAKEN.with(|taken| taken.set(taken.get() - 1));
    }
}

/// What one body goes through.
pub struct Compressor {
    _place: Place,
    level: u8,
    piece_bytes: usize,
    encoder: Option<Encoder>,
    /// It may hold bytes that nobody has seen.
    holds: bool,
    /// Plain bytes since others had their turn.
    turn_bytes: usize,
}

impl Compressor {
    /// One that makes at most `piece_bytes` in a step; `None` where the shard has enough of them.
    #[must_use]
    pub fn take(level: u8, piece_bytes: usize) -> Option<Box<Self>> {
        let place = Place::take()?;
        Some(Box::new(Self { _place: place, level, piece_bytes, encoder: None, holds: false, turn_bytes: 0 }))
    }

    /// Fills `out` from the begin of `rest`, of which it takes what it has used; whether nothing is left to do.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn step(&mut self, rest: &mut &[u8], then: Then, out: &mut Vec<u8>) -> Result<bool, Broken> {
        let encoder = self.encoder.get_or_insert_with(|| Encoder::new(self.level));
        out.resize(self.piece_bytes, 0);
        let step = encoder.step(rest, then, out)?;
        out.truncate(step.made);
        *rest = &rest[step.taken..];
        self.turn_bytes += step.taken;
        self.holds = then == Then::More || !step.is_done;
        Ok(step.is_done)
    }

    /// Whether bytes wait for more.
    #[must_use]
    pub fn holds_bytes(&self) -> bool {
        self.holds
    }

    /// Whether others should have their turn.
    #[must_use]
    pub fn has_had_turn(&self) -> bool {
        self.turn_bytes >= GZIP_TURN_BYTES
    }

    pub fn begin_turn(&mut self) {
        self.turn_bytes = 0;
    }

    /// Bytes of the body before and after, once it is over.
    #[must_use]
    pub fn amounts(&self) -> Option<(u64, u64)> {
        self.encoder.as_ref().map(|encoder| (encoder.plain_bytes(), encoder.compressed_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_compresses_so_many_answers_at_a_time() {
        let mut at_work: Vec<_> = std::iter::from_fn(|| Compressor::take(1, 512)).collect();
        assert_eq!(at_work.len(), GZIP_ANSWERS_MAX);
        at_work.pop();
        assert!(Compressor::take(1, 512).is_some() && Compressor::take(1, 512).is_some());
    }
}
