//! Heads as they go on: the client's request to the peer, the peer's answer to the client. Pure.

use super::exchange::Exchange;
use crate::http::framing::BodyLength;
use crate::http::{Fields, Method, Name, Names, encode, hop_by_hop, target, token};
use crate::model::{Proxy, ProxyPass};

/// What the request's upgrade becomes towards the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrading {
    No,
    /// A WebSocket handshake: its fields go on, whatever `proxy_set_header` says of `Upgrade` and `Connection`.
    WebSocket,
    /// Another protocol that the configuration passes on by `proxy_set_header Upgrade`.
    Blind,
}

/// Encodes the request for the peer. `uri` is the request target, `length` how its body will be framed.
#[must_use]
#[inline(never)]
pub fn request(
    exchange: &Exchange<'_>,
    proxy: &Proxy,
    method: &Method,
    uri: &[u8],
    length: BodyLength,
    upgrading: &Upgrading,
) -> Vec<u8> {
    let head = &exchange.head;
    let mut out = Vec::with_capacity(512);
    encode::request_line(&mut out, method, uri, !proxy.http_1_0);
    let is_set = |name: &[u8]| proxy.set_headers.iter().any(|header| token::is_same(&header.name, name));
    // What is made inside carries no upgrade, even if the client's request does.
    let has_own_connection = *upgrading == Upgrading::WebSocket || exchange.is_subrequest();
    if !is_set(b"host") {
        encode::field(&mut out, b"Host", default_host(exchange, upgrading));
    }
    let is_ours = |name: &[u8]| is_of_framing(name) || (is_of_connection(name) && has_own_connection);
    for header in proxy.set_headers.iter().filter(|header| !is_ours(&header.name)) {
        encode::field_with(&mut out, &header.name, |out| exchange.append_value(&header.value, out));
    }
    match upgrading {
        Upgrading::WebSocket => {
            encode::field(&mut out, b"Upgrade", b"websocket");
            encode::field(&mut out, b"Connection", b"Upgrade");
        }
        Upgrading::No if proxy.http_1_0 && (has_own_connection || !is_set(b"connection")) => {
            encode::field(&mut out, b"Connection", b"close");
        }
        Upgrading::No | Upgrading::Blind => {}
    }
    match length {
        BodyLength::Length(n) => encode::length_field(&mut out, n),
        BodyLength::Chunked => encode::field(&mut out, b"Transfer-Encoding", b"chunked"),
        BodyLength::None | BodyLength::UntilClose => {}
    }
    let dropped = hop_by_hop::of_request(&head.fields);
    let passes = |name: &[u8]| !proxy.request.drops_headers || is_of_upgrade(name, upgrading);
    for (known, name, value) in head.fields.iter_known() {
        if !MADE_ANEW.has(known) && passes(name) && !dropped.contains(known, name) && !is_set(name) {
            encode::field(&mut out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The peer sees the host it is known by, as with nginx. A WebSocket handshake keeps the client's own: peers compare
/// it with `Origin`.
fn default_host<'e>(exchange: &'e Exchange<'_>, upgrading: &Upgrading) -> &'e [u8] {
    let own = exchange.proxy_host.as_deref().unwrap_or_default().as_bytes();
    match (upgrading, exchange.head.fields.first(Name::Host)) {
        (Upgrading::WebSocket, Some(host)) => host,
        (Upgrading::WebSocket | Upgrading::No | Upgrading::Blind, _) => own,
    }
}

/// Fields that frame the message: written here, whatever the configuration sets.
fn is_of_framing(name: &[u8]) -> bool {
    token::is_same(name, b"content-length") || token::is_same(name, b"transfer-encoding")
}

/// Fields that say what the connection is or becomes.
fn is_of_connection(name: &[u8]) -> bool {
    token::is_same(name, b"upgrade") || token::is_same(name, b"connection")
}

/// Without these a handshake is none.
fn is_of_upgrade(name: &[u8], upgrading: &Upgrading) -> bool {
    let is_own = name.get(..14).is_some_and(|begin| begin.eq_ignore_ascii_case(b"sec-websocket-"));
    is_own && *upgrading == Upgrading::WebSocket
}

/// Fields of the client's request that never go on as they came.
const MADE_ANEW: Names = Names::of(&[
    Name::Host,
    Name::Connection,
    Name::ContentLength,
    Name::TransferEncoding,
    Name::Te,
    Name::KeepAlive,
    Name::Expect,
    Name::Upgrade,
    Name::ProxyConnection,
]);

/// The target for the peer, as `proxy_pass` with or without a URI part says.
#[must_use]
#[inline(never)]
pub fn uri(exchange: &Exchange<'_>, to: &ProxyPass, evaluated: Option<&[u8]>) -> Vec<u8> {
    let target = exchange.head.target();
    let mut uri = Vec::with_capacity(target.len() + 16);
    if let Some(evaluated) = evaluated {
        uri.extend_from_slice(evaluated);
        if !uri.starts_with(b"/") {
            uri.insert(0, b'/');
        }
        return uri;
    }
    let raw_path = exchange.raw_path.clone().and_then(|at| target.get(at));
    match (&to.uri, raw_path) {
        (Some(replacement), _) if !exchange.has_own_path => {
            uri.extend(exchange.evaluate(replacement));
            let rest = exchange.path.get(to.replaces_bytes..).unwrap_or_default();
            uri.extend(target::escape(rest));
        }
        (Some(_) | None, Some(raw)) => uri.extend_from_slice(raw),
        (Some(_) | None, None) => uri.extend(target::escape(&exchange.path)),
    }
    if let Some(args) = &exchange.args {
        uri.push(b'?');
        uri.extend_from_slice(args);
    }
    uri
}

/// What frames the message or belongs to the connection: the responder writes it anew.
pub const FRAMING: Names =
    Names::of(&[Name::ContentLength, Name::TransferEncoding, Name::Connection, Name::KeepAlive, Name::Upgrade]);

/// Encodes a verified 101 for the client.
#[must_use]
#[inline(never)]
pub fn switching_protocols(upgrade: &[u8], fields: &Fields) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    encode::status_line(&mut out, 101, b"Switching Protocols");
    encode::field(&mut out, b"Upgrade", upgrade);
    encode::field(&mut out, b"Connection", b"upgrade");
    for (name, value) in fields.iter() {
        encode::field(&mut out, name, value);
    }
    out.extend_from_slice(b"\r\n");
    out
}
