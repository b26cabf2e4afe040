//! Bytes that were taken from one side and that the other did not take yet.

use super::side::Direction;

/// Bytes of one direction, oldest first, and since when nothing of them moved.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    sent: usize,
    stuck_since: u32,
}

/// What waits in a tunnel. Made when a write falls short, dropped when all has been written.
#[derive(Debug, Default)]
pub struct Pending {
    queues: [Queue; 2],
}

impl Pending {
    /// The bytes still to be written in this direction.
    pub fn bytes(&self, direction: Direction) -> &[u8] {
        let queue = &self.queues[direction.index()];
        &queue.bytes[queue.sent..]
    }

    /// Since which tick nothing of a direction moved. Without meaning while nothing waits in it.
    pub fn stuck_since(&self, direction: Direction) -> u32 {
        self.queues[direction.index()].stuck_since
    }

    /// Puts bytes behind those that wait.
    pub fn push(&mut self, direction: Direction, bytes: &[u8], now: u32) {
        let queue = &mut self.queues[direction.index()];
        if queue.sent == queue.bytes.len() {
            *queue = Queue { bytes: Vec::with_capacity(bytes.len()), sent: 0, stuck_since: now };
        }
        queue.bytes.extend_from_slice(bytes);
    }

    /// Notes that the first `count` bytes have been written.
    pub fn advance(&mut self, direction: Direction, count: usize, now: u32) {
        let queue = &mut self.queues[direction.index()];
        queue.sent += count.min(queue.bytes.len() - queue.sent);
        queue.stuck_since = now;
        if queue.sent == queue.bytes.len() {
            *queue = Queue::default();
        }
    }

    pub fn is_empty(&self) -> bool {
        Direction::BOTH.iter().all(|direction| self.bytes(*direction).is_empty())
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
        assert_eq!(pending.bytes(Direction::ToUpstream), b"");
        pending.advance(Direction::ToClient, 3, 4);
        assert!(pending.is_empty());
    }
}
