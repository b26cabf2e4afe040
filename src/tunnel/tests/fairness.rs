//! Fairness: what a fast sender moves before all others have their turn.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::super::clock::Moment;
use super::super::pump::Pump;
use super::super::side::{Known, Side};
use super::super::slot::Slot;
use super::{Bench, TEXT};
use crate::limits;
use crate::model::Tunnel;

/// A tunnel from a sender that always has more to a reader that takes all.
struct Fast {
    sender: TcpStream,
    reader: TcpStream,
    taken: usize,
}

impl Fast {
    fn adopt(bench: &mut Bench) -> Fast {
        let ((near, sender), (far, reader)) = (tcp(), tcp());
        let slot = Slot::new(near.into(), far.into(), Arc::default(), bench.now);
        bench.turns.adopt(slot, Box::new(|_| ()), bench.now);
        Fast { sender, reader, taken: 0 }
    }

    /// Sends until nothing more fits.
    fn fill(&mut self) {
        while self.sender.write(&[7; 64 << 10]).is_ok() {}
    }

    /// Reads until nothing more is there.
    fn drain(&mut self) {
        let mut bytes = [0; 64 << 10];
        while let Ok(count) = self.reader.read(&mut bytes) {
            self.taken += count;
        }
    }
}

pub(super) fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let near = listener.accept().unwrap().0;
    for socket in [&near, &far] {
        socket.set_nonblocking(true).unwrap();
    }
    (near, far)
}

/// What decides how long others wait beside a fast sender: how much it moves before they have their turn. No clock here,
/// so that a busy machine sees the same.
#[test]
fn a_fast_sender_moves_its_budget_and_everybody_else_has_their_turn() {
    let mut bench = Bench::new(Tunnel::default(), true);
    let mut fast: Vec<Fast> = (0..4).map(|_| Fast::adopt(&mut bench)).collect();
    bench.settle();
    // What a batch takes comes before the budget, and a pass that moved less than one is followed by another.
    let turn_bytes = 2 * (limits::TUNNEL_COPY_BYTES + limits::TUNNEL_BUDGET_BYTES);
    let (mut turns, mut unfinished) = (0, 0);
    while fast.iter().any(|fast| fast.taken < 8 * limits::TUNNEL_BUDGET_BYTES) {
        fast.iter_mut().for_each(Fast::fill);
        // The fast ones were ready first.
        bench.client.write_all(TEXT).unwrap();
        unfinished += usize::from(bench.turns.turn(bench.now).unwrap());
        turns += 1;
        assert_eq!(bench.arrived(Side::Upstream), (TEXT.to_vec(), false), "served within the turn");
        for fast in &mut fast {
            fast.drain();
            assert!(fast.taken <= turns * turn_bytes);
        }
        assert!(turns < 10_000, "all of the fast ones move");
    }
    assert!(unfinished > 0, "none had more than its budget");
}

/// One round moves so much at the most, what is served one by one after it as much again, and the last of those a budget.
#[test]
fn what_many_fast_senders_move_in_one_turn_has_a_bound() {
    let mut bench = Bench::new(Tunnel::default(), true);
    let count = 2 * limits::TUNNEL_TURN_BYTES / limits::TUNNEL_BUDGET_BYTES;
    let mut all: Vec<Fast> = (0..count).map(|_| Fast::adopt(&mut bench)).collect();
    bench.settle();
    let mut turns = 0;
    // More than a round takes of each.
    while all.iter().any(|fast| fast.taken <= limits::TUNNEL_COPY_BYTES) {
        turns += 1;
        let before: usize = all.iter().map(|fast| fast.taken).sum();
        all.iter_mut().for_each(Fast::fill);
        assert!(bench.turns.turn(bench.now).unwrap(), "another turn is wanted");
        all.iter_mut().for_each(Fast::drain);
        let moved = all.iter().map(|fast| fast.taken).sum::<usize>() - before;
        assert!(moved <= 2 * limits::TUNNEL_TURN_BYTES + limits::TUNNEL_BUDGET_BYTES, "{moved} bytes in turn {turns}");
        assert!(turns <= count, "each has its turn");
    }
    assert!(turns > 1, "one turn is too short for all");
}

/// Tunnels in a row, each the peer of the one before: what a pass writes comes up while it runs.
#[test]
fn what_comes_up_within_a_turn_is_served_in_it_for_some_passes() {
    let passes = limits::TUNNEL_TURN_PASSES;
    for (length, turns) in [(1, 1), (passes, 1), (passes + 1, 2), (2 * passes, 2)] {
        let mut bench = Bench::new(Tunnel::default(), true);
        let (mut first, mut last) = UnixStream::pair().unwrap();
        for _ in 0..length {
            let (near, far) = UnixStream::pair().unwrap();
            [&last, &near, &far].iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
            let slot = Slot::new(last.into(), near.into(), Arc::default(), bench.now);
            bench.turns.adopt(slot, Box::new(|_| ()), bench.now);
            last = far;
        }
        bench.settle();
        for round in 0..3_u8 {
            first.write_all(&[round; 5]).unwrap();
            for turn in 1..=turns {
                assert!(last.read(&mut [0; 6]).is_err(), "not before turn {turn}");
                bench.turn();
            }
            let mut came = [9; 6];
            assert_eq!((last.read(&mut came).unwrap(), &came[..5]), (5, &[round; 5][..]));
            bench.settle();
        }
    }
}

#[test]
fn a_budget_holds_for_one_call_of_the_pump() {
    let (mut pump, now) = (Pump::new(1 << 20), Moment(0));
    let ((near, mut sender), (far, mut reader)) = (tcp(), tcp());
    let mut slot = Slot::new(near.into(), far.into(), Arc::default(), now);
    let (mut sent, mut moved) = (0, 0);
    while let Ok(count) = sender.write(&[7; 64 << 10]) {
        sent += count;
    }
    let mut bytes = vec![0; sent];
    while moved < sent {
        Side::BOTH.iter().for_each(|side| {
            slot.set(*side, Known::READABLE);
            slot.set(*side, Known::WRITABLE);
        });
        pump.serve(&mut slot, 100_000, now);
        let once = pump.take_moved();
        assert!(once <= 100_000, "{once}");
        moved += once;
        while let Ok(1..) = reader.read(&mut bytes) {}
    }
}
