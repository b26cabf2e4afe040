//! `proxy_pass` and the directives that act on it.

use std::sync::Arc;
use std::time::Duration;

use super::{Buffering, ProxyAnswer, ProxyRequest, ProxyRetry, Template, TlsPeer, UpstreamId};

/// `proxy_pass`: where a request of this location goes.
#[derive(Debug, Clone)]
pub struct ProxyPass {
    pub scheme: Scheme,
    pub destination: Destination,
    /// The URI part of the value. When there is one, it takes the place of the part of the path that the location
    /// matched (`replaces_bytes`), or of all of it when it holds variables.
    pub uri: Option<Template>,
    /// Length of the location's prefix or exact path; 0 for locations by regular expression.
    pub replaces_bytes: usize,
    /// `proxy_redirect default`: the begin of a `Location` that names this peer, and what takes its place.
    pub redirect: Option<OwnRedirect>,
}

impl ProxyPass {
    /// Whether TLS may be spoken: the scheme says so, or a request may.
    #[must_use]
    pub fn may_want_tls(&self) -> bool {
        self.scheme == Scheme::Https || matches!(self.destination, Destination::Evaluated(_))
    }
}

/// What `proxy_redirect default` looks for in a `Location`, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRedirect {
    pub begin: Box<[u8]>,
    pub replacement: Box<[u8]>,
}

/// Where to connect.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A group known when the generation was built. `host` is `$proxy_host`, with the port unless it is the scheme's
    /// own; `port` is `$proxy_port`.
    Group { upstream: UpstreamId, host: Arc<str>, port: Arc<str> },
    /// The whole value after the scheme, with variables: a group's name, an address or `unix:PATH:`, and optionally a
    /// URI, known once the request is.
    Evaluated(Template),
}

/// Scheme of a `proxy_pass`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The port of a URL that names none.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// How a URL of it begins.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }
}

/// All `proxy_*` settings of a location.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// `proxy_http_version`; HTTP/1.1 unless 1.0 was asked for.
    pub http_1_0: bool,
    /// `proxy_set_header` lines; an empty value removes the field. They take the place of the fields of that name.
    pub set_headers: Vec<SetHeader>,
    pub connect_timeout: Duration,
    /// Between two reads of an answer.
    pub read_timeout: Duration,
    /// Between two writes of a request.
    pub send_timeout: Duration,
    /// Whether the last two were written in the file: only then do they act on tunnels.
    pub read_timeout_is_explicit: bool,
    pub send_timeout_is_explicit: bool,
    /// `proxy_intercept_errors`: answers from 300 on give way to an `error_page` for their status.
    pub intercept_errors: bool,
    /// `proxy_buffer_size`: bound of an answer's head.
    pub buffer_bytes: usize,
    pub buffering: Arc<Buffering>,
    pub request: ProxyRequest,
    pub answer: ProxyAnswer,
    pub next_upstream: ProxyRetry,
    pub ssl: Arc<TlsPeer>,
    /// `proxy_ssl_name`: the name a peer's certificate has to hold; `None` is that of `proxy_pass`.
    pub ssl_name: Option<Template>,
}

/// `proxy_set_header`.
#[derive(Debug, Clone)]
pub struct SetHeader {
    pub name: Box<[u8]>,
    pub value: Template,
}
