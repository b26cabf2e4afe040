//! Idle connections to peers, kept by one shard for the next exchange.
//!
//! What a connection is, and how one notices that it was closed, is the caller's: `put` takes a future that ends when
//! the connection became readable (a FIN, or bytes nobody asked for) or has waited long enough, and gives back a
//! [`Watcher`] to be spawned. The watcher's end closes the connection. `take` drops that future at once, so the
//! connection that it gives out is waited on by nobody else.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context as Wakeup, Poll, Waker};
use std::time::{Duration, Instant};

use crate::model::{Http, PeerAddress, UpstreamId, UpstreamKeepalive};

/// Idle connections of one shard and one generation.
pub struct Pool<T> {
    lines: RefCell<Vec<Line<T>>>,
}

/// How far a connection is worn, against `keepalive_requests` and `keepalive_time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    pub opened: Instant,
    /// Exchanges that it carried.
    pub requests: u64,
}

/// Lives as long as the connection it was made for is idle. To be spawned on the shard.
#[must_use = "a connection whose watcher is not polled is never noticed to be closed"]
pub struct Watcher<T> {
    slot: Rc<Slot<T>>,
    pool: Weak<Pool<T>>,
    group: UpstreamId,
}

/// The idle connections of one group, oldest first.
struct Line<T> {
    rules: UpstreamKeepalive,
    is_closed: bool,
    entries: VecDeque<Entry<T>>,
}

struct Entry<T> {
    address: PeerAddress,
    age: Age,
    slot: Rc<Slot<T>>,
}

/// Shared by the pool and the watcher; empty once either has ended the wait.
struct Slot<T> {
    held: RefCell<Option<Held<T>>>,
    watcher: RefCell<Option<Waker>>,
}

struct Held<T> {
    /// Dropped before the connection, which it refers to.
    wait: Pin<Box<dyn Future<Output = ()>>>,
    connection: Rc<T>,
}

impl<T: 'static> Pool<T> {
    #[must_use]
    pub fn new(http: &Http) -> Rc<Self> {
        let line = |rules| Line { rules, is_closed: false, entries: VecDeque::new() };
        let lines = http.upstreams.iter().map(|upstream| line(upstream.keepalive)).collect();
        Rc::new(Self { lines: RefCell::new(lines) })
    }

    /// The connection to that address which was used last.
    #[must_use]
    pub fn take(&self, group: UpstreamId, address: &PeerAddress) -> Option<(T, Age)> {
        loop {
            let entry = {
                let mut lines = self.lines.borrow_mut();
                let entries = &mut lines.get_mut(usize::from(group.0))?.entries;
                let at = entries.iter().rposition(|entry| entry.address == *address)?;
                entries.remove(at)?
            };
            if let Some(connection) = entry.slot.empty() {
                return Some((connection, entry.age));
            }
        }
    }

    /// Keeps a connection, or closes it when it is worn or the group keeps none. The oldest of the group makes room.
    ///
    /// `wait` gets the connection and `keepalive_timeout`, and makes the future that ends when the connection must be
    /// closed.
    pub fn put<W>(
        self: &Rc<Self>,
        group: UpstreamId,
        address: &PeerAddress,
        connection: T,
        age: Age,
        now: Instant,
        wait: impl FnOnce(Rc<T>, Duration) -> W,
    ) -> Option<Watcher<T>>
    where
        W: Future<Output = ()> + 'static,
    {
        let (slot, surplus) = {
            let mut lines = self.lines.borrow_mut();
            let line = lines.get_mut(usize::from(group.0))?;
            if line.is_closed || !allows(&line.rules, age, now) {
                return None;
            }
            let connection = Rc::new(connection);
            let wait = Box::pin(wait(Rc::clone(&connection), line.rules.timeout));
            let held = RefCell::new(Some(Held { wait, connection }));
            let slot = Rc::new(Slot { held, watcher: RefCell::new(None) });
            let surplus = if line.entries.len() >= line.rules.connections { line.entries.pop_front() } else { None };
            line.entries.push_back(Entry { address: address.clone(), age, slot: Rc::clone(&slot) });
            (slot, surplus)
        };
        if let Some(surplus) = surplus {
            drop(surplus.slot.empty());
        }
        Some(Watcher { slot, pool: Rc::downgrade(self), group })
    }

    /// Closes all idle connections and keeps no more: the generation drains.
    pub fn close(&self) {
        let mut closed = Vec::new();
        for line in self.lines.borrow_mut().iter_mut() {
            line.is_closed = true;
            closed.extend(line.entries.drain(..));
        }
        for entry in closed {
            drop(entry.slot.empty());
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.borrow().iter().map(|line| line.entries.len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn forget(&self, group: UpstreamId, slot: &Rc<Slot<T>>) {
        if let Some(line) = self.lines.borrow_mut().get_mut(usize::from(group.0)) {
            line.entries.retain(|entry| !Rc::ptr_eq(&entry.slot, slot));
        }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines.borrow().iter().map(|line| line.entries.len())).finish()
    }
}

/// Whether a connection of that age may serve one more exchange.
fn allows(rules: &UpstreamKeepalive, age: Age, now: Instant) -> bool {
    rules.connections > 0 && age.requests < rules.requests && now.saturating_duration_since(age.opened) < rules.time
}

impl<T> Slot<T> {
    /// Ends the wait and gives the connection, unless the watcher was first.
    fn empty(&self) -> Option<T> {
        let Held { wait, connection } = self.held.borrow_mut().take()?;
        drop(wait);
        if let Some(watcher) = self.watcher.borrow_mut().take() {
            watcher.wake();
        }
        // `None` if the wait gave the connection to somebody else: then it is not ours to reuse.
        Rc::into_inner(connection)
    }
}

impl<T: 'static> Future for Watcher<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, wakeup: &mut Wakeup<'_>) -> Poll<()> {
        {
            let mut held = self.slot.held.borrow_mut();
            let Some(held) = held.as_mut() else { return Poll::Ready(()) };
            if held.wait.as_mut().poll(wakeup).is_pending() {
                *self.slot.watcher.borrow_mut() = Some(wakeup.waker().clone());
                return Poll::Pending;
            }
        }
        if let Some(pool) = self.pool.upgrade() {
            pool.forget(self.group, &self.slot);
        }
        // The watcher runs now and need not be woken.
        self.slot.watcher.borrow_mut().take();
        drop(self.slot.empty());
        Poll::Ready(())
    }
}

impl<T> fmt::Debug for Watcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watcher(group {})", self.group.0)
    }
}
