//! Hundreds of tunnels with random traffic at once: nothing lost, mixed, repeated or stuck, no descriptor left.
//!
//! One test alone in its process, since it counts the process's descriptors. `TRAFFIC_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no")]

#[path = "tunnel/shard.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod shard;
#[path = "tunnel/traffic.rs"]
mod traffic;

use std::time::{SystemTime, UNIX_EPOCH};

use longhaul::tunnel::EngineOptions;

use shard::Shard;
use traffic::Traffic;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn run(options: EngineOptions, seeds: std::ops::Range<u64>, bits_max: usize) {
    let shard = Shard::start(options);
    let all: Vec<(u64, Traffic)> = seeds.map(|seed| (seed, Traffic::start(&shard, seed, bits_max))).collect();
    all.into_iter().for_each(|(seed, traffic)| traffic.check(seed));
    shard.finish();
}

#[test]
fn every_byte_arrives_once_and_nothing_is_left() {
    let first = match std::env::var("TRAFFIC_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()) << 16,
    };
    println!("TRAFFIC_SEED={first}");
    let pressed = EngineOptions { ring_submissions: 8, ring_completions: 16 };
    // What a runtime leaves behind by itself is not of interest.
    let before = descriptors();
    run(EngineOptions::default(), 0..0, 0);
    let of_runtime = descriptors() - before;
    let before = descriptors();
    run(EngineOptions::default(), first..first + 150, 19);
    run(pressed, first + 1000..first + 1150, 15);
    run(EngineOptions::default(), first + 2000..first + 2010, 23);
    assert_eq!(descriptors() - before, 3 * of_runtime, "descriptors left");
}
