//! Hundreds of tunnels with random traffic at once: nothing lost, mixed, repeated or stuck, no descriptor left.
//!
//! One test alone in its process, since it counts the process's descriptors. `TRAFFIC_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no")]

#[path = "tunnel/farewell.rs"]
mod farewell;
#[path = "tunnel/shard.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod shard;
#[path = "tunnel/traffic.rs"]
mod traffic;

use std::sync::mpsc::channel;
use std::time::{SystemTime, UNIX_EPOCH};

use longhaul::tunnel::{Counts, EngineOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use shard::Shard;
use traffic::{Sizes, Traffic};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Threads of the kernel that do what a ring could not do at once. An operation on a tunnel never waits for one.
fn kernel_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("iou-wrk")).count()
}

/// Lets the process open no descriptor, until this is dropped: not even in place of one that is closed.
struct Shortage(Rlimit);

impl Shortage {
    fn begin() -> Shortage {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
        Shortage(before)
    }
}

impl Drop for Shortage {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

fn run(options: EngineOptions, seeds: std::ops::Range<u64>, sizes: Sizes) -> Counts {
    run_under(options, seeds, sizes, || ())
}

/// `circumstances` holds from when all tunnels are to be adopted until all have ended.
fn run_under<T>(
    options: EngineOptions,
    seeds: std::ops::Range<u64>,
    sizes: Sizes,
    circumstances: impl FnOnce() -> T,
) -> Counts {
    let shard = Shard::start(options);
    // All are adopted in one go: so many completions come at once.
    let (go, begin) = channel::<()>();
    shard.order(move |_| {
        // Nothing is ever said: it ends.
        let _ = begin.recv();
    });
    let all: Vec<(u64, Traffic)> = seeds.map(|seed| (seed, Traffic::start(&shard, seed, sizes))).collect();
    let circumstances = circumstances();
    drop(go);
    all.into_iter().for_each(|(seed, traffic)| traffic.check(seed));
    drop(circumstances);
    assert_eq!(kernel_threads(), 0, "threads of the kernel");
    let counts = shard.counts();
    shard.finish();
    counts
}

#[test]
fn every_byte_arrives_once_and_nothing_is_left() {
    let first = match std::env::var("TRAFFIC_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()) << 16,
    };
    println!("TRAFFIC_SEED={first}");
    let pressed = EngineOptions { ring_submissions: 8, ring_completions: 16, ..EngineOptions::default() };
    // Nothing may wait in memory.
    let full = EngineOptions { pending_bytes_max: 0, ..EngineOptions::default() };
    let sizes = |total_bits, write_bits| Sizes { total_bits, write_bits };
    // What a runtime leaves behind by itself is not of interest.
    let before = descriptors();
    run(EngineOptions::default(), 0..0, sizes(0, 0));
    let of_runtime = descriptors() - before;
    let before = descriptors();
    run(EngineOptions::default(), first..first + 150, sizes(19, 18));
    let counts = run(pressed, first + 1000..first + 1150, sizes(15, 12));
    assert!(counts.ring_overflows > 0, "no pressure: {counts:?}");
    // Short writes: an edge for nearly every one of them, and most of them in batches.
    run(EngineOptions::default(), first + 2000..first + 2150, sizes(14, 6));
    run(EngineOptions::default(), first + 3000..first + 3040, sizes(23, 18));
    let counts = run(full, first + 4000..first + 4100, sizes(18, 17));
    assert!(counts.pending_refused > 0, "the bound was not met: {counts:?}");
    let counts = run_under(EngineOptions::default(), first + 6000..first + 6100, sizes(20, 18), Shortage::begin);
    assert!(counts.pipes_refused > 0, "there was a pipe to be had: {counts:?}");
    let shard = Shard::start(EngineOptions::default());
    farewell::run(&shard, first + 5000..first + 5060);
    shard.finish();
    assert_eq!(descriptors() - before, 7 * of_runtime, "descriptors left");
}
