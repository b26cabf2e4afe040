//! The service of the process: the proxy serves, the tunnel engine takes over, and what one tells the other passes here.
//!
//! Proxy and tunnel do not know each other: this file turns the ends that one gives away into the seed that the other
//! takes, and the record of a tunnel into what logs and counters see.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::naming;
use super::service::{Beside, Onward, Service};
use crate::limits::NAMES_FIRST_TIME;
use crate::model::Generation;
use crate::names::Names;
use crate::net::accept::Accepted;
use crate::net::spare::Detached;
use crate::observe::logs::Logs;
use crate::observe::metrics::Metrics;
use crate::observe::outcome::{ConnectionEnd, TunnelClose, TunnelCloser, TunnelEnd, TunnelRecord};
use crate::proxy::connection::{Coming, Left};
use crate::proxy::{self, Ends, Handover, Kept, Parked, ShardParts};
use crate::route::{self, Router};
use crate::tls::Tls;
use crate::tunnel::{Closer, Counts, Ending, Reason, Record, Seed, Side, Waking};
use crate::upstream::Groups;
use crate::zones::Zones;

/// What all shards share of one generation.
#[derive(Clone)]
pub struct Parts {
    pub generation: Arc<Generation>,
    routers: Arc<[Router]>,
    groups: Arc<Groups>,
    zones: Arc<Zones>,
    names: Arc<Names>,
    tls: Arc<Tls>,
    logs: Arc<Logs>,
    metrics: Arc<Metrics>,
    hostname: Arc<str>,
}

impl Parts {
    /// Builds what a generation needs to serve. Health and counts are taken on from the one before.
    #[must_use]
    pub fn new(
        generation: &Arc<Generation>,
        before: Option<&Self>,
        tls: Tls,
        logs: Arc<Logs>,
        shard_count: usize,
    ) -> Self {
        let hostname = || rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase().into();
        let groups = Arc::new(Groups::new(&generation.serving, before.map(|before| &*before.groups)));
        let names = naming::names(&generation.serving, &groups, before.map(|before| &*before.names));
        Self {
            generation: Arc::clone(generation),
            routers: route::build(&generation.serving).into(),
            groups,
            names: Arc::new(names),
            tls: Arc::new(tls),
            zones: Arc::new(Zones::new(&generation.serving, before.map(|before| &*before.zones))),
            logs,
            metrics: before.map_or_else(|| Arc::new(Metrics::new(shard_count)), |before| Arc::clone(&before.metrics)),
            hostname: before.map_or_else(hostname, |before| Arc::clone(&before.hostname)),
        }
    }

    /// Waits for the first answers about names that groups follow. Blocks: for the main thread.
    pub fn wait_for_names(&self) {
        self.names.wait_first(NAMES_FIRST_TIME);
    }
}

/// One generation's proxy on one shard.
pub struct Proxying {
    shard: Rc<proxy::Shard>,
}

/// An open client connection in the counters, until it is dropped.
struct Open(Rc<Proxying>);

impl Open {
    /// A new one.
    fn count(proxying: Rc<Proxying>) -> Self {
        let own = proxying.shard.own_metrics();
        own.accepted.add(1);
        own.handled.add(1);
        own.active.raise();
        Self(proxying)
    }

    /// Counts once more, for the tunnel, whose end takes it back, or for the rest, until it is over.
    fn leave(self) {
        self.0.shard.own_metrics().active.raise();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.shard.own_metrics().active.lower();
    }
}

impl Proxying {
    async fn go_on(open: Open, coming: Coming) -> Option<Onward<Self>> {
        let left = proxy::connection::serve(Rc::clone(&open.0.shard), coming).await?;
        // The client's connection stays open: from here on somebody else answers for it.
        open.leave();
        Some(match left {
            Left::Tunnel(ends) => Onward::Tunnel(ends),
            Left::Parked(resting) => Onward::Parked(resting),
        })
    }
}

impl Service for Proxying {
    type Parts = Parts;
    type Ends = Ends;
    type Kept = Kept;
    type Parked = Parked;

    fn begin(shard: usize, parts: Parts) -> Rc<Self> {
        let Parts { generation, routers, groups, zones, names, tls, logs, metrics, hostname } = parts;
        let parts =
            ShardParts { number: shard, generation, routers, groups, zones, names, tls, logs, metrics, hostname };
        Rc::new(Self { shard: proxy::Shard::new(parts) })
    }

    fn serve(
        self: Rc<Self>,
        listener: usize,
        accepted: Accepted,
    ) -> impl Future<Output = Option<Onward<Self>>> + 'static {
        Self::go_on(Open::count(self), Coming::New(listener, accepted))
    }

    fn resume(self: Rc<Self>, socket: OwnedFd, parked: Parked) -> impl Future<Output = Option<Onward<Self>>> + 'static {
        // Here, since a generation whose time is over may drop what follows before it has begun.
        parked.leave(&self.shard);
        // It has been counted since it came.
        Self::go_on(Open(self), Coming::Back(socket, parked))
    }

    fn rest_ended(&self, socket: OwnedFd, parked: Parked, waking: Waking) {
        let end = match waking {
            Waking::Readable | Waking::Closed => ConnectionEnd::ClientClosed,
            Waking::TimedOut if parked.has_asked() => ConnectionEnd::Idle,
            Waking::TimedOut => ConnectionEnd::HeadTimeout,
            Waking::Released => ConnectionEnd::Drained,
        };
        parked.end(&self.shard, socket, end);
        self.shard.own_metrics().active.lower();
    }

    fn begin_tunnel(ends: Ends) -> (Seed, Kept, Option<Beside>) {
        let Ends { client, rest } = ends;
        let Handover { upstream, reuse, frames, settings, kept, early, relay } = *rest;
        let upstream = Detached { fd: upstream, reuse };
        (Seed { client, upstream, early, frames, settings }, kept, relay)
    }

    fn tunnel_ended(&self, kept: Kept, record: &Record) {
        let ended = end_of(record.ended);
        let told = || TunnelRecord {
            ended,
            bytes_to_upstream: record.bytes_to_upstream,
            bytes_to_client: record.bytes_to_client,
            messages_to_upstream: record.messages_to_upstream,
            messages_to_client: record.messages_to_client,
            close: record.close.map(|close| TunnelClose { by: closer_of(close.by), code: close.code }),
            answered: record.answered,
            duration: record.duration,
        };
        kept.finish(&self.shard, ended, told);
        self.shard.own_metrics().active.lower();
    }

    fn tunnels_counted(&self, counts: &Counts) {
        let own = self.shard.own_metrics();
        own.tunnels_pending_bytes.set(i64::try_from(counts.pending_bytes).unwrap_or(i64::MAX));
        own.tunnels_pending_refused.reach(counts.pending_refused);
        own.tunnels_pipes_refused.reach(counts.pipes_refused);
        own.tunnels_ring_overflows.reach(counts.ring_overflows);
    }

    fn refused(&self) {
        let own = self.shard.own_metrics();
        own.accepted.add(1);
        own.connection_ended(ConnectionEnd::Refused);
    }

    fn panicked(&self) {
        self.shard.own_metrics().connection_ended(ConnectionEnd::Panicked);
    }

    fn close_idle(&self) {
        self.shard.close_idle();
    }
}

fn closer_of(closer: Closer) -> TunnelCloser {
    match closer {
        Closer::End(Side::Client) => TunnelCloser::Client,
        Closer::End(Side::Upstream) => TunnelCloser::Peer,
        Closer::Proxy => TunnelCloser::Proxy,
    }
}

fn end_of(ending: Ending) -> TunnelEnd {
    match ending {
        Ending::Closed(Side::Client) => TunnelEnd::ClientClosed,
        Ending::Closed(Side::Upstream) => TunnelEnd::PeerClosed,
        Ending::Reset(Side::Client) => TunnelEnd::ClientReset,
        Ending::Reset(Side::Upstream) => TunnelEnd::PeerReset,
        Ending::Failed(Side::Client, _) => TunnelEnd::ClientFailed,
        Ending::Failed(Side::Upstream, _) => TunnelEnd::PeerFailed,
        Ending::ReadTimeout => TunnelEnd::ReadTimeout,
        Ending::SendTimeout(Side::Client) => TunnelEnd::ClientSendTimeout,
        Ending::SendTimeout(Side::Upstream) => TunnelEnd::PeerSendTimeout,
        Ending::Idle => TunnelEnd::Idle,
        Ending::Lifetime => TunnelEnd::Lifetime,
        Ending::NoPong => TunnelEnd::NoPong,
        Ending::MessageTooLong(Side::Client) => TunnelEnd::ClientMessageTooLong,
        Ending::MessageTooLong(Side::Upstream) => TunnelEnd::PeerMessageTooLong,
        Ending::Stopped(Reason::Drain) => TunnelEnd::Drained,
        Ending::Stopped(Reason::Stop) => TunnelEnd::Stopped,
    }
}
