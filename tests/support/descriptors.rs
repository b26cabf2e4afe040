//! What a process has open, from /proc, to see that nothing is left behind.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

/// Descriptors of a process by what they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Open {
    /// Connections that came in through one of the given listeners.
    pub from_clients: usize,
    /// Sockets that are neither listeners nor from clients: connections to peers.
    pub to_peers: usize,
    pub pipes: usize,
    /// Files, listeners and the like: these are opened once.
    pub rest: Vec<String>,
}

/// Counts what `pid` has open.
pub fn of(pid: u32, listeners: &[SocketAddr]) -> Open {
    let established = tcp_table(pid);
    let mut open = Open::default();
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return open };
    for entry in entries.flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        // Rings, their bells and a reserve: each shard's own, some of them made after the pid file.
        if target.starts_with("anon_inode:") || target == "/dev/null" {
            continue;
        }
        if target.starts_with("pipe:") {
            open.pipes += 1;
        } else if let Some((local, _)) = inode.and_then(|inode| established.iter().find(|(_, i)| i == inode)) {
            if listeners.contains(local) {
                open.from_clients += 1;
            } else {
                open.to_peers += 1;
            }
        } else {
            open.rest.push(target);
        }
    }
    open
}

/// Local address and inode of each TCP connection that is not a listener.
fn tcp_table(pid: u32) -> Vec<(SocketAddr, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    text.lines().skip(1).filter_map(tcp_row).collect()
}

/// How long the kernel waits before it probes a quiet connection; `None` if it never does.
pub fn keepalive_time(local: SocketAddr, remote: SocketAddr) -> Option<Duration> {
    const KEEPALIVE: &str = "02";
    // The unit of /proc, everywhere (USER_HZ).
    const TICKS_PER_SECOND: u64 = 100;
    let text = fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let row = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<&str>>()).find(|fields| {
        let is = |at: usize, address| fields.get(at).and_then(|text| tcp_address(text)) == Some(address);
        is(1, local) && is(2, remote)
    });
    let row = row.unwrap_or_else(|| panic!("no connection between {local} and {remote}"));
    let (timer, ticks) = row.get(5)?.split_once(':')?;
    let ticks = u64::from_str_radix(ticks, 16).ok()?;
    (timer == KEEPALIVE).then(|| Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

fn tcp_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
    Some(SocketAddr::from((address, u16::from_str_radix(port, 16).ok()?)))
}

fn tcp_row(line: &str) -> Option<(SocketAddr, String)> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let address = tcp_address(fields.get(1)?)?;
    let is_listener = *fields.get(3)? == LISTEN;
    (!is_listener).then(|| (address, (*fields.get(9).unwrap_or(&"")).to_owned()))
}
