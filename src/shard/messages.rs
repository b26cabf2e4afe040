//! What goes between `control` and a shard: the plan it starts with, commands to it, reports from it.

use std::io;
use std::time::Duration;

use crate::model::ListenAddress;
use crate::net::listener::Listening;

/// What one shard is started with.
pub struct Plan {
    /// From 0: `$shard`.
    pub number: usize,
    /// Cores its thread may run on.
    pub cores: Vec<usize>,
}

/// What a shard is told.
pub enum Command<P> {
    Adopt(Adoption<P>),
    /// Stops listening, ends idle connections, and reports when the rest has ended or `within` is over.
    Drain {
        within: Option<Duration>,
    },
    /// Ends everything now.
    Stop,
}

/// A generation that takes the place of the one before.
pub struct Adoption<P> {
    pub number: u64,
    /// In the order of the generation's listeners. Sockets of addresses that are not among them are closed.
    pub addresses: Vec<ListenAddress>,
    /// Sockets that this shard does not have yet.
    pub sockets: Vec<(ListenAddress, Listening)>,
    pub connections_max: usize,
    /// How long the generation may go on when the next one takes its place: `worker_shutdown_timeout`.
    pub shutdown_timeout: Option<Duration>,
    pub parts: P,
}

/// What a shard tells.
#[derive(Debug)]
pub enum Report {
    /// The thread runs, and its rings are open.
    Started { shard: usize },
    /// The thread could not begin: the call and its error.
    Failed { shard: usize, call: &'static str, error: io::Error },
    /// No connection and no tunnel of an old generation is left.
    Drained { shard: usize, generation: u64 },
    /// The shard has ended all it had to, or its time to do so is over.
    Stopped { shard: usize, left: Left },
}

/// What was still open when a shard stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    pub connections: usize,
    pub tunnels: usize,
    /// Pipes with bytes of a tunnel inside.
    pub pipes: usize,
    /// The shard was told to leave it: a fast stop, or a drain whose time was over.
    pub is_intended: bool,
}
