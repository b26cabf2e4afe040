//! What leaves this module when an exchange ends in a tunnel: both sockets by value, so that nothing here can write
//! to them any more.
//!
//! The peer's socket is given up first, by the exchange, into a [`Handover`]; the client's by the connection when its
//! exchange is over, which makes them [`Ends`]. What both are about is made once and passed on by its address.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::failure::{Cause, Failure, Phase};
use super::peer::PeerConnection;
use super::relay::{self, Relay};
use super::shard::Shard;
use super::told::Told;
use crate::model::{LogLevel, Tunnel};
use crate::net::early::Early;
use crate::net::spare::{Detached, Reuse};
use crate::observe::deferred::Lines;
use crate::observe::outcome::{ExchangeEnd, TunnelEnd, TunnelRecord};
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

/// What the end of an exchange has left for that of its tunnel.
pub struct Usual {
    /// Access log lines.
    pub lines: Option<Lines>,
    /// Counts the tunnel in the zones of `limit_conn`.
    pub places: Box<[Place]>,
}

/// It lies in the slot of each tunnel.
const _: () = assert!(size_of::<Kept>() <= 24);
/// Eight bytes more would be sixteen of the allocator's.
const _: () = assert!(size_of::<Rest>() <= 40);

impl Kept {
    /// Keeps what the end of the tunnel will need, and counts the tunnel.
    fn new(shard: &Shard, lease: Lease, usual: Usual, told: Option<Told>) -> Self {
        let own = shard.own_metrics();
        own.exchange_ended(ExchangeEnd::Upgraded);
        own.tunnels_opened.add(1);
        own.tunnels.raise();
        let rest = match told {
            Some(told) => Some(Rest::Told(Box::new((usual, told)))),
            None if usual.lines.is_none() && usual.places.is_empty() => None,
            None => Some(Rest::Usual(usual)),
        };
        Self { lease, rest: rest.map(Box::new) }
    }

    /// The tunnel has ended: writes its lines, of which `record` is, and gives its place at the peer back.
    pub fn finish(self, shard: &Shard, ended: TunnelEnd, record: impl FnOnce() -> TunnelRecord) {
        let Self { lease, rest } = self;
        let places = rest.map(|rest| rest.tell(shard, &record()));
        let own = shard.own_metrics();
        own.tunnels.lower();
        own.tunnel_ended(ended);
        drop((lease, places));
    }
}

impl Rest {
    /// Writes the lines, and gives back what holds until they are written.
    #[inline(never)]
    fn tell(self, shard: &Shard, record: &TunnelRecord) -> Box<[Place]> {
        let Usual { lines, places } = match self {
            Self::Usual(usual) => usual,
            Self::Told(both) => {
                let (usual, told) = *both;
                told.end(shard, record);
                usual
            }
        };
        if let Some(lines) = lines {
            lines.finish(&mut shard.words.borrow_mut(), record, |location, log, path, line| {
                if let Err(failed) = shard.write_line(location, log, path, line) {
                    shard.logs.error.write(location.error_log, LogLevel::Crit, None, format_args!("{failed}"));
                }
            });
        }
        places
    }
}

/// A verified upgrade, before the client's socket is taken from its connection.
pub struct Handover {
    pub upstream: OwnedFd,
    /// As what that socket may be connected anew. Both in a `Detached` would take one more line of the cache.
    pub reuse: Reuse,
    /// Whether WebSocket frames flow: else the tunnel is blind.
    pub frames: bool,
    pub settings: Arc<Tunnel>,
    pub kept: Kept,
    pub early: Option<Box<Early>>,
    /// What carries the bytes of encrypted ends: it runs until it ends by itself.
    pub relay: Option<Relay>,
}

/// One line of the cache.
const _: () = assert!(size_of::<Handover>() <= 64);

/// Two sockets that are to be a tunnel.
pub struct Ends {
    pub client: OwnedFd,
    /// The other socket, and all that is known of the tunnel.
    pub rest: Box<Handover>,
}

/// A peer's connection that was given up for a tunnel.
pub struct GivenUp {
    socket: Detached,
    relay: Option<Relay>,
    raw: Vec<u8>,
    lease: Lease,
}

impl GivenUp {
    /// Nothing can be written to the peer any more.
    ///
    /// # Errors
    /// When no descriptor is left.
    #[expect(clippy::boxed_local, reason = "it is in a box already, and is moved by its address")]
    pub fn of(peer: Box<PeerConnection>) -> Result<Self, Cause> {
        let PeerConnection { stream, raw, lease, .. } = *peer;
        let (socket, relay) = relay::stand_in(stream)?;
        Ok(Self { socket, relay, raw, lease })
    }

    /// How many bytes the peer sent behind its head.
    #[must_use]
    pub fn early_bytes(&self) -> u64 {
        self.raw.len() as u64
    }

    /// Makes what is handed over, and counts the tunnel. `told`: what the error log is to hear of its end.
    #[must_use]
    pub fn hand_over(
        self,
        shard: &Shard,
        settings: Arc<Tunnel>,
        has_frames: bool,
        usual: Usual,
        told: Option<Told>,
    ) -> Box<Handover> {
        let Self { socket, relay, raw, lease } = self;
        let frames = has_frames && settings.frames;
        let kept = Kept::new(shard, lease, usual, told);
        let (Detached { fd: upstream, reuse }, early) = (socket, Early::of(Vec::new(), raw));
        Box::new(Handover { upstream, reuse, frames, settings, kept, early, relay })
    }
}

impl Handover {
    /// Joins the socket of the client with that number and the bytes read from it. Where no descriptor is left the log of
    /// its listener says so.
    #[must_use]
    pub fn join(
        mut self: Box<Self>,
        shard: &Shard,
        number: u64,
        listener: usize,
        client: Rc<Transport>,
        raw: Vec<u8>,
    ) -> Option<Ends> {
        let in_use = || Cause::Own("dup()", std::io::Error::other("the socket is still in use"));
        let (socket, relay) = match Rc::into_inner(client).ok_or_else(in_use).and_then(relay::stand_in) {
            Ok(parts) => parts,
            Err(cause) => {
                self.fail(cause, shard, number, listener);
                return None;
            }
        };
        if !raw.is_empty() {
            self.early.get_or_insert_default().to_upstream = raw;
        }
        if relay.is_some() {
            self.relay = relay::both(relay, self.relay.take());
        }
        Some(Ends { client: socket.fd, rest: self })
    }

    /// There is no tunnel after all, since its client could not be joined.
    #[cold]
    fn fail(self, cause: Cause, shard: &Shard, number: u64, listener: usize) {
        let id = shard.default_server(listener).root.error_log;
        let failure = Failure::new(Phase::SendingToClient, cause);
        shard.logs.error.write(id, LogLevel::Crit, Some(number), format_args!("tunnel could not be opened: {failure}"));
        let ended = TunnelEnd::ClientFailed;
        self.kept.finish(shard, ended, || TunnelRecord::of_nothing(ended));
    }
}
