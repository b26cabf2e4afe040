//! Connections to peers. Addresses only: what names mean is known before.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::time::Duration;

use crate::model::PeerAddress;
use crate::net::stream::Stream;
use crate::net::timer::within;
use crate::sys;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// How a connection begins on our side.
#[derive(Debug, Clone, Copy, Default)]
pub struct From {
    /// Local address; port 0 leaves the port to the system.
    pub address: Option<SocketAddr>,
    /// TCP keep-alive probes.
    pub keepalive: bool,
}

/// Connects to a peer.
///
/// # Errors
/// The system's, or `TimedOut`.
pub async fn connect(address: &PeerAddress, from: From, timeout: Duration) -> io::Result<Stream> {
    let family = match address {
        PeerAddress::Ip(ip) if ip.is_ipv4() => AddressFamily::INET,
        PeerAddress::Ip(_) => AddressFamily::INET6,
        PeerAddress::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if let (Some(local), PeerAddress::Ip(_)) = (from.address, address) {
        if local.port() == 0 {
            // Where the option is refused an address has its ports once for all peers together.
            let _ = sys::socket::leave_port_to_connect(socket.as_fd());
        }
        rustix::net::bind(&socket, &local)?;
    }
    if from.keepalive && matches!(address, PeerAddress::Ip(_)) {
        rustix::net::sockopt::set_socket_keepalive(&socket, true)?;
    }
    if let PeerAddress::Ip(_) = address {
        // The bare ACK of the handshake waits for the request, which is written as soon as there is a connection. The
        // kernel itself returns to quick ACKs when that is done. Where the option is refused there is one packet more.
        let _ = rustix::net::sockopt::set_tcp_quickack(&socket, false);
    }
    let pending = match begin(&socket, address) {
        Ok(()) => false,
        Err(rustix::io::Errno::INPROGRESS) => !stands_already(&socket, address),
        Err(errno) => return Err(errno.into()),
    };
    let stream = Stream::from_fd(socket)?;
    if pending {
        within(timeout, pin!(stream.connected())).await?;
    }
    Ok(stream)
}

/// A peer on this host has answered before `connect` returns, whatever that says: asking for the name of the other end,
/// which only a connection has, is a fraction of a wait. Elsewhere the question would come too early.
fn stands_already(socket: &OwnedFd, address: &PeerAddress) -> bool {
    matches!(address, PeerAddress::Ip(ip) if ip.ip().is_loopback()) && rustix::net::getpeername(socket).is_ok()
}

fn begin(socket: &OwnedFd, address: &PeerAddress) -> Result<(), rustix::io::Errno> {
    match address {
        PeerAddress::Ip(ip) => rustix::net::connect(socket, ip),
        PeerAddress::Unix(path) => rustix::net::connect(socket, &SocketAddrUnix::new(path)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(address: SocketAddr) -> io::Result<Stream> {
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap();
        let address = PeerAddress::Ip(address);
        runtime.block_on(async { connect(&address, From::default(), Duration::from_secs(60)).await })
    }

    #[test]
    fn a_peer_on_this_host_is_connected_or_refuses() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connected(listener.local_addr().unwrap()).unwrap();
        assert_eq!(stream.write_now(b"x").unwrap(), 1);
        // Bound, so that nobody else listens there.
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &"127.0.0.1:0".parse::<SocketAddr>().unwrap()).unwrap();
        let deaf = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
        assert_eq!(connected(deaf).err().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn what_is_not_connected_does_not_stand() {
        let address = "127.0.0.1:1".parse().unwrap();
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        assert!(!stands_already(&socket.unwrap(), &PeerAddress::Ip(address)));
    }
}
