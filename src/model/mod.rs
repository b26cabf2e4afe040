//! The contract between the configuration and everything that runs: plain immutable data of one generation.
//!
//! `config` builds it, all other modules only read it. Here is no parsing of directives, no I/O and no state that
//! changes. Inheritance is already applied: each [`Location`] holds every setting that acts in it. Field names are the
//! directives' names split at their prefix (`proxy_read_timeout` is [`Proxy::read_timeout`]).

mod access;
mod access_log;
mod added_fields;
mod address;
mod buffering;
mod error_log;
mod error_page;
mod generation;
mod geo;
mod gzip;
mod limit;
mod listener;
mod location;
mod map;
mod media_types;
mod network;
mod pattern;
mod process;
mod protocol;
mod proxy;
mod proxy_answer;
mod proxy_request;
pub mod quantity;
mod real_ip;
mod resolver;
mod server;
mod ssi;
mod step;
mod stream;
mod syslog;
mod template;
mod tls;
mod tunnel;
mod upstream;
mod variable;

pub use access::{Access, AccessRule, AuthBasic, AuthRequest, OriginRule, Source};
pub use access_log::{AccessFile, AccessFileId, AccessLog, AccessLogTarget, Escape, LogCache, LogCacheId, LogFormat};
pub use added_fields::{AddHeader, AddedFields, Expires, Expiry, ExpiryError};
pub use address::{ListenAddress, PeerAddress};
pub use buffering::Buffering;
pub use error_log::{ErrorLog, ErrorLogId, ErrorLogTarget, LogLevel};
pub use error_page::{ErrorPage, ErrorPages, LastResort, PageStatus, Target, TryFile, TryFiles};
pub use generation::{Generation, Serving, Slot};
pub use geo::{Geo, GeoRange, Split, SplitPart};
pub use gzip::{Gzip, GzipProxied};
pub use limit::{Counts, LimitConn, LimitReply, LimitReq, Limits, Zone, ZoneId};
pub use listener::{Keepalive, Listener};
pub use location::{
    Alias, BodyFile, Client, Content, IfModifiedSince, LimitExcept, Lingering, Location, Matching, MediaType,
};
pub use map::{Map, MapValue};
pub use media_types::MediaTypes;
pub use network::Network;
pub use pattern::{NamedCapture, Pattern};
pub use process::{Affinity, Process, Workers};
pub use protocol::Protocol;
pub use proxy::{Destination, OwnRedirect, Proxy, ProxyPass, Scheme, SetHeader};
pub use proxy_answer::{CookieFlags, Find, ProxyAnswer, Redirect, Replace};
pub use proxy_request::{ProxyRequest, ProxyRetry};
pub use real_ip::{RealIp, RealIpHeader};
pub use resolver::{Resolver, ResolverId};
pub use server::{ClientHead, Server, ServerName};
pub use ssi::{OfRest, Ssi, VariableNames};
pub use step::{AfterRewrite, Condition, FileTest, If, Return, Rewrite, Set, SetTarget, Step};
pub use stream::{Stream, StreamAnswer};
pub use syslog::{Syslog, SyslogId};
pub use template::{Part, Template};
pub use tls::{
    CertificateFiles, TlsCipher, TlsCurve, TlsPeer, TlsPeerId, TlsServer, TlsServerId, TlsTerms, TlsVersion,
    VerifyClient,
};
pub use tunnel::{Tunnel, TunnelKeepalive, TunnelLifetime, TunnelPing};
pub use upstream::{Balance, Followed, Peer, Upstream, UpstreamId, UpstreamKeepalive};
pub use variable::{GeoId, MapId, SlotId, SplitId, TcpFigure, TlsFact, Variable};
