//! What the kernel says about processes and about this machine, read from /proc and /sys.
//!
//! Knows no proxy and no scenario. Each reading fails with the file's name; none is replaced by a guess.

pub mod cpu;
pub mod kernel_memory;
pub mod limits;
pub mod machine;
pub mod memory;
pub mod process;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Binds this thread, and what it starts from now on, to one core.
pub fn pin(core: usize) -> Result<(), String> {
    if core >= CpuSet::MAX_CPU {
        return Err(format!("core {core} does not exist"));
    }
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(|error| format!("pin to core {core}: {error}"))
}

/// The cores that this process may use.
pub fn cores() -> Vec<usize> {
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect(),
        Err(_) => Vec::new(),
    }
}
