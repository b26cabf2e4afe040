//! Connections to peers. Addresses only: names were resolved when the generation was built.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::model::PeerAddress;
use crate::net::stream::{Stream, within};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// Connects to a peer.
///
/// # Errors
/// The system's, or `TimedOut`.
pub async fn connect(address: &PeerAddress, timeout: Duration) -> io::Result<Stream> {
    let family = match address {
        PeerAddress::Ip(ip) if ip.is_ipv4() => AddressFamily::INET,
        PeerAddress::Ip(_) => AddressFamily::INET6,
        PeerAddress::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    let pending = match begin(&socket, address) {
        Ok(()) => false,
        Err(rustix::io::Errno::INPROGRESS) => true,
        Err(errno) => return Err(errno.into()),
    };
    let stream = Stream::from_fd(socket)?;
    if pending {
        within(timeout, stream.connected()).await?;
    }
    Ok(stream)
}

fn begin(socket: &OwnedFd, address: &PeerAddress) -> Result<(), rustix::io::Errno> {
    match address {
        PeerAddress::Ip(ip) => rustix::net::connect(socket, ip),
        PeerAddress::Unix(path) => rustix::net::connect(socket, &SocketAddrUnix::new(path)?),
    }
}
