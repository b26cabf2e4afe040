//! What the answer of a call tells about the two sides of a tunnel, and what of the bytes read may go on.

use std::num::NonZeroU16;

use super::frames::Rules;
use super::record::Close;
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
            slot.first_ended.get_or_insert(source);
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

/// How much of what was read may go on: all but the beginning of a frame that is not complete.
pub fn track(slot: &mut Slot, direction: Direction, bytes: &[u8]) -> usize {
    let Some(trackers) = &mut slot.trackers else { return bytes.len() };
    let close = &mut slot.close;
    let on_close = |code| {
        close.get_or_insert(Close { by: direction.source(), code });
    };
    trackers[direction.index()].feed(bytes, &Rules::default(), on_close).0
}

/// Writes once, and tells how much went.
pub fn write(slot: &mut Slot, direction: Direction, bytes: &[u8]) -> usize {
    if bytes.is_empty() {
        return 0;
    }
    let moved = socket::send(slot.socket(direction.target()), bytes);
    let sent = note_written(slot, direction, moved);
    if sent < bytes.len() && sent > 0 {
        // A short write has filled the socket. Only a write that finds it full makes the kernel announce new room.
        let rest = socket::send(slot.socket(direction.target()), &bytes[sent..]);
        return sent + note_written(slot, direction, rest);
    }
    sent
}

pub fn note_written(slot: &mut Slot, direction: Direction, moved: Moved) -> usize {
    match moved {
        Moved::Bytes(count) => {
            slot.written[direction.index()] += count as u64;
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
    slot.first_ended.get_or_insert(side);
    if slot.failure.is_none() && !socket::is_reset(errno) {
        slot.failure = u16::try_from(errno).ok().and_then(NonZeroU16::new);
    }
}
