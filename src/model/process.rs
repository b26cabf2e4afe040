//! Directives of the main context: the process as a whole.

use std::path::PathBuf;

use super::ErrorLog;

/// Settings that act on the process and not on a request.
#[derive(Debug, Clone)]
pub struct Process {
    pub workers: Workers,
    pub affinity: Affinity,
    /// `worker_rlimit_nofile`.
    pub rlimit_nofile: Option<u64>,
    /// `worker_connections`: most connections of one shard, clients and peers together.
    pub worker_connections: usize,
    /// `user`, and the group if it was named.
    pub user: Option<(Box<str>, Option<Box<str>>)>,
    /// Absolute.
    pub pid: PathBuf,
    /// `daemon`: detach from the terminal.
    pub daemon: bool,
    /// All `error_log` lines of the main context.
    pub error_logs: Vec<ErrorLog>,
    /// `worker_shutdown_timeout`: after a graceful stop this long, connections still open are closed.
    pub shutdown_timeout: Option<std::time::Duration>,
}

/// `worker_processes`: the number of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// One for each core this process may run on.
    Auto,
    Count(usize),
}

/// `worker_cpu_affinity`. Without the directive each shard is pinned to a core of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affinity {
    Auto,
    /// Shard n may run on the cores of `masks[n % masks.len()]`; each mask is a list of core numbers.
    Masks(Vec<Vec<usize>>),
}
