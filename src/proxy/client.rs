//! What is known of one client connection, for as long as it lives.

use std::cell::{Cell, OnceCell};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::security::Security;
use crate::model::Lingering;
use crate::net::accept::ClientAddress;
use crate::net::moment;
use crate::net::proxy_protocol::ProxyHeader;
use crate::transport::Transport;

/// One client connection.
pub struct Client {
    pub stream: Rc<Transport>,
    pub security: Security,
    /// Serial number in this process: `$connection`.
    pub number: u64,
    pub remote: ClientAddress,
    /// What a proxy in front told before its first request.
    pub proxy_header: Option<Box<ProxyHeader>>,
    /// Requests so far, the running one included.
    pub requests: Cell<u64>,
    pub accepted_at: Instant,
    /// Index of the listener in its generation.
    pub listener: usize,
    /// `keepalive_timeout` of the last location; none before the first request.
    pub keepalive_timeout: Cell<Option<Duration>>,
    /// `lingering_*` of the last location; none before the first request.
    pub lingering: Cell<Option<Lingering>>,
    local: OnceCell<Option<SocketAddr>>,
}

/// A client before its first request, without its connection.
pub struct Apart {
    number: u64,
    remote: ClientAddress,
    proxy_header: Option<Box<ProxyHeader>>,
    accepted_at: Instant,
    listener: usize,
}

impl Apart {
    /// The client with the connection as it is now.
    #[must_use]
    pub fn with(self, stream: Transport, security: Security) -> Client {
        let Self { number, remote, proxy_header, accepted_at, listener } = self;
        Client { security, proxy_header, accepted_at, ..Client::new(stream, number, remote, listener) }
    }
}

impl Client {
    #[must_use]
    pub fn new(stream: Transport, number: u64, remote: ClientAddress, listener: usize) -> Self {
        Self {
            stream: Rc::new(stream),
            security: Security::None,
            number,
            remote,
            proxy_header: None,
            requests: Cell::new(0),
            accepted_at: moment::now(),
            listener,
            keepalive_timeout: Cell::new(None),
            lingering: Cell::new(None),
            local: OnceCell::new(),
        }
    }

    /// The socket, if nobody else holds it, and the rest.
    #[must_use]
    pub fn part(self) -> (Option<Transport>, Apart) {
        let Self { stream, number, remote, proxy_header, accepted_at, listener, .. } = self;
        (Rc::into_inner(stream), Apart { number, remote, proxy_header, accepted_at, listener })
    }

    /// Whether what it says is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        matches!(self.security, Security::Tls(_))
    }

    /// The path of the unix socket the client connected to.
    pub fn local_path(&self) -> Option<PathBuf> {
        self.stream.stream().local_address().ok()?.as_pathname().map(Path::to_owned)
    }

    /// The address the client connected to; `None` for a unix socket. Asked of the kernel once, when first wanted.
    pub fn local(&self) -> Option<SocketAddr> {
        *self.local.get_or_init(|| {
            let address = self.stream.stream().local_address().ok()?.as_socket()?;
            Some(match address.ip() {
                IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                    Some(v4) => SocketAddr::new(v4.into(), address.port()),
                    None => address,
                },
                IpAddr::V4(_) => address,
            })
        })
    }
}
