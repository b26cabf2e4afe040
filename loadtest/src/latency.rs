//! A histogram of durations: 64 steps to each doubling, so that a percentile is off by 1.6 % at most.

use std::time::Duration;

const STEP_BITS: u32 = 6;
const STEPS: usize = 1 << STEP_BITS;

/// Counts of durations.
#[derive(Debug, Clone)]
pub struct Latencies {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; 64 * STEPS], total: 0 }
    }
}

impl Latencies {
    pub fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[slot_of(nanoseconds)] += 1;
        self.total += 1;
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The duration that this share of all (0 to 1) does not exceed.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Duration {
        let wanted = ((self.total as f64) * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper_end(slot));
            }
        }
        Duration::ZERO
    }
}

fn slot_of(value: u64) -> usize {
    if value < STEPS as u64 {
        return value as usize;
    }
    let shift = value.ilog2() - STEP_BITS;
    ((shift as usize) << STEP_BITS) + (value >> shift) as usize
}

fn upper_end(slot: usize) -> u64 {
    if slot < 2 * STEPS {
        return slot as u64;
    }
    let shift = (slot >> STEP_BITS) - 1;
    let mantissa = (slot - (shift << STEP_BITS)) as u64;
    (mantissa << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_within_one_step_of_its_slot_s_end() {
        for value in (0..2_000_000).step_by(7).chain([u64::MAX / 2, u64::MAX]) {
            let end = upper_end(slot_of(value));
            assert!(end >= value && end - value <= value / STEPS as u64, "{value} in a slot that ends at {end}");
        }
    }

    #[test]
    fn percentiles_of_a_known_row() {
        let mut latencies = Latencies::default();
        for n in 1..=1000 {
            latencies.record(Duration::from_micros(n));
        }
        let near = |share: f64, micros: u64| {
            let found = latencies.percentile(share).as_micros() as u64;
            assert!(found.abs_diff(micros) <= micros / 50, "{share}: {found} for {micros}");
        };
        near(0.5, 500);
        near(0.99, 990);
        near(1.0, 1000);
        assert_eq!(latencies.total(), 1000);
        assert_eq!(Latencies::default().percentile(0.5), Duration::ZERO);
    }
}
