//! What is known of one client connection, for as long as it lives.

use std::cell::{Cell, OnceCell};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::security::{ClientTls, Security};
use crate::model::Lingering;
use crate::net::accept::ClientAddress;
use crate::net::moment;
use crate::net::proxy_protocol::ProxyHeader;
use crate::net::stream::Stream;
use crate::transport::{Secured, Transport};

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

    /// The client with TLS over its socket, and as it was if somebody else holds that.
    #[must_use]
    pub fn secured(self, known: Box<ClientTls>, secure: impl FnOnce(Stream) -> Secured) -> Self {
        match Rc::try_unwrap(self.stream) {
            Ok(Transport::Plain(stream)) => {
                let stream = Rc::new(Transport::Tls(Box::new(secure(stream))));
                Self { stream, security: Security::Tls(known), ..self }
            }
            Ok(other) => Self { stream: Rc::new(other), ..self },
            Err(held) => Self { stream: held, ..self },
        }
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
