//! How many bytes may move now so that a rate is kept: as in nginx, those of a second at its begin. Pure but for the clock.

use std::time::{Duration, Instant};

/// One body that moves at a rate.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    bytes_per_second: u64,
    /// Bytes that move before the rate acts.
    free_bytes: u64,
    began: Instant,
}

impl Pace {
    /// `None` for a rate of 0, which is no limit.
    #[must_use]
    pub fn new(bytes_per_second: u64, free_bytes: u64, began: Instant) -> Option<Self> {
        (bytes_per_second > 0).then_some(Self { bytes_per_second, free_bytes, began })
    }

    /// Bytes that may move now, when so many have; or how long to wait for the next one.
    ///
    /// # Errors
    /// The time to wait.
    pub fn room(&self, moved: u64) -> Result<u64, Duration> {
        self.room_at(moved, self.began.elapsed())
    }

    fn room_at(&self, moved: u64, elapsed: Duration) -> Result<u64, Duration> {
        let limited = moved.saturating_sub(self.free_bytes);
        let begun = elapsed.as_secs().saturating_add(1).saturating_mul(self.bytes_per_second);
        match begun.saturating_add(self.free_bytes).saturating_sub(moved) {
            0 => Err(Duration::from_secs(limited / self.bytes_per_second).saturating_sub(elapsed)),
            room => Ok(room),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(moved: u64, ms: u64) -> Result<u64, u128> {
        let pace = Pace::new(1000, 100, Instant::now()).unwrap();
        pace.room_at(moved, Duration::from_millis(ms)).map_err(|wait| wait.as_millis())
    }

    #[test]
    fn each_second_has_its_bytes_and_the_free_ones_come_before() {
        assert_eq!(at(0, 0), Ok(1100));
        assert_eq!(at(1099, 999), Ok(1));
        assert_eq!(at(1100, 0), Err(1000));
        assert_eq!(at(1100, 400), Err(600));
        assert_eq!(at(1100, 1000), Ok(1000));
        assert_eq!(at(3600, 1200), Err(1800));
        assert_eq!(at(100, 5000), Ok(6000));
    }

    #[test]
    fn no_rate_is_no_limit_and_a_large_one_does_not_overflow() {
        assert!(Pace::new(0, 0, Instant::now()).is_none());
        let pace = Pace::new(u64::MAX, u64::MAX, Instant::now()).unwrap();
        assert_eq!(pace.room_at(1, Duration::from_secs(3)), Ok(u64::MAX - 1));
    }
}
