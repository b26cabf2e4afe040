//! Turns of those who move bytes: where both ends are as fast as this, nothing ever has to be waited for, and all others
//! of the shard would wait until the end.

use std::pin::pin;

use super::stream::Stream;
use super::timer;
use crate::limits::{BODY_TURN_BYTES, TURN_WAIT};

/// How far one body may go before others have their turn.
#[derive(Debug)]
pub struct Turn {
    end_bytes: u64,
}

impl Default for Turn {
    fn default() -> Self {
        Self { end_bytes: BODY_TURN_BYTES }
    }
}

impl Turn {
    /// Lets others have their turn, if so many bytes are enough for this one. Nothing is lost when the wait is given up.
    pub async fn note(&mut self, moved_bytes: u64, stream: &Stream) {
        if self.is_over(moved_bytes) {
            Box::pin(give(stream)).await;
        }
    }

    fn is_over(&mut self, moved_bytes: u64) -> bool {
        let is_over = moved_bytes >= self.end_bytes;
        if is_over {
            self.end_bytes = moved_bytes + BODY_TURN_BYTES;
        }
        is_over
    }
}

/// A wait that the ring ends: a task that merely wakes itself would keep the shard from its completions. It is for others
/// to see whether the stream has room, or is at its end.
pub async fn give(stream: &Stream) {
    let _ = timer::limited(TURN_WAIT, pin!(stream.writable_in_turn())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_after_so_many_bytes_and_the_next_begins() {
        let mut turn = Turn::default();
        assert!(!turn.is_over(0) && !turn.is_over(BODY_TURN_BYTES - 1));
        assert!(turn.is_over(BODY_TURN_BYTES + 5));
        assert!(!turn.is_over(2 * BODY_TURN_BYTES + 4) && turn.is_over(2 * BODY_TURN_BYTES + 5));
    }
}
