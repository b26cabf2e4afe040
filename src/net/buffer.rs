//! Buffers that a shard lends while bytes are on the move and takes back when a connection waits.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use crate::limits::{BODY_BUFFER_BYTES, BODY_BUFFERS_KEPT};

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`BODY_BUFFER_BYTES`], empty when taken; it goes back by itself.
pub struct Buffer(Vec<u8>);

/// Takes a buffer from the shard's pool, or makes one.
#[must_use]
pub fn take() -> Buffer {
    let kept = FREE.with(|free| free.borrow_mut().pop());
    Buffer(kept.unwrap_or_else(|| Vec::with_capacity(BODY_BUFFER_BYTES)))
}

/// Frees the buffers that nobody uses.
pub fn release() {
    FREE.take();
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        bytes.clear();
        // A buffer that had to grow is not kept: the pool's size is what the constants say.
        if bytes.capacity() != BODY_BUFFER_BYTES {
            return;
        }
        FREE.with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < BODY_BUFFERS_KEPT {
                free.push(bytes);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}
