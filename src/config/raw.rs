//! What the user wrote, per level: `None` and empty lists are what was left out.
//!
//! Values are read, names in them are not looked up yet. Inheritance and defaults are none of its business.

mod proxy;

pub use self::proxy::{RawCookieFlags, RawFind, RawProxyAnswer, RawRedirect, RawReplace};

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::lexer::Word;
use super::source::Span;
use crate::model::{AccessRule, Affinity, ErrorLog, Escape, Keepalive, MediaType, OriginRule, Pattern, Workers};

/// A whole configuration.
#[derive(Debug, Default)]
pub struct RawConfig {
    pub process: RawProcess,
    pub events: Option<Span>,
    pub http: Option<RawHttp>,
}

/// The main context and `events`.
#[derive(Debug, Default)]
pub struct RawProcess {
    pub worker_processes: Option<Workers>,
    pub worker_cpu_affinity: Option<Affinity>,
    pub worker_rlimit_nofile: Option<u64>,
    pub worker_connections: Option<u64>,
    pub worker_shutdown_timeout: Option<Duration>,
    pub user: Option<(String, Option<String>)>,
    pub pid: Option<PathBuf>,
    pub daemon: Option<bool>,
    pub error_logs: Vec<ErrorLog>,
}

/// What may stand in `http`, `server` and `location`.
#[derive(Debug, Default)]
pub struct RawLevel {
    pub client: RawClient,
    pub client_head: RawClientHead,
    pub proxy: RawProxy,
    pub access: RawAccess,
    pub files: RawFiles,
    pub add_headers: Vec<RawAddHeader>,
    pub access_logs: Option<Vec<RawAccessLog>>,
    /// `return` lines in order.
    pub returns: Vec<RawReturn>,
}

/// `client_*`, `keepalive_*` and the like.
#[derive(Debug, Default)]
pub struct RawClient {
    pub max_body_size: Option<u64>,
    pub body_timeout: Option<Duration>,
    pub body_buffer_size: Option<usize>,
    pub send_timeout: Option<Duration>,
    pub keepalive_timeout: Option<(Duration, Option<Duration>)>,
    pub keepalive_requests: Option<u64>,
    pub keepalive_time: Option<Duration>,
    pub tcp_nodelay: Option<bool>,
    pub server_tokens: Option<bool>,
    pub etag: Option<bool>,
    pub absolute_redirect: Option<bool>,
    pub server_name_in_redirect: Option<bool>,
    pub port_in_redirect: Option<bool>,
}

/// Who may ask.
#[derive(Debug, Default)]
pub struct RawAccess {
    pub rules: Vec<AccessRule>,
    pub satisfies_any: Option<bool>,
    pub auth_basic: Option<Word>,
    pub auth_basic_user_file: Option<Word>,
    pub auth_delay: Option<Duration>,
    /// `Some(None)` is `any`.
    pub websocket_origin: Option<Option<Vec<OriginRule>>>,
}

impl RawAccess {
    /// Whether the level says nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { rules, satisfies_any, auth_basic, auth_basic_user_file, auth_delay, websocket_origin } = self;
        rules.is_empty()
            && satisfies_any.is_none()
            && auth_basic.is_none()
            && auth_basic_user_file.is_none()
            && auth_delay.is_none()
            && websocket_origin.is_none()
    }
}

/// What acts before the location is known: `http` and `server` alone.
#[derive(Debug, Default)]
pub struct RawClientHead {
    pub timeout: Option<Duration>,
    pub buffer_size: Option<usize>,
    pub large_buffers: Option<(usize, usize)>,
    pub underscores_in_headers: Option<bool>,
    pub ignore_invalid_headers: Option<bool>,
    pub merge_slashes: Option<bool>,
}

/// `proxy_*`, but not `proxy_pass`.
#[derive(Debug, Default)]
pub struct RawProxy {
    pub http_1_0: Option<bool>,
    pub set_headers: Vec<RawSetHeader>,
    pub connect_timeout: Option<Duration>,
    pub read_timeout: Option<Duration>,
    pub send_timeout: Option<Duration>,
    pub buffer_size: Option<usize>,
    pub answer: RawProxyAnswer,
}

/// `proxy_set_header`.
#[derive(Debug)]
pub struct RawSetHeader {
    pub name: Word,
    pub value: Word,
}

/// `root`, `index` and types of content.
#[derive(Debug, Default)]
pub struct RawFiles {
    pub root: Option<Word>,
    pub index: Vec<String>,
    pub default_type: Option<String>,
    pub types: Option<Vec<MediaType>>,
}

/// `add_header`.
#[derive(Debug)]
pub struct RawAddHeader {
    pub name: Word,
    pub value: Word,
    pub always: bool,
}

/// `access_log`; `access_log off` is an empty list of these.
#[derive(Debug)]
pub struct RawAccessLog {
    pub path: PathBuf,
    /// `combined` if left out.
    pub format: Option<Word>,
    pub buffer_bytes: usize,
    pub flush: Option<Duration>,
    pub condition: Option<Word>,
}

/// `return`.
#[derive(Debug)]
pub struct RawReturn {
    pub status: u16,
    pub text: Option<Word>,
}

/// `http`.
#[derive(Debug)]
pub struct RawHttp {
    pub span: Span,
    pub level: RawLevel,
    pub servers: Vec<RawServer>,
    pub upstreams: Vec<RawUpstream>,
    pub maps: Vec<RawMap>,
    pub log_formats: Vec<RawLogFormat>,
}

/// `log_format`.
#[derive(Debug)]
pub struct RawLogFormat {
    pub name: Word,
    pub escape: Escape,
    pub line: Vec<Word>,
}

/// `map`.
#[derive(Debug)]
pub struct RawMap {
    pub name: String,
    pub source: Word,
    pub is_hostnames: bool,
    pub is_volatile: bool,
    pub default: Option<Word>,
    pub entries: Vec<RawMapEntry>,
}

/// One line of a `map`.
#[derive(Debug)]
pub struct RawMapEntry {
    pub key: RawMapKey,
    pub span: Span,
    pub value: Word,
}

/// What a line of a `map` is for; names in lower case.
#[derive(Debug)]
pub enum RawMapKey {
    Exact(String),
    /// `*.example.com` as `example.com`.
    Suffix(String),
    /// `.example.com` as `example.com`.
    SuffixOrSelf(String),
    /// `example.*` as `example`.
    Prefix(String),
    Pattern(Pattern),
}

/// `upstream`.
#[derive(Debug)]
pub struct RawUpstream {
    pub name: Word,
    pub servers: Vec<RawPeer>,
    pub keepalive: Option<u64>,
    pub keepalive_requests: Option<u64>,
    pub keepalive_time: Option<Duration>,
    pub keepalive_timeout: Option<Duration>,
}

/// `server` in `upstream`.
#[derive(Debug)]
pub struct RawPeer {
    pub address: Word,
    pub weight: u32,
    pub max_fails: u32,
    pub fail_timeout: Duration,
    pub max_conns: u32,
    pub is_down: bool,
    pub is_backup: bool,
}

/// `server` in `http`.
#[derive(Debug)]
pub struct RawServer {
    pub span: Span,
    pub level: RawLevel,
    pub listens: Vec<RawListen>,
    pub names: Vec<RawServerName>,
    pub locations: Vec<RawLocation>,
}

/// `listen`.
#[derive(Debug)]
pub struct RawListen {
    pub span: Span,
    /// As written, for messages.
    pub text: String,
    pub target: RawListenTarget,
    pub is_default: bool,
    pub options: RawListenOptions,
}

/// Where to listen; names are resolved later.
#[derive(Debug, Clone)]
pub enum RawListenTarget {
    Unix(PathBuf),
    Ip { ip: IpAddr, ports: (u16, u16) },
    Name { name: String, ports: (u16, u16) },
}

/// Parameters of `listen` that act on the socket: one line of an address may have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawListenOptions {
    pub is_set: bool,
    pub backlog: Option<u32>,
    pub ipv6only: Option<bool>,
    pub keepalive: Option<Keepalive>,
    pub receive_buffer_bytes: Option<usize>,
    pub send_buffer_bytes: Option<usize>,
}

/// One value of `server_name`.
#[derive(Debug)]
pub struct RawServerName {
    pub span: Span,
    /// Lower case, but an expression as written, with its `~`.
    pub text: String,
    pub pattern: Option<Pattern>,
}

/// `location`.
#[derive(Debug)]
pub struct RawLocation {
    pub span: Span,
    /// As written, without the modifier.
    pub name: String,
    pub matching: RawMatching,
    pub level: RawLevel,
    pub proxy_pass: Option<RawProxyPass>,
    pub internal: Option<bool>,
    pub children: Vec<RawLocation>,
}

/// What makes a request this location's.
#[derive(Debug)]
pub enum RawMatching {
    Exact,
    Prefix,
    PrefixBeforeRegex,
    Regex(Pattern),
    Named,
}

/// `proxy_pass`.
#[derive(Debug)]
pub struct RawProxyPass {
    /// Behind the scheme, if it is written out.
    pub target: Word,
}
