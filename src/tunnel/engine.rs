//! The tunnels of a shard on its runtime: what hands them over, what drives them, who waits for their end.
//!
//! Only here is the runtime known: one task awaits the ring's descriptor, adoptions and the sweep, then makes a turn.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use crate::limits;
use crate::model;
use crate::net::early::Early;
use crate::net::moment;
use crate::net::spare::Detached;

use super::clock::Moment;
use super::parked::Park;
use super::pump;
use super::record::{Counts, Keep, Reason};
use super::side::Direction;
use super::slot::{Carried, Slot};
use super::turns::{Over, Turns};

/// Two connected sockets that become a tunnel. After that nobody else can write to them.
///
/// Both are non-blocking: splice needs that, SPLICE_F_NONBLOCK alone still waits for a socket.
pub struct Seed {
    pub client: OwnedFd,
    pub upstream: Detached,
    pub early: Option<Box<Early>>,
    /// The bytes are WebSocket frames.
    pub frames: bool,
    pub settings: Arc<model::Tunnel>,
}

/// Sizes of a shard's ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    pub ring_submissions: u32,
    pub ring_completions: u32,
    /// Bytes of all tunnels that may wait in memory before reading slows down.
    pub pending_bytes_max: usize,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            ring_submissions: limits::TUNNEL_RING_SUBMISSIONS,
            ring_completions: limits::TUNNEL_RING_COMPLETIONS,
            pending_bytes_max: limits::TUNNEL_PENDING_BYTES_MAX,
        }
    }
}

/// All tunnels of one shard, and its parked sockets. Belongs to the thread that made it.
pub struct Engine<K, P = Infallible> {
    turns: RefCell<Turns<K, P>>,
    started: std::time::Instant,
    /// There is work that no completion announces.
    is_asked: Cell<bool>,
    dispatcher: RefCell<Option<Waker>>,
    waiting_for_drain: RefCell<Vec<Waker>>,
    on_sweep: RefCell<Option<OnSweep>>,
}

/// Called with each sweep: for metrics, which are never more than that out of date.
pub type OnSweep = Box<dyn Fn(&Counts)>;

impl<K: Keep, P: Park> Engine<K, P> {
    /// # Errors
    /// The text names the call that io_uring refused, and its errno.
    pub fn new(options: EngineOptions) -> io::Result<Rc<Self>> {
        Ok(Rc::new(Engine {
            turns: RefCell::new(Turns::new(
                options.ring_submissions,
                options.ring_completions,
                options.pending_bytes_max,
            )?),
            started: std::time::Instant::now(),
            is_asked: Cell::new(false),
            dispatcher: RefCell::new(None),
            waiting_for_drain: RefCell::new(Vec::new()),
            on_sweep: RefCell::new(None),
        }))
    }

    fn now(&self) -> Moment {
        let elapsed = moment::now().saturating_duration_since(self.started);
        Moment(elapsed.as_secs() * 1_000 + u64::from(elapsed.subsec_millis()))
    }

    /// Takes two sockets over. Bytes move as soon as [`Engine::run`] has its turn.
    pub fn adopt(&self, seed: Seed, kept: K) {
        let now = self.now();
        let mut slot = Slot::new(seed.client, seed.upstream, seed.settings, now);
        slot.carried = Carried::new(seed.frames);
        let slot = match seed.early {
            None => slot,
            Some(early) => with_early(slot, &early, now),
        };
        self.turns.borrow_mut().adopt(slot, kept, now);
        self.ask();
    }

    /// Holds a socket at rest until there is something to read, it ends, or it was held for so long.
    pub fn park(&self, socket: OwnedFd, within: Duration, kept: P) {
        let now = self.now();
        self.turns.borrow_mut().park(socket, within, kept, now);
        self.ask();
    }

    /// Gives the parked sockets back that `which` chooses, except those that have something to read: they wake anyway.
    pub fn release(&self, which: impl Fn(&P) -> bool) {
        self.turns.borrow_mut().release(which);
    }

    /// Frees the room that turns keep for the next one. After a burst a few lists would else hold pages that were its own.
    pub fn trim(&self) {
        self.turns.borrow_mut().trim();
    }

    /// Tunnels whose sockets are not closed yet.
    pub fn active(&self) -> usize {
        self.turns.borrow().active()
    }

    /// For metrics, and for the check at exit that nothing is left.
    pub fn counts(&self) -> Counts {
        self.turns.borrow().counts()
    }

    /// Puts what is called with each sweep in the place of the one before.
    pub fn on_sweep(&self, on_sweep: OnSweep) {
        *self.on_sweep.borrow_mut() = Some(on_sweep);
    }

    /// Begins the end of all tunnels; [`Engine::drained`] tells when it is complete.
    pub fn close_all(&self, reason: Reason) {
        let now = self.now();
        // What the ring refuses here is pushed again by the next turn, whose error ends the dispatcher.
        let _ = self.turns.borrow_mut().end_all(reason, now);
        self.ask();
    }

    /// Begins the drain of the tunnels with these settings, present and future: `tunnel_drain` says how they end.
    pub fn drain(&self, settings: &[Arc<model::Tunnel>]) {
        let now = self.now();
        self.turns.borrow_mut().drain(settings, now);
    }

    /// Begins the end of the tunnels with these settings.
    pub fn close(&self, settings: &[Arc<model::Tunnel>], reason: Reason) {
        let now = self.now();
        // As above.
        let _ = self.turns.borrow_mut().end_of(settings, reason, now);
        self.ask();
    }

    /// Resolves when no tunnel is left.
    pub fn drained(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|task| {
            if self.active() == 0 {
                return Poll::Ready(());
            }
            self.waiting_for_drain.borrow_mut().push(task.waker().clone());
            Poll::Pending
        })
    }

    fn ask(&self) {
        self.is_asked.set(true);
        if let Some(dispatcher) = self.dispatcher.borrow_mut().take() {
            dispatcher.wake();
        }
    }

    /// Drives the tunnels. To be spawned once on the shard's runtime; comes back only with an error of the ring.
    ///
    /// # Errors
    /// The ring failed: no tunnel of this shard can move any more.
    pub async fn run(self: Rc<Self>) -> io::Result<()> {
        let watched = UnixListener::from(self.turns.borrow().ring().watched()?);
        // The type stands for any descriptor that can be polled: nothing is accepted from it.
        let watched = monoio::net::UnixListener::from_std(watched)?;
        let mut sweep = pin!(monoio::time::sleep(limits::TUNNEL_SWEEP_INTERVAL));
        let mut readable = Box::pin(watched.readable(false));
        loop {
            let woken = poll_fn(|task| self.poll_wake(task, readable.as_mut(), sweep.as_mut())).await;
            match woken {
                Woken::Asked => {}
                Woken::Ring(result) => {
                    result?;
                    readable.set(watched.readable(false));
                }
                Woken::Sweep => {
                    let next = sweep.deadline() + limits::TUNNEL_SWEEP_INTERVAL;
                    sweep.as_mut().reset(next);
                    let now = self.now();
                    self.turns.borrow_mut().sweep(now)?;
                    if let Some(on_sweep) = &*self.on_sweep.borrow() {
                        on_sweep(&self.counts());
                    }
                }
            }
            self.turn()?;
        }
    }

    fn poll_wake(
        &self,
        task: &mut task::Context<'_>,
        readable: Pin<&mut impl Future<Output = io::Result<()>>>,
        sweep: Pin<&mut monoio::time::Sleep>,
    ) -> Poll<Woken> {
        let is_asked = self.is_asked.take();
        // Of both at once one turn is enough.
        if let Poll::Ready(result) = readable.poll(task) {
            return Poll::Ready(Woken::Ring(result));
        }
        if is_asked {
            return Poll::Ready(Woken::Asked);
        }
        if sweep.poll(task).is_ready() {
            return Poll::Ready(Woken::Sweep);
        }
        *self.dispatcher.borrow_mut() = Some(task.waker().clone());
        Poll::Pending
    }

    fn turn(&self) -> io::Result<()> {
        let now = self.now();
        let (result, over, woken) = {
            let mut turns = self.turns.borrow_mut();
            (turns.turn(now), turns.take_over(), turns.take_woken())
        };
        self.tell(over);
        for (kept, socket, waking) in woken {
            kept.wake(socket, waking);
        }
        result.map(|_| ())
    }

    fn tell(&self, over: Vec<Over<K>>) {
        if over.is_empty() {
            return;
        }
        for (kept, record) in over {
            kept.end(&record);
        }
        if self.active() == 0 {
            self.waiting_for_drain.take().into_iter().for_each(Waker::wake);
        }
    }
}

#[cold]
fn with_early(mut slot: Slot, early: &Early, now: Moment) -> Slot {
    pump::begin(&mut slot, Direction::ToUpstream, &early.to_upstream, now);
    pump::begin(&mut slot, Direction::ToClient, &early.to_client, now);
    slot
}

enum Woken {
    Asked,
    Ring(io::Result<()>),
    Sweep,
}
