//! What leaves this module when an exchange ends in a tunnel: both sockets by value, so that nothing here can write
//! to them any more.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::client::Client;
use super::relay::{self, Relay};
use super::shard::Shard;
use super::told::Told;
use crate::model::{LogLevel, Tunnel};
use crate::observe::deferred::Lines;
use crate::observe::outcome::{ExchangeEnd, TunnelRecord};
use crate::sys::errno::Errno;
use crate::transport::Transport;
use crate::upstream::Lease;
use crate::zones::Place;

/// What a tunnel keeps of its exchange: as little as its end needs.
pub struct Kept {
    /// Counts the tunnel at its peer.
    lease: Lease,
    /// `None` where no log is written and no zone counts.
    rest: Option<Box<Rest>>,
}

enum Rest {
    Usual(Usual),
    /// With words for the error log.
    Told(Box<(Usual, Told)>),
}

#[derive(Default)]
struct Usual {
    /// Access log lines.
    lines: Option<Lines>,
    /// Counts the tunnel in the zones of `limit_conn`.
    places: Box<[Place]>,
}

/// It lies in the slot of each tunnel.
const _: () = assert!(size_of::<Kept>() <= 24);
/// Eight bytes more would be sixteen of the allocator's.
const _: () = assert!(size_of::<Rest>() <= 40);

impl Kept {
    /// Keeps what the end of the tunnel will need, and counts the tunnel.
    pub(super) fn new(
        shard: &Shard,
        lease: Lease,
        lines: Option<Lines>,
        places: Vec<Place>,
        told: Option<Told>,
    ) -> Self {
        let own = shard.own_metrics();
        own.exchange_ended(ExchangeEnd::Upgraded);
        own.tunnels_opened.add(1);
        own.tunnels.raise();
        let has_usual = lines.is_some() || !places.is_empty();
        let usual = Usual { lines, places: places.into() };
        let rest = match told {
            Some(told) => Some(Rest::Told(Box::new((usual, told)))),
            None => has_usual.then_some(Rest::Usual(usual)),
        };
        Self { lease, rest: rest.map(Box::new) }
    }

    /// The tunnel has ended: writes its lines and gives its place at the peer back.
    pub fn finish(self, shard: &Shard, record: &TunnelRecord) {
        let Self { lease, rest } = self;
        let (Usual { lines, places }, told) = match rest.map(|rest| *rest) {
            None => (Usual::default(), None),
            Some(Rest::Usual(usual)) => (usual, None),
            Some(Rest::Told(both)) => {
                let (usual, told) = *both;
                (usual, Some(told))
            }
        };
        if let Some(told) = told {
            told.end(shard, record);
        }
        if let Some(lines) = lines {
            lines.finish(&mut shard.words.borrow_mut(), record, |location, log, path, line| {
                if let Err(failed) = shard.write_line(location, log, path, line) {
                    shard.logs.error.write(location.error_log, LogLevel::Crit, None, format_args!("{failed}"));
                }
            });
        }
        shard.own_metrics().tunnels.lower();
        shard.own_metrics().tunnel_ended(record.ended);
        drop((lease, places));
    }
}

/// A verified upgrade, before the client's socket is taken from its connection.
pub struct Handover {
    pub upstream: Transport,
    /// Bytes that the peer sent right after its 101.
    pub to_client: Vec<u8>,
    /// Whether WebSocket frames flow: else the tunnel is blind.
    pub frames: bool,
    pub settings: Arc<Tunnel>,
    pub kept: Kept,
}

/// Two sockets that are to be a tunnel.
pub struct Ends {
    pub client: OwnedFd,
    pub upstream: OwnedFd,
    /// What carries the bytes of encrypted ends: it runs until it ends by itself.
    pub relay: Option<Relay>,
    /// Bytes that go to the upstream before anything else: the client sent them with its handshake.
    pub to_upstream: Vec<u8>,
    pub to_client: Vec<u8>,
    pub frames: bool,
    pub settings: Arc<Tunnel>,
    pub kept: Kept,
}

impl Handover {
    /// Joins the client's socket and the bytes read from it. Where no descriptor is left the log says so.
    #[must_use]
    pub fn join(self, shard: &Shard, client: Client, to_upstream: Vec<u8>) -> Option<Ends> {
        let (number, id) = (client.number, shard.default_server(client.listener).root.error_log);
        match self.ends(client, to_upstream) {
            Ok(ends) => Some(ends),
            Err(error) => {
                let text = format_args!("tunnel could not be opened: no descriptor ({})", Errno(&error));
                shard.logs.error.write(id, LogLevel::Crit, Some(number), text);
                None
            }
        }
    }

    fn ends(self, client: Client, to_upstream: Vec<u8>) -> std::io::Result<Ends> {
        let client =
            Rc::into_inner(client.stream).ok_or_else(|| std::io::Error::other("the socket is still in use"))?;
        let (client, client_relay) = relay::stand_in(client)?;
        let (upstream, upstream_relay) = relay::stand_in(self.upstream)?;
        Ok(Ends {
            client,
            upstream,
            relay: relay::both(client_relay, upstream_relay),
            to_upstream,
            to_client: self.to_client,
            frames: self.frames,
            settings: self.settings,
            kept: self.kept,
        })
    }
}
