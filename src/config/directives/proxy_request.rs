//! Directives that change what a peer is sent, from where, and when another peer is tried.

use std::sync::Arc;
use std::time::Duration;

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::names::has_variables;
use crate::config::raw::{RawLevel, RawProxyRequest, RawProxyRetry};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{ProxyRequest, ProxyRetry, Template};

/// Statuses that `proxy_next_upstream` knows, as `http_…`.
const STATUSES: [u16; 7] = [500, 502, 503, 504, 403, 404, 429];

pub const TABLE: &[Directive] = &[
    level(
        "proxy_method",
        ONE,
        |level, line| line.once(&mut level.proxy.request.method, |line| Ok(line.arg(0).clone())),
        "Method towards peers, in place of the client's.",
    ),
    level_flag(
        "proxy_pass_request_headers",
        |level| &mut level.proxy.request.pass_request_headers,
        "Whether the client's fields are passed on (on).",
    ),
    level_flag(
        "proxy_pass_request_body",
        |level| &mut level.proxy.request.pass_request_body,
        "Whether the client's body is passed on (on).",
    ),
    level(
        "proxy_set_body",
        ONE,
        |level, line| line.once(&mut level.proxy.request.set_body, |line| Ok(line.arg(0).clone())),
        "Body towards peers, in place of the client's.",
    ),
    level_flag(
        "proxy_request_buffering",
        |level| &mut level.proxy.request.request_buffering,
        "Whether a body is read to its end before a peer is connected (on).",
    ),
    level("proxy_bind", ONE_OR_TWO, bind, "Local address of connections to peers (off).").also(STREAM_LEVELS),
    level_flag(
        "proxy_socket_keepalive",
        |level| &mut level.proxy.request.socket_keepalive,
        "TCP keep-alive probes to peers (off).",
    )
    .also(STREAM_LEVELS),
    level("proxy_next_upstream", ONE_OR_MORE, next_upstream, "When another peer is tried (error timeout)."),
    level_number(
        "proxy_next_upstream_tries",
        |level| &mut level.proxy.next_upstream.tries,
        "Most peers that one request is sent to (0, no limit).",
    )
    .also(STREAM_LEVELS),
    level_time(
        "proxy_next_upstream_timeout",
        |level| &mut level.proxy.next_upstream.timeout,
        "Time after which no other peer is tried (0, no limit).",
    )
    .also(STREAM_LEVELS),
];

fn bind(level: &mut RawLevel, line: &Line) -> Recorded {
    if let Some(word) = line.args().get(1) {
        if word.text != "transparent" {
            return Err(line.invalid_parameter(word));
        }
        let fault = Fault::new(word.span, "\"proxy_bind\" with \"transparent\" is refused: it is not built yet");
        return Err(fault.help("name an address of this machine, and send the client's in a field or by a map"));
    }
    line.once(&mut level.proxy.request.bind, |line| {
        let word = line.arg(0);
        let is_address = || word.text.parse::<std::net::IpAddr>().is_ok();
        let is_with_port = || word.text.parse::<std::net::SocketAddr>().is_ok();
        if word.text == "off" {
            return Ok(None);
        }
        if !has_variables(word) && !is_address() && !is_with_port() {
            let fault = Fault::new(word.span, format!("invalid address \"{}\"", word.text));
            return Err(fault.help("an IP address of this machine, as in `proxy_bind 10.0.0.1;`, or `off`"));
        }
        Ok(Some(word.clone()))
    })
}

fn next_upstream(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.proxy.next_upstream.on, |line| {
        let mut words = Vec::new();
        for word in line.args() {
            let is_status = || STATUSES.iter().any(|status| word.text == format!("http_{status}"));
            match word.text.as_str() {
                "off" => return Ok(Vec::new()),
                "error" | "timeout" | "invalid_header" | "non_idempotent" => words.push(word.text.clone()),
                _ if is_status() => words.push(word.text.clone()),
                _ => {
                    let help = "of: error, timeout, invalid_header, non_idempotent, off, http_403, http_404, http_429, \
                                http_500, http_502, http_503, http_504";
                    return Err(line.unknown_value(word).help(help));
                }
            }
        }
        Ok(words)
    })
}

impl RawProxyRequest {
    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.method.is_none()
            && self.pass_request_headers.is_none()
            && self.pass_request_body.is_none()
            && self.set_body.is_none()
            && self.request_buffering.is_none()
            && self.bind.is_none()
            && self.socket_keepalive.is_none()
    }
}

impl RawProxyRetry {
    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.on.is_none() && self.tries.is_none() && self.timeout.is_none()
    }
}

/// nginx's defaults.
#[must_use]
pub fn retry_defaults() -> ProxyRetry {
    ProxyRetry {
        on_error: true,
        on_timeout: true,
        on_invalid_header: false,
        non_idempotent: false,
        on_status: Arc::default(),
        tries: 0,
        timeout: Duration::ZERO,
    }
}

/// A level's settings over those around it.
#[must_use]
pub fn resolve(raw: &RawProxyRequest, around: &ProxyRequest, scope: &Scope<'_>) -> ProxyRequest {
    let template = |word: &Word| scope.template(word);
    let own_or = |own: &Option<Word>, around: &Option<Template>| own.as_ref().map(template).or_else(|| around.clone());
    ProxyRequest {
        method: own_or(&raw.method, &around.method),
        drops_headers: raw.pass_request_headers.map_or(around.drops_headers, |passes| !passes),
        drops_body: raw.pass_request_body.map_or(around.drops_body, |passes| !passes),
        set_body: own_or(&raw.set_body, &around.set_body),
        is_unbuffered: raw.request_buffering.map_or(around.is_unbuffered, |buffers| !buffers),
        bind: match &raw.bind {
            Some(bind) => bind.as_ref().map(template),
            None => around.bind.clone(),
        },
        socket_keepalive: raw.socket_keepalive.unwrap_or(around.socket_keepalive),
    }
}

/// The same for when another peer is tried.
#[must_use]
pub fn resolve_retry(raw: &RawProxyRetry, around: &ProxyRetry) -> ProxyRetry {
    let mut retry = around.clone();
    if let Some(words) = &raw.on {
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        retry.on_error = has("error");
        retry.on_timeout = has("timeout");
        retry.on_invalid_header = has("invalid_header");
        retry.non_idempotent = has("non_idempotent");
        retry.on_status = STATUSES.into_iter().filter(|status| has(&format!("http_{status}"))).collect();
    }
    if let Some(tries) = raw.tries {
        retry.tries = usize::try_from(tries).unwrap_or(usize::MAX);
    }
    retry.timeout = raw.timeout.unwrap_or(retry.timeout);
    retry
}
