//! A gate that is shut once: tasks of one shard wait at it for what cannot be undone (drain, the last connection).

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Open until [`Gate::shut`].
#[derive(Debug, Default)]
pub struct Gate {
    is_shut: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Gate {
    /// Wakes everybody who waits, now and later.
    pub fn shut(&self) {
        self.is_shut.set(true);
        let waiting = self.waiting.take();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Resolves when the gate is shut.
    pub async fn shutting(&self) {
        poll_fn(|cx| {
            if self.is_shut.get() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}
