//! Bounds on the waits of a shard's connections.
//!
//! The runtime's own timer takes 640 bytes wherever a wait may need one, and every idle connection is such a wait. Here
//! a wait takes an entry of 40 bytes once it has found nothing ready, and a few list operations. Waits of one length end
//! in the order they began, so each length has a queue; a configuration has few lengths. One task for each shard sleeps
//! until the first of them is due.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant};

use super::moment;
use crate::limits::TIMER_LENGTHS_KEPT;

/// Entries that are allocated at once: growing neither copies nor doubles.
const CHUNK_ENTRIES: usize = 128;

/// No entry, or no queue.
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
    Limited { future, timer: Timer { length: timeout, entry: NONE } }
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

/// One bound on one wait. It begins to run when it is first asked.
struct Timer {
    length: Duration,
    entry: u32,
}

impl Timer {
    fn is_due(&mut self, waker: &Waker) -> bool {
        if self.length.is_zero() {
            return false;
        }
        if self.entry != NONE {
            return TIMERS.with_borrow_mut(|timers| timers.is_due(self.entry, waker));
        }
        let (entry, alarm) = TIMERS.with_borrow_mut(|timers| timers.begin(self.length, waker.clone()));
        self.entry = entry;
        match alarm {
            Alarm::None => {}
            Alarm::Wake(driver) => driver.wake(),
            Alarm::Spawn => drop(monoio::spawn(drive())),
        }
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
    static TIMERS: RefCell<Timers> = RefCell::new(Timers::new(Instant::now()));
}

/// What has to be done about the task that fires timers.
enum Alarm {
    None,
    Wake(Waker),
    Spawn,
}

/// All bounds that run on a shard.
struct Timers {
    started: Instant,
    queues: Vec<Queue>,
    chunks: Vec<Box<[Entry]>>,
    /// The first free entry; the others follow by `next`.
    free: u32,
    /// Entries that are not.
    used_count: usize,
    /// When the driver comes by itself.
    planned_ms: u64,
    driver: Option<Waker>,
    is_driven: bool,
}

/// The waits of one length, in the order they end.
struct Queue {
    length: Duration,
    /// The length from beginnings that are rounded down: never too short. Kept, since it takes a division of 128 bits.
    length_ms: u64,
    first: u32,
    last: u32,
}

#[derive(Clone)]
struct Entry {
    due_ms: u64,
    /// `NONE` once it is due.
    queue: u32,
    previous: u32,
    next: u32,
    waker: Option<Waker>,
}

impl Queue {
    fn new(length: Duration) -> Self {
        let length_ms = u64::try_from(length.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Self { length, length_ms: length_ms.saturating_add(1), first: NONE, last: NONE }
    }
}

impl Timers {
    fn new(started: Instant) -> Self {
        Self {
            started,
            queues: Vec::new(),
            chunks: Vec::new(),
            free: NONE,
            used_count: 0,
            planned_ms: u64::MAX,
            driver: None,
            is_driven: false,
        }
    }

    fn now_ms(&self) -> u64 {
        self.ms_at(Instant::now())
    }

    fn ms_at(&self, time: Instant) -> u64 {
        let passed = time.duration_since(self.started);
        passed.as_secs() * 1000 + u64::from(passed.subsec_millis())
    }

    fn at(&mut self, entry: u32) -> &mut Entry {
        &mut self.chunks[entry as usize / CHUNK_ENTRIES][entry as usize % CHUNK_ENTRIES]
    }

    /// Begins a wait now.
    fn begin(&mut self, length: Duration, waker: Waker) -> (u32, Alarm) {
        let now_ms = self.ms_at(moment::now());
        let entry = self.insert(length, now_ms, waker);
        let due_ms = self.at(entry).due_ms;
        let alarm = match self.driver.take() {
            _ if !self.is_driven => Alarm::Spawn,
            Some(driver) if due_ms < self.planned_ms => Alarm::Wake(driver),
            driver => {
                self.driver = driver;
                Alarm::None
            }
        };
        self.is_driven = true;
        (entry, alarm)
    }

    fn insert(&mut self, length: Duration, now_ms: u64, waker: Waker) -> u32 {
        let queue = self.queue(length);
        let due_ms = now_ms.saturating_add(self.queues[queue as usize].length_ms);
        if self.free == NONE {
            self.grow();
        }
        let entry = self.free;
        let last = std::mem::replace(&mut self.queues[queue as usize].last, entry);
        match last {
            NONE => self.queues[queue as usize].first = entry,
            last => self.at(last).next = entry,
        }
        let taken = self.at(entry);
        let free = taken.next;
        *taken = Entry { due_ms, queue, previous: last, next: NONE, waker: Some(waker) };
        self.free = free;
        self.used_count += 1;
        entry
    }

    fn grow(&mut self) {
        let from = self.chunks.len() * CHUNK_ENTRIES;
        let free = |next: usize| Entry {
            due_ms: 0,
            queue: NONE,
            previous: NONE,
            next: u32::try_from(next).unwrap_or(NONE),
            waker: None,
        };
        let mut chunk: Vec<Entry> = (from + 1..=from + CHUNK_ENTRIES).map(free).collect();
        if let Some(last) = chunk.last_mut() {
            last.next = self.free;
        }
        self.free = u32::try_from(from).unwrap_or(NONE);
        self.chunks.push(chunk.into_boxed_slice());
    }

    /// The queue of a length. One that nobody waits in makes room for a new length where there are many.
    fn queue(&mut self, length: Duration) -> u32 {
        let found = self.queues.iter().position(|queue| queue.length == length).or_else(|| {
            let has_many = self.queues.len() >= TIMER_LENGTHS_KEPT;
            let unused = self.queues.iter().position(|queue| has_many && queue.first == NONE)?;
            self.queues[unused] = Queue::new(length);
            Some(unused)
        });
        let at = found.unwrap_or_else(|| {
            self.queues.push(Queue::new(length));
            self.queues.len() - 1
        });
        u32::try_from(at).unwrap_or(NONE)
    }

    fn is_due(&mut self, entry: u32, waker: &Waker) -> bool {
        let entry = self.at(entry);
        if entry.queue == NONE {
            return true;
        }
        if !entry.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            entry.waker = Some(waker.clone());
        }
        false
    }

    /// Nobody waits for this one any more.
    fn end(&mut self, entry: u32) {
        self.unlink(entry);
        self.used_count -= 1;
        let free = std::mem::replace(&mut self.free, entry);
        let ended = self.at(entry);
        ended.waker = None;
        ended.next = free;
    }

    fn unlink(&mut self, entry: u32) {
        let Entry { queue, previous, next, .. } = *self.at(entry);
        if queue == NONE {
            return;
        }
        self.at(entry).queue = NONE;
        match previous {
            NONE => self.queues[queue as usize].first = next,
            previous => self.at(previous).next = next,
        }
        match next {
            NONE => self.queues[queue as usize].last = previous,
            next => self.at(next).previous = previous,
        }
    }

    /// Frees all entries, if no wait has one. The driver to be woken, which then ends.
    fn release(&mut self) -> Option<Waker> {
        if self.used_count > 0 {
            return None;
        }
        self.chunks = Vec::new();
        self.free = NONE;
        self.driver.take()
    }

    /// Takes out what is due, and says when the next one will be.
    fn fire(&mut self, now_ms: u64) -> (Vec<Waker>, Option<u64>) {
        let (mut due, mut next_ms) = (Vec::new(), None);
        for queue in 0..self.queues.len() {
            loop {
                let first = self.queues[queue].first;
                if first == NONE {
                    break;
                }
                let due_ms = self.at(first).due_ms;
                if due_ms > now_ms {
                    next_ms = Some(next_ms.map_or(due_ms, |next: u64| next.min(due_ms)));
                    break;
                }
                self.unlink(first);
                due.extend(self.at(first).waker.take());
            }
        }
        self.planned_ms = next_ms.unwrap_or(u64::MAX);
        (due, next_ms)
    }
}

/// Fires the timers of the calling thread, until it finds that none is left.
async fn drive() {
    let _driving = Driving;
    let mut sleep = pin!(monoio::time::sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let (due, next, is_over) = TIMERS.with_borrow_mut(|timers| {
                let now_ms = timers.now_ms();
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

    fn timers() -> Timers {
        Timers::new(Instant::now())
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn waits_end_when_they_are_due_and_not_before() {
        let mut timers = timers();
        let long = timers.insert(ms(100), 0, Waker::noop().clone());
        let short = timers.insert(ms(10), 5, Waker::noop().clone());
        assert_eq!(timers.fire(15).1, Some(16));
        assert!(!timers.is_due(short, Waker::noop()));
        let (due, next) = timers.fire(16);
        assert_eq!((due.len(), next), (1, Some(101)));
        assert!(timers.is_due(short, Waker::noop()) && !timers.is_due(long, Waker::noop()));
        timers.end(short);
        timers.end(long);
        let (due, next) = timers.fire(1000);
        assert!(due.is_empty() && next.is_none());
    }

    #[test]
    fn a_length_nobody_waits_for_makes_room() {
        let mut timers = timers();
        for n in 0..10 * TIMER_LENGTHS_KEPT as u64 {
            let entry = timers.insert(ms(n), 0, Waker::noop().clone());
            timers.end(entry);
        }
        assert_eq!(timers.queues.len(), TIMER_LENGTHS_KEPT);
        assert_eq!(timers.chunks.len(), 1);
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
        let mut timers = timers();
        let entries: Vec<u32> =
            (0..3 * CHUNK_ENTRIES).map(|_| timers.insert(ms(1), 0, Waker::noop().clone())).collect();
        let (last, others) = entries.split_last().unwrap();
        others.iter().for_each(|entry| timers.end(*entry));
        timers.release();
        assert_eq!(timers.chunks.len(), 3, "one still waits");
        timers.end(*last);
        timers.release();
        assert_eq!(timers.chunks.len(), 0);
        let entry = timers.insert(ms(1), 0, Waker::noop().clone());
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
            let mut timers = timers();
            let mut running: Vec<(u32, u64)> = Vec::new();
            let mut now = 0;
            for (step, n) in steps {
                match step {
                    0 | 1 => {
                        let entry = timers.insert(ms(1 + n % 3 * 7), now, Waker::noop().clone());
                        running.push((entry, now + 1 + 1 + n % 3 * 7));
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
                prop_assert_eq!(next, running.iter().map(|(_, due)| *due).min());
                for (entry, _) in ended {
                    prop_assert!(timers.is_due(entry, Waker::noop()));
                    timers.end(entry);
                }
            }
        }
    }
}
