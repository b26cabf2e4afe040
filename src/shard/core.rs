//! Which cores a shard's thread runs on.

use crate::model::{Affinity, Workers};

/// Cores this process may run on, lowest first. One core when the system does not tell.
#[must_use]
pub fn allowed() -> Vec<usize> {
    match core_affinity::get_core_ids() {
        Some(cores) if !cores.is_empty() => cores.into_iter().map(|core| core.id).collect(),
        _ => vec![0],
    }
}

/// How many shards there will be.
#[must_use]
pub fn count(workers: Workers) -> usize {
    match workers {
        Workers::Auto => allowed().len(),
        Workers::Count(count) => count,
    }
}

/// The cores of each shard, in the order of the shards.
///
/// `first` moves the start when there are fewer shards than cores: else several processes of one shard each would all
/// sit on the lowest core.
#[must_use]
pub fn assign(workers: Workers, affinity: &Affinity, allowed: &[usize], first: usize) -> Vec<Vec<usize>> {
    let count = match workers {
        Workers::Auto => allowed.len(),
        Workers::Count(count) => count,
    };
    let first = if count < allowed.len() { first } else { 0 };
    let of_shard = |n: usize| match affinity {
        Affinity::Masks(masks) if !masks.is_empty() => masks[n % masks.len()].clone(),
        Affinity::Masks(_) | Affinity::Auto => vec![allowed[(first + n) % allowed.len()]],
    };
    (0..count).map(of_shard).collect()
}

/// Pins the calling thread. `false` when the system refuses: the thread then runs where it likes.
#[must_use]
pub fn pin(cores: &[usize]) -> bool {
    match cores {
        [] => false,
        [core] => core_affinity::set_for_current(core_affinity::CoreId { id: *core }),
        several => {
            let mut set = rustix::thread::CpuSet::new();
            several.iter().filter(|core| **core < rustix::thread::CpuSet::MAX_CPU).for_each(|core| set.set(*core));
            rustix::thread::sched_setaffinity(None, &set).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_gives_each_core_one_shard() {
        assert_eq!(assign(Workers::Auto, &Affinity::Auto, &[1, 3], 7), [[1], [3]]);
    }

    #[test]
    fn more_shards_than_cores_start_again_and_fewer_start_at_first() {
        assert_eq!(assign(Workers::Count(3), &Affinity::Auto, &[0, 1], 1), [[0], [1], [0]]);
        assert_eq!(assign(Workers::Count(1), &Affinity::Auto, &[0, 1], 5), [[1]]);
    }

    #[test]
    fn masks_are_dealt_in_turn() {
        let masks = Affinity::Masks(vec![vec![0, 1], vec![2]]);
        assert_eq!(assign(Workers::Count(3), &masks, &[0], 0), vec![vec![0, 1], vec![2], vec![0, 1]]);
    }

    #[test]
    fn a_thread_stays_on_the_core_it_was_pinned_to() {
        let core = allowed()[0];
        let at = std::thread::spawn(move || (pin(&[core]), allowed())).join().unwrap();
        assert_eq!(at, (true, vec![core]));
    }
}
