//! Whether a shard's rings can be had here, and what to do when they cannot.

use std::io;

use crate::limits::{TUNNEL_RING_COMPLETIONS, TUNNEL_RING_SUBMISSIONS};
use crate::shard;
use crate::sys::errno::Errno;
use crate::sys::features::{self, Features};

/// Makes both rings of a shard and lets them go: no operation was started, so nothing of them is in the kernel's hands.
///
/// # Errors
/// What the kernel says.
pub fn probe() -> io::Result<Features> {
    drop(shard::runtime::open()?);
    features::probe(TUNNEL_RING_SUBMISSIONS, TUNNEL_RING_COMPLETIONS)
}

/// The refusal with its remedy, in one line.
#[must_use]
pub fn refusal(error: &io::Error) -> String {
    format!("io_uring_setup() failed ({}): {}", Errno(error), remedy(error))
}

fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::PERM) => {
            "io_uring is not permitted here: `sysctl kernel.io_uring_disabled=0`, and in a container a seccomp profile \
             that allows io_uring_setup, io_uring_enter and io_uring_register"
        }
        Some(rustix::io::Errno::NOSYS) => {
            "this kernel or the seccomp profile of this container has no io_uring: Linux 6.0 or newer is needed"
        }
        Some(rustix::io::Errno::INVAL) => "this kernel's io_uring is too old: Linux 6.0 or newer is needed",
        Some(rustix::io::Errno::NOMEM) => "raise the limit of locked memory (`ulimit -l`, LimitMEMLOCK=)",
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
            "raise the limit of open files (`ulimit -n`, LimitNOFILE=, worker_rlimit_nofile)"
        }
        _ => "see the system's error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_that_is_refused_says_what_to_do() {
        let text = refusal(&io::Error::from_raw_os_error(1));
        assert!(text.starts_with("io_uring_setup() failed (1: Operation not permitted): "), "{text}");
        assert!(text.contains("kernel.io_uring_disabled"));
    }
}
