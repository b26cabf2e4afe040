//! One group at run time: its peers with their live counts and standing, and the lease on a chosen peer.
//!
//! The turn is taken under a short lock of the group, since the smooth order exists only as a whole. Live counts are
//! atomics: releasing a lease takes no lock, and two generations that share a peer count it together.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::balance::{self, Standings};
use crate::model::{self, Balance, Peer, PeerAddress, UpstreamKeepalive};

/// A group of peers.
pub struct Group {
    model: Arc<model::Upstream>,
    /// Peers, then backups: an index into this is the number of a peer.
    peers: Box<[Peer]>,
    primary_count: usize,
    attempts_max: usize,
    live: Box<[Arc<Live>]>,
    standings: Mutex<Standings>,
}

/// Connections and failures of a peer, in generations that have it in a group of the same name.
#[derive(Debug, Default)]
struct Live {
    connections: AtomicU32,
    /// Copy of [`balance::Health::fails`], so that a success on a sound peer needs no lock.
    fails: AtomicU32,
}

/// Peers that one request has been sent to.
#[derive(Debug, Default)]
pub struct Tried {
    /// Bit n is peer n.
    low: u64,
    /// Peers from 64 on.
    high: Vec<u64>,
}

/// One connection's or exchange's place at a peer. The peer's live count falls when it is dropped.
pub struct Lease {
    group: Arc<Group>,
    number: u32,
}

impl Group {
    /// `previous` is the group of that name in the generation before: peers keep what is known of their address.
    pub(super) fn new(model: &Arc<model::Upstream>, previous: Option<&Group>) -> Self {
        let peers: Box<[Peer]> = model.peers.iter().chain(&model.backups).cloned().collect();
        let mut standings = Standings::new(&peers);
        let mut live: Box<[Arc<Live>]> = peers.iter().map(|_| Arc::default()).collect();
        if let Some(previous) = previous {
            let known = previous.lock();
            let mut used = vec![false; previous.peers.len()];
            for (number, peer) in peers.iter().enumerate() {
                // An address may stand in a group twice: the n-th here continues the n-th there.
                let same = |at: &usize| !used[*at] && previous.peers[*at].address == peer.address;
                let Some(at) = (0..previous.peers.len()).find(same) else { continue };
                used[at] = true;
                standings.carry_over(number, peer, &known, at);
                live[number] = Arc::clone(&previous.live[at]);
            }
        }
        let primary_count = model.peers.len();
        let attempts_max = peers.iter().filter(|peer| !peer.down).count();
        Self { model: Arc::clone(model), peers, primary_count, attempts_max, live, standings: Mutex::new(standings) }
    }

    /// A group of addresses that no configuration names: the value of a `proxy_pass` with variables.
    #[must_use]
    pub fn of_addresses(addresses: impl Iterator<Item = PeerAddress>, name: &str) -> Arc<Self> {
        let peers = addresses.map(|address| Peer {
            address,
            name: name.into(),
            weight: 1,
            max_fails: 0,
            fail_timeout: std::time::Duration::ZERO,
            max_conns: 0,
            down: false,
        });
        let keepalive = UpstreamKeepalive {
            connections: 0,
            requests: 0,
            time: std::time::Duration::ZERO,
            timeout: std::time::Duration::ZERO,
        };
        let model = model::Upstream {
            name: name.into(),
            protocol: model::Protocol::default(),
            is_block: false,
            balance: Balance::RoundRobin,
            peers: peers.collect(),
            backups: Vec::new(),
            followed: Vec::new(),
            keepalive,
        };
        Arc::new(Self::new(&Arc::new(model), None))
    }

    #[must_use]
    pub fn model(&self) -> &Arc<model::Upstream> {
        &self.model
    }

    /// How many peers one request may be sent to: all that are not `down`, backups too.
    #[must_use]
    pub fn attempts_max(&self) -> usize {
        self.attempts_max
    }

    /// Live connections of all peers together.
    #[must_use]
    pub fn live_count(&self) -> u64 {
        self.live.iter().map(|live| u64::from(live.connections.load(Ordering::Relaxed))).sum()
    }

    /// The peer whose turn it is and that was not tried; backups when none of the others can be used. `None` is
    /// nginx's "no live upstreams".
    #[must_use]
    pub fn pick(self: &Arc<Self>, tried: &mut Tried, now: Instant) -> Option<Lease> {
        let (primaries, backups) = (0..self.primary_count, self.primary_count..self.peers.len());
        self.pick_among(primaries, tried, now).or_else(|| self.pick_among(backups, tried, now))
    }

    fn pick_among(self: &Arc<Self>, numbers: Range<usize>, tried: &mut Tried, now: Instant) -> Option<Lease> {
        loop {
            let number = match self.model.balance {
                // The only peer of a group has no turn and never rests: there is nobody to go to instead.
                _ if self.is_single() => numbers.clone().find(|at| self.is_usable(*at, tried))?,
                Balance::RoundRobin => {
                    let is_usable = |at: usize, has_limit: bool| !tried.has(at) && (!has_limit || self.has_room(at));
                    self.lock().choose(&self.peers, numbers.clone(), now, is_usable)?
                }
                Balance::LeastConn => self.least_busy(numbers.clone(), tried, now)?,
            };
            tried.add(number);
            // Refused when a shard with the other generation of this group took the last place just now.
            if self.enter(number) {
                return Some(Lease { group: Arc::clone(self), number: number as u32 });
            }
        }
    }

    /// The one with the fewest connections; among several such the one whose turn it is.
    #[inline(never)]
    fn least_busy(&self, numbers: Range<usize>, tried: &Tried, now: Instant) -> Option<usize> {
        let mut standings = self.lock();
        let peers = &self.peers;
        let is_usable = |at: &usize| !standings.is_resting(*at, &peers[*at], now) && self.is_usable(*at, tried);
        let usable = numbers.clone().filter(is_usable).collect();
        let live = |at: usize| self.live[at].connections.load(Ordering::Relaxed);
        let least = balance::least_busy(peers, usable, |at| u64::from(live(at)));
        standings.choose(peers, numbers, now, |at, _| least.contains(&at))
    }

    fn is_single(&self) -> bool {
        self.peers.len() == 1
    }

    fn is_usable(&self, number: usize, tried: &Tried) -> bool {
        let peer = &self.peers[number];
        !peer.down && !tried.has(number) && (peer.max_conns == 0 || self.has_room(number))
    }

    /// Whether a peer with a limit of connections may have one more.
    fn has_room(&self, number: usize) -> bool {
        self.live[number].connections.load(Ordering::Relaxed) < self.peers[number].max_conns
    }

    fn enter(&self, number: usize) -> bool {
        let connections = &self.live[number].connections;
        match self.peers[number].max_conns {
            0 => {
                connections.fetch_add(1, Ordering::Relaxed);
                true
            }
            max => connections
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < max).then_some(count + 1))
                .is_ok(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standings> {
        // Nothing inside the lock can leave the numbers half changed in a way that matters.
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("name", &self.model.name).field("live", &self.live).finish_non_exhaustive()
    }
}

impl Tried {
    /// Whether the peer of that number was picked before.
    #[must_use]
    pub fn has(&self, number: usize) -> bool {
        let (word, bit) = place(number);
        let word = match word {
            0 => self.low,
            word => self.high.get(word - 1).copied().unwrap_or_default(),
        };
        word & bit != 0
    }

    /// The peer may be picked again.
    pub fn forget(&mut self, lease: &Lease) {
        let (word, bit) = place(lease.number as usize);
        *self.word(word) &= !bit;
    }

    fn add(&mut self, number: usize) {
        let (word, bit) = place(number);
        *self.word(word) |= bit;
    }

    fn word(&mut self, word: usize) -> &mut u64 {
        if word == 0 {
            return &mut self.low;
        }
        if self.high.len() < word {
            self.high.resize(word, 0);
        }
        &mut self.high[word - 1]
    }
}

/// The word of a peer, and its bit there.
const fn place(number: usize) -> (usize, u64) {
    (number / 64, 1 << (number % 64))
}

impl Lease {
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.group.peers[self.number as usize]
    }

    #[must_use]
    pub fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// The peer answered.
    pub fn succeeded(&self) {
        let fails = &self.group.live[self.number as usize].fails;
        if fails.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut standings = self.group.lock();
        standings.succeeded(self.number as usize);
        fails.store(standings.fails(self.number as usize), Ordering::Relaxed);
    }

    /// The peer could not be connected, did not answer, or answered what counts as a failure. Whether it is left alone
    /// from now on, to be logged as "upstream server temporarily disabled".
    pub fn failed(&self, now: Instant) -> bool {
        if self.group.is_single() {
            return false;
        }
        let mut standings = self.group.lock();
        let rests = standings.failed(self.number as usize, self.peer(), now);
        self.group.live[self.number as usize].fails.store(standings.fails(self.number as usize), Ordering::Relaxed);
        rests
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.group.live[self.number as usize].connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({} of {})", self.peer().name, self.group.model.name)
    }
}
