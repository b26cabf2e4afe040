//! Coarse time in four bytes. Pure.

use std::time::Duration;

use crate::limits;

/// Milliseconds since the engine was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

const TICK_MS: u64 = 10;

impl Moment {
    /// Coarse time in four bytes, for [`between`].
    pub fn ticks(self) -> u32 {
        (self.0 / TICK_MS) as u32
    }
}

/// Time between two ticks. They wrap after 497 days: half of that is the longest time told apart from none.
pub fn between(earlier: u32, later: u32) -> Duration {
    let ticks = later.wrapping_sub(earlier);
    if ticks > u32::MAX / 2 { Duration::ZERO } else { length(ticks) }
}

/// So many ticks as time.
pub fn length(ticks: u32) -> Duration {
    Duration::from_millis(u64::from(ticks) * TICK_MS)
}

/// A length of time in ticks, never shorter.
pub const fn ticks(length: Duration) -> u32 {
    let ticks = length.as_millis().div_ceil(TICK_MS as u128);
    if ticks > u32::MAX as u128 { u32::MAX } else { ticks as u32 }
}

/// Between two looks a time goes on by no more.
pub const LOOK_TICKS: u32 = ticks(limits::TUNNEL_LOOK_TIME_MAX);

/// What is longer ago than any setting asks is just that long ago, and stays in the clock's range up to the next look.
pub fn in_range(since: u32, now: Moment) -> u32 {
    match between(since, now.ticks()) > limits::TUNNEL_TIME_MAX {
        true => now.ticks().wrapping_sub(ticks(limits::TUNNEL_TIME_MAX)),
        false => since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_ticks_never_goes_backwards() {
        assert_eq!(between(Moment(1_000).ticks(), Moment(2_550).ticks()), Duration::from_millis(1_550));
        assert_eq!(between(5, 4), Duration::ZERO);
        assert_eq!(between(u32::MAX, 99), Duration::from_secs(1));
    }
}
