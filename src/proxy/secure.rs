//! The TLS handshake of a client's connection, before its first request, and of a connection to a peer.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shard;
use super::client::Client;
use super::exchange::Exchange;
use super::failure::{Cause, Failure, Phase};
use super::parked::{self, Waited};
use super::security::{Chosen, ClientTls, Security};
use crate::limits::TLS_HELLO_BYTES_USUAL;
use crate::model::{LogLevel, Scheme, VerifyClient};
use crate::net::moment;
use crate::net::stream::Stream;
use crate::net::timer::{within, within_any};
use crate::observe::outcome::ConnectionEnd;
use crate::sys::errno::Errno;
use crate::tls::{self, Broken, Greeting, Hello, Link};
use crate::transport::{Purpose, Secured, TlsState, Transport};

/// A fatal alert that says that the server's name is not known (RFC 6066 3).
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];

/// What the log says of a client that has shown nothing where something is wanted.
const NO_CERTIFICATE: &str = "client sent no required SSL certificate";

/// How a handshake ended.
pub enum Begun {
    Ready(Client),
    Ended(ConnectionEnd),
    /// Nothing has come so far: see [`Waited::Quiet`].
    Quiet(Client, OwnedFd, Duration),
}

/// Shakes hands with a client of a listener that wants that, if it was not done. `raw` is what was read already; a client
/// that speaks plain HTTP leaves it there. `is_here` says that something is there to be read.
pub async fn accept(shard: &Shard, client: Client, raw: &mut Vec<u8>, is_here: bool) -> Begun {
    if !matches!(client.security, Security::None) {
        return Begun::Ready(client);
    }
    if raw.is_empty() && !is_here {
        raw.reserve(TLS_HELLO_BYTES_USUAL);
        if !matches!(client.stream.read_now(raw, usize::MAX), Ok(Some(1..))) {
            *raw = Vec::new();
            match parked::wait(shard, &client).await {
                Waited::Readable => {}
                Waited::TimedOut => return Begun::Ended(ConnectionEnd::HeadTimeout),
                Waited::Quiet(socket, within) => return Begun::Quiet(client, socket, within),
            }
        }
    }
    let timeout = shard.default_server(client.listener).client_head.timeout;
    let (mut client, shaken) = shake_hands(shard, client, raw, timeout).await;
    let error = match shaken {
        Shaken::Done => return Begun::Ready(client),
        Shaken::Plain => {
            client.security = Security::Misplaced;
            return Begun::Ready(client);
        }
        Shaken::Failed(error) => error,
    };
    shard.report(&client, LogLevel::Info, format_args!("{} while SSL handshaking", why(&error)));
    Begun::Ended(if is_late(&error) { ConnectionEnd::HeadTimeout } else { ConnectionEnd::Failed })
}

/// What came of a handshake.
pub enum Shaken {
    Done,
    /// The client speaks something else; what it has said is as it came.
    Plain,
    Failed(io::Error),
}

/// What the log says of a handshake that failed.
fn why(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Broken>()) {
        Some(broken) => format!("SSL_do_handshake() failed (SSL: {broken})"),
        None if is_late(error) => "client timed out (110: Connection timed out)".to_owned(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "peer closed connection in SSL handshake".to_owned(),
        None => format!("SSL_do_handshake() failed ({})", Errno(error)),
    }
}

fn is_late(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}

/// The same as what ends a connection of which more is told than a line.
pub fn failure(error: io::Error) -> Failure {
    match error.kind() {
        // What the client said, and not what became of its connection.
        io::ErrorKind::InvalidData => {
            let words = format!("{} while SSL handshaking", why(&error));
            Failure::new(Phase::Greeting, Cause::Denied { status: 500, level: LogLevel::Info, words })
        }
        _ => Failure::client(Phase::Greeting, "SSL_do_handshake()", error),
    }
}

/// Shakes hands with a client, within `timeout`. `raw` is what was read already. Of a client that does not get through it is
/// still known what it asked for, if it came so far.
pub async fn shake_hands(shard: &Shard, client: Client, raw: &mut Vec<u8>, timeout: Duration) -> (Client, Shaken) {
    let _counted = shard.own_metrics().reading.raised();
    let began = moment::now();
    let begun = {
        let mut beginning = Box::pin(begin(shard, &client, raw));
        within(timeout, beginning.as_mut()).await
    };
    let (link, known) = match begun {
        Ok(Some(begun)) => begun,
        Ok(None) => return (client, Shaken::Plain),
        Err(error) => return (client, Shaken::Failed(error)),
    };
    let secure = |stream| Secured::new(stream, Box::new(TlsState::new(link)));
    let client = client.secured(Box::new(known), secure);
    let shaken = match client.stream.secured() {
        Some(secured) => finish(secured, std::mem::take(raw), timeout, began).await,
        None => Err(io::Error::other("the socket is still in use")),
    };
    (client, shaken.map_or_else(Shaken::Failed, |()| Shaken::Done))
}

/// The rest of a handshake that began then. Zero is no bound.
async fn finish(secured: &Secured, came: Vec<u8>, timeout: Duration, began: Instant) -> io::Result<()> {
    let left = timeout.saturating_sub(moment::now().duration_since(began));
    if left.is_zero() && !timeout.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    within_any(left, secured.shake_hands(came)).await
}

/// Hears what a client wants, and chooses what answers it; `None` if that is no TLS.
async fn begin(shard: &Shard, client: &Client, raw: &mut Vec<u8>) -> io::Result<Option<(Link, ClientTls)>> {
    if raw.is_empty() {
        // Nothing has begun: a shard that is to end does not wait for it.
        let _waiting = shard.wait(client);
        client.stream.readable().await?;
    }
    let Some(hello) = greeted(&client.stream, raw).await? else { return Ok(None) };
    let chosen = chosen(shard, client, &hello)?;
    let Some(config) = &chosen.tls.config else {
        // Whoever does not take it sees the end of the connection.
        let _ = client.stream.write_now(UNRECOGNIZED_NAME);
        return Err(refused("the server refuses all handshakes"));
    };
    let link = Link::server(Arc::clone(config)).map_err(io::Error::other)?;
    Ok(Some((link, ClientTls::new(chosen, hello))))
}

fn refused(words: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words.to_owned())
}

/// Reads until the client has said what it wants; `None` if that is no TLS.
async fn greeted(stream: &Transport, raw: &mut Vec<u8>) -> io::Result<Option<Hello>> {
    let mut greeting = Greeting::default();
    loop {
        if raw.first().is_some_and(|first| !tls::begins_handshake(*first)) {
            return Ok(None);
        }
        let mut alert = Vec::new();
        match greeting.look(raw, &mut alert) {
            Ok(Some(hello)) => return Ok(Some(hello)),
            Ok(None) => {}
            Err(broken) => {
                // As above.
                let _ = stream.write_now(&alert);
                return Err(io::Error::new(io::ErrorKind::InvalidData, broken));
            }
        }
        raw.reserve(TLS_HELLO_BYTES_USUAL);
        match stream.read_now(raw, usize::MAX)? {
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(_) => {}
            None => stream.readable().await?,
        }
    }
}

/// The virtual server for a name, and what it proves: its own certificate, or that of the default server.
fn chosen(shard: &Shard, client: &Client, hello: &Hello) -> io::Result<Chosen> {
    let router = shard.router(client.listener);
    let name = hello.server_name.as_deref().map(|name| name.strip_suffix('.').unwrap_or(name));
    let named = match name {
        Some(name) => router.named(name.as_bytes()).map_err(|error| refused(&error.to_string()))?,
        None => None,
    };
    let name = name.filter(|_| named.is_some()).map(Into::into);
    let server = Arc::clone(named.map_or_else(|| router.default_server(), |named| named.server));
    let default = shard.default_server(client.listener);
    let tls = server.tls.or(default.tls).and_then(|id| shard.tls.server(id));
    let tls = Arc::clone(tls.ok_or_else(|| refused("no certificate"))?);
    Ok(Chosen { server, name, tls })
}

impl Exchange<'_> {
    /// The scheme by which the client asks.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.client.is_secure() { Scheme::Https } else { Scheme::Http }
    }

    /// What TLS has against a request whose head is read.
    pub(super) fn check_security(&self) -> Result<(), Failure> {
        let client = self.client;
        let known = match &client.security {
            Security::None => return Ok(()),
            Security::Misplaced => {
                return Err(self.failure(Cause::Refused(497, "client sent plain HTTP request to HTTPS port")));
            }
            Security::Tls(known) => known,
        };
        let wanted = self.server.verify_client;
        let is_other = match (&known.name, &self.host) {
            (Some(name), Some(host)) => *host.name != *name.as_bytes(),
            (Some(_), None) => true,
            // A server without a certificate has nobody of its own to vouch for clients.
            (None, _) => {
                let own = self.server.tls.and_then(|id| self.shard.tls.server(id));
                known.tls.verify_client != VerifyClient::Off && own.is_some_and(|own| !Arc::ptr_eq(own, &known.tls))
            }
        };
        // What one server wants proved is not proved to another.
        if is_other && wanted != VerifyClient::Off {
            let words = "client attempted to request the server name different from the one that was negotiated";
            return Err(self.failure(Cause::Refused(421, words)));
        }
        self.check_certificate(known, wanted)
    }

    /// What the server of a connection has against its client.
    pub(super) fn check_client(&self) -> Result<(), Failure> {
        match (&self.client.security, self.server.verify_client) {
            (Security::Tls(known), wanted) => self.check_certificate(known, wanted),
            (Security::None | Security::Misplaced, VerifyClient::Off) => Ok(()),
            (Security::None | Security::Misplaced, _) => Err(self.failure(Cause::Refused(496, NO_CERTIFICATE))),
        }
    }

    fn check_certificate(&self, known: &ClientTls, wanted: VerifyClient) -> Result<(), Failure> {
        if wanted == VerifyClient::Off {
            return Ok(());
        }
        let Some(secured) = self.client.stream.secured() else { return Ok(()) };
        let (judged, is_shown) = secured
            .look(|link| (known.judged(link).clone(), link.state().peer_certificates().is_some()))
            .unwrap_or((Ok(()), false));
        match judged {
            Err(distrust) if !(wanted == VerifyClient::OptionalNoCa && distrust.is_unknown()) => {
                let words = format!("client SSL certificate verify error: {distrust}");
                Err(self.failure(Cause::Denied { status: 495, level: LogLevel::Info, words }))
            }
            _ if wanted == VerifyClient::On && !is_shown => Err(self.failure(Cause::Refused(496, NO_CERTIFICATE))),
            _ => Ok(()),
        }
    }
}

/// Makes a connection to a peer one with TLS.
///
/// # Errors
/// The handshake failed, or took too long.
pub async fn connect(shard: &Shard, stream: Stream, wanted: &Purpose, timeout: Duration) -> Result<Transport, Failure> {
    let failed = |error| Failure::upstream(Phase::Handshaking, "SSL_do_handshake()", error);
    let Some(peer) = shard.tls.peer(wanted.settings) else {
        return Err(failed(io::Error::other("TLS is not set up")));
    };
    let nameless = || tls::ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    let name = match tls::name_of(&wanted.name) {
        Some(name) => name,
        None if peer.verify => {
            let words = format!("upstream SSL certificate does not match \"{}\"", wanted.name);
            return Err(Failure::new(Phase::Handshaking, Cause::UpstreamDistrusted(words)));
        }
        None => nameless(),
    };
    let link = Link::client(Arc::clone(&peer.config), name).map_err(|broken| failed(io::Error::other(broken)))?;
    let secured = Box::new(Secured::to_peer(stream, Box::new(TlsState::new(link)), wanted.clone()));
    let shaken = within(timeout, pin!(secured.shake_hands(Vec::new()))).await;
    shaken.map_err(|error| {
        let broken = error.get_ref().and_then(|inner| inner.downcast_ref::<Broken>());
        if let Some(words) = broken.and_then(|broken| tls::distrusted(broken, &wanted.name)) {
            return Failure::new(Phase::Handshaking, Cause::UpstreamDistrusted(words));
        }
        match broken {
            Some(broken) => {
                let words = format!("SSL_do_handshake() failed (SSL: {broken})");
                Failure::new(Phase::Handshaking, Cause::UpstreamDistrusted(words))
            }
            None => failed(error),
        }
    })?;
    Ok(Transport::Tls(secured))
}
