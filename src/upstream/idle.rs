//! Idle connections to peers, kept by one shard for the next exchange.
//!
//! What a connection is, and how one notices that it was closed, is the caller's: `put` takes a future that ends when
//! the connection became readable (a FIN, or bytes nobody asked for) or has waited long enough. It is asked once, and
//! then only when it wakes: a [`Keeper`] for the whole pool, to be spawned, looks after the connections that rang.
//! `take` drops that future at once, so the connection that it gives out is waited on by nobody else.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Wakeup, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::model::{PeerAddress, Serving, UpstreamId, UpstreamKeepalive};

/// Idle connections of one shard and one generation.
pub struct Pool<T> {
    lines: RefCell<Vec<Line<T>>>,
    next_number: Cell<u64>,
    rung: Arc<Rung>,
    is_kept: Cell<bool>,
}

/// How far a connection is worn, against `keepalive_requests` and `keepalive_time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    pub opened: Instant,
    /// Exchanges that it carried.
    pub requests: u64,
}

/// Closes the connections of a pool whose wait has ended. To be spawned on the shard; it ends with the pool.
#[must_use = "without its keeper no closed connection of a pool is noticed"]
pub struct Keeper<T> {
    pool: Weak<Pool<T>>,
    rung: Arc<Rung>,
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
    bell: Arc<Bell>,
    /// Dropped before the connection, which it refers to.
    wait: Pin<Box<dyn Future<Output = ()>>>,
    connection: Rc<T>,
}

/// What the wait of one connection rings.
struct Bell {
    group: UpstreamId,
    number: u64,
    rung: Arc<Rung>,
}

/// Whose bells have rung, and who comes to look. A waker may be used from any thread: hence the lock.
#[derive(Default)]
struct Rung(Mutex<Ringing>);

#[derive(Default)]
struct Ringing {
    /// Groups, and numbers of connections in them.
    bells: Vec<(UpstreamId, u64)>,
    keeper: Option<Waker>,
}

impl Rung {
    fn ring(&self, bell: Option<(UpstreamId, u64)>) {
        let keeper = {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.bells.extend(bell);
            held.keeper.take()
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    fn take(&self, keeper: &Waker) -> Vec<(UpstreamId, u64)> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.keeper = Some(keeper.clone());
        std::mem::take(&mut held.bells)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.ring(Some((self.group, self.number)));
    }
}

impl<T: 'static> Pool<T> {
    #[must_use]
    pub fn new(serving: &Serving) -> Rc<Self> {
        let line = |rules| Line { rules, is_closed: false, entries: VecDeque::new() };
        let lines = serving.upstreams.iter().map(|upstream| line(upstream.keepalive)).collect();
        Rc::new(Self {
            lines: RefCell::new(lines),
            next_number: Cell::new(0),
            rung: Arc::default(),
            is_kept: Cell::new(false),
        })
    }

    /// The connection to that address which was used last, of those that serve the purpose.
    #[must_use]
    pub fn take(&self, group: UpstreamId, address: &PeerAddress, serves: impl Fn(&T) -> bool) -> Option<(T, Age)> {
        loop {
            let Entry { age, wait, connection, .. } = {
                let mut lines = self.lines.borrow_mut();
                let entries = &mut lines.get_mut(usize::from(group.0))?.entries;
                let at = entries.iter().rposition(|entry| entry.address == *address && serves(&entry.connection))?;
                entries.remove(at)?
            };
            drop(wait);
            // `None` if the wait gave the connection to somebody else: then it is not ours to reuse.
            if let Some(connection) = Rc::into_inner(connection) {
                return Some((connection, age));
            }
        }
    }

    /// Keeps a connection, or closes it when it is worn or the group keeps none. The oldest of the group makes room.
    /// The first time this gives the pool's keeper.
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
    ) -> Option<Keeper<T>>
    where
        W: Future<Output = ()> + 'static,
    {
        let surplus = {
            let mut lines = self.lines.borrow_mut();
            let line = lines.get_mut(usize::from(group.0))?;
            if line.is_closed || !allows(&line.rules, age, now) {
                return None;
            }
            let number = self.next_number.replace(self.next_number.get() + 1);
            let connection = Rc::new(connection);
            let wait = Box::pin(wait(Rc::clone(&connection), line.rules.timeout));
            let bell = Arc::new(Bell { group, number, rung: Arc::clone(&self.rung) });
            let mut entry = Entry { address: address.clone(), age, bell, wait, connection };
            if entry.has_ended() {
                return None;
            }
            let surplus = if line.entries.len() >= line.rules.connections { line.entries.pop_front() } else { None };
            line.entries.push_back(entry);
            surplus
        };
        drop(surplus);
        let is_first = !self.is_kept.replace(true);
        is_first.then(|| Keeper { pool: Rc::downgrade(self), rung: Arc::clone(&self.rung) })
    }

    /// Closes all idle connections and keeps no more: the generation drains.
    pub fn close(&self) {
        let mut closed = Vec::new();
        for line in self.lines.borrow_mut().iter_mut() {
            line.is_closed = true;
            closed.extend(line.entries.drain(..));
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

    /// Takes a connection out if it is still here and its wait has ended.
    fn look_after(&self, group: UpstreamId, number: u64) -> Option<Entry<T>> {
        let mut lines = self.lines.borrow_mut();
        let entries = &mut lines.get_mut(usize::from(group.0))?.entries;
        let at = entries.iter().position(|entry| entry.bell.number == number)?;
        if entries[at].has_ended() { entries.remove(at) } else { None }
    }
}

impl<T> Entry<T> {
    fn has_ended(&mut self) -> bool {
        let bell = Waker::from(Arc::clone(&self.bell));
        self.wait.as_mut().poll(&mut Wakeup::from_waker(&bell)).is_ready()
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        self.rung.ring(None);
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

impl<T: 'static> Future for Keeper<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, wakeup: &mut Wakeup<'_>) -> Poll<()> {
        let rung = self.rung.take(wakeup.waker());
        let Some(pool) = self.pool.upgrade() else { return Poll::Ready(()) };
        for (group, number) in rung {
            drop(pool.look_after(group, number));
        }
        Poll::Pending
    }
}

impl<T> fmt::Debug for Keeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}
