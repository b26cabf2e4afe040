//! What the host allows, as numbers: procfs and cgroups, read once and judged elsewhere.
//!
//! All paths are below a root that tests choose. A file that this kernel need not have is `None`; one that cannot be
//! read or understood is `None` too, and stands in [`Facts::unread`].

use std::io;
use std::path::Path;

use super::figures::{Ports, Rlimit, Share};
use super::listening;
use super::reader::Reader;
use crate::limits::TUNNEL_DESCRIPTORS;
use crate::sys::features::Features;

/// Whose resource limits were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Whose {
    /// Those of this process: a service may be given others.
    #[default]
    Ours,
    /// Those of the running proxy with this number.
    Running(u32),
}

/// What io_uring answers here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ring {
    Made(Features),
    /// The refusal, with its remedy.
    Refused(String),
}

/// The host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `6.18.1-x`.
    pub release: Option<String>,
    pub whose: Whose,
    /// Tunnels that the running proxy holds by the number of its descriptors: they are in what is used.
    pub tunnels_open: u64,
    pub nofile: Option<Rlimit>,
    pub nproc: Option<Rlimit>,
    pub memlock: Option<Rlimit>,
    /// Whether a hard limit may be raised (CAP_SYS_RESOURCE).
    pub may_raise: bool,
    /// Whether locked memory is not counted (CAP_IPC_LOCK).
    pub may_lock: bool,
    pub nr_open: Option<u64>,
    pub files: Option<Share>,
    pub ports: Option<Ports>,
    pub somaxconn: Option<u64>,
    /// Pages: the third number of `tcp_mem`, and what all sockets hold now.
    pub tcp_pages: Option<Share>,
    pub tracked: Option<Share>,
    /// Bytes; `used` is what cannot be had any more.
    pub memory: Option<Share>,
    /// Bytes, of the cgroup with the least left.
    pub group_memory: Option<Share>,
    pub group_tasks: Option<Share>,
    pub pids: Option<Share>,
    pub threads: Option<Share>,
    /// `kernel.io_uring_disabled` and `kernel.io_uring_group`; before Linux 6.6 there is neither.
    pub ring_disabled: Option<u64>,
    pub ring_group: Option<i64>,
    pub ring: Ring,
    /// Files that tell nothing, and why.
    pub unread: Vec<(String, String)>,
}

/// Reads all of it. `pid_file` is where a running proxy of the same configuration would be found.
#[must_use]
pub fn read(root: &Path, pid_file: Option<&Path>, ring: Ring) -> Facts {
    let mut reader = Reader::new(root);
    let running = pid_file.and_then(|file| running(root, file));
    let of_process = running.map_or("self".to_owned(), |number| number.to_string());
    let limits = reader.text(&format!("proc/{of_process}/limits")).unwrap_or_default();
    let rlimit = |name| rlimit(&limits, name);
    let (nofile, nproc, memlock) = (rlimit("Max open files"), rlimit("Max processes"), rlimit("Max locked memory"));
    let status = reader.text("proc/self/status").unwrap_or_default();
    let loadavg = reader.text("proc/loadavg");
    let tasks_used = loadavg.as_deref().and_then(tasks_of).unwrap_or(0);
    let of_tasks = |max: Option<u64>| max.map(|max| Share { max, used: tasks_used });
    let groups = reader.text(&format!("proc/{of_process}/cgroup")).unwrap_or_default();
    Facts {
        release: reader.text("proc/sys/kernel/osrelease"),
        whose: running.map_or(Whose::Ours, Whose::Running),
        tunnels_open: running.map_or(0, |number| tunnels_open(root, number)),
        nofile,
        nproc,
        memlock,
        may_raise: has_capability(&status, CAP_SYS_RESOURCE),
        may_lock: has_capability(&status, CAP_IPC_LOCK),
        nr_open: reader.number("proc/sys/fs/nr_open"),
        files: files(&mut reader),
        ports: ports(&mut reader),
        somaxconn: reader.number("proc/sys/net/core/somaxconn"),
        tcp_pages: tcp_pages(&mut reader),
        tracked: tracked(&mut reader),
        memory: memory(&mut reader),
        group_memory: super::cgroup::memory(&mut reader, &groups),
        group_tasks: super::cgroup::tasks(&mut reader, &groups),
        pids: of_tasks(reader.number("proc/sys/kernel/pid_max")),
        threads: of_tasks(reader.number("proc/sys/kernel/threads-max")),
        ring_disabled: reader.optional_number("proc/sys/kernel/io_uring_disabled"),
        ring_group: reader.optional("proc/sys/kernel/io_uring_group").and_then(|text| text.parse().ok()),
        ring,
        unread: reader.into_unread(),
    }
}

/// The proxy that the file names, if that is one and runs.
fn running(root: &Path, file: &Path) -> Option<u32> {
    let number: u32 = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
    let name = |of: &str| std::fs::read_to_string(root.join(format!("proc/{of}/comm"))).ok();
    let found = name(&number.to_string())?;
    // Its own name, or that under which this program was installed.
    let is_proxy = found.trim() == env!("CARGO_PKG_NAME") || Some(&found) == name("self").as_ref();
    is_proxy.then_some(number)
}

fn tunnels_open(root: &Path, number: u32) -> u64 {
    // Only its own user may look; without the number what it holds counts as taken by others.
    let open = std::fs::read_dir(root.join(format!("proc/{number}/fd"))).map_or(0, Iterator::count);
    open as u64 / TUNNEL_DESCRIPTORS
}

fn rlimit(limits: &str, name: &str) -> Option<Rlimit> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut words = line.split_ascii_whitespace();
    let mut next = || match words.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    Some(Rlimit { soft: next()?, hard: next()? })
}

/// Bits of the effective set (capabilities(7)).
const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_RESOURCE: u32 = 24;

fn has_capability(status: &str, bit: u32) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    set.is_some_and(|set| set & (1 << bit) != 0)
}

/// `0.00 0.01 0.05 1/234 5678`: tasks that are, behind the slash.
fn tasks_of(loadavg: &str) -> Option<u64> {
    loadavg.split_ascii_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

fn files(reader: &mut Reader<'_>) -> Option<Share> {
    let max = reader.number("proc/sys/fs/file-max")?;
    let numbers = reader.numbers("proc/sys/fs/file-nr")?;
    Some(Share { max, used: numbers.first().copied().unwrap_or(0) })
}

fn ports(reader: &mut Reader<'_>) -> Option<Ports> {
    const RANGE: &str = "proc/sys/net/ipv4/ip_local_port_range";
    let (low, high) = match *reader.numbers(RANGE)? {
        [low, high] if low <= high && high <= 65_535 => (low, high),
        _ => return reader.not_understood(RANGE),
    };
    let reserved = reader.optional("proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    let reserved_count = reserved.split(',').filter_map(|part| reserved_in(part.trim(), low, high)).sum();
    let listening_count = listening::count_between(reader, low, high);
    Some(Ports { low, high, reserved_count, listening_count })
}

/// Ports of `8080` or `8000-8100` that lie in the range.
fn reserved_in(part: &str, low: u64, high: u64) -> Option<u64> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    Some((last.min(high) + 1).saturating_sub(first.max(low)))
}

fn tcp_pages(reader: &mut Reader<'_>) -> Option<Share> {
    const LIMIT: &str = "proc/sys/net/ipv4/tcp_mem";
    let [_, _, max] = *reader.numbers(LIMIT)? else { return reader.not_understood(LIMIT) };
    let sockets = reader.text("proc/net/sockstat").unwrap_or_default();
    let line = sockets.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
    let used = line.split_once(" mem ").and_then(|(_, rest)| rest.split_ascii_whitespace().next()?.parse().ok());
    Some(Share { max, used: used.unwrap_or(0) })
}

fn tracked(reader: &mut Reader<'_>) -> Option<Share> {
    let max = reader.optional_number("proc/sys/net/netfilter/nf_conntrack_max")?;
    let used = reader.optional_number("proc/sys/net/netfilter/nf_conntrack_count").unwrap_or(0);
    Some(Share { max, used })
}

fn memory(reader: &mut Reader<'_>) -> Option<Share> {
    const FILE: &str = "proc/meminfo";
    let text = reader.text(FILE)?;
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    let (Some(max), Some(available)) = (bytes("MemTotal:"), bytes("MemAvailable:")) else {
        return reader.not_understood(FILE);
    };
    Some(Share { max, used: max.saturating_sub(available) })
}

impl From<io::Result<Features>> for Ring {
    fn from(made: io::Result<Features>) -> Self {
        match made {
            Ok(features) => Self::Made(features),
            Err(error) => Self::Refused(crate::control::ring::refusal(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_process_are_read_by_name() {
        let text = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024      unlimited      files\n";
        let expected = Rlimit { soft: Some(1024), hard: None };
        assert_eq!(rlimit(text, "Max open files"), Some(expected));
        assert_eq!(rlimit(text, "Max processes"), None);
        assert_eq!(rlimit("Max open files few many files", "Max open files"), None);
    }

    #[test]
    fn reserved_ports_count_where_they_are_in_the_range() {
        let reserved = |part| reserved_in(part, 100, 199);
        assert_eq!(reserved("150"), Some(1));
        assert_eq!(reserved("90-109"), Some(10));
        assert_eq!(reserved("190-300"), Some(10));
        assert_eq!((reserved("80"), reserved("")), (Some(0), None));
    }

    #[test]
    fn the_capability_to_raise_limits_is_one_bit() {
        assert!(has_capability("Name:\tx\nCapEff:\t000001ffffffffff\n", CAP_SYS_RESOURCE));
        assert!(!has_capability("CapEff:\t0000000000000400\n", CAP_SYS_RESOURCE));
        assert!(has_capability("CapEff:\t0000000000004000\n", CAP_IPC_LOCK));
        assert!(!has_capability("Name:\tx\n", CAP_SYS_RESOURCE));
    }
}
