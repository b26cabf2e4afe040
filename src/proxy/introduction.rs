//! The header of the PROXY protocol towards a peer of `stream`: what comes before everything else on its connection.

use std::net::SocketAddr;

use super::exchange::Exchange;
use super::failure::{Failure, Phase};
use crate::net::accept::ClientAddress;
use crate::net::proxy_protocol;
use crate::net::stream::Stream;

/// Tells a peer who the client is, if it is to know. With TLS that comes first, in plain bytes.
///
/// # Errors
/// It could not be told.
pub async fn introduce(exchange: &mut Exchange<'_>, peer: &Stream) -> Result<(), Failure> {
    if !exchange.server.stream.as_ref().is_some_and(|stream| stream.proxy_protocol) {
        return Ok(());
    }
    // What the client says follows the header, and does not wait until that is acknowledged.
    peer.set_nodelay();
    let header = proxy_protocol::write(source(exchange.remote), exchange.client.local());
    let timeout = exchange.location.proxy.connect_timeout;
    let mut written = 0;
    let result = peer.write_all(&header, timeout, &mut written).await;
    exchange.note_sent(written, 0);
    result.map_err(|error| Failure::upstream(Phase::SendingRequest, "send()", error))
}

fn source(remote: ClientAddress) -> Option<SocketAddr> {
    match remote {
        ClientAddress::Ip(address) => Some(address),
        ClientAddress::Unix => None,
    }
}
