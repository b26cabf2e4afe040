//! `server`: one virtual server, its names and how its request heads are read.

use std::sync::Arc;
use std::time::Duration;

use super::{Location, Pattern, Stream, TlsServerId, VerifyClient};

/// One virtual server.
#[derive(Debug)]
pub struct Server {
    pub names: Vec<ServerName>,
    /// The first name as written: `$server_name`.
    pub name: Box<str>,
    pub client_head: ClientHead,
    /// What it proves to clients that name it; `None` leaves that to the default server.
    pub tls: Option<TlsServerId>,
    /// `ssl_verify_client`, with or without a certificate of its own.
    pub verify_client: VerifyClient,
    /// The server level; its children are the locations.
    pub root: Arc<Location>,
    /// What a `server` of `stream` does with a connection; `None` in `http`. There the root has no children, and of its
    /// settings only those act that `stream` knows too.
    pub stream: Option<Stream>,
}

/// One value of `server_name`, lower case.
#[derive(Debug)]
pub enum ServerName {
    /// `example.com`; `""` and `_` and other names that no host can have are kept as they are.
    Exact(Box<str>),
    /// `*.example.com` as `example.com`.
    Suffix(Box<str>),
    /// `.example.com` as `example.com`: the name itself and all below it.
    SuffixOrSelf(Box<str>),
    /// `www.example.*` as `www.example`.
    Prefix(Box<str>),
    /// `~^(?<user>.+)\.example\.com$`.
    Regex(Pattern),
}

/// How request heads are read. The default server's settings act until the host is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHead {
    /// `client_header_timeout`: for the whole head.
    pub timeout: Duration,
    /// `client_header_buffer_size`: what is allocated first.
    pub buffer_bytes: usize,
    /// `large_client_header_buffers`: a request line or field line may be `large_buffer_bytes` long; the head may be
    /// `large_buffer_count` times that.
    pub large_buffer_count: usize,
    pub large_buffer_bytes: usize,
    /// `underscores_in_headers`.
    pub underscores: bool,
    /// `ignore_invalid_headers`.
    pub ignore_invalid: bool,
    /// `max_headers`: most fields of a head.
    pub max_headers: usize,
    /// `merge_slashes`.
    pub merge_slashes: bool,
}
