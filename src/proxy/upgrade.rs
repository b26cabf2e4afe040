//! Upgrades: whether a request asks for one, what its peer is told, and the hand-over after a verified 101.

use std::sync::Arc;

use super::answer_fields;
use super::exchange::{ClientSide, Exchange, Next};
use super::failure::{Cause, Failure, Phase};
use super::handover::{Handover, Kept};
use super::peer::PeerConnection;
use super::rewrite::{self, Upgrading};
use crate::http::Name;
use crate::http::upgrade::{self, Asked};
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
pub fn towards_peer(exchange: &Exchange<'_>, proxy: &Proxy, asked: &Asked) -> Result<Upgrading, Failure> {
    let set =
        |name: &[u8]| proxy.set_headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|h| &h.value);
    let upgrade = set(b"upgrade").map(|value| exchange.evaluate(value));
    match asked {
        // An explicit `proxy_set_header Upgrade ""` says that this location carries no upgrades.
        _ if upgrade.as_ref().is_some_and(Vec::is_empty) => Ok(Upgrading::No),
        Asked::Nothing => Ok(Upgrading::No),
        Asked::WebSocket(_) => Ok(Upgrading::WebSocket),
        Asked::Other(_) if upgrade.is_some() && set(b"connection").is_some() => Ok(Upgrading::Blind),
        Asked::Other(_) => Ok(Upgrading::No),
        Asked::Refused(reason) => {
            Err(Failure::new(Phase::ProcessingRequest, Cause::Refused(reason.status(), reason.phrase())))
        }
    }
}

/// Sends the 101 to the client and gives both sockets up.
///
/// # Errors
/// When the client does not take it.
pub async fn finish(
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    peer: PeerConnection,
    upgrading: &Upgrading,
) -> Result<Next, Failure> {
    let rules = &exchange.location.proxy.answer;
    let mut fields = answer_fields::of(exchange, rules, None, 101);
    exchange.add_headers(101, None, &mut fields);
    let protocol = exchange.upstream_fields.first(Name::Upgrade).unwrap_or(b"websocket");
    let head = rewrite::switching_protocols(protocol, &fields);
    (side.responder.sent.status, side.responder.sent.connection) = (101, "upgrade");
    side.responder.sent.fields = fields;
    let written = side.responder.interim(&head).await;
    written.map_err(|error| Failure::client(Phase::SendingToClient, "send()", error))?;
    exchange.sent.swap_with(&mut side.responder.sent);
    let PeerConnection { stream, raw, lease, .. } = peer;
    let settings = Arc::clone(&exchange.location.tunnel);
    let places = std::mem::take(&mut exchange.places);
    let kept = Kept::new(exchange.shard, lease, exchange.tunnel_lines(), places, None);
    Ok(Next::Tunnel(Box::new(Handover {
        upstream: stream,
        to_client: raw,
        frames: settings.frames && *upgrading == Upgrading::WebSocket,
        settings,
        kept,
    })))
}
