//! Turns, health, limits and reload of groups, with a virtual clock; and the pool of idle connections.

mod names;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::idle::{Age, Keeper, Pool, Rests, Tended};
use super::*;
use crate::model::{self, Balance, Peer, PeerAddress, Serving, UpstreamId, UpstreamKeepalive};

const GROUP: UpstreamId = UpstreamId(0);
const SECOND: Duration = Duration::from_secs(1);

fn address(port: u16) -> PeerAddress {
    PeerAddress::Ip(([127, 0, 0, 1], port).into())
}

/// A peer on a port, failing once for 10 s as by default.
fn peer(port: u16, weight: u32) -> Peer {
    Peer {
        address: address(port),
        name: format!("127.0.0.1:{port}").into(),
        weight,
        max_fails: 1,
        fail_timeout: 10 * SECOND,
        max_conns: 0,
        down: false,
    }
}

fn upstream(name: &str, peers: Vec<Peer>, backups: Vec<Peer>) -> model::Upstream {
    let keepalive = UpstreamKeepalive { connections: 2, requests: 3, time: 60 * SECOND, timeout: 5 * SECOND };
    model::Upstream {
        protocol: model::Protocol::Http,
        name: name.into(),
        is_block: true,
        balance: Balance::RoundRobin,
        peers,
        backups,
        followed: Vec::new(),
        keepalive,
    }
}

fn http(upstreams: Vec<model::Upstream>) -> Serving {
    Serving { upstreams: upstreams.into_iter().map(Arc::new).collect(), ..Serving::default() }
}

fn groups(peers: Vec<Peer>, backups: Vec<Peer>) -> Groups {
    Groups::new(&http(vec![upstream("u", peers, backups)]), None)
}

fn port(lease: &Lease) -> u16 {
    match lease.peer().address {
        PeerAddress::Ip(ip) => ip.port(),
        PeerAddress::Unix(_) => 0,
    }
}

/// Ports of `count` requests that each succeed at once.
fn ports(groups: &Groups, count: usize, now: Instant) -> Vec<u16> {
    let one = |_| {
        let lease = groups.pick(GROUP, &mut Tried::default(), now)?;
        lease.succeeded();
        Some(port(&lease))
    };
    (0..count).filter_map(one).collect()
}

/// Picks until that peer has the turn, and fails it.
fn fail(groups: &Groups, which: u16, now: Instant) -> bool {
    loop {
        let lease = groups.pick(GROUP, &mut Tried::default(), now).unwrap();
        if port(&lease) == which {
            return lease.failed(now);
        }
    }
}

#[test]
fn weights_give_a_smooth_order() {
    let groups = groups(vec![peer(1, 5), peer(2, 1), peer(3, 1)], vec![]);
    assert_eq!(ports(&groups, 7, Instant::now()), [1, 1, 2, 1, 3, 1, 1]);
}

#[test]
fn least_conn_takes_the_fewest_connections_for_a_weight_and_turns_among_equals() {
    let model = model::Upstream {
        balance: Balance::LeastConn,
        ..upstream("u", vec![peer(1, 1), peer(2, 1), peer(3, 2)], vec![peer(4, 1)])
    };
    let groups = Groups::new(&http(vec![model]), None);
    let now = Instant::now();
    let pick = || groups.pick(GROUP, &mut Tried::default(), now).unwrap();
    let mut open: Vec<Lease> = (0..4).map(|_| pick()).collect();
    let mut ports: Vec<u16> = open.iter().map(port).collect();
    ports.sort_unstable();
    assert_eq!(ports, [1, 2, 3, 3]);
    let at = open.iter().position(|lease| port(lease) == 2).unwrap();
    drop(open.remove(at));
    assert_eq!(port(&pick()), 2, "the only one without a connection");
    // It fails, rests, and the next has to do; what was tried is not picked again.
    pick().failed(now);
    assert_ne!(port(&pick()), 2);
    let mut tried = Tried::default();
    let all: Vec<u16> = std::iter::from_fn(|| groups.pick(GROUP, &mut tried, now)).map(|lease| port(&lease)).collect();
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(all.last(), Some(&4), "the backup is the last");
}

#[test]
fn a_failed_peer_rests_for_its_time_and_comes_back() {
    let groups = groups(vec![peer(1, 1), peer(2, 1)], vec![]);
    let start = Instant::now();
    assert!(fail(&groups, 2, start));
    assert_eq!(ports(&groups, 4, start + 10 * SECOND), [1, 1, 1, 1]);
    let later = ports(&groups, 4, start + 11 * SECOND);
    assert!(later.contains(&2), "{later:?}");
    let after = ports(&groups, 4, start + 12 * SECOND);
    assert_eq!(after.iter().filter(|port| **port == 2).count(), 2, "a success made it whole: {after:?}");
}

#[test]
fn a_peer_that_fails_again_on_its_trial_rests_again() {
    let groups = groups(vec![peer(1, 1), peer(2, 1)], vec![]);
    let start = Instant::now();
    fail(&groups, 2, start);
    assert!(fail(&groups, 2, start + 11 * SECOND));
    assert_eq!(ports(&groups, 3, start + 20 * SECOND), [1, 1, 1]);
}

#[test]
fn a_resting_peer_gets_one_trial_at_a_time() {
    let groups = groups(vec![peer(1, 1), peer(2, 1)], vec![]);
    let start = Instant::now();
    fail(&groups, 2, start);
    let now = start + 11 * SECOND;
    let pick = || groups.pick(GROUP, &mut Tried::default(), now).unwrap();
    let open: Vec<Lease> = (0..6).map(|_| pick()).collect();
    assert_eq!(open.iter().filter(|lease| port(lease) == 2).count(), 1);
}

#[test]
fn failures_below_max_fails_only_lower_the_weight() {
    let mut second = peer(2, 4);
    second.max_fails = 2;
    let groups = groups(vec![peer(1, 4), second], vec![]);
    let now = Instant::now();
    assert!(!fail(&groups, 2, now));
    let next = ports(&groups, 3, now);
    assert!(next.contains(&2), "{next:?}");
    assert!(fail(&groups, 2, now), "the second failure is the last");
}

#[test]
fn max_fails_zero_never_rests() {
    let mut second = peer(2, 1);
    second.max_fails = 0;
    let groups = groups(vec![peer(1, 1), second], vec![]);
    let now = Instant::now();
    for _ in 0..5 {
        assert!(!fail(&groups, 2, now));
    }
}

#[test]
fn the_only_peer_never_rests() {
    let groups = groups(vec![peer(1, 1)], vec![]);
    let now = Instant::now();
    assert!(!fail(&groups, 1, now));
    assert_eq!(ports(&groups, 2, now), [1, 1]);
}

#[test]
fn backups_serve_only_when_nobody_else_can() {
    let mut down = peer(3, 1);
    down.down = true;
    let groups = groups(vec![peer(1, 1), down], vec![peer(8, 1), peer(9, 1)]);
    let now = Instant::now();
    assert_eq!(ports(&groups, 3, now), [1, 1, 1]);
    let mut tried = Tried::default();
    let asked: Vec<u16> = std::iter::from_fn(|| groups.pick(GROUP, &mut tried, now)).map(|l| port(&l)).collect();
    assert_eq!(asked, [1, 8, 9]);
    fail(&groups, 1, now);
    assert_eq!(ports(&groups, 2, now).iter().filter(|port| **port < 8).count(), 0);
}

#[test]
fn a_request_meets_each_peer_once() {
    let many: Vec<Peer> = (1..=130).map(|port| peer(port, 1)).collect();
    let groups = groups(many, vec![]);
    let (mut tried, now) = (Tried::default(), Instant::now());
    let mut asked: Vec<u16> = std::iter::from_fn(|| groups.pick(GROUP, &mut tried, now)).map(|l| port(&l)).collect();
    asked.sort_unstable();
    assert_eq!(asked, (1..=130).collect::<Vec<u16>>());
    assert_eq!(groups.group(GROUP).unwrap().attempts_max(), 130);
}

#[test]
fn only_the_peer_that_is_forgotten_is_picked_again() {
    let groups = groups((1..=130).map(|port| peer(port, 1)).collect(), Vec::new());
    let (mut tried, now) = (Tried::default(), Instant::now());
    let mut leases: Vec<Lease> = std::iter::from_fn(|| groups.pick(GROUP, &mut tried, now)).collect();
    assert_eq!(leases.len(), 130);
    for which in [1, 64, 65, 130] {
        let at = leases.iter().position(|lease| port(lease) == which).unwrap();
        tried.forget(&leases.swap_remove(at));
        leases.extend(groups.pick(GROUP, &mut tried, now));
        assert_eq!(leases.last().map(port), Some(which));
        assert!(groups.pick(GROUP, &mut tried, now).is_none());
    }
    let mut untried = Tried::default();
    leases.iter().for_each(|lease| untried.forget(lease));
    assert!((0..130).all(|number| !untried.has(number)));
}

#[test]
fn max_conns_is_never_passed_and_is_freed() {
    let mut limited = peer(1, 10);
    limited.max_conns = 2;
    let groups = groups(vec![limited, peer(2, 1)], vec![]);
    let pick = || groups.pick(GROUP, &mut Tried::default(), Instant::now()).unwrap();
    let mut open: Vec<Lease> = (0..6).map(|_| pick()).collect();
    assert_eq!(open.iter().filter(|lease| port(lease) == 1).count(), 2);
    open.retain(|lease| port(lease) == 2);
    assert_eq!(port(&pick()), 1);
    assert_eq!(groups.group(GROUP).unwrap().live_count(), 4);
}

#[test]
fn max_conns_of_an_only_peer() {
    let mut limited = peer(1, 1);
    limited.max_conns = 1;
    let groups = groups(vec![limited], vec![]);
    let pick = || groups.pick(GROUP, &mut Tried::default(), Instant::now());
    let open = pick();
    assert!(open.is_some() && pick().is_none());
    drop(open);
    assert!(pick().is_some());
}

#[test]
fn turns_and_limits_hold_over_threads() {
    let mut limited = peer(3, 2);
    limited.max_conns = 5;
    let groups = groups(vec![peer(1, 2), peer(2, 1), limited], vec![]);
    let all: Vec<Lease> = std::thread::scope(|scope| {
        let shard = || -> Vec<Lease> {
            (0..750).filter_map(|_| groups.pick(GROUP, &mut Tried::default(), Instant::now())).collect()
        };
        let shards: Vec<_> = (0..4).map(|_| scope.spawn(shard)).collect();
        shards.into_iter().flat_map(|shard| shard.join().unwrap()).collect()
    });
    let count = |which| all.iter().filter(|lease| port(lease) == which).count();
    assert_eq!((count(1) + count(2), count(3)), (2995, 5));
    assert!(count(1).abs_diff(2 * count(2)) <= 15, "{} to {}", count(1), count(2));
    drop(all);
    assert_eq!(groups.group(GROUP).unwrap().live_count(), 0);
}

#[test]
fn a_reload_keeps_health_and_live_counts_by_address() {
    let now = Instant::now();
    let mut limited = peer(1, 1);
    limited.max_conns = 1;
    let old = groups(vec![limited.clone(), peer(2, 1)], vec![]);
    fail(&old, 2, now);
    let open = old.pick(GROUP, &mut Tried::default(), now).unwrap();
    assert_eq!(port(&open), 1);
    let other = upstream("other", vec![peer(2, 1)], vec![]);
    let new = Groups::new(&http(vec![other, upstream("u", vec![peer(2, 3), limited, peer(3, 1)], vec![])]), Some(&old));
    let id = new.by_name(model::Protocol::Http, b"U", None).unwrap();
    let pick = || new.pick(id, &mut Tried::default(), now).map(|lease| port(&lease));
    assert_eq!([pick(), pick()], [Some(3), Some(3)]);
    drop(open);
    assert!([pick(), pick()].contains(&Some(1)));
    assert_eq!(new.pick(GROUP, &mut Tried::default(), now).map(|lease| port(&lease)), Some(2), "another group");
}

#[test]
fn only_blocks_are_found_by_name() {
    let mut implicit = upstream("127.0.0.1:1", vec![peer(1, 1)], vec![]);
    implicit.is_block = false;
    let groups = Groups::new(&http(vec![implicit, upstream("App", vec![peer(1, 1)], vec![])]), None);
    assert_eq!(groups.by_name(model::Protocol::Http, b"app", None), Some(UpstreamId(1)));
    assert_eq!(groups.by_name(model::Protocol::Http, b"127.0.0.1", Some(1)), Some(UpstreamId(0)));
    assert_eq!(groups.by_name(model::Protocol::Http, b"app", Some(80)), None);
}

#[test]
fn an_address_without_a_group_can_be_leased() {
    let group = Group::of_addresses([address(7)].into_iter(), "127.0.0.1:7");
    let mut tried = Tried::default();
    let lease = group.pick(&mut tried, Instant::now()).unwrap();
    assert_eq!(port(&lease), 7);
    assert!(!lease.failed(Instant::now()) && group.pick(&mut tried, Instant::now()).is_none());
}

proptest! {
    /// In each full round every sound peer has had exactly its weight.
    #[test]
    fn every_round_is_exact(weights in proptest::collection::vec(1u32..20, 2..8), rounds in 1usize..4) {
        let peers = weights.iter().zip(1..).map(|(weight, port)| peer(port, *weight)).collect();
        let groups = groups(peers, vec![]);
        let total: u32 = weights.iter().sum();
        for _ in 0..rounds {
            let round = ports(&groups, total as usize, Instant::now());
            for (weight, port) in weights.iter().zip(1..) {
                prop_assert_eq!(round.iter().filter(|got| **got == port).count(), *weight as usize);
            }
        }
    }
}

/// Closes a connection from outside.
#[derive(Default)]
struct Disturbance {
    has_come: Cell<bool>,
    awaited_by: RefCell<Option<Waker>>,
}

impl Disturbance {
    fn come(&self) {
        self.has_come.set(true);
        self.awaited_by.take().unwrap().wake();
    }
}

struct Connection {
    number: u32,
    disturbance: Rc<Disturbance>,
    open: Rc<Cell<u32>>,
}

impl Rests for Connection {
    fn is_disturbed(&self, waker: &Waker) -> bool {
        *self.disturbance.awaited_by.borrow_mut() = Some(waker.clone());
        self.disturbance.has_come.get()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

/// Counts how often the keeper is called.
#[derive(Default)]
struct Calls(AtomicU32);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Shard {
    pool: Rc<Pool<Connection>>,
    keepers: Vec<Keeper<Connection>>,
    calls: Arc<Calls>,
    open: Rc<Cell<u32>>,
    now: Instant,
}

impl Shard {
    fn new() -> Self {
        let http = http(vec![upstream("u", vec![peer(1, 1)], vec![])]);
        let (calls, open) = (Arc::default(), Rc::default());
        Self { pool: Pool::new(&http), keepers: Vec::new(), calls, open, now: Instant::now() }
    }

    fn put(&mut self, number: u32, port: u16, requests: u64) -> Rc<Disturbance> {
        let disturbance = Rc::<Disturbance>::default();
        self.open.set(self.open.get() + 1);
        let connection = Connection { number, disturbance: Rc::clone(&disturbance), open: Rc::clone(&self.open) };
        let age = Age { opened: self.now, requests };
        self.keepers.extend(self.pool.put(GROUP, &address(port), connection, age, self.now));
        self.run();
        disturbance
    }

    fn take(&mut self, port: u16) -> Option<u32> {
        let taken = self.pool.take(GROUP, &address(port), |_| true).map(|(connection, _)| connection.number);
        self.run();
        taken
    }

    /// Asks each keeper once; when the first comes by itself.
    fn run(&mut self) -> Option<Instant> {
        let (waker, mut next) = (Waker::from(Arc::clone(&self.calls)), None);
        self.keepers.retain(|keeper| match keeper.tend(&waker, self.now) {
            Tended::Over => false,
            Tended::Until(time) => {
                next = next.or(time);
                true
            }
        });
        next
    }

    fn calls(&self) -> u32 {
        self.calls.0.swap(0, Ordering::Relaxed)
    }
}

#[test]
fn the_connection_used_last_comes_first_and_only_for_its_address() {
    let mut shard = Shard::new();
    shard.put(1, 1, 1);
    shard.put(2, 1, 1);
    assert_eq!(shard.take(9), None);
    assert_eq!([shard.take(1), shard.take(1), shard.take(1)], [Some(2), Some(1), None]);
    assert!(shard.keepers.len() == 1 && shard.open.get() == 0);
}

#[test]
fn a_closed_connection_leaves_the_pool() {
    let mut shard = Shard::new();
    let first = shard.put(1, 1, 1);
    shard.put(2, 1, 1);
    first.come();
    shard.run();
    assert_eq!((shard.pool.len(), shard.open.get(), shard.keepers.len()), (1, 1, 1));
    assert_eq!([shard.take(1), shard.take(1)], [Some(2), None]);
}

#[test]
fn the_oldest_makes_room() {
    let mut shard = Shard::new();
    for number in 1..=3 {
        shard.put(number, 1, 1);
    }
    assert_eq!((shard.pool.len(), shard.open.get()), (2, 2));
    assert_eq!([shard.take(1), shard.take(1), shard.take(1)], [Some(3), Some(2), None]);
}

#[test]
fn worn_connections_are_not_kept() {
    let mut shard = Shard::new();
    shard.put(1, 1, 3);
    assert_eq!((shard.pool.len(), shard.open.get()), (0, 0));
    shard.put(2, 1, 2);
    let opened = shard.now;
    shard.now += 60 * SECOND;
    let (connection, age) = shard.pool.take(GROUP, &address(1), |_| true).unwrap();
    assert_eq!(age, Age { opened, requests: 2 });
    let kept = shard.pool.put(GROUP, &address(1), connection, age, shard.now);
    assert!(kept.is_none() && shard.open.get() == 0);
}

#[test]
fn a_closed_pool_keeps_nothing() {
    let mut shard = Shard::new();
    shard.put(1, 1, 1);
    shard.pool.close();
    shard.run();
    shard.put(2, 1, 1);
    assert_eq!((shard.pool.len(), shard.open.get(), shard.keepers.len()), (0, 0, 1));
}

#[test]
fn what_rings_after_it_was_taken_is_nobodys() {
    let mut shard = Shard::new();
    let taken = shard.put(1, 1, 1);
    let (connection, age) = shard.pool.take(GROUP, &address(1), |_| true).unwrap();
    taken.come();
    shard.run();
    assert_eq!((connection.number, age.requests, shard.open.get()), (1, 1, 1));
}

#[test]
fn a_bell_that_is_used_again_rings_for_its_last_connection() {
    let mut shard = Shard::new();
    let first = shard.put(1, 1, 1);
    assert_eq!(shard.take(1), Some(1));
    let second = shard.put(2, 1, 1);
    // The first still has it.
    first.come();
    shard.run();
    assert_eq!(shard.pool.len(), 1);
    second.come();
    shard.run();
    assert_eq!((shard.pool.len(), shard.open.get()), (0, 0));
}

#[test]
fn connections_are_closed_when_they_have_waited_long_enough() {
    let mut shard = Shard::new();
    let began = shard.now;
    shard.put(1, 1, 1);
    shard.calls();
    shard.now = began + SECOND;
    shard.put(2, 1, 1);
    assert_eq!((shard.run(), shard.calls()), (Some(began + 5 * SECOND), 0), "one alarm for both");
    shard.now = began + 5 * SECOND;
    assert_eq!((shard.run(), shard.pool.len(), shard.open.get()), (Some(began + 6 * SECOND), 1, 1));
    shard.now = began + 6 * SECOND;
    assert_eq!((shard.run(), shard.open.get()), (None, 0));
    // The keeper sleeps: it has to be told.
    shard.put(3, 1, 1);
    assert_eq!((shard.calls(), shard.run()), (1, Some(began + 11 * SECOND)));
}

#[test]
fn a_connection_that_was_used_meanwhile_waits_anew() {
    let mut shard = Shard::new();
    let began = shard.now;
    shard.put(1, 1, 1);
    shard.now = began + 3 * SECOND;
    assert_eq!(shard.take(1), Some(1));
    shard.put(1, 1, 1);
    shard.now = began + 5 * SECOND;
    assert_eq!((shard.run(), shard.pool.len()), (Some(began + 8 * SECOND), 1));
}

#[test]
fn a_keeper_ends_with_its_pool() {
    let mut shard = Shard::new();
    shard.put(1, 1, 1);
    shard.pool = Pool::new(&Serving::default());
    assert_eq!(shard.open.get(), 0);
    shard.run();
    assert!(shard.keepers.is_empty());
}
