//! `location` and all that may stand in it, after inheritance.

use std::sync::Arc;
use std::time::Duration;

use super::{Access, AccessLog, Pattern, Proxy, ProxyPass, Template, Tunnel};

/// One `location`, or the server level itself ([`Matching::Server`]), whose settings act when no location matches.
#[derive(Debug)]
pub struct Location {
    pub matching: Matching,
    /// Locations nested in this one, in the order of the file.
    pub children: Vec<Arc<Location>>,
    /// The rewrite phase, run in order before `content`.
    pub steps: Vec<Step>,
    pub content: Content,
    pub access: Arc<Access>,
    pub client: Client,
    pub proxy: Arc<Proxy>,
    pub tunnel: Arc<Tunnel>,
    pub access_logs: Arc<[AccessLog]>,
    /// `add_header` lines in order.
    pub add_headers: Arc<[AddHeader]>,
    /// `root`, absolute unless it begins with a variable.
    pub root: Template,
    /// `index` names, tried in order for a target that ends in `/`.
    pub index: Arc<[Box<str>]>,
    /// `default_type`.
    pub default_type: Box<str>,
    /// `types`; `None` uses the built-in list.
    pub types: Option<Arc<[MediaType]>>,
    /// `internal`.
    pub internal: bool,
}

/// One line of `types`: a file name's extension, lower case, and the `Content-Type` it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    pub extension: Box<str>,
    pub content_type: Box<str>,
}

/// What makes a request this location's.
#[derive(Debug)]
pub enum Matching {
    /// The `server` block.
    Server,
    /// `location = /path`.
    Exact(Box<[u8]>),
    /// `location /path`; `wins_over_regex` is `^~`.
    Prefix { path: Box<[u8]>, wins_over_regex: bool },
    /// `location ~ re` and `~* re`.
    Regex(Pattern),
    /// `location @name`, without the `@`.
    Named(Box<str>),
}

/// One directive of the rewrite phase.
#[derive(Debug)]
pub enum Step {
    Return(Return),
}

/// `return`.
#[derive(Debug, Clone)]
pub struct Return {
    /// 444 closes the connection without an answer.
    pub status: u16,
    /// Body, or for 301, 302, 303, 307 and 308 the `Location`.
    pub text: Option<Template>,
}

/// Who answers.
#[derive(Debug)]
pub enum Content {
    /// Static files under `root`.
    Files,
    Proxy(ProxyPass),
}

/// How the client's connection is treated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Client {
    /// `client_max_body_size`; 0 is no limit.
    pub max_body_bytes: u64,
    /// `client_body_timeout`: between two reads of a body.
    pub body_timeout: Duration,
    /// `client_body_buffer_size`.
    pub body_buffer_bytes: usize,
    /// `send_timeout`: between two writes.
    pub send_timeout: Duration,
    /// `keepalive_timeout`: how long a connection may wait for its next request; zero closes after each answer.
    pub keepalive_timeout: Duration,
    /// Second value of `keepalive_timeout`: sent as `Keep-Alive: timeout=`.
    pub keepalive_header: Option<Duration>,
    /// `keepalive_requests`: the connection closes after this many.
    pub keepalive_requests: u64,
    /// `keepalive_time`: the connection closes after the request in which it got this old.
    pub keepalive_time: Duration,
    /// `tcp_nodelay`.
    pub tcp_nodelay: bool,
    /// `server_tokens`: whether the version stands in `Server` and on error pages.
    pub server_tokens: bool,
    /// `etag`.
    pub etag: bool,
    /// `absolute_redirect`, `server_name_in_redirect`, `port_in_redirect`.
    pub absolute_redirect: bool,
    pub server_name_in_redirect: bool,
    pub port_in_redirect: bool,
}

/// `add_header`.
#[derive(Debug, Clone)]
pub struct AddHeader {
    pub name: Box<[u8]>,
    pub value: Template,
    /// Also on answers other than 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308.
    pub always: bool,
}
