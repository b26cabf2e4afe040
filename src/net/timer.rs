//! Bounds on the waits of a shard's connections.
//!
//! The runtime's own timer takes 640 bytes wherever a wait may need one, and every idle connection is such a wait. Here
//! a wait takes an entry of 40 bytes once it has found nothing ready, and one for something to read on a registered socket
//! takes none: its [`Deadline`] stands with the registration. To begin a wait is to write when it is due, to end it is to
//! forget that. One task for each shard looks at a deadline when it was due by what was written first, and finds that it
//! is not, or that it is.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use super::deadline::{Deadline, NEVER, Seen};
use super::{moment, readiness};
use crate::limits::TIMER_LOOKS_MIN;

/// Entries that are allocated at once: growing neither copies nor doubles.
const CHUNK_ENTRIES: usize = 128;

/// No entry.
const NONE: u32 = u32::MAX;

/// The time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut;

impl From<TimedOut> for io::Error {
    fn from(TimedOut: TimedOut) -> Self {
        io::ErrorKind::TimedOut.into()
    }
}

/// Bounds a wait. Zero is no bound.
///
/// # Errors
/// The future's own, or `TimedOut`.
pub async fn within<T>(timeout: Duration, future: Pin<&mut impl Future<Output = io::Result<T>>>) -> io::Result<T> {
    limited(timeout, future).await?
}

/// Bounds a wait by what is left of a longer one: such lengths are as many as waits, and have no queue.
///
/// # Errors
/// As [`within`].
pub async fn within_any<T>(timeout: Duration, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    if timeout.is_zero() {
        return future.await;
    }
    Box::pin(monoio::time::timeout(timeout, future)).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}

/// The same for a future that has no errors of its own, or others.
///
/// # Errors
/// [`TimedOut`].
pub fn limited<F: Future>(timeout: Duration, future: Pin<&mut F>) -> Limited<'_, F> {
    Limited { future, timer: Timer::new(timeout) }
}

/// See [`limited`].
pub struct Limited<'f, F> {
    future: Pin<&'f mut F>,
    timer: Timer,
}

impl<F: Future> Future for Limited<'_, F> {
    type Output = Result<F::Output, TimedOut>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if self.timer.is_due(cx.waker()) => Poll::Ready(Err(TimedOut)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Waits. Seldom, and for any length: so by the runtime's own timer, which stands apart from the future that waits.
pub async fn sleep(length: Duration) {
    Box::pin(monoio::time::sleep(length)).await;
}

/// When a wait of that length is over that begins now: never too soon, though the time it begins at is rounded down.
pub(super) fn due_ms(length: Duration) -> u64 {
    let rest_ms = u64::from(length.subsec_nanos().div_ceil(1_000_000)) + 1;
    moment::now_ms().saturating_add(length.as_secs().saturating_mul(1000)).saturating_add(rest_ms)
}

/// Has the deadline of a socket's registration looked at.
pub(super) fn look_at_socket(slot: u32, look_ms: u64) {
    TIMERS.with_borrow_mut(|timers| timers.look(Whose::Socket(slot), look_ms)).obey();
}

/// One bound on one wait. It begins to run when it is first asked. Zero is no bound.
pub(super) struct Timer {
    length: Duration,
    entry: u32,
}

impl Timer {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, entry: NONE }
    }

    /// Whether the time is over. If not, `waker` is woken when it is.
    pub(super) fn is_due(&mut self, waker: &Waker) -> bool {
        if self.length.is_zero() {
            return false;
        }
        if self.entry != NONE {
            return TIMERS.with_borrow_mut(|timers| timers.is_due(self.entry, waker));
        }
        let due_ms = due_ms(self.length);
        let (entry, alarm) = TIMERS.with_borrow_mut(|timers| timers.begin(due_ms, waker.clone()));
        self.entry = entry;
        alarm.obey();
        false
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if self.entry != NONE {
            // At the end of the thread there may be none any more.
            let _ = TIMERS.try_with(|timers| timers.borrow_mut().end(self.entry));
        }
    }
}

/// Frees what the bounds of this shard took, if none runs. Both the entries and the task that fires them lie among what
/// connections take while they come and go, and would keep such pages from going back to the kernel.
pub fn release() {
    if let Some(driver) = TIMERS.with_borrow_mut(Timers::release) {
        driver.wake();
    }
}

thread_local! {
    static TIMERS: RefCell<Timers> = const { RefCell::new(Timers::new()) };
}

/// What has to be done about the task that looks.
#[must_use]
enum Alarm {
    None,
    Wake(Waker),
    Spawn,
}

impl Alarm {
    fn obey(self) {
        match self {
            Self::None => {}
            Self::Wake(driver) => driver.wake(),
            Self::Spawn => drop(monoio::spawn(drive())),
        }
    }
}

/// All bounds that run on a shard.
struct Timers {
    chunks: Vec<Box<[Entry]>>,
    /// Entries that have had a wait. The others follow.
    known_count: u32,
    /// The free one among them that had the last wait; the others follow by `next`.
    free: u32,
    /// Entries that have a wait.
    used_count: usize,
    /// When whose deadline is looked at.
    looks: BinaryHeap<Reverse<(u64, Whose)>>,
    /// If there are more, those that are in vain are taken out.
    looks_max: usize,
    /// When the driver comes by itself.
    planned_ms: u64,
    driver: Option<Waker>,
    is_driven: bool,
}

/// Where a deadline stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    /// Here.
    Entry(u32),
    /// With the registration of a socket.
    Socket(u32),
}

#[derive(Clone)]
struct Entry {
    deadline: Deadline,
    /// None once it is due.
    waker: Option<Waker>,
    next: u32,
}

const _: () = assert!(size_of::<Entry>() <= 40);

impl Timers {
    const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            known_count: 0,
            free: NONE,
            used_count: 0,
            looks: BinaryHeap::new(),
            looks_max: TIMER_LOOKS_MIN,
            planned_ms: NEVER,
            driver: None,
            is_driven: false,
        }
    }

    fn at(&mut self, entry: u32) -> &mut Entry {
        at(&mut self.chunks, entry)
    }

    fn begin(&mut self, due_ms: u64, waker: Waker) -> (u32, Alarm) {
        if self.free == NONE {
            self.make_one();
        }
        let entry = self.free;
        let taken = self.at(entry);
        taken.waker = Some(waker);
        let is_sooner = taken.deadline.begin(due_ms);
        self.free = taken.next;
        self.used_count += 1;
        let alarm = if is_sooner { self.look(Whose::Entry(entry), due_ms) } else { Alarm::None };
        (entry, alarm)
    }

    /// Makes an entry free that has had no wait.
    fn make_one(&mut self) {
        if self.known_count as usize == self.chunks.len() * CHUNK_ENTRIES {
            let new = Entry { deadline: Deadline::default(), waker: None, next: NONE };
            self.chunks.push(vec![new; CHUNK_ENTRIES].into_boxed_slice());
        }
        self.free = self.known_count;
        self.known_count += 1;
    }

    /// Arranges a look.
    fn look(&mut self, whose: Whose, look_ms: u64) -> Alarm {
        if self.looks.len() >= self.looks_max {
            self.tidy();
        }
        self.looks.push(Reverse((look_ms, whose)));
        let is_sooner = look_ms < self.planned_ms;
        match self.driver.take_if(|_| is_sooner) {
            _ if !std::mem::replace(&mut self.is_driven, true) => Alarm::Spawn,
            Some(driver) => Alarm::Wake(driver),
            None => Alarm::None,
        }
    }

    /// Takes out the looks that would be in vain.
    fn tidy(&mut self) {
        let Self { looks, chunks, .. } = self;
        looks.retain(|Reverse((look_ms, whose))| match *whose {
            Whose::Entry(entry) => at(chunks, entry).deadline.needs(*look_ms),
            Whose::Socket(slot) => readiness::needs_look(slot, *look_ms),
        });
        self.looks_max = TIMER_LOOKS_MIN.max(2 * self.looks.len());
    }

    fn is_due(&mut self, entry: u32, waker: &Waker) -> bool {
        let Some(known) = &mut self.at(entry).waker else { return true };
        known.clone_from(waker);
        false
    }

    /// Nobody waits for this one any more.
    fn end(&mut self, entry: u32) {
        let free = std::mem::replace(&mut self.free, entry);
        let ended = self.at(entry);
        ended.deadline.end();
        ended.waker = None;
        ended.next = free;
        self.used_count -= 1;
    }

    /// Frees all entries, if no wait has one. The driver to be woken, which then ends.
    fn release(&mut self) -> Option<Waker> {
        if self.used_count > 0 {
            return None;
        }
        self.tidy();
        self.looks.shrink_to_fit();
        (self.chunks, self.known_count, self.free) = (Vec::new(), 0, NONE);
        self.driver.take()
    }

    /// Whom to wake, and when to look again.
    fn fire(&mut self, now_ms: u64) -> (Vec<Waker>, Option<u64>) {
        let mut due = Vec::new();
        while let Some(&Reverse((look_ms, whose))) = self.looks.peek() {
            let (seen, waker) = match whose {
                Whose::Entry(entry) => {
                    let Entry { deadline, waker, .. } = self.at(entry);
                    match deadline.look(look_ms, now_ms) {
                        Seen::Due => (Seen::Due, waker.take()),
                        seen => (seen, None),
                    }
                }
                Whose::Socket(slot) => readiness::look(slot, look_ms, now_ms),
            };
            if seen == Seen::TooSoon {
                break;
            }
            self.looks.pop();
            if let Seen::Later(due_ms) = seen {
                self.looks.push(Reverse((due_ms, whose)));
            }
            due.extend(waker);
        }
        let next_ms = self.looks.peek().map(|Reverse((look_ms, _))| *look_ms);
        self.planned_ms = next_ms.unwrap_or(NEVER);
        (due, next_ms)
    }
}

fn at(chunks: &mut [Box<[Entry]>], entry: u32) -> &mut Entry {
    &mut chunks[entry as usize / CHUNK_ENTRIES][entry as usize % CHUNK_ENTRIES]
}

/// Fires the timers of the calling thread, until it finds that none is left.
async fn drive() {
    let _driving = Driving;
    let mut sleep = pin!(monoio::time::sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let (due, next, is_over) = TIMERS.with_borrow_mut(|timers| {
                let now_ms = moment::now_ms();
                timers.driver = Some(cx.waker().clone());
                let (due, next_ms) = timers.fire(now_ms);
                (due, next_ms.map(|next_ms| Duration::from_millis(next_ms - now_ms)), timers.used_count == 0)
            });
            due.into_iter().for_each(Waker::wake);
            let Some(next) = next else { return if is_over { Poll::Ready(()) } else { Poll::Pending } };
            sleep.as_mut().reset(monoio::time::Instant::now() + next);
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}

/// With the runtime that it was spawned on, the task ends too: the next one gets another.
struct Driving;

impl Drop for Driving {
    fn drop(&mut self) {
        let _ = TIMERS.try_with(|timers| {
            let mut timers = timers.borrow_mut();
            timers.is_driven = false;
            timers.driver = None;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn begin(timers: &mut Timers, due_ms: u64) -> u32 {
        let (entry, _alarm) = timers.begin(due_ms, Waker::noop().clone());
        entry
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn waits_end_when_they_are_due_and_not_before() {
        let mut timers = Timers::new();
        let long = begin(&mut timers, 100);
        let short = begin(&mut timers, 16);
        assert_eq!(timers.fire(15).1, Some(16));
        assert!(!timers.is_due(short, Waker::noop()));
        let (due, next) = timers.fire(16);
        assert_eq!((due.len(), next), (1, Some(100)));
        assert!(timers.is_due(short, Waker::noop()) && !timers.is_due(long, Waker::noop()));
        timers.end(short);
        timers.end(long);
        let (due, next) = timers.fire(1000);
        assert!(due.is_empty() && next.is_none());
    }

    #[test]
    fn a_length_is_never_too_short() {
        moment::during(|| {
            let now_ms = moment::now_ms();
            assert_eq!([ms(1), Duration::from_nanos(1)].map(due_ms), [now_ms + 2; 2]);
            assert_eq!(due_ms(Duration::from_millis(1500)), now_ms + 1501);
            assert_eq!(due_ms(Duration::MAX), NEVER);
        });
    }

    #[test]
    fn a_wait_after_another_only_writes_when_it_is_due() {
        let mut timers = Timers::new();
        for now_ms in (0..1000).step_by(10) {
            let entry = begin(&mut timers, now_ms + 1000);
            assert_eq!((entry, timers.looks.len()), (0, 1));
            if now_ms < 990 {
                timers.end(entry);
            }
        }
        assert_eq!(timers.fire(999).1, Some(1990), "it was looked at when the first would have been due");
        assert_eq!(timers.fire(1989).0.len(), 0);
        assert_eq!(timers.fire(1990).0.len(), 1);
    }

    #[test]
    fn looks_in_vain_do_not_pile_up() {
        let mut timers = Timers::new();
        for due_ms in (0..100 * TIMER_LOOKS_MIN as u64).rev() {
            let entry = begin(&mut timers, due_ms);
            assert!(timers.looks.len() <= TIMER_LOOKS_MIN);
            timers.end(entry);
        }
    }

    #[test]
    fn a_wait_is_bounded_and_a_ready_one_starts_nothing() {
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap();
        runtime.block_on(async {
            let mut ready = pin!(async { io::Result::Ok(7) });
            assert_eq!(within(ms(1), ready.as_mut()).await.unwrap(), 7);
            assert!(TIMERS.with_borrow(|timers| timers.chunks.is_empty()));
            for _ in 0..2 {
                let mut never = pin!(std::future::pending::<io::Result<()>>());
                let error = within(ms(1), never.as_mut()).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            }
        });
    }

    #[test]
    fn what_nobody_waits_for_is_freed() {
        let mut timers = Timers::new();
        let entries: Vec<u32> = (0..3 * CHUNK_ENTRIES).map(|_| begin(&mut timers, 2)).collect();
        let (last, others) = entries.split_last().unwrap();
        others.iter().for_each(|entry| timers.end(*entry));
        timers.release();
        assert_eq!(timers.chunks.len(), 3, "one still waits");
        timers.end(*last);
        timers.release();
        assert_eq!(timers.chunks.len(), 0);
        let entry = begin(&mut timers, 2);
        assert_eq!((entry, timers.fire(9).0.len()), (0, 1));
    }

    #[test]
    fn a_wait_after_the_driver_has_ended_is_bounded_too() {
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap();
        runtime.block_on(async {
            for _ in 0..3 {
                let mut never = pin!(std::future::pending::<io::Result<()>>());
                assert!(within(ms(1), never.as_mut()).await.is_err());
                release();
                // The driver has its turn.
                monoio::time::sleep(ms(1)).await;
                assert!(TIMERS.with_borrow(|timers| !timers.is_driven && timers.chunks.is_empty()));
            }
        });
    }

    proptest! {
        /// Against a list of all that run.
        #[test]
        fn any_order_of_beginnings_and_ends_fires_what_is_due(steps in proptest::collection::vec((0..4u8, 0..40u64), 1..300)) {
            let mut timers = Timers::new();
            let mut running: Vec<(u32, u64)> = Vec::new();
            let mut now = 0;
            for (step, n) in steps {
                match step {
                    0 | 1 => {
                        let due_ms = now + 1 + n % 3 * 7;
                        running.push((begin(&mut timers, due_ms), due_ms));
                    }
                    2 if !running.is_empty() => {
                        let (entry, _) = running.swap_remove(n as usize % running.len());
                        timers.end(entry);
                    }
                    _ => now += n,
                }
                let (due, next) = timers.fire(now);
                let ended: Vec<(u32, u64)> = running.iter().copied().filter(|(_, due)| *due <= now).collect();
                running.retain(|(_, due)| *due > now);
                prop_assert_eq!(due.len(), ended.len());
                let first = running.iter().map(|(_, due)| *due).min();
                prop_assert!(next.is_none_or(|next| next > now));
                prop_assert!(first.is_none_or(|first| next.is_some_and(|next| next <= first)));
                for (entry, _) in ended {
                    prop_assert!(timers.is_due(entry, Waker::noop()));
                    timers.end(entry);
                }
            }
        }
    }
}
