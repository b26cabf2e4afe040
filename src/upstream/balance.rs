//! Smooth weighted round robin with nginx's passive health, as pure state: no lock, no clock.
//!
//! Each pick raises the current weight of every peer that can be used by its effective weight, takes the highest and
//! lowers it by the sum. A failure lowers the effective weight, each pick raises it again by one.

use std::cmp::Ordering;
use std::time::Instant;

use crate::model::Peer;

/// What changes of one peer.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    current_weight: i64,
    effective_weight: i64,
    pub fails: u32,
    /// When the last failure was.
    accessed: Option<Instant>,
    /// When the peer was last tried or failed: within `fail_timeout` of it a failed peer is left alone.
    checked: Option<Instant>,
}

impl Standing {
    pub(super) fn new(peer: &Peer) -> Self {
        Self { effective_weight: i64::from(peer.weight), ..Self::default() }
    }

    /// What stays true of the peer when a new configuration gives it another weight.
    pub(super) fn carried_over(&self, peer: &Peer) -> Self {
        Self {
            current_weight: 0,
            effective_weight: self.effective_weight.min(i64::from(peer.weight)),
            fails: self.fails,
            accessed: self.accessed,
            checked: self.checked,
        }
    }

    /// Whether it failed so often that it is left alone for now.
    pub(super) fn is_resting(&self, peer: &Peer, now: Instant) -> bool {
        peer.max_fails > 0 && self.fails >= peer.max_fails && !self.is_past(peer, now)
    }

    fn is_past(&self, peer: &Peer, now: Instant) -> bool {
        self.checked.is_none_or(|checked| now.saturating_duration_since(checked) > peer.fail_timeout)
    }

    /// Whether the peer now rests.
    pub(super) fn failed(&mut self, peer: &Peer, now: Instant) -> bool {
        self.fails = self.fails.saturating_add(1);
        self.accessed = Some(now);
        self.checked = Some(now);
        if peer.max_fails == 0 {
            return false;
        }
        self.effective_weight = (self.effective_weight - i64::from(peer.weight / peer.max_fails)).max(0);
        self.fails >= peer.max_fails
    }

    /// A success counts as recovery only if the peer was tried after its last failure.
    pub(super) fn succeeded(&mut self) {
        if self.accessed < self.checked {
            self.fails = 0;
        }
    }
}

/// Those of the peers `usable` that have the fewest connections for their weight.
pub(super) fn least_busy(peers: &[Peer], usable: Vec<usize>, connections: impl Fn(usize) -> u64) -> Vec<usize> {
    let mut least: Vec<usize> = Vec::new();
    for at in usable {
        let order = least.first().map_or(Ordering::Less, |best| {
            let (own, other) = (connections(at), connections(*best));
            (own * u64::from(peers[*best].weight)).cmp(&(other * u64::from(peers[at].weight)))
        });
        match order {
            Ordering::Less => least = vec![at],
            Ordering::Equal => least.push(at),
            Ordering::Greater => {}
        }
    }
    least
}

/// The peer whose turn it is among those that `is_usable` lets through and that do not rest.
pub(super) fn choose(
    peers: &[Peer],
    standings: &mut [Standing],
    now: Instant,
    is_usable: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut best: Option<usize> = None;
    let mut total = 0;
    for (at, peer) in peers.iter().enumerate() {
        let standing = &mut standings[at];
        if peer.down || standing.is_resting(peer, now) || !is_usable(at) {
            continue;
        }
        standing.current_weight += standing.effective_weight;
        total += standing.effective_weight;
        if standing.effective_weight < i64::from(peer.weight) {
            standing.effective_weight += 1;
        }
        let current = standing.current_weight;
        if best.is_none_or(|best| current > standings[best].current_weight) {
            best = Some(at);
        }
    }
    let at = best?;
    let standing = &mut standings[at];
    standing.current_weight -= total;
    if standing.is_past(&peers[at], now) {
        standing.checked = Some(now);
    }
    Some(at)
}
