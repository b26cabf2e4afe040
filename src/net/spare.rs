//! Sockets whose connection is over on both sides, kept to be connected to the same peer anew.
//!
//! To make a TCP socket and to free it costs the kernel about as much as two segments. Once both ends have finished, and
//! know it of each other, what is left of the connection is not the socket's any more (the kernel keeps TIME-WAIT,
//! RFC 9293 3.3.2, by itself). Disconnected (connect(2), `AF_UNSPEC`) it is without addresses, or a byte in its queues.
//!
//! Not all is undone by that: the numbers of the next connection follow those of the last one at a distance that whoever
//! knew these can tell, and another peer's are not to be known (RFC 9293 3.4.1). So nobody else is connected to.
//! The sockets belong to the calling thread, and are bounded in number and time.

use std::cell::RefCell;
use std::net::SocketAddr;
#[cfg(test)]
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(test)]
use std::os::unix::net::UnixStream;

use rustix::io::Errno;

use crate::limits::SPARE_SOCKETS_MAX;
use crate::model::PeerAddress;
use crate::sys::socket::last_peer;

/// As what a socket may be connected anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reuse {
    /// It has an address of its own, options that another connection should not find, or another kind.
    Never,
    /// TCP, and nothing was set but what connections to peers have anyway.
    V4,
    V6,
}

/// A socket that was given up by the stream it was in.
#[derive(Debug)]
pub struct Detached {
    pub fd: OwnedFd,
    pub reuse: Reuse,
}

impl From<OwnedFd> for Detached {
    fn from(fd: OwnedFd) -> Self {
        Self { fd, reuse: Reuse::Never }
    }
}

#[cfg(test)]
impl From<TcpStream> for Detached {
    fn from(stream: TcpStream) -> Self {
        OwnedFd::from(stream).into()
    }
}

#[cfg(test)]
impl From<UnixStream> for Detached {
    fn from(stream: UnixStream) -> Self {
        OwnedFd::from(stream).into()
    }
}

/// A socket that is not connected.
struct Kept {
    /// To which it was.
    peer: SocketAddr,
    fd: OwnedFd,
    /// It was here at the last look.
    is_old: bool,
}

thread_local! {
    /// In the order in which they came.
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

impl Reuse {
    /// That of a socket which is to be connected to a peer.
    pub(super) fn towards(peer: &PeerAddress) -> Self {
        match peer {
            // Any address of this host is another one once it is connected to.
            PeerAddress::Ip(peer) if peer.ip().is_unspecified() => Self::Never,
            PeerAddress::Ip(SocketAddr::V4(_)) => Self::V4,
            PeerAddress::Ip(SocketAddr::V6(_)) => Self::V6,
            PeerAddress::Unix(_) => Self::Never,
        }
    }
}

/// A socket that is not connected, non-blocking and closed on exec; the last one that was kept for the peer.
pub fn take(peer: &SocketAddr) -> Option<OwnedFd> {
    KEPT.with_borrow_mut(|kept| {
        let at = kept.iter().rposition(|each| each.peer == *peer)?;
        Some(kept.remove(at).fd)
    })
}

/// Keeps a socket whose connection is over, or closes it. `undo` is called where it would be kept: false, if an option is left
/// that another connection should not find.
pub fn put(socket: Detached, undo: impl FnOnce(BorrowedFd<'_>) -> bool) {
    // At the end of the thread there is nobody left to keep it for.
    let _ = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < SPARE_SOCKETS_MAX
            && let Some(peer) = disconnect(&socket)
            && undo(socket.fd.as_fd())
        {
            kept.push(Kept { peer, fd: socket.fd, is_old: false });
        }
    });
}

/// Undoes a connection that is over; with whom it was. One that is not would be reset, and is left to its close.
fn disconnect(Detached { fd, reuse }: &Detached) -> Option<SocketAddr> {
    let is_v6 = match reuse {
        Reuse::Never => return None,
        Reuse::V4 => false,
        Reuse::V6 => true,
    };
    // Only a connection that is closed on both sides has no other end any more.
    if rustix::net::getpeername(fd) != Err(Errno::NOTCONN) {
        return None;
    }
    let peer = last_peer(fd.as_fd(), is_v6)?;
    rustix::net::connect_unspec(fd).is_ok().then_some(peer)
}

/// To be called every now and then. Closes what was here at the last call already.
pub fn age() {
    KEPT.with_borrow_mut(|kept| {
        kept.retain(|each| !each.is_old);
        kept.iter_mut().for_each(|each| each.is_old = true);
        if kept.is_empty() {
            *kept = Vec::new();
        }
    });
}

/// Closes all that is kept. False: there is nothing.
pub fn release() -> bool {
    !KEPT.take().is_empty()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};
    use std::os::fd::AsRawFd;

    use super::*;

    /// Both ends of a connection, the near one as this module has them.
    fn connected(listener: &TcpListener, peer: SocketAddr, reuse: Reuse) -> (Detached, TcpStream) {
        let near = TcpStream::connect(peer).unwrap();
        let (far, _) = listener.accept().unwrap();
        (Detached { reuse, ..near.into() }, far)
    }

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = listener.local_addr().unwrap();
        (listener, peer)
    }

    fn finish(near: &Detached, far: &mut TcpStream) {
        rustix::net::shutdown(&near.fd, rustix::net::Shutdown::Write).unwrap();
        far.read_to_end(&mut Vec::new()).unwrap();
        far.shutdown(Shutdown::Write).unwrap();
    }

    fn keep(listener: &TcpListener, peer: SocketAddr) {
        let (near, mut far) = connected(listener, peer, Reuse::V4);
        finish(&near, &mut far);
        put(near, |_| true);
    }

    #[test]
    fn what_both_sides_have_ended_is_connected_anew() {
        for (host, ip) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("127.0.0.1", "::ffff:127.0.0.1")] {
            let listener = TcpListener::bind((host, 0)).unwrap();
            let peer = SocketAddr::new(ip.parse().unwrap(), listener.local_addr().unwrap().port());
            let (near, mut far) = connected(&listener, peer, Reuse::towards(&PeerAddress::Ip(peer)));
            // What nobody reads is not left for the next.
            far.write_all(b"unread").unwrap();
            finish(&near, &mut far);
            let number = near.fd.as_raw_fd();
            put(near, |_| true);
            let again = take(&peer).unwrap();
            assert_eq!(again.as_raw_fd(), number);
            assert!(take(&peer).is_none());
            rustix::net::connect(&again, &peer).unwrap();
            let (mut far, from): (TcpStream, SocketAddr) = listener.accept().unwrap();
            let mut again = TcpStream::from(again);
            assert_eq!(again.local_addr().unwrap().port(), from.port());
            far.write_all(b"answer").unwrap();
            let mut came = [0; 6];
            again.read_exact(&mut came).unwrap();
            assert_eq!(&came, b"answer");
        }
    }

    /// It begins with a number that the last peer can tell.
    #[test]
    fn nobody_else_is_connected_to() {
        let [(one, first), (other, second)] = [listening(), listening()];
        keep(&one, first);
        assert!(take(&second).is_none());
        keep(&other, second);
        keep(&one, first);
        let known = |peer: &SocketAddr| last_peer(take(peer)?.as_fd(), false);
        assert_eq!(known(&first), None, "it is not connected");
        let count = |peer: &SocketAddr| std::iter::from_fn(|| take(peer)).count();
        assert_eq!([count(&first), count(&second)], [1, 1]);
    }

    #[test]
    fn what_a_connection_leaves_behind_decides() {
        let towards = |peer: &str| Reuse::towards(&PeerAddress::Ip(peer.parse().unwrap()));
        assert_eq!([towards("127.0.0.1:80"), towards("[::1]:80")], [Reuse::V4, Reuse::V6]);
        assert_eq!([towards("0.0.0.0:80"), towards("[::]:80")], [Reuse::Never; 2]);
        assert_eq!(Reuse::towards(&PeerAddress::Unix("/peer".into())), Reuse::Never);
    }

    #[test]
    fn one_whose_end_is_not_known_to_both_is_closed_as_any_other() {
        let (listener, peer) = listening();
        // As it is; after the end of the one side; after that of the other.
        for ended in 0..3 {
            let (near, mut far) = connected(&listener, peer, Reuse::V4);
            match ended {
                0 => {}
                1 => rustix::net::shutdown(&near.fd, rustix::net::Shutdown::Write).unwrap(),
                _ => far.shutdown(Shutdown::Write).unwrap(),
            }
            put(near, |_| true);
            assert!(take(&peer).is_none(), "{ended}");
            assert_eq!(far.read_to_end(&mut Vec::new()).unwrap(), 0, "an end, and no reset");
        }
        let (near, mut far) = connected(&listener, peer, Reuse::Never);
        finish(&near, &mut far);
        put(near, |_| true);
        assert!(take(&peer).is_none());
    }

    #[test]
    fn they_are_few_and_not_kept_for_ever() {
        let (listener, peer) = listening();
        let count = || std::iter::from_fn(|| take(&peer)).count();
        (0..=SPARE_SOCKETS_MAX).for_each(|_| keep(&listener, peer));
        assert_eq!(count(), SPARE_SOCKETS_MAX);
        (0..2).for_each(|_| keep(&listener, peer));
        age();
        keep(&listener, peer);
        // The last one is asked for again and again, the others by nobody.
        for left in [3, 1, 1] {
            assert_eq!(KEPT.with_borrow(Vec::len), left);
            drop(take(&peer).unwrap());
            keep(&listener, peer);
            age();
        }
        age();
        assert_eq!(count(), 0);
        keep(&listener, peer);
        assert!(release() && !release());
        assert_eq!(count(), 0);
    }
}
