//! The state of one tunnel, and the token under which the ring speaks of it.
//!
//! States: open (both sockets watched), ending (an [`Ending`] is set, the watches are being removed), gone (the slot
//! is free). What is rare is boxed. A slot is what an idle tunnel costs, so its size is asserted.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::model;

use super::pending::Pending;
use super::pipe::Pipe;
use super::record::{Ending, OnEnd, Record};
use super::side::{Direction, Known, Side};

/// Milliseconds since the engine was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// Coarse time in four bytes: tenths of a second, enough for 13 years.
    pub fn ticks(self) -> u32 {
        u32::try_from(self.0 / TICK_MS).unwrap_or(u32::MAX)
    }
}

const TICK_MS: u64 = 100;

/// Time between two ticks.
pub fn between(earlier: u32, later: u32) -> Duration {
    Duration::from_millis(u64::from(later.saturating_sub(earlier)) * TICK_MS)
}

/// How a direction is moved. Bytes of short messages are copied; a source that fills the copy's buffer is spliced, in
/// steps that double while the target takes all, so that a slow reader leaves little in a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stride(u8);

impl Stride {
    /// Bytes to splice at once; `None`: copy.
    pub fn splice_bytes(self, pipe_bytes: usize) -> Option<usize> {
        (self.0 > 0).then(|| (pipe_bytes >> (Self::STEPS - self.0)).max(1))
    }

    const STEPS: u8 = 4;

    /// The source had as much as was asked for, and the target took all of it.
    pub fn lengthen(&mut self) {
        self.0 = (self.0 + 1).min(Self::STEPS);
    }

    /// The source had little, or the target did not take it.
    pub fn shorten(&mut self) {
        *self = Stride::default();
    }
}

/// One tunnel.
pub struct Slot {
    sockets: [OwnedFd; 2],
    pub known: [Known; 2],
    /// In the queue of tunnels to be served.
    pub is_queued: bool,
    removal_failed: [bool; 2],
    /// How much is spliced at once, by direction; see `pump`.
    pub stride: [Stride; 2],
    /// The side whose FIN came first.
    pub first_ended: Option<Side>,
    /// The errno of a side that is lost by anything else than a reset.
    pub failure: Option<u16>,
    /// Set once: from here on no byte moves.
    pub ending: Option<Ending>,
    /// Written to the target, by direction.
    pub written: [u64; 2],
    /// When the source last sent something, by direction.
    pub last_read: [u32; 2],
    pub adopted: Moment,
    pub settings: Arc<model::Tunnel>,
    pub on_end: Option<OnEnd>,
    pub pending: Option<Box<Pending>>,
}

const SLOT_BYTES_MAX: usize = 120;
const _: () = assert!(size_of::<Option<Slot>>() <= SLOT_BYTES_MAX);

impl Slot {
    pub fn new(client: OwnedFd, upstream: OwnedFd, settings: Arc<model::Tunnel>, now: Moment) -> Slot {
        // Writable until EAGAIN says otherwise: what came with the seed leaves without waiting for the first poll.
        let known = [Known::WRITABLE; 2];
        Slot {
            sockets: [client, upstream],
            known,
            is_queued: false,
            removal_failed: [false; 2],
            stride: [Stride::default(); 2],
            first_ended: None,
            failure: None,
            ending: None,
            written: [0; 2],
            last_read: [now.ticks(); 2],
            adopted: now,
            settings,
            on_end: None,
            pending: None,
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

    /// The removal of a side's watch came while the watch was busy, and has to be repeated.
    pub fn set_removal_failed(&mut self, side: Side) {
        self.removal_failed[side.index()] = true;
    }

    pub fn take_removal_failed(&mut self, side: Side) -> bool {
        std::mem::take(&mut self.removal_failed[side.index()])
    }

    /// Something taken from the source has not been taken by the target.
    pub fn is_waiting(&self, direction: Direction) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.has(direction))
    }

    /// The part of that which is in memory.
    pub fn waiting_bytes(&self, direction: Direction) -> &[u8] {
        self.pending.as_ref().map_or(&[], |pending| pending.bytes(direction))
    }

    /// Keeps bytes for a target that takes no more now.
    pub fn keep(&mut self, direction: Direction, bytes: &[u8], now: Moment) {
        if !bytes.is_empty() {
            self.pending.get_or_insert_default().push(direction, bytes, now.ticks());
        }
    }

    /// Notes that the first `count` of the waiting bytes in memory have left.
    pub fn release(&mut self, direction: Direction, count: usize, now: Moment) {
        if let Some(pending) = &mut self.pending {
            pending.advance(direction, count, now.ticks());
        }
        self.drop_empty();
    }

    /// Keeps a pipe whose bytes the target does not take now.
    pub fn keep_pipe(&mut self, direction: Direction, pipe: Pipe, now: Moment) {
        self.pending.get_or_insert_default().push_pipe(direction, pipe, now.ticks());
    }

    pub fn take_pipe(&mut self, direction: Direction) -> Option<Pipe> {
        let pipe = self.pending.as_mut()?.take_pipe(direction);
        self.drop_empty();
        pipe
    }

    fn drop_empty(&mut self) {
        if self.pending.as_ref().is_some_and(|pending| pending.is_empty()) {
            self.pending = None;
        }
    }

    /// Closes both sockets.
    pub fn into_record(self, ended: Ending, now: Moment) -> (Option<OnEnd>, Record) {
        let record = Record {
            ended,
            bytes_to_upstream: self.written[Direction::ToUpstream.index()],
            bytes_to_client: self.written[Direction::ToClient.index()],
            duration: Duration::from_millis(now.0.saturating_sub(self.adopted.0)),
        };
        (self.on_end, record)
    }
}

/// What a completion belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The watch of a socket.
    Watch(Side),
    /// The removal of that watch.
    Unwatch(Side),
    /// Nothing but a reason to wake up.
    Wake,
}

/// A slot's index, its generation and a purpose in 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub index: u32,
    /// Only the lower 24 bits travel.
    pub generation: u32,
    pub purpose: Purpose,
}

/// The bits of a generation that fit beside index and purpose.
pub const GENERATION_MASK: u32 = (1 << 24) - 1;

impl Token {
    pub const WAKE: Token = Token { index: 0, generation: 0, purpose: Purpose::Wake };

    pub fn pack(self) -> u64 {
        let purpose: u64 = match self.purpose {
            Purpose::Watch(Side::Client) => 0,
            Purpose::Watch(Side::Upstream) => 1,
            Purpose::Unwatch(Side::Client) => 2,
            Purpose::Unwatch(Side::Upstream) => 3,
            Purpose::Wake => 4,
        };
        u64::from(self.index) << 32 | u64::from(self.generation & GENERATION_MASK) << 8 | purpose
    }

    /// `None` for a value that [`Token::pack`] never makes.
    pub fn unpack(packed: u64) -> Option<Token> {
        let purpose = match packed & 0xff {
            0 => Purpose::Watch(Side::Client),
            1 => Purpose::Watch(Side::Upstream),
            2 => Purpose::Unwatch(Side::Client),
            3 => Purpose::Unwatch(Side::Upstream),
            4 => Purpose::Wake,
            5.. => return None,
        };
        Some(Token { index: (packed >> 32) as u32, generation: (packed >> 8) as u32 & GENERATION_MASK, purpose })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_packing() {
        for purpose in Side::BOTH.into_iter().flat_map(|side| [Purpose::Watch(side), Purpose::Unwatch(side)]) {
            for (index, generation) in [(0, 0), (u32::MAX, GENERATION_MASK), (7, 9)] {
                let token = Token { index, generation, purpose };
                assert_eq!(Token::unpack(token.pack()), Some(token));
            }
        }
        assert_eq!(Token::unpack(Token::WAKE.pack()), Some(Token::WAKE));
        assert_eq!(Token::unpack(0xff), None);
    }

    #[test]
    fn a_stride_grows_to_the_whole_pipe() {
        let mut stride = Stride::default();
        let lengths: Vec<Option<usize>> = (0..6)
            .map(|_| {
                let length = stride.splice_bytes(256);
                stride.lengthen();
                length
            })
            .collect();
        assert_eq!(lengths, [None, Some(32), Some(64), Some(128), Some(256), Some(256)]);
        stride.shorten();
        assert_eq!(stride.splice_bytes(256), None);
    }

    #[test]
    fn time_between_ticks_never_goes_backwards() {
        assert_eq!(between(Moment(1_000).ticks(), Moment(2_550).ticks()), Duration::from_millis(1_500));
        assert_eq!(between(5, 4), Duration::ZERO);
    }
}
