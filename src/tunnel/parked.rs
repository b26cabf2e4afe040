//! Parked sockets: connections at rest, each a slot and one poll until there is something to read, its time is over, or
//! it is released. Knows nothing of what they speak: who parks one gives something to [`Park`].
//!
//! States: parked (the poll is armed), ending (an end is set, and the socket shut down, so that the poll completes), gone.
//! A poll's completion always ends the parking, and the kernel then holds the socket no more.

use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::Shutdown;

use crate::limits::TUNNEL_TIME_MAX;
use crate::sys::ring::{Readiness, Ring};

use super::clock::Moment;
use super::schedule::{self, Schedule};
use super::slab::{Numbered, Slab};
use super::socket::{self, Moved};
use super::token::{Purpose, Token};

/// Why a socket is no longer parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waking {
    /// There are bytes to read. In all other cases there are none.
    Readable,
    /// The other end has closed or reset the connection.
    Closed,
    /// Its time was over.
    TimedOut,
    /// [`Engine::release`](super::Engine::release) was asked for.
    Released,
}

/// What is kept of a connection while its socket is parked. It lies beside the slot: every connection at rest pays for
/// its size.
pub trait Park {
    /// Called once, with the socket that nobody else has.
    fn wake(self, socket: OwnedFd, waking: Waking);
}

/// Where nothing is parked.
impl Park for Infallible {
    fn wake(self, _socket: OwnedFd, _waking: Waking) {
        match self {}
    }
}

/// One parked socket.
struct Parked {
    generation: u32,
    /// The tick from which on its time is over.
    due: u32,
    socket: OwnedFd,
    /// Set once the socket was shut down.
    ending: Option<Waking>,
}

/// What a shard keeps beside it for a client takes 80 bytes more.
const _: () = assert!(size_of::<Parked>() <= 16);

impl Numbered for Parked {
    fn generation(&self) -> u32 {
        self.generation
    }

    fn set_generation(&mut self, generation: u32) {
        self.generation = generation;
    }
}

impl Parked {
    /// Ends the parking of a socket with nothing to read; else the poll is about to say so.
    fn end(&mut self, waking: Waking) {
        if self.ending.is_none() && socket::peek(self.socket.as_fd()) == Moved::Blocked {
            self.ending = Some(waking);
            // Only the half that the poll waits for: whoever gets the socket may have something to say before it closes.
            // ENOTCONN: it has ended by itself, which the poll reports too.
            let _ = rustix::net::shutdown(&self.socket, Shutdown::Read);
        }
    }
}

/// A socket that is no longer parked, to be told outside of the turn: whoever is told may come back with it.
pub type Woken<P> = (P, OwnedFd, Waking);

/// The parked sockets of a shard.
pub struct Parking<P> {
    slots: Slab<Parked, P>,
    schedule: Schedule,
    woken: Vec<Woken<P>>,
}

impl<P> Default for Parking<P> {
    fn default() -> Parking<P> {
        Parking { slots: Slab::default(), schedule: Schedule::default(), woken: Vec::new() }
    }
}

impl<P> Parking<P> {
    /// Takes a socket until it is ready, for so long at most.
    pub fn park(&mut self, ring: &mut Ring, socket: OwnedFd, within: Duration, kept: P, now: Moment) {
        let within_ms = u64::try_from(within.min(TUNNEL_TIME_MAX).as_millis()).unwrap_or(u64::MAX);
        // Never too early: the tick that has begun counts for nothing.
        let due = Moment(now.0.saturating_add(within_ms)).ticks().wrapping_add(1);
        let index = self.slots.insert(Parked { generation: 0, due, socket, ending: None }, kept);
        self.schedule.within(index, schedule::left(due, now), now);
        if let Some(parked) = self.slots.at(index) {
            let token = Token { index, generation: parked.generation, purpose: Purpose::Parked };
            ring.watch_once(parked.socket.as_fd(), token.pack());
        }
    }

    /// The poll of a parked socket has completed.
    pub fn note(&mut self, token: Token, result: i32) {
        let Some(parked) = self.slots.get(token.index, token.generation) else { return };
        let waking = match parked.ending {
            Some(ending) => ending,
            None if may_have_ended(result) => match socket::peek(parked.socket.as_fd()) {
                Moved::Bytes(_) => Waking::Readable,
                Moved::Blocked | Moved::End | Moved::Failed(_) => Waking::Closed,
            },
            None => Waking::Readable,
        };
        if let Some((parked, kept)) = self.slots.remove(token.index) {
            self.woken.push((kept, parked.socket, waking));
        }
    }

    /// Ends the parking of those whose time is over.
    pub fn sweep(&mut self, now: Moment) {
        let mut from = 0;
        while let Some(slots) = self.schedule.take_due(from, now) {
            from = slots.end;
            for index in slots.start..slots.end.min(self.slots.end()) {
                let Some(parked) = self.slots.at(index) else { continue };
                match schedule::left(parked.due, now) {
                    // What has something to say instead wakes by its poll, and is looked at no more.
                    0 => parked.end(Waking::TimedOut),
                    left => self.schedule.within(index, left, now),
                }
            }
        }
    }

    /// Ends the parking of those that `which` chooses.
    pub fn release(&mut self, which: impl Fn(&P) -> bool) {
        for index in 0..self.slots.end() {
            if let Some((parked, kept)) = self.slots.both(index)
                && which(kept)
            {
                parked.end(Waking::Released);
            }
        }
    }

    /// Those that are parked no more, since the last call.
    pub fn take_woken(&mut self) -> Vec<Woken<P>> {
        std::mem::take(&mut self.woken)
    }
}

/// A poll that failed says as little as one that found an end: what a read would find decides.
fn may_have_ended(result: i32) -> bool {
    let ready = Readiness::of(result);
    result < 0 || ready.read_closed || ready.closed || ready.failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::ring::BufferSizes;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    /// A ring and a clock; what is kept of each socket is a number.
    struct Bench {
        ring: Ring,
        parking: Parking<u32>,
        now: Moment,
    }

    impl Bench {
        fn new() -> Bench {
            let ring = Ring::new(8, 64, BufferSizes { count: 1, bytes: 1 }).unwrap();
            Bench { ring, parking: Parking::default(), now: Moment(5_000) }
        }

        fn park(&mut self, kept: u32, seconds: u64) -> UnixStream {
            let (near, far) = UnixStream::pair().unwrap();
            self.parking.park(&mut self.ring, near.into(), Duration::from_secs(seconds), kept, self.now);
            far
        }

        fn pass(&mut self, ms: u64) -> Vec<(u32, Waking)> {
            self.now = Moment(self.now.0 + ms);
            self.parking.sweep(self.now);
            self.woken()
        }

        /// What has woken; its sockets are closed.
        fn woken(&mut self) -> Vec<(u32, Waking)> {
            self.ring.submit().unwrap();
            let parking = &mut self.parking;
            let note = |completion: crate::sys::ring::Completion| {
                parking.note(Token::unpack(completion.token).unwrap(), completion.result);
            };
            self.ring.complete(note).unwrap();
            let mut woken: Vec<_> =
                self.parking.take_woken().into_iter().map(|(kept, _, waking)| (kept, waking)).collect();
            woken.sort_unstable_by_key(|(kept, _)| *kept);
            woken
        }
    }

    fn is_closed(mut socket: &UnixStream) -> bool {
        socket.set_nonblocking(true).unwrap();
        matches!(socket.read(&mut [0]), Ok(0))
    }

    #[test]
    fn bytes_wake_and_an_end_closes_without_them() {
        let mut bench = Bench::new();
        let (mut one, mut two, three) = (bench.park(1, 60), bench.park(2, 60), bench.park(3, 60));
        assert_eq!(bench.woken(), []);
        one.write_all(b"x").unwrap();
        two.write_all(b"x").unwrap();
        drop(two);
        drop(three);
        assert_eq!(bench.woken(), [(1, Waking::Readable), (2, Waking::Readable), (3, Waking::Closed)]);
        assert_eq!(bench.parking.slots.len(), 0);
        let again = bench.park(4, 60);
        assert_eq!(bench.woken(), []);
        drop(again);
        assert_eq!(bench.woken(), [(4, Waking::Closed)]);
    }

    #[test]
    fn what_is_there_before_it_is_parked_wakes() {
        let mut bench = Bench::new();
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(b"x").unwrap();
        bench.parking.park(&mut bench.ring, near.into(), Duration::from_secs(1), 1, bench.now);
        assert_eq!(bench.woken(), [(1, Waking::Readable)]);
    }

    #[test]
    fn each_has_its_time() {
        let mut bench = Bench::new();
        let (long, short) = (bench.park(1, 60), bench.park(2, 10));
        assert_eq!(bench.pass(10_000), []);
        assert_eq!(bench.pass(10), [(2, Waking::TimedOut)]);
        assert!(is_closed(&short));
        let shortest = bench.park(3, 2);
        assert_eq!(bench.pass(3_000), [(3, Waking::TimedOut)]);
        assert_eq!(bench.pass(46_990), []);
        assert_eq!(bench.pass(10), [(1, Waking::TimedOut)]);
        assert!(is_closed(&long) && is_closed(&shortest));
    }

    #[test]
    fn the_clock_may_wrap_and_a_rest_may_be_endless() {
        let mut bench = Bench::new();
        bench.now = Moment(u64::from(u32::MAX) * 10 - 500);
        let (_endless, _short) = (bench.park(1, u64::MAX), bench.park(2, 1));
        assert_eq!(bench.pass(900), []);
        assert_eq!(bench.pass(110), [(2, Waking::TimedOut)]);
        assert_eq!(bench.pass(86_400_000 * 200), []);
    }

    #[test]
    fn what_has_something_to_say_is_heard_when_its_end_comes() {
        let mut bench = Bench::new();
        let (quiet, mut told, _kept) = (bench.park(1, 10), bench.park(2, 10), bench.park(3, 90));
        assert_eq!(bench.woken(), []);
        told.write_all(b"x").unwrap();
        bench.parking.release(|kept| *kept < 3);
        assert_eq!(bench.woken(), [(1, Waking::Released), (2, Waking::Readable)]);
        assert!(is_closed(&quiet) && bench.parking.slots.len() == 1);
        let mut told = bench.park(4, 10);
        told.write_all(b"x").unwrap();
        assert_eq!(bench.pass(20_000), [(4, Waking::Readable)]);
    }
}
