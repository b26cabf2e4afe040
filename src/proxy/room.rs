//! A future with room of its own on the heap, for what is large and seldom or soon over.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use crate::sys::memory;

/// A large future, which a connection carries only while it needs it.
pub struct Room<F> {
    future: Pin<Box<F>>,
    has_waited: bool,
}

impl<F> Room<F> {
    /// Made where it stays: to move thousands of bytes there costs more than most of what they are for.
    pub fn of(make: impl FnOnce() -> F) -> Self {
        let place = Box::new_uninit();
        Self { future: Box::into_pin(Box::write(place, make())), has_waited: false }
    }
}

impl<F: Future> Future for Room<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        // Since it waited, others have been at work.
        if std::mem::replace(&mut self.has_waited, true) {
            memory::fetch(&*self.future);
        }
        self.future.as_mut().poll(cx)
    }
}
