//! What resolving needs at every level: names, the resolver, and the upstream groups that are found on the way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::address::{Address, Host};
use super::diagnostic::Fault;
use super::lexer::Word;
use super::line::Env;
use super::names::{Names, Unbuilt};
use super::source::{Sources, Span};
use crate::model::{
    AccessFile, Counts, ErrorLog, LogCache, LogFormat, PeerAddress, Protocol, Resolver, Scheme, Syslog, Template,
    TlsPeer, TlsServer, Upstream, UpstreamId, ZoneId,
};

/// Names of hosts to addresses, while a configuration is loaded.
pub trait Resolve {
    /// All addresses of a host.
    ///
    /// # Errors
    /// The name is not known, or nobody could be asked.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Shared by all levels while the model is built.
pub struct Scope<'a> {
    pub env: &'a Env,
    /// Of the block that is being resolved. Names of groups, zones and formats are those of the block alone.
    pub protocol: Protocol,
    pub sources: &'a Sources,
    pub resolver: &'a dyn Resolve,
    pub unbuilt: Unbuilt,
    pub upstreams: Vec<Arc<Upstream>>,
    /// By name, in lower case: `upstream` blocks first, then one for each address in a `proxy_pass`.
    pub upstream_ids: HashMap<String, UpstreamId>,
    /// Those of the levels so far.
    pub resolvers: RefCell<Vec<Resolver>>,
    pub log_formats: HashMap<String, Arc<LogFormat>>,
    pub access_files: Vec<AccessFile>,
    pub syslogs: Vec<Syslog>,
    pub log_caches: Vec<LogCache>,
    pub error_logs: Vec<Arc<[ErrorLog]>>,
    pub tls_servers: Vec<Arc<TlsServer>>,
    /// Character sets that are named anywhere.
    pub charsets: Vec<Box<str>>,
    pub tls_peers: Vec<Arc<TlsPeer>>,
    /// Of `limit_conn_zone` and `limit_req_zone`, by name.
    pub zones: HashMap<String, (ZoneId, Counts)>,
}

impl Scope<'_> {
    /// The block of a protocol comes next, with its variables.
    pub fn enter(&mut self, protocol: Protocol, names: Names) {
        self.protocol = protocol;
        *self.env.names.borrow_mut() = names;
        self.upstream_ids.clear();
        self.zones.clear();
    }

    /// A value with its variables; a fault is noted and gives an empty one.
    pub fn template(&self, word: &Word) -> Template {
        self.template_of(&word.text, word.span)
    }

    /// The same for a part of a word.
    pub fn template_of(&self, text: &str, span: Span) -> Template {
        let made = self.env.names.borrow().template(text, span, self.unbuilt);
        made.unwrap_or_else(|fault| {
            self.env.fault(fault);
            Template::default()
        })
    }

    /// Whether an `upstream` block has that name.
    #[must_use]
    pub fn is_block(&self, name: &str) -> bool {
        let id = self.upstream_ids.get(&name.to_ascii_lowercase());
        id.is_some_and(|id| self.upstreams[usize::from(id.0)].is_block)
    }

    /// The port of a peer.
    ///
    /// # Errors
    /// None is written, and the protocol has none of its own; `text` is what the message calls the peer.
    pub fn port(&self, host: &Host, text: &str, span: Span) -> Result<u16, Fault> {
        match (host.port, self.protocol) {
            (Some(port), _) => Ok(port),
            (None, Protocol::Http) => Ok(Scheme::Http.port()),
            (None, Protocol::Stream) => {
                let fault = Fault::new(span, format!("no port in upstream \"{text}\""));
                Err(fault.help("as in `127.0.0.1:5432`: only `http` has a port of its own"))
            }
        }
    }

    /// The addresses of a peer, with a text for each.
    ///
    /// # Errors
    /// Its name cannot be resolved; `text` is what the message calls it.
    pub fn addresses(&self, address: &Address, text: &str, span: Span) -> Result<Vec<(PeerAddress, String)>, Fault> {
        let host = match address {
            Address::Unix(path) => {
                let path = path.clone();
                let name = format!("unix:{}", path.display());
                return Ok(vec![(PeerAddress::Unix(path), name)]);
            }
            Address::Inet(host) => host,
        };
        let port = self.port(host, text, span)?;
        let found = host_addresses(self.resolver, host, port).map_err(|why| {
            let fault = Fault::new(span, format!("host not found in upstream \"{text}\"")).label(why);
            fault.help(
                "names are resolved when the configuration is loaded: check the name, write an address, or follow the name \
                 with `server NAME resolve` in an upstream",
            )
        })?;
        Ok(found.into_iter().map(|address| (PeerAddress::Ip(address), address.to_string())).collect())
    }

    /// Adds a group.
    ///
    /// # Errors
    /// There are too many.
    pub fn add_upstream(&mut self, key: String, upstream: Upstream, span: Span) -> Result<UpstreamId, Fault> {
        let id = u16::try_from(self.upstreams.len())
            .map_err(|_| Fault::new(span, "more than 65536 upstream groups").help("use fewer distinct addresses"))?;
        self.upstreams.push(Arc::new(upstream));
        self.upstream_ids.insert(key, UpstreamId(id));
        Ok(UpstreamId(id))
    }
}

/// The addresses of a host, in the resolver's order, each once.
///
/// # Errors
/// In words, why there are none.
pub fn host_addresses(resolver: &dyn Resolve, host: &Host, default_port: u16) -> Result<Vec<SocketAddr>, String> {
    let port = host.port.unwrap_or(default_port);
    if let Some(ip) = host.ip() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let mut found = resolver.resolve(&host.name, port).map_err(|error| error.to_string())?;
    let mut seen = std::collections::HashSet::new();
    found.retain(|address| seen.insert(*address));
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}
