//! Smooth weighted round robin with nginx's passive health, as pure state: no lock, no clock.
//!
//! Each pick raises the current weight of every peer that can be used by its effective weight, takes the highest and
//! lowers it by the sum. A failure lowers the effective weight, each pick raises it again by one.

use std::cmp::Ordering;
use std::ops::Range;
use std::time::Instant;

use crate::model::Peer;

/// What each pick looks at of every peer. It stands apart from all else, so that the peers of a group share a few lines of
/// the cache.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    current_weight: i64,
    /// At most the weight.
    effective_weight: u32,
    weight: u32,
    is_down: bool,
    has_limit: bool,
    /// It failed so often that it is left alone for a while.
    is_suspect: bool,
}

/// What else changes of one peer.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    pub fails: u32,
    /// When the last failure was.
    accessed: Option<Instant>,
    /// When the peer was last tried or failed: within `fail_timeout` of it a failed peer is left alone.
    checked: Option<Instant>,
}

/// Turns and health of the peers of a group, by their numbers.
#[derive(Debug)]
pub(super) struct Standings {
    turns: Box<[Turn]>,
    health: Box<[Health]>,
}

impl Turn {
    fn new(peer: &Peer) -> Self {
        Self {
            current_weight: 0,
            effective_weight: peer.weight,
            weight: peer.weight,
            is_down: peer.down,
            has_limit: peer.max_conns > 0,
            is_suspect: false,
        }
    }
}

impl Health {
    fn is_past(&self, peer: &Peer, now: Instant) -> bool {
        self.checked.is_none_or(|checked| now.saturating_duration_since(checked) > peer.fail_timeout)
    }
}

impl Standings {
    pub(super) fn new(peers: &[Peer]) -> Self {
        let health = peers.iter().map(|_| Health::default()).collect();
        Self { turns: peers.iter().map(Turn::new).collect(), health }
    }

    /// What is known of a peer stays true when a new configuration gives it another weight and other bounds.
    pub(super) fn carry_over(&mut self, number: usize, peer: &Peer, known: &Self, at: usize) {
        self.health[number] = known.health[at].clone();
        let turn = &mut self.turns[number];
        turn.effective_weight = known.turns[at].effective_weight.min(peer.weight);
        turn.is_suspect = is_suspect(peer, self.health[number].fails);
    }

    /// How often a peer failed.
    pub(super) fn fails(&self, number: usize) -> u32 {
        self.health[number].fails
    }

    /// Whether a peer failed so often that it is left alone for now.
    pub(super) fn is_resting(&self, number: usize, peer: &Peer, now: Instant) -> bool {
        self.turns[number].is_suspect && !self.health[number].is_past(peer, now)
    }

    /// Whether the peer now rests.
    pub(super) fn failed(&mut self, number: usize, peer: &Peer, now: Instant) -> bool {
        let (turn, health) = (&mut self.turns[number], &mut self.health[number]);
        health.fails = health.fails.saturating_add(1);
        health.accessed = Some(now);
        health.checked = Some(now);
        if let Some(part) = peer.weight.checked_div(peer.max_fails) {
            turn.effective_weight = turn.effective_weight.saturating_sub(part);
        }
        turn.is_suspect = is_suspect(peer, health.fails);
        turn.is_suspect
    }

    /// A success counts as recovery only if the peer was tried after its last failure.
    pub(super) fn succeeded(&mut self, number: usize) {
        let health = &mut self.health[number];
        if health.accessed < health.checked {
            health.fails = 0;
            self.turns[number].is_suspect = false;
        }
    }

    /// The peer whose turn it is among those of these numbers that are up, that `is_usable` lets through and that do not
    /// rest. `is_usable` is told whether the peer has a limit of connections.
    pub(super) fn choose(
        &mut self,
        peers: &[Peer],
        numbers: Range<usize>,
        now: Instant,
        is_usable: impl Fn(usize, bool) -> bool,
    ) -> Option<usize> {
        let mut best: Option<(usize, i64)> = None;
        let mut total = 0;
        for number in numbers {
            let turn = &self.turns[number];
            if turn.is_down || self.is_resting(number, &peers[number], now) || !is_usable(number, turn.has_limit) {
                continue;
            }
            let turn = &mut self.turns[number];
            turn.current_weight += i64::from(turn.effective_weight);
            total += i64::from(turn.effective_weight);
            turn.effective_weight = turn.weight.min(turn.effective_weight.saturating_add(1));
            if best.is_none_or(|(_, highest)| turn.current_weight > highest) {
                best = Some((number, turn.current_weight));
            }
        }
        let (number, _) = best?;
        self.turns[number].current_weight -= total;
        let health = &mut self.health[number];
        if health.is_past(&peers[number], now) {
            health.checked = Some(now);
        }
        Some(number)
    }
}

fn is_suspect(peer: &Peer, fails: u32) -> bool {
    peer.max_fails > 0 && fails >= peer.max_fails
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
