//! Idle connections to peers, kept by one shard for the next exchange.
//!
//! What a connection is, and how one notices that it was closed, is the caller's: [`Rests`]. It rings when it became
//! readable (a FIN, or bytes nobody asked for); the bells stay with the pool and are used again. How long a connection
//! waited is seen by its place: each group's are in the order they came, so one look at the oldest is enough, and one
//! alarm. A [`Keeper`] for the whole pool looks after those that rang and those that waited long enough.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

use crate::model::{PeerAddress, Serving, UpstreamId, UpstreamKeepalive};

/// A connection that can be kept.
pub trait Rests {
    /// Whether it has ended, or speaks unasked: then it is of no use any more. If not, `waker` is woken when that is to be
    /// asked again.
    fn is_disturbed(&self, waker: &Waker) -> bool;
}

/// Idle connections of one shard and one generation.
pub struct Pool<T> {
    lines: RefCell<Vec<Line<T>>>,
    rung: Arc<Rung>,
    is_kept: Cell<bool>,
    /// When the keeper comes by itself.
    planned: Cell<Option<Instant>>,
}

/// How far a connection is worn, against `keepalive_requests` and `keepalive_time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    pub opened: Instant,
    /// Exchanges that it carried.
    pub requests: u64,
}

/// Closes the connections of a pool that are of no use any more. To be asked whenever its waker says so.
#[must_use = "without its keeper no closed connection of a pool is noticed"]
pub struct Keeper<T> {
    pool: Weak<Pool<T>>,
    rung: Arc<Rung>,
}

/// What a keeper waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tended {
    /// Nothing: its pool is no more.
    Over,
    /// That something rings, or that this time comes.
    Until(Option<Instant>),
}

/// The idle connections of one group, oldest first.
struct Line<T> {
    rules: UpstreamKeepalive,
    is_closed: bool,
    entries: VecDeque<Entry<T>>,
    /// Those that no connection has.
    bells: Vec<Bell>,
    bell_count: u32,
}

struct Entry<T> {
    address: PeerAddress,
    age: Age,
    since: Instant,
    bell: Bell,
    connection: T,
}

/// What a connection rings. It may do so after it was taken: then the one that has the bell now is looked at in vain.
struct Bell {
    number: u32,
    waker: Waker,
}

/// Behind the waker of a bell.
struct Ringer {
    group: UpstreamId,
    number: u32,
    rung: Arc<Rung>,
}

/// Whose bells have rung, and who comes to look. A waker may be used from any thread: hence the lock.
#[derive(Default)]
struct Rung(Mutex<Ringing>);

#[derive(Default)]
struct Ringing {
    /// Groups, and numbers of bells in them.
    bells: Vec<(UpstreamId, u32)>,
    keeper: Option<Waker>,
}

impl Rung {
    fn ring(&self, bell: Option<(UpstreamId, u32)>) {
        let keeper = {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.bells.extend(bell);
            held.keeper.take()
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    fn take(&self, keeper: &Waker) -> Vec<(UpstreamId, u32)> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.keeper = Some(keeper.clone());
        std::mem::take(&mut held.bells)
    }
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.ring(Some((self.group, self.number)));
    }
}

impl<T: Rests> Pool<T> {
    #[must_use]
    pub fn new(serving: &Serving) -> Rc<Self> {
        let lines = serving.upstreams.iter().map(|upstream| Line::new(upstream.keepalive)).collect();
        Rc::new(Self {
            lines: RefCell::new(lines),
            rung: Arc::default(),
            is_kept: Cell::new(false),
            planned: Cell::new(None),
        })
    }

    /// The connection to that address which was used last, of those that serve the purpose.
    #[must_use]
    pub fn take(&self, group: UpstreamId, address: &PeerAddress, serves: impl Fn(&T) -> bool) -> Option<(T, Age)> {
        let mut lines = self.lines.borrow_mut();
        let line = lines.get_mut(usize::from(group.0))?;
        let at = line.entries.iter().rposition(|entry| entry.address == *address && serves(&entry.connection))?;
        let Entry { age, bell, connection, .. } = line.entries.remove(at)?;
        line.bells.push(bell);
        Some((connection, age))
    }

    /// Keeps a connection, or closes it when it is worn or the group keeps none. The oldest of the group makes room.
    /// The first time this gives the pool's keeper.
    pub fn put(
        self: &Rc<Self>,
        group: UpstreamId,
        address: &PeerAddress,
        connection: T,
        age: Age,
        now: Instant,
    ) -> Option<Keeper<T>> {
        let (surplus, due) = {
            let mut lines = self.lines.borrow_mut();
            let line = lines.get_mut(usize::from(group.0))?;
            if line.is_closed || !allows(&line.rules, age, now) {
                return None;
            }
            let bell = line.bells.pop().unwrap_or_else(|| line.new_bell(group, &self.rung));
            if connection.is_disturbed(&bell.waker) {
                line.bells.push(bell);
                return None;
            }
            let surplus = if line.entries.len() >= line.rules.connections { line.entries.pop_front() } else { None };
            line.entries.push_back(Entry { address: address.clone(), age, since: now, bell, connection });
            (surplus.map(|entry| line.part(entry)), line.due(now))
        };
        drop(surplus);
        if due.is_some_and(|due| self.planned.get().is_none_or(|planned| due < planned)) {
            self.planned.set(due);
            self.rung.ring(None);
        }
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

    /// Takes out the connection that has a bell, if there is one and it is of no use any more.
    fn look_after(&self, group: UpstreamId, number: u32) -> Option<T> {
        let mut lines = self.lines.borrow_mut();
        let line = lines.get_mut(usize::from(group.0))?;
        let at = line.entries.iter().position(|entry| entry.bell.number == number)?;
        let Entry { connection, bell, .. } = &line.entries[at];
        if !connection.is_disturbed(&bell.waker) {
            return None;
        }
        line.entries.remove(at).map(|entry| line.part(entry))
    }

    /// Takes out the connections that have waited long enough, and plans when to look again.
    fn expire(&self, now: Instant) -> Vec<T> {
        let (mut expired, mut next) = (Vec::new(), None);
        for line in self.lines.borrow_mut().iter_mut() {
            while let Some(due) = line.entries.front().and_then(|oldest| line.due(oldest.since)) {
                if due > now {
                    next = Some(next.map_or(due, |next: Instant| next.min(due)));
                    break;
                }
                expired.extend(line.entries.pop_front().map(|entry| line.part(entry)));
            }
        }
        self.planned.set(next);
        expired
    }
}

impl<T> Line<T> {
    fn new(rules: UpstreamKeepalive) -> Self {
        Self { rules, is_closed: false, entries: VecDeque::new(), bells: Vec::new(), bell_count: 0 }
    }

    fn new_bell(&mut self, group: UpstreamId, rung: &Arc<Rung>) -> Bell {
        let number = self.bell_count;
        self.bell_count += 1;
        Bell { number, waker: Waker::from(Arc::new(Ringer { group, number, rung: Arc::clone(rung) })) }
    }

    /// The connection of an entry that was taken out; its bell stays.
    fn part(&mut self, entry: Entry<T>) -> T {
        self.bells.push(entry.bell);
        entry.connection
    }

    /// When a connection that waits since then has done so long enough. A `keepalive_timeout` of zero is no bound.
    fn due(&self, since: Instant) -> Option<Instant> {
        if self.rules.timeout.is_zero() { None } else { since.checked_add(self.rules.timeout) }
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

impl<T: Rests> Keeper<T> {
    /// Closes what rang or has waited long enough. `waker` is woken when something rings.
    pub fn tend(&self, waker: &Waker, now: Instant) -> Tended {
        let rung = self.rung.take(waker);
        let Some(pool) = self.pool.upgrade() else { return Tended::Over };
        for (group, number) in rung {
            drop(pool.look_after(group, number));
        }
        drop(pool.expire(now));
        Tended::Until(pool.planned.get())
    }
}

impl<T> fmt::Debug for Keeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}
