//! What a shard does with its connections: in the process the proxy of one generation, in tests anything.

use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use crate::net::accept::Accepted;
use crate::tunnel::{Counts, Record, Seed, Waking};

/// What a connection that has not ended was left as.
pub enum Onward<S: Service> {
    /// With what has to run beside it until that ends by itself.
    Tunnel(Seed, S::Kept, Option<Pin<Box<dyn Future<Output = ()>>>>),
    /// It rests until there is something to read, and for so long at most.
    Parked(OwnedFd, Duration, S::Parked),
}

/// Serves the connections of one generation on one shard.
pub trait Service: Sized + 'static {
    /// What a generation gives to each shard.
    type Parts: Send + 'static;

    /// What is kept of a connection that became a tunnel, until that ends. Every idle tunnel pays for it.
    type Kept: 'static;

    /// What is kept of a connection at rest. Every idle connection pays for it.
    type Parked: 'static;

    fn begin(shard: usize, parts: Self::Parts) -> Rc<Self>;

    /// Serves a connection of the listener with that index until it ends, becomes a tunnel or rests.
    fn serve(
        self: Rc<Self>,
        listener: usize,
        accepted: Accepted,
    ) -> impl Future<Output = Option<Onward<Self>>> + 'static;

    /// Goes on with a connection that has rested: there is something to read.
    fn resume(
        self: Rc<Self>,
        socket: OwnedFd,
        parked: Self::Parked,
    ) -> impl Future<Output = Option<Onward<Self>>> + 'static;

    /// A connection has ended at rest: its socket closes now, before the counts say that it is gone.
    fn rest_ended(&self, socket: OwnedFd, parked: Self::Parked, waking: Waking);

    /// A tunnel has ended.
    fn tunnel_ended(&self, kept: Self::Kept, record: &Record);

    /// What the shard's tunnels hold, of all generations; told once a second to the newest.
    fn tunnels_counted(&self, _counts: &Counts) {}

    /// A connection was closed at once: `worker_connections`.
    fn refused(&self) {}

    /// A connection was ended by a panic.
    fn panicked(&self) {}

    /// Connections that wait for a request end now, the others after their answer.
    fn close_idle(&self);
}
