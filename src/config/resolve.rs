//! Raw -> model: inheritance and defaults applied, names looked up.
//!
//! Each level is resolved over the one around it; what a level's directives mean is in their topic's file.

use std::path::Path;
use std::sync::Arc;

use super::diagnostic::Fault;
use super::directives::access::{self, AccessParts};
use super::directives::content::{self, Files};
use super::directives::{client, log, map, proxy, server, upstream};
use super::listeners::{self, ServerOfListen};
use super::raw::{RawHttp, RawLevel, RawLocation, RawMatching, RawServer};
use super::scope::Scope;
use crate::model::{
    AccessLog, AddHeader, Client, ClientHead, Content, Http, Location, Matching, Proxy, Server, Tunnel,
};

/// All settings of one level.
#[derive(Debug, Clone)]
struct Level {
    client: Client,
    client_head: ClientHead,
    proxy: Arc<Proxy>,
    tunnel: Arc<Tunnel>,
    access: AccessParts,
    access_logs: Arc<[AccessLog]>,
    add_headers: Arc<[AddHeader]>,
    files: Files,
}

impl Level {
    fn defaults(prefix: &Path, scope: &Scope<'_>) -> Self {
        Self {
            client: client::client_defaults(),
            client_head: client::client_head_defaults(),
            proxy: Arc::new(proxy::defaults()),
            tunnel: Arc::default(),
            access: AccessParts::default(),
            access_logs: log::defaults(prefix, scope),
            add_headers: Arc::default(),
            files: content::files_defaults(prefix),
        }
    }

    /// The level inside this one.
    fn with(&self, raw: &RawLevel, scope: &Scope<'_>) -> Self {
        let client = client::resolve(&raw.client, &self.client);
        let proxy = proxy::resolve(&raw.proxy, &self.proxy, scope);
        let tunnel = tunnel(&proxy, &client);
        Self {
            client_head: client::resolve_head(&raw.client_head, &self.client_head),
            tunnel: if tunnel == *self.tunnel { Arc::clone(&self.tunnel) } else { Arc::new(tunnel) },
            access: access::resolve(&raw.access, &self.access, scope),
            access_logs: log::resolve(raw.access_logs.as_deref(), &self.access_logs, scope),
            add_headers: content::resolve_add_headers(&raw.add_headers, &self.add_headers, scope),
            files: content::resolve_files(&raw.files, &self.files, scope),
            client,
            proxy,
        }
    }

    fn location(self, matching: Matching, children: Vec<Arc<Location>>) -> Location {
        Location {
            matching,
            children,
            steps: Vec::new(),
            content: Content::Files,
            access: self.access.access(),
            client: self.client,
            proxy: self.proxy,
            tunnel: self.tunnel,
            access_logs: self.access_logs,
            add_headers: self.add_headers,
            root: self.files.root,
            index: self.files.index,
            default_type: self.files.default_type,
            types: self.files.types,
            internal: false,
        }
    }
}

/// What acts on tunnels: the default timeouts of `proxy_*` do not, a quiet tunnel stays open.
fn tunnel(proxy: &Proxy, client: &Client) -> Tunnel {
    Tunnel {
        read_timeout: proxy.read_timeout_is_explicit.then_some(proxy.read_timeout),
        send_timeout: proxy.send_timeout_is_explicit.then_some(proxy.send_timeout),
        client_send_timeout: Some(client.send_timeout),
        ..Tunnel::default()
    }
}

/// The `http` block.
pub fn http(raw: RawHttp, scope: &mut Scope<'_>) -> Http {
    log::resolve_formats(&raw.log_formats, raw.span, scope);
    for group in &raw.upstreams {
        upstream::resolve(group, scope);
    }
    let maps = raw.maps.into_iter().map(|raw| map::resolve(raw, scope)).collect();
    let prefix = scope.env.prefix.clone();
    let level = Level::defaults(&prefix, scope).with(&raw.level, scope);
    let servers = raw.servers.into_iter().map(|raw| resolve_server(raw, &level, scope)).collect();
    let listeners = listeners::resolve(servers, scope);
    Http {
        listeners,
        upstreams: std::mem::take(&mut scope.upstreams),
        maps,
        slot_count: scope.env.names.borrow().slot_count(),
    }
}

fn resolve_server(raw: RawServer, around: &Level, scope: &mut Scope<'_>) -> ServerOfListen {
    let level = around.with(&raw.level, scope);
    let children = raw.locations.into_iter().map(|raw| resolve_location(raw, &level, scope)).collect();
    let client_head = level.client_head.clone();
    let mut root = level.location(Matching::Server, children);
    root.steps = content::resolve_returns(&raw.level.returns, scope);
    let written_names = raw.names.iter().map(|name| (name.text.clone(), name.span)).collect();
    let (names, name) = server::resolve_names(raw.names);
    let mut listens = raw.listens;
    if listens.is_empty() {
        listens.push(server::default_listen(raw.span, scope.env.is_privileged));
    }
    let server = Server { names, name, client_head, root: Arc::new(root) };
    ServerOfListen { server: Arc::new(server), listens, written_names, span: raw.span }
}

fn resolve_location(mut raw: RawLocation, around: &Level, scope: &mut Scope<'_>) -> Arc<Location> {
    let level = around.with(&raw.level, scope);
    let pass = raw.proxy_pass.take().and_then(|pass| proxy::resolve_pass(&pass, &raw, scope));
    let steps = content::resolve_returns(&raw.level.returns, scope);
    if content::uses_root(&level.files.root) {
        scope.env.fault(Fault::new(raw.span, "\"root\" uses a variable that is made of it"));
    }
    let children = raw.children.into_iter().map(|raw| resolve_location(raw, &level, scope)).collect();
    let path: Box<[u8]> = raw.name.as_bytes().into();
    let matching = match raw.matching {
        RawMatching::Exact => Matching::Exact(path),
        RawMatching::Prefix => Matching::Prefix { path, wins_over_regex: false },
        RawMatching::PrefixBeforeRegex => Matching::Prefix { path, wins_over_regex: true },
        RawMatching::Regex(pattern) => Matching::Regex(pattern),
        RawMatching::Named => Matching::Named(raw.name.strip_prefix('@').unwrap_or(&raw.name).into()),
    };
    let mut location = level.location(matching, children);
    location.steps = steps;
    location.content = pass.map_or(Content::Files, Content::Proxy);
    location.internal = raw.internal.unwrap_or(false);
    Arc::new(location)
}
