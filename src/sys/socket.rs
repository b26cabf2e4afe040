//! Receiving into the spare room of a buffer, and options that no crate has a function for.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::RecvFlags;

/// Appends at most `max` bytes that the socket has now. `max` must not exceed the buffer's spare room; more is cut.
///
/// # Errors
/// `AGAIN` when nothing is there, otherwise the socket's error.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut Vec<u8>, max: usize) -> Result<usize, Errno> {
    let filled = buffer.len();
    let room = buffer.spare_capacity_mut();
    let max = max.min(room.len());
    let ((taken, _), _) = rustix::net::recv(socket, &mut room[..max], RecvFlags::DONTWAIT)?;
    let n = taken.len();
    // SAFETY: the call initialized the first `n` bytes of the spare room, and `n` is at most its length.
    unsafe { buffer.set_len(filled + n) };
    Ok(n)
}

/// A socket bound to an address and port 0 gets its port from `connect`: one that is free towards that peer, and not one
/// that the address has used for nobody.
///
/// # Errors
/// The system's.
pub fn leave_port_to_connect(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Has a listening socket give out connections when something has come on them, or after about so many seconds; zero:
/// at once.
///
/// # Errors
/// The system's: the socket is no TCP socket.
pub fn set_accept_delay(socket: BorrowedFd<'_>, seconds: u16) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, libc::c_int::from(seconds))
}

/// Turns Nagle's algorithm off: no write waits until one before it is acknowledged. Unix sockets have none.
pub fn set_nodelay(socket: BorrowedFd<'_>) {
    // Where the option is refused bytes are late, but none is lost.
    let _ = rustix::net::sockopt::set_tcp_nodelay(socket, true);
}

fn set(socket: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option takes an int, which lives over the call and is as long as said.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// An option of TCP. What the kernel leaves out of a longer value is zero.
///
/// # Safety
/// `T` consists of integers.
unsafe fn get<T>(socket: BorrowedFd<'_>, option: libc::c_int) -> io::Result<T> {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: both pointers are valid for the call, the second says how long the value behind the first is, and the
    // kernel writes at most that much.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, option, value.as_mut_ptr().cast(), &raw mut length)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller vouches for integers, and the value was zeroed before it was filled.
    Ok(unsafe { value.assume_init() })
}

/// The other end of the connection that a TCP socket has, or had last: getpeername(2) does not tell of one that is over.
/// `None` where there was none, or the socket is of the other family.
#[must_use]
pub fn last_peer(socket: BorrowedFd<'_>, is_v6: bool) -> Option<SocketAddr> {
    // The kernel refuses to write less than it is given room for.
    let bytes = if is_v6 { size_of::<libc::sockaddr_in6>() } else { size_of::<libc::sockaddr_in>() };
    let ask = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        // SAFETY: both pointers are valid for the call, the second then says less than the value behind the first is long,
        // and the kernel writes at most that much.
        let result = unsafe {
            *length = bytes as libc::socklen_t;
            libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERNAME, storage.cast(), length)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: on success the kernel has written an address, and its length is that of its family.
    let ((), address) = unsafe { socket2::SockAddr::try_init(ask) }.ok()?;
    address.as_socket().filter(|peer| peer.is_ipv6() == is_v6)
}

fn info(socket: BorrowedFd<'_>) -> io::Result<libc::tcp_info> {
    // SAFETY: all fields are integers.
    unsafe { get(socket, libc::TCP_INFO) }
}

/// How many bytes a TCP socket was given that have not left it yet. None in any other.
#[must_use]
pub fn unsent_bytes(socket: BorrowedFd<'_>) -> u32 {
    info(socket).map_or(0, |info| info.tcpi_notsent_bytes)
}

/// All that a TCP socket was given has arrived at the other end's kernel.
#[cfg(test)]
pub fn has_arrived(socket: BorrowedFd<'_>) -> io::Result<bool> {
    info(socket).map(|info| info.tcpi_notsent_bytes == 0 && info.tcpi_unacked == 0)
}

/// How many segments a TCP socket has sent since it was connected, bare ACKs and those of the handshake among them.
#[cfg(test)]
pub fn segments_sent(socket: BorrowedFd<'_>) -> io::Result<u32> {
    info(socket).map(|info| info.tcpi_segs_out)
}

/// What [`set_accept_delay`] has set.
#[cfg(test)]
pub fn accept_delay_seconds(socket: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    // SAFETY: the option is an integer.
    unsafe { get(socket, libc::TCP_DEFER_ACCEPT) }
}

/// How many connections wait to be accepted from a listening TCP socket; `None` of any other.
#[must_use]
pub fn waiting_count(listening: BorrowedFd<'_>) -> Option<usize> {
    // Of one that listens the kernel tells that in place of what is not acknowledged.
    info(listening).ok().map(|info| info.tcpi_unacked as usize)
}

/// Figures of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpInfo {
    pub round_trip_us: u32,
    pub round_trip_variance_us: u32,
    pub congestion_window_packets: u32,
    pub receive_space_bytes: u32,
}

/// What the kernel knows of a TCP connection.
///
/// # Errors
/// The system's: the socket is no TCP socket.
pub fn tcp_info(socket: BorrowedFd<'_>) -> io::Result<TcpInfo> {
    let info = info(socket)?;
    Ok(TcpInfo {
        round_trip_us: info.tcpi_rtt,
        round_trip_variance_us: info.tcpi_rttvar,
        congestion_window_packets: info.tcpi_snd_cwnd,
        receive_space_bytes: info.tcpi_rcv_space,
    })
}
