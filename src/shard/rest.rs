//! Notices that a shard has come to rest, and then gives back to the kernel what its last connections left in the heap.
//!
//! The allocator keeps freed pages for the next burst. After it, ten thousand quiet tunnels would pay for the handshakes
//! that they came by.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::limits::{SHARD_REST_CONNECTIONS, SHARD_REST_TIME};
use crate::net::{buffer, readiness, timer};
use crate::proxy::release_encoders;
use crate::sys::memory;

/// What a shard knows of its own activity.
#[derive(Debug, Default)]
pub struct Rest {
    /// Connections that have come, become tunnels or gone since the heap was last looked at.
    stirred: Cell<usize>,
    waiting: RefCell<Option<Waker>>,
}

impl Rest {
    /// A connection has come, or is over.
    pub fn stir(&self) {
        self.stirred.set(self.stirred.get().saturating_add(1));
        if self.stirred.get() >= SHARD_REST_CONNECTIONS
            && let Some(waker) = self.waiting.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// Gives memory back after each burst, for ever. `trim` frees what others of the shard keep for the next one.
    pub async fn watch(&self, trim: impl Fn()) {
        loop {
            self.burst().await;
            self.quiet().await;
            buffer::release();
            readiness::release();
            release_encoders();
            trim();
            memory::give_back();
        }
    }

    /// Enough has happened to be worth the call.
    async fn burst(&self) {
        poll_fn(|task| {
            if self.stirred.get() >= SHARD_REST_CONNECTIONS {
                return Poll::Ready(());
            }
            *self.waiting.borrow_mut() = Some(task.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Nothing has come or gone for a while.
    async fn quiet(&self) {
        while self.stirred.replace(0) > 0 {
            // Ends a task, whose own turn comes during the sleep.
            timer::release();
            monoio::time::sleep(SHARD_REST_TIME).await;
        }
    }
}
