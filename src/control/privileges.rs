//! `user`: giving up root after the ports are bound and the logs are open.

use std::path::Path;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities};

use super::report::Fatal;
use crate::sys;
use crate::sys::errno::Errno;

/// The user that the process will be.
#[derive(Debug)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

/// Whether this process may become somebody else.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Looks `user` up.
///
/// # Errors
/// When there is no such user or group.
pub fn account(name: &str, group: Option<&str>) -> Result<Account, Fatal> {
    let found = sys::process::user(name)
        .map_err(|error| Fatal(format!("getpwnam(\"{name}\") failed ({}): no such user", Errno(&error))))?;
    let gid = match group {
        None => found.gid,
        Some(group) => sys::process::group(group)
            .map_err(|error| Fatal(format!("getgrnam(\"{group}\") failed ({}): no such group", Errno(&error))))?,
    };
    Ok(Account { name: name.to_owned(), uid: found.uid, gid })
}

impl Account {
    /// Gives a log file to the user, who must be able to open it again.
    ///
    /// # Errors
    /// The system's, with the file's name.
    pub fn own(&self, path: &Path) -> Result<(), Fatal> {
        std::os::unix::fs::chown(path, Some(self.uid), None)
            .map_err(|error| Fatal(format!("chown(\"{}\") failed ({})", path.display(), Errno(&error))))
    }

    /// Becomes the user. Binding low ports stays permitted: a reload may bring new ones.
    ///
    /// # Errors
    /// The call that failed.
    pub fn enter(&self) -> Result<(), Fatal> {
        let keeps = self.uid != 0 && set_keep_capabilities(true).is_ok();
        sys::process::become_user(&self.name, self.uid, self.gid)
            .map_err(|(call, error)| Fatal(format!("{call} to user \"{}\" failed ({})", self.name, Errno(&error))))?;
        if keeps {
            let kept = CapabilitySet::NET_BIND_SERVICE;
            let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
            set_capabilities(None, sets)
                .map_err(|errno| Fatal(format!("capset() failed ({})", Errno(&errno.into()))))?;
        }
        Ok(())
    }
}
