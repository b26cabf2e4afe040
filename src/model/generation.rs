//! One loaded configuration.

use std::sync::Arc;

use super::{
    AccessFile, ErrorLog, Geo, Listener, LogCache, Map, Process, Resolver, Split, Syslog, TlsPeer, TlsServer, Upstream,
    VariableNames, Zone,
};

/// Everything one configuration says. Built once, shared by all shards, replaced as a whole on reload.
#[derive(Debug)]
pub struct Generation {
    /// Counts up from 1 with each successful load.
    pub number: u64,
    pub process: Process,
    pub serving: Serving,
}

/// What is served: the `http` and the `stream` block. What only one of them uses is told apart by [`super::Protocol`].
#[derive(Debug, Default)]
pub struct Serving {
    pub listeners: Vec<Listener>,
    /// Indexed by [`super::UpstreamId`]: the `upstream` blocks and one group for each address or name in a `proxy_pass`.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Indexed by [`super::ResolverId`].
    pub resolvers: Vec<Resolver>,
    /// Indexed by [`super::MapId`].
    pub maps: Vec<Map>,
    /// Indexed by [`super::GeoId`].
    pub geos: Vec<Geo>,
    /// Indexed by [`super::SplitId`].
    pub splits: Vec<Split>,
    /// Indexed by [`super::ZoneId`].
    pub zones: Vec<Zone>,
    /// Indexed by [`super::AccessFileId`].
    pub access_files: Vec<AccessFile>,
    /// Indexed by [`super::SyslogId`]: where `access_log` lines go.
    pub syslogs: Vec<Syslog>,
    /// Indexed by [`super::LogCacheId`].
    pub log_caches: Vec<LogCache>,
    /// Indexed by [`super::ErrorLogId`]: the `error_log` lines of each level that has some.
    pub error_logs: Vec<Arc<[ErrorLog]>>,
    /// Indexed by [`super::TlsServerId`].
    pub tls_servers: Vec<Arc<TlsServer>>,
    /// Every name that a `charset` gives, as written: a peer may ask for one of them.
    pub charsets: Vec<Box<str>>,
    /// Indexed by [`super::TlsPeerId`].
    pub tls_peers: Vec<Arc<TlsPeer>>,
    /// Indexed by [`super::SlotId`]: names of the variables that a request gives a value.
    pub slots: Vec<Slot>,
    /// Of the variables that server side includes may name.
    pub variable_names: VariableNames,
}

/// A variable that a request gives a value: a named capture, or one that `set` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Without `$`.
    pub name: Box<str>,
    /// `set` gives it a value somewhere: to use it before is worth a warning.
    pub is_set: bool,
}
