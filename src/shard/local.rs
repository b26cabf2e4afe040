//! A shard's own state and its main task: commands in, reports out, counts of what is alive.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accept::{self, Door, Taker};
use super::contain::contain;
use super::expiry::Expiry;
use super::gate::Gate;
use super::mailbox::{Mailbox, Receiver};
use super::messages::{Adoption, Command, Left, Plan, Report};
use super::rest::Rest;
use super::service::{Beside, Onward, Service};
use crate::limits::{
    HEAP_KEPT_BYTES_MAX, HEAP_KEPT_COUNT_MAX, SHARD_STOP_TIME, SHARD_WARNING_INTERVAL, TUNNEL_FAREWELL_TIME,
    TUNNEL_SWEEP_INTERVAL,
};
use crate::model::{self, ListenAddress, LogLevel};
use crate::net::accept::{Accepted, Reserve};
use crate::net::{readiness, spare};
use crate::observe::error_log;
use crate::sys::memory;
use crate::tunnel::{Engine, EngineOptions, Keep, Park, Reason, Record, Waking};

/// One generation on this shard.
struct Served<S: Service> {
    local: Rc<Local<S>>,
    number: u64,
    addresses: Vec<ListenAddress>,
    connections_max: usize,
    service: Rc<S>,
    connections: Cell<usize>,
    tunnels: Cell<usize>,
    /// It is not the newest: it is reported when nothing of it is left.
    is_old: Cell<bool>,
    expiry: Expiry,
    /// By which the engine knows its tunnels: few, since tunnels of a location share theirs.
    tunnel_settings: RefCell<Vec<Arc<model::Tunnel>>>,
}

impl<S: Service> Served<S> {
    fn is_empty(&self) -> bool {
        self.connections.get() + self.tunnels.get() == 0
    }

    /// Ends what is left, tunnels of frames by Close frames.
    fn expire(&self) {
        self.expiry.end();
        self.local.engine.close(&self.tunnel_settings.borrow(), Reason::Drain);
    }
}

/// What the tasks of one shard share.
struct Local<S: Service> {
    number: usize,
    reports: Arc<Mailbox<Report>>,
    engine: Rc<Engine<Tunnelled<S>, Resting<S>>>,
    reserve: Reserve,
    newest: RefCell<Option<Rc<Served<S>>>>,
    doors: RefCell<Vec<Rc<Door>>>,
    /// Clients count one, tunnels two: `worker_connections`.
    live: Cell<usize>,
    connections: Cell<usize>,
    rest: Rest,
    draining: Cell<bool>,
    /// Shut when a drain has nothing left to wait for.
    emptied: Gate,
    warned: Cell<Option<Instant>>,
}

/// Serves on the calling thread, for ever.
pub fn run<S: Service>(plan: Plan, commands: Arc<Mailbox<Command<S::Parts>>>, reports: Arc<Mailbox<Report>>) {
    let shard = plan.number;
    if !super::core::pin(&plan.cores) {
        let cores = &plan.cores;
        error_log::write(LogLevel::Warn, None, format_args!("shard {shard} could not be pinned to cores {cores:?}"));
    }
    memory::keep_freed(HEAP_KEPT_BYTES_MAX, HEAP_KEPT_COUNT_MAX);
    let failed = |call, error| reports.send(Report::Failed { shard, call, error });
    let mut runtime = match super::runtime::open() {
        Ok(runtime) => runtime,
        Err(error) => return failed("io_uring_setup()", error),
    };
    let ended = runtime.block_on(async {
        let opened = Engine::new(EngineOptions::default());
        let engine = opened.map_err(|error| ("io_uring_setup()", error))?;
        let reserve = Reserve::new().map_err(|error| ("open(/dev/null)", error))?;
        let commands = Receiver::new(commands).map_err(|error| ("dup()", error))?;
        readiness::begin().map_err(|error| ("epoll_create1()", error))?;
        let local = Rc::new(Local::<S>::new(shard, Arc::clone(&reports), engine, reserve));
        local.follow(commands).await.map_err(|error| ("io_uring_enter()", error))
    });
    // The runtime must not be dropped: see the head of this module.
    std::mem::forget(runtime);
    if let Err((call, error)) = ended {
        failed(call, error);
    }
}

impl<S: Service> Local<S> {
    fn new(
        number: usize,
        reports: Arc<Mailbox<Report>>,
        engine: Rc<Engine<Tunnelled<S>, Resting<S>>>,
        reserve: Reserve,
    ) -> Self {
        Self {
            number,
            reports,
            engine,
            reserve,
            newest: RefCell::new(None),
            doors: RefCell::default(),
            live: Cell::new(0),
            connections: Cell::new(0),
            rest: Rest::default(),
            draining: Cell::new(false),
            emptied: Gate::default(),
            warned: Cell::new(None),
        }
    }

    /// The main task: obeys commands until the process leaves.
    async fn follow(self: &Rc<Self>, commands: Receiver<Command<S::Parts>>) -> std::io::Result<()> {
        self.drive_tunnels();
        let resting = Rc::clone(self);
        monoio::spawn(async move { resting.rest.watch(|| resting.engine.trim()).await });
        self.reports.send(Report::Started { shard: self.number });
        loop {
            match commands.next().await? {
                Command::Adopt(adoption) => self.adopt(adoption)?,
                Command::Drain { within } => self.drain(within),
                Command::Stop => self.stop().await,
            }
        }
    }

    fn drive_tunnels(self: &Rc<Self>) {
        let told = Rc::downgrade(self);
        self.engine.on_sweep(Box::new(move |counts| {
            spare::age();
            let newest = told.upgrade().and_then(|local| local.newest.borrow().clone());
            if let Some(newest) = newest {
                newest.service.tunnels_counted(counts);
            }
        }));
        let local = Rc::clone(self);
        monoio::spawn(async move {
            let ended = contain(pin!(Some(Rc::clone(&local.engine).run()))).await;
            let shard = local.number;
            let error = match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(panicked) => std::io::Error::other(panicked.0),
            };
            // Tunnels can neither move nor end any more: nothing is worth going on for.
            local.reports.send(Report::Failed { shard, call: "tunnel ring", error });
        });
    }

    /// Puts a generation in the place of the newest one.
    fn adopt(self: &Rc<Self>, adoption: Adoption<S::Parts>) -> std::io::Result<()> {
        let Adoption { number, addresses, sockets, connections_max, shutdown_timeout, parts } = adoption;
        self.doors.borrow_mut().retain(|door| {
            let stays = addresses.contains(&door.address);
            if !stays {
                door.closing.shut();
            }
            stays
        });
        let served = Rc::new(Served {
            local: Rc::clone(self),
            number,
            addresses,
            connections_max,
            service: S::begin(self.number, parts),
            connections: Cell::new(0),
            tunnels: Cell::new(0),
            is_old: Cell::new(false),
            expiry: Expiry::new(shutdown_timeout),
            tunnel_settings: RefCell::default(),
        });
        let old = self.newest.borrow_mut().replace(served);
        for (address, socket) in sockets {
            let door = accept::open(self, address, socket)?;
            self.doors.borrow_mut().push(door);
        }
        if let Some(old) = old {
            old.is_old.set(true);
            old.service.close_idle();
            self.engine.release(|resting| Rc::ptr_eq(&resting.counted.0, &old));
            self.engine.drain(&old.tunnel_settings.borrow());
            self.report_if_drained(&old);
            expire_in_time(&old);
        }
        Ok(())
    }

    fn report_if_drained(&self, served: &Served<S>) {
        if served.is_old.get() && served.is_empty() {
            self.reports.send(Report::Drained { shard: self.number, generation: served.number });
        }
        if self.draining.get() && self.live.get() == 0 {
            self.emptied.shut();
        }
    }

    fn drain(self: &Rc<Self>, within: Option<Duration>) {
        if self.draining.replace(true) {
            return;
        }
        let doors = self.doors.take();
        doors.iter().for_each(|door| door.closing.shut());
        let newest = self.newest.borrow().clone();
        if let Some(newest) = newest {
            newest.service.close_idle();
            self.engine.release(|_| true);
            self.engine.drain(&newest.tunnel_settings.borrow());
        }
        let local = Rc::clone(self);
        monoio::spawn(async move {
            // Listeners first give away what the kernel has already accepted for them.
            let is_empty = async {
                for door in &doors {
                    door.closed.shutting().await;
                }
                if local.live.get() > 0 {
                    local.emptied.shutting().await;
                }
            };
            let in_time = match within {
                None => {
                    is_empty.await;
                    true
                }
                Some(within) => monoio::time::timeout(within, is_empty).await.is_ok(),
            };
            if !in_time {
                local.close_tunnels(Reason::Drain).await;
            }
            local.report_stopped(!in_time);
        });
    }

    async fn stop(self: &Rc<Self>) {
        for door in self.doors.take() {
            door.closing.shut();
        }
        self.close_tunnels(Reason::Stop).await;
        self.report_stopped(true);
    }

    async fn close_tunnels(&self, reason: Reason) {
        if self.engine.active() > 0 {
            self.engine.close_all(reason);
            // A drain asks the ends for their answer to a Close frame, and the engine bounds that wait by itself.
            let within = match reason {
                Reason::Stop => SHARD_STOP_TIME,
                Reason::Drain => SHARD_STOP_TIME + TUNNEL_FAREWELL_TIME + TUNNEL_SWEEP_INTERVAL,
            };
            // Whoever does not end in time is ended by the exit of the process.
            let _ = monoio::time::timeout(within, self.engine.drained()).await;
        }
    }

    fn report_stopped(&self, is_intended: bool) {
        // Whoever is told looks at what is still open.
        spare::release();
        let counts = self.engine.counts();
        let left =
            Left { connections: self.connections.get(), tunnels: counts.active, pipes: counts.pipes_lent, is_intended };
        self.reports.send(Report::Stopped { shard: self.number, left });
    }

    /// Begins a tunnel. What has to run beside it is the caller's.
    fn tunnel(self: &Rc<Self>, ends: S::Ends, served: &Rc<Served<S>>) -> Option<Beside> {
        let (seed, kept, beside) = S::begin_tunnel(ends);
        let counted = CountedTunnel::new(served);
        let mut known = served.tunnel_settings.borrow_mut();
        if !known.iter().any(|known| Arc::ptr_eq(known, &seed.settings)) {
            known.push(Arc::clone(&seed.settings));
        }
        if served.is_old.get() || self.draining.get() {
            self.engine.drain(&known);
        }
        drop(known);
        self.engine.adopt(seed, Tunnelled { counted, kept });
        beside
    }
}

/// Ends a generation that was replaced when its `worker_shutdown_timeout` is over.
fn expire_in_time<S: Service>(old: &Rc<Served<S>>) {
    let Some(within) = old.expiry.within() else { return };
    let old = Rc::downgrade(old);
    monoio::spawn(async move {
        monoio::time::sleep(within).await;
        if let Some(old) = old.upgrade() {
            old.expire();
        }
    });
}

impl<S: Service> Taker for Local<S> {
    /// Gives an accepted connection to the newest generation.
    fn serve(self: &Rc<Self>, address: &ListenAddress, accepted: Accepted) {
        let Some(served) = self.newest.borrow().clone() else { return };
        let Some(listener) = served.addresses.iter().position(|known| known == address) else { return };
        if self.live.get() >= served.connections_max {
            let max = served.connections_max;
            self.warn(LogLevel::Alert, format_args!("{max} worker_connections are not enough"));
            return served.service.refused();
        }
        let counted = Counted::new(&served);
        monoio::spawn(run_connection(counted, move |service| service.serve(listener, accepted)));
    }

    fn warn(&self, level: LogLevel, text: std::fmt::Arguments<'_>) {
        let now = Instant::now();
        if self.warned.get().is_none_or(|last| now.duration_since(last) >= SHARD_WARNING_INTERVAL) {
            self.warned.set(Some(now));
            error_log::write(level, None, text);
        }
    }

    fn reserve(&self) -> &Reserve {
        &self.reserve
    }
}

/// Drives a connection in its task until it ends, or is something else's.
async fn run_connection<S: Service, F: Future<Output = Option<Onward<S>>>>(
    counted: Counted<S>,
    begin: impl FnOnce(Rc<S>) -> F,
) {
    let served = Rc::clone(&counted.0);
    let serving = pin!(Some(begin(Rc::clone(&served.service))));
    match served.expiry.run(pin!(contain(serving))).await {
        Some(Ok(Some(Onward::Tunnel(ends)))) => {
            if let Some(beside) = served.local.tunnel(ends, &served) {
                // As long as it takes: the tunnel's end is its own.
                if let Err(panicked) = contain(pin!(Some(beside))).await {
                    ended_by_panic(&served, &panicked.0);
                }
            }
        }
        Some(Ok(Some(Onward::Parked(resting)))) => {
            let (socket, within, parked) = *resting;
            served.local.rest.stir();
            return served.local.engine.park(socket, within, Resting { counted, parked });
        }
        None | Some(Ok(None)) => {}
        Some(Err(panicked)) => {
            ended_by_panic(&served, &panicked.0);
        }
    }
    drop(counted);
}

fn ended_by_panic<S: Service>(served: &Served<S>, why: &str) {
    error_log::write(LogLevel::Alert, None, format_args!("connection ended by a panic: {why}"));
    served.service.panicked();
}

/// What the engine keeps beside a parked connection.
struct Resting<S: Service> {
    counted: Counted<S>,
    parked: S::Parked,
}

impl<S: Service> Park for Resting<S> {
    fn wake(self, socket: OwnedFd, waking: Waking) {
        let Self { counted, parked } = self;
        match waking {
            Waking::Readable => {
                drop(monoio::spawn(run_connection(counted, move |service| service.resume(socket, parked))));
            }
            Waking::Closed | Waking::TimedOut | Waking::Released => {
                counted.0.service.rest_ended(socket, parked, waking);
                drop(counted);
            }
        }
    }
}

/// A connection in the counts, until it is dropped.
struct Counted<S: Service>(Rc<Served<S>>);

impl<S: Service> Counted<S> {
    fn new(served: &Rc<Served<S>>) -> Self {
        let local = &served.local;
        local.connections.set(local.connections.get() + 1);
        served.connections.set(served.connections.get() + 1);
        local.live.set(local.live.get() + 1);
        Self(Rc::clone(served))
    }
}

impl<S: Service> Drop for Counted<S> {
    fn drop(&mut self) {
        let (served, local) = (&self.0, &self.0.local);
        served.connections.set(served.connections.get() - 1);
        local.connections.set(local.connections.get() - 1);
        local.live.set(local.live.get() - 1);
        local.rest.stir();
        local.report_if_drained(served);
    }
}

/// What the engine keeps beside a tunnel.
struct Tunnelled<S: Service> {
    counted: CountedTunnel<S>,
    kept: S::Kept,
}

impl<S: Service> Keep for Tunnelled<S> {
    fn end(self, record: &Record) {
        self.counted.0.service.tunnel_ended(self.kept, record);
    }
}

/// A tunnel in the counts, until it is dropped. One pointer, since every idle tunnel has one.
struct CountedTunnel<S: Service>(Rc<Served<S>>);

impl<S: Service> CountedTunnel<S> {
    fn new(served: &Rc<Served<S>>) -> Self {
        served.tunnels.set(served.tunnels.get() + 1);
        served.local.live.set(served.local.live.get() + 2);
        Self(Rc::clone(served))
    }
}

impl<S: Service> Drop for CountedTunnel<S> {
    fn drop(&mut self) {
        let (served, local) = (&self.0, &self.0.local);
        served.tunnels.set(served.tunnels.get() - 1);
        local.live.set(local.live.get() - 2);
        local.rest.stir();
        local.report_if_drained(served);
    }
}
