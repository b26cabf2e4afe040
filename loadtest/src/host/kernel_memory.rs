//! Kernel memory of a proxy, apart from everybody else's: a memory cgroup of its own counts it.
//!
//! Version 2 has `kernel` in `memory.stat`, version 1 `memory.kmem.usage_in_bytes`. What the kernel charges for a socket
//! differs between versions, so figures are taken against bare sockets held in a cgroup of the same kind.
//! Without a cgroup nothing is measured: the system's total holds the load's own sockets and all other work.

use std::fs;
use std::path::{Path, PathBuf};

const ROOTS: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.kmem.usage_in_bytes"), ("/sys/fs/cgroup", "memory.stat")];

/// A cgroup that is removed in the end; processes in it must have ended by then.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
    file: &'static str,
}

impl Group {
    /// `Err` says why there can be none.
    pub fn new(name: &str) -> Result<Self, String> {
        let mut reasons = Vec::new();
        for (root, file) in ROOTS {
            let group =
                Self { folder: Path::new(root).join(format!("longhaul-loadtest-{}-{name}", std::process::id())), file };
            match fs::create_dir(&group.folder).map_err(|error| error.to_string()).and_then(|()| group.bytes()) {
                Ok(_) => return Ok(group),
                Err(error) => reasons.push(format!("{}: {error}", group.folder.display())),
            }
        }
        Err(format!("no memory cgroup ({})", reasons.join("; ")))
    }

    /// A process that is written there is in, and what it starts later is in as well.
    pub fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    pub fn adopt(&self, pid: u32) -> Result<(), String> {
        let file = self.processes();
        fs::write(&file, pid.to_string()).map_err(|error| format!("{}: {error}", file.display()))
    }

    pub fn bytes(&self) -> Result<u64, String> {
        let file = self.folder.join(self.file);
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        kernel_bytes(&text).ok_or_else(|| format!("{}: no kernel memory in it", file.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What cannot be removed holds a process still; its name tells whose it was.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Either file: a bare number, or the line `kernel N`.
fn kernel_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("kernel "));
    line.unwrap_or(text).trim().parse().ok()
}

/// What two sockets take with their inodes, entries and files, by the kernel's own sizes. Root only.
pub fn two_sockets_bytes() -> Option<u64> {
    two_sockets(&fs::read_to_string("/proc/slabinfo").ok()?)
}

const OF_A_SOCKET: [&str; 4] = ["TCP", "sock_inode_cache", "dentry", "filp"];
/// Only where a security module is.
const OF_A_SOCKET_PERHAPS: [&str; 2] = ["lsm_inode_cache", "lsm_file_cache"];

fn two_sockets(slabinfo: &str) -> Option<u64> {
    let object_bytes = |name: &str| {
        let line = slabinfo.lines().find(|line| line.split_whitespace().next() == Some(name))?;
        line.split_whitespace().nth(3)?.parse::<u64>().ok()
    };
    let known: Option<u64> = OF_A_SOCKET.iter().map(|name| object_bytes(name)).sum();
    let perhaps: u64 = OF_A_SOCKET_PERHAPS.iter().filter_map(|name| object_bytes(name)).sum();
    Some(2 * (known? + perhaps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read() {
        assert_eq!(kernel_bytes("12345\n"), Some(12345));
        assert_eq!(kernel_bytes("anon 1\nkernel 77\nkernel_stack 5\n"), Some(77));
        assert_eq!(kernel_bytes("anon 1\n"), None);
    }

    #[test]
    fn sockets_are_summed_by_object_size() {
        let text = "# name\nTCP 1 2 2368 13\nsock_inode_cache 1 2 832 19\ndentry 1 2 192 21\nfilp 1 2 192 21\nTCPv6 1 2 9999 1\n";
        assert_eq!(two_sockets(text), Some(2 * (2368 + 832 + 192 + 192)));
        let more = format!("{text}lsm_inode_cache 1 1 32 128\nlsm_file_cache 1 1 24 170\n");
        assert_eq!(two_sockets(&more), Some(7280));
        assert_eq!(two_sockets("TCP 1 2 2368 13"), None);
    }
}
