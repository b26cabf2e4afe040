//! Who may ask: rules by address, passwords, another service's leave, and where a WebSocket page may come from.

use std::sync::Arc;
use std::time::Duration;

use super::{Network, Set, Template};

/// All rules of a location.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `allow` and `deny` in the order of the file; the first that matches decides.
    pub rules: Arc<[AccessRule]>,
    /// `satisfy any`: one of address, password and service is enough.
    pub satisfies_any: bool,
    pub auth_basic: Option<AuthBasic>,
    pub auth_request: Option<AuthRequest>,
    /// `auth_delay`: how long a 401 waits.
    pub auth_delay: Duration,
    /// `websocket_origin`: the pages that may open a WebSocket; `None` is all.
    pub websocket_origin: Option<Arc<[OriginRule]>>,
}

impl Access {
    /// Whether nothing is asked of anybody.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.rules.is_empty()
            && self.auth_basic.is_none()
            && self.auth_request.is_none()
            && self.websocket_origin.is_none()
    }
}

/// One `allow` or `deny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessRule {
    pub allows: bool,
    pub source: Source,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    All,
    Network(Network),
    /// Unix sockets.
    Unix,
}

/// `auth_basic` with `auth_basic_user_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthBasic {
    /// What the client is told; `off` when evaluated asks for nothing.
    pub realm: Template,
    /// Absolute unless it begins with a variable.
    pub user_file: Template,
}

/// `auth_request` with `auth_request_set`.
#[derive(Debug, Clone)]
pub struct AuthRequest {
    /// Path of the request that is made inside: its answer says whether the client's may go on.
    pub uri: Box<[u8]>,
    /// Variables that get their values from that answer, in order.
    pub sets: Arc<[Set]>,
}

/// One value of `websocket_origin`, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginRule {
    /// `none`: a client that names no origin, which no browser is.
    Missing,
    /// `https://example.com`, `https://*.example.com:8443`, `example.com`.
    Page {
        /// `None` is any.
        scheme: Option<Box<str>>,
        host: Box<str>,
        /// The value was `*.` and the host: names below it.
        is_wildcard: bool,
        /// `None` is the scheme's own, which origins leave out.
        port: Option<u16>,
    },
}
