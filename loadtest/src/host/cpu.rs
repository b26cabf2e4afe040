//! CPU time of processes, all their threads and the kernel's workers for them included.
//!
//! `schedstat` counts nanoseconds but forgets threads that ended; `stat` remembers those in ticks of 10 ms. Both are
//! read, and the ticks win when threads with more than their rounding are gone.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

use super::process;

/// What `stat` may be off by at both ends of a measurement.
const ROUNDING: Duration = Duration::from_millis(30);

#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime {
    threads_ns: u64,
    ticks_ns: u64,
    waited_ns: u64,
}

impl CpuTime {
    pub fn of(pids: &[u32]) -> Result<Self, String> {
        let mut time = Self::default();
        let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
        for pid in pids {
            let stat = process::stat(*pid).ok_or_else(|| format!("/proc/{pid}/stat: the process is gone"))?;
            time.ticks_ns += ticks(&stat).ok_or_else(|| format!("/proc/{pid}/stat: fields are missing"))? * tick_ns;
            let (ran, waited) = threads_ns(*pid)?;
            time.threads_ns += ran;
            time.waited_ns += waited;
        }
        Ok(time)
    }

    /// What the threads were ready to run and did not, because something else did.
    pub fn waited_since(&self, before: &Self) -> Duration {
        Duration::from_nanos(self.waited_ns.saturating_sub(before.waited_ns))
    }
}

impl Sub for CpuTime {
    type Output = Duration;

    fn sub(self, before: Self) -> Duration {
        let threads = Duration::from_nanos(self.threads_ns.saturating_sub(before.threads_ns));
        let ticks = Duration::from_nanos(self.ticks_ns.saturating_sub(before.ticks_ns));
        if ticks > threads + ROUNDING { ticks } else { threads }
    }
}

fn ticks(stat: &str) -> Option<u64> {
    let fields = process::fields(stat)?;
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// How long the threads ran, and how long they were ready and did not.
fn threads_ns(pid: u32) -> Result<(u64, u64), String> {
    let folder = format!("/proc/{pid}/task");
    let threads = fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))?;
    let of_one = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        let mut numbers = text.split_whitespace().map(str::parse::<u64>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    // A thread may end between the listing and the reading.
    let times = threads.flatten().filter_map(of_one);
    Ok(times.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_the_two_right_fields() {
        assert_eq!(ticks("1 (x) S 1 1 1 0 -1 4194560 1 2 3 4 100 23 5 6 20"), Some(123));
        assert_eq!(ticks("1 (x) S 1"), None);
    }

    #[test]
    fn time_of_ended_threads_is_not_lost() {
        let at = |threads_ms: u64, ticks_ms: u64| CpuTime {
            threads_ns: threads_ms * 1_000_000,
            ticks_ns: ticks_ms * 1_000_000,
            waited_ns: 0,
        };
        assert_eq!(at(105, 110) - at(5, 0), Duration::from_millis(100));
        assert_eq!(at(105, 300) - at(5, 0), Duration::from_millis(300));
    }

    #[test]
    fn work_of_this_process_is_seen() {
        let own = [std::process::id()];
        let before = CpuTime::of(&own).unwrap();
        let mut sum = 0u64;
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while CpuTime::of(&own).unwrap() - before < Duration::from_millis(5) {
            (0..100_000u64).for_each(|n| sum = std::hint::black_box(sum.wrapping_add(n)));
            assert!(std::time::Instant::now() < deadline);
        }
        assert!(CpuTime::of(&[u32::MAX]).is_err());
    }
}
