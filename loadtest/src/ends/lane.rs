//! A queue between two tasks of one thread: the writer of a tunnel announces what its reader has to wait for.
//!
//! Not bounded: it holds one small item for each message under way.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

struct Shared<T> {
    queue: RefCell<VecDeque<T>>,
    waker: Cell<Option<Waker>>,
    closed: Cell<bool>,
}

pub struct Entrance<T>(Rc<Shared<T>>);

pub struct Exit<T>(Rc<Shared<T>>);

pub fn lane<T>() -> (Entrance<T>, Exit<T>) {
    let shared =
        Rc::new(Shared { queue: RefCell::new(VecDeque::new()), waker: Cell::new(None), closed: Cell::new(false) });
    (Entrance(shared.clone()), Exit(shared))
}

impl<T> Entrance<T> {
    pub fn push(&self, item: T) {
        self.0.queue.borrow_mut().push_back(item);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

impl<T> Drop for Entrance<T> {
    fn drop(&mut self) {
        self.0.closed.set(true);
        self.wake();
    }
}

impl<T> Exit<T> {
    /// The next item; `None` when the entrance is gone and all was taken.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| {
            if let Some(item) = self.0.queue.borrow_mut().pop_front() {
                return Poll::Ready(Some(item));
            }
            if self.0.closed.get() {
                return Poll::Ready(None);
            }
            self.0.waker.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await
    }
}
