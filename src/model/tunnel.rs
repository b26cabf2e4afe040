//! What acts on a tunnel after the 101.

use std::time::Duration;

/// All tunnel settings of a location. `None` is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tunnel {
    /// Explicit `proxy_read_timeout`: the peer sends nothing for this long.
    pub read_timeout: Option<Duration>,
    /// Explicit `proxy_send_timeout`: the peer takes nothing for this long while bytes wait for it.
    pub send_timeout: Option<Duration>,
    /// `send_timeout`: the client takes nothing for this long while bytes wait for it.
    pub client_send_timeout: Option<Duration>,
}
