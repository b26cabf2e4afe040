//! How a request is sent to a peer, and when another peer is tried.

use std::sync::Arc;
use std::time::Duration;

use super::Template;

/// `proxy_*` settings that act on the request.
#[derive(Debug, Clone, Default)]
pub struct ProxyRequest {
    /// `proxy_method`; an empty value keeps the client's.
    pub method: Option<Template>,
    /// `proxy_pass_request_headers off`.
    pub drops_headers: bool,
    /// `proxy_pass_request_body off`.
    pub drops_body: bool,
    /// `proxy_set_body`.
    pub set_body: Option<Template>,
    /// `proxy_request_buffering off`: a body goes on as it comes.
    pub is_unbuffered: bool,
    /// `proxy_bind`: local address, and port if it is not the system's choice; an empty value is none.
    pub bind: Option<Template>,
    /// `proxy_socket_keepalive`.
    pub socket_keepalive: bool,
}

/// `proxy_next_upstream`, `_tries` and `_timeout`.
#[derive(Debug, Clone, Default)]
pub struct ProxyRetry {
    pub on_error: bool,
    pub on_timeout: bool,
    pub on_invalid_header: bool,
    /// Also methods that may have had an effect: POST, LOCK, PATCH.
    pub non_idempotent: bool,
    /// Statuses that another peer may do better than.
    pub on_status: Arc<[u16]>,
    /// Most peers that one request is sent to; 0 is no limit.
    pub tries: usize,
    /// Time after which no other peer is tried; zero is no limit.
    pub timeout: Duration,
}
