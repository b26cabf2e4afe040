//! Latencies in nanoseconds with three digits, and the text in which a process hands them over.
//!
//! Knows no clock. Omission is corrected where it arises: at a rate, a latency counts from when the message was due.

use hdrhistogram::Histogram;

/// Beyond this all latencies are alike.
const LATENCY_NS_MAX: u64 = 120_000_000_000;
const DIGITS: u8 = 3;

#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(100, LATENCY_NS_MAX, DIGITS);
        Self(histogram.expect("bounds and digits are constants within the crate's limits"))
    }
}

impl Latencies {
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    pub fn reset(&mut self) {
        self.0.reset();
    }

    /// `share` of 0 to 100.
    pub fn percentile_us(&self, share: f64) -> f64 {
        self.0.value_at_percentile(share) as f64 / 1e3
    }

    pub fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }

    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }

    /// `value:count,…` in rising order; empty when nothing was recorded.
    pub fn to_text(&self) -> String {
        let pairs =
            self.0.iter_recorded().map(|step| format!("{}:{}", step.value_iterated_to(), step.count_at_value()));
        pairs.collect::<Vec<_>>().join(",")
    }

    pub fn from_text(text: &str) -> Result<Self, String> {
        let mut latencies = Self::default();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let numbers =
                pair.split_once(':').and_then(|(value, count)| Some((value.parse().ok()?, count.parse().ok()?)));
            let (value, count) = numbers.ok_or_else(|| format!("`{pair}` is no value with its count"))?;
            latencies.0.saturating_record_n(value, count);
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_keep_three_digits() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|n| latencies.record(n * 1000));
        assert!((latencies.percentile_us(50.0) - 500.0).abs() < 1.0);
        assert!((latencies.percentile_us(99.0) - 990.0).abs() < 1.0);
        assert!((latencies.max_us() - 1000.0).abs() < 1.0);
        assert_eq!(latencies.count(), 1000);
    }

    #[test]
    fn text_carries_all_and_adds_up() {
        let mut one = Latencies::default();
        [1_000, 2_000_000, u64::MAX].iter().for_each(|ns| one.record(*ns));
        let mut two = Latencies::from_text(&one.to_text()).unwrap();
        assert_eq!(two.to_text(), one.to_text());
        two.add(&one);
        assert_eq!(two.count(), 6);
        assert_eq!(Latencies::from_text("").unwrap().count(), 0);
        assert!(Latencies::from_text("5").is_err());
    }
}
