//! Counters of the process: each shard counts in cells of its own, a reader adds them up.
//!
//! Only the shard itself writes to its cells, and a request changes ten of them. So a change is a load and a store: nobody
//! comes in between, and to exclude that each time would cost as much as fifty instructions.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::outcome::{ConnectionEnd, ExchangeEnd, TunnelEnd};

/// Something that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// Something that rises and falls.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

/// The cells of one shard, on cache lines that no other shard writes to.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ShardMetrics {
    /// Connections taken from a listener.
    pub accepted: Count,
    /// Of those, the ones that were served and not refused at once.
    pub handled: Count,
    pub requests: Count,
    /// Client connections that are open, tunnels included.
    pub active: Level,
    /// Connections in which a head is being read.
    pub reading: Level,
    /// Connections with an exchange under way, tunnels included.
    pub writing: Level,
    /// Connections that wait for their next request.
    pub waiting: Level,
    /// Of those, the ones that are parked.
    pub parked: Level,
    pub tunnels_opened: Count,
    pub tunnels: Level,
    /// Bytes in memory that wait for a side to take them.
    pub tunnels_pending_bytes: Level,
    /// How often little or nothing was read since those were too many.
    pub tunnels_pending_refused: Count,
    /// How often bytes were copied since no pipe was to be had.
    pub tunnels_pipes_refused: Count,
    /// How often the ring had more completions than its queue holds.
    pub tunnels_ring_overflows: Count,
    exchanges: [Count; ExchangeEnd::ALL.len()],
    connections: [Count; ConnectionEnd::ALL.len()],
    tunnels_ended: [Count; TunnelEnd::ALL.len()],
}

/// The cells of all shards.
#[derive(Debug)]
pub struct Metrics {
    shards: Box<[ShardMetrics]>,
}

/// Sums over all shards. They are read one after the other, so that they agree only roughly under load.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub accepted: u64,
    pub handled: u64,
    pub requests: u64,
    pub active: u64,
    pub reading: u64,
    pub writing: u64,
    pub waiting: u64,
    pub parked: u64,
    pub tunnels_opened: u64,
    pub tunnels: u64,
    pub tunnels_pending_bytes: u64,
    pub tunnels_pending_refused: u64,
    pub tunnels_pipes_refused: u64,
    pub tunnels_ring_overflows: u64,
}

impl Count {
    pub fn add(&self, n: u64) {
        self.0.store(self.value().wrapping_add(n), Ordering::Relaxed);
    }

    /// Takes over what is counted elsewhere, by the only one who counts here.
    pub fn reach(&self, total: u64) {
        self.0.store(total, Ordering::Relaxed);
    }

    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Level {
    pub fn raise(&self) {
        self.set(self.value().wrapping_add(1));
    }

    /// Takes over what is known elsewhere.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Raises it for as long as the result lives.
    #[must_use]
    pub fn raised(&self) -> Raised<'_> {
        self.raise();
        Raised(self)
    }

    pub fn lower(&self) {
        self.set(self.value().wrapping_sub(1));
    }

    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A level that is one higher until this is dropped.
#[derive(Debug)]
pub struct Raised<'l>(&'l Level);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.lower();
    }
}

impl ShardMetrics {
    pub fn exchange_ended(&self, end: ExchangeEnd) {
        self.exchanges[end.index()].add(1);
    }

    pub fn connection_ended(&self, end: ConnectionEnd) {
        self.connections[end.index()].add(1);
    }

    pub fn tunnel_ended(&self, end: TunnelEnd) {
        self.tunnels_ended[end.index()].add(1);
    }
}

impl Metrics {
    #[must_use]
    pub fn new(shard_count: usize) -> Self {
        Self { shards: (0..shard_count.max(1)).map(|_| ShardMetrics::default()).collect() }
    }

    /// The cells of a shard, by its number from 0.
    #[must_use]
    pub fn shard(&self, number: usize) -> &ShardMetrics {
        // There are no more shards than were announced.
        &self.shards[number.min(self.shards.len() - 1)]
    }

    #[must_use]
    pub fn totals(&self) -> Totals {
        let count = |of: fn(&ShardMetrics) -> &Count| self.shards.iter().map(|shard| of(shard).value()).sum();
        // A connection may rise on one shard and fall on another: only the sum has a meaning.
        let level = |of: fn(&ShardMetrics) -> &Level| {
            u64::try_from(self.shards.iter().map(|shard| of(shard).value()).sum::<i64>()).unwrap_or_default()
        };
        Totals {
            accepted: count(|shard| &shard.accepted),
            handled: count(|shard| &shard.handled),
            requests: count(|shard| &shard.requests),
            active: level(|shard| &shard.active),
            reading: level(|shard| &shard.reading),
            writing: level(|shard| &shard.writing),
            waiting: level(|shard| &shard.waiting),
            parked: level(|shard| &shard.parked),
            tunnels_opened: count(|shard| &shard.tunnels_opened),
            tunnels: level(|shard| &shard.tunnels),
            tunnels_pending_bytes: level(|shard| &shard.tunnels_pending_bytes),
            tunnels_pending_refused: count(|shard| &shard.tunnels_pending_refused),
            tunnels_pipes_refused: count(|shard| &shard.tunnels_pipes_refused),
            tunnels_ring_overflows: count(|shard| &shard.tunnels_ring_overflows),
        }
    }

    /// Counters of all endings with their sums, in the order of the tables.
    pub fn endings(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let sum = |of: &dyn Fn(&ShardMetrics) -> u64| self.shards.iter().map(of).sum::<u64>();
        let exchanges =
            ExchangeEnd::ALL.iter().map(move |end| (end.counter(), sum(&|s| s.exchanges[end.index()].value())));
        let connections =
            ConnectionEnd::ALL.iter().map(move |end| (end.counter(), sum(&|s| s.connections[end.index()].value())));
        let tunnels =
            TunnelEnd::ALL.iter().map(move |end| (end.counter(), sum(&|s| s.tunnels_ended[end.index()].value())));
        exchanges.chain(connections).chain(tunnels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_add_up() {
        let metrics = Metrics::new(2);
        metrics.shard(0).accepted.add(2);
        metrics.shard(1).accepted.add(3);
        metrics.shard(0).active.raise();
        metrics.shard(1).active.raise();
        metrics.shard(1).active.lower();
        metrics.shard(1).tunnel_ended(TunnelEnd::PeerReset);
        metrics.shard(0).tunnel_ended(TunnelEnd::PeerReset);
        metrics.shard(0).exchange_ended(ExchangeEnd::Answered);
        metrics.shard(0).connection_ended(ConnectionEnd::Idle);
        metrics.shard(0).tunnels_pipes_refused.reach(3);
        metrics.shard(0).tunnels_pipes_refused.reach(5);
        metrics.shard(0).tunnels_ring_overflows.reach(2);
        metrics.shard(1).tunnels_ring_overflows.reach(4);
        metrics.shard(1).tunnels_pending_bytes.set(7);
        let totals = metrics.totals();
        assert_eq!((totals.accepted, totals.active, totals.requests), (5, 1, 0));
        assert_eq!((totals.tunnels_pipes_refused, totals.tunnels_pending_bytes), (5, 7));
        assert_eq!(totals.tunnels_ring_overflows, 6);
        let ended: Vec<_> = metrics.endings().filter(|(_, count)| *count > 0).collect();
        assert_eq!(ended, [("exchanges_answered", 1), ("connections_idle", 1), ("tunnels_peer_reset", 2)]);
    }

    #[test]
    fn a_level_that_rises_and_falls_on_different_shards() {
        let metrics = Metrics::new(2);
        metrics.shard(0).waiting.lower();
        assert_eq!(metrics.totals().waiting, 0);
        metrics.shard(1).waiting.raise();
        metrics.shard(1).waiting.raise();
        assert_eq!(metrics.totals().waiting, 1);
    }
}
