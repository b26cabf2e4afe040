//! `proxy_pass`: an exchange that a peer answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::answer::{Answered, Passed, late};
use super::destination::{self, Destination};
use super::exchange::{Attempt, ClientSide, Exchange, Next, Upstream};
use super::failure::{Cause, Failure, Phase};
use super::peer::{Opening, PeerConnection};
use super::retry::Retry;
use super::rewrite::{self, Upgrading};
use super::{introduction, pooled, request_body, respond, secure, upgrade};
use crate::http::Method;
use crate::model::{LogLevel, PeerAddress, Proxy, ProxyPass, SetHeader, Template};
use crate::net::connect::{self, Begun, Origin};
use crate::net::moment;
use crate::transport::{Purpose, Transport};
use crate::upstream::{Lease, Tried};

/// Passes the exchange to a peer and its answer to the client.
///
/// What few exchanges need stands apart, in boxes: all others would carry the room for it.
///
/// # Errors
/// When no peer could answer, or the client does not take it.
pub async fn run<'c>(
    exchange: &mut Exchange<'c>,
    side: &mut ClientSide<'_>,
    to: &'c ProxyPass,
) -> Result<Next, Failure> {
    send_before(side).await?;
    let destination = destination::find(exchange, to).await?;
    let proxy = &exchange.location.proxy;
    let asked = upgrade::asked(exchange);
    let upgrading = upgrade::towards_peer(exchange, proxy, &asked)?;
    // As with a WebSocket handshake: whatever the answer, what comes after the head may be no HTTP.
    side.responder.keep_alive &= upgrading != Upgrading::Blind;
    let body = request_body::prepare(exchange, side, proxy).await?;
    let body = request_body::for_peer(exchange, proxy, body);
    let method = method(exchange, proxy);
    let uri = rewrite::uri(exchange, to, destination.uri.as_deref());
    let head = rewrite::request(exchange, proxy, &method, &uri, body.length, &upgrading);
    let mut size = Vec::new();
    let opening = Opening::new(&head, body.first(), body.length, &mut size);
    exchange.upstream = Some(Upstream { scheme: destination.scheme, uri });
    let mut tried = Tried::default();
    let mut retry = Retry::new(&proxy.next_upstream, destination.group.attempts_max(), &method);
    // An upgrade never takes a connection that was used before, nor leaves one behind.
    let mut is_fresh = upgrading != Upgrading::No;
    loop {
        let chosen = choose(exchange, &destination, &mut tried, &opening, is_fresh);
        let mut peer = match settled(exchange, &destination, chosen).await {
            Ok(peer) => peer,
            Err(failure) => {
                pass_over(exchange, &mut retry, failure)?;
                continue;
            }
        };
        let request = Passed {
            opening: &opening,
            method: &method,
            next_on: retry.statuses(),
            body: &body,
            proxy,
            upgrading: &upgrading,
            redirect: to.redirect.as_ref(),
        };
        let result = request.over(exchange, side, &mut peer).await;
        close_attempt(exchange);
        match result {
            Ok(Answered::Done) => break keep(exchange, peer, &destination, proxy, &upgrading),
            Ok(Answered::DoneAndClose) => break,
            Ok(Answered::Upgraded) => {
                let (head, given_up) = upgrade::begin(exchange, side, peer)?;
                side.responder.interim(&head).await.map_err(unsent)?;
                return Ok(upgrade::hand_over(exchange, side, given_up, &upgrading));
            }
            Ok(Answered::NextPeer(status)) => blame(&peer, status, &mut retry),
            Err(failure) => match again(exchange, side, &peer, &retry, &failure) {
                Again::No => return Err(failure),
                Again::SamePeer => {
                    tried.forget(&peer.lease);
                    is_fresh = true;
                }
                Again::NextPeer => retry.used(),
            },
        }
    }
    // The peer is free; the client may still have to take a part of the answer.
    if side.responder.is_behind() {
        Box::pin(side.responder.catch_up()).await.map_err(late)?;
    }
    Ok(respond::after(side))
}

/// What stands before a part of a page need not wait for the peer of the part.
async fn send_before(side: &mut ClientSide<'_>) -> Result<(), Failure> {
    if !side.responder.is_inside() {
        return Ok(());
    }
    Box::pin(side.responder.flush()).await.map_err(unsent)
}

#[cold]
fn unsent(error: io::Error) -> Failure {
    Failure::client(Phase::SendingToClient, "send()", error)
}

/// No connection was to be had to a peer: another one may be tried, unless the failure stands.
#[cold]
#[inline(never)]
fn pass_over(exchange: &Exchange<'_>, retry: &mut Retry<'_>, failure: Failure) -> Result<(), Failure> {
    if !retry.allows(&failure, false) {
        return Err(failure);
    }
    exchange.report(failure.level(), format_args!("{failure}"));
    retry.used();
    Ok(())
}

/// The peer's standing takes note of a status that another one may do better than, and that one is next.
#[cold]
fn blame(peer: &PeerConnection, status: u16, retry: &mut Retry<'_>) {
    retry.used();
    // What a peer does not have or does not give says nothing against it.
    if !matches!(status, 403 | 404) {
        peer.lease.failed(Instant::now());
    }
}

/// Whether a request is sent again after a failure.
enum Again {
    No,
    /// Over a new connection: the one before had been closed in its sleep, which is nobody's fault.
    SamePeer,
    NextPeer,
}

/// How a request goes on after a failure. The peer's standing takes note, and the error log of one that is got over.
#[cold]
#[inline(never)]
fn again(
    exchange: &mut Exchange<'_>,
    side: &ClientSide<'_>,
    peer: &PeerConnection,
    retry: &Retry<'_>,
    failure: &Failure,
) -> Again {
    // A peer may close an idle connection when it likes. Whether it has seen the request before that is not known, so
    // what must not reach it twice is not sent again.
    let is_lost = matches!(failure.cause(), Cause::UpstreamClosed | Cause::Upstream(..));
    let is_silent = exchange.attempts.last().is_none_or(|attempt| attempt.bytes_received == 0);
    let died_asleep = peer.was_reused() && is_lost && is_silent;
    if failure.is_of_peer() {
        if let Some(attempt) = exchange.attempts.last_mut() {
            attempt.status.get_or_insert(failure.status());
        }
        if !died_asleep {
            peer.lease.failed(Instant::now());
        }
    }
    let again = match !side.responder.has_begun() && side.body.is_done() {
        false => return Again::No,
        true if died_asleep && retry.may_repeat() => Again::SamePeer,
        true if retry.allows(failure, true) => Again::NextPeer,
        true => return Again::No,
    };
    exchange.report(failure.level(), format_args!("{failure}"));
    again
}

/// `proxy_method`, or the client's.
fn method(exchange: &Exchange<'_>, proxy: &Proxy) -> Method {
    let set = proxy.request.method.as_ref().and_then(|method| set_method(exchange, method));
    set.unwrap_or_else(|| exchange.head.method.clone())
}

#[cold]
#[inline(never)]
fn set_method(exchange: &Exchange<'_>, method: &Template) -> Option<Method> {
    let name = exchange.evaluate(method);
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then(|| Method::of(&name))
}

/// Where a connection to a peer comes from.
fn origin(exchange: &Exchange<'_>, proxy: &Proxy) -> Origin {
    let address = proxy.request.bind.as_ref().and_then(|bind| local_address(exchange, bind));
    Origin { address, keepalive: proxy.request.socket_keepalive }
}

/// `proxy_bind`.
#[cold]
fn local_address(exchange: &Exchange<'_>, bind: &Template) -> Option<SocketAddr> {
    let text = exchange.evaluate(bind);
    let text = String::from_utf8_lossy(&text);
    let address = text.parse().ok().or_else(|| text.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 0)));
    if address.is_none() && !text.is_empty() {
        exchange.report(LogLevel::Error, format_args!("invalid local address \"{text}\""));
    }
    address
}

/// A connection to the peer of an attempt.
pub(super) enum Chosen {
    Stands(Box<PeerConnection>),
    /// It has to be waited for, or for TLS over it: that has room of its own, since most need none.
    Coming(Box<(Begun, Lease)>),
}

/// Waits until it stands.
pub(super) async fn settled(
    exchange: &mut Exchange<'_>,
    destination: &Destination,
    chosen: Result<Chosen, Failure>,
) -> Result<Box<PeerConnection>, Failure> {
    match chosen? {
        Chosen::Stands(peer) => Ok(peer),
        Chosen::Coming(coming) => Box::pin(settle(exchange, destination, *coming)).await,
    }
}

/// Picks a peer, and a connection to it: one that is idle, unless it has to be fresh, or a new one.
#[inline(never)]
fn choose(
    exchange: &mut Exchange<'_>,
    destination: &Destination,
    tried: &mut Tried,
    opening: &Opening<'_>,
    is_fresh: bool,
) -> Result<Chosen, Failure> {
    let lease = pick(exchange, destination, tried)?;
    if !is_fresh && let Some((stream, age)) = pooled::take(exchange, destination, &lease.peer().address) {
        exchange.set_connect_time();
        return Ok(Chosen::Stands(Box::new(PeerConnection { stream, raw: Vec::new(), age, written: 0, lease })));
    }
    connect_anew(exchange, destination, lease, &opening.parts)
}

/// Picks a peer: an attempt begins.
pub(super) fn pick(
    exchange: &mut Exchange<'_>,
    destination: &Destination,
    tried: &mut Tried,
) -> Result<Lease, Failure> {
    exchange.phase = Phase::Connecting;
    let lease = match destination.pick(tried) {
        Ok(lease) => lease,
        Err(failure) => {
            exchange.attempts.push(Attempt::in_vain(destination.group.model()));
            return Err(failure);
        }
    };
    exchange.attempts.push(Attempt::at(lease.peer().address.clone()));
    exchange.attempt_started.set(moment::now());
    Ok(lease)
}

/// Begins a connection to the peer of an attempt. What is to be said first may go out with it.
pub(super) fn connect_anew(
    exchange: &mut Exchange<'_>,
    destination: &Destination,
    lease: Lease,
    first: &[&[u8]],
) -> Result<Chosen, Failure> {
    let is_plain = destination.purpose.is_none();
    let from = origin(exchange, &exchange.location.proxy);
    match connect::begin(&lease.peer().address, from, if is_plain { first } else { &[] }) {
        Ok(Begun::Stands(stream, written)) if is_plain => {
            exchange.set_connect_time();
            Ok(Chosen::Stands(PeerConnection::fresh(Transport::Plain(stream), written, lease)))
        }
        Ok(begun) => Ok(Chosen::Coming(Box::new((begun, lease)))),
        Err(error) => Err(in_vain(exchange, &lease, not_connected(error))),
    }
}

fn not_connected(error: io::Error) -> Failure {
    Failure::upstream(Phase::Connecting, "connect()", error)
}

/// An attempt has ended without a connection.
#[cold]
#[inline(never)]
fn in_vain(exchange: &mut Exchange<'_>, lease: &Lease, failure: Failure) -> Failure {
    lease.failed(Instant::now());
    if let Some(attempt) = exchange.attempts.last_mut() {
        attempt.status = Some(failure.status());
    }
    close_attempt(exchange);
    failure
}

/// Waits for a connection that was begun, and for TLS over it where that is wanted.
async fn settle(
    exchange: &mut Exchange<'_>,
    destination: &Destination,
    (begun, lease): (Begun, Lease),
) -> Result<Box<PeerConnection>, Failure> {
    match secured(exchange, begun, &lease.peer().address, destination.purpose.as_deref()).await {
        Ok(stream) => {
            exchange.set_connect_time();
            Ok(PeerConnection::fresh(stream, 0, lease))
        }
        Err(failure) => Err(in_vain(exchange, &lease, failure)),
    }
}

async fn secured(
    exchange: &mut Exchange<'_>,
    begun: Begun,
    address: &PeerAddress,
    purpose: Option<&Purpose>,
) -> Result<Transport, Failure> {
    let timeout = exchange.location.proxy.connect_timeout;
    let stream = begun.settled(timeout).await.map_err(not_connected)?;
    let Some(purpose) = purpose else { return Ok(Transport::Plain(stream)) };
    introduction::introduce(exchange, &stream).await?;
    if let PeerAddress::Ip(_) = address {
        stream.set_nodelay();
    }
    exchange.phase = Phase::Handshaking;
    Box::pin(secure::connect(exchange.shard, stream, purpose, timeout)).await
}

/// Puts the connection back, if peer and configuration agree that it can be used again.
#[inline(never)]
fn keep(
    exchange: &Exchange<'_>,
    peer: Box<PeerConnection>,
    destination: &Destination,
    proxy: &Proxy,
    upgrading: &Upgrading,
) {
    let asks_to_close = |header: &SetHeader| {
        !header.value.is_empty()
            && header.name.eq_ignore_ascii_case(b"connection")
            && exchange.evaluate(&header.value).eq_ignore_ascii_case(b"close")
    };
    if *upgrading == Upgrading::No && !proxy.http_1_0 && !proxy.set_headers.iter().any(asks_to_close) {
        pooled::put(exchange, destination, peer);
    }
}

fn close_attempt(exchange: &mut Exchange<'_>) {
    let time = exchange.attempt_time();
    if let Some(attempt) = exchange.attempts.last_mut() {
        attempt.response_time = Some(time);
    }
}

impl Exchange<'_> {
    /// How long the last attempt has taken so far.
    #[inline(never)]
    pub(super) fn attempt_time(&self) -> Duration {
        moment::now().duration_since(self.attempt_started.get())
    }

    fn set_connect_time(&mut self) {
        let time = self.attempt_time();
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.connect_time = Some(time);
        }
    }

    pub(super) fn note_sent(&mut self, to_peer: u64, from_client: u64) {
        self.request_bytes.set(self.request_bytes.get() + from_client);
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.bytes_sent += to_peer;
        }
    }
}
