//! Non-blocking calls on connected stream sockets, with the answers a mover of bytes acts on.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, sockopt};

use crate::model::TunnelKeepalive;

/// What one non-blocking call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// This many bytes, at least one.
    Bytes(usize),
    /// Nothing now; readiness will be reported.
    Blocked,
    /// Reading only: the other end has finished.
    End,
    /// The socket failed with this errno.
    Failed(i32),
}

impl Moved {
    pub(crate) fn of(result: Result<usize, Errno>) -> Moved {
        match result {
            Ok(0) => Moved::End,
            Ok(bytes) => Moved::Bytes(bytes),
            Err(Errno::AGAIN) => Moved::Blocked,
            Err(errno) => Moved::Failed(errno.raw_os_error()),
        }
    }
}

/// Repeats a call while a signal interrupts it.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Reads what is there into `buffer`, which must not be empty.
pub fn recv(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Moved {
    Moved::of(uninterrupted(|| rustix::net::recv(socket, &mut *buffer, RecvFlags::DONTWAIT).map(|(read, _)| read)))
}

/// What a read would find; it is left there.
pub fn peek(socket: BorrowedFd<'_>) -> Moved {
    let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
    Moved::of(uninterrupted(|| rustix::net::recv(socket, &mut [0u8][..], flags).map(|(read, _)| read)))
}

/// Writes as much of `bytes`, which must not be empty, as fits. Never raises SIGPIPE.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> Moved {
    Moved::of(uninterrupted(|| rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)))
}

/// The socket may take what a socket that reports room takes. Where it may not, the coming of room is an edge.
pub fn has_room(socket: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    // An error is for the write to find.
    uninterrupted(|| poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))) != Ok(0)
}

/// TCP's own probes. Has no meaning on a unix socket.
pub fn set_keepalive(socket: BorrowedFd<'_>, keepalive: &TunnelKeepalive) {
    let user_timeout_ms = u32::try_from(keepalive.user_timeout.as_millis()).unwrap_or(u32::MAX);
    // Where an option is refused the tunnel works as it does without.
    let _ = sockopt::set_socket_keepalive(socket, true)
        .and_then(|()| sockopt::set_tcp_keepidle(socket, keepalive.idle))
        .and_then(|()| keepalive.interval.map_or(Ok(()), |interval| sockopt::set_tcp_keepintvl(socket, interval)))
        .and_then(|()| keepalive.count.map_or(Ok(()), |count| sockopt::set_tcp_keepcnt(socket, count)))
        .and_then(|()| sockopt::set_tcp_user_timeout(socket, user_timeout_ms));
}

/// Undoes it. False: something is left that the next connection of the socket would have.
pub fn unset_keepalive(socket: BorrowedFd<'_>, keepalive: &TunnelKeepalive) -> bool {
    // The time before the first probe is left, and set wherever probes are. What the system has for the rest is not known.
    keepalive.interval.is_none()
        && keepalive.count.is_none()
        && sockopt::set_socket_keepalive(socket, false).is_ok()
        && sockopt::set_tcp_user_timeout(socket, 0).is_ok()
}

/// Sends FIN after what is already written. On a socket that has failed there is nothing to pass on.
pub fn finish(socket: BorrowedFd<'_>) {
    // ENOTCONN is a reset that the next call on the socket reports.
    let _ = rustix::net::shutdown(socket, Shutdown::Write);
}

/// Makes the coming close send RST instead of FIN. Has no meaning, and no effect, on a unix socket.
pub fn reset_on_close(socket: BorrowedFd<'_>) {
    // Where the option is refused, the close is a plain one.
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

/// Takes the pending error of a socket.
pub fn take_error(socket: BorrowedFd<'_>) -> Option<i32> {
    match sockopt::socket_error(socket) {
        Ok(Ok(())) => None,
        Ok(Err(errno)) | Err(errno) => Some(errno.raw_os_error()),
    }
}

/// The other end went away, as opposed to a failure on the way to it.
pub fn is_reset(errno: i32) -> bool {
    [Errno::CONNRESET, Errno::PIPE, Errno::CONNABORTED].iter().any(|each| each.raw_os_error() == errno)
}
