//! Exchanges that stand at their location and are never answered: `benches/` measure on them what it costs to decide.
//!
//! The steps up to there are those of every exchange. No byte is read or sent.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::Exchange;
use crate::http::RequestHead;
use crate::http::framing::BodyLength;
use crate::http::upgrade::Request;
use crate::model::{Content, Location, ProxyPass, Template};
use crate::net::accept::ClientAddress;
use crate::net::stream::Stream;
use crate::proxy::client::Client;
use crate::proxy::destination::Said;
use crate::proxy::{Shard, destination, rewrite, upgrade};
use crate::route;
use crate::transport::Transport;

/// A shard and one of its client connections, within a runtime.
pub struct Ground {
    shard: Rc<Shard>,
    client: Client,
}

impl Ground {
    /// # Errors
    /// When the runtime cannot register the connection.
    pub fn new(shard: Rc<Shard>, connection: OwnedFd, remote: ClientAddress) -> io::Result<Self> {
        let client =
            Client::new(Transport::Plain(Stream::from_fd(connection)), shard.next_connection_number(), remote, 0);
        Ok(Self { shard, client })
    }

    /// Takes a request to its location; `None` if it does not get there.
    #[must_use]
    pub fn locate(&self, head: Box<RequestHead>) -> Option<Sample<'_>> {
        let mut exchange = Exchange::new(&self.shard, &self.client, head, 0, Instant::now());
        exchange.read_target().ok()?;
        exchange.location = route::locate(exchange.server, &exchange.path).ok()?.location;
        Some(Sample { exchange })
    }
}

/// One exchange at its location.
pub struct Sample<'g> {
    exchange: Exchange<'g>,
}

impl<'g> Sample<'g> {
    #[must_use]
    pub fn location(&self) -> &Arc<Location> {
        self.exchange.location
    }

    #[must_use]
    pub fn evaluate(&self, template: &Template) -> Vec<u8> {
        self.exchange.evaluate(template)
    }

    /// The head that the peer of this location would get; `None` without `proxy_pass`, or when it would get none.
    #[must_use]
    pub fn head_for_peer(&mut self) -> Option<Vec<u8>> {
        let location = self.exchange.location;
        let Content::Proxy(to) = &location.content else { return None };
        self.head_towards(location, to)
    }

    fn head_towards(&mut self, location: &'g Location, to: &'g ProxyPass) -> Option<Vec<u8>> {
        let exchange = &mut self.exchange;
        let Said::Leads(destination) = destination::of(exchange, to).ok()? else { return None };
        let upgrading = upgrade::towards_peer(exchange, &location.proxy, &Request::of(&exchange.head)).ok()?;
        let uri = rewrite::uri(exchange, to, destination.uri.as_deref());
        let method = exchange.head.method.clone();
        Some(rewrite::request(exchange, &location.proxy, &method, &uri, BodyLength::None, &upgrading))
    }
}
