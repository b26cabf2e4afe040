//! What the kernel says about the process under test: memory and CPU time, from /proc.

use std::fs;
use std::io;
use std::time::Duration;

/// One process, its threads included.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    pub pid: u32,
}

impl Observed {
    /// Proportional set size: shared pages count by their share.
    ///
    /// # Errors
    /// When there is no such process, or it is another user's.
    pub fn memory_bytes(self) -> io::Result<u64> {
        let path = format!("/proc/{}/smaps_rollup", self.pid);
        let text = fs::read_to_string(&path)?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line.and_then(|rest| rest.split_ascii_whitespace().next()).and_then(|word| word.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("no Pss in {path}")))
    }

    /// CPU time so far, user and system, of all threads.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn cpu_time(self) -> io::Result<Duration> {
        let mut total = Duration::ZERO;
        for entry in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let path = entry?.path().join("schedstat");
            // A thread that ends while we read is no loss: its time was small.
            let Ok(text) = fs::read_to_string(path) else { continue };
            let nanoseconds = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
            total += Duration::from_nanos(nanoseconds.unwrap_or(0));
        }
        Ok(total)
    }
}

/// Kernel memory of all sockets of the machine, in bytes of slab objects. Needs root.
#[must_use]
pub fn socket_slab_bytes() -> Option<u64> {
    const SLABS: [&str; 6] = ["TCP", "sock_inode_cache", "filp", "dentry", "tw_sock_TCP", "eventpoll_epi"];
    let text = fs::read_to_string("/proc/slabinfo").ok()?;
    let mut total = 0;
    for line in text.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [name, active, _, size, ..] = &fields[..]
            && SLABS.contains(name)
        {
            total += active.parse::<u64>().ok()? * size.parse::<u64>().ok()?;
        }
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_memory_and_time() {
        let own = Observed { pid: std::process::id() };
        assert!(own.memory_bytes().unwrap() > 100_000);
        assert!(own.cpu_time().is_ok());
        assert!(Observed { pid: u32::MAX }.memory_bytes().is_err());
    }
}
