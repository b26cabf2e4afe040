//! What a shard does with its connections: in the process the proxy of one generation, in tests anything.

use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use crate::net::accept::Accepted;
use crate::tunnel::{Counts, Record, Seed, Waking};

/// What a connection that has not ended was left as.
pub enum Onward<S: Service> {
    Tunnel(S::Ends),
    /// It rests until there is something to read, and for so long at most.
    Parked(Box<(OwnedFd, Duration, S::Parked)>),
}

/// What has to run beside a tunnel until that ends by itself.
pub type Beside = Pin<Box<dyn Future<Output = ()>>>;

/// Serves the connections of one generation on one shard.
pub trait Service: Sized + 'static {
    /// What a generation gives to each shard.
    type Parts: Send + 'static;

    /// What a connection that becomes a tunnel is given up as. It passes by value through all that stands around the
    /// connection: small.
    type Ends: 'static;

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

    /// A tunnel of these begins.
    fn begin_tunnel(ends: Self::Ends) -> (Seed, Self::Kept, Option<Beside>);

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
