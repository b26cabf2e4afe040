//! What a `server` of `stream` does with a connection.

use std::time::Duration;

use super::{Destination, Template};

/// A `server` of `stream`.
#[derive(Debug, Clone)]
pub struct Stream {
    pub answer: StreamAnswer,
    /// `proxy_protocol on`: the peer is first told who the client is.
    pub proxy_protocol: bool,
    /// `proxy_ssl on`: the peer is spoken to with TLS.
    pub ssl: bool,
    /// `proxy_upload_rate`: bytes a second that are read from the client; empty is no limit.
    pub upload_rate: Template,
    /// `proxy_download_rate`: the same for the peer.
    pub download_rate: Template,
    /// `ssl_handshake_timeout`: for the whole handshake of a client.
    pub handshake_timeout: Duration,
}

/// Who answers.
#[derive(Debug, Clone)]
pub enum StreamAnswer {
    /// `return`: this text, and the end.
    Return(Template),
    /// `proxy_pass`.
    Pass(Destination),
}
