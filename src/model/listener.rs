//! `listen`: an address, the options of its socket and the virtual servers behind it.

use std::sync::Arc;
use std::time::Duration;

use super::{ListenAddress, Protocol, Server};

/// One address that is listened on, with the virtual servers behind it.
#[derive(Debug, Clone)]
pub struct Listener {
    pub address: ListenAddress,
    /// What its servers speak.
    pub protocol: Protocol,
    /// Length of the kernel's queue of connections not yet accepted.
    pub backlog: u32,
    /// `deferred`: a connection is accepted when something has come on it. A unix socket knows nothing of that.
    pub deferred: bool,
    /// Only for an IPv6 wildcard: refuse IPv4 (nginx's default is on).
    pub ipv6only: bool,
    /// `so_keepalive=`; `None` leaves the system's setting.
    pub keepalive: Option<Keepalive>,
    /// `rcvbuf=` and `sndbuf=` in bytes.
    pub receive_buffer_bytes: Option<usize>,
    pub send_buffer_bytes: Option<usize>,
    /// `proxy_protocol`: connections begin with a header of that protocol.
    pub proxy_protocol: bool,
    /// `ssl`: connections begin with a TLS handshake.
    pub ssl: bool,
    /// All virtual servers of this address, in the order of the file.
    pub servers: Vec<Arc<Server>>,
    /// Index into `servers`: the one for a host that no name matches.
    pub default_server: usize,
}

#[cfg(test)]
impl Listener {
    /// Of HTTP, with nothing set and no servers.
    pub fn bare(address: ListenAddress) -> Self {
        Self {
            address,
            protocol: Protocol::Http,
            backlog: 511,
            deferred: false,
            ipv6only: true,
            keepalive: None,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
            proxy_protocol: false,
            ssl: false,
            servers: Vec::new(),
            default_server: 0,
        }
    }
}

/// TCP keep-alive probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepalive {
    Off,
    /// Parts left out are the system's.
    On {
        idle: Option<Duration>,
        interval: Option<Duration>,
        count: Option<u32>,
    },
}
