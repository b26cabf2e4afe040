//! The runtime of a shard's thread.

use std::io;

use monoio::time::TimeDriver;
use monoio::{IoUringDriver, Runtime, RuntimeBuilder};

use crate::limits::{SHARD_RING_COMPLETIONS, SHARD_RING_SUBMISSIONS};

/// The runtime of a thread. `coop_taskrun` and `single_issuer` halve the CPU of a message.
///
/// # Errors
/// What io_uring_setup says.
pub fn open() -> io::Result<Runtime<TimeDriver<IoUringDriver>>> {
    let mut ring = io_uring::IoUring::builder();
    ring.setup_coop_taskrun().setup_single_issuer().setup_cqsize(SHARD_RING_COMPLETIONS);
    RuntimeBuilder::<IoUringDriver>::new()
        .uring_builder(ring)
        .with_entries(SHARD_RING_SUBMISSIONS)
        .enable_timer()
        .build()
}
