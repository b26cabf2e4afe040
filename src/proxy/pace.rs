//! How long reading pauses so that a rate of bytes is kept. The first second's bytes are free, as in nginx.

use std::time::{Duration, Instant};

/// What is free of any pause.
const FREE: Duration = Duration::from_secs(1);

/// One answer that is read at a rate.
pub struct Pace {
    bytes_per_second: f64,
    began: Instant,
    bytes: u64,
}

impl Pace {
    /// A rate in digits, with `k` or `m` if a variable gave it so; `None` for none, 0 and what is no rate.
    #[must_use]
    pub fn new(rate: &[u8]) -> Option<Self> {
        let rate = rate.to_ascii_lowercase();
        let (digits, factor) = match rate.split_last() {
            Some((b'k', digits)) => (digits, 1 << 10),
            Some((b'm', digits)) => (digits, 1 << 20),
            Some(_) | None => (rate.as_slice(), 1),
        };
        let number: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let bytes_per_second = f64::from(number) * f64::from(factor);
        (number > 0).then(|| Self { bytes_per_second, began: Instant::now(), bytes: 0 })
    }

    /// Counts bytes, and says how long nothing may be read after them.
    pub fn pause_after(&mut self, bytes: usize) -> Option<Duration> {
        self.bytes += bytes as u64;
        self.pause_at(self.began.elapsed())
    }

    fn pause_at(&self, elapsed: Duration) -> Option<Duration> {
        let due = Duration::try_from_secs_f64(self.bytes as f64 / self.bytes_per_second).ok()?;
        due.checked_sub(elapsed + FREE).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_the_first_second_wait_for_theirs() {
        let mut pace = Pace::new(b"1k").unwrap();
        pace.bytes = 1024;
        assert_eq!(pace.pause_at(Duration::ZERO), None);
        pace.bytes = 3072;
        assert_eq!(pace.pause_at(Duration::ZERO), Some(Duration::from_secs(2)));
        assert_eq!(pace.pause_at(Duration::from_millis(500)), Some(Duration::from_millis(1500)));
        assert_eq!(pace.pause_at(Duration::from_secs(2)), None);
    }

    #[test]
    fn what_is_no_rate_limits_nothing() {
        for rate in [b"".as_slice(), b"0", b"k", b"fast", b"-1"] {
            assert!(Pace::new(rate).is_none());
        }
    }
}
