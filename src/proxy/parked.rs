//! A client connection between two requests: it waits in its task for a moment, and is then *parked*: the task and all
//! that it held go, and what stays is enough to go on as if it had only waited.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::client::Client;
use super::security::{ClientTls, Security};
use super::shard::Shard;
use crate::limits::{CLIENT_PARK_AFTER, CLIENT_PARK_LEFT_MIN};
use crate::model::Lingering;
use crate::net::accept::ClientAddress;
use crate::net::proxy_protocol::ProxyHeader;
use crate::net::stream::Stream;
use crate::observe::outcome::ConnectionEnd;
use crate::transport::{Secured, TlsState, Transport};

/// What a wait for a request came to.
pub(super) enum Waited {
    /// There is something to read, be it an end.
    Readable,
    TimedOut,
    /// Nothing so far: the connection's socket by another descriptor, for whoever parks it, and the time that is left.
    Quiet(OwnedFd, Duration),
}

/// Waits for the next request, or the first.
pub(super) async fn wait(shard: &Shard, client: &Client) -> Waited {
    let _waiting = shard.wait(client);
    // Zero is no bound.
    let mut left = Some(shard.wait_time(client)).filter(|left| !left.is_zero());
    loop {
        let step = left.map_or(CLIENT_PARK_AFTER, |left| left.min(CLIENT_PARK_AFTER));
        match client.stream.readable_within(step).await {
            Ok(()) => return Waited::Readable,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => left = left.map(|left| left - step),
            Err(_) => return Waited::TimedOut,
        }
        if left.is_some_and(|left| left.is_zero()) {
            return Waited::TimedOut;
        }
        let within = left.unwrap_or(Duration::MAX);
        // Where no descriptor is to be had it goes on as it is.
        if within >= CLIENT_PARK_LEFT_MIN
            && shard.may_park()
            && let Ok(socket) = client.stream.stream().duplicate()
        {
            return Waited::Quiet(socket, within);
        }
    }
}

/// What is kept of a connection at rest.
pub struct Parked {
    number: u64,
    accepted_at: Instant,
    remote: ClientAddress,
    rare: Option<Box<Rare>>,
    /// `keepalive_requests` is far below where it stops.
    requests: u32,
    listener: u32,
}

/// With the descriptor, its slot and the place in the shard's counts an idle connection costs 96.
const _: () = assert!(size_of::<Parked>() <= 72);

/// What few connections have.
struct Rare {
    proxy_header: Option<Box<ProxyHeader>>,
    settings: Option<Settings>,
    tls: Option<(Box<TlsState>, Box<ClientTls>)>,
}

/// Settings of the last location that hold between two requests.
#[derive(PartialEq)]
struct Settings {
    keepalive_timeout: Option<Duration>,
    lingering: Option<Lingering>,
}

impl Settings {
    /// What a client has after a request: most have those of their listener's default server.
    fn usual(shard: &Shard, listener: usize, requests: u64) -> Self {
        let client = &shard.default_server(listener).root.client;
        let has_asked = requests > 0;
        Self {
            keepalive_timeout: has_asked.then_some(client.keepalive_timeout),
            lingering: has_asked.then_some(client.lingering),
        }
    }
}

impl Parked {
    /// Gives up all that a connection holds but what is needed to go on. It counts as waiting.
    pub(super) fn new(shard: &Shard, client: Client) -> Self {
        let own = shard.own_metrics();
        own.waiting.raise();
        own.parked.raise();
        let settings =
            Settings { keepalive_timeout: client.keepalive_timeout.get(), lingering: client.lingering.get() };
        let is_usual = settings == Settings::usual(shard, client.listener, client.requests.get());
        let settings = (!is_usual).then_some(settings);
        let proxy_header = client.proxy_header;
        let tls = match (&*client.stream, client.security) {
            (Transport::Tls(secured), Security::Tls(known)) => secured.take_state().map(|state| (state, known)),
            (Transport::Plain(_) | Transport::Tls(_), _) => None,
        };
        let is_rare = proxy_header.is_some() || settings.is_some() || tls.is_some();
        Self {
            number: client.number,
            accepted_at: client.accepted_at,
            remote: client.remote,
            rare: is_rare.then(|| Box::new(Rare { proxy_header, settings, tls })),
            requests: u32::try_from(client.requests.get()).unwrap_or(u32::MAX),
            listener: u32::try_from(client.listener).unwrap_or(u32::MAX),
        }
    }

    /// The connection as it was. [`Parked::leave`] comes before.
    pub(super) fn resume(self, shard: &Shard, socket: OwnedFd) -> Client {
        let Self { number, accepted_at, remote, rare, requests, listener } = self;
        let (requests, listener) = (u64::from(requests), listener as usize);
        let nothing = Rare { proxy_header: None, settings: None, tls: None };
        let Rare { proxy_header, settings, tls } = rare.map_or(nothing, |rare| *rare);
        let stream = Stream::from_fd(socket);
        let (stream, security) = match tls {
            Some((state, known)) => (Transport::Tls(Box::new(Secured::new(stream, state))), Security::Tls(known)),
            None => (Transport::Plain(stream), Security::None),
        };
        let mut client = Client::new(stream, number, remote, listener);
        client.security = security;
        client.requests.set(requests);
        client.accepted_at = accepted_at;
        client.proxy_header = proxy_header;
        let settings = settings.unwrap_or_else(|| Settings::usual(shard, listener, requests));
        client.keepalive_timeout.set(settings.keepalive_timeout);
        client.lingering.set(settings.lingering);
        client
    }

    /// Whether a request came before the rest.
    #[must_use]
    pub fn has_asked(&self) -> bool {
        self.requests > 0
    }

    /// The connection has ended at rest.
    pub fn end(self, shard: &Shard, socket: OwnedFd, end: ConnectionEnd) {
        self.leave(shard);
        match self.rare.and_then(|rare| rare.tls) {
            // It says so when it is dropped.
            Some((state, _)) => drop(Secured::new(Stream::from_fd(socket), state)),
            None => drop(socket),
        }
        shard.own_metrics().connection_ended(end);
    }

    /// It counts as waiting no more: to be called once, at the end of the rest.
    pub fn leave(&self, shard: &Shard) {
        let own = shard.own_metrics();
        own.waiting.lower();
        own.parked.lower();
    }
}
