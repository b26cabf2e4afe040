//! `location` and all that may stand in it, after inheritance.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Access, AccessLog, AddedFields, ErrorLogId, ErrorPages, Gzip, Limits, LogCacheId, MediaTypes, Pattern, Proxy,
    ProxyPass, RealIp, ResolverId, Ssi, Step, Template, TlsPeerId, TryFiles, Tunnel,
};

/// One `location`, or the server level itself ([`Matching::Server`]), whose settings act when no location matches.
///
/// What is asked for each request stands first, and in this order: on few lines of the cache.
#[derive(Debug)]
#[repr(C)]
pub struct Location {
    /// The rewrite phase, run in order before `content`.
    pub steps: Vec<Step>,
    pub limit_except: Option<Box<LimitExcept>>,
    pub try_files: Option<Box<TryFiles>>,
    /// `None` where nobody is trusted.
    pub real_ip: Option<Arc<RealIp>>,
    pub access: Arc<Access>,
    /// `internal`.
    pub internal: bool,
    /// Neither limits nor rules nor another address of the client: there is nothing to ask before `content`.
    pub admits_all: bool,
    /// `rewrite_log`: what the steps do stands in the error log.
    pub rewrite_log: bool,
    /// `uninitialized_variable_warn`.
    pub uninitialized_variable_warn: bool,
    /// `log_not_found`: whether a missing file is an error in the log.
    pub log_not_found: bool,
    /// `log_subrequest`: requests made inside have lines in the access log.
    pub log_subrequest: bool,
    pub content: Content,
    pub client: Client,
    pub proxy: Arc<Proxy>,
    pub tunnel: Arc<Tunnel>,
    pub access_logs: Arc<[AccessLog]>,
    pub limits: Arc<Limits>,
    /// `error_log`; `None` is that of the main context.
    pub error_log: Option<ErrorLogId>,
    pub matching: Matching,
    /// Locations nested in this one, in the order of the file.
    pub children: Vec<Arc<Location>>,
    /// The settings of its `if` blocks, each over those of this location. They have no steps and no children.
    pub if_blocks: Vec<Arc<Location>>,
    /// How its `proxy_pass` speaks TLS; `None` where it never does.
    pub tls_peer: Option<TlsPeerId>,
    /// `open_log_file_cache`.
    pub log_cache: Option<LogCacheId>,
    pub added: AddedFields,
    /// `None` where answers leave as they are.
    pub gzip: Option<Arc<Gzip>>,
    /// `charset`: what the types of answers name; empty is none.
    pub charset: Template,
    pub charset_types: MediaTypes,
    /// `None` where answers are not read for commands.
    pub ssi: Option<Arc<Ssi>>,
    /// `subrequest_output_buffer_size`: the longest answer that an include keeps for a variable.
    pub subrequest_buffer_bytes: usize,
    /// `limit_rate`: bytes a second that an answer leaves with; empty is no limit.
    pub limit_rate: Template,
    /// `limit_rate_after`: bytes that leave before it acts.
    pub limit_rate_after: Template,
    pub error_pages: ErrorPages,
    /// `root` or `alias`, absolute unless it begins with a variable.
    pub root: Template,
    pub alias: Alias,
    /// `index` names, tried in order for a target that ends in `/`.
    pub index: Arc<[Template]>,
    /// `default_type`.
    pub default_type: Box<str>,
    /// `types`; `None` uses the built-in list.
    pub types: Option<Arc<[MediaType]>>,
    /// `resolver`, for names in the value of `proxy_pass`.
    pub resolver: Option<ResolverId>,
    pub resolver_timeout: Duration,
}

impl Location {
    /// The locations directly inside: nested ones, `if` blocks and `limit_except`.
    pub fn inner(&self) -> impl Iterator<Item = &Arc<Self>> {
        let limited = self.limit_except.iter().map(|limit| &limit.location);
        self.children.iter().chain(&self.if_blocks).chain(limited)
    }
}

/// How the path of a request and the folder of files make the name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alias {
    /// `root`: the folder, then the path.
    No,
    /// `alias` of a prefix or exact path: the folder, then the path less this many bytes.
    Path(usize),
    /// `alias` of an expression: the folder's value is the whole name.
    Whole,
}

/// `limit_except`.
#[derive(Debug)]
pub struct LimitExcept {
    /// Methods that the block does not act on; `GET` stands for `HEAD` too.
    pub methods: Box<[Box<[u8]>]>,
    /// The settings for all others. It has no steps.
    pub location: Arc<Location>,
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
    /// None of its own: an `if` or `limit_except` block of another location.
    Inner,
}

/// Who answers.
#[derive(Debug, Clone)]
pub enum Content {
    /// Static files under `root`.
    Files,
    Proxy(ProxyPass),
    /// `stub_status`: the numbers of connections and requests.
    StubStatus,
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
    /// `client_body_temp_path`: folder of bodies that memory does not hold, and the lengths of the names of folders in it.
    pub body_temp_path: Arc<(PathBuf, Box<[usize]>)>,
    /// `client_body_in_file_only`.
    pub body_in_file_only: BodyFile,
    /// `lingering_close`, `lingering_time`, `lingering_timeout`.
    pub lingering: Lingering,
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
    /// `chunked_transfer_encoding`.
    pub chunks: bool,
    pub if_modified_since: IfModifiedSince,
    /// `max_ranges`; 0 sends files whole, `None` is no limit.
    pub max_ranges: Option<u64>,
    /// `absolute_redirect`, `server_name_in_redirect`, `port_in_redirect`.
    pub absolute_redirect: bool,
    pub server_name_in_redirect: bool,
    pub port_in_redirect: bool,
}

/// `if_modified_since`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IfModifiedSince {
    #[default]
    Off,
    Exact,
    Before,
}

/// Whether a body lies in a file even if memory would hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyFile {
    #[default]
    Off,
    /// And stays there.
    On,
    /// And is removed with the request.
    Clean,
}

/// What becomes of bytes that a client still sends when its connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lingering {
    /// `None` is `lingering_close off`; `Some(true)` is `always`, also when nothing is known to be under way.
    pub close: Option<bool>,
    /// Longest time in all, and longest pause.
    pub time: Duration,
    pub timeout: Duration,
}

impl Lingering {
    /// How long the next bytes are waited for after so much time in all; `None` once that is enough.
    #[must_use]
    pub fn pause_max(&self, elapsed: Duration) -> Option<Duration> {
        let left = self.time.checked_sub(elapsed).filter(|left| !left.is_zero())?;
        Some(left.min(self.timeout))
    }
}
