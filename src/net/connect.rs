//! Connections to peers. Addresses only: what names mean is known before.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::time::Duration;

use crate::model::PeerAddress;
use crate::net::spare::{self, Detached, Reuse};
use crate::net::stream::Stream;
use crate::net::timer::within;
use crate::sys;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// How a connection begins on our side.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin {
    /// Local address; port 0 leaves the port to the system.
    pub address: Option<SocketAddr>,
    /// TCP keep-alive probes.
    pub keepalive: bool,
}

/// A connection that was begun.
pub enum Begun {
    /// It stands, and so many bytes have been written.
    Stands(Stream, usize),
    /// Whether it will stand is not known yet, and nothing is written.
    Pending(Stream),
}

impl Begun {
    /// Waits until it stands.
    ///
    /// # Errors
    /// Why it could not be made, or `TimedOut`.
    pub async fn settled(self, timeout: Duration) -> io::Result<Stream> {
        match self {
            Self::Stands(stream, _) => Ok(stream),
            Self::Pending(stream) => {
                within(timeout, pin!(stream.connected())).await?;
                Ok(stream)
            }
        }
    }
}

/// Begins a connection to a peer. If a peer on this host takes it at once, so much of `first` is written as it takes.
///
/// # Errors
/// The system's: there is no connection, and nothing was written.
pub fn begin(address: &PeerAddress, from: Origin, first: &[&[u8]]) -> io::Result<Begun> {
    let family = match address {
        PeerAddress::Ip(ip) if ip.is_ipv4() => AddressFamily::INET,
        PeerAddress::Ip(_) => AddressFamily::INET6,
        PeerAddress::Unix(_) => AddressFamily::UNIX,
    };
    let is_usual = from.address.is_none() && !from.keepalive;
    let reuse = if is_usual { Reuse::towards(address) } else { Reuse::Never };
    let kept = match address {
        PeerAddress::Ip(peer) if reuse != Reuse::Never => spare::take(peer),
        PeerAddress::Ip(_) | PeerAddress::Unix(_) => None,
    };
    let socket = kept.map_or_else(|| unconnected(family), Ok)?;
    if let PeerAddress::Ip(_) = address {
        if !is_usual {
            prepare(&socket, from)?;
        }
        if !first.is_empty() {
            // The bare ACK of the handshake waits for the request, which is written as soon as there is a connection. The
            // kernel itself returns to quick ACKs when that is done. Where the option is refused there is one packet more.
            // Where nothing is said first a peer that is to speak would hear of the connection late.
            let _ = rustix::net::sockopt::set_tcp_quickack(&socket, false);
        }
    }
    let called = call(&socket, address);
    let stream = Stream::of_peer(Detached { fd: socket, reuse });
    match (called, address) {
        (Ok(()), _) => Ok(Begun::Stands(stream, 0)),
        (Err(Errno::INPROGRESS), PeerAddress::Ip(ip)) if ip.ip().is_loopback() => tried(stream, first),
        (Err(Errno::INPROGRESS), _) => Ok(Begun::Pending(stream)),
        (Err(errno), _) => Err(errno.into()),
    }
}

fn unconnected(family: AddressFamily) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let make = || rustix::net::socket_with(family, SocketType::STREAM, flags, None);
    match make() {
        // Those kept for other peers have descriptors.
        Err(Errno::MFILE | Errno::NFILE) if spare::release() => make(),
        made => made,
    }
}

/// Few connections ask for it.
#[cold]
#[inline(never)]
fn prepare(socket: &OwnedFd, from: Origin) -> Result<(), Errno> {
    if let Some(local) = from.address {
        if local.port() == 0 {
            // Where the option is refused an address has its ports once for all peers together.
            let _ = sys::socket::leave_port_to_connect(socket.as_fd());
        }
        rustix::net::bind(socket, &local)?;
    }
    if from.keepalive {
        rustix::net::sockopt::set_socket_keepalive(socket, true)?;
    }
    Ok(())
}

fn call(socket: &OwnedFd, address: &PeerAddress) -> Result<(), Errno> {
    match address {
        PeerAddress::Ip(ip) => rustix::net::connect(socket, ip),
        PeerAddress::Unix(path) => rustix::net::connect(socket, &SocketAddrUnix::new(path)?),
    }
}

/// A peer on this host has mostly answered before `connect` returns, whatever that says. The first write tells: it is
/// taken, or finds no connection yet, or the reason why there is none. Who has nothing to write asks for the name of the
/// other end, which only a connection has.
fn tried(stream: Stream, first: &[&[u8]]) -> io::Result<Begun> {
    if first.is_empty() {
        let stands = rustix::net::getpeername(stream.fd()).is_ok();
        return Ok(if stands { Begun::Stands(stream, 0) } else { Begun::Pending(stream) });
    }
    match stream.write_parts_now(first)? {
        0 => Ok(Begun::Pending(stream)),
        written => Ok(Begun::Stands(stream, written)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    /// What becomes of a connection, and how many of the bytes given to it went out with its begin.
    fn connected(address: SocketAddr, first: &[&[u8]], timeout: Duration) -> io::Result<(Stream, usize)> {
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap();
        runtime.block_on(async {
            let begun = begin(&PeerAddress::Ip(address), Origin::default(), first)?;
            let written = match begun {
                Begun::Stands(_, written) => written,
                Begun::Pending(_) => 0,
            };
            Ok((begun.settled(timeout).await?, written))
        })
    }

    /// A socket that has an address, at which nobody else can listen.
    fn bound() -> (OwnedFd, SocketAddr) {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &"127.0.0.1:0".parse::<SocketAddr>().unwrap()).unwrap();
        let address = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
        (socket, address)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_said_first_tells_that_a_peer_on_this_host_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (_stream, written) = connected(address, &[b"a", b"", b"bc"], LONG).unwrap();
        assert_eq!(written, 3);
        let mut came = [0; 3];
        listener.accept().unwrap().0.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"abc");
        let (stream, written) = connected(address, &[], LONG).unwrap();
        assert_eq!((written, stream.write_now(b"x").unwrap()), (0, 1));
    }

    /// The ACK of the handshake is one by itself, or goes with what is said first. A socket that serves again is no different.
    #[test]
    fn a_peer_hears_of_a_connection_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut last = None;
        for first in [&[][..], &[&b"x"[..]], &[], &[b"x"]] {
            let (stream, written) = connected(address, first, LONG).unwrap();
            assert_eq!((written, sys::socket::segments_sent(stream.fd()).unwrap()), (first.len(), 2));
            let near = stream.detach().unwrap();
            assert_eq!(near.reuse, Reuse::V4);
            let cookie = rustix::net::sockopt::socket_cookie(&near.fd).unwrap();
            assert_eq!(*last.get_or_insert(cookie), cookie, "another socket");
            rustix::net::shutdown(&near.fd, rustix::net::Shutdown::Both).unwrap();
            let (mut far, _) = listener.accept().unwrap();
            far.read_to_end(&mut Vec::new()).unwrap();
            drop(far);
            spare::put(near, |_| true);
        }
    }

    #[test]
    fn a_peer_on_this_host_that_refuses_is_not_connected() {
        let (_socket, deaf) = bound();
        for first in [&[][..], &[&b"x"[..]]] {
            assert_eq!(connected(deaf, first, LONG).err().unwrap().kind(), io::ErrorKind::ConnectionRefused);
        }
    }

    #[test]
    fn a_peer_that_does_not_answer_is_waited_for() {
        let (socket, address) = bound();
        rustix::net::listen(&socket, 0).unwrap();
        // It has room for one that nobody has accepted.
        let _first = std::net::TcpStream::connect(address).unwrap();
        let error = connected(address, &[b"x"], Duration::from_millis(1)).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
