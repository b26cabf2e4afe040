//! The process as a whole: going to the background, and giving up root.

use std::ffi::CString;
use std::io;

/// A user of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    /// The user's own group.
    pub gid: u32,
}

/// Which of the two processes after a fork this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    Parent,
    Child,
}

/// Makes a second process of this one.
///
/// # Errors
/// When threads run already: they would be missing in the child, with the locks they hold. Else the system's.
pub fn fork() -> io::Result<Fork> {
    let thread_count = std::fs::read_dir("/proc/self/task")?.count();
    if thread_count != 1 {
        return Err(io::Error::other("fork() in a process with threads"));
    }
    // SAFETY: this is the only thread, so the child has all that the parent had, and no lock is held by a thread that
    // the child lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        _ => Ok(Fork::Parent),
    }
}

/// Looks a user up by name.
///
/// # Errors
/// `NotFound` when there is none, else the system's.
pub fn user(name: &str) -> io::Result<User> {
    let name = CString::new(name)?;
    let mut buffer = vec![0u8; 16 << 10];
    let mut found = std::ptr::null_mut();
    // SAFETY: all zero is a valid `passwd`: numbers, and pointers that are null.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    // SAFETY: the name is terminated, the buffer is as long as said, and entry and found live over the call.
    let error =
        unsafe { libc::getpwnam_r(name.as_ptr(), &mut entry, buffer.as_mut_ptr().cast(), buffer.len(), &mut found) };
    match (error, found.is_null()) {
        (0, false) => Ok(User { uid: entry.pw_uid, gid: entry.pw_gid }),
        (0, true) => Err(io::ErrorKind::NotFound.into()),
        (error, _) => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Looks the number of a group up by name.
///
/// # Errors
/// As [`user`].
pub fn group(name: &str) -> io::Result<u32> {
    let name = CString::new(name)?;
    let mut buffer = vec![0u8; 64 << 10];
    let mut found = std::ptr::null_mut();
    // SAFETY: all zero is a valid `group`: a number, and pointers that are null.
    let mut entry: libc::group = unsafe { std::mem::zeroed() };
    // SAFETY: the name is terminated, the buffer is as long as said, and entry and found live over the call.
    let error =
        unsafe { libc::getgrnam_r(name.as_ptr(), &mut entry, buffer.as_mut_ptr().cast(), buffer.len(), &mut found) };
    match (error, found.is_null()) {
        (0, false) => Ok(entry.gr_gid),
        (0, true) => Err(io::ErrorKind::NotFound.into()),
        (error, _) => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Sets the group, the supplementary groups of the user, and the user of all threads, in this order: after the last
/// the first two are no longer permitted. The text of an error names the call.
///
/// # Errors
/// The first call that failed.
pub fn become_user(name: &str, uid: u32, gid: u32) -> Result<(), (&'static str, io::Error)> {
    let terminated = CString::new(name).map_err(|error| ("initgroups()", error.into()))?;
    // SAFETY: setgid takes a number and touches no memory of ours.
    check("setgid()", unsafe { libc::setgid(gid) })?;
    // SAFETY: the name is terminated and lives over the call.
    check("initgroups()", unsafe { libc::initgroups(terminated.as_ptr(), gid) })?;
    // SAFETY: setuid takes a number and touches no memory of ours.
    check("setuid()", unsafe { libc::setuid(uid) })
}

fn check(call: &'static str, result: libc::c_int) -> Result<(), (&'static str, io::Error)> {
    if result == 0 { Ok(()) } else { Err((call, io::Error::last_os_error())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_and_nobody_else_is_made_up() {
        assert_eq!(user("root").unwrap(), User { uid: 0, gid: 0 });
        assert_eq!(group("root").unwrap(), 0);
        assert_eq!(user("no-such-user-here").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(group("no-such-group-here").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
