//! Timeouts of tunnels in which one side takes nothing: all begin anew with whatever is heard of either side, as in nginx,
//! which arms the timers of both of its connections again with each event on one of them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::super::record::Ending;
use super::super::side::Side;
use super::super::slot::Slot;
use super::{Bench, seconds};
use crate::limits;
use crate::model::Tunnel;

const TIME: u64 = 5;

/// A blind tunnel in which `stuck` has taken nothing of much, and the other has room to send more.
pub fn stuck(settings: Tunnel, stuck: Side) -> Bench {
    let mut bench = Bench::new(settings, false);
    while !is_waiting(&bench) {
        bench.end(stuck.other()).write_all(&[7; 4096]).unwrap();
        bench.settle();
    }
    bench
}

fn is_waiting(bench: &Bench) -> bool {
    let counts = bench.turns.counts();
    counts.pending_bytes > 0 || counts.pipes_lent > 0
}

fn sending(time: u64) -> Tunnel {
    Tunnel { send_timeout: Some(seconds(time)), client_send_timeout: Some(seconds(time)), ..Tunnel::default() }
}

#[test]
fn who_takes_nothing_but_sends_is_not_cut_off_by_a_send_timeout() {
    for side in Side::BOTH {
        let mut bench = stuck(sending(TIME), side);
        for _ in 0..3 {
            bench.pass(TIME - 1);
            bench.send(side, b"here");
        }
        assert_eq!(bench.arrived(side.other()).0, b"here".repeat(3));
        bench.pass(TIME - 1);
        assert_eq!(bench.ended(), None, "{side:?}");
        bench.pass(1);
        assert_eq!(bench.ended(), Some(Ending::SendTimeout(side)));
    }
}

#[test]
fn who_sends_on_to_somebody_that_takes_nothing_is_not_cut_off_either() {
    let both = Tunnel { read_timeout: Some(seconds(TIME)), ..sending(TIME) };
    for (settings, side, ending) in [
        (sending(TIME), Side::Upstream, Ending::SendTimeout(Side::Upstream)),
        (sending(TIME), Side::Client, Ending::SendTimeout(Side::Client)),
        (Tunnel { send_timeout: None, ..both.clone() }, Side::Upstream, Ending::ReadTimeout),
        (Tunnel { timeout: Some(seconds(TIME)), ..Tunnel::default() }, Side::Upstream, Ending::Idle),
    ] {
        let mut bench = stuck(settings, side);
        for _ in 0..3 {
            bench.pass(TIME - 1);
            bench.send(side.other(), b"more");
        }
        bench.pass(TIME - 1);
        assert_eq!(bench.ended(), None, "{ending:?}");
        bench.pass(1);
        assert_eq!(bench.ended(), Some(ending));
    }
}

#[test]
fn the_read_timeout_begins_when_a_slow_client_has_taken_the_last() {
    let mut bench = stuck(Tunnel { read_timeout: Some(seconds(TIME)), ..Tunnel::default() }, Side::Client);
    bench.pass(2 * TIME);
    assert_eq!(bench.ended(), None, "the upstream is not read");
    let mut bytes = vec![0; 4096];
    while is_waiting(&bench) {
        bench.client.read_exact(&mut bytes).unwrap();
        bench.settle();
    }
    bench.pass(TIME - 1);
    assert_eq!(bench.ended(), None);
    bench.pass(1);
    assert_eq!(bench.ended(), Some(Ending::ReadTimeout));
}

#[test]
fn a_pipe_in_which_something_waits_is_given_back_with_the_end() {
    let mut bench = Bench::new(sending(TIME), false);
    let mut sent = 0;
    while bench.turns.counts().pipes_lent == 0 {
        sent += bench.upstream.write(&[7; 64 << 10]).unwrap();
        assert!(sent < 64 << 20, "nothing was spliced");
        bench.settle();
    }
    bench.pass(TIME);
    assert_eq!(bench.ended(), Some(Ending::SendTimeout(Side::Client)));
    let counts = bench.turns.counts();
    assert_eq!((counts.pipes_lent, counts.pending_bytes), (0, 0));
}

/// Half of all pipes, each with something inside that its reader does not take.
#[test]
fn where_pipes_are_few_those_of_readers_that_have_stopped_are_emptied() {
    let mut bench = Bench::new(Tunnel::default(), false);
    let mut ends = Vec::new();
    while bench.turns.counts().pipes_lent * 2 < limits::TUNNEL_PIPES_MAX {
        let ((client_near, client), (upstream_near, mut upstream)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        for socket in [&client_near, &upstream_near, &upstream] {
            socket.set_nonblocking(true).unwrap();
        }
        let slot = Slot::new(client_near.into(), upstream_near.into(), Arc::default(), bench.now);
        bench.turns.adopt(slot, Box::new(|_| ()), bench.now);
        let lent = bench.turns.counts().pipes_lent;
        while bench.turns.counts().pipes_lent == lent {
            upstream.write_all(&[7; 64 << 10]).unwrap();
            bench.settle();
        }
        ends.push((client, upstream));
    }
    let before = bench.turns.counts();
    bench.pass(limits::TUNNEL_PIPE_PATIENCE.as_secs() + 1);
    let after = bench.turns.counts();
    assert!(after.pipes_lent < before.pipes_lent, "{after:?}");
    assert!(after.pending_bytes > before.pending_bytes, "{after:?}");
}
