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

    /// Resolves when the gate is shut. It may be asked as often as its task has something else to do: the task is written
    /// down once.
    pub fn shutting(&self) -> impl Future<Output = ()> {
        let mut written: Option<Waker> = None;
        poll_fn(move |cx| {
            if self.is_shut.get() {
                return Poll::Ready(());
            }
            if !written.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                self.waiting.borrow_mut().push(cx.waker().clone());
                written = Some(cx.waker().clone());
            }
            Poll::Pending
        })
    }
}
