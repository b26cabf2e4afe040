//! The state of one tunnel.
//!
//! States: open (a side that may send is watched), ending (no byte moves, the watches are being removed), gone (the slot
//! is free). What is rare is boxed. A slot is what an idle tunnel costs, so its size is asserted.

use std::num::NonZeroU16;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::limits;
use crate::model;
use crate::net::spare::{self, Detached, Reuse};

use super::clock::{LOOK_TICKS, Moment, between, in_range, length};
use super::frames::Tracker;
use super::pipe::Pipe;
use super::rare::{Farewell, Ping, Rare};
use super::record::{Close, Ending, Record};
use super::side::{Direction, Known, Side, Standing};
use super::slab::Numbered;
use super::socket;
use super::u48::U48;

/// How a direction is moved. Bytes of short messages are copied; a source that fills the copy's buffer is spliced, in
/// steps that double while the target takes all, and halve when it does not, so that a slow reader leaves little in a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stride(u8);

impl Stride {
    const STEPS: u8 = 4;

    /// Whatever is there is copied.
    const COPIED: Stride = Stride(0);
    /// The source has much, in frames that are too short to be spliced if it has any.
    const MUCH: Stride = Stride(1);

    /// Bytes to splice at once; `None`: copy.
    pub fn splice_bytes(self, pipe_bytes: usize) -> Option<usize> {
        (self > Self::COPIED).then(|| (pipe_bytes >> (Self::STEPS - self.0)).max(1))
    }

    /// Splices have followed one another: of what lies between them little is to be copied.
    pub fn is_long(self) -> bool {
        self > Self::MUCH
    }

    fn longer(self) -> Stride {
        Stride((self.0 + 1).min(Self::STEPS))
    }

    fn shorter(self) -> Stride {
        Stride(self.0.saturating_sub(1))
    }
}

/// In one byte: both directions' strides, and above them as what the upstream's socket may be connected anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Strides(u8);

impl Strides {
    /// Bits of one direction.
    const WIDTH: usize = 3;
    const MASK: u8 = (1 << Self::WIDTH) - 1;

    fn new(reuse: Reuse) -> Self {
        Self((reuse as u8) << (2 * Self::WIDTH))
    }

    fn reuse(self) -> Reuse {
        const V4: u8 = Reuse::V4 as u8;
        const V6: u8 = Reuse::V6 as u8;
        match self.0 >> (2 * Self::WIDTH) {
            V4 => Reuse::V4,
            V6 => Reuse::V6,
            _ => Reuse::Never,
        }
    }

    fn get(self, direction: Direction) -> Stride {
        Stride(self.0 >> (Self::WIDTH * direction.index()) & Self::MASK)
    }

    /// Nothing is spliced in either direction.
    fn are_copied(self) -> bool {
        self.0.trailing_zeros() >= 2 * Self::WIDTH as u32
    }

    fn set(&mut self, direction: Direction, stride: Stride) {
        let shift = Self::WIDTH * direction.index();
        self.0 = self.0 & !(Self::MASK << shift) | stride.0 << shift;
    }
}
const _: () = assert!(Stride::STEPS <= Strides::MASK);

/// What is known of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// WebSocket frames, followed by direction.
    Frames([Tracker; 2]),
    /// Anything. The upstream first sent something so many ticks after adoption, less one; 0 before.
    Blind { answered: u32 },
}

impl Carried {
    pub fn new(frames: bool) -> Carried {
        if frames { Carried::Frames(Default::default()) } else { Carried::Blind { answered: 0 } }
    }
}

/// One tunnel.
pub struct Slot {
    generation: u32,
    sockets: [OwnedFd; 2],
    pub known: [Known; 2],
    standing: Standing,
    strides: Strides,
    /// Written to the target, by direction.
    written: [U48; 2],
    /// When the source last sent something, by direction; that of the upstream is also when either side last did anything
    /// while something waited.
    pub last_read: [u32; 2],
    pub adopted: u32,
    pub carried: Carried,
    pub settings: Arc<model::Tunnel>,
    pub rare: Option<Box<Rare>>,
}

/// With the 32 bytes that a shard keeps for the end of a tunnel an idle tunnel costs 112, and less than 128 with its share
/// of all else.
const SLOT_BYTES_MAX: usize = 80;
const _: () = assert!(size_of::<Slot>() <= SLOT_BYTES_MAX);

impl Numbered for Slot {
    fn generation(&self) -> u32 {
        self.generation
    }

    fn set_generation(&mut self, generation: u32) {
        self.generation = generation;
    }
}

impl Slot {
    pub fn new(client: OwnedFd, upstream: Detached, settings: Arc<model::Tunnel>, now: Moment) -> Slot {
        // Writable until EAGAIN says otherwise: what came with the seed leaves without waiting for the first poll.
        let known = [Known::WRITABLE; 2];
        let standing = if settings.keepalive.is_some() { Standing::YOUNG } else { Standing::default() };
        Slot {
            generation: 0,
            sockets: [client, upstream.fd],
            known,
            standing,
            strides: Strides::new(upstream.reuse),
            written: [U48::default(); 2],
            last_read: [now.ticks(); 2],
            adopted: now.ticks(),
            carried: Carried::Blind { answered: 0 },
            settings,
            rare: None,
        }
    }

    /// To be called with each look.
    pub fn keep_in_range(&mut self, now: Moment) {
        self.last_read = self.last_read.map(|since| in_range(since, now));
        if let Some(rare) = &mut self.rare {
            rare.map_stuck_since(|since| in_range(since, now));
        }
        if self.age(now) >= u32::MAX - 3 * LOOK_TICKS {
            self.standing.set(Standing::OLD);
        }
    }

    /// Ticks since adoption. They stop at the end of their range.
    fn age(&self, now: Moment) -> u32 {
        match now.ticks().wrapping_sub(self.adopted) {
            _ if self.standing.has(Standing::OLD) => u32::MAX,
            // That old it would have been seen to be: the clock was read before the adoption.
            age if age > u32::MAX - LOOK_TICKS => 0,
            age => age,
        }
    }

    /// In the queue of tunnels to be served.
    pub fn is_queued(&self) -> bool {
        self.standing.has(Standing::QUEUED)
    }

    pub fn set_queued(&mut self, is_queued: bool) {
        if is_queued { self.standing.set(Standing::QUEUED) } else { self.standing.clear(Standing::QUEUED) }
    }

    /// Its sockets are still to be told of TCP's own probes.
    pub fn is_young(&self) -> bool {
        self.standing.has(Standing::YOUNG)
    }

    pub fn set_young(&mut self, is_young: bool) {
        if is_young { self.standing.set(Standing::YOUNG) } else { self.standing.clear(Standing::YOUNG) }
    }

    /// The watch of a side tells, or is to tell, of room to write: it never was full before.
    pub fn has_asked_for_room(&self, side: Side) -> bool {
        self.standing.has(Standing::asked_for_room(side))
    }

    pub fn ask_for_room(&mut self, side: Side) {
        self.standing.set(Standing::asked_for_room(side));
    }

    /// The side whose FIN, or loss, was noted first.
    pub fn first_ended(&self) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.standing.has(Standing::first_ended(*side)))
    }

    pub fn note_ended(&mut self, side: Side) {
        if self.first_ended().is_none() {
            self.standing.set(Standing::first_ended(side));
        }
    }

    /// How much is spliced at once; see `pump`.
    pub fn stride(&self, direction: Direction) -> Stride {
        self.strides.get(direction)
    }

    /// A copy is done. `is_full`: the source had all that was asked for, and the target took it.
    pub fn note_copied(&mut self, direction: Direction, is_full: bool) {
        let is_short = |tracker: &Tracker| tracker.payload_left() < limits::TUNNEL_COPY_BYTES as u64;
        let stride = match self.trackers() {
            _ if !is_full => Stride::COPIED,
            Some(trackers) if is_short(&trackers[direction.index()]) => Stride::MUCH,
            Some(_) | None => self.stride(direction).max(Stride::MUCH),
        };
        self.strides.set(direction, stride);
    }

    /// A splice has taken so many bytes where `limit` were asked for. `is_drained`: the target took them.
    pub fn note_spliced(&mut self, direction: Direction, taken: usize, limit: usize, is_drained: bool) {
        let stride = self.stride(direction);
        let stride = match is_drained {
            false => stride.shorter(),
            true if taken == limit => stride.longer(),
            true if taken < limits::TUNNEL_COPY_BYTES => Stride::COPIED,
            true => stride,
        };
        self.strides.set(direction, stride);
    }

    /// By direction; `None` where the bytes are not WebSocket frames.
    pub fn trackers(&self) -> Option<&[Tracker; 2]> {
        match &self.carried {
            Carried::Frames(trackers) => Some(trackers),
            Carried::Blind { .. } => None,
        }
    }

    /// The source of a direction has sent something.
    pub fn note_read(&mut self, direction: Direction, now: Moment) {
        self.last_read[direction.index()] = now.ticks();
        if let (Direction::ToClient, Carried::Blind { answered: 0 }) = (direction, &self.carried) {
            self.carried = Carried::Blind { answered: self.age(now).saturating_add(1) };
        }
    }

    /// One of the sockets has changed. While something waits that is more than silence, though nothing is read: the one has
    /// sent on, or the other has taken something.
    pub fn stir(&mut self, now: Moment) {
        if Direction::BOTH.into_iter().any(|direction| self.is_waiting(direction)) {
            self.last_read[Direction::ToClient.index()] = now.ticks();
        }
    }

    /// How long after adoption the upstream first sent something; only where frames are not followed.
    fn answered(&self) -> Option<Duration> {
        match self.carried {
            Carried::Frames(_) | Carried::Blind { answered: 0 } => None,
            Carried::Blind { answered } => Some(length(answered - 1)),
        }
    }

    /// Nothing was written to the upstream before, whose socket holds back what follows something that is not
    /// acknowledged: up to now nothing was. Those of clients never do.
    pub fn is_first_message(&self, direction: Direction) -> bool {
        direction == Direction::ToUpstream && self.written[direction.index()].value() == 0
    }

    pub fn add_written(&mut self, direction: Direction, count: usize) {
        let written = &mut self.written[direction.index()];
        *written = U48::saturating(written.value() + count as u64);
    }

    /// From here on no byte moves.
    pub fn is_ending(&self) -> bool {
        self.standing.has(Standing::ENDING)
    }

    pub fn begin_ending(&mut self) {
        self.standing.set(Standing::ENDING);
        // It may be in the queue, and what is there would be read by the next round.
        Side::BOTH.iter().for_each(|side| self.clear(*side, Known::READABLE));
    }

    /// How it ends, where that had to be kept.
    pub fn kept_ending(&self) -> Option<Ending> {
        self.rare.as_ref().and_then(|rare| rare.ending)
    }

    /// Keeps how it ends for as long as a watch is left. Drops all that waits: its pipes must be taken out before.
    pub fn keep_ending(&mut self, ending: Ending) {
        let close = self.close();
        self.rare = Some(Box::new(Rare::ending(ending, close)));
    }

    /// The first Close frame that passed.
    pub fn close(&self) -> Option<Close> {
        self.rare.as_ref().and_then(|rare| rare.close)
    }

    pub fn set_close(&mut self, close: Close) {
        self.rare.get_or_insert_default().close = Some(close);
    }

    /// The errno of a side that is lost by anything else than a reset.
    pub fn failure(&self) -> Option<NonZeroU16> {
        self.rare.as_ref().and_then(|rare| rare.failure)
    }

    pub fn set_failure(&mut self, errno: NonZeroU16) {
        self.rare.get_or_insert_default().failure = Some(errno);
    }

    /// Payload of the message of several frames that a direction is in. Without meaning between two messages.
    pub fn message_bytes(&self, direction: Direction) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.message_bytes[direction.index()])
    }

    pub fn set_message_bytes(&mut self, direction: Direction, bytes: u32) {
        if bytes > 0 || self.message_bytes(direction) > 0 {
            self.rare.get_or_insert_default().message_bytes[direction.index()] = bytes;
            self.drop_empty();
        }
    }

    pub fn socket(&self, side: Side) -> BorrowedFd<'_> {
        self.sockets[side.index()].as_fd()
    }

    pub fn has(&self, side: Side, bit: Known) -> bool {
        self.known[side.index()].has(bit)
    }

    pub fn set(&mut self, side: Side, bit: Known) {
        self.known[side.index()].set(bit);
    }

    pub fn clear(&mut self, side: Side, bit: Known) {
        self.known[side.index()].clear(bit);
    }

    /// Nothing is to be done for it but to pass short messages on.
    pub fn is_calm(&self) -> bool {
        self.rare.is_none()
            && self.strides.are_copied()
            && !self.is_ending()
            && self.known.iter().all(|known| known.is_calm())
    }

    /// Something taken from the source has not been taken by the target.
    pub fn is_waiting(&self, direction: Direction) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.is_waiting(direction))
    }

    /// The part of that which is in memory.
    pub fn waiting_bytes(&self, direction: Direction) -> &[u8] {
        self.rare.as_ref().map_or(&[], |rare| rare.bytes(direction))
    }

    /// Keeps bytes for a target that takes no more now.
    pub fn keep(&mut self, direction: Direction, bytes: &[u8], now: Moment) {
        if !bytes.is_empty() {
            self.rare.get_or_insert_default().push(direction, bytes, now.ticks());
        }
    }

    /// Notes that the first `count` of the waiting bytes in memory have left.
    pub fn release(&mut self, direction: Direction, count: usize, now: Moment) {
        if let Some(rare) = &mut self.rare {
            rare.advance(direction, count, now.ticks());
        }
        self.drop_empty();
    }

    /// Keeps a pipe whose bytes the target does not take now.
    pub fn keep_pipe(&mut self, direction: Direction, pipe: Pipe, now: Moment) {
        self.rare.get_or_insert_default().push_pipe(direction, pipe, now.ticks());
    }

    pub fn take_pipe(&mut self, direction: Direction) -> Option<Pipe> {
        let pipe = self.rare.as_mut()?.take_pipe(direction);
        self.drop_empty();
        pipe
    }

    /// Takes what waits in a pipe into memory if it waits for `patience`, and no more than `bytes_max`. The empty pipe.
    pub fn empty_pipe(
        &mut self,
        direction: Direction,
        patience: Duration,
        bytes_max: usize,
        now: Moment,
    ) -> Option<Pipe> {
        let rare = self.rare.as_mut()?;
        let stuck = between(rare.stuck_since(direction), now.ticks());
        if stuck < patience || rare.pipe_bytes(direction) > bytes_max {
            return None;
        }
        // What cannot be read stays where it is, in order.
        rare.empty_pipe(direction).ok().flatten()
    }

    /// Keeps the beginning of a frame until it is complete.
    pub fn hold(&mut self, direction: Direction, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.rare.get_or_insert_default().hold(direction, bytes);
        }
    }

    pub fn take_held(&mut self, direction: Direction) -> Vec<u8> {
        let Some(rare) = &mut self.rare else { return Vec::new() };
        let held = rare.take_held(direction);
        self.drop_empty();
        held
    }

    pub fn ping(&self) -> Option<Ping> {
        self.rare.as_ref().and_then(|rare| rare.ping)
    }

    /// Nothing more is owed for the ping under way.
    pub fn settle_ping(&mut self) {
        if let Some(ping) = self.rare.as_mut().and_then(|rare| rare.ping.as_mut()) {
            ping.settle();
        }
    }

    pub fn set_ping(&mut self, ping: Option<Ping>) {
        if ping.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().ping = ping;
            self.drop_empty();
        }
    }

    pub fn farewell(&mut self) -> Option<&mut Farewell> {
        self.rare.as_mut().and_then(|rare| rare.farewell.as_mut())
    }

    pub fn set_farewell(&mut self, farewell: Farewell) {
        self.rare.get_or_insert_default().farewell = Some(farewell);
    }

    pub fn tracker(&mut self, direction: Direction) -> Option<&mut Tracker> {
        match &mut self.carried {
            Carried::Frames(trackers) => Some(&mut trackers[direction.index()]),
            Carried::Blind { .. } => None,
        }
    }

    fn drop_empty(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.is_empty()) {
            self.rare = None;
        }
    }

    /// As what the upstream's socket may be connected anew.
    fn reuse(&self, ended: Ending) -> Reuse {
        match ended {
            Ending::Closed(_) if self.written.iter().all(|count| count.value() <= limits::SPARE_SOCKET_BYTES_MAX) => {
                self.strides.reuse()
            }
            // It may be set to close by a reset, or have grown.
            _ => Reuse::Never,
        }
    }

    /// Closes both sockets, or that of the upstream may serve again.
    pub fn into_record(self, ended: Ending, now: Moment) -> Record {
        let written = |direction: Direction| self.written[direction.index()].value();
        let messages = |direction: Direction| self.trackers().map_or(0, |all| all[direction.index()].messages());
        let record = Record {
            ended,
            bytes_to_upstream: written(Direction::ToUpstream),
            bytes_to_client: written(Direction::ToClient),
            messages_to_upstream: messages(Direction::ToUpstream),
            messages_to_client: messages(Direction::ToClient),
            close: self.close(),
            answered: self.answered(),
            duration: length(self.age(now)),
        };
        let reuse = self.reuse(ended);
        let probes = self.settings.keepalive.filter(|_| !self.is_young());
        let [client, upstream] = self.sockets;
        // Whose end is still to be told comes first.
        drop(client);
        spare::put(Detached { fd: upstream, reuse }, |socket| {
            probes.is_none_or(|probes| socket::unset_keepalive(socket, &probes))
        });
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stride_grows_to_the_whole_pipe() {
        let mut stride = Stride::default();
        let lengths: Vec<Option<usize>> = (0..6)
            .map(|_| {
                let length = stride.splice_bytes(256);
                stride = stride.longer();
                length
            })
            .collect();
        assert_eq!(lengths, [None, Some(32), Some(64), Some(128), Some(256), Some(256)]);
        let mut strides = Strides::new(Reuse::V6);
        assert!(strides.are_copied() && Strides::new(Reuse::Never).are_copied());
        strides.set(Direction::ToClient, stride);
        assert_eq!((strides.get(Direction::ToClient), strides.get(Direction::ToUpstream)), (stride, Stride::default()));
        strides.set(Direction::ToUpstream, stride);
        strides.set(Direction::ToClient, Stride::default());
        assert_eq!((strides.reuse(), Strides::new(Reuse::V4).reuse()), (Reuse::V6, Reuse::V4));
        assert_eq!((strides.get(Direction::ToUpstream), strides.get(Direction::ToClient)), (stride, Stride::default()));
        assert!(!strides.are_copied());
    }
}
