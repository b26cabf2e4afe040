//! The runtime of a shard's thread.

use std::io;

use monoio::time::TimeDriver;
use monoio::{IoUringDriver, Runtime, RuntimeBuilder};

use crate::limits::{SHARD_RING_COMPLETIONS, SHARD_RING_SUBMISSIONS};
use crate::sys::ring::with_room;

/// The runtime of a thread. `coop_taskrun` and `single_issuer` halve the CPU of a message.
///
/// # Errors
/// What io_uring_setup says.
pub fn open() -> io::Result<Runtime<TimeDriver<IoUringDriver>>> {
    with_room(SHARD_RING_COMPLETIONS, |room| {
        let mut ring = io_uring::IoUring::builder();
        ring.setup_coop_taskrun().setup_single_issuer().setup_cqsize(room);
        RuntimeBuilder::<IoUringDriver>::new()
            .uring_builder(ring)
            .with_entries(SHARD_RING_SUBMISSIONS)
            .enable_timer()
            .build()
    })
}
