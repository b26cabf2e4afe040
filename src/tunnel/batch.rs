//! Short messages of many tunnels in one round: all receives, then all sends, each by one call into the ring.
//!
//! Saves system calls, and what the kernel does for many in a row it finds in the cache. A tunnel that has anything special
//! about it is left to the pump, as is one that is ready alone. So is a side whose end is known to be there: mostly nothing else is left to read, and a call
//! of its own tells that for less.
//!
//! An edge may be noted between an operation and the look at its result, so what the operation found is older than what
//! is known then. Readiness is therefore given up before an operation, and never after it; what it found brings it back.

use std::io;

use crate::limits;
use crate::sys::buffers::Lent;
use crate::sys::ring::{Completion, Ring};

use super::clock::Moment;
use super::marks::{after_stop, follow, may_have_more, note_unread, note_written};
use super::side::{Direction, Known};
use super::slab::Slab;
use super::slot::{Slot, Stride};
use super::socket::Moved;

/// The bytes of one tunnel and direction on their way.
struct Move {
    index: u32,
    direction: Direction,
    lent: Lent,
    taken: usize,
    /// What of it is sent: all but the beginning of a frame.
    whole: usize,
}

/// One round at a time, and the room that the next one needs again.
#[derive(Default)]
pub struct Batch {
    moves: Vec<Move>,
}

impl Batch {
    /// Frees the room that is kept for the next round.
    pub fn trim(&mut self) {
        self.moves.shrink_to_fit();
    }

    /// Moves once what is short and ready in the tunnels of `chosen`. Returns how many bytes were taken from sockets; `note`
    /// gets the completions of others.
    pub fn run<K>(
        &mut self,
        ring: &mut Ring,
        slots: &mut Slab<Slot, K>,
        chosen: &[u32],
        now: Moment,
        mut note: impl FnMut(&mut Slab<Slot, K>, Completion),
    ) -> io::Result<usize> {
        begin(&mut self.moves, ring, slots, chosen);
        if self.moves.is_empty() {
            return Ok(0);
        }
        ring.settle(|completion| note(slots, completion))?;
        let mut moved = 0;
        for each in &mut self.moves {
            if let Some(slot) = slots.at(each.index) {
                receive(ring, slot, each, now);
                moved += each.taken;
            }
        }
        ring.settle(|completion| note(slots, completion))?;
        for each in self.moves.drain(..) {
            if let Some(slot) = slots.at(each.index) {
                finish(ring, slot, &each, now);
            }
            ring.give_back(each.lent);
        }
        Ok(moved)
    }
}

fn begin<K>(moves: &mut Vec<Move>, ring: &mut Ring, slots: &mut Slab<Slot, K>, chosen: &[u32]) {
    for &index in chosen {
        let Some(slot) = slots.at(index) else { continue };
        for direction in Direction::BOTH {
            if !is_plain(slot, direction) {
                continue;
            }
            let Some(lent) = ring.recv(slot.socket(direction.source())) else { return };
            slot.clear(direction.source(), Known::READABLE);
            moves.push(Move { index, direction, lent, taken: 0, whole: 0 });
        }
    }
}

/// There is something to read, room to write, and nothing else to be done before.
fn is_plain(slot: &Slot, direction: Direction) -> bool {
    let (source, target) = (direction.source(), direction.target());
    slot.rare.is_none()
        && slot.stride(direction) == Stride::default()
        && slot.has(source, Known::READABLE)
        && slot.has(target, Known::WRITABLE)
        && ![(source, Known::READ_CLOSED), (source, Known::ENDED), (source, Known::LOST), (target, Known::LOST)]
            .into_iter()
            .any(|(side, bit)| slot.has(side, bit))
}

fn moved(ring: &Ring, lent: &Lent) -> Moved {
    match ring.result(lent) {
        Some(result) => Moved::of(result.map_err(rustix::io::Errno::from_raw_os_error)),
        None => Moved::Blocked,
    }
}

fn receive(ring: &mut Ring, slot: &mut Slot, each: &mut Move, now: Moment) {
    let source = each.direction.source();
    let taken = match moved(ring, &each.lent) {
        Moved::Bytes(taken) => taken,
        Moved::Blocked => return,
        ended @ (Moved::End | Moved::Failed(_)) => return note_unread(slot, source, ended),
    };
    if may_have_more(slot, source, taken < limits::TUNNEL_COPY_BYTES) {
        slot.set(source, Known::READABLE);
    }
    slot.note_read(each.direction, now);
    let bytes = ring.bytes(&each.lent, taken);
    let (whole, stop) = follow(slot, each.direction, bytes);
    (each.taken, each.whole) = (taken, whole);
    after_stop(slot, each.direction, &bytes[whole..], stop, now);
    if each.whole > 0 {
        slot.clear(each.direction.target(), Known::WRITABLE);
        ring.send(slot.socket(each.direction.target()), &each.lent, each.whole);
    }
}

fn finish(ring: &Ring, slot: &mut Slot, each: &Move, now: Moment) {
    if each.whole == 0 {
        return;
    }
    let sent = match moved(ring, &each.lent) {
        // The edge that tells of room may have been noted already.
        Moved::Blocked | Moved::End => 0,
        done @ (Moved::Bytes(_) | Moved::Failed(_)) => note_written(slot, each.direction, done),
    };
    if sent == each.whole {
        slot.set(each.direction.target(), Known::WRITABLE);
    } else {
        slot.keep(each.direction, &ring.bytes(&each.lent, each.whole)[sent..], now);
    }
    if each.taken == limits::TUNNEL_COPY_BYTES && sent == each.whole {
        slot.note_copied(each.direction, true);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use rustix::net::sockopt::set_socket_send_buffer_size;

    use super::*;
    use crate::sys::ring::BufferSizes;
    use crate::tunnel::side::Side;

    /// What the other end of the upstream's socket is watched under.
    const ARRIVED: u64 = 7 << 8;

    /// One round of a tunnel whose client has sent all that one takes. `is_told`: as soon as something has arrived at the
    /// upstream, room is noted. What is known of room in the end, how much has arrived and how much waits.
    fn round(has_room: bool, is_told: bool) -> (bool, usize, usize) {
        let mut ring = Ring::new(8, 16, BufferSizes { count: 2, bytes: limits::TUNNEL_COPY_BYTES }).unwrap();
        let ((client_near, mut client), (upstream_near, mut upstream)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        if !has_room {
            set_socket_send_buffer_size(&upstream_near, 1).unwrap();
        }
        client.write_all(&[7; limits::TUNNEL_COPY_BYTES]).unwrap();
        ring.watch(upstream.as_fd(), false, ARRIVED);
        let mut slots = Slab::default();
        let mut slot = Slot::new(client_near.into(), upstream_near.into(), Arc::default(), Moment(0));
        slot.set(Side::Client, Known::READABLE);
        let index = slots.insert(slot, ());
        let mut arrivals = 0;
        let note = |slots: &mut Slab<Slot, ()>, completion: Completion| {
            assert_eq!(completion.token, ARRIVED);
            arrivals += 1;
            if is_told {
                slots.at(index).unwrap().set(Side::Upstream, Known::WRITABLE);
            }
        };
        let moved = Batch::default().run(&mut ring, &mut slots, &[index], Moment(0), note).unwrap();
        assert_eq!(moved, limits::TUNNEL_COPY_BYTES);
        assert!(arrivals > 0, "before the look at what was sent");
        upstream.set_nonblocking(true).unwrap();
        let slot = slots.at(index).unwrap();
        let arrived = upstream.read(&mut [0; limits::TUNNEL_COPY_BYTES]).unwrap();
        (slot.has(Side::Upstream, Known::WRITABLE), arrived, slot.waiting_bytes(Direction::ToUpstream).len())
    }

    #[test]
    fn room_that_is_noted_while_a_send_falls_short_is_not_forgotten() {
        for is_told in [false, true] {
            let (has_room, arrived, waiting) = round(false, is_told);
            assert_eq!((has_room, arrived + waiting), (is_told, limits::TUNNEL_COPY_BYTES));
            assert!(arrived > 0 && waiting > 0);
            assert_eq!(round(true, is_told), (true, limits::TUNNEL_COPY_BYTES, 0));
        }
    }
}
