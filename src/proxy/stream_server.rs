//! A connection to a server of `stream`: whether it may go on, and then a text, or a peer and the tunnel between both.
//!
//! It goes the way of an exchange without a head: the client's address, `set`, limits and rules, the peer. What it may
//! say it says by bytes alone: a failure closes it. No byte of the client is read before the tunnel, unless it came
//! together with the header of the PROXY protocol.

mod rated;
mod telling;

use std::cell::RefCell;
use std::sync::Arc;

use self::rated::{First, Moved, Rated};
use super::client::Client;
use super::exchange::Exchange;
use super::facts::Facts;
use super::failure::{Cause, Failure, Phase};
use super::handover::{Ends, GivenUp, Handover, Usual};
use super::limit_status::LimitStatus;
use super::linger::linger;
use super::pace::Pace;
use super::peer::PeerConnection;
use super::retry::Retry;
use super::secure::{self, Shaken};
use super::security::Security;
use super::{Shard, admission, destination, introduction, pass, real_ip};
use crate::http::{Method, RequestHead};
use crate::model::{Destination, Stream, StreamAnswer, Template};
use crate::net::accept::ClientAddress;
use crate::net::moment;
use crate::observe::outcome::{ConnectionEnd, ExchangeEnd};
use crate::upstream::Tried;
use crate::zones::Place;

/// What a client says that should have begun a handshake.
const NO_TLS: &str = "what came is no TLS";

/// What a connection came to.
enum Came {
    /// The client has its text, or all that the peer had to say.
    Answered,
    Tunnel(Box<Handover>),
}

/// Serves a connection until it ends or becomes a tunnel. `raw` is what came behind the header of the PROXY protocol.
pub async fn serve(shard: &Shard, client: Client, raw: Vec<u8>) -> Option<Ends> {
    let mut raw = raw;
    let (client, came) = if shard.generation.serving.listeners[client.listener].ssl {
        Box::pin(run_secured(shard, client, &mut raw)).await
    } else {
        let came = run(shard, &client, &mut raw).await;
        (client, came)
    };
    let end = match &came {
        Ok(Came::Tunnel(_)) => ConnectionEnd::Tunnelled,
        Ok(Came::Answered) => ConnectionEnd::Answered,
        Err(Ended(end)) => *end,
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
struct Ended(ConnectionEnd);

async fn run(shard: &Shard, client: &Client, raw: &mut Vec<u8>) -> Result<Came, Ended> {
    let mut exchange = Exchange::new(shard, client, no_head(), 0, client.accepted_at);
    telling::came(&exchange);
    let came = Box::pin(go(&mut exchange, raw)).await;
    conclude(&exchange, came).await
}

async fn go(exchange: &mut Exchange<'_>, raw: &mut Vec<u8>) -> Result<Came, Failure> {
    admit(exchange).await?;
    answer(exchange, raw).await
}

/// The same with TLS. Who may not come in at all gets no handshake; what holds for everybody is that of the default server, and
/// when the client has named another one that holds too.
async fn run_secured(shard: &Shard, client: Client, raw: &mut Vec<u8>) -> (Client, Result<Came, Ended>) {
    let mut exchange = Exchange::new(shard, &client, no_head(), 0, client.accepted_at);
    telling::came(&exchange);
    let admitted = match admit(&mut exchange).await {
        Ok(()) => Admitted::of(exchange),
        Err(failure) => {
            let came = conclude(&exchange, Err(failure)).await;
            return (client, came);
        }
    };
    let timeout = shard.default_server(client.listener).stream.as_ref().map(|stream| stream.handshake_timeout);
    let (client, shaken) = secure::shake_hands(shard, client, raw, timeout.unwrap_or_default()).await;
    let mut exchange = Exchange::new(shard, &client, no_head(), 0, client.accepted_at);
    admitted.give(&mut exchange);
    let came = Box::pin(go_secured(&mut exchange, shaken, raw)).await;
    let came = conclude(&exchange, came).await;
    (client, came)
}

async fn go_secured(exchange: &mut Exchange<'_>, shaken: Shaken, raw: &mut Vec<u8>) -> Result<Came, Failure> {
    let default = exchange.server;
    if let Security::Tls(known) = &exchange.client.security
        && let Some(name) = &known.name
    {
        exchange.match_server(name.as_bytes())?;
    }
    match shaken {
        Shaken::Done => {}
        Shaken::Plain => return Err(secure::failure(std::io::Error::new(std::io::ErrorKind::InvalidData, NO_TLS))),
        Shaken::Failed(error) => return Err(secure::failure(error)),
    }
    exchange.check_client()?;
    if !std::ptr::eq(default, exchange.server) {
        // It counts where it has come to.
        exchange.places.clear();
        exchange.limit_conn_status = None;
        admit(exchange).await?;
    }
    answer(exchange, raw).await
}

/// What is known of a connection when its handshake begins.
struct Admitted {
    remote: ClientAddress,
    has_real_ip: bool,
    facts: RefCell<Facts>,
    limit_conn_status: Option<LimitStatus>,
    places: Vec<Place>,
}

impl Admitted {
    fn of(exchange: Exchange<'_>) -> Self {
        let Exchange { remote, has_real_ip, facts, limit_conn_status, places, .. } = exchange;
        Self { remote, has_real_ip, facts, limit_conn_status, places }
    }

    fn give(self, exchange: &mut Exchange<'_>) {
        let Self { remote, has_real_ip, facts, limit_conn_status, places } = self;
        (exchange.remote, exchange.has_real_ip) = (remote, has_real_ip);
        (exchange.facts, exchange.limit_conn_status, exchange.places) = (facts, limit_conn_status, places);
    }
}

/// Tells what a connection came to, if it is no tunnel.
async fn conclude(exchange: &Exchange<'_>, came: Result<Came, Failure>) -> Result<Came, Ended> {
    let (shard, client) = (exchange.shard, exchange.client);
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
            // To a client with TLS that is no end.
            client.stream.cut();
            let is_late = failure.phase() == Phase::Greeting && matches!(failure.cause(), Cause::ClientTimedOut);
            return Err(Ended(if is_late { ConnectionEnd::HeadTimeout } else { ConnectionEnd::Failed }));
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
    if failure.phase() == Phase::Greeting {
        return 500;
    }
    match failure.status() {
        // A certificate that is missing, or that nobody vouches for.
        495 | 496 => 500,
        504 => 502,
        408 | 499 => 200,
        status => status,
    }
}

/// There is no request.
fn no_head() -> Box<RequestHead> {
    RequestHead::unread(Box::default())
}

/// Whether a connection may go on, by the rules of its server.
async fn admit(exchange: &mut Exchange<'_>) -> Result<(), Failure> {
    real_ip::apply(exchange);
    exchange.run_steps(exchange.location)?;
    admission::check(exchange).await
}

/// Its server answers.
async fn answer(exchange: &mut Exchange<'_>, raw: &mut Vec<u8>) -> Result<Came, Failure> {
    let server = exchange.server;
    let Some(stream) = &server.stream else {
        return Err(Failure::new(Phase::ProcessingRequest, Cause::Refused(500, "a server of http in stream")));
    };
    match &stream.answer {
        StreamAnswer::Return(text) => say(exchange, text).await.map(|()| Came::Answered),
        StreamAnswer::Pass(to) => {
            let mut peer = connect(exchange, stream, to).await?;
            telling::connected(exchange, &peer.stream, &peer.lease.peer().address);
            greet(exchange, &mut peer).await?;
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
async fn connect(
    exchange: &mut Exchange<'_>,
    stream: &Stream,
    to: &Destination,
) -> Result<Box<PeerConnection>, Failure> {
    let destination = destination::of_stream(exchange, stream, to).await?;
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

/// The peer is connected: it is told who the client is, unless it was told before its TLS handshake.
async fn greet(exchange: &mut Exchange<'_>, peer: &mut PeerConnection) -> Result<(), Failure> {
    exchange.phase = Phase::SendingRequest;
    if peer.stream.secured().is_none()
        && let Err(failure) = introduction::introduce(exchange, peer.stream.stream()).await
    {
        peer.lease.failed(moment::now());
        return Err(failure);
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
