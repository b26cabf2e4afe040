//! What the user wrote, per level: `None` and empty lists are what was left out.
//!
//! Values are read, names in them are not looked up yet. Inheritance and defaults are none of its business.

mod added;
mod gzip;
mod log;
mod proxy;
mod serving;
mod ssi;
mod tls;

pub use self::added::{RawAddHeader, RawAdded, RawExpires, RawInherit};
pub use self::gzip::RawGzip;
pub use self::log::{RawAccessLog, RawAccessTarget, RawErrorLog, RawErrorTarget, RawLogFormat, RawLogs, RawSyslog};
pub use self::proxy::{
    RawBuffering, RawCookieFlags, RawFind, RawProxyAnswer, RawProxyRequest, RawProxyRetry, RawRedirect, RawReplace,
};
pub use self::serving::{RawServing, RawStream};
pub use self::ssi::RawSsi;
pub use self::tls::{RawFile, RawProxyTls, RawTls, RawTlsTerms};

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::directives::ranges::Ranges;
use super::lexer::Word;
use super::source::Span;
use crate::model::{
    AccessRule, Affinity, AfterRewrite, Alias, Balance, BodyFile, Counts, FileTest, IfModifiedSince, Keepalive,
    LogLevel, MediaType, Network, OriginRule, PageStatus, Pattern, RealIpHeader, Scheme, SplitPart, TunnelKeepalive,
    TunnelLifetime, TunnelPing, Workers,
};

/// A whole configuration.
#[derive(Debug, Default)]
pub struct RawConfig {
    pub process: RawProcess,
    pub events: Option<Span>,
    /// `http` and `stream`, each at most once, in the order of the file.
    pub serving: Vec<RawServing>,
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
    pub error_logs: Vec<RawErrorLog>,
}

/// What may stand in `http`, `server` and `location`, and in `stream` and its servers.
#[derive(Debug, Default)]
pub struct RawLevel {
    pub stream: RawStream,
    pub client: RawClient,
    pub client_head: RawClientHead,
    pub proxy: RawProxy,
    pub tunnel: RawTunnel,
    pub access: RawAccess,
    pub limits: RawLimits,
    pub real_ip: RawRealIp,
    pub files: RawFiles,
    pub added: RawAdded,
    pub gzip: RawGzip,
    pub ssi: RawSsi,
    pub subrequest_buffer_bytes: Option<usize>,
    pub tls: RawTls,
    pub logs: RawLogs,
    /// The rewrite phase in order.
    pub steps: Vec<RawStep>,
    pub charset: Option<Word>,
    pub charset_types: Option<Vec<String>>,
    pub limit_rate: Option<Word>,
    pub limit_rate_after: Option<Word>,
    pub rewrite_log: Option<bool>,
    pub uninitialized_variable_warn: Option<bool>,
    pub log_not_found: Option<bool>,
    pub resolver: Option<RawResolver>,
    pub resolver_timeout: Option<Duration>,
    pub stub_status: bool,
    pub error_pages: Option<Vec<RawErrorPage>>,
    pub recursive_error_pages: Option<bool>,
    pub try_files: Option<RawTryFiles>,
}

/// `client_*`, `keepalive_*` and the like.
#[derive(Debug, Default)]
pub struct RawClient {
    pub max_body_size: Option<u64>,
    pub body_timeout: Option<Duration>,
    pub body_buffer_size: Option<usize>,
    pub body_temp_path: Option<(PathBuf, Vec<usize>)>,
    pub body_in_file_only: Option<BodyFile>,
    pub lingering_close: Option<Option<bool>>,
    pub lingering_time: Option<Duration>,
    pub lingering_timeout: Option<Duration>,
    pub send_timeout: Option<Duration>,
    pub keepalive_timeout: Option<(Duration, Option<Duration>)>,
    pub keepalive_requests: Option<u64>,
    pub keepalive_time: Option<Duration>,
    pub tcp_nodelay: Option<bool>,
    pub server_tokens: Option<bool>,
    pub etag: Option<bool>,
    pub chunks: Option<bool>,
    pub if_modified_since: Option<IfModifiedSince>,
    pub max_ranges: Option<u64>,
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
    /// `Some(None)` is `off`.
    pub auth_request: Option<Option<String>>,
    pub auth_request_sets: Vec<(String, Word)>,
    pub auth_delay: Option<Duration>,
    /// `Some(None)` is `any`.
    pub websocket_origin: Option<Option<Vec<OriginRule>>>,
}

impl RawAccess {
    /// Whether the level says nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            rules,
            satisfies_any,
            auth_basic,
            auth_basic_user_file,
            auth_request,
            auth_request_sets,
            auth_delay,
            websocket_origin,
        } = self;
        rules.is_empty()
            && auth_request.is_none()
            && auth_request_sets.is_empty()
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
    pub max_headers: Option<u64>,
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
    pub buffering: RawBuffering,
    pub request: RawProxyRequest,
    pub answer: RawProxyAnswer,
    pub intercept_errors: Option<bool>,
    pub next_upstream: RawProxyRetry,
    pub ssl: RawProxyTls,
}

/// `tunnel_*`; the inner `None` is `off`.
#[derive(Debug, Default)]
pub struct RawTunnel {
    pub timeout: Option<Option<Duration>>,
    pub lifetime: Option<Option<TunnelLifetime>>,
    pub drain: Option<Option<Duration>>,
    pub ping: Option<Option<TunnelPing>>,
    pub max_message: Option<Option<u32>>,
    pub keepalive: Option<Option<TunnelKeepalive>>,
    pub frames: Option<bool>,
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
    pub root: Option<RawRoot>,
    pub index: Vec<Word>,
    pub default_type: Option<String>,
    pub types: Option<Vec<MediaType>>,
}

/// `root` or `alias`.
#[derive(Debug)]
pub struct RawRoot {
    pub folder: Word,
    pub alias: Alias,
}

/// `limit_except`.
#[derive(Debug)]
pub struct RawLimitExcept {
    pub methods: Vec<String>,
    /// Its block, as a location without a path of its own.
    pub body: RawLocation,
}

/// One status of an `error_page`.
#[derive(Debug)]
pub struct RawErrorPage {
    pub status: u16,
    pub answers_with: PageStatus,
    pub target: Word,
}

/// `try_files`.
#[derive(Debug)]
pub struct RawTryFiles {
    pub files: Vec<Word>,
    pub last: Word,
    /// Of `=CODE`.
    pub status: Option<u16>,
}

/// One directive of the rewrite phase.
#[derive(Debug)]
pub enum RawStep {
    Set { name: String, value: Word },
    Rewrite(RawRewrite),
    If(Box<RawIf>),
    Return(RawReturn),
    Break,
}

/// `rewrite`.
#[derive(Debug)]
pub struct RawRewrite {
    pub pattern: Pattern,
    pub replacement: Word,
    pub then: AfterRewrite,
}

/// `if`.
#[derive(Debug)]
pub struct RawIf {
    pub condition: RawCondition,
    /// Its block, as a location without a path of its own.
    pub body: RawLocation,
    /// In a location, and not in a server.
    pub has_settings: bool,
}

/// What an `if` asks.
#[derive(Debug)]
pub enum RawCondition {
    IsTrue(Word),
    Equals { value: Word, text: Word, is_negated: bool },
    Matches { value: Word, pattern: Pattern, is_negated: bool },
    File { test: FileTest, path: Word, is_negated: bool },
}

/// `return`.
#[derive(Debug)]
pub struct RawReturn {
    pub status: u16,
    pub text: Option<Word>,
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

/// `geo`.
#[derive(Debug)]
pub struct RawGeo {
    pub name: String,
    pub source: Option<Word>,
    pub proxies: Vec<Network>,
    pub is_proxy_recursive: bool,
    pub is_volatile: bool,
    pub default: Option<Arc<[u8]>>,
    /// With `ranges`; else there are networks.
    pub ranges: Option<Ranges>,
    pub networks: Vec<(Network, Arc<[u8]>)>,
}

/// `set_real_ip_from` and kin.
#[derive(Debug, Default)]
pub struct RawRealIp {
    pub from: Vec<Word>,
    pub header: Option<RealIpHeader>,
    pub recursive: Option<bool>,
}

/// `limit_conn` and `limit_req` of a level.
#[derive(Debug, Default)]
pub struct RawLimits {
    pub conns: Vec<RawLimitConn>,
    pub conn_reply: RawLimitReply,
    pub reqs: Vec<RawLimitReq>,
    pub req_reply: RawLimitReply,
}

/// `limit_conn`.
#[derive(Debug)]
pub struct RawLimitConn {
    pub zone: Word,
    pub most: u32,
}

/// `limit_req`; amounts in thousandths of a request.
#[derive(Debug)]
pub struct RawLimitReq {
    pub zone: Word,
    pub burst: u64,
    pub delay_above: Option<u64>,
}

/// `limit_conn_*` and `limit_req_*`.
#[derive(Debug, Default)]
pub struct RawLimitReply {
    pub status: Option<u16>,
    pub log_level: Option<LogLevel>,
    pub dry_run: Option<bool>,
}

/// `limit_conn_zone` and `limit_req_zone`.
#[derive(Debug)]
pub struct RawZone {
    pub name: String,
    pub key: Word,
    pub bytes: usize,
    pub counts: Counts,
}

/// `split_clients`.
#[derive(Debug)]
pub struct RawSplit {
    pub name: String,
    pub source: Word,
    pub parts: Vec<SplitPart>,
}

/// `upstream`.
#[derive(Debug)]
pub struct RawUpstream {
    pub name: Word,
    pub servers: Vec<RawPeer>,
    pub balance: Option<Balance>,
    pub keepalive: Option<u64>,
    pub keepalive_requests: Option<u64>,
    pub keepalive_time: Option<Duration>,
    pub keepalive_timeout: Option<Duration>,
    pub resolver: Option<RawResolver>,
    pub resolver_timeout: Option<Duration>,
}

/// `resolver`.
#[derive(Debug)]
pub struct RawResolver {
    pub servers: Vec<Word>,
    pub valid: Option<Duration>,
    pub ipv4: bool,
    pub ipv6: bool,
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
    /// `resolve`: its name is followed while requests are served.
    pub is_followed: bool,
}

/// `server` in `http` or `stream`.
#[derive(Debug)]
pub struct RawServer {
    pub span: Span,
    pub level: RawLevel,
    pub listens: Vec<RawListen>,
    pub names: Vec<RawServerName>,
    pub locations: Vec<RawLocation>,
    /// In `stream`: `proxy_pass` and `return`.
    pub stream_pass: Option<Word>,
    pub stream_return: Option<Word>,
}

impl RawServer {
    /// A server without settings.
    #[must_use]
    pub fn new(span: Span) -> Self {
        Self {
            span,
            level: RawLevel::default(),
            listens: Vec::new(),
            names: Vec::new(),
            locations: Vec::new(),
            stream_pass: None,
            stream_return: None,
        }
    }
}

/// `listen`.
#[derive(Debug)]
pub struct RawListen {
    pub span: Span,
    /// As written, for messages.
    pub text: String,
    pub target: RawListenTarget,
    pub is_default: bool,
    pub is_proxy_protocol: bool,
    pub is_ssl: bool,
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
    pub deferred: bool,
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
    pub limit_except: Option<Box<RawLimitExcept>>,
    pub children: Vec<RawLocation>,
}

impl RawLocation {
    /// A block inside a location or server that is no location itself: `if`, `limit_except`.
    #[must_use]
    pub fn inner(span: Span, name: String) -> Self {
        Self::new(span, name, RawMatching::Inner)
    }

    /// A location without settings.
    #[must_use]
    pub fn new(span: Span, name: String, matching: RawMatching) -> Self {
        Self {
            span,
            name,
            matching,
            level: RawLevel::default(),
            proxy_pass: None,
            internal: None,
            limit_except: None,
            children: Vec::new(),
        }
    }
}

/// What makes a request this location's.
#[derive(Debug)]
pub enum RawMatching {
    Exact,
    Prefix,
    PrefixBeforeRegex,
    Regex(Pattern),
    Named,
    /// None: it is a block of another.
    Inner,
}

/// `proxy_pass`.
#[derive(Debug)]
pub struct RawProxyPass {
    pub scheme: Scheme,
    /// Behind the scheme, if it is written out.
    pub target: Word,
}
