//! A connection that is held to a rate. Few are: so it has a task of its own, which moves the bytes by itself, where all
//! others are tunnels.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::net::timer::{sleep, within};
use crate::net::{buffer, moment};
use crate::proxy::pace::Pace;
use crate::transport::Transport;

/// The rates of both directions, and when the connection ends by itself.
pub struct Rated {
    pub to_upstream: Option<Pace>,
    pub to_client: Option<Pace>,
    /// `proxy_timeout`.
    pub timeout: Option<Duration>,
    /// The end of one side is the end of both.
    pub ends_with_either: bool,
}

/// The end that had no more to say before the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    Client,
    Upstream,
}

/// What has moved so far.
pub struct Moved {
    pub from_client: Cell<u64>,
    pub to_client: Cell<u64>,
    pub from_upstream: Cell<u64>,
    pub to_upstream: Cell<u64>,
    /// When the upstream first sent something.
    pub answered: Cell<Option<Instant>>,
    /// When either side last did.
    last: Cell<Instant>,
}

impl Moved {
    pub fn new() -> Self {
        let none = || Cell::new(0);
        Self {
            from_client: none(),
            to_client: none(),
            from_upstream: none(),
            to_upstream: none(),
            answered: Cell::new(None),
            last: Cell::new(moment::now()),
        }
    }
}

/// One direction.
struct Way<'w> {
    source: &'w Transport,
    target: &'w Transport,
    pace: Option<Pace>,
    timeout: Option<Duration>,
    moved: &'w Moved,
    taken: &'w Cell<u64>,
    given: &'w Cell<u64>,
    is_answer: bool,
}

impl Rated {
    /// Moves bytes until the connection is over, and says which end was first. `raw` is what was read from the client before.
    pub async fn carry(self, client: &Transport, upstream: &Transport, raw: Vec<u8>, moved: &Moved) -> First {
        let Self { to_upstream, to_client, timeout, ends_with_either } = self;
        let up = Way {
            source: client,
            target: upstream,
            pace: to_upstream,
            timeout,
            moved,
            taken: &moved.from_client,
            given: &moved.to_upstream,
            is_answer: false,
        };
        let down = Way {
            source: upstream,
            target: client,
            pace: to_client,
            timeout,
            moved,
            taken: &moved.from_upstream,
            given: &moved.to_client,
            is_answer: true,
        };
        let (mut up, mut down) = (pin!(up.run(raw)), pin!(down.run(Vec::new())));
        // Which directions are over, the first of them before the other.
        let mut over: Vec<First> = Vec::new();
        poll_fn(|cx| {
            for first in [First::Client, First::Upstream] {
                if over.contains(&first) {
                    continue;
                }
                let polled = match first {
                    First::Client => up.as_mut().poll(cx),
                    First::Upstream => down.as_mut().poll(cx),
                };
                match polled {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) if !ends_with_either => over.push(first),
                    // A failure, or the time is over: whatever it was, nothing more can be said.
                    Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(*over.first().unwrap_or(&first)),
                }
            }
            match over.as_slice() {
                [first, _] => Poll::Ready(*first),
                _ => Poll::Pending,
            }
        })
        .await
    }
}

impl Way<'_> {
    /// Moves bytes to the source's end, which is passed on.
    async fn run(self, raw: Vec<u8>) -> io::Result<()> {
        if !raw.is_empty() {
            self.give(&raw).await?;
        }
        loop {
            let room = match self.pace.map(|pace| pace.room(self.taken.get())) {
                None => u64::MAX,
                Some(Ok(room)) => room,
                Some(Err(wait)) => {
                    sleep(wait).await;
                    continue;
                }
            };
            self.readable().await?;
            let mut piece = buffer::take();
            match self.source.read_now(&mut piece, usize::try_from(room).unwrap_or(usize::MAX))? {
                None => {}
                Some(0) => return self.target.shutdown_write(),
                Some(_) => self.give(&piece).await?,
            }
        }
    }

    async fn give(&self, bytes: &[u8]) -> io::Result<()> {
        let now = moment::now();
        self.moved.last.set(now);
        if self.is_answer && self.moved.answered.get().is_none() {
            self.moved.answered.set(Some(now));
        }
        self.taken.set(self.taken.get() + bytes.len() as u64);
        let mut written = 0;
        let result = self.target.write_all(bytes, self.timeout.unwrap_or_default(), &mut written).await;
        self.given.set(self.given.get() + written);
        result
    }

    /// Waits for bytes, as long as either side has sent some within `proxy_timeout`.
    async fn readable(&self) -> io::Result<()> {
        let mut readable = pin!(self.source.readable());
        loop {
            let Some(timeout) = self.timeout else { return readable.as_mut().await };
            let Some(left) = timeout.checked_sub(self.moved.last.get().elapsed()).filter(|left| !left.is_zero()) else {
                return Err(io::ErrorKind::TimedOut.into());
            };
            match within(left, readable.as_mut()).await {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                result => return result,
            }
        }
    }
}
