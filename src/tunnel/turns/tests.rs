//! What the kernel seldom does, and what comes up between two steps of a turn.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use super::*;
use crate::tunnel::pump;

const NOW: Moment = Moment(5_000);
const STOPPED: Ending = Ending::Stopped(Reason::Stop);

/// A blind tunnel, and its two ends.
fn blind() -> (Slot, UnixStream, UnixStream) {
    let ((client_near, client), (upstream_near, upstream)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    for socket in [&client_near, &client, &upstream_near, &upstream] {
        socket.set_nonblocking(true).unwrap();
    }
    (Slot::new(client_near.into(), upstream_near.into(), Arc::default(), NOW), client, upstream)
}

/// The same at index 0, with both sides watched.
fn adopted() -> (Turns<()>, UnixStream, UnixStream) {
    let mut turns = Turns::new(8, 64, 1 << 20).unwrap();
    let (slot, client, upstream) = blind();
    turns.adopt(slot, (), NOW);
    turns.turn(NOW).unwrap();
    (turns, client, upstream)
}

fn is_watched(turns: &mut Turns<()>, side: Side) -> bool {
    turns.slots.at(0).unwrap().has(side, Known::WATCHED)
}

#[test]
fn what_came_before_the_tunnel_leaves_with_its_first_turn() {
    let mut turns: Turns<()> = Turns::new(8, 64, 1 << 20).unwrap();
    let (mut slot, mut client, mut upstream) = blind();
    pump::begin(&mut slot, Direction::ToUpstream, b"asked", NOW);
    pump::begin(&mut slot, Direction::ToClient, b"told", NOW);
    turns.adopt(slot, (), NOW);
    turns.turn(NOW).unwrap();
    let mut came = [0; 9];
    assert_eq!((upstream.read(&mut came).unwrap(), &came[..5]), (5, &b"asked"[..]));
    assert_eq!((client.read(&mut came).unwrap(), &came[..4]), (4, &b"told"[..]));
}

#[test]
fn no_byte_moves_in_a_tunnel_whose_end_has_begun() {
    let (mut turns, mut client, mut upstream) = adopted();
    client.write_all(b"late").unwrap();
    turns.take_completions(NOW).unwrap();
    assert_eq!(turns.queue, [0], "it waits to be served");
    turns.end_all(Reason::Stop, NOW).unwrap();
    turns.turn(NOW).unwrap();
    let [((), record)] = &turns.take_over()[..] else { panic!("it has ended") };
    assert_eq!((record.ended, record.bytes_to_upstream), (STOPPED, 0));
    assert_eq!(upstream.read(&mut [0]).unwrap(), 0);
}

/// The last completion of a watch may come later than that of its removal.
#[test]
fn a_tunnel_whose_watches_end_late_is_closed_when_they_do() {
    let (mut turns, mut client, _upstream) = adopted();
    turns.end(0, STOPPED, NOW);
    // As if the ring had been told already.
    turns.part(NOW);
    assert!(turns.take_over().is_empty() && turns.active() == 1);
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    turns.turn(NOW).unwrap();
    turns.turn(NOW).unwrap();
    let [((), record)] = &turns.take_over()[..] else { panic!("it has ended") };
    assert_eq!((record.ended, turns.active()), (STOPPED, 0));
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}

/// EALREADY: the watch has something to tell at this moment, and stays.
#[test]
fn a_watch_that_was_too_busy_to_be_removed_is_removed_again() {
    let (mut turns, _client, _upstream) = adopted();
    for (result, is_removed) in [(-Errno::NOENT.raw_os_error(), false), (-Errno::ALREADY.raw_os_error(), true)] {
        let watch = token(turns.slots.at(0).unwrap(), 0, Side::Client);
        let token = Token { purpose: Purpose::Unwatch(Side::Client), ..watch }.pack();
        let mut noted = Noted::default();
        let completion = Completion { token, result, more: false };
        note(&mut turns.slots, &mut turns.parking, &mut turns.queue, &mut noted, completion, NOW);
        turns.act_on(noted, NOW);
        turns.ring.submit().unwrap();
        turns.take_completions(NOW).unwrap();
        assert_eq!(is_watched(&mut turns, Side::Client), !is_removed);
        assert!(is_watched(&mut turns, Side::Upstream));
    }
}
