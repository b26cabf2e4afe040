//! What could not be logged: counted, and told now and then, since a log that fails would fill the others.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::LOG_FAILURE_INTERVAL;

/// Losses of one log.
#[derive(Debug, Default)]
pub struct Losses {
    total: AtomicU64,
    /// Second in which they were last told.
    told_at: AtomicU64,
}

impl Losses {
    /// Adds bytes or lines at a second since 1970. Whether they should be told.
    #[must_use]
    pub fn add(&self, count: u64, now: u64) -> bool {
        self.total.fetch_add(count, Ordering::Relaxed);
        let last = self.told_at.load(Ordering::Relaxed);
        let is_due = last == 0 || now.saturating_sub(last) >= LOG_FAILURE_INTERVAL.as_secs();
        // Of several threads the one that changes it tells.
        is_due && self.told_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Since the log was opened.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_at_once_and_then_rarely() {
        let losses = Losses::default();
        assert_eq!(
            [100, 100, 101, 159, 160, 161].map(|now| losses.add(2, now)),
            [true, false, false, false, true, false]
        );
        assert_eq!(losses.total(), 12);
    }
}
