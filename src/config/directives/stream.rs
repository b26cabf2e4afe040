//! `stream`: servers that pass connections on as they are. What `http` has too stands with its topic.

use std::time::Duration;

use super::{proxy, rate, server, tunnel};
use crate::config::address;
use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::names::has_variables;
use crate::config::raw::{RawLevel, RawServer, RawStream};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{Destination, Proxy, Stream, StreamAnswer, Template, Tunnel};

pub const TABLE: &[Directive] = &[
    supported(
        "listen",
        STREAM_SERVER,
        ONE_OR_MORE,
        Setter::Server(listen),
        "An address with port or a `unix:` path, with the parameters that `http` knows, `ssl` among them; TCP alone.",
    ),
    supported(
        "proxy_pass",
        STREAM_SERVER,
        ONE,
        Setter::Server(|server, line| line.once(&mut server.stream_pass, |line| Ok(line.arg(0).clone()))),
        "Passes connections on to a group, an address with port or a unix socket; variables may say which.",
    ),
    supported(
        "return",
        STREAM_SERVER,
        ONE,
        Setter::Server(|server, line| line.once(&mut server.stream_return, |line| Ok(line.arg(0).clone()))),
        "Sends a text and closes.",
    ),
    supported(
        "proxy_timeout",
        STREAM_LEVELS,
        ONE,
        Setter::Level(|level, line| tunnel::shared_time(&mut level.stream.timeout, line)),
        "Ends a connection on which neither side has sent anything for so long (10m).",
    ),
    supported(
        "proxy_half_close",
        STREAM_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut level.stream.half_close),
        "The end of one side is passed on, and the other may go on; else it is the end of both (off).",
    ),
    supported(
        "proxy_protocol",
        STREAM_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut level.stream.proxy_protocol),
        "Tells the peer in a header of the PROXY protocol who the client is (off).",
    ),
    supported(
        "proxy_upload_rate",
        STREAM_LEVELS,
        ONE,
        Setter::Level(|level, line| line.once(&mut level.stream.upload_rate, rate::size)),
        "Bytes a second that are read from a client (0, no limit): such a connection has a task, and memory.",
    ),
    supported(
        "proxy_download_rate",
        STREAM_LEVELS,
        ONE,
        Setter::Level(|level, line| line.once(&mut level.stream.download_rate, rate::size)),
        "The same for its peer.",
    ),
    supported(
        "proxy_next_upstream",
        STREAM_LEVELS,
        FLAG,
        Setter::Level(next_upstream),
        "Another peer is tried when one cannot be connected (on).",
    ),
    supported(
        "proxy_protocol_timeout",
        STREAM_LEVELS,
        ONE,
        Setter::Time(|level| &mut level.client_head.timeout),
        "How long the header of the PROXY protocol may take that `listen` asks for (30s).",
    ),
];

/// nginx's default of `proxy_protocol_timeout`.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

fn listen(server: &mut RawServer, line: &Line) -> Recorded {
    for word in &line.args()[1..] {
        match word.text.as_str() {
            "udp" => {
                let message = "the \"udp\" parameter of \"listen\" is refused: UDP is not built";
                return Err(Fault::new(word.span, message).help("keep the server in an nginx beside longhaul"));
            }
            "http2" | "spdy" | "quic" => return Err(line.invalid_parameter(word)),
            _ => {}
        }
    }
    let word = line.arg(0);
    let behind_brackets = word.text.rsplit(']').next().unwrap_or_default();
    let is_port = word.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if !behind_brackets.contains(':') && !is_port {
        let message = format!("no port in \"{}\" of the \"listen\" directive", word.text);
        return Err(Fault::new(word.span, message).help("as in `127.0.0.1:5432`: only `http` has a port of its own"));
    }
    server::listen(server, line)
}

/// `on` and `off` are the words of `http` that are about connecting.
fn next_upstream(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.next_upstream.on, |line| {
        let is_on = line.arg(0).text.eq_ignore_ascii_case("on");
        Ok(if is_on { vec!["error".to_owned(), "timeout".to_owned()] } else { Vec::new() })
    })
}

/// What acts in `stream` alone.
#[derive(Debug, Clone)]
pub struct StreamParts {
    timeout: Duration,
    half_close: bool,
    proxy_protocol: bool,
    upload_rate: Template,
    download_rate: Template,
    handshake_timeout: Duration,
    ssl: bool,
}

impl Default for StreamParts {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(600),
            half_close: false,
            proxy_protocol: false,
            upload_rate: Template::default(),
            download_rate: Template::default(),
            handshake_timeout: Duration::from_secs(60),
            ssl: false,
        }
    }
}

/// A level's settings over those around it.
pub fn resolve(raw: &RawStream, around: &StreamParts, scope: &Scope<'_>) -> StreamParts {
    StreamParts {
        timeout: raw.timeout.unwrap_or(around.timeout),
        half_close: raw.half_close.unwrap_or(around.half_close),
        proxy_protocol: raw.proxy_protocol.unwrap_or(around.proxy_protocol),
        upload_rate: rate::resolve(raw.upload_rate.as_ref(), &around.upload_rate, scope),
        download_rate: rate::resolve(raw.download_rate.as_ref(), &around.download_rate, scope),
        handshake_timeout: raw.handshake_timeout.unwrap_or(around.handshake_timeout),
        ssl: raw.ssl.unwrap_or(around.ssl),
    }
}

impl StreamParts {
    /// What acts on the tunnels of a server: of that which `http` says of tunnels only what is no word of HTTP.
    #[must_use]
    pub fn tunnel(&self, level: &Tunnel) -> Tunnel {
        Tunnel {
            timeout: Some(self.timeout).filter(|timeout| !timeout.is_zero()),
            lifetime: level.lifetime,
            drain: level.drain,
            keepalive: level.keepalive,
            ends_with_either: !self.half_close,
            ..Tunnel::default()
        }
    }

    /// What a server does with a connection; a fault is noted.
    #[must_use]
    pub fn server(&self, raw: &RawServer, scope: &mut Scope<'_>) -> Option<Stream> {
        let answer = match (&raw.stream_pass, &raw.stream_return) {
            (Some(pass), Some(_)) => {
                scope.env.fault(Fault::new(pass.span, "\"proxy_pass\" stands in a server with \"return\""));
                return None;
            }
            (None, Some(text)) => StreamAnswer::Return(scope.template(text)),
            (Some(pass), None) => StreamAnswer::Pass(destination(pass, scope)?),
            (None, None) => {
                let fault = Fault::new(raw.span, "no handler for server");
                scope.env.fault(fault.help("say what becomes of connections: `proxy_pass` or `return`"));
                return None;
            }
        };
        Some(Stream {
            answer,
            proxy_protocol: self.proxy_protocol,
            ssl: self.ssl,
            upload_rate: self.upload_rate.clone(),
            download_rate: self.download_rate.clone(),
            handshake_timeout: self.handshake_timeout,
        })
    }
}

fn destination(word: &Word, scope: &mut Scope<'_>) -> Option<Destination> {
    if has_variables(word) {
        return Some(Destination::Evaluated(scope.template(word)));
    }
    let found = address::peer(&word.text)
        .map_err(|words| Fault::new(word.span, format!("{words} in upstream \"{}\"", word.text)))
        .and_then(|address| proxy::group(&address, &word.text, word.span, scope));
    match found {
        Ok(upstream) => Some(Destination::Group { upstream, host: word.text.as_str().into(), port: "".into() }),
        Err(fault) => {
            scope.env.fault(fault);
            None
        }
    }
}

/// What `stream` has other defaults for.
pub fn set_defaults(proxy: &mut Proxy, tunnel: &mut Tunnel) {
    // A connection that could not be made is nobody's request: each failure is worth another peer.
    proxy.next_upstream.on_error = true;
    proxy.next_upstream.on_timeout = true;
    tunnel.keepalive = None;
    tunnel.frames = false;
}
