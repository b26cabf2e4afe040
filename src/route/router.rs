//! The virtual servers of a listener, and the lookup of a location in one of them.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::captures::{self, Captures, MatchError};
use super::level::Level;
use super::names;
use crate::model::{self, Listener, Location, Matching, Pattern, ServerName, Serving};

/// A virtual server with the index of its locations. Reads as the [`model::Server`] it was built from.
pub struct Server {
    model: Arc<model::Server>,
    level: Level,
    named: HashMap<Box<str>, Arc<Location>>,
}

/// The virtual servers behind one listener.
#[derive(Debug)]
pub struct Router {
    servers: Vec<Arc<Server>>,
    default: usize,
    /// Values are indexes of `servers`; keys as in [`names::lookup`].
    exact: HashMap<Box<[u8]>, usize>,
    suffixes: HashMap<Box<[u8]>, usize>,
    prefixes: HashMap<Box<[u8]>, usize>,
    /// Server and name within it, in the order of the file.
    expressions: Vec<(usize, usize)>,
}

/// The virtual server of a request.
#[derive(Debug)]
pub struct ServerMatch<'r> {
    pub server: &'r Arc<Server>,
    /// When `server_name ~…` matched.
    pub captures: Option<Box<Captures>>,
}

/// The location of a request.
#[derive(Debug)]
pub struct Located<'s> {
    pub location: &'s Arc<Location>,
    /// When an expression matched: takes the place of earlier captures.
    pub captures: Option<Box<Captures>>,
    /// The path is that of the location less its final slash, and the location proxies: to be answered 301 to
    /// `location`'s own path, with the arguments kept.
    pub add_slash: bool,
}

/// Routers of all listeners of a generation, in their order. A server behind several listeners is indexed once.
#[must_use]
pub fn build(serving: &Serving) -> Vec<Router> {
    let mut known = HashMap::new();
    serving.listeners.iter().map(|listener| Router::sharing(listener, &mut known)).collect()
}

/// nginx's search in a virtual server: an exact path, else the longest prefix and what is nested in it, else, unless
/// that prefix is `^~`, the first expression of the level and what is nested in it; then the expressions of the levels
/// around. What no location takes is the server's own.
///
/// # Errors
/// See [`MatchError`]; to be answered 500.
pub fn locate<'s>(server: &'s Server, path: &[u8]) -> Result<Located<'s>, MatchError> {
    let choice = server.level.locate(path)?;
    Ok(Located {
        location: choice.location.unwrap_or(&server.model.root),
        captures: choice.captures,
        add_slash: choice.add_slash,
    })
}

/// `location @name`, by its name without the `@`.
#[must_use]
pub fn named<'s>(server: &'s Server, name: &str) -> Option<&'s Arc<Location>> {
    server.named.get(name)
}

impl Server {
    #[must_use]
    pub fn new(model: &Arc<model::Server>) -> Self {
        let children = &model.root.children;
        let name_of = |location: &Arc<Location>| match &location.matching {
            Matching::Named(name) => Some((name.clone(), Arc::clone(location))),
            Matching::Server | Matching::Exact(_) | Matching::Prefix { .. } | Matching::Regex(_) | Matching::Inner => {
                None
            }
        };
        Self {
            model: Arc::clone(model),
            level: Level::new(children),
            named: children.iter().filter_map(name_of).collect(),
        }
    }

    #[must_use]
    pub fn model(&self) -> &Arc<model::Server> {
        &self.model
    }
}

impl Deref for Server {
    type Target = model::Server;

    fn deref(&self) -> &model::Server {
        &self.model
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.model.name).finish()
    }
}

impl Router {
    #[must_use]
    pub fn new(listener: &Listener) -> Self {
        Self::sharing(listener, &mut HashMap::new())
    }

    fn sharing(listener: &Listener, known: &mut HashMap<*const model::Server, Arc<Server>>) -> Self {
        let index = |server: &Arc<model::Server>| {
            Arc::clone(known.entry(Arc::as_ptr(server)).or_insert_with(|| Arc::new(Server::new(server))))
        };
        let mut router = Self {
            servers: listener.servers.iter().map(index).collect(),
            default: listener.default_server,
            exact: HashMap::new(),
            suffixes: HashMap::new(),
            prefixes: HashMap::new(),
            expressions: Vec::new(),
        };
        for (number, server) in listener.servers.iter().enumerate() {
            router.add_names(number, server);
        }
        router
    }

    /// A name that an earlier server has stays that server's, as in nginx.
    fn add_names(&mut self, number: usize, server: &model::Server) {
        fn add(names: &mut HashMap<Box<[u8]>, usize>, name: &str, number: usize) {
            names.entry(name.as_bytes().into()).or_insert(number);
        }
        for (at, name) in server.names.iter().enumerate() {
            match name {
                ServerName::Exact(name) => add(&mut self.exact, name, number),
                ServerName::Suffix(name) => add(&mut self.suffixes, name, number),
                ServerName::SuffixOrSelf(name) => {
                    add(&mut self.exact, name, number);
                    add(&mut self.suffixes, name, number);
                }
                ServerName::Prefix(name) => add(&mut self.prefixes, name, number),
                ServerName::Regex(_) => self.expressions.push((number, at)),
            }
        }
        // Without `server_name` a server has the empty name: that of requests without a host.
        if server.names.is_empty() {
            add(&mut self.exact, "", number);
        }
    }

    /// The server for what no name matches; its settings act until the host is known.
    ///
    /// # Panics
    /// When the listener has no server, which a configuration cannot say.
    #[must_use]
    pub fn default_server(&self) -> &Arc<Server> {
        &self.servers[self.default]
    }

    /// The server for a host (lower case, without port and trailing dot), or for a request without one.
    ///
    /// # Errors
    /// See [`MatchError`]; to be answered 500.
    pub fn server(&self, host: Option<&[u8]>) -> Result<ServerMatch<'_>, MatchError> {
        let default = || ServerMatch { server: self.default_server(), captures: None };
        Ok(self.named(host.unwrap_or_default())?.unwrap_or_else(default))
    }

    /// The server that has that name; `None` where none has, and for the only server of a listener, which as in nginx is
    /// chosen by nothing.
    ///
    /// # Errors
    /// See [`MatchError`].
    pub fn named(&self, host: &[u8]) -> Result<Option<ServerMatch<'_>>, MatchError> {
        if self.servers.len() == 1 && self.expressions.is_empty() {
            return Ok(None);
        }
        if let Some(&number) = names::lookup(&self.exact, &self.suffixes, &self.prefixes, host) {
            return Ok(Some(ServerMatch { server: &self.servers[number], captures: None }));
        }
        if !host.is_empty() {
            for &(number, at) in &self.expressions {
                let Some(pattern) = self.expression(number, at) else { continue };
                if let Some(captures) = captures::find(pattern, host)? {
                    return Ok(Some(ServerMatch { server: &self.servers[number], captures: Some(Box::new(captures)) }));
                }
            }
        }
        Ok(None)
    }

    fn expression(&self, server: usize, name: usize) -> Option<&Pattern> {
        match self.servers.get(server)?.names.get(name)? {
            ServerName::Regex(pattern) => Some(pattern),
            ServerName::Exact(_) | ServerName::Suffix(_) | ServerName::SuffixOrSelf(_) | ServerName::Prefix(_) => None,
        }
    }
}
