//! `upstream`: a group of peers.

use std::time::Duration;

use super::{PeerAddress, Protocol, ResolverId};

/// Index into [`super::Serving::upstreams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UpstreamId(pub u16);

/// A group of peers.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Name of the block, or what stood in `proxy_pass`.
    pub name: Box<str>,
    /// The block it stands in: groups of `http` and of `stream` know nothing of each other.
    pub protocol: Protocol,
    /// Whether it is an `upstream` block, which alone can be named in a value with variables.
    pub is_block: bool,
    pub balance: Balance,
    /// Those that are not `backup`, in the order of the file; a name with several addresses gives several.
    pub peers: Vec<Peer>,
    /// `backup`: used when no other can be.
    pub backups: Vec<Peer>,
    /// `server NAME resolve`: names that become peers, and stop being them, while requests are served.
    pub followed: Vec<Followed>,
    pub keepalive: UpstreamKeepalive,
}

/// A `server` whose name is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub resolver: ResolverId,
    /// `resolver_timeout`.
    pub timeout: Duration,
    pub host: Box<str>,
    pub port: u16,
    /// What each address becomes; its own address is of no meaning.
    pub peer: Peer,
    pub is_backup: bool,
}

/// How a peer is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// Smooth weighted round robin.
    RoundRobin,
    /// `least_conn`: the fewest connections for its weight, and round robin among several such.
    LeastConn,
}

/// One address of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub address: PeerAddress,
    /// As written, for logs.
    pub name: Box<str>,
    pub weight: u32,
    /// Failures within `fail_timeout` after which the peer is left alone for `fail_timeout`; 0 never.
    pub max_fails: u32,
    pub fail_timeout: Duration,
    /// Most connections at a time over all shards; 0 is no limit.
    pub max_conns: u32,
    pub down: bool,
}

/// `keepalive` and kin: idle connections to the peers of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamKeepalive {
    /// Most idle connections each shard keeps for the group; 0 keeps none.
    pub connections: usize,
    pub requests: u64,
    pub time: Duration,
    pub timeout: Duration,
}
