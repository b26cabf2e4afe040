//! What the kernel's io_uring can do, told by a ring that is really made.

use std::io;

use io_uring::{IoUring, Probe, opcode};

use super::ring::with_room;

/// Operations that the rings of a shard submit.
const OPERATIONS: [(&str, u8); 6] = [
    ("poll", opcode::PollAdd::CODE),
    ("poll removal", opcode::PollRemove::CODE),
    ("recv", opcode::Recv::CODE),
    ("send", opcode::Send::CODE),
    ("cancel", opcode::AsyncCancel::CODE),
    ("timeout", opcode::Timeout::CODE),
];

/// Of a ring with the flags that shards use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    /// Completions that it holds.
    pub completions: u32,
    /// By the kernel's names, those that matter here.
    pub present: Vec<&'static str>,
    /// What a shard needs and this kernel has not.
    pub missing: Vec<&'static str>,
}

/// Makes a ring as shards do and asks it.
///
/// # Errors
/// What the kernel says to the first call that it refuses.
pub fn probe(submissions: u32, completions: u32) -> io::Result<Features> {
    let make =
        |room| IoUring::builder().setup_coop_taskrun().setup_single_issuer().setup_cqsize(room).build(submissions);
    let ring: IoUring = with_room(completions, make)?;
    let mut known = Probe::new();
    ring.submitter().register_probe(&mut known)?;
    let found = ring.params();
    let of_ring = [
        ("nodrop", found.is_feature_nodrop()),
        ("fast_poll", found.is_feature_fast_poll()),
        ("ext_arg", found.is_feature_ext_arg()),
        ("native_workers", found.is_feature_native_workers()),
        ("cqe_skip", found.is_feature_skip_cqe_on_success()),
    ];
    let of_kernel = OPERATIONS.iter().map(|(name, code)| (*name, known.is_supported(*code)));
    let missing = of_ring.iter().copied().chain(of_kernel).filter(|(_, is_there)| !is_there);
    Ok(Features {
        completions: found.cq_entries(),
        missing: missing.map(|(name, _)| name).collect(),
        present: of_ring.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_runs_these_tests_has_all_that_is_needed() {
        let features = probe(8, 16).unwrap();
        assert_eq!(features.missing, [""; 0]);
        assert!(features.completions >= 16 && features.present.contains(&"nodrop"), "{features:?}");
    }
}
