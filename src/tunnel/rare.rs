//! What few tunnels have at a time: bytes that were taken from one side and that the other did not take yet, in memory
//! or in a pipe, the beginning of a frame that must not go on before it is complete, a ping under way, the payload of a
//! message of several frames so far, and all that belongs to the end.

use std::num::NonZeroU16;

use std::io;

use super::frames::PING_BYTES;
use super::pending::Pending;
use super::pipe::Pipe;
use super::record::{Close, Ending};
use super::side::Direction;

/// One direction: bytes that wait first, then what the pipe holds, then the beginning of a frame.
#[derive(Debug, Default)]
struct Queue {
    bytes: Pending,
    pipe: Option<Pipe>,
    held: Vec<u8>,
    stuck_since: u32,
}

impl Queue {
    fn is_waiting(&self) -> bool {
        !self.bytes.is_empty() || self.pipe.is_some()
    }
}

/// A ping whose pong has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    pub payload: [u8; PING_BYTES],
    /// Tick.
    pub sent: u32,
    /// Other bytes of the client came since: no pong is owed any more. One may be on its way, and goes no further.
    is_settled: bool,
}

impl Ping {
    pub fn new(payload: [u8; PING_BYTES], sent: u32) -> Ping {
        Ping { payload, sent, is_settled: false }
    }

    pub fn is_owed(&self) -> bool {
        !self.is_settled
    }

    pub fn settle(&mut self) {
        self.is_settled = true;
    }
}

/// The tunnel's end is being told to both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    pub ending: Ending,
    /// Tick at which it began.
    pub since: u32,
    /// The Close frame of this direction has been put behind the last of its bytes, or has no place in it.
    pub is_said: [bool; 2],
}

/// Made when a write falls short or a read ends within a header, dropped as soon as it is empty.
#[derive(Debug, Default)]
pub struct Rare {
    queues: [Queue; 2],
    pub ping: Option<Ping>,
    pub farewell: Option<Farewell>,
    pub ending: Option<Ending>,
    pub close: Option<Close>,
    pub failure: Option<NonZeroU16>,
    /// By direction.
    pub message_bytes: [u32; 2],
}

impl Rare {
    /// Of a tunnel of which no byte moves any more.
    pub fn ending(ending: Ending, close: Option<Close>) -> Rare {
        Rare { ending: Some(ending), close, ..Rare::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.ping.is_none()
            && self.farewell.is_none()
            && self.ending.is_none()
            && self.close.is_none()
            && self.failure.is_none()
            && self.message_bytes == [0; 2]
            && self.queues.iter().all(|queue| !queue.is_waiting() && queue.held.is_empty())
    }

    /// The target has yet to take something.
    pub fn is_waiting(&self, direction: Direction) -> bool {
        self.queues[direction.index()].is_waiting()
    }

    /// The bytes in memory still to be written.
    pub fn bytes(&self, direction: Direction) -> &[u8] {
        self.queues[direction.index()].bytes.rest()
    }

    /// Since which tick nothing of a direction moved. Without meaning while nothing waits in it.
    pub fn stuck_since(&self, direction: Direction) -> u32 {
        self.queues[direction.index()].stuck_since
    }

    /// Gives each [`Rare::stuck_since`] another value.
    pub fn map_stuck_since(&mut self, change: impl Fn(u32) -> u32) {
        self.queues.iter_mut().for_each(|queue| queue.stuck_since = change(queue.stuck_since));
    }

    /// Puts bytes behind those that wait in memory. Nothing may wait in a pipe: it would be overtaken.
    pub fn push(&mut self, direction: Direction, bytes: &[u8], now: u32) {
        let queue = &mut self.queues[direction.index()];
        debug_assert!(queue.pipe.is_none());
        if !queue.is_waiting() {
            queue.stuck_since = now;
        }
        queue.bytes.push(bytes);
    }

    /// Notes that the first `count` bytes in memory have been written.
    pub fn advance(&mut self, direction: Direction, count: usize, now: u32) {
        let queue = &mut self.queues[direction.index()];
        queue.bytes.advance(count);
        queue.stuck_since = now;
    }

    /// Keeps a pipe with bytes behind those in memory.
    pub fn push_pipe(&mut self, direction: Direction, pipe: Pipe, now: u32) {
        let queue = &mut self.queues[direction.index()];
        debug_assert!(queue.pipe.is_none());
        queue.stuck_since = now;
        queue.pipe = Some(pipe);
    }

    /// Bytes that wait in a pipe.
    pub fn pipe_bytes(&self, direction: Direction) -> usize {
        self.queues[direction.index()].pipe.as_ref().map_or(0, Pipe::held_bytes)
    }

    /// Takes what waits in a pipe into memory, behind what is there; gives the pipe back once it is empty. Nothing has
    /// moved by that: the direction is stuck as long as before.
    pub fn empty_pipe(&mut self, direction: Direction) -> io::Result<Option<Pipe>> {
        let queue = &mut self.queues[direction.index()];
        let Some(pipe) = &mut queue.pipe else { return Ok(None) };
        let mut bytes = vec![0; pipe.held_bytes()];
        while pipe.held_bytes() > 0 {
            let count = pipe.read(&mut bytes)?;
            queue.bytes.push(&bytes[..count]);
        }
        Ok(queue.pipe.take())
    }

    /// Keeps the beginning of a frame: it counts as not yet read.
    pub fn hold(&mut self, direction: Direction, bytes: &[u8]) {
        self.queues[direction.index()].held = bytes.to_vec();
    }

    pub fn take_held(&mut self, direction: Direction) -> Vec<u8> {
        std::mem::take(&mut self.queues[direction.index()].held)
    }

    pub fn take_pipe(&mut self, direction: Direction) -> Option<Pipe> {
        self.queues[direction.index()].pipe.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn bytes_leave_in_the_order_they_came() {
        let mut rare = Rare::default();
        rare.push(Direction::ToClient, b"abc", 1);
        rare.push(Direction::ToClient, b"de", 2);
        assert_eq!(rare.stuck_since(Direction::ToClient), 1);
        rare.advance(Direction::ToClient, 2, 3);
        assert_eq!(rare.bytes(Direction::ToClient), b"cde");
        assert_eq!(rare.stuck_since(Direction::ToClient), 3);
        assert!(rare.is_waiting(Direction::ToClient) && !rare.is_waiting(Direction::ToUpstream));
        rare.advance(Direction::ToClient, 3, 4);
        assert!(rare.is_empty());
    }

    #[test]
    fn the_beginning_of_a_frame_does_not_wait_for_the_target() {
        let mut rare = Rare::default();
        rare.hold(Direction::ToClient, &[0x81]);
        assert!(!rare.is_waiting(Direction::ToClient) && !rare.is_empty());
        assert_eq!(rare.take_held(Direction::ToClient), [0x81]);
        assert!(rare.is_empty());
    }

    #[test]
    fn a_pipe_counts_as_waiting() {
        let mut rare = Rare::default();
        rare.push_pipe(Direction::ToUpstream, Pipe::new(4096).unwrap(), 9);
        assert!(rare.is_waiting(Direction::ToUpstream) && rare.bytes(Direction::ToUpstream).is_empty());
        assert!(rare.take_pipe(Direction::ToUpstream).is_some());
        assert!(rare.is_empty());
    }

    #[test]
    fn a_pipe_that_is_emptied_goes_behind_the_bytes() {
        let (mut source, near) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut pipe = Pipe::new(64 << 10).unwrap();
        source.write_all(b"in the pipe").unwrap();
        pipe.fill(near.as_fd(), 100);
        let mut rare = Rare::default();
        rare.push(Direction::ToClient, b"before, ", 3);
        rare.advance(Direction::ToClient, 2, 4);
        rare.push_pipe(Direction::ToClient, pipe, 5);
        assert_eq!(rare.pipe_bytes(Direction::ToClient), 11);
        let pipe = rare.empty_pipe(Direction::ToClient).unwrap().unwrap();
        assert_eq!((pipe.held_bytes(), rare.pipe_bytes(Direction::ToClient)), (0, 0));
        assert_eq!(rare.bytes(Direction::ToClient), b"fore, in the pipe");
        assert_eq!(rare.stuck_since(Direction::ToClient), 5);
        assert!(rare.empty_pipe(Direction::ToClient).unwrap().is_none());
    }
}
