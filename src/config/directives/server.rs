//! `server`, `listen` and `server_name`.

use std::net::{IpAddr, Ipv4Addr};

use crate::config::address::{self, Listen};
use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawListen, RawListenOptions, RawListenTarget, RawServer, RawServerName};
use crate::config::source::Span;
use crate::config::table::*;
use crate::config::value;
use crate::model::{Keepalive, ServerName};

pub const TABLE: &[Directive] = &[
    supported("server", HTTP | STREAM, block(NO_ARGS), Setter::Block(Block::Server), "A virtual server."),
    supported(
        "listen",
        SERVER,
        ONE_OR_MORE,
        Setter::Server(listen),
        "An address, port or `unix:` path; `default_server`, `backlog=`, `deferred`, `reuseport`, `ssl`, `so_keepalive=`, `ipv6only=`, \
         `proxy_protocol`, `rcvbuf=`, `sndbuf=`, `bind` (`*:80`, or `*:8000` without privileges).",
    ),
    supported(
        "server_name",
        SERVER | STREAM_SERVER,
        ONE_OR_MORE,
        Setter::Server(server_name),
        "Hosts of the server: names, `*.` and `.*` wildcards, `~` expressions (`\"\"`).",
    ),
];

pub fn listen(server: &mut RawServer, line: &Line) -> Recorded {
    let word = line.arg(0);
    let target = address::listen(&word.text).map_err(|words| {
        let fault = Fault::new(word.span, format!("{words} in \"{}\" of the \"listen\" directive", word.text));
        fault.help("a port, an address with port or a socket: `80`, `127.0.0.1:80`, `[::]:80`, `unix:/run/l.sock`")
    })?;
    let mut listen = RawListen {
        span: line.span(),
        text: word.text.clone(),
        target: match target {
            Listen::Unix(path) => RawListenTarget::Unix(path),
            Listen::Ip { ip, ports } => RawListenTarget::Ip { ip, ports },
            Listen::Name { name, ports } => RawListenTarget::Name { name, ports },
        },
        is_default: false,
        is_proxy_protocol: false,
        is_ssl: false,
        options: RawListenOptions::default(),
    };
    for word in &line.args()[1..] {
        listen_parameter(&mut listen, word, line)?;
    }
    server.listens.push(listen);
    Ok(())
}

fn listen_parameter(listen: &mut RawListen, word: &Word, line: &Line) -> Recorded {
    let invalid = |what: &str| Fault::new(word.span, format!("invalid {what} \"{}\"", word.text));
    let later = |help: &str| {
        let message = format!("the \"{}\" parameter of \"listen\" is not supported yet", word.text);
        Err(Fault::new(word.span, message).help(help))
    };
    let bytes = |text: &str| value::size(text).and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes > 0);
    let options = &mut listen.options;
    let (name, text) = match word.text.split_once('=') {
        Some((name, text)) => (name, Some(text)),
        None => (word.text.as_str(), None),
    };
    match (name, text) {
        ("default_server" | "default", None) => {
            listen.is_default = true;
            return Ok(());
        }
        ("deferred", None) => options.deferred = true,
        ("bind" | "reuseport" | "multipath", None) | ("fastopen" | "setfib" | "accept_filter", Some(_)) => {}
        ("backlog", Some(text)) => {
            let backlog = value::number(text).filter(|backlog| (1..=i32::MAX as u64).contains(backlog));
            let backlog = backlog.and_then(|backlog| u32::try_from(backlog).ok());
            options.backlog = Some(backlog.ok_or_else(|| invalid("backlog").help(value::NUMBER_HELP))?);
        }
        ("rcvbuf", Some(text)) => {
            options.receive_buffer_bytes = Some(bytes(text).ok_or_else(|| invalid("rcvbuf").help(value::SIZE_HELP))?);
        }
        ("sndbuf", Some(text)) => {
            options.send_buffer_bytes = Some(bytes(text).ok_or_else(|| invalid("sndbuf").help(value::SIZE_HELP))?);
        }
        // On an IPv4 address nginx takes it and it means nothing.
        ("ipv6only", Some("on")) => options.ipv6only = Some(true),
        ("ipv6only", Some("off")) => options.ipv6only = Some(false),
        ("ipv6only", Some(_)) => return Err(line.invalid_parameter(word).help("`ipv6only=on` or `ipv6only=off`")),
        ("so_keepalive", Some(text)) => {
            options.keepalive = Some(keepalive(text).ok_or_else(|| {
                Fault::new(word.span, format!("invalid so_keepalive value: \"{text}\""))
                    .help("`on`, `off` or idle:interval:count, as in `so_keepalive=30m::10`")
            })?)
        }
        ("ssl", None) => {
            listen.is_ssl = true;
            return Ok(());
        }
        ("http2" | "spdy", None) => return later("HTTP/2 comes with a later version: remove the parameter"),
        ("quic", None) => return later("HTTP/3 is not there: remove the line"),
        ("proxy_protocol", None) => {
            listen.is_proxy_protocol = true;
            return Ok(());
        }
        _ => return Err(line.invalid_parameter(word)),
    }
    options.is_set = true;
    Ok(())
}

/// `on`, `off` or `idle:interval:count`, each part optional.
fn keepalive(text: &str) -> Option<Keepalive> {
    match text {
        "on" => return Some(Keepalive::On { idle: None, interval: None, count: None }),
        "off" => return Some(Keepalive::Off),
        _ => {}
    }
    let parts: Vec<&str> = text.split(':').collect();
    let [idle, interval, count] = parts.as_slice() else { return None };
    if parts.iter().all(|part| part.is_empty()) {
        return None;
    }
    let seconds = |text: &str| match text {
        "" => Some(None),
        text => value::time_seconds(text).filter(|time| !time.is_zero()).map(Some),
    };
    let count = match *count {
        "" => None,
        text => Some(value::number(text).and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0)?),
    };
    Some(Keepalive::On { idle: seconds(idle)?, interval: seconds(interval)?, count })
}

/// What a server without `listen` listens on.
#[must_use]
pub fn default_listen(span: Span, is_privileged: bool) -> RawListen {
    let port = if is_privileged { 80 } else { 8000 };
    RawListen {
        span,
        text: format!("*:{port}"),
        target: RawListenTarget::Ip { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), ports: (port, port) },
        is_default: false,
        is_proxy_protocol: false,
        is_ssl: false,
        options: RawListenOptions::default(),
    }
}

fn server_name(server: &mut RawServer, line: &Line) -> Recorded {
    for word in line.args() {
        let name = one_name(word, line)?;
        server.names.push(name);
    }
    Ok(())
}

fn one_name(word: &Word, line: &Line) -> Result<RawServerName, Fault> {
    let text = word.text.as_str();
    let starred = text.starts_with('*') && (text.len() < 3 || !text.starts_with("*."));
    if starred || text == "." {
        return Err(Fault::new(word.span, format!("server name \"{text}\" is invalid")));
    }
    if text.contains('/') && !text.starts_with('~') {
        line.env.warn(Fault::new(word.span, format!("server name \"{text}\" has suspicious symbols")));
    }
    if text == "$hostname" {
        return Ok(RawServerName { span: word.span, text: line.env.hostname.to_lowercase(), pattern: None });
    }
    let Some(expression) = text.strip_prefix('~') else {
        let lower = text.to_lowercase();
        let inner = lower.strip_prefix("*.").or_else(|| lower.strip_suffix(".*")).unwrap_or(&lower);
        if inner.contains('*') {
            let message = format!("invalid server name or wildcard \"{text}\"");
            let fault = Fault::new(word.span, message);
            return Err(fault.help("`*` stands only for the first or the last part, as in `*.example.com`"));
        }
        return Ok(RawServerName { span: word.span, text: lower, pattern: None });
    };
    if expression.is_empty() {
        return Err(Fault::new(word.span, format!("empty regex in server name \"{text}\"")));
    }
    // Hosts are lower case: an expression with capitals could never match.
    let ignores_case = expression.bytes().any(|byte| byte.is_ascii_uppercase());
    let pattern = line.env.names.borrow_mut().pattern(expression, ignores_case, word.span)?;
    Ok(RawServerName { span: word.span, text: text.to_owned(), pattern: Some(pattern) })
}

/// The names of a server, and the first of them as `$server_name` shows it.
#[must_use]
pub fn resolve_names(raw: Vec<RawServerName>) -> (Vec<ServerName>, Box<str>) {
    let first = raw.first().map_or("", |name| name.text.strip_prefix('.').unwrap_or(&name.text));
    let first: Box<str> = first.into();
    let one = |name: RawServerName| {
        let text = name.text.as_str();
        if let Some(pattern) = name.pattern {
            ServerName::Regex(pattern)
        } else if let Some(rest) = text.strip_prefix("*.") {
            ServerName::Suffix(rest.into())
        } else if let Some(rest) = text.strip_prefix('.') {
            ServerName::SuffixOrSelf(rest.into())
        } else if let Some(rest) = text.strip_suffix(".*") {
            ServerName::Prefix(rest.into())
        } else {
            ServerName::Exact(text.into())
        }
    };
    let mut names: Vec<ServerName> = raw.into_iter().map(one).collect();
    if names.is_empty() {
        names.push(ServerName::Exact("".into()));
    }
    (names, first)
}

/// nginx's length of the queue of a listening socket.
pub const BACKLOG: u32 = 511;
