//! What a shard does with its connections: in the process the proxy of one generation, in tests anything.

use std::rc::Rc;

use crate::net::accept::Accepted;
use crate::tunnel::{Counts, Record, Seed};

/// Serves the connections of one generation on one shard.
pub trait Service: Sized + 'static {
    /// What a generation gives to each shard.
    type Parts: Send + 'static;

    /// What is kept of a connection that became a tunnel, until that ends. Every idle tunnel pays for it.
    type Kept: 'static;

    fn begin(shard: usize, parts: Self::Parts) -> Rc<Self>;

    /// Serves a connection of the listener with that index until it ends or becomes a tunnel.
    fn serve(
        self: Rc<Self>,
        listener: usize,
        accepted: Accepted,
    ) -> impl Future<Output = Option<(Seed, Self::Kept)>> + 'static;

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
