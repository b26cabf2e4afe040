//! Sockets whose connection is over on both sides, kept to be connected anew.
//!
//! To make a TCP socket and to free it costs the kernel about as much as two segments. Once both ends have finished, and
//! know it of each other, what is left of the connection is not the socket's any more (the kernel keeps TIME-WAIT,
//! RFC 9293 3.3.2, by itself). Disconnected (connect(2), `AF_UNSPEC`) it is as it was made: without addresses, numbers,
//! or a byte in its queues. The lists belong to the calling thread, and are bounded in number and time.

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

/// Sockets that are not connected.
struct Spare {
    v4: Vec<OwnedFd>,
    v6: Vec<OwnedFd>,
    /// One was asked for since the last look.
    is_wanted: bool,
}

thread_local! {
    static SPARE: RefCell<Spare> = const { RefCell::new(Spare { v4: Vec::new(), v6: Vec::new(), is_wanted: false }) };
}

impl Spare {
    fn of(&mut self, reuse: Reuse) -> Option<&mut Vec<OwnedFd>> {
        match reuse {
            Reuse::Never => None,
            Reuse::V4 => Some(&mut self.v4),
            Reuse::V6 => Some(&mut self.v6),
        }
    }
}

impl Reuse {
    /// That of a socket which is to be connected to a peer.
    pub(super) fn towards(peer: &PeerAddress) -> Self {
        match peer {
            PeerAddress::Ip(SocketAddr::V4(_)) => Self::V4,
            // A socket that was connected to a mapped address speaks IPv4 for ever, and one to an address with a zone stays
            // on its link.
            PeerAddress::Ip(SocketAddr::V6(peer)) if peer.ip().to_ipv4_mapped().is_none() && peer.scope_id() == 0 => {
                Self::V6
            }
            PeerAddress::Ip(SocketAddr::V6(_)) | PeerAddress::Unix(_) => Self::Never,
        }
    }
}

/// A socket that is not connected, non-blocking and closed on exec; the last one that was kept.
pub fn take(reuse: Reuse) -> Option<OwnedFd> {
    SPARE.with_borrow_mut(|spare| {
        spare.is_wanted = true;
        spare.of(reuse)?.pop()
    })
}

/// Keeps a socket whose connection is over, or closes it. `undo` is called where it would be kept: false, if an option is left
/// that another connection should not find.
pub fn put(socket: Detached, undo: impl FnOnce(BorrowedFd<'_>) -> bool) {
    // At the end of the thread there is nobody left to keep it for.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if let Some(kept) = spare.of(socket.reuse)
            && kept.len() < SPARE_SOCKETS_MAX
            && disconnect(&socket.fd)
            && undo(socket.fd.as_fd())
        {
            kept.push(socket.fd);
        }
    });
}

/// Undoes a connection that is over. One that is not would be reset, and is left to its close.
fn disconnect(socket: &OwnedFd) -> bool {
    // Only a connection that is closed on both sides has no other end any more.
    rustix::net::getpeername(socket) == Err(Errno::NOTCONN) && rustix::net::connect_unspec(socket).is_ok()
}

/// To be called every now and then. Closes what is kept, if none was asked for since the last call.
pub fn age() {
    let is_wanted = SPARE.with_borrow_mut(|spare| std::mem::take(&mut spare.is_wanted));
    if !is_wanted {
        release();
    }
}

/// Closes all that is kept.
pub fn release() {
    SPARE.with_borrow_mut(|spare| (spare.v4, spare.v6) = (Vec::new(), Vec::new()));
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};
    use std::os::fd::AsRawFd;

    use super::*;

    /// Both ends of a connection, the near one as this module has them.
    fn connected(listener: &TcpListener, reuse: Reuse) -> (Detached, TcpStream) {
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        (Detached { reuse, ..near.into() }, far)
    }

    fn finish(near: &Detached, far: &mut TcpStream) {
        rustix::net::shutdown(&near.fd, rustix::net::Shutdown::Write).unwrap();
        far.read_to_end(&mut Vec::new()).unwrap();
        far.shutdown(Shutdown::Write).unwrap();
    }

    #[test]
    fn what_both_sides_have_ended_is_connected_anew() {
        for (address, reuse, other) in [("127.0.0.1:0", Reuse::V4, Reuse::V6), ("[::1]:0", Reuse::V6, Reuse::V4)] {
            let listener = TcpListener::bind(address).unwrap();
            let (near, mut far) = connected(&listener, reuse);
            // What nobody reads is not left for the next.
            far.write_all(b"unread").unwrap();
            finish(&near, &mut far);
            let number = near.fd.as_raw_fd();
            put(near, |_| true);
            assert!(take(other).is_none() && take(Reuse::Never).is_none());
            let again = take(reuse).unwrap();
            assert_eq!(again.as_raw_fd(), number);
            assert!(take(reuse).is_none());
            rustix::net::connect(&again, &listener.local_addr().unwrap()).unwrap();
            let (mut far, from): (TcpStream, SocketAddr) = listener.accept().unwrap();
            let mut again = TcpStream::from(again);
            assert_eq!(again.local_addr().unwrap(), from);
            far.write_all(b"answer").unwrap();
            let mut came = [0; 6];
            again.read_exact(&mut came).unwrap();
            assert_eq!(&came, b"answer");
        }
    }

    #[test]
    fn what_a_connection_leaves_behind_decides() {
        let towards = |peer: &str| Reuse::towards(&PeerAddress::Ip(peer.parse().unwrap()));
        assert_eq!([towards("127.0.0.1:80"), towards("[::1]:80")], [Reuse::V4, Reuse::V6]);
        assert_eq!([towards("[::ffff:127.0.0.1]:80"), towards("[fe80::1%2]:80")], [Reuse::Never; 2]);
        assert_eq!(Reuse::towards(&PeerAddress::Unix("/peer".into())), Reuse::Never);
    }

    #[test]
    fn one_whose_end_is_not_known_to_both_is_closed_as_any_other() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // As it is; after the end of the one side; after that of the other.
        for ended in 0..3 {
            let (near, mut far) = connected(&listener, Reuse::V4);
            match ended {
                0 => {}
                1 => rustix::net::shutdown(&near.fd, rustix::net::Shutdown::Write).unwrap(),
                _ => far.shutdown(Shutdown::Write).unwrap(),
            }
            put(near, |_| true);
            assert!(take(Reuse::V4).is_none(), "{ended}");
            assert_eq!(far.read_to_end(&mut Vec::new()).unwrap(), 0, "an end, and no reset");
        }
        let (near, mut far) = connected(&listener, Reuse::Never);
        finish(&near, &mut far);
        put(near, |_| true);
        assert!(take(Reuse::V4).is_none() && take(Reuse::V6).is_none());
    }

    #[test]
    fn they_are_few_and_not_kept_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let keep = |count: usize| {
            for _ in 0..count {
                let (near, mut far) = connected(&listener, Reuse::V4);
                finish(&near, &mut far);
                put(near, |_| true);
            }
        };
        let count = || std::iter::from_fn(|| take(Reuse::V4)).count();
        keep(SPARE_SOCKETS_MAX + 1);
        assert_eq!(count(), SPARE_SOCKETS_MAX);
        keep(2);
        age();
        let kept = SPARE.with_borrow(|spare| spare.v4.len());
        assert_eq!(kept, 2, "others were asked for just now");
        age();
        assert_eq!(count(), 0);
        keep(1);
        release();
        assert_eq!(count(), 0);
    }
}
