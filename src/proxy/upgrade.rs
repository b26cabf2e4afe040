//! Upgrades: whether a request asks for one, what its peer is told, and the hand-over after a verified 101.

use std::sync::Arc;

use super::answer_fields;
use super::exchange::{ClientSide, Exchange, Next};
use super::failure::{Cause, Failure, Phase};
use super::handover::{GivenUp, Usual};
use super::peer::PeerConnection;
use super::rewrite::{self, Upgrading};
use crate::http::upgrade::{self, Asked};
use crate::http::{Name, token};
use crate::model::Proxy;

/// What the request asks for. What is made inside asks for nothing, whatever the client's request does.
#[must_use]
pub fn asked(exchange: &Exchange<'_>) -> Asked {
    if exchange.is_subrequest() { Asked::Nothing } else { upgrade::Request::of(&exchange.head) }
}

/// What becomes of the request's `Upgrade` towards the peer.
///
/// # Errors
/// A WebSocket handshake that breaks RFC 6455 is refused here; no peer sees it.
#[inline(never)]
pub fn towards_peer(exchange: &Exchange<'_>, proxy: &Proxy, asked: &Asked) -> Result<Upgrading, Failure> {
    let set =
        |name: &[u8]| proxy.set_headers.iter().find(|header| token::is_same(&header.name, name)).map(|h| &h.value);
    match asked {
        Asked::Nothing => Ok(Upgrading::No),
        // An explicit `proxy_set_header Upgrade ""` says that this location carries no upgrades.
        _ if set(b"upgrade").is_some_and(|value| exchange.evaluate(value).is_empty()) => Ok(Upgrading::No),
        Asked::WebSocket => Ok(Upgrading::WebSocket),
        Asked::Other(_) if set(b"upgrade").is_some() && set(b"connection").is_some() => Ok(Upgrading::Blind),
        Asked::Other(_) => Ok(Upgrading::No),
        Asked::Refused(reason) => {
            Err(Failure::new(Phase::ProcessingRequest, Cause::Refused(reason.status(), reason.phrase())))
        }
    }
}

/// Gives the peer's socket up, and chooses the 101 that the client gets: its bytes.
///
/// # Errors
/// When no descriptor is left.
#[inline(never)]
pub fn begin(
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    peer: Box<PeerConnection>,
) -> Result<(Vec<u8>, GivenUp), Failure> {
    let given_up = GivenUp::of(peer).map_err(|cause| exchange.failure(cause))?;
    let rules = &exchange.location.proxy.answer;
    let mut fields = answer_fields::of(exchange, rules, None, 101);
    exchange.add_headers(101, None, &mut fields);
    let answered = exchange.answered.as_ref().and_then(|head| head.fields.first(Name::Upgrade));
    let protocol = answered.unwrap_or(b"websocket");
    let head = rewrite::switching_protocols(protocol, &fields);
    let sent = &mut side.responder.sent;
    (sent.status, sent.connection, sent.fields) = (101, "upgrade", fields);
    Ok((head, given_up))
}

/// Ends the exchange, once the client has the 101. Its socket is given up by its connection.
#[inline(never)]
pub fn hand_over(
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    given_up: GivenUp,
    upgrading: &Upgrading,
) -> Next {
    if let Some(attempt) = exchange.attempts.last_mut() {
        // The tunnel counts what came behind the 101.
        attempt.bytes_received -= given_up.early_bytes();
    }
    exchange.is_complete = true;
    let mut lines = None;
    if !exchange.location.access_logs.is_empty() {
        exchange.sent.swap_with(&mut side.responder.sent);
        lines = exchange.tunnel_lines();
    }
    let usual = Usual { lines, places: std::mem::take(&mut exchange.places).into() };
    let settings = Arc::clone(&exchange.location.tunnel);
    let has_frames = *upgrading == Upgrading::WebSocket;
    Next::Tunnel(given_up.hand_over(exchange.shard, settings, has_frames, usual, None))
}
