//! The `listen` lines of all servers -> one listener for each address.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::address::Host;
use super::diagnostic::Fault;
use super::directives::server::BACKLOG;
use super::raw::{RawListen, RawListenOptions, RawListenTarget};
use super::scope::{Scope, host_addresses};
use super::source::Span;
use crate::model::{ListenAddress, Listener, Protocol, Server};

/// A server with the lines that say where it is reached.
pub struct ServerOfListen {
    pub server: Arc<Server>,
    pub listens: Vec<RawListen>,
    /// `server_name` as written, for messages.
    pub written_names: Vec<(String, Span)>,
    pub span: Span,
}

/// A listener while its servers are gathered.
struct Draft {
    address: ListenAddress,
    options: RawListenOptions,
    options_span: Option<Span>,
    /// One of the lines of the address asks for it.
    proxy_protocol: bool,
    ssl: bool,
    /// Index into `servers`, and where it was asked for.
    default_server: Option<(usize, Span)>,
    /// Indices into all servers.
    servers: Vec<usize>,
}

/// The listeners of a block, in the order in which their addresses first appear. `others` are those of another block.
pub fn resolve(servers: Vec<ServerOfListen>, others: &[Listener], scope: &Scope<'_>) -> Vec<Listener> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut by_address: HashMap<ListenAddress, usize> = HashMap::new();
    for (number, server) in servers.iter().enumerate() {
        for listen in &server.listens {
            for address in addresses(listen, scope) {
                let at = *by_address.entry(address.clone()).or_insert_with(|| {
                    drafts.push(Draft {
                        address,
                        options: RawListenOptions::default(),
                        options_span: None,
                        proxy_protocol: false,
                        ssl: false,
                        default_server: None,
                        servers: Vec::new(),
                    });
                    drafts.len() - 1
                });
                if others.iter().any(|other| other.address == drafts[at].address) {
                    scope.env.fault(listened_already(&drafts[at].address, listen));
                    return Vec::new();
                }
                if let Err(fault) = add(&mut drafts[at], number, listen) {
                    scope.env.fault(fault);
                }
            }
        }
    }
    for draft in &drafts {
        warn_of_conflicts(draft, &servers, scope);
        check_certificates(draft, &servers, scope);
        warn_of_deferred(draft, scope);
    }
    drafts.into_iter().map(|draft| listener(draft, &servers, scope.protocol)).collect()
}

fn add(draft: &mut Draft, number: usize, listen: &RawListen) -> Result<(), Fault> {
    let address = &draft.address;
    if draft.servers.contains(&number) {
        let fault = Fault::new(listen.span, format!("a duplicate listen {address}"));
        return Err(fault.help("a server names an address once"));
    }
    draft.servers.push(number);
    draft.proxy_protocol |= listen.is_proxy_protocol;
    draft.ssl |= listen.is_ssl;
    if listen.options.is_set {
        if let Some(earlier) = draft.options_span {
            let fault = Fault::new(listen.span, format!("duplicate listen options for {address}"));
            return Err(fault
                .also(earlier, "the first ones")
                .help("options of a socket stand in one `listen` line of its address"));
        }
        draft.options = listen.options.clone();
        draft.options_span = Some(listen.span);
    }
    if listen.is_default {
        if let Some((_, earlier)) = draft.default_server {
            let fault = Fault::new(listen.span, format!("a duplicate default server for {address}"));
            return Err(fault.also(earlier, "the first one"));
        }
        draft.default_server = Some((draft.servers.len() - 1, listen.span));
    }
    Ok(())
}

/// The addresses of a `listen` line: one for each port of a range, and for each address of a name.
fn addresses(listen: &RawListen, scope: &Scope<'_>) -> Vec<ListenAddress> {
    let (ips, ports) = match &listen.target {
        RawListenTarget::Unix(path) => return vec![ListenAddress::Unix(path.clone())],
        RawListenTarget::Ip { ip, ports } => (vec![*ip], *ports),
        RawListenTarget::Name { name, ports } => {
            let host = Host { name: name.clone(), port: None };
            match host_addresses(scope.resolver, &host, ports.0) {
                Ok(found) => (found.into_iter().map(|address| address.ip()).collect(), *ports),
                Err(why) => {
                    let message = format!("host not found in \"{}\" of the \"listen\" directive", listen.text);
                    scope.env.fault(Fault::new(listen.span, message).label(why));
                    return Vec::new();
                }
            }
        }
    };
    let ports = ports.0..=ports.1;
    ips.iter().flat_map(|ip| ports.clone().map(|port| ListenAddress::Ip(SocketAddr::new(*ip, port)))).collect()
}

/// The first server with a name keeps it.
fn warn_of_conflicts(draft: &Draft, servers: &[ServerOfListen], scope: &Scope<'_>) {
    let unnamed = |server: &ServerOfListen| vec![(String::new(), server.span)];
    let mut seen = HashSet::new();
    for number in &draft.servers {
        let server = &servers[*number];
        let names = if server.written_names.is_empty() { unnamed(server) } else { server.written_names.clone() };
        for (name, span) in names {
            if name.starts_with('~') || seen.insert(name.clone()) {
                continue;
            }
            let message = format!("conflicting server name \"{name}\" on {}, ignored", draft.address);
            scope.env.warn(Fault::new(span, message).help("the first server with that name answers"));
        }
    }
}

/// nginx tries, and says when it starts that this failed.
fn warn_of_deferred(draft: &Draft, scope: &Scope<'_>) {
    if let (ListenAddress::Unix(_), true, Some(span)) = (&draft.address, draft.options.deferred, draft.options_span) {
        let message = format!("\"deferred\" changes nothing for {}", draft.address);
        scope.env.warn(Fault::new(span, message).help("a unix socket gives out connections at once: remove the word"));
    }
}

/// One socket cannot serve two protocols; nginx finds that out when it binds.
fn listened_already(address: &ListenAddress, listen: &RawListen) -> Fault {
    let fault = Fault::new(listen.span, format!("bind() to {address} failed (98: Address already in use)"));
    fault.help("a server of the other of `http` and `stream` listens on the address")
}

/// A listener with `ssl` has something to show, or refuses all that it has nothing to show for.
fn check_certificates(draft: &Draft, servers: &[ServerOfListen], scope: &Scope<'_>) {
    let has = |server: &&ServerOfListen| server.server.tls.is_some();
    let default = &servers[draft.servers[draft.default_server.map_or(0, |(at, _)| at)]];
    let settings = default.server.tls.and_then(|id| scope.tls_servers.get(usize::from(id.0)));
    let lacking = match settings {
        None => Some(default),
        // The default server's certificate is shown for those that have none.
        Some(settings) if !settings.reject_handshake => None,
        Some(_) => draft.servers.iter().map(|number| &servers[*number]).find(|server| !has(server)),
    };
    if let (true, Some(server)) = (draft.ssl && scope.env.faults.borrow().is_empty(), lacking) {
        let message = "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive";
        let help = "add `ssl_certificate` and `ssl_certificate_key`, or `ssl_reject_handshake on;`";
        scope.env.fault(Fault::new(server.span, message).help(help));
    }
}

fn listener(draft: Draft, servers: &[ServerOfListen], protocol: Protocol) -> Listener {
    Listener {
        protocol,
        address: draft.address,
        backlog: draft.options.backlog.unwrap_or(BACKLOG),
        deferred: draft.options.deferred,
        ipv6only: draft.options.ipv6only.unwrap_or(true),
        keepalive: draft.options.keepalive,
        receive_buffer_bytes: draft.options.receive_buffer_bytes,
        send_buffer_bytes: draft.options.send_buffer_bytes,
        proxy_protocol: draft.proxy_protocol,
        ssl: draft.ssl,
        servers: draft.servers.iter().map(|number| Arc::clone(&servers[*number].server)).collect(),
        default_server: draft.default_server.map_or(0, |(at, _)| at),
    }
}
