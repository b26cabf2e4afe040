//! Notices that a shard has come to rest, and then gives back to the kernel what its last connections left in the heap.
//!
//! The allocator keeps freed pages for the next burst. After it, ten thousand quiet tunnels would pay for the handshakes
//! that they came by. The fewer connections there were, the longer a rest has to be: what a call costs stays small beside
//! what the connections before it did, and no burst is so small or so broken that what it left stays for ever.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::limits::{SHARD_REST_CONNECTIONS, SHARD_REST_TIME_MAX};
use crate::net::{buffer, readiness, timer};
use crate::proxy::release_encoders;
use crate::sys::memory;

/// What a shard knows of its own activity.
#[derive(Debug, Default)]
pub struct Rest {
    stirred: Cell<Stirred>,
    waiting: RefCell<Option<Waker>>,
}

impl Rest {
    /// A connection has become a tunnel, was parked, or is over.
    pub fn stir(&self) {
        let mut stirred = self.stirred.get();
        let cuts_rest = stirred.stir();
        self.stirred.set(stirred);
        if cuts_rest && let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Gives memory back after each burst, for ever. `trim` frees what others of the shard keep for the next one.
    pub async fn watch(&self, trim: impl Fn()) {
        loop {
            match self.look() {
                Look::Wait => self.is_cut().await,
                Look::Rest(time) => {
                    // Ends a task, whose own turn comes during the sleep.
                    timer::release();
                    self.rest(time).await;
                }
                Look::GiveBack => {
                    buffer::release();
                    readiness::release();
                    release_encoders();
                    trim();
                    memory::give_back();
                }
            }
        }
    }

    fn look(&self) -> Look {
        let mut stirred = self.stirred.get();
        let look = stirred.look();
        self.stirred.set(stirred);
        look
    }

    /// So many connections have come or gone that the rest under way is longer than it has to be.
    async fn is_cut(&self) {
        poll_fn(|task| {
            if self.stirred.get().cuts_rest() {
                return Poll::Ready(());
            }
            *self.waiting.borrow_mut() = Some(task.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn rest(&self, time: Duration) {
        let (mut over, mut cut) = (pin!(monoio::time::sleep(time)), pin!(self.is_cut()));
        poll_fn(|task| match cut.as_mut().poll(task) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => over.as_mut().poll(task),
        })
        .await;
    }
}

/// What has to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Nothing, until a connection stirs.
    Wait,
    /// To look again after so long, or when a connection cuts that short.
    Rest(Duration),
    GiveBack,
}

/// Connections that have stirred since memory was last given back. Knows no clock: who looks has waited as he was told.
#[derive(Debug, Default, Clone, Copy)]
struct Stirred {
    count: u32,
    /// How many they were at the last look.
    seen: u32,
}

impl Stirred {
    /// Whether the next look is due at once.
    fn stir(&mut self) -> bool {
        self.count = self.count.saturating_add(1);
        self.count == self.cut()
    }

    /// The count that ends a wait, or a rest that was begun with half as many. From [`SHARD_REST_CONNECTIONS`] on a rest is as
    /// short as it gets, and nothing cuts it: a shard under load looks at its own pace.
    fn cut(self) -> u32 {
        match self.seen {
            0 => 1,
            SHARD_REST_CONNECTIONS.. => u32::MAX,
            seen => (2 * seen).min(SHARD_REST_CONNECTIONS),
        }
    }

    fn cuts_rest(self) -> bool {
        self.count >= self.cut()
    }

    fn look(&mut self) -> Look {
        if self.count == 0 {
            return Look::Wait;
        }
        if self.count == self.seen {
            *self = Self::default();
            return Look::GiveBack;
        }
        self.seen = self.count;
        Look::Rest(rest_after(self.count))
    }
}

/// How long a shard rests before it gives back what so many connections left.
fn rest_after(connections: u32) -> Duration {
    SHARD_REST_TIME_MAX / connections.clamp(1, SHARD_REST_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SHARD_REST_TIME;
    use proptest::prelude::*;

    /// A shard whose connections stir at these times, in order, until nothing is left to be done: when it looked, and when
    /// it gave memory back.
    fn run(stirs: &[Duration]) -> (Vec<Duration>, Vec<Duration>) {
        let mut stirred = Stirred::default();
        let (mut looked, mut given) = (Vec::new(), Vec::new());
        let mut due = None;
        let mut stirs = stirs.iter().copied().peekable();
        loop {
            let now = match (stirs.peek().copied(), due) {
                (Some(at), None) => at,
                (Some(at), Some(due)) if at < due => at,
                (_, Some(due)) => due,
                (None, None) => return (looked, given),
            };
            if stirs.next_if_eq(&now).is_some() && !stirred.stir() {
                continue;
            }
            looked.push(now);
            due = match stirred.look() {
                Look::Wait => None,
                Look::Rest(time) => Some(now + time),
                Look::GiveBack => {
                    given.push(now);
                    assert_eq!(stirred.look(), Look::Wait);
                    None
                }
            };
        }
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// As many connections at once.
    fn part(at: Duration, count: usize) -> Vec<Duration> {
        vec![at; count]
    }

    /// One after the other.
    fn trickle(gap: Duration, count: u32) -> Vec<Duration> {
        (0..count).map(|number| gap * number).collect()
    }

    #[test]
    fn a_burst_is_given_back_after_a_short_rest() {
        let (looked, given) = run(&part(ms(0), 10_000));
        assert_eq!(given, [2 * SHARD_REST_TIME]);
        // The first, each that doubles their number up to 64, the one that finds that more have come, and the last.
        assert_eq!(looked.len(), 7 + 2);
    }

    #[test]
    fn the_last_part_of_a_burst_with_pauses_is_given_back_too() {
        for (count, rest) in [(63, 102), (40, 160), (10, 640), (1, 6400)] {
            let (_, given) = run(&[part(ms(0), 64), part(ms(150), count)].concat());
            assert_eq!(given[0], ms(100));
            assert_eq!(given.len(), 2);
            assert!(given[1] > ms(150 + rest - 1) && given[1] <= ms(150 + 3 * rest), "{count}: {given:?}");
        }
    }

    #[test]
    fn a_trickle_has_memory_given_back_seldom_at_any_pace() {
        for gap_ms in [1, 10, 50, 99, 100, 101, 150, 200, 500, 1000, 2000, 6399, 6400, 10_000, 60_000] {
            let stirs = trickle(ms(gap_ms), 5000);
            let (_, given) = run(&stirs);
            let times = stirs.last().unwrap().div_duration_f64(SHARD_REST_TIME_MAX) as usize + 1;
            assert!(given.len() <= times, "one each {gap_ms} ms: {} times", given.len());
        }
    }

    #[test]
    fn a_shard_under_load_looks_at_its_own_pace_and_gives_nothing_back() {
        let stirs = trickle(Duration::from_micros(500), 20_000);
        let (looked, given) = run(&stirs);
        assert_eq!(given.len(), 1, "at the end: {given:?}");
        assert!(given[0] > *stirs.last().unwrap());
        assert!(looked.len() <= 7 + 100 + 2, "{} looks in ten seconds", looked.len());
    }

    proptest! {
        #[test]
        fn whatever_came_is_given_back_once_after_one_and_within_three_of_its_rests(
            gaps_ms in proptest::collection::vec(prop_oneof![Just(0_u64), 1..20_u64, 20..400_u64, 400..9000_u64], 1..100),
        ) {
            let mut at = ms(0);
            let stirs: Vec<_> = gaps_ms.iter().map(|gap| { at += ms(*gap); at }).collect();
            let (_, given) = run(&stirs);
            let mut before = None;
            for time in &given {
                let since: Vec<_> = stirs.iter().filter(|at| before.is_none_or(|before| **at > before) && *at <= time).collect();
                let last = **since.last().expect("nothing is given back for nothing");
                let rest = rest_after(u32::try_from(since.len()).unwrap());
                prop_assert!(*time >= last + rest && *time <= last + 3 * rest, "{} since {before:?}: {last:?}, {time:?}", since.len());
                before = Some(*time);
            }
            prop_assert!(given.last() > stirs.last(), "nothing stays");
        }
    }
}
