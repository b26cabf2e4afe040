//! What acts on a tunnel after the 101.

use std::time::Duration;

/// All tunnel settings of a location. `None` is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tunnel {
    /// Explicit `proxy_read_timeout`: neither side sends anything for this long while the peer might.
    pub read_timeout: Option<Duration>,
    /// Explicit `proxy_send_timeout`: the peer takes nothing for this long while bytes wait for it.
    pub send_timeout: Option<Duration>,
    /// `send_timeout`: the client takes nothing for this long while bytes wait for it.
    pub client_send_timeout: Option<Duration>,
    /// `tunnel_timeout`: neither side sends anything for this long.
    pub timeout: Option<Duration>,
    /// `tunnel_lifetime`.
    pub lifetime: Option<TunnelLifetime>,
    /// `tunnel_drain`: within this long after its generation began to drain a tunnel is ended.
    pub drain: Option<Duration>,
    /// `tunnel_ping`, where frames are tracked.
    pub ping: Option<TunnelPing>,
    /// `tunnel_max_message` in bytes, where frames are tracked.
    pub max_message: Option<u32>,
    /// `tunnel_keepalive`, on both sockets, from the first sweep that a tunnel lives to see.
    pub keepalive: Option<TunnelKeepalive>,
    /// `tunnel_frames`: whether the frames of a WebSocket tunnel are followed.
    pub frames: bool,
    /// The end of one side is the end of both, once its bytes have gone on: `stream` without `proxy_half_close`.
    pub ends_with_either: bool,
}

/// The longest a tunnel may last. The jitter, a random part of which is added for each tunnel, keeps those that were
/// opened together from ending together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelLifetime {
    pub base: Duration,
    pub jitter: Duration,
}

/// A ping to a client that has sent nothing for `interval`; after `timeout` without any byte from it, the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelPing {
    pub interval: Duration,
    pub timeout: Duration,
}

/// TCP's own probes, and how long bytes or probes may stay unacknowledged: that alone ends a connection. Parts left out
/// are the system's, since each costs a system call for each socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelKeepalive {
    pub idle: Duration,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
    pub user_timeout: Duration,
}
