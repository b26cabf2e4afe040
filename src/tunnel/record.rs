//! What a tunnel leaves behind: how it ended and what it carried.

use std::time::Duration;

use super::side::Side;

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both ends have sent FIN; this one was the first.
    Closed(Side),
    /// This end reset the connection, or went away while bytes were on their way to it.
    Reset(Side),
    /// The socket of this end failed with an errno other than a reset.
    Failed(Side, u16),
    /// `proxy_read_timeout`: neither side sent anything for that long, and the peer might have.
    ReadTimeout,
    /// `proxy_send_timeout` (upstream) or `send_timeout` (client): this end took nothing while bytes waited for it.
    SendTimeout(Side),
    /// `tunnel_timeout`: neither side sent anything for that long.
    Idle,
    /// `tunnel_lifetime` is over.
    Lifetime,
    /// `tunnel_ping`: the client sent nothing, and no answer to a ping either.
    NoPong,
    /// `tunnel_max_message`: this side began a longer message.
    MessageTooLong(Side),
    /// The process ended it.
    Stopped(Reason),
}

/// Why the process ends its tunnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A fast stop.
    Stop,
    /// Its generation drains: its turn has come, or the time to drain is over.
    Drain,
}

/// One tunnel that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub ended: Ending,
    /// Bytes written to the upstream's socket.
    pub bytes_to_upstream: u64,
    /// Bytes written to the client's socket, those given with the seed included.
    pub bytes_to_client: u64,
    /// Complete WebSocket messages; zero where frames are not tracked.
    pub messages_to_upstream: u32,
    pub messages_to_client: u32,
    /// The first Close frame, whoever sent it.
    pub close: Option<Close>,
    /// From adoption to the first byte of the upstream, where it sent any and frames are not followed.
    pub answered: Option<Duration>,
    /// From adoption to the close of both sockets.
    pub duration: Duration,
}

/// A Close frame (RFC 6455 5.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    pub by: Closer,
    /// 1005 if it carried none. Of the proxy's own two, the one toward the client.
    pub code: u16,
}

/// Who sent a Close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closer {
    End(Side),
    /// The proxy, toward both ends.
    Proxy,
}

/// What a shard's tunnels hold now, and which bounds they met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Tunnels whose sockets are not closed yet.
    pub active: usize,
    /// Pipes with bytes inside. Zero when no tunnel is left.
    pub pipes_lent: usize,
    /// How often bytes were copied since no pipe was to be had.
    pub pipes_refused: u64,
    /// Bytes in memory that wait for a side to take them.
    pub pending_bytes: usize,
    /// How often little or nothing was read since those were too many.
    pub pending_refused: u64,
    /// How often the ring had more completions than its queue holds.
    pub ring_overflows: u64,
}

/// What is kept of a connection until its tunnel ends. It lies beside the tunnel's state: every idle tunnel pays for its
/// size.
pub trait Keep {
    /// Called once, when both sockets are closed.
    fn end(self, record: &Record);
}

impl<F: FnOnce(&Record)> Keep for F {
    fn end(self, record: &Record) {
        self(record);
    }
}
