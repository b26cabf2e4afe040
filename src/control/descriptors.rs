//! The limit of open files, and what is still open at the end.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::{CONNECTIONS_GENERATED_MAX, SHARD_OWN_DESCRIPTORS};
use crate::sys::errno::Errno;

/// The limit after [`raise`], and what the operator should know of it.
#[derive(Debug)]
pub struct Raised {
    /// `None` is no limit.
    pub limit: Option<u64>,
    pub warnings: Vec<String>,
}

/// Raises the limit to `worker_rlimit_nofile`, else as far as this process may.
#[must_use]
pub fn raise(wanted: Option<u64>) -> Raised {
    let now = getrlimit(Resource::Nofile);
    let mut warnings = Vec::new();
    let new = match wanted {
        // As in nginx both limits are set; only root may raise the hard one.
        Some(wanted) => Rlimit { current: Some(wanted), maximum: Some(wanted) },
        None => Rlimit { current: now.maximum, maximum: now.maximum },
    };
    if let Err(errno) = setrlimit(Resource::Nofile, new)
        && let Some(wanted) = wanted
    {
        let error = std::io::Error::from(errno);
        warnings.push(format!(
            "setrlimit(RLIMIT_NOFILE, {wanted}) failed ({}): the hard limit is {}; raise it with LimitNOFILE= of \
                 the service or `ulimit -Hn`",
            Errno(&error),
            now.maximum.map_or("unlimited".to_owned(), |limit| limit.to_string()),
        ));
        // As far as it goes is better than where it was.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    }
    Raised { limit: getrlimit(Resource::Nofile).current, warnings }
}

/// The `worker_connections` that as many shards as there are cores can hold within the hard limit.
#[must_use]
pub fn affordable_connections() -> usize {
    let shard_count = crate::shard::core::allowed().len() as u64;
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(CONNECTIONS_GENERATED_MAX).min(CONNECTIONS_GENERATED_MAX);
    let of_shard = (limit / shard_count).saturating_sub(SHARD_OWN_DESCRIPTORS);
    usize::try_from(of_shard.max(1)).unwrap_or(usize::MAX)
}

/// Warns when `worker_connections` promises what the limit cannot hold.
#[must_use]
pub fn shortage(limit: Option<u64>, shard_count: usize, connections_max: usize) -> Option<String> {
    let limit = limit?;
    let wanted = (shard_count as u64).saturating_mul(connections_max as u64);
    let own = SHARD_OWN_DESCRIPTORS * shard_count as u64;
    (wanted.saturating_add(own) > limit).then(|| {
        format!(
            "{connections_max} worker_connections in {shard_count} shards exceed open file resource limit: {limit}; \
             raise it (`ulimit -n`, LimitNOFILE=, worker_rlimit_nofile), or connections beyond it are refused"
        )
    })
}

/// Sockets this process has open.
#[must_use]
pub fn sockets_open() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let is_socket = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
    };
    let sockets = entries.flatten().filter(is_socket);
    sockets.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_holds_all_connections_is_no_shortage() {
        assert_eq!(shortage(None, 64, 1 << 20), None);
        assert_eq!(shortage(Some(20_000), 2, 512), None);
        let text = shortage(Some(1024), 2, 1024).unwrap();
        assert!(
            text.starts_with("1024 worker_connections in 2 shards exceed open file resource limit: 1024; "),
            "{text}"
        );
    }

    #[test]
    fn an_open_socket_is_seen() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let number = u32::try_from(std::os::fd::AsRawFd::as_raw_fd(&socket)).unwrap();
        assert!(sockets_open().contains(&number));
    }
}
