//! Moves the bytes of one tunnel by calls of its own: all but what `batch` passes on for many at once.
//!
//! Nothing waits here. A direction is served until its source has nothing, its target takes nothing, or its budget is
//! used up. Readiness is edge-triggered, so a side counts as ready until a call finds it drained or full.

use crate::limits;

use super::clock::Moment;
use super::frames;
use super::marks::{
    Tracked, after_stop, follow, lose, may_have_more, note_sent, note_unread, note_written, track, write,
};
use super::pending;
use super::pipe::Pipe;
use super::pipes::Pipes;
use super::record::Ending;
use super::side::{Direction, Known, Side};
use super::slot::Slot;
use super::socket::{self, Moved};

/// What a tunnel needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// An edge on one of its sockets.
    Wait,
    /// Another turn: the budget is used up.
    Turn,
    /// Nothing more.
    End(Ending),
}

/// What the tunnels of a shard share while bytes move.
pub struct Pump {
    buffer: Box<[u8]>,
    pipes: Pipes,
    pending_bytes_max: usize,
    pending_refused: u64,
    /// Bytes taken from sockets since the last [`Pump::take_moved`].
    moved: usize,
}

impl Pump {
    pub fn new(pending_bytes_max: usize) -> Pump {
        Pump {
            buffer: vec![0; limits::TUNNEL_BUFFER_BYTES + frames::HELD_BYTES_MAX].into_boxed_slice(),
            pipes: Pipes::new(limits::TUNNEL_PIPE_BYTES, limits::TUNNEL_PIPES_KEPT, limits::TUNNEL_PIPES_MAX),
            pending_bytes_max,
            pending_refused: 0,
            moved: 0,
        }
    }

    pub fn pipes(&self) -> &Pipes {
        &self.pipes
    }

    /// As many bytes wait in memory as may.
    pub fn is_full(&self) -> bool {
        pending::total_bytes() >= self.pending_bytes_max
    }

    /// How often that kept bytes from being read.
    pub fn pending_refused(&self) -> u64 {
        self.pending_refused
    }

    /// Takes what readers that have stopped leave in pipes into memory, where pipes are few.
    pub fn free_pipes(&mut self, slot: &mut Slot, now: Moment) {
        for direction in Direction::BOTH {
            if !self.pipes.is_short() {
                return;
            }
            let room_bytes = self.pending_bytes_max.saturating_sub(pending::total_bytes());
            if let Some(pipe) = slot.empty_pipe(direction, limits::TUNNEL_PIPE_PATIENCE, room_bytes, now) {
                self.pipes.give_back(pipe);
            }
        }
    }

    /// How much may be read where `limit` is wanted: while too much waits already, only what the target is sure to take.
    fn allowed(&mut self, slot: &mut Slot, target: Side, limit: usize) -> usize {
        if !self.is_full() {
            return limit;
        }
        self.pending_refused += 1;
        if socket::has_room(slot.socket(target)) {
            return limit.min(limits::TUNNEL_SURE_BYTES);
        }
        slot.clear(target, Known::WRITABLE);
        0
    }

    /// Takes the pipes out of a tunnel that has ended.
    pub fn discard(&mut self, slot: &mut Slot) {
        for direction in Direction::BOTH {
            if let Some(pipe) = slot.take_pipe(direction) {
                self.pipes.give_back(pipe);
            }
        }
    }

    /// Bytes moved since the last call.
    pub fn take_moved(&mut self) -> usize {
        std::mem::take(&mut self.moved)
    }

    /// Serves both directions.
    pub fn serve(&mut self, slot: &mut Slot, budget_bytes: usize, now: Moment) -> Next {
        let mut needs_turn = false;
        for direction in Direction::BOTH {
            let budget_used = self.direction(slot, direction, budget_bytes, now);
            needs_turn |= budget_used;
        }
        for side in Side::BOTH {
            look_behind(slot, side);
        }
        if let Some(ending) = self.lost(slot, now) {
            return Next::End(ending);
        }
        let is_finished = |side: &Side| slot.has(*side, Known::FINISHED);
        let is_over = match slot.settings.ends_with_either {
            true => Side::BOTH.iter().any(is_finished),
            false => Side::BOTH.iter().all(is_finished),
        };
        if is_over {
            return Next::End(Ending::Closed(slot.first_ended().unwrap_or(Side::Client)));
        }
        // A message that is too long has begun the farewell.
        if needs_turn || slot.farewell().is_some() { Next::Turn } else { Next::Wait }
    }

    /// Serves one direction; true if it stopped for its budget alone.
    fn direction(&mut self, slot: &mut Slot, direction: Direction, budget_bytes: usize, now: Moment) -> bool {
        let (source, target) = (direction.source(), direction.target());
        let mut left = budget_bytes;
        loop {
            if slot.has(target, Known::LOST) || slot.farewell().is_some() || !self.flush(slot, direction, now) {
                return false;
            }
            if slot.has(source, Known::ENDED) {
                finish(slot, target);
                return false;
            }
            if !slot.has(source, Known::READABLE) || !slot.has(target, Known::WRITABLE) {
                return false;
            }
            if left == 0 {
                return true;
            }
            let (pipe, copy_bytes) = self.choose(slot, direction);
            let taken = match pipe {
                Some((pipe, limit)) => self.splice(slot, direction, pipe, limit.min(left), now),
                None => self.copy(slot, direction, left.min(copy_bytes), now),
            };
            if taken > 0 {
                slot.note_read(direction, now);
                self.moved += taken;
                left -= taken;
            }
        }
    }

    /// How to move the next bytes: through a pipe, and how many; or by a copy of at most so many.
    fn choose(&mut self, slot: &Slot, direction: Direction) -> (Option<(Pipe, usize)>, usize) {
        let Some(stride) = slot.stride(direction).splice_bytes(limits::TUNNEL_PIPE_BYTES) else {
            return (None, limits::TUNNEL_COPY_BYTES);
        };
        let limit = match slot.trackers() {
            None => stride,
            // The next header has to be seen: only the rest of a payload passes unseen.
            Some(trackers) => {
                let left = usize::try_from(trackers[direction.index()].payload_left()).unwrap_or(usize::MAX);
                if left < limits::TUNNEL_COPY_BYTES {
                    // Between long frames nothing but the next header is worth a copy.
                    let is_long = slot.stride(direction).is_long();
                    return (
                        None,
                        if is_long { left + frames::HEADER_BYTES_MAX } else { limits::TUNNEL_BUFFER_BYTES / 2 },
                    );
                }
                stride.min(left)
            }
        };
        match self.pipes.lend() {
            Some(pipe) => (Some((pipe, limit)), 0),
            None => (None, limits::TUNNEL_BUFFER_BYTES),
        }
    }

    /// Moves bytes through the buffer once. Returns how many were taken from the source.
    pub fn copy(&mut self, slot: &mut Slot, direction: Direction, limit: usize, now: Moment) -> usize {
        let limit = self.allowed(slot, direction.target(), limit);
        if limit == 0 {
            return 0;
        }
        let held = slot.take_held(direction);
        self.buffer[..held.len()].copy_from_slice(&held);
        let end = held.len() + limit;
        let moved = socket::recv(slot.socket(direction.source()), &mut self.buffer[held.len()..end]);
        let Moved::Bytes(taken) = moved else {
            note_unread(slot, direction.source(), moved);
            if slot.has(direction.source(), Known::ENDED) {
                // An incomplete frame at the end goes on as it is.
                slot.keep(direction, &held, now);
            } else {
                slot.hold(direction, &held);
            }
            return 0;
        };
        if !may_have_more(slot, direction.source(), taken < limit) {
            slot.clear(direction.source(), Known::READABLE);
        }
        let bytes = &mut self.buffer[..held.len() + taken];
        let Tracked { whole, end, stop } = track(slot, direction, bytes);
        let sent = write(slot, direction, &bytes[..whole]);
        slot.keep(direction, &bytes[sent..whole], now);
        after_stop(slot, direction, &bytes[whole..end], stop, now);
        slot.note_copied(direction, taken == limit && sent == whole);
        taken
    }

    /// Moves bytes through a pipe once. Returns how many were taken from the source.
    fn splice(&mut self, slot: &mut Slot, direction: Direction, mut pipe: Pipe, limit: usize, now: Moment) -> usize {
        let moved = pipe.fill(slot.socket(direction.source()), limit);
        let Moved::Bytes(taken) = moved else {
            note_unread(slot, direction.source(), moved);
            self.pipes.give_back(pipe);
            return 0;
        };
        if let Some(tracker) = slot.tracker(direction) {
            tracker.skip(taken as u64);
        }
        let is_drained = self.drain(slot, direction, pipe, now);
        slot.note_spliced(direction, taken, limit, is_drained);
        taken
    }

    /// Reads on without passing anything on, to hear a side's Close or its end. Returns how many bytes were read.
    pub fn listen(&mut self, slot: &mut Slot, direction: Direction) -> usize {
        let source = direction.source();
        let held = slot.take_held(direction);
        self.buffer[..held.len()].copy_from_slice(&held);
        let moved = socket::recv(slot.socket(source), &mut self.buffer[held.len()..][..limits::TUNNEL_COPY_BYTES]);
        let Moved::Bytes(taken) = moved else {
            note_unread(slot, source, moved);
            slot.hold(direction, &held);
            return 0;
        };
        if !may_have_more(slot, source, taken < limits::TUNNEL_COPY_BYTES) {
            slot.clear(source, Known::READABLE);
        }
        let bytes = &mut self.buffer[..held.len() + taken];
        let Tracked { whole, end, .. } = track(slot, direction, bytes);
        slot.hold(direction, &bytes[whole..end]);
        self.moved += taken;
        taken
    }

    /// Writes what a pipe holds and gives it back. False if bytes are left: the tunnel then keeps the pipe.
    fn drain(&mut self, slot: &mut Slot, direction: Direction, mut pipe: Pipe, now: Moment) -> bool {
        let target = direction.target();
        while pipe.held_bytes() > 0 && slot.has(target, Known::WRITABLE) && !slot.has(target, Known::LOST) {
            let moved = pipe.drain(slot.socket(target));
            note_written(slot, direction, moved);
        }
        if pipe.held_bytes() == 0 || slot.has(target, Known::LOST) {
            self.pipes.give_back(pipe);
            return true;
        }
        slot.keep_pipe(direction, pipe, now);
        false
    }

    /// Writes what waits. True if nothing waits any more.
    pub fn flush(&mut self, slot: &mut Slot, direction: Direction, now: Moment) -> bool {
        let target = direction.target();
        while !slot.waiting_bytes(direction).is_empty() {
            if !slot.has(target, Known::WRITABLE) || slot.has(target, Known::LOST) {
                return false;
            }
            let waiting = slot.waiting_bytes(direction);
            let (moved, given) = (socket::send(slot.socket(target), waiting), waiting.len());
            let sent = note_sent(slot, direction, moved, given);
            if sent > 0 {
                slot.release(direction, sent, now);
            }
        }
        if !slot.is_waiting(direction) {
            return true;
        }
        if !slot.has(target, Known::WRITABLE) {
            return false;
        }
        slot.take_pipe(direction).is_none_or(|pipe| self.drain(slot, direction, pipe, now))
    }

    /// The end of a tunnel whose one side is gone: what that side sent before goes on first, as far as it goes now.
    fn lost(&mut self, slot: &mut Slot, now: Moment) -> Option<Ending> {
        let side = Side::BOTH.into_iter().find(|side| slot.has(*side, Known::LOST))?;
        // A read tells whether there is more: its edge may be past.
        slot.set(side, Known::READABLE);
        // No budget: the kernel takes nothing more from a lost side than what it already holds.
        self.direction(slot, side.outgoing(), usize::MAX, now);
        Some(slot.failure().map_or(Ending::Reset(side), |errno| Ending::Failed(side, errno.get())))
    }
}

/// Takes in what was read from a source before there was a tunnel.
pub fn begin(slot: &mut Slot, direction: Direction, bytes: &[u8], now: Moment) {
    if bytes.is_empty() {
        return;
    }
    let (whole, stop) = follow(slot, direction, bytes);
    slot.keep(direction, &bytes[..whole], now);
    after_stop(slot, direction, &bytes[whole..], stop, now);
}

/// A side that failed while nothing is read from it is asked for its error: the other side takes nothing, or all that
/// this one had to say has been read.
fn look_behind(slot: &mut Slot, side: Side) {
    let is_unread =
        slot.has(side, Known::ENDED) || slot.is_waiting(side.outgoing()) || !slot.has(side.other(), Known::WRITABLE);
    if !slot.has(side, Known::FAILED) || !is_unread {
        return;
    }
    slot.clear(side, Known::FAILED);
    if let Some(errno) = socket::take_error(slot.socket(side)) {
        lose(slot, side, errno);
    }
}

/// Passes FIN on to a side, once. When both sides have ended the close that follows does it.
fn finish(slot: &mut Slot, target: Side) {
    if !slot.has(target, Known::FINISHED) && !slot.has(target.other(), Known::LOST) {
        if !slot.has(target.other(), Known::FINISHED) {
            socket::finish(slot.socket(target));
        }
        slot.set(target, Known::FINISHED);
    }
}
