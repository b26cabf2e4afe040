//! The two ends of a tunnel, the two directions between them, and what is known about each end's socket.

/// One end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Client,
    Upstream,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Client, Side::Upstream];

    pub fn index(self) -> usize {
        match self {
            Side::Client => 0,
            Side::Upstream => 1,
        }
    }

    pub fn other(self) -> Side {
        match self {
            Side::Client => Side::Upstream,
            Side::Upstream => Side::Client,
        }
    }

    /// The direction of what this side sends.
    pub fn outgoing(self) -> Direction {
        match self {
            Side::Client => Direction::ToUpstream,
            Side::Upstream => Direction::ToClient,
        }
    }
}

/// The way of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    ToUpstream,
    ToClient,
}

impl Direction {
    pub const BOTH: [Direction; 2] = [Direction::ToUpstream, Direction::ToClient];

    pub fn index(self) -> usize {
        match self {
            Direction::ToUpstream => 0,
            Direction::ToClient => 1,
        }
    }

    pub fn source(self) -> Side {
        match self {
            Direction::ToUpstream => Side::Client,
            Direction::ToClient => Side::Upstream,
        }
    }

    pub fn target(self) -> Side {
        self.source().other()
    }
}

/// What is known of one socket, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known(u8);

impl Known {
    /// A read may bring something; cleared by EAGAIN, set by an edge.
    pub const READABLE: Known = Known(1);
    /// A write may take something; cleared by one that falls short, after which edges are asked for and set it.
    pub const WRITABLE: Known = Known(1 << 1);
    /// The other end has sent FIN: it is behind the bytes still to be read.
    pub const READ_CLOSED: Known = Known(1 << 2);
    /// An error or the end of both ways was reported.
    pub const FAILED: Known = Known(1 << 3);
    /// The kernel watches the socket: it must not be closed before the last completion of the watch.
    pub const WATCHED: Known = Known(1 << 4);
    /// All that this end sends has been read.
    pub const ENDED: Known = Known(1 << 5);
    /// FIN has been sent to this end, behind everything meant for it.
    pub const FINISHED: Known = Known(1 << 6);
    /// This end is gone: nothing can be written to it, and what is still read from it is the last.
    pub const LOST: Known = Known(1 << 7);

    /// Open, watched, with room: all that can be to do is to read.
    pub fn is_calm(self) -> bool {
        self.0 & !Known::READABLE.0 == Known::WRITABLE.0 | Known::WATCHED.0
    }

    pub fn has(self, bit: Known) -> bool {
        self.0 & bit.0 != 0
    }

    pub fn set(&mut self, bit: Known) {
        self.0 |= bit.0;
    }

    pub fn clear(&mut self, bit: Known) {
        self.0 &= !bit.0;
    }
}

/// What is known of a tunnel as a whole, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing(u8);

impl Standing {
    /// In the queue of tunnels to be served.
    pub const QUEUED: Standing = Standing(1);
    /// Its sockets have not been told of TCP's own probes.
    pub const YOUNG: Standing = Standing(8);

    /// That side was the first to end.
    pub fn first_ended(side: Side) -> Standing {
        Standing(2 << side.index())
    }

    /// Its end has begun: no byte moves any more.
    pub const ENDING: Standing = Standing(64);

    /// It is about as old as ticks can tell.
    pub const OLD: Standing = Standing(128);

    /// The watch of that side tells of room to write as well.
    pub fn asked_for_room(side: Side) -> Standing {
        Standing(16 << side.index())
    }

    pub fn has(self, bit: Standing) -> bool {
        self.0 & bit.0 != 0
    }

    pub fn set(&mut self, bit: Standing) {
        self.0 |= bit.0;
    }

    pub fn clear(&mut self, bit: Standing) {
        self.0 &= !bit.0;
    }
}
