//! Whether two samples differ by more than chance: the rank test of Mann and Whitney, two-sided.
//!
//! Exact by counting for the few rounds a comparison has, ties included; by the normal curve for many.

/// Above this many values in both samples together the normal curve is used.
const EXACT_VALUES_MAX: usize = 20;

/// The chance of a difference at least this large if both samples were of one kind. `None` when a sample is empty.
pub fn p_value(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let ranks = ranks(a, b);
    let observed: f64 = ranks[..a.len()].iter().sum();
    let expected = a.len() as f64 * (ranks.len() + 1) as f64 / 2.0;
    let distance = (observed - expected).abs();
    if ranks.len() <= EXACT_VALUES_MAX {
        return Some(exact(&ranks, a.len(), expected, distance));
    }
    Some(by_normal_curve(&ranks, a.len(), b.len(), distance))
}

/// The least chance that samples of these sizes can show.
pub fn least_p_value(a: usize, b: usize) -> f64 {
    let ways = (1..=a).fold(1.0, |ways, n| ways * (b + n) as f64 / n as f64);
    (2.0 / ways).min(1.0)
}

/// Ranks of `a` and then of `b` among both; equal values share the mean of their ranks.
fn ranks(a: &[f64], b: &[f64]) -> Vec<f64> {
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let rank = |value: &f64| {
        let below = all.iter().filter(|other| *other < value).count();
        let equal = all.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 + 1.0) / 2.0
    };
    all.iter().map(rank).collect()
}

/// The share of all choices of `chosen` ranks whose sum is as far from the expected one. Ranks are halves at the finest,
/// so twice their sums are whole and index a table.
fn exact(ranks: &[f64], chosen: usize, expected: f64, distance: f64) -> f64 {
    let doubled: Vec<usize> = ranks.iter().map(|rank| (rank * 2.0).round() as usize).collect();
    let sum_max: usize = doubled.iter().sum();
    let mut ways = vec![vec![0.0f64; sum_max + 1]; chosen + 1];
    ways[0][0] = 1.0;
    for rank in doubled {
        for count in (1..=chosen).rev() {
            for sum in (rank..=sum_max).rev() {
                ways[count][sum] += ways[count - 1][sum - rank];
            }
        }
    }
    let total: f64 = ways[chosen].iter().sum();
    let is_as_far = |sum: usize| (sum as f64 / 2.0 - expected).abs() >= distance - 1e-9;
    let far: f64 = ways[chosen].iter().enumerate().filter(|(sum, _)| is_as_far(*sum)).map(|(_, ways)| ways).sum();
    far / total
}

fn by_normal_curve(ranks: &[f64], a: usize, b: usize, distance: f64) -> f64 {
    let mean = (ranks.len() + 1) as f64 / 2.0;
    let spread: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    let count = ranks.len() as f64;
    let variance = a as f64 * b as f64 * spread / (count * (count - 1.0));
    if variance == 0.0 {
        return 1.0;
    }
    let z = (distance - 0.5).max(0.0) / variance.sqrt();
    (2.0 * upper_tail(z)).min(1.0)
}

/// The normal curve above `z`, by Simpson's rule up to where nothing is left.
fn upper_tail(z: f64) -> f64 {
    const STEPS: usize = 400;
    let end = z.max(0.0) + 10.0;
    let width = (end - z) / STEPS as f64;
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let weight = |step: usize| match step {
        0 | STEPS => 1.0,
        step if step % 2 == 1 => 4.0,
        _ => 2.0,
    };
    (0..=STEPS).map(|step| weight(step) * density(z + step as f64 * width)).sum::<f64>() * width / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(found: Option<f64>, wanted: f64) -> bool {
        found.is_some_and(|found| (found - wanted).abs() < 1e-3)
    }

    #[test]
    fn known_values() {
        assert!(is_near(p_value(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 0.1));
        assert!(is_near(p_value(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]), 2.0 / 252.0));
        assert!(is_near(p_value(&[1.0, 4.0, 5.0], &[2.0, 3.0, 6.0]), 1.0));
        assert!(is_near(p_value(&[1.0; 4], &[1.0; 4]), 1.0));
        assert_eq!(p_value(&[], &[1.0]), None);
    }

    #[test]
    fn the_least_is_what_apart_samples_give() {
        for size in 2..8usize {
            let low: Vec<f64> = (0..size).map(|n| n as f64).collect();
            let high: Vec<f64> = low.iter().map(|value| value + 100.0).collect();
            assert!(is_near(p_value(&low, &high), least_p_value(size, size)), "{size}");
        }
        assert_eq!(least_p_value(1, 1), 1.0);
    }

    #[test]
    fn both_ways_to_count_agree() {
        let a: Vec<f64> = (0..10).map(|n| f64::from(n) * 1.3).collect();
        let b: Vec<f64> = (0..10).map(|n| f64::from(n) * 1.1 + 3.05).collect();
        let all = ranks(&a, &b);
        let distance = (all[..10].iter().sum::<f64>() - 105.0).abs();
        let curve = by_normal_curve(&all, 10, 10, distance);
        assert!((p_value(&a, &b).unwrap() - curve).abs() < 0.01);
        assert!((upper_tail(1.96) - 0.025).abs() < 1e-4);
    }
}
