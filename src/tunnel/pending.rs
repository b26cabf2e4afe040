//! Bytes that were taken from one side and that the other did not take yet, in memory or in a pipe.

use super::pipe::Pipe;
use super::side::Direction;

/// What waits in one direction: bytes first, then what the pipe holds.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    sent: usize,
    pipe: Option<Pipe>,
    stuck_since: u32,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.sent == self.bytes.len() && self.pipe.is_none()
    }
}

/// What waits in a tunnel. Made when a write falls short, dropped when all has been written.
#[derive(Debug, Default)]
pub struct Pending {
    queues: [Queue; 2],
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(Queue::is_empty)
    }

    pub fn has(&self, direction: Direction) -> bool {
        !self.queues[direction.index()].is_empty()
    }

    /// The bytes in memory still to be written.
    pub fn bytes(&self, direction: Direction) -> &[u8] {
        let queue = &self.queues[direction.index()];
        &queue.bytes[queue.sent..]
    }

    /// Since which tick nothing of a direction moved. Without meaning while nothing waits in it.
    pub fn stuck_since(&self, direction: Direction) -> u32 {
        self.queues[direction.index()].stuck_since
    }

    /// Puts bytes behind those that wait in memory. Nothing may wait in a pipe: it would be overtaken.
    pub fn push(&mut self, direction: Direction, bytes: &[u8], now: u32) {
        let queue = &mut self.queues[direction.index()];
        debug_assert!(queue.pipe.is_none());
        if queue.is_empty() {
            *queue = Queue { bytes: Vec::with_capacity(bytes.len()), stuck_since: now, ..Queue::default() };
        }
        queue.bytes.extend_from_slice(bytes);
    }

    /// Notes that the first `count` bytes in memory have been written.
    pub fn advance(&mut self, direction: Direction, count: usize, now: u32) {
        let queue = &mut self.queues[direction.index()];
        queue.sent += count.min(queue.bytes.len() - queue.sent);
        queue.stuck_since = now;
        if queue.sent == queue.bytes.len() {
            (queue.bytes, queue.sent) = (Vec::new(), 0);
        }
    }

    /// Keeps a pipe with bytes behind those in memory.
    pub fn push_pipe(&mut self, direction: Direction, pipe: Pipe, now: u32) {
        let queue = &mut self.queues[direction.index()];
        debug_assert!(queue.pipe.is_none());
        queue.stuck_since = now;
        queue.pipe = Some(pipe);
    }

    pub fn take_pipe(&mut self, direction: Direction) -> Option<Pipe> {
        self.queues[direction.index()].pipe.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_they_came() {
        let mut pending = Pending::default();
        pending.push(Direction::ToClient, b"abc", 1);
        pending.push(Direction::ToClient, b"de", 2);
        assert_eq!(pending.stuck_since(Direction::ToClient), 1);
        pending.advance(Direction::ToClient, 2, 3);
        assert_eq!(pending.bytes(Direction::ToClient), b"cde");
        assert_eq!(pending.stuck_since(Direction::ToClient), 3);
        assert!(pending.has(Direction::ToClient) && !pending.has(Direction::ToUpstream));
        pending.advance(Direction::ToClient, 3, 4);
        assert!(pending.is_empty());
    }

    #[test]
    fn a_pipe_counts_as_waiting() {
        let mut pending = Pending::default();
        pending.push_pipe(Direction::ToUpstream, Pipe::new(4096).unwrap(), 9);
        assert!(pending.has(Direction::ToUpstream) && pending.bytes(Direction::ToUpstream).is_empty());
        assert!(pending.take_pipe(Direction::ToUpstream).is_some());
        assert!(pending.is_empty());
    }
}
