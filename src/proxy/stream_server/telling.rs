//! What the error log is told of the connections of `stream` where it takes `info`: who came, where from there, and how
//! much went either way; and how an error names a connection.

use std::fmt;

use crate::model::{LogLevel, PeerAddress};
use crate::net::accept::ClientAddress;
use crate::proxy::exchange::{Attempt, Exchange};
use crate::proxy::told::{Bytes, Told};
use crate::transport::Transport;

/// Whether anything is to be told.
fn is_on(exchange: &Exchange<'_>) -> bool {
    exchange.shard.logs.error.takes(exchange.location.error_log, LogLevel::Info)
}

fn tell(exchange: &Exchange<'_>, text: fmt::Arguments<'_>) {
    let (log, number) = (exchange.location.error_log, exchange.client.number);
    exchange.shard.logs.error.write(log, LogLevel::Info, Some(number), text);
}

/// A client has come.
pub fn came(exchange: &Exchange<'_>) {
    if !is_on(exchange) {
        return;
    }
    let listener = &exchange.shard.generation.serving.listeners[exchange.client.listener].address;
    match exchange.client.remote {
        ClientAddress::Ip(address) => tell(exchange, format_args!("client {address} connected to {listener}")),
        ClientAddress::Unix => tell(exchange, format_args!("client unix: connected to {listener}")),
    }
}

/// A peer was connected.
pub fn connected(exchange: &Exchange<'_>, peer: &Transport, address: &PeerAddress) {
    if !is_on(exchange) {
        return;
    }
    let local = peer.stream().local_address().ok().and_then(|local| local.as_socket());
    match local {
        Some(local) => tell(exchange, format_args!("proxy {local} connected to {address}")),
        None => tell(exchange, format_args!("proxy unix: connected to {address}")),
    }
}

/// Both ends had what they had of each other.
pub fn disconnected(exchange: &Exchange<'_>, is_by_upstream: bool) {
    let who = if is_by_upstream { "upstream" } else { "client" };
    if is_on(exchange) {
        tell(exchange, format_args!("{who} disconnected{}", exchange.stream_bytes()));
    }
}

/// The words for the end of a tunnel, if anybody wants them.
pub fn kept(exchange: &Exchange<'_>) -> Option<Told> {
    is_on(exchange).then(|| Told {
        log: exchange.location.error_log,
        number: exchange.client.number,
        tail: exchange.stream_ends().to_string().into(),
        bytes_before: exchange.attempts.last().map_or(0, |attempt| attempt.bytes_sent),
    })
}

/// `, client: …, server: …, upstream: "…"`: a server of `stream` is known by its address.
pub struct Ends<'e>(&'e Exchange<'e>);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchange = self.0;
        let listener = &exchange.shard.generation.serving.listeners[exchange.client.listener];
        write!(f, ", client: {}, server: {}", exchange.remote, listener.address)?;
        match exchange.attempts.last() {
            Some(attempt) => write!(f, ", upstream: \"{}\"", attempt.at),
            None => Ok(()),
        }
    }
}

impl Exchange<'_> {
    /// The tail of an error of `stream`.
    pub fn stream_ends(&self) -> Ends<'_> {
        Ends(self)
    }

    /// What has gone through the connection so far.
    pub fn stream_bytes(&self) -> Bytes {
        let of_peer = |bytes: fn(&Attempt) -> u64| self.attempts.last().map_or(0, bytes);
        Bytes {
            client: (self.request_bytes.get(), self.sent.borrow().bytes),
            upstream: (of_peer(|attempt| attempt.bytes_received), of_peer(|attempt| attempt.bytes_sent)),
        }
    }
}
