//! Bytes in memory that wait for their target, and the sum of them over all tunnels of the shard.
//!
//! The sum belongs to the thread, as an engine does: a tunnel that paid for a pointer to it would be larger for nothing.

use std::cell::Cell;

thread_local! {
    static TOTAL_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// What the tunnels of this thread keep in memory.
pub fn total_bytes() -> usize {
    TOTAL_BYTES.get()
}

/// Bytes of one direction in the order they came.
#[derive(Debug, Default)]
pub struct Pending {
    bytes: Vec<u8>,
    sent: usize,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Those still to be written.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        TOTAL_BYTES.set(TOTAL_BYTES.get() + bytes.len());
    }

    /// Notes that the first `count` have been written. Memory is given back as a whole.
    pub fn advance(&mut self, count: usize) {
        self.sent += count.min(self.rest().len());
        if self.is_empty() {
            *self = Pending::default();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        TOTAL_BYTES.set(TOTAL_BYTES.get() - self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_what_is_held() {
        let (mut one, mut other) = (Pending::default(), Pending::default());
        one.push(b"abc");
        one.push(b"de");
        other.push(b"x");
        assert_eq!((one.rest(), total_bytes()), (&b"abcde"[..], 6));
        one.advance(4);
        assert_eq!((one.rest(), total_bytes()), (&b"e"[..], 6));
        one.advance(9);
        assert!(one.is_empty() && total_bytes() == 1);
        one.push(b"again");
        drop(one);
        assert_eq!(total_bytes(), 1);
        drop(other);
        assert_eq!(total_bytes(), 0);
    }
}
