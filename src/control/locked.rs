//! The limit of locked memory. Rings count against it where the process lacks CAP_IPC_LOCK, as shards do that have become
//! another user.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as this process may. To be called before privileges are given up.
pub fn raise() {
    let unlimited = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Memlock, unlimited).is_err() {
        let maximum = getrlimit(Resource::Memlock).maximum;
        // A soft limit may always become the hard one. Whether that is enough is what the making of the rings tells.
        let _ = setrlimit(Resource::Memlock, Rlimit { current: maximum, maximum });
    }
}
