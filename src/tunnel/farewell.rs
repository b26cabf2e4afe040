//! The end of a WebSocket tunnel by the proxy: a Close frame toward both ends, each exactly between two frames, then a
//! wait for their answers, which the sweep bounds.
//!
//! Until its Close frame is said, a direction goes on to the end of the frame it is in. After that nothing more goes on;
//! what the source still sends is only listened to.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::limits;

use super::clock::Moment;
use super::frames;
use super::marks::follow;
use super::pump::{Next, Pump};
use super::record::{Close, Closer, Ending};
use super::side::{Direction, Known, Side};
use super::slot::Slot;

/// Masks for frames toward upstreams: not to be guessed (RFC 6455 5.3).
#[derive(Default)]
pub struct Masks {
    keys: RandomState,
    given: u64,
}

impl Masks {
    /// Bytes that were not given before.
    pub fn bytes(&mut self) -> [u8; 8] {
        self.given += 1;
        self.keys.hash_one(self.given).to_ne_bytes()
    }

    fn mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.bytes();
        [a, b, c, d]
    }
}

/// Serves a tunnel whose farewell has begun.
pub fn serve(pump: &mut Pump, slot: &mut Slot, masks: &mut Masks, now: Moment) -> Next {
    let Some(ending) = slot.farewell().map(|farewell| farewell.ending) else { return Next::Wait };
    let mut needs_turn = false;
    for direction in Direction::BOTH {
        needs_turn |= say(pump, slot, direction, masks, now);
    }
    let is_lost = Side::BOTH.iter().any(|side| slot.has(*side, Known::LOST));
    if is_lost || Direction::BOTH.iter().all(|direction| is_over(slot, *direction)) {
        return Next::End(ending);
    }
    if needs_turn { Next::Turn } else { Next::Wait }
}

/// Nothing is left to write, and the source has answered or ended.
fn is_over(slot: &mut Slot, direction: Direction) -> bool {
    is_said(slot, direction) && !slot.is_waiting(direction) && is_answered(slot, direction)
}

fn is_said(slot: &mut Slot, direction: Direction) -> bool {
    slot.farewell().is_some_and(|farewell| farewell.is_said[direction.index()])
}

fn is_answered(slot: &mut Slot, direction: Direction) -> bool {
    slot.has(direction.source(), Known::ENDED) || slot.tracker(direction).is_none_or(|tracker| tracker.has_closed())
}

/// One direction; true if it stopped for its budget alone.
fn say(pump: &mut Pump, slot: &mut Slot, direction: Direction, masks: &mut Masks, now: Moment) -> bool {
    let source = direction.source();
    let mut left = limits::TUNNEL_BUDGET_BYTES;
    while left > 0 {
        if slot.has(direction.target(), Known::LOST) {
            return false;
        }
        let is_flushed = pump.flush(slot, direction, now);
        let taken = if is_said(slot, direction) {
            if is_answered(slot, direction) || !slot.has(source, Known::READABLE) {
                return false;
            }
            pump.listen(slot, direction)
        } else if !is_flushed {
            return false;
        } else if slot.has(source, Known::ENDED)
            || slot.tracker(direction).is_none_or(|tracker| tracker.is_between_frames())
        {
            put_close(slot, direction, masks, now);
            continue;
        } else if !slot.has(source, Known::READABLE) || !slot.has(direction.target(), Known::WRITABLE) {
            return false;
        } else {
            pump.copy(slot, direction, limits::TUNNEL_COPY_BYTES, now)
        };
        left = left.saturating_sub(taken);
    }
    true
}

/// Close codes of RFC 6455 7.4.1.
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
const UNEXPECTED: u16 = 1011;

/// What an end is told of the reason: the fault is its own, or the other end's, or nobody's.
fn close_code(ending: Ending, to: Side) -> u16 {
    match (ending, to) {
        (Ending::MessageTooLong(_), _) => TOO_BIG,
        (Ending::NoPong, Side::Client) => POLICY,
        (Ending::ReadTimeout | Ending::SendTimeout(Side::Upstream), Side::Client) => UNEXPECTED,
        (Ending::SendTimeout(Side::Client), Side::Client) => POLICY,
        (
            Ending::NoPong
            | Ending::ReadTimeout
            | Ending::SendTimeout(_)
            | Ending::Idle
            | Ending::Lifetime
            | Ending::Stopped(_)
            // The rest ends without a word.
            | Ending::Closed(_)
            | Ending::Reset(_)
            | Ending::Failed(..),
            _,
        ) => GOING_AWAY,
    }
}

/// Puts the Close frame behind all that has gone on, unless the source has closed by itself, or ended within a frame or
/// before.
fn put_close(slot: &mut Slot, direction: Direction, masks: &mut Masks, now: Moment) {
    let has_place = slot.tracker(direction).is_some_and(|tracker| tracker.is_between_frames() && !tracker.has_closed())
        && !slot.has(direction.target(), Known::FINISHED);
    let Some(farewell) = slot.farewell() else { return };
    farewell.is_said[direction.index()] = true;
    let code = close_code(farewell.ending, direction.target());
    if has_place {
        let is_own = slot.close().is_some_and(|close| close.by == Closer::Proxy);
        if slot.close().is_none() || is_own && direction == Direction::ToClient {
            slot.set_close(Close { by: Closer::Proxy, code });
        }
        let mask = match direction {
            Direction::ToUpstream => Some(masks.mask()),
            Direction::ToClient => None,
        };
        slot.keep(direction, &frames::close_frame(code, mask), now);
    }
    // From here on what was read and not passed on is only listened to.
    if let Some(tracker) = slot.tracker(direction) {
        tracker.only_listen();
    }
    let held = slot.take_held(direction);
    let (whole, _) = follow(slot, direction, &held);
    slot.hold(direction, &held[whole..]);
}
