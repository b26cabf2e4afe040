//! Descriptors of types that only tell their number.

use std::os::fd::{AsRawFd, BorrowedFd};

/// The descriptor of a runtime listener, for as long as the listener is borrowed.
#[must_use]
pub fn of_listener(listener: &monoio::net::TcpListener) -> BorrowedFd<'_> {
    // SAFETY: the listener owns the descriptor and closes it only when dropped, which the borrow's lifetime rules out; the
    // number is never -1, since the listener was made from an open socket.
    unsafe { BorrowedFd::borrow_raw(listener.as_raw_fd()) }
}

/// The same for a listener that stands for a descriptor which is only watched.
#[must_use]
pub fn of_watched(watched: &monoio::net::UnixListener) -> BorrowedFd<'_> {
    // SAFETY: as for `of_listener`.
    unsafe { BorrowedFd::borrow_raw(watched.as_raw_fd()) }
}
