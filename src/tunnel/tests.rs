//! Tunnels under a virtual clock: what the proxy itself sends and ends, byte by byte.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_keepalive;

use super::clock::Moment;
use super::frames::close_frame;
use super::record::{Close, Closer, Ending, Reason, Record};
use super::side::Side;
use super::slot::{Carried, Slot};
use super::turns::Turns;
use crate::limits;
use crate::model::{Tunnel, TunnelKeepalive, TunnelLifetime, TunnelPing};

const KEEPALIVE: TunnelKeepalive = TunnelKeepalive {
    idle: Duration::from_secs(120),
    interval: None,
    count: None,
    user_timeout: Duration::from_secs(180),
};

mod ages;
mod fairness;
mod nagle;
mod pings;
mod reuse;
mod rounds;
mod stuck;
mod watches;

type OnEnd = Box<dyn FnOnce(&Record)>;

/// One tunnel, its peers and the clock.
struct Bench {
    turns: Turns<OnEnd>,
    client: UnixStream,
    upstream: UnixStream,
    record: Rc<RefCell<Option<Record>>>,
    settings: Arc<Tunnel>,
    now: Moment,
}

impl Bench {
    fn new(settings: Tunnel, frames: bool) -> Bench {
        let mut turns = Turns::new(8, 64, 64 << 20).unwrap();
        let ((client_near, client), (upstream_near, upstream)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        for socket in [&client_near, &client, &upstream_near, &upstream] {
            socket.set_nonblocking(true).unwrap();
        }
        let record = Rc::new(RefCell::new(None));
        let now = Moment(1_000_000);
        let settings = Arc::new(settings);
        let mut slot = Slot::new(client_near.into(), upstream_near.into(), Arc::clone(&settings), now);
        slot.carried = Carried::new(frames);
        let told = Rc::clone(&record);
        let on_end: OnEnd = Box::new(move |record| *told.borrow_mut() = Some(record.clone()));
        turns.adopt(slot, on_end, now);
        let mut bench = Bench { turns, client, upstream, record, settings, now };
        bench.settle();
        bench
    }

    /// Turns until nothing is left to do.
    fn settle(&mut self) {
        loop {
            self.turn();
            if !self.has_more() {
                return;
            }
        }
    }

    fn turn(&mut self) {
        self.turns.turn(self.now).unwrap();
        for (on_end, record) in self.turns.take_over() {
            on_end(&record);
        }
    }

    /// The ring has something for another turn.
    fn has_more(&self) -> bool {
        let watched = self.turns.ring().watched().unwrap();
        let mut polled = [PollFd::new(&watched, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
    }

    /// One more tunnel: the two ends of one pair, so it is silent for ever. Returns a descriptor of one end.
    fn adopt_silent(&mut self, settings: &Arc<Tunnel>) -> UnixStream {
        let (near, far) = UnixStream::pair().unwrap();
        let also_near = near.try_clone().unwrap();
        let slot = Slot::new(near.into(), far.into(), Arc::clone(settings), self.now);
        self.turns.adopt(slot, Box::new(|_| ()), self.now);
        also_near
    }

    /// The clock goes on, with a sweep each second. Returns how many tunnels those looked at.
    fn pass(&mut self, seconds: u64) -> usize {
        let mut looked_at = 0;
        for _ in 0..seconds {
            self.now = Moment(self.now.0 + 1000);
            looked_at += self.turns.sweep(self.now).unwrap();
            self.settle();
        }
        looked_at
    }

    /// Turns until something is so that the kernel does on its own. For the tunnels no time passes.
    fn settle_until(&mut self, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < seconds(60), "never");
            self.settle();
        }
    }

    fn end(&self, side: Side) -> &UnixStream {
        match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        }
    }

    fn send(&mut self, from: Side, bytes: &[u8]) {
        self.end(from).write_all(bytes).unwrap();
        self.settle();
    }

    /// All that has arrived at a side, and whether it was the last.
    fn arrived(&self, at: Side) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        match self.end(at).read_to_end(&mut bytes) {
            Ok(_) => (bytes, true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => (bytes, false),
            Err(error) => panic!("{error}"),
        }
    }

    fn ended(&self) -> Option<Ending> {
        self.record.borrow().as_ref().map(|record| record.ended)
    }

    fn close(&self) -> Option<Close> {
        self.record.borrow().as_ref().and_then(|record| record.close)
    }

    /// The Close frame that has arrived at a side, and nothing else.
    fn told(&self, at: Side) -> Option<u16> {
        let (bytes, _) = self.arrived(at);
        let bytes = match at {
            Side::Client => bytes,
            Side::Upstream if bytes.is_empty() => bytes,
            Side::Upstream => unmask(&bytes),
        };
        (!bytes.is_empty()).then(|| {
            assert_eq!(bytes[..2], [0x88, 2]);
            u16::from_be_bytes([bytes[2], bytes[3]])
        })
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A frame as it is, without its mask: of the frames that a test compares only those toward the upstream have one.
fn unmask(frame: &[u8]) -> Vec<u8> {
    assert_eq!(frame[1] & 0x80, 0x80, "masked");
    let mut plain = vec![frame[0], frame[1] & 0x7f];
    plain.extend(frame[6..].iter().enumerate().map(|(at, byte)| byte ^ frame[2 + at % 4]));
    plain
}

const TEXT: &[u8] = b"\x81\x05hello";

#[test]
fn a_quiet_tunnel_stays_until_its_timeout_and_is_told_by_close_frames() {
    let mut bench = Bench::new(Tunnel { timeout: Some(seconds(60)), ..Tunnel::default() }, true);
    bench.pass(59);
    bench.send(Side::Upstream, TEXT);
    bench.pass(59);
    assert_eq!(bench.arrived(Side::Client), (TEXT.to_vec(), false));
    bench.pass(1);
    assert_eq!(bench.arrived(Side::Client), (close_frame(1001, None), false));
    assert_eq!(unmask(&bench.arrived(Side::Upstream).0), close_frame(1001, None));
    bench.send(Side::Client, &close_frame(1001, Some([1; 4])));
    assert_eq!(bench.ended(), None, "the upstream has not answered");
    bench.send(Side::Upstream, &close_frame(1001, None));
    assert_eq!(bench.ended(), Some(Ending::Idle));
    assert_eq!((bench.arrived(Side::Client), bench.arrived(Side::Upstream)), ((vec![], true), (vec![], true)));
    assert_eq!(bench.turns.counts().active, 0);
}

#[test]
fn a_farewell_without_answer_is_bounded() {
    let lifetime = TunnelLifetime { base: seconds(100), jitter: Duration::ZERO };
    let mut bench = Bench::new(Tunnel { lifetime: Some(lifetime), ..Tunnel::default() }, true);
    bench.pass(99);
    assert_eq!(bench.arrived(Side::Client), (vec![], false));
    bench.pass(1);
    bench.pass(1);
    assert_eq!(bench.ended(), None);
    bench.pass(1);
    assert_eq!(bench.ended(), Some(Ending::Lifetime));
    assert_eq!(bench.arrived(Side::Client), (close_frame(1001, None), true));
}

/// Settings, the ending they bring, and the codes that client and upstream are told.
#[test]
fn each_ending_has_its_close_code() {
    let off = Tunnel::default();
    let lifetime = TunnelLifetime { base: seconds(5), jitter: Duration::ZERO };
    let ping = TunnelPing { interval: seconds(2), timeout: seconds(3) };
    for (settings, ending, codes) in [
        (Tunnel { timeout: Some(seconds(5)), ..off.clone() }, Ending::Idle, [1001, 1001]),
        (Tunnel { lifetime: Some(lifetime), ..off.clone() }, Ending::Lifetime, [1001, 1001]),
        (Tunnel { read_timeout: Some(seconds(5)), ..off.clone() }, Ending::ReadTimeout, [1011, 1001]),
        (Tunnel { ping: Some(ping), ..off }, Ending::NoPong, [1008, 1001]),
    ] {
        let mut bench = Bench::new(settings, true);
        bench.pass(4);
        bench.arrived(Side::Client);
        assert_eq!(bench.told(Side::Upstream), None);
        bench.pass(1);
        assert_eq!([Side::Client, Side::Upstream].map(|side| bench.told(side)), codes.map(Some), "{ending:?}");
        bench.pass(2);
        assert_eq!(bench.ended(), Some(ending));
        assert_eq!(bench.close(), Some(Close { by: Closer::Proxy, code: codes[0] }));
        assert!(Side::BOTH.iter().all(|side| bench.arrived(*side) == (vec![], true)), "{ending:?}");
    }
}

#[test]
fn a_client_that_sends_keeps_its_tunnel_from_the_read_timeout() {
    let mut bench = Bench::new(Tunnel { read_timeout: Some(seconds(5)), ..Tunnel::default() }, true);
    for _ in 0..5 {
        bench.pass(4);
        bench.send(Side::Client, TEXT);
        assert_eq!(bench.arrived(Side::Upstream), (TEXT.to_vec(), false));
    }
    bench.pass(4);
    assert_eq!(bench.told(Side::Client), None);
    bench.pass(1);
    assert_eq!(bench.told(Side::Client), Some(1011));
}

#[test]
fn a_side_that_takes_nothing_costs_the_other_one_a_close_frame() {
    for (stuck, code) in [(Side::Client, 1001), (Side::Upstream, 1011)] {
        let time = Some(seconds(5));
        let mut bench = Bench::new(Tunnel { send_timeout: time, client_send_timeout: time, ..Tunnel::default() }, true);
        let mut sent = 0;
        while sent < 64 << 20 {
            let mut socket = match stuck {
                Side::Client => &bench.upstream,
                Side::Upstream => &bench.client,
            };
            match socket.write(&TEXT.repeat(4096)) {
                Ok(count) => sent += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
            bench.settle();
        }
        bench.pass(5);
        assert_eq!(bench.told(stuck.other()), Some(code));
        assert_eq!(bench.ended(), None);
        bench.pass(2);
        assert_eq!(bench.ended(), Some(Ending::SendTimeout(stuck)));
        let (bytes, is_over) = bench.arrived(stuck);
        assert!(is_over && bytes.len() < sent && bytes.starts_with(TEXT));
        assert_eq!((bench.turns.counts().active, bench.turns.counts().pipes_lent), (0, 0));
    }
}

#[test]
fn an_end_that_has_finished_is_told_nothing_more() {
    let mut bench = Bench::new(Tunnel { timeout: Some(seconds(5)), ..Tunnel::default() }, true);
    bench.client.shutdown(std::net::Shutdown::Write).unwrap();
    bench.settle();
    bench.pass(5);
    assert_eq!(bench.arrived(Side::Upstream), (vec![], true));
    assert_eq!(bench.told(Side::Client), Some(1001));
    assert_eq!(bench.ended(), None, "the upstream may answer");
    bench.send(Side::Upstream, &close_frame(1000, None));
    assert_eq!(bench.ended(), Some(Ending::Idle));
}

#[test]
fn a_blind_tunnel_ends_without_a_word() {
    let settings = Tunnel { timeout: Some(seconds(5)), max_message: Some(1), ..Tunnel::default() };
    let mut bench = Bench::new(settings, false);
    bench.send(Side::Client, TEXT);
    assert_eq!(bench.arrived(Side::Upstream), (TEXT.to_vec(), false));
    bench.pass(5);
    assert_eq!(bench.ended(), Some(Ending::Idle));
    assert_eq!((bench.arrived(Side::Client), bench.arrived(Side::Upstream)), ((vec![], true), (vec![], true)));
}

#[test]
fn the_jitter_spreads_the_ends_of_tunnels_opened_together() {
    let lifetime = TunnelLifetime { base: seconds(100), jitter: seconds(100) };
    let mut bench = Bench::new(Tunnel { lifetime: Some(lifetime), ..Tunnel::default() }, false);
    let settings = Arc::new(Tunnel { lifetime: Some(lifetime), ..Tunnel::default() });
    for _ in 0..200 {
        bench.adopt_silent(&settings);
    }
    bench.settle();
    bench.pass(99);
    assert_eq!(bench.turns.counts().active, 201);
    bench.pass(51);
    let half = bench.turns.counts().active;
    assert!((60..140).contains(&half), "{half} left after half of the jitter");
    bench.pass(51);
    assert_eq!(bench.turns.counts().active, 0);
}

#[test]
fn a_tunnel_that_sees_a_sweep_is_told_of_its_probes_once() {
    let (mut bench, told) =
        (Bench::new(Tunnel::default(), true), |socket: &UnixStream| socket_keepalive(socket).unwrap());
    let settings = Arc::new(Tunnel { keepalive: Some(KEEPALIVE), ..Tunnel::default() });
    let first = bench.adopt_silent(&settings);
    bench.settle();
    assert!(!told(&first));
    bench.pass(1);
    let second = bench.adopt_silent(&settings);
    bench.settle();
    assert_eq!((told(&first), told(&second)), (true, false));
    bench.pass(1);
    assert!(told(&second));
    let off = bench.adopt_silent(&Arc::new(Tunnel::default()));
    assert_eq!((bench.pass(3600), told(&off)), (0, false), "and nothing is left to look at");
}

#[test]
fn a_sweep_that_has_many_to_tell_goes_on_after_traffic() {
    let mut bench = Bench::new(Tunnel::default(), true);
    let settings = Arc::new(Tunnel { keepalive: Some(KEEPALIVE), ..Tunnel::default() });
    let count = 4 * limits::TUNNEL_PROBED_COUNT;
    let sockets: Vec<UnixStream> = (0..count).map(|_| bench.adopt_silent(&settings)).collect();
    let told = || sockets.iter().filter(|socket| socket_keepalive(socket).unwrap()).count();
    bench.settle();
    bench.now = Moment(bench.now.0 + 1000);
    bench.turns.sweep(bench.now).unwrap();
    let at_once = told();
    assert!((limits::TUNNEL_PROBED_COUNT..2 * limits::TUNNEL_PROBED_COUNT).contains(&at_once), "{at_once}");
    assert!(bench.turns.turn(bench.now).unwrap(), "another turn is wanted");
    bench.settle();
    assert_eq!(told(), count);
}

#[test]
fn a_sweep_looks_at_no_tunnel_of_which_nothing_is_due() {
    let count = 400;
    let mut bench = Bench::new(Tunnel::default(), true);
    let off = Arc::new(Tunnel::default());
    (0..count).for_each(|_| drop(bench.adopt_silent(&off)));
    bench.settle();
    assert_eq!(bench.pass(3600), 0);
    let idle = Arc::new(Tunnel { timeout: Some(seconds(60)), ..Tunnel::default() });
    (0..count).for_each(|_| drop(bench.adopt_silent(&idle)));
    bench.settle();
    assert_eq!(bench.pass(59), 0);
    let looked_at = bench.pass(1);
    // Those that are due, and the neighbours of the first.
    assert!((count..2 * count).contains(&looked_at), "{looked_at}");
    assert_eq!(bench.turns.counts().active, count + 1);
    assert_eq!(bench.pass(3600), 0);
}

#[test]
fn a_drain_is_spread_over_the_tunnels_of_its_settings_and_spares_equal_ones() {
    let settings = Arc::new(Tunnel { drain: Some(seconds(100)), ..Tunnel::default() });
    let mut bench = Bench::new((*settings).clone(), true);
    for _ in 0..200 {
        bench.adopt_silent(&settings);
    }
    bench.pass(1000);
    assert_eq!(bench.turns.counts().active, 201, "nothing drains yet");
    bench.turns.drain(&[Arc::clone(&settings)], bench.now);
    bench.pass(50);
    bench.turns.drain(&[Arc::clone(&settings)], bench.now);
    let half = bench.turns.counts().active;
    assert!((60..140).contains(&half), "{half} left after half of the time");
    bench.pass(51);
    assert_eq!(bench.turns.counts().active, 1, "only that of another generation");
    assert_eq!(bench.told(Side::Client), None);
    let other = Tunnel { drain: Some(Duration::ZERO), ..Tunnel::default() };
    let mut bench = Bench::new(other, true);
    bench.turns.drain(&[Arc::clone(&bench.settings)], bench.now);
    bench.pass(1);
    assert_eq!([Side::Client, Side::Upstream].map(|side| bench.told(side)), [Some(1001); 2]);
    bench.pass(2);
    assert_eq!(bench.ended(), Some(Ending::Stopped(Reason::Drain)));
}

#[test]
fn settings_that_nobody_has_any_more_drain_no_more() {
    let mut bench = Bench::new(Tunnel::default(), true);
    let settings = Arc::new(Tunnel { drain: Some(seconds(100)), ..Tunnel::default() });
    let kept = Arc::downgrade(&settings);
    bench.turns.drain(&[Arc::clone(&settings)], bench.now);
    bench.pass(1);
    assert_eq!(kept.strong_count(), 2);
    drop(settings);
    bench.pass(1);
    assert_eq!(kept.strong_count(), 0);
}

#[test]
fn the_end_of_some_settings_is_not_that_of_others() {
    let mut bench = Bench::new(Tunnel::default(), true);
    bench.turns.end_of(&[Arc::default()], Reason::Stop, bench.now).unwrap();
    bench.settle();
    assert_eq!(bench.ended(), None);
    bench.turns.end_of(&[Arc::clone(&bench.settings)], Reason::Stop, bench.now).unwrap();
    bench.settle();
    assert_eq!(bench.ended(), Some(Ending::Stopped(Reason::Stop)));
}

#[test]
fn a_close_frame_waits_for_the_end_of_the_frame_under_way() {
    for cut in 0..TEXT.len() {
        let mut bench = Bench::new(Tunnel::default(), true);
        bench.send(Side::Upstream, &TEXT[..cut]);
        bench.turns.end_all(Reason::Drain, bench.now).unwrap();
        bench.settle();
        let is_inside = cut >= 2;
        let (mut bytes, _) = bench.arrived(Side::Client);
        bench.send(Side::Upstream, &[&TEXT[cut..], TEXT].concat());
        bytes.extend(bench.arrived(Side::Client).0);
        let expected = if is_inside { [TEXT, &close_frame(1001, None)].concat() } else { close_frame(1001, None) };
        assert_eq!(bytes, expected, "cut {cut}");
        bench.send(Side::Upstream, &close_frame(4000, None));
        bench.client.shutdown(std::net::Shutdown::Write).unwrap();
        bench.settle();
        assert_eq!(bench.ended(), Some(Ending::Stopped(Reason::Drain)));
        let close = bench.record.borrow().as_ref().unwrap().close;
        assert_eq!(close, Some(Close { by: Closer::Proxy, code: 1001 }), "the first counts");
    }
}

#[test]
fn no_close_frame_follows_the_close_frame_of_a_source() {
    let mut bench = Bench::new(Tunnel::default(), true);
    bench.send(Side::Client, &close_frame(1000, Some([0; 4])));
    bench.turns.end_all(Reason::Drain, bench.now).unwrap();
    bench.settle();
    assert_eq!(bench.arrived(Side::Upstream).0, close_frame(1000, Some([0; 4])));
    assert_eq!(bench.arrived(Side::Client).0, close_frame(1001, None));
    bench.send(Side::Upstream, &close_frame(1000, None));
    assert_eq!(bench.ended(), Some(Ending::Stopped(Reason::Drain)));
}

#[test]
fn a_message_that_is_too_long_is_refused_on_both_sides() {
    for split in [false, true] {
        let settings = Tunnel { max_message: Some(8), ..Tunnel::default() };
        let mut bench = Bench::new(settings, true);
        bench.send(Side::Client, b"\x01\x84\0\0\0\0four\x80\x84\0\0\0\0four");
        let long = b"\x01\x85\0\0\0\0fives\x80\x84\0\0\0\0four";
        if split {
            long.iter().for_each(|byte| bench.send(Side::Client, &[*byte]));
        } else {
            bench.send(Side::Client, long);
        }
        let (bytes, _) = bench.arrived(Side::Upstream);
        let passed = b"\x01\x84\0\0\0\0four\x80\x84\0\0\0\0four\x01\x85\0\0\0\0fives";
        assert_eq!(bytes[..passed.len()], *passed);
        assert_eq!(unmask(&bytes[passed.len()..]), close_frame(1009, None));
        assert_eq!(bench.arrived(Side::Client).0, close_frame(1009, None));
        bench.send(Side::Client, &close_frame(1009, Some([5; 4])));
        bench.send(Side::Upstream, &close_frame(1009, None));
        assert_eq!(bench.ended(), Some(Ending::MessageTooLong(Side::Client)));
        assert_eq!(bench.record.borrow().as_ref().unwrap().messages_to_upstream, 1);
    }
}

#[test]
fn a_tunnel_costs_a_turn_when_it_is_taken_in_and_another_when_it_has_ended() {
    let mut bench = Bench::new(Tunnel::default(), true);
    let _end = bench.adopt_silent(&bench.settings.clone());
    bench.turn();
    assert!(!bench.has_more(), "what is quiet has nothing to say");
    for end in [&bench.client, &bench.upstream] {
        end.shutdown(std::net::Shutdown::Write).unwrap();
    }
    bench.turn();
    assert!(bench.ended().is_some() && !bench.has_more());
    assert!(bench.arrived(Side::Client).1 && bench.arrived(Side::Upstream).1);
}

#[test]
fn an_end_that_was_full_is_written_to_when_it_has_room() {
    let mut bench = Bench::new(Tunnel::default(), false);
    let mut sent = 0;
    for _ in 0..100 {
        match bench.upstream.write(&[7; 64 << 10]) {
            Ok(count) => sent += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        bench.settle();
    }
    let mut came = 0;
    while came < sent {
        let before = came;
        came += bench.arrived(Side::Client).0.len();
        bench.settle();
        assert!(came > before, "stuck after {came} of {sent}");
    }
    bench.send(Side::Upstream, b"more");
    assert_eq!(bench.arrived(Side::Client).0, b"more");
}
