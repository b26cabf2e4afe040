//! Whether one of two is the larger by more than chance, where they were measured side by side in rounds: the signed-rank
//! test of Wilcoxon, two-sided.
//!
//! What a whole round adds to both does not count, only which of the two it was that had more and by how much. Exact by
//! counting for the rounds a comparison has, ties included; by the normal curve for many.

/// Above this many rounds the normal curve is used.
const EXACT_ROUNDS_MAX: usize = 50;

/// The chance that differences lean to one side at least as much, if either sign were as likely for each. Rounds without
/// a difference say nothing. `None` without a round.
pub fn p_value(differences: &[f64]) -> Option<f64> {
    if differences.is_empty() {
        return None;
    }
    let told: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    let ranks = ranks(&told);
    let above: f64 = ranks.iter().zip(&told).filter(|(_, difference)| **difference > 0.0).map(|(rank, _)| rank).sum();
    let distance = (above - ranks.iter().sum::<f64>() / 2.0).abs();
    Some(if ranks.len() <= EXACT_ROUNDS_MAX { exact(&ranks, distance) } else { by_normal_curve(&ranks, distance) })
}

/// The least chance that so many rounds can show: that of all of them having the same sign.
pub fn least_p_value(rounds: usize) -> f64 {
    (2.0 * 0.5f64.powf(rounds as f64)).min(1.0)
}

/// Of the differences by their sizes; equal ones share the mean of their ranks.
fn ranks(differences: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = differences.iter().filter(|other| other.abs() < value.abs()).count();
        let equal = differences.iter().filter(|other| other.abs() == value.abs()).count();
        below as f64 + (equal as f64 + 1.0) / 2.0
    };
    differences.iter().map(rank).collect()
}

/// The share of all ways to sign the ranks in which the sum of those above is as far from the half of all. Ranks are
/// halves at the finest, so twice their sums are whole and index a table.
fn exact(ranks: &[f64], distance: f64) -> f64 {
    let doubled: Vec<usize> = ranks.iter().map(|rank| (rank * 2.0).round() as usize).collect();
    let sum_max: usize = doubled.iter().sum();
    let mut ways = vec![0.0f64; sum_max + 1];
    ways[0] = 1.0;
    for rank in doubled {
        for sum in (rank..=sum_max).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let is_as_far = |sum: usize| (sum as f64 - sum_max as f64 / 2.0).abs() / 2.0 >= distance - 1e-9;
    let far: f64 = ways.iter().enumerate().filter(|(sum, _)| is_as_far(*sum)).map(|(_, ways)| ways).sum();
    far / ways.iter().sum::<f64>()
}

fn by_normal_curve(ranks: &[f64], distance: f64) -> f64 {
    let variance = ranks.iter().map(|rank| rank * rank).sum::<f64>() / 4.0;
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
        found.is_some_and(|found| (found - wanted).abs() < 1e-9)
    }

    #[test]
    fn known_values() {
        assert!(is_near(p_value(&[1.0, 2.0, 3.0]), 0.25));
        assert!(is_near(p_value(&[-1.0, -2.0, -3.0, -4.0, -5.0]), 0.0625));
        // A sum below of 1 has 2 of 32 ways on each side, one of 3 has 5.
        assert!(is_near(p_value(&[-1.0, 2.0, 3.0, 4.0, 5.0]), 4.0 / 32.0));
        assert!(is_near(p_value(&[1.0, 2.0, -3.0, 4.0, 5.0]), 10.0 / 32.0));
        assert!(is_near(p_value(&[1.0, -1.0]), 1.0));
        assert_eq!(p_value(&[]), None);
    }

    #[test]
    fn ties_share_their_ranks_and_no_difference_says_nothing() {
        // Ranks 1.5, 1.5, 3: the sum below of 1.5 or less has 1 + 2 of 8 ways on each side.
        assert!(is_near(p_value(&[-2.0, 2.0, 4.0]), 6.0 / 8.0));
        assert!(is_near(p_value(&[0.0, 1.0, 0.0, 2.0, 3.0]), 0.25));
        assert!(is_near(p_value(&[0.0; 4]), 1.0));
        assert!(is_near(p_value(&[f64::INFINITY, 1.0, f64::INFINITY]), 0.25));
    }

    #[test]
    fn the_least_is_what_one_sign_gives() {
        for rounds in 1..12usize {
            let differences: Vec<f64> = (1..=rounds).map(|n| n as f64).collect();
            assert!(is_near(p_value(&differences), least_p_value(rounds)), "{rounds}");
        }
        assert_eq!([least_p_value(0), least_p_value(1)], [1.0, 1.0]);
    }

    #[test]
    fn both_ways_to_count_agree() {
        let differences: Vec<f64> = (1..=40).map(|n| f64::from(n) * if n % 3 == 0 { -1.0 } else { 1.0 }).collect();
        let all = ranks(&differences);
        let below: f64 = all.iter().zip(&differences).filter(|(_, d)| **d < 0.0).map(|(rank, _)| rank).sum();
        let curve = by_normal_curve(&all, (below - 410.0).abs());
        assert!((p_value(&differences).unwrap() - curve).abs() < 0.01);
        assert!((upper_tail(1.96) - 0.025).abs() < 1e-4);
    }
}
