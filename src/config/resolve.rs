//! Raw -> model: inheritance and defaults applied, names looked up.
//!
//! Each level is resolved over the one around it; what a level's directives mean is in their topic's file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::diagnostic::Fault;
use super::directives::access::{self, AccessParts};
use super::directives::added_fields::{self, AddedParts};
use super::directives::content::{self, Files};
use super::directives::gzip::{self, GzipParts};
use super::directives::real_ip::{self, RealIpParts};
use super::directives::ssi::{self, SsiParts};
use super::directives::stream::{self, StreamParts};
use super::directives::tls::TlsParts;
use super::directives::{
    charset, client, error_log, error_page, geo, limit, log, map, media_types, proxy, proxy_tls, rate, resolver,
    rewrite, server, tls, tunnel, upstream,
};
use super::listeners::{self, ServerOfListen};
use super::raw::{RawIf, RawLevel, RawLocation, RawMatching, RawServer, RawServing, RawStep};
use super::scope::Scope;
use crate::model::{
    AccessLog, Client, ClientHead, Content, ErrorLogId, ErrorPages, If, LimitExcept, Limits, Location, LogCacheId,
    Matching, MediaTypes, Protocol, Proxy, ResolverId, Server, Serving, Step, StreamAnswer, Template, TlsPeerId,
    Tunnel,
};

/// All settings of one level.
#[derive(Debug, Clone)]
struct Level {
    client: Client,
    client_head: ClientHead,
    proxy: Arc<Proxy>,
    tunnel: Arc<Tunnel>,
    access: AccessParts,
    limits: Arc<Limits>,
    real_ip: RealIpParts,
    access_logs: Arc<[AccessLog]>,
    log_cache: Option<LogCacheId>,
    error_log: Option<ErrorLogId>,
    added: AddedParts,
    gzip: GzipParts,
    charset: Template,
    charset_types: MediaTypes,
    ssi: SsiParts,
    tls: TlsParts,
    limit_rate: Template,
    limit_rate_after: Template,
    error_pages: ErrorPages,
    files: Files,
    internal: bool,
    rewrite_log: bool,
    uninitialized_variable_warn: bool,
    log_not_found: bool,
    log_subrequest: bool,
    resolver: Option<ResolverId>,
    resolver_timeout: Duration,
    stream: StreamParts,
}

impl Level {
    fn defaults(prefix: &Path, scope: &mut Scope<'_>) -> Self {
        let (mut proxy, mut tunnel) = (proxy::defaults(prefix), tunnel::defaults());
        let mut client_head = client::client_head_defaults();
        let mut real_ip = RealIpParts::default();
        if scope.protocol == Protocol::Stream {
            stream::set_defaults(&mut proxy, &mut tunnel);
            client_head.timeout = stream::HEADER_TIMEOUT;
            real_ip = RealIpParts::of_connections();
        }
        Self {
            client: client::client_defaults(prefix),
            client_head,
            proxy: Arc::new(proxy),
            tunnel: Arc::new(tunnel),
            access: AccessParts::default(),
            limits: Arc::default(),
            real_ip,
            access_logs: log::defaults(prefix, scope),
            log_cache: None,
            error_log: None,
            added: AddedParts::default(),
            gzip: GzipParts::default(),
            charset: Template::default(),
            charset_types: charset::types(),
            ssi: SsiParts::default(),
            tls: TlsParts::defaults(scope.protocol),
            limit_rate: Template::default(),
            limit_rate_after: Template::default(),
            error_pages: ErrorPages::default(),
            files: content::files_defaults(prefix),
            internal: false,
            rewrite_log: false,
            uninitialized_variable_warn: scope.protocol == Protocol::Http,
            log_not_found: true,
            log_subrequest: false,
            resolver: None,
            resolver_timeout: resolver::default_timeout(),
            stream: StreamParts::default(),
        }
    }

    /// The level inside this one.
    fn with(&self, raw: &RawLevel, scope: &mut Scope<'_>) -> Self {
        let client = client::resolve(&raw.client, &self.client);
        let proxy = proxy::resolve(&raw.proxy, &self.proxy, scope);
        let tunnel = tunnel::resolve(&raw.tunnel, &self.tunnel, &proxy, &client);
        Self {
            client_head: client::resolve_head(&raw.client_head, &self.client_head),
            tunnel: if tunnel == *self.tunnel { Arc::clone(&self.tunnel) } else { Arc::new(tunnel) },
            access: access::resolve(&raw.access, &self.access, scope),
            limits: limit::resolve(&raw.limits, &self.limits, scope),
            real_ip: real_ip::resolve(&raw.real_ip, &self.real_ip, scope),
            access_logs: log::resolve(&raw.logs, &self.access_logs, scope),
            log_cache: log::resolve_cache(&raw.logs, self.log_cache, scope),
            error_log: error_log::resolve(&raw.logs.error, self.error_log, scope),
            added: added_fields::resolve(&raw.added, &self.added, scope),
            gzip: gzip::resolve(&raw.gzip, &self.gzip),
            charset: charset::resolve(raw.charset.as_ref(), &self.charset, scope),
            charset_types: media_types::resolve(raw.charset_types.as_ref(), &self.charset_types),
            ssi: ssi::resolve(&raw.ssi, raw.subrequest_buffer_bytes, &self.ssi),
            tls: tls::resolve(&raw.tls, &self.tls),
            limit_rate: rate::resolve(raw.limit_rate.as_ref(), &self.limit_rate, scope),
            limit_rate_after: rate::resolve(raw.limit_rate_after.as_ref(), &self.limit_rate_after, scope),
            error_pages: error_page::resolve(raw, &self.error_pages, scope),
            files: content::resolve_files(&raw.files, &self.files, scope),
            internal: self.internal,
            rewrite_log: raw.rewrite_log.unwrap_or(self.rewrite_log),
            uninitialized_variable_warn: raw.uninitialized_variable_warn.unwrap_or(self.uninitialized_variable_warn),
            log_not_found: raw.log_not_found.unwrap_or(self.log_not_found),
            log_subrequest: raw.logs.subrequests.unwrap_or(self.log_subrequest),
            resolver: resolver::resolve(raw.resolver.as_ref(), self.resolver, scope),
            resolver_timeout: raw.resolver_timeout.unwrap_or(self.resolver_timeout),
            stream: stream::resolve(&raw.stream, &self.stream, scope),
            client,
            proxy,
        }
    }

    fn location(self, matching: Matching, children: Vec<Arc<Location>>) -> Location {
        let (access, real_ip) = (self.access.access(), self.real_ip.settings());
        Location {
            admits_all: access.is_open() && self.limits.are_none() && real_ip.is_none(),
            matching,
            children,
            steps: Vec::new(),
            if_blocks: Vec::new(),
            content: Content::Files,
            access,
            limits: self.limits,
            real_ip,
            client: self.client,
            proxy: self.proxy,
            tls_peer: None,
            tunnel: self.tunnel,
            access_logs: self.access_logs,
            log_cache: self.log_cache,
            error_log: self.error_log,
            added: self.added.fields,
            gzip: self.gzip.settings(),
            charset: self.charset,
            charset_types: self.charset_types,
            ssi: self.ssi.settings(),
            subrequest_buffer_bytes: self.ssi.subrequest_buffer_bytes,
            limit_rate: self.limit_rate,
            limit_rate_after: self.limit_rate_after,
            error_pages: self.error_pages,
            try_files: None,
            limit_except: None,
            root: self.files.root,
            alias: self.files.alias,
            index: self.files.index,
            default_type: self.files.default_type,
            types: self.files.types,
            internal: self.internal,
            rewrite_log: self.rewrite_log,
            uninitialized_variable_warn: self.uninitialized_variable_warn,
            log_not_found: self.log_not_found,
            log_subrequest: self.log_subrequest,
            resolver: self.resolver,
            resolver_timeout: self.resolver_timeout,
        }
    }
}

/// Adds the `http` or `stream` block to what is served.
pub fn block(mut raw: RawServing, scope: &mut Scope<'_>, serving: &mut Serving) {
    scope.enter(raw.protocol, std::mem::take(&mut raw.names));
    log::resolve_formats(&raw.log_formats, raw.span, scope);
    let resolver = resolver::resolve(raw.level.resolver.as_ref(), None, scope);
    let timeout = raw.level.resolver_timeout.unwrap_or_else(resolver::default_timeout);
    for group in &raw.upstreams {
        upstream::resolve(group, resolver, timeout, scope);
    }
    serving.maps.extend(raw.maps.into_iter().map(|raw| map::resolve(raw, scope)));
    serving.geos.extend(raw.geos.into_iter().map(|raw| geo::resolve(raw, scope)));
    serving.splits.extend(raw.splits.into_iter().map(|raw| geo::resolve_split(raw, scope)));
    serving.zones.extend(limit::resolve_zones(raw.zones, serving.zones.len(), scope));
    let prefix = scope.env.prefix.clone();
    let level = Level::defaults(&prefix, scope).with(&raw.level, scope);
    let servers: Vec<_> = match raw.protocol {
        Protocol::Http => raw.servers.into_iter().map(|raw| resolve_server(raw, &level, scope)).collect(),
        Protocol::Stream => {
            raw.servers.into_iter().filter_map(|raw| resolve_stream_server(raw, &level, scope)).collect()
        }
    };
    let listeners = listeners::resolve(servers, &serving.listeners, scope);
    serving.listeners.extend(listeners);
    serving.slots.extend(scope.env.names.borrow().slots());
    if raw.protocol == Protocol::Http {
        serving.variable_names = scope.env.names.borrow().all();
    }
}

/// What all blocks together have come to.
pub fn finish(scope: Scope<'_>, serving: &mut Serving) {
    let Scope {
        upstreams,
        resolvers,
        access_files,
        syslogs,
        log_caches,
        error_logs,
        tls_servers,
        tls_peers,
        charsets,
        ..
    } = scope;
    serving.upstreams = upstreams;
    serving.resolvers = resolvers.into_inner();
    serving.access_files = access_files;
    serving.syslogs = syslogs;
    serving.log_caches = log_caches;
    serving.error_logs = error_logs;
    serving.tls_servers = tls_servers;
    serving.charsets = charsets;
    serving.tls_peers = tls_peers;
}

fn resolve_stream_server(mut raw: RawServer, around: &Level, scope: &mut Scope<'_>) -> Option<ServerOfListen> {
    let mut level = around.with(&raw.level, scope);
    let stream = level.stream.server(&raw, scope)?;
    if raw.listens.is_empty() {
        let fault = Fault::new(raw.span, "no \"listen\" is defined for server");
        scope.env.fault(fault.help("as in `listen 5432;`"));
        return None;
    }
    level.tunnel = Arc::new(level.stream.tunnel(&level.tunnel));
    let mut steps = Steps { level: &level, content: &Content::Files, if_blocks: Vec::new() };
    let steps = steps.resolve(std::mem::take(&mut raw.level.steps), scope);
    let written_names = raw.names.iter().map(|name| (name.text.clone(), name.span)).collect();
    let (names, name) = server::resolve_names(raw.names);
    let client_head = level.client_head.clone();
    let tls = tls::of_virtual_server(&level.tls, scope);
    let verify_client = level.tls.verify_client();
    let mut root = level.location(Matching::Server, Vec::new());
    root.steps = steps;
    if stream.ssl && matches!(stream.answer, StreamAnswer::Pass(_)) {
        root.tls_peer = proxy_tls::of_location(&root.proxy, scope);
    }
    let server = Server { names, name, client_head, tls, verify_client, root: Arc::new(root), stream: Some(stream) };
    Some(ServerOfListen { server: Arc::new(server), listens: raw.listens, written_names, span: raw.span })
}

fn resolve_server(mut raw: RawServer, around: &Level, scope: &mut Scope<'_>) -> ServerOfListen {
    let level = around.with(&raw.level, scope);
    let mut steps = Steps { level: &level, content: &Content::Files, if_blocks: Vec::new() };
    let steps = steps.resolve(std::mem::take(&mut raw.level.steps), scope);
    let children = raw.locations.into_iter().map(|raw| resolve_location(raw, &level, scope)).collect();
    let client_head = level.client_head.clone();
    let tls = tls::of_virtual_server(&level.tls, scope);
    let verify_client = level.tls.verify_client();
    let mut root = level.location(Matching::Server, children);
    root.steps = steps;
    if raw.level.stub_status {
        root.content = Content::StubStatus;
    }
    root.try_files = raw.level.try_files.as_ref().map(|raw| Box::new(error_page::resolve_try_files(raw, scope)));
    let written_names = raw.names.iter().map(|name| (name.text.clone(), name.span)).collect();
    let (names, name) = server::resolve_names(raw.names);
    let mut listens = raw.listens;
    if listens.is_empty() {
        listens.push(server::default_listen(raw.span, scope.env.is_privileged));
    }
    let server = Server { names, name, client_head, tls, verify_client, root: Arc::new(root), stream: None };
    ServerOfListen { server: Arc::new(server), listens, written_names, span: raw.span }
}

fn resolve_location(mut raw: RawLocation, around: &Level, scope: &mut Scope<'_>) -> Arc<Location> {
    let mut level = around.with(&raw.level, scope);
    level.internal |= raw.internal.unwrap_or(false);
    let content = resolve_content(&mut raw, None, scope);
    let mut blocks = Steps { level: &level, content: &content, if_blocks: Vec::new() };
    let steps = blocks.resolve(std::mem::take(&mut raw.level.steps), scope);
    let if_blocks = blocks.if_blocks;
    let limit_except = raw.limit_except.take().map(|limit| LimitExcept {
        methods: limit.methods.iter().map(|name| name.as_bytes().into()).collect(),
        location: resolve_inner(limit.body, &level, &content, scope),
    });
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
        RawMatching::Inner => Matching::Inner,
    };
    let mut location = level.location(matching, children);
    location.steps = steps;
    location.if_blocks = if_blocks;
    location.try_files = raw.level.try_files.as_ref().map(|raw| Box::new(error_page::resolve_try_files(raw, scope)));
    location.limit_except = limit_except.map(Box::new);
    location.tls_peer = tls_peer(&content, &location.proxy, scope);
    location.content = content;
    Arc::new(location)
}

/// Who answers: what the block says, else what the location around it says.
fn resolve_content(raw: &mut RawLocation, around: Option<&Content>, scope: &mut Scope<'_>) -> Content {
    let pass = raw.proxy_pass.take().and_then(|pass| proxy::resolve_pass(&pass, raw, scope));
    let status = raw.level.stub_status.then_some(Content::StubStatus);
    pass.map(Content::Proxy).or(status).or_else(|| around.cloned()).unwrap_or(Content::Files)
}

/// How a location's `proxy_pass` speaks TLS, if it ever does.
fn tls_peer(content: &Content, proxy: &Proxy, scope: &mut Scope<'_>) -> Option<TlsPeerId> {
    match content {
        Content::Proxy(pass) if pass.may_want_tls() => proxy_tls::of_location(proxy, scope),
        Content::Proxy(_) | Content::Files | Content::StubStatus => None,
    }
}

/// The settings of an `if` or `limit_except` block. `try_files` and nested locations stay with the location around it.
fn resolve_inner(mut raw: RawLocation, around: &Level, content: &Content, scope: &mut Scope<'_>) -> Arc<Location> {
    let content = resolve_content(&mut raw, Some(content), scope);
    let mut location = around.with(&raw.level, scope).location(Matching::Inner, Vec::new());
    location.tls_peer = tls_peer(&content, &location.proxy, scope);
    location.content = content;
    Arc::new(location)
}

/// The steps of a level, and the settings of their `if` blocks.
struct Steps<'l> {
    level: &'l Level,
    content: &'l Content,
    if_blocks: Vec<Arc<Location>>,
}

impl Steps<'_> {
    fn resolve(&mut self, raw: Vec<RawStep>, scope: &mut Scope<'_>) -> Vec<Step> {
        raw.into_iter().filter_map(|step| self.step(step, scope)).collect()
    }

    fn step(&mut self, raw: RawStep, scope: &mut Scope<'_>) -> Option<Step> {
        Some(match raw {
            RawStep::Set { name, value } => Step::Set(rewrite::resolve_set(&name, &value, scope)?),
            RawStep::Rewrite(raw) => Step::Rewrite(rewrite::resolve_rewrite(raw, scope)),
            RawStep::Return(raw) => Step::Return(rewrite::resolve_return(&raw, scope)),
            RawStep::Break => Step::Break,
            RawStep::If(raw) => {
                let RawIf { condition, mut body, has_settings } = *raw;
                let condition = rewrite::resolve_condition(condition, scope);
                let steps = self.resolve(std::mem::take(&mut body.level.steps), scope);
                let block = has_settings.then_some(self.if_blocks.len());
                if has_settings {
                    self.if_blocks.push(resolve_inner(body, self.level, self.content, scope));
                }
                Step::If(Box::new(If { condition, steps, block }))
            }
        })
    }
}
