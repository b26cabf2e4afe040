//! A connection to a server of `stream`: whether it may go on, and then a text, or a peer and the tunnel between both.
//!
//! It goes the way of an exchange without a head: the client's address, `set`, limits and rules, the peer. What it may
//! say it says by bytes alone: a failure closes it. No byte of the client is read before the tunnel, unless it came
//! together with the header of the PROXY protocol.

mod rated;
mod telling;

use std::sync::Arc;

use self::rated::{First, Moved, Rated};
use super::client::Client;
use super::exchange::Exchange;
use super::failure::{Cause, Failure, Phase};
use super::handover::{Ends, GivenUp, Handover, Usual};
use super::linger::linger;
use super::pace::Pace;
use super::peer::PeerConnection;
use super::retry::Retry;
use super::{Shard, admission, destination, pass, real_ip};
use crate::http::{Method, RequestHead};
use crate::model::{Destination, Stream, StreamAnswer, Template};
use crate::net::accept::ClientAddress;
use crate::net::{moment, proxy_protocol};
use crate::observe::outcome::{ConnectionEnd, ExchangeEnd};
use crate::upstream::Tried;

/// What a connection came to.
enum Came {
    /// The client has its text, or all that the peer had to say.
    Answered,
    Tunnel(Box<Handover>),
}

/// Serves a connection until it ends or becomes a tunnel. `raw` is what came behind the header of the PROXY protocol.
pub async fn serve(shard: &Shard, client: Client, raw: Vec<u8>) -> Option<Ends> {
    let mut raw = raw;
    let came = run(shard, &client, &mut raw).await;
    let end = match &came {
        Ok(Came::Tunnel(_)) => ConnectionEnd::Tunnelled,
        Ok(Came::Answered) => ConnectionEnd::Answered,
        Err(Ended) => ConnectionEnd::Failed,
    };
    shard.own_metrics().connection_ended(end);
    let Ok(Came::Tunnel(handover)) = came else { return None };
    handover.join(shard, client.number, client.listener, client.stream, raw)
}

/// A connection that did not begin with a header of the PROXY protocol, where one is asked for.
pub fn note_broken_header(shard: &Shard, client: &Client) {
    let exchange = Exchange::new(shard, client, no_head(), 0, client.accepted_at);
    exchange.sent.borrow_mut().status = 400;
    exchange.write_access_log();
}

/// A failure that was told.
struct Ended;

async fn run(shard: &Shard, client: &Client, raw: &mut Vec<u8>) -> Result<Came, Ended> {
    let mut exchange = Exchange::new(shard, client, no_head(), 0, client.accepted_at);
    telling::came(&exchange);
    let came = Box::pin(go(&mut exchange, raw)).await;
    match came {
        Ok(Came::Tunnel(handover)) => return Ok(Came::Tunnel(handover)),
        Ok(Came::Answered) => {
            shard.own_metrics().exchange_ended(ExchangeEnd::Answered);
            exchange.sent.borrow_mut().status = 200;
        }
        Err(failure) => {
            exchange.report(failure.level(), format_args!("{failure}"));
            shard.own_metrics().exchange_ended(failure.end());
            exchange.sent.borrow_mut().status = status_of(&failure);
            exchange.write_access_log();
            return Err(Ended);
        }
    }
    exchange.write_access_log();
    // What the client says unasked would turn the close into a reset, which takes the text away again.
    if !client.stream.is_quiet() {
        linger(client, exchange.location.client.lingering, Vec::new()).await;
    }
    Ok(Came::Answered)
}

/// nginx knows few statuses in `stream`.
fn status_of(failure: &Failure) -> u16 {
    if let Cause::Unresolved(_) = failure.cause() {
        return 500;
    }
    match failure.status() {
        504 => 502,
        408 | 499 => 200,
        status => status,
    }
}

/// There is no request.
fn no_head() -> Box<RequestHead> {
    RequestHead::unread(Box::default())
}

async fn go(exchange: &mut Exchange<'_>, raw: &mut Vec<u8>) -> Result<Came, Failure> {
    real_ip::apply(exchange);
    exchange.run_steps(exchange.location)?;
    admission::check(exchange).await?;
    let server = exchange.server;
    let Some(stream) = &server.stream else {
        return Err(Failure::new(Phase::ProcessingRequest, Cause::Refused(500, "a server of http in stream")));
    };
    match &stream.answer {
        StreamAnswer::Return(text) => say(exchange, text).await.map(|()| Came::Answered),
        StreamAnswer::Pass(to) => {
            let mut peer = connect(exchange, to).await?;
            telling::connected(exchange, &peer.stream, &peer.lease.peer().address);
            greet(exchange, stream, &mut peer).await?;
            if let Some(rates) = rates(exchange, stream) {
                peer.stream.stream().set_nodelay();
                carry(exchange, rates, &peer, std::mem::take(raw)).await;
                return Ok(Came::Answered);
            }
            let given_up = GivenUp::of(peer).map_err(|cause| exchange.failure(cause))?;
            let usual = Usual { lines: exchange.tunnel_lines(), places: std::mem::take(&mut exchange.places).into() };
            let (settings, told) = (Arc::clone(&exchange.location.tunnel), telling::kept(exchange));
            Ok(Came::Tunnel(given_up.hand_over(exchange.shard, settings, false, usual, told)))
        }
    }
}

/// `return`.
async fn say(exchange: &Exchange<'_>, text: &Template) -> Result<(), Failure> {
    let text = exchange.evaluate(text);
    let stream = &exchange.client.stream;
    let mut written = 0;
    let result = stream.write_all(&text, exchange.location.client.send_timeout, &mut written).await;
    exchange.sent.borrow_mut().bytes += written;
    result.map_err(|error| Failure::client(Phase::SendingToClient, "send()", error))?;
    Ok(())
}

/// A connection to a peer, another one where the first cannot be connected.
async fn connect(exchange: &mut Exchange<'_>, to: &Destination) -> Result<Box<PeerConnection>, Failure> {
    let destination = destination::of_stream(exchange, to).await?;
    let location = exchange.location;
    let proxy = &location.proxy;
    let mut tried = Tried::default();
    let mut retry = Retry::new(&proxy.next_upstream, destination.group.attempts_max(), &Method::Get);
    loop {
        let chosen = pass::pick(exchange, &destination, &mut tried)
            .and_then(|lease| pass::connect_anew(exchange, &destination, lease, &[]));
        match pass::settled(exchange, &destination, chosen).await {
            Ok(peer) => return Ok(peer),
            Err(failure) if retry.allows(&failure, false) => {
                exchange.report(failure.level(), format_args!("{failure}"));
                retry.used();
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// The peer is connected: it is told who the client is, if it is to know.
async fn greet(exchange: &mut Exchange<'_>, stream: &Stream, peer: &mut PeerConnection) -> Result<(), Failure> {
    exchange.phase = Phase::SendingRequest;
    if stream.proxy_protocol {
        // What the client says follows the header, and does not wait until that is acknowledged.
        peer.stream.stream().set_nodelay();
        let header = proxy_protocol::write(source(exchange.remote), exchange.client.local());
        let timeout = exchange.location.proxy.connect_timeout;
        let mut written = 0;
        let result = peer.stream.write_all(&header, timeout, &mut written).await;
        exchange.note_sent(written, 0);
        if let Err(error) = result {
            peer.lease.failed(moment::now());
            return Err(Failure::upstream(Phase::SendingRequest, "send()", error));
        }
    }
    // That it could be connected is all that is known of a peer here.
    peer.lease.succeeded();
    exchange.sent.borrow_mut().status = 200;
    Ok(())
}

/// What holds the connection to a rate, if anything does.
fn rates(exchange: &Exchange<'_>, stream: &Stream) -> Option<Rated> {
    let began = moment::now();
    let to_upstream = Pace::new(exchange.size(&stream.upload_rate), 0, began);
    let to_client = Pace::new(exchange.size(&stream.download_rate), 0, began);
    let tunnel = &exchange.location.tunnel;
    let (timeout, ends_with_either) = (tunnel.timeout, tunnel.ends_with_either);
    (to_upstream.is_some() || to_client.is_some()).then_some(Rated {
        to_upstream,
        to_client,
        timeout,
        ends_with_either,
    })
}

async fn carry(exchange: &mut Exchange<'_>, rated: Rated, peer: &PeerConnection, raw: Vec<u8>) {
    let moved = Moved::new();
    let first_ended = rated.carry(&exchange.client.stream, &peer.stream, raw, &moved).await;
    let started = exchange.attempt_started.get();
    exchange.sent.borrow_mut().bytes += moved.to_client.get();
    exchange.note_sent(moved.to_upstream.get(), moved.from_client.get());
    if let Some(attempt) = exchange.attempts.last_mut() {
        attempt.bytes_received += moved.from_upstream.get();
        attempt.header_time = moved.answered.get().map(|answered| answered.duration_since(started));
        attempt.response_time = Some(moment::now().duration_since(started));
    }
    telling::disconnected(exchange, first_ended == First::Upstream);
}

fn source(remote: ClientAddress) -> Option<std::net::SocketAddr> {
    match remote {
        ClientAddress::Ip(address) => Some(address),
        ClientAddress::Unix => None,
    }
}
