//! The end of what is left of a generation, for all of its connections at once: `worker_shutdown_timeout` after a reload.
//!
//! Costs a connection nothing where that is not set.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

/// The tasks of a generation that are to be ended.
#[derive(Debug, Default)]
pub struct Expiry {
    /// How long the generation may go on when it is replaced.
    within: Option<Duration>,
    is_over: Cell<bool>,
    next: Cell<u64>,
    tasks: RefCell<HashMap<u64, Waker>>,
}

/// A task among those to be ended, until it is dropped.
struct Place<'e> {
    expiry: &'e Expiry,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.expiry.tasks.borrow_mut().remove(&self.number);
    }
}

impl Expiry {
    pub fn new(within: Option<Duration>) -> Self {
        Self { within, ..Self::default() }
    }

    pub fn within(&self) -> Option<Duration> {
        self.within
    }

    /// Ends all tasks, those too that are still to come.
    pub fn end(&self) {
        self.is_over.set(true);
        let tasks = self.tasks.take();
        tasks.into_values().for_each(Waker::wake);
    }

    /// Runs a task; `None` if it was ended.
    pub fn run<F: Future>(&self, mut task: Pin<&mut F>) -> impl Future<Output = Option<F::Output>> {
        let mut place = None;
        poll_fn(move |cx| {
            if self.within.is_some() && self.ends(&mut place, cx.waker()) {
                return Poll::Ready(None);
            }
            task.as_mut().poll(cx).map(Some)
        })
    }

    /// Whether a task is to be ended; if not it is told when it is.
    fn ends<'e>(&'e self, place: &mut Option<Place<'e>>, waker: &Waker) -> bool {
        if self.is_over.get() {
            return true;
        }
        let new = || Place { expiry: self, number: self.next.replace(self.next.get() + 1) };
        let number = place.get_or_insert_with(new).number;
        self.tasks.borrow_mut().entry(number).or_insert_with(|| waker.clone()).clone_from(waker);
        false
    }
}
