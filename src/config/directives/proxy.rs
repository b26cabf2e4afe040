//! `proxy_pass` and the directives that act on it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::added_fields::field;
use super::{buffering, proxy_answer, proxy_request, proxy_tls, tunnel};
use crate::config::address::{self, Address};
use crate::config::diagnostic::{Fault, nearest};
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawLevel, RawLocation, RawMatching, RawProxy, RawProxyPass, RawSetHeader};
use crate::config::scope::Scope;
use crate::config::source::Span;
use crate::config::table::*;
use crate::config::value;
use crate::model::{
    Balance, Destination, OwnRedirect, Peer, Proxy, ProxyPass, ProxyRequest, Scheme, SetHeader, Template, Upstream,
    UpstreamId, UpstreamKeepalive,
};

pub const TABLE: &[Directive] = &[
    supported(
        "proxy_pass",
        LOCATION | IF_IN_LOCATION | LIMIT_EXCEPT,
        ONE,
        Setter::Location(proxy_pass),
        "Passes requests on to a group, a host or a unix socket; WebSocket upgrades need nothing else.",
    ),
    level("proxy_http_version", ONE, http_version, "HTTP version towards peers (1.1)."),
    level(
        "proxy_set_header",
        TWO,
        set_header,
        "Sets a field towards peers; an empty value removes it. Inherited only by levels that have none.",
    ),
    level_time(
        "proxy_connect_timeout",
        |level| &mut level.proxy.connect_timeout,
        "How long connecting to a peer may take (60s).",
    )
    .also(STREAM_LEVELS),
    level(
        "proxy_read_timeout",
        ONE,
        |level, line| tunnel::shared_time(&mut level.proxy.read_timeout, line),
        "Longest pause of an answer (60s); acts on tunnels only when it is written.",
    ),
    level(
        "proxy_send_timeout",
        ONE,
        |level, line| tunnel::shared_time(&mut level.proxy.send_timeout, line),
        "How long a peer may take nothing while bytes wait for it (60s); acts on tunnels only when it is written, and there \
         begins anew with whatever either side sends.",
    ),
    level("proxy_buffer_size", ONE, buffer_size, "Largest head of an answer (4k)."),
    level_flag(
        "proxy_intercept_errors",
        |level| &mut level.proxy.intercept_errors,
        "Answers from 300 on give way to the `error_page` for their status (off).",
    ),
];

fn proxy_pass(location: &mut RawLocation, line: &Line) -> Recorded {
    line.once(&mut location.proxy_pass, |line| {
        let word = line.arg(0);
        let help = "write the scheme, as in `proxy_pass http://127.0.0.1:8080;`";
        let begins_with_variable = word.text.starts_with('$');
        let secured = word.text.strip_prefix("https://").map(|rest| (Scheme::Https, rest));
        match secured.or_else(|| Some((Scheme::Http, word.text.strip_prefix("http://")?))) {
            Some((_, "")) => Err(Fault::new(word.span, "no host in upstream \"\"").help(help)),
            Some((scheme, rest)) => {
                Ok(RawProxyPass { scheme, target: Word { text: rest.to_owned(), span: word.span } })
            }
            None if begins_with_variable => Ok(RawProxyPass { scheme: Scheme::Http, target: word.clone() }),
            None => Err(Fault::new(word.span, "invalid URL prefix").help(help)),
        }
    })
}

fn http_version(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.http_1_0, |line| {
        let word = line.arg(0);
        match word.text.as_str() {
            "1.0" => Ok(true),
            "1.1" => Ok(false),
            "2" => {
                let fault = Fault::new(word.span, "HTTP/2 towards peers is not supported yet");
                Err(fault.help("use `proxy_http_version 1.1;` or remove the line"))
            }
            _ => Err(line.unknown_value(word).help("`1.0` or `1.1`")),
        }
    })
}

fn set_header(level: &mut RawLevel, line: &Line) -> Recorded {
    let (name, value) = field(line)?;
    level.proxy.set_headers.push(RawSetHeader { name, value });
    Ok(())
}

fn buffer_size(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.buffer_size, |line| match line.size_at(0)? {
        0 => Err(line.invalid_value(line.arg(0)).help(value::SIZE_HELP)),
        bytes => Ok(bytes),
    })
}

/// nginx's defaults.
#[must_use]
pub fn defaults(prefix: &Path) -> Proxy {
    Proxy {
        http_1_0: false,
        set_headers: Vec::new(),
        connect_timeout: Duration::from_secs(60),
        read_timeout: Duration::from_secs(60),
        send_timeout: Duration::from_secs(60),
        read_timeout_is_explicit: false,
        send_timeout_is_explicit: false,
        intercept_errors: false,
        buffer_bytes: 4 << 10,
        buffering: buffering::defaults(prefix),
        request: ProxyRequest::default(),
        answer: proxy_answer::defaults(),
        next_upstream: proxy_request::retry_defaults(),
        ssl: proxy_tls::defaults(),
        ssl_name: None,
    }
}

/// A level's settings over those around it.
pub fn resolve(raw: &RawProxy, around: &Arc<Proxy>, scope: &Scope<'_>) -> Arc<Proxy> {
    let is_empty = raw.set_headers.is_empty()
        && raw.http_1_0.is_none()
        && raw.connect_timeout.is_none()
        && raw.read_timeout.is_none()
        && raw.send_timeout.is_none()
        && raw.intercept_errors.is_none()
        && raw.buffer_size.is_none()
        && raw.buffering.is_empty()
        && raw.request.is_empty()
        && raw.answer.is_empty()
        && raw.next_upstream.is_empty()
        && raw.ssl.is_empty();
    if is_empty {
        return Arc::clone(around);
    }
    let one = |given: &RawSetHeader| SetHeader {
        name: given.name.text.as_bytes().into(),
        value: scope.template(&given.value),
    };
    let set_headers = match raw.set_headers.as_slice() {
        [] => around.set_headers.clone(),
        own => own.iter().map(one).collect(),
    };
    let buffer_bytes = raw.buffer_size.unwrap_or(around.buffer_bytes);
    Arc::new(Proxy {
        http_1_0: raw.http_1_0.unwrap_or(around.http_1_0),
        set_headers,
        connect_timeout: raw.connect_timeout.unwrap_or(around.connect_timeout),
        read_timeout: raw.read_timeout.unwrap_or(around.read_timeout),
        send_timeout: raw.send_timeout.unwrap_or(around.send_timeout),
        read_timeout_is_explicit: raw.read_timeout.is_some() || around.read_timeout_is_explicit,
        send_timeout_is_explicit: raw.send_timeout.is_some() || around.send_timeout_is_explicit,
        intercept_errors: raw.intercept_errors.unwrap_or(around.intercept_errors),
        buffer_bytes,
        buffering: buffering::resolve(&raw.buffering, &around.buffering, buffer_bytes, scope),
        request: proxy_request::resolve(&raw.request, &around.request, scope),
        next_upstream: proxy_request::resolve_retry(&raw.next_upstream, &around.next_upstream),
        answer: proxy_answer::resolve(&raw.answer, &around.answer, scope),
        ssl: proxy_tls::resolve(&raw.ssl, &around.ssl, scope),
        ssl_name: match &raw.ssl.name {
            Some(word) => Some(scope.template(word)),
            None => around.ssl_name.clone(),
        },
    })
}

/// The `proxy_pass` of a location.
pub fn resolve_pass(raw: &RawProxyPass, location: &RawLocation, scope: &mut Scope<'_>) -> Option<ProxyPass> {
    let target = &raw.target;
    if target.text.contains('$') {
        let template = scope.template(target);
        let destination = Destination::Evaluated(template);
        return Some(ProxyPass { scheme: raw.scheme, destination, uri: None, replaces_bytes: 0, redirect: None });
    }
    match static_pass(raw, location, scope) {
        Ok(pass) => Some(pass),
        Err(fault) => {
            scope.env.fault(fault);
            None
        }
    }
}

fn static_pass(raw: &RawProxyPass, location: &RawLocation, scope: &mut Scope<'_>) -> Result<ProxyPass, Fault> {
    let RawProxyPass { scheme, target } = raw;
    let default_port = scheme.port();
    let (authority, uri) = address::split_uri(&target.text);
    let (name, replaces_bytes) = match &location.matching {
        RawMatching::Exact | RawMatching::Prefix | RawMatching::PrefixBeforeRegex => (None, location.name.len()),
        RawMatching::Regex(_) | RawMatching::Named | RawMatching::Inner => (Some(&location.name), 0),
    };
    if name.is_some() && !uri.is_empty() {
        let message = "\"proxy_pass\" cannot have URI part in location given by regular expression, \
                       or inside named location, or inside \"if\" statement, or inside \"limit_except\" block";
        return Err(
            Fault::new(target.span, message).help(format!("write `proxy_pass {}{authority};`", scheme.prefix()))
        );
    }
    let mut address = address::peer(authority)
        .map_err(|words| Fault::new(target.span, format!("{words} in upstream \"{}\"", target.text)))?;
    if let Address::Inet(host) = &mut address
        && *scheme == Scheme::Https
        && !scope.is_block(&host.name)
    {
        host.port.get_or_insert(default_port);
    }
    let (host, port) = match &address {
        Address::Unix(_) => ("localhost".to_owned(), String::new()),
        Address::Inet(host) => {
            let port = host.port.unwrap_or(default_port);
            let is_default = port == default_port;
            let text = if is_default { host.name.clone() } else { format!("{}:{port}", host.name) };
            (text, port.to_string())
        }
    };
    let upstream = group(&address, authority, target.span, scope)?;
    Ok(ProxyPass {
        scheme: *scheme,
        destination: Destination::Group { upstream, host: host.into(), port: port.into() },
        // nginx passes `?args` without a path as they are; a path is what a request needs.
        uri: match uri {
            "" => None,
            uri if uri.starts_with('?') => Some(Template::text(format!("/{uri}").as_bytes())),
            uri => Some(Template::text(uri.as_bytes())),
        },
        replaces_bytes,
        redirect: Some(default_redirect(&format!("{}{}", scheme.prefix(), target.text), uri, location)),
    })
}

/// `proxy_redirect default`: a URI part stands for the location, a bare address for the root.
fn default_redirect(target: &str, uri: &str, location: &RawLocation) -> OwnRedirect {
    if uri.is_empty() {
        let begin = format!("{target}/").into_bytes().into();
        return OwnRedirect { begin, replacement: b"/".as_slice().into() };
    }
    let path = match &location.matching {
        RawMatching::Exact | RawMatching::Prefix | RawMatching::PrefixBeforeRegex => location.name.as_bytes(),
        RawMatching::Regex(_) | RawMatching::Named | RawMatching::Inner => b"",
    };
    OwnRedirect { begin: target.as_bytes().into(), replacement: path.into() }
}

/// The group of that name, or one made of the addresses of the host.
pub fn group(address: &Address, authority: &str, span: Span, scope: &mut Scope<'_>) -> Result<UpstreamId, Fault> {
    let key = match address {
        Address::Unix(_) => authority.to_owned(),
        Address::Inet(host) => {
            let name = host.name.to_ascii_lowercase();
            if let Some(id) = scope.upstream_ids.get(&name).copied()
                && scope.upstreams[usize::from(id.0)].is_block
            {
                return match host.port {
                    None => Ok(id),
                    Some(port) => {
                        let message = format!("upstream \"{}\" may not have port {port}", host.name);
                        Err(Fault::new(span, message).help("the ports stand in the `server` lines of the group"))
                    }
                };
            }
            format!("{name}:{}", scope.port(host, authority, span)?)
        }
    };
    if let Some(id) = scope.upstream_ids.get(&key) {
        return Ok(*id);
    }
    let addresses = scope.addresses(address, authority, span).map_err(|fault| {
        let blocks = scope.upstreams.iter().filter(|group| group.is_block).map(|group| &*group.name);
        match nearest(authority, blocks) {
            Some(name) => fault.help(format!("did you mean the upstream `{name}`?")),
            None => fault,
        }
    })?;
    let peers = addresses.into_iter().map(|(address, name)| Peer {
        address,
        name: name.into(),
        weight: 1,
        max_fails: 1,
        fail_timeout: Duration::from_secs(10),
        max_conns: 0,
        down: false,
    });
    let upstream = Upstream {
        name: authority.into(),
        protocol: scope.protocol,
        is_block: false,
        balance: Balance::RoundRobin,
        peers: peers.collect(),
        backups: Vec::new(),
        followed: Vec::new(),
        keepalive: keepalive_defaults(),
    };
    scope.add_upstream(key, upstream, span)
}

/// nginx's defaults, on for all groups.
#[must_use]
pub fn keepalive_defaults() -> UpstreamKeepalive {
    UpstreamKeepalive {
        connections: 32,
        requests: 1000,
        time: Duration::from_secs(3600),
        timeout: Duration::from_secs(60),
    }
}
