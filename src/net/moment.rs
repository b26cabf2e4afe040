//! The present, as a shard's tasks see it: one reading of the clock for each time that a task runs.
//!
//! An exchange asks for the time a dozen times and runs for some microseconds between two waits, so one answer is good
//! for all of them. Moving many bytes takes long enough to ask again, see [`passes`].

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Instant;

use crate::limits::MOMENT_BYTES_MAX;

thread_local! {
    static PRESENT: Cell<Present> = const { Cell::new(Present::Flows) };
}

/// What is known of the present.
#[derive(Clone, Copy)]
enum Present {
    /// No task runs that is taken to need no time: the clock is read each time.
    Flows,
    /// One runs, and has asked for the time or not.
    Stands(Option<Instant>),
}

/// Runs a task until it waits. The time stands still for it.
pub fn during<T>(run: impl FnOnce() -> T) -> T {
    /// Also if it panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            PRESENT.set(Present::Flows);
        }
    }
    let _end = End;
    PRESENT.set(Present::Stands(None));
    run()
}

/// The time.
#[must_use]
pub fn now() -> Instant {
    match PRESENT.get() {
        Present::Flows => Instant::now(),
        Present::Stands(Some(now)) => now,
        Present::Stands(None) => {
            let now = Instant::now();
            PRESENT.set(Present::Stands(Some(now)));
            now
        }
    }
}

/// The time as milliseconds since the process first asked so, rounded down.
#[must_use]
pub fn now_ms() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let passed = now().saturating_duration_since(*START);
    passed.as_secs() * 1000 + u64::from(passed.subsec_millis())
}

/// So many bytes have been moved at once: if they are many, the time is another.
pub fn passes(bytes: usize) {
    if bytes >= MOMENT_BYTES_MAX && matches!(PRESENT.get(), Present::Stands(Some(_))) {
        PRESENT.set(Present::Stands(None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the clock goes on.
    fn later(than: Instant) -> Instant {
        loop {
            let now = Instant::now();
            if now > than {
                return now;
            }
        }
    }

    #[test]
    fn the_time_stands_while_a_task_runs() {
        let before = Instant::now();
        let (first, second) = during(|| {
            let first = now();
            later(first);
            (first, now())
        });
        assert_eq!(first, second);
        assert!(first >= before);
        let after = now();
        assert!(after > first);
        assert!(now() > after || later(after) > after);
        assert!(during(now) > first);
    }

    #[test]
    fn many_bytes_take_their_time() {
        during(|| {
            let first = now();
            later(first);
            passes(MOMENT_BYTES_MAX - 1);
            assert_eq!(now(), first);
            passes(MOMENT_BYTES_MAX);
            assert!(now() > first);
        });
    }

    #[test]
    fn a_panic_ends_it() {
        let broken = std::panic::catch_unwind(|| during(|| assert!(now() < now(), "the same")));
        assert!(broken.is_err());
        let first = now();
        later(first);
        assert!(now() > first);
    }
}
