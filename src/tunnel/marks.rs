//! What the answer of a call tells about the two sides of a tunnel, and what of the bytes read may go on.

use std::num::NonZeroU16;

use crate::sys;

use super::clock::Moment;
use super::frames::{Rules, Stop};
use super::rare::Farewell;
use super::record::{Close, Closer, Ending};
use super::side::{Direction, Known, Side};
use super::slot::Slot;
use super::socket::{self, Moved};

/// Notes why a read brought no bytes.
pub fn note_unread(slot: &mut Slot, source: Side, moved: Moved) {
    match moved {
        Moved::Bytes(_) => {}
        Moved::Blocked => slot.clear(source, Known::READABLE),
        Moved::End => {
            slot.set(source, Known::ENDED);
            slot.note_ended(source);
        }
        Moved::Failed(errno) => lose(slot, source, errno),
    }
    if slot.has(source, Known::LOST) {
        slot.set(source, Known::ENDED);
    }
}

/// A short read has emptied the socket, and later bytes are a new edge. Not so when FIN was there before: its edge is
/// past. (A short splice says nothing: pipes have slots, not bytes.)
pub fn may_have_more(slot: &Slot, source: Side, is_short: bool) -> bool {
    !is_short || slot.has(source, Known::READ_CLOSED) || slot.has(source, Known::FAILED)
}

/// What becomes of bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// So many go on.
    pub whole: usize,
    /// From there to here is the beginning of a frame, or what comes behind a stop.
    pub end: usize,
    pub stop: Stop,
}

/// Follows the frames in bytes that were read. An awaited pong is taken out of them.
pub fn track(slot: &mut Slot, direction: Direction, bytes: &mut [u8]) -> Tracked {
    let (mut whole, mut end) = (0, bytes.len());
    loop {
        let (taken, stop) = follow(slot, direction, &bytes[whole..end]);
        whole += taken;
        let Stop::Pong(length) = stop else { return Tracked { whole, end, stop } };
        bytes.copy_within(whole + length..end, whole);
        end -= length;
        slot.set_ping(None);
    }
}

/// The same up to the first stop.
pub fn follow(slot: &mut Slot, direction: Direction, bytes: &[u8]) -> (usize, Stop) {
    let awaited_pong = match direction {
        Direction::ToUpstream => slot.ping().map(|ping| ping.payload),
        Direction::ToClient => None,
    };
    let farewell = slot.farewell().copied();
    let rules = Rules {
        // During a farewell the message that was too long is read over.
        message_bytes_max: slot.settings.max_message.filter(|_| farewell.is_none()),
        stop_between: farewell.is_some_and(|farewell| !farewell.is_said[direction.index()]),
        awaited_pong,
    };
    let mut message_bytes = slot.message_bytes(direction);
    let mut code = None;
    let Some(tracker) = slot.tracker(direction) else { return (bytes.len(), Stop::Starved) };
    let followed = tracker.feed(bytes, &rules, &mut message_bytes, |heard| {
        code.get_or_insert(heard);
    });
    let is_within_message = tracker.is_within_message();
    slot.set_message_bytes(direction, if is_within_message { message_bytes } else { 0 });
    if let Some(code) = code.filter(|_| slot.close().is_none()) {
        slot.set_close(Close { by: Closer::End(direction.source()), code });
    }
    followed
}

/// Keeps the beginning of a frame for later, or refuses what follows a message that is too long.
pub fn after_stop(slot: &mut Slot, direction: Direction, rest: &[u8], stop: Stop, now: Moment) {
    match stop {
        Stop::Starved | Stop::Between | Stop::Pong(_) => slot.hold(direction, rest),
        Stop::TooLong => {
            take_leave(slot, Ending::MessageTooLong(direction.source()), now);
            // Held, it is read over once the Close frame is said: an answer may stand in it.
            slot.hold(direction, rest);
        }
    }
}

/// Begins the end of a tunnel by Close frames at the next places for them.
pub fn take_leave(slot: &mut Slot, ending: Ending, now: Moment) {
    slot.set_ping(None);
    slot.set_farewell(Farewell { ending, since: now.ticks(), is_said: [false; 2] });
}

/// Writes once, and tells how much went.
pub fn write(slot: &mut Slot, direction: Direction, bytes: &[u8]) -> usize {
    if bytes.is_empty() {
        return 0;
    }
    let moved = socket::send(slot.socket(direction.target()), bytes);
    note_sent(slot, direction, moved, bytes.len())
}

/// Notes what a send of so many bytes came to, and tells how many went. One that fell short has found the socket full, so
/// that the kernel tells of new room.
pub fn note_sent(slot: &mut Slot, direction: Direction, moved: Moved, given: usize) -> usize {
    let sent = note_written(slot, direction, moved);
    if sent < given {
        slot.clear(direction.target(), Known::WRITABLE);
    }
    sent
}

/// Notes what was written, and tells how much.
pub fn note_written(slot: &mut Slot, direction: Direction, moved: Moved) -> usize {
    match moved {
        Moved::Bytes(count) => {
            if slot.is_first_message(direction) {
                sys::socket::set_nodelay(slot.socket(direction.target()));
            }
            slot.add_written(direction, count);
            count
        }
        Moved::Blocked | Moved::End => {
            slot.clear(direction.target(), Known::WRITABLE);
            0
        }
        Moved::Failed(errno) => {
            lose(slot, direction.target(), errno);
            0
        }
    }
}

/// Notes that a side is gone, and why.
pub fn lose(slot: &mut Slot, side: Side, errno: i32) {
    slot.set(side, Known::LOST);
    slot.note_ended(side);
    if slot.failure().is_none()
        && !socket::is_reset(errno)
        && let Some(errno) = u16::try_from(errno).ok().and_then(NonZeroU16::new)
    {
        slot.set_failure(errno);
    }
}

/// Makes the coming closes send RST: a stream that broke must not look like one that came to its end. But RST drops what has
/// not left yet. Frames say themselves whether they are whole: where all of them are with the kernel FIN comes behind them.
pub fn reset_on_close(slot: &Slot) {
    for side in Side::BOTH {
        let direction = side.other().outgoing();
        let is_whole = slot.trackers().is_some() && slot.has(side.other(), Known::ENDED) && !slot.is_waiting(direction);
        if !is_whole || sys::socket::unsent_bytes(slot.socket(side)) == 0 {
            socket::reset_on_close(slot.socket(side));
        }
    }
}
