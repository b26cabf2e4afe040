//! How far each key is above its rate: a bucket that leaks, in thousandths of a request.

use std::hash::RandomState;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::lru::Lru;
use super::{Refused, lane_count, lane_of};

/// One request.
const ONE: u64 = 1000;

/// The keys of a `limit_req_zone`.
pub struct Requests {
    hasher: RandomState,
    lanes: Box<[Mutex<Lru<Bucket>>]>,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    excess: u64,
    last: Instant,
}

impl Bucket {
    /// What is in it with one more request.
    fn with_one(self, rate: u64, now: Instant) -> u64 {
        let ms = now.saturating_duration_since(self.last).as_millis();
        let leaked = u64::try_from(ms).unwrap_or(u64::MAX).saturating_mul(rate) / 1000;
        (self.excess + ONE).saturating_sub(leaked)
    }
}

impl Requests {
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let count = lane_count(bytes_max);
        let lanes = (0..count).map(|_| Mutex::new(Lru::new(bytes_max / count))).collect();
        Self { hasher: RandomState::new(), lanes }
    }

    /// How far above its rate a key would be with one more request, which is not counted.
    ///
    /// # Errors
    /// That is more than `burst`.
    pub fn look(&self, key: &[u8], rate: u64, burst: u64, now: Instant) -> Result<u64, Refused> {
        let lane = self.lane(key);
        let excess = lane.peek(key).map_or(0, |bucket| bucket.with_one(rate, now));
        if excess > burst { Err(Refused::Limit { excess }) } else { Ok(excess) }
    }

    /// Counts a request, unless the key would be too far above its rate; how far it is now.
    ///
    /// # Errors
    /// It would be more than `burst`, or there is no memory.
    pub fn take(&self, key: &[u8], rate: u64, burst: u64, now: Instant) -> Result<u64, Refused> {
        let mut lane = self.lane(key);
        let mut is_new = false;
        let fresh = || {
            is_new = true;
            Bucket { excess: 0, last: now }
        };
        let bucket = lane.touch(key, fresh).ok_or(Refused::Full)?;
        if is_new {
            return Ok(0);
        }
        let excess = bucket.with_one(rate, now);
        if excess > burst {
            return Err(Refused::Limit { excess });
        }
        bucket.excess = excess;
        bucket.last = bucket.last.max(now);
        Ok(excess)
    }

    fn lane(&self, key: &[u8]) -> MutexGuard<'_, Lru<Bucket>> {
        // A poisoned list could be half linked, but nothing inside the lock panics.
        self.lanes[lane_of(&self.hasher, key, self.lanes.len())].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
