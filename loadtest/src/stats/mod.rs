//! Arithmetic over what was measured: latencies, medians, straight lines, ranks. Pure; knows no proxy and no unit.

pub mod latency;
pub mod ranks;
pub mod summary;
