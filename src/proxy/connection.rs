//! The life of a client connection that speaks HTTP/1.x: wait, read a head, answer, and again. At rest it has none:
//! see `parked`.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Shard;
use super::client::Client;
use super::exchange::{Exchange, Next};
use super::failure::{Cause, Failure, Phase};
use super::handover::Ends;
use super::linger::linger;
use super::parked::{self, Parked, Waited};
use super::room::Room;
use super::secure::{self, Begun};
use super::{preface, stream_server};
use crate::http::RequestHead;
use crate::http::parse::{RequestRules, RequestScanner};
use crate::model::{ClientHead, Lingering, Protocol};
use crate::net::accept::Accepted;
use crate::net::moment;
use crate::net::stream::Stream;
use crate::net::timer::limited;
use crate::observe::outcome::ConnectionEnd;
use crate::transport::Transport;

/// A head, or why there is none.
enum Arrival {
    Head(Arrived),
    Broken {
        failure: Failure,
        line: Box<[u8]>,
        bytes: usize,
        started: Instant,
    },
    /// The client went away between requests, or never sent one, or its time to do so is over.
    Nothing(ConnectionEnd),
    /// Nothing has come for a while: what [`Waited::Quiet`] says.
    Quiet(OwnedFd, Duration),
}

/// A request's head.
struct Arrived {
    head: Box<RequestHead>,
    bytes: usize,
    started: Instant,
    pipelined: bool,
}

/// How a connection comes to be served.
pub enum Coming {
    /// Just accepted by the listener with that index.
    New(usize, Accepted),
    /// Back from its rest, since there is something to read.
    Back(OwnedFd, Parked),
}

/// What a connection that did not end was left as.
pub enum Left {
    /// It became a tunnel between these.
    Tunnel(Ends),
    /// It rests, for so long at most. Few do, so what is passed on is small for all others.
    Parked(Box<(OwnedFd, Duration, Parked)>),
}

/// Serves a connection until it ends, becomes a tunnel or is to be parked.
pub async fn serve(shard: Rc<Shard>, coming: Coming) -> Option<Left> {
    let mut is_here = matches!(coming, Coming::Back(..));
    let mut client = open(&shard, coming);
    let mut raw = Vec::new();
    let listener = &shard.generation.serving.listeners[client.listener];
    let is_stream = listener.protocol == Protocol::Stream;
    if listener.proxy_protocol && !is_here && !Room::of(|| preface::read(&shard, &mut client, &mut raw)).await {
        return without_header(&shard, &client, is_stream);
    }
    if is_stream {
        return Room::of(|| stream_server::serve(&shard, client, raw)).await.map(Left::Tunnel);
    }
    if listener.ssl {
        client = match Room::of(|| secure::accept(&shard, client, &mut raw, is_here)).await {
            Begun::Ready(client) => client,
            Begun::Quiet(client, socket, within) => {
                return Some(parked(&shard, client, socket, within));
            }
            Begun::Ended(end) => return ended(&shard, end),
        };
    }
    loop {
        let arrival = next_head(&shard, &client, &mut raw, std::mem::take(&mut is_here)).await;
        // The exchange's state is large and lives only while there is one.
        let next = match arrival {
            Arrival::Nothing(end) => {
                return ended(&shard, end);
            }
            Arrival::Quiet(socket, within) => {
                debug_assert!(raw.is_empty(), "a head that has begun is not parked");
                return Some(parked(&shard, client, socket, within));
            }
            Arrival::Head(arrived) => Room::of(|| one(&shard, &client, &mut raw, arrived)).await,
            Arrival::Broken { failure, line, bytes, started } => {
                Room::of(|| broken(&shard, &client, &mut raw, failure, line, bytes, started)).await
            }
        };
        match next {
            Next::KeepAlive => {}
            Next::Tunnel(handover) => {
                shard.own_metrics().connection_ended(ConnectionEnd::Tunnelled);
                return handover.join(&shard, client.number, client.listener, client.stream, raw).map(Left::Tunnel);
            }
            Next::Drop => {
                client.stream.cut();
                return ended(&shard, ConnectionEnd::Failed);
            }
            Next::Cut => {
                client.stream.cut();
                if !client.stream.is_quiet() {
                    linger(&client, lingering(&shard, &client), raw).await;
                }
                return ended(&shard, ConnectionEnd::Failed);
            }
            Next::Close if client.stream.is_quiet() && lingering(&shard, &client).close != Some(true) => {
                return ended(&shard, ConnectionEnd::Answered);
            }
            Next::Close | Next::Linger => {
                linger(&client, lingering(&shard, &client), raw).await;
                return ended(&shard, ConnectionEnd::Answered);
            }
        }
    }
}

/// Counts the end of a connection.
fn ended(shard: &Shard, end: ConnectionEnd) -> Option<Left> {
    shard.own_metrics().connection_ended(end);
    None
}

/// The connection's PROXY header did not come, or was none.
fn without_header(shard: &Shard, client: &Client, is_stream: bool) -> Option<Left> {
    if is_stream {
        stream_server::note_broken_header(shard, client);
    }
    ended(shard, ConnectionEnd::Failed)
}

/// Leaves a connection to rest.
fn parked(shard: &Shard, client: Client, socket: OwnedFd, within: Duration) -> Left {
    Left::Parked(Box::new((socket, within, Parked::new(shard, client))))
}

fn open(shard: &Shard, coming: Coming) -> Client {
    match coming {
        Coming::New(listener, Accepted { fd, client }) => {
            Client::new(Transport::Plain(Stream::from_fd(fd)), shard.next_connection_number(), client, listener)
        }
        Coming::Back(socket, parked) => parked.resume(shard, socket),
    }
}

async fn one(shard: &Shard, client: &Client, raw: &mut Vec<u8>, arrived: Arrived) -> Next {
    let Arrived { head, bytes, started, pipelined } = arrived;
    client.requests.set(client.requests.get() + 1);
    let mut exchange = Exchange::new(shard, client, head, bytes, started);
    exchange.pipelined = pipelined;
    exchange.run(raw, None).await
}

async fn broken(
    shard: &Shard,
    client: &Client,
    raw: &mut Vec<u8>,
    failure: Failure,
    line: Box<[u8]>,
    bytes: usize,
    started: Instant,
) -> Next {
    client.requests.set(client.requests.get() + 1);
    let mut exchange = Exchange::new(shard, client, RequestHead::unread(line), bytes, started);
    exchange.phase = failure.phase();
    exchange.run(raw, Some(failure)).await
}

/// Waits for a request, unless it is here, and reads its head.
async fn next_head(shard: &Shard, client: &Client, raw: &mut Vec<u8>, mut is_here: bool) -> Arrival {
    let rules = &shard.default_server(client.listener).client_head;
    let pipelined = !raw.is_empty() && client.requests.get() > 0;
    loop {
        if raw.is_empty() && !std::mem::take(&mut is_here) {
            *raw = Vec::new();
            if let Some(arrival) = begun(shard, client, raw, rules).await {
                return arrival;
            }
        }
        let _counted = shard.own_metrics().reading.raised();
        let mut reading = Reading::new(rules, pipelined);
        if let Some(arrival) = reading.read_now(client, raw) {
            return arrival;
        }
        // Otherwise nothing is there after all: an old wait had ended, and the connection is as idle as it was.
        if !raw.is_empty() || client.stream.is_within_record() {
            // Few heads come in pieces: what waits for them stands apart, so that an idle connection has no room for it.
            return Room::of(|| reading.read_on(client, raw)).await;
        }
    }
}

/// Waits until a request begins, or says why none does.
async fn begun(shard: &Shard, client: &Client, raw: &mut Vec<u8>, rules: &ClientHead) -> Option<Arrival> {
    if shard.is_draining() && client.requests.get() > 0 {
        return Some(Arrival::Nothing(ConnectionEnd::Drained));
    }
    let is_first = client.requests.get() == 0;
    if is_first && has_come_already(client, raw, rules) {
        return None;
    }
    match parked::wait(shard, client).await {
        Waited::Readable => None,
        Waited::TimedOut if is_first => Some(Arrival::Nothing(ConnectionEnd::HeadTimeout)),
        Waited::TimedOut => Some(Arrival::Nothing(ConnectionEnd::Idle)),
        Waited::Quiet(socket, within) => Some(Arrival::Quiet(socket, within)),
    }
}

/// A client that connects mostly sends at once: its first bytes are often here before they could be waited for.
fn has_come_already(client: &Client, raw: &mut Vec<u8>, settings: &ClientHead) -> bool {
    raw.reserve(settings.buffer_bytes);
    let has_come = matches!(client.stream.read_now(raw, usize::MAX), Ok(Some(1..)));
    if !has_come {
        *raw = Vec::new();
    }
    has_come
}

/// A head that is being read.
struct Reading<'s> {
    settings: &'s ClientHead,
    /// Each byte is looked at once, however slowly a head trickles in.
    scanner: RequestScanner,
    started: Instant,
    pipelined: bool,
}

impl<'s> Reading<'s> {
    fn new(settings: &'s ClientHead, pipelined: bool) -> Self {
        let rules = RequestRules {
            buffer_bytes: settings.buffer_bytes,
            large_buffer_bytes: settings.large_buffer_bytes,
            large_buffer_count: settings.large_buffer_count,
            underscores: settings.underscores,
            ignore_invalid: settings.ignore_invalid,
        };
        Self { settings, scanner: RequestScanner::new(&rules), started: moment::now(), pipelined }
    }

    /// Reads what is there; `None` when that is no whole head yet.
    fn read_now(&mut self, client: &Client, raw: &mut Vec<u8>) -> Option<Arrival> {
        loop {
            if !raw.is_empty()
                && let Some(arrival) = self.look(raw)
            {
                return Some(arrival);
            }
            if raw.capacity() == raw.len() {
                raw.reserve(self.settings.buffer_bytes.max(raw.len()));
            }
            match client.stream.read_now(raw, usize::MAX) {
                Ok(None) => return None,
                Ok(Some(1..)) => {}
                Ok(Some(0)) => return Some(self.gone(raw, io::ErrorKind::UnexpectedEof.into())),
                Err(error) => return Some(self.gone(raw, error)),
            }
        }
    }

    /// Waits for the rest of a head.
    async fn read_on(mut self, client: &Client, raw: &mut Vec<u8>) -> Arrival {
        if let Ok(arrival) = limited(self.settings.timeout, pin!(self.wait(client, raw))).await {
            return arrival;
        }
        if raw.is_empty() {
            // The begin of a record is no request.
            return Arrival::Nothing(ConnectionEnd::HeadTimeout);
        }
        self.broken(Failure::new(phase_of(raw), Cause::ClientTimedOut), raw)
    }

    async fn wait(&mut self, client: &Client, raw: &mut Vec<u8>) -> Arrival {
        loop {
            if let Err(error) = client.stream.readable().await {
                return self.gone(raw, error);
            }
            if let Some(arrival) = self.read_now(client, raw) {
                return arrival;
            }
        }
    }

    /// Looks at what is new.
    fn look(&mut self, raw: &mut Vec<u8>) -> Option<Arrival> {
        let Self { started, pipelined, .. } = *self;
        match self.scanner.push(raw) {
            Ok(Some((head, bytes))) if head.fields.len() > self.settings.max_headers => {
                let cause = Cause::Refused(400, "client sent too many header lines");
                let failure = Failure::new(Phase::ReadingRequestHead, cause);
                Some(Arrival::Broken { failure, line: head.line, bytes, started })
            }
            Ok(Some((head, bytes))) => {
                drain(raw, bytes);
                Some(Arrival::Head(Arrived { head, bytes, started, pipelined }))
            }
            Ok(None) => None,
            Err(error) => Some(self.broken(Failure::new(phase_of(raw), Cause::Request(error)), raw)),
        }
    }

    /// The client is gone: no news before it has sent anything.
    fn gone(&self, raw: &[u8], error: io::Error) -> Arrival {
        if raw.is_empty() {
            return Arrival::Nothing(ConnectionEnd::ClientClosed);
        }
        self.broken(Failure::client(Phase::ReadingRequestHead, "recv()", error), raw)
    }

    fn broken(&self, failure: Failure, raw: &[u8]) -> Arrival {
        Arrival::Broken { failure, line: first_line(raw), bytes: raw.len(), started: self.started }
    }
}

/// Takes a head out. While its request is answered nothing is held for what did not come.
fn drain(raw: &mut Vec<u8>, bytes: usize) {
    if raw.len() == bytes {
        *raw = Vec::new();
    } else {
        raw.drain(..bytes);
    }
}

/// Which part of the head was being read.
fn phase_of(raw: &[u8]) -> Phase {
    if raw.contains(&b'\n') { Phase::ReadingRequestHead } else { Phase::ReadingRequestLine }
}

/// What stands in the log for a request whose head is broken.
fn first_line(raw: &[u8]) -> Box<[u8]> {
    let line = raw.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line).into()
}

/// `lingering_*` of the location, or of the server that answers while none is known.
fn lingering(shard: &Shard, client: &Client) -> Lingering {
    client.lingering.get().unwrap_or_else(|| shard.default_server(client.listener).root.client.lingering)
}
