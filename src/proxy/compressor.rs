//! The compressor of one answer.
//!
//! It is made with the first byte of a body and given back with the last: an answer that waits for its body holds none.

use std::cell::{Cell, RefCell};

use crate::http::gzip::{Broken, Encoder, Then};
use crate::limits::{GZIP_ANSWERS_MAX, GZIP_ENCODERS_KEPT, GZIP_TURN_BYTES};

thread_local! {
    /// Places of the shard that are taken.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
    /// Encoders that nobody uses.
    static FREE: RefCell<Vec<Encoder>> = const { RefCell::new(Vec::new()) };
}

/// Takes an encoder of that level from those of the shard, or makes one.
fn take_encoder(level: u8) -> Encoder {
    let kept = FREE.with_borrow_mut(|free| {
        let at = free.iter().position(|encoder| encoder.level() == level)?;
        Some(free.swap_remove(at))
    });
    match kept {
        Some(mut encoder) => {
            encoder.begin_again();
            encoder
        }
        None => Encoder::new(level),
    }
}

/// Frees the encoders that nobody uses.
pub fn release() {
    FREE.take();
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
        let encoder = self.encoder.get_or_insert_with(|| take_encoder(self.level));
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

impl Drop for Compressor {
    fn drop(&mut self) {
        let Some(encoder) = self.encoder.take() else { return };
        FREE.with_borrow_mut(|free| {
            if free.len() == GZIP_ENCODERS_KEPT {
                // The oldest may be of a level that no longer is asked for.
                free.remove(0);
            }
            free.push(encoder);
        });
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

    #[test]
    fn an_encoder_is_used_again_and_begins_anew() {
        let body = |level| {
            let mut compressor = Compressor::take(level, 512).unwrap();
            let (mut rest, mut out) = (b"abcabcabcabc".as_slice(), Vec::new());
            assert!(compressor.step(&mut rest, Then::End, &mut out).unwrap());
            assert_eq!(compressor.amounts().map(|(plain, made)| (plain, made as usize)), Some((12, out.len())));
            out
        };
        let first = body(1);
        for level in [1, 1, 9, 5, 6, 7, 1] {
            let again = body(level);
            assert!(level != 1 || again == first, "{again:?}");
            assert!(FREE.with_borrow(|free| free.len() <= GZIP_ENCODERS_KEPT));
        }
        release();
        assert!(FREE.with_borrow(Vec::is_empty));
    }
}
