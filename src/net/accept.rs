//! Accepting connections on one listening socket of a shard, in batches.
//!
//! Waits by readiness and then takes connections with accept4: an accept operation of the runtime that is dropped would
//! leak the connection it was about to return. Logs nothing: what the caller must know is in [`Refused`].

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use monoio::net::TcpListener;
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags};

use crate::limits::ACCEPT_BATCH_COUNT;
use crate::net::listener::Listening;
use crate::sys;

/// Who connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddress {
    Ip(SocketAddr),
    /// Unix sockets of clients have no name.
    Unix,
}

/// `$remote_addr`: the address without the port.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.ip().fmt(f),
            Self::Unix => f.write_str("unix:"),
        }
    }
}

/// A connection that was just accepted: non-blocking, closed on exec.
#[derive(Debug)]
pub struct Accepted {
    pub fd: OwnedFd,
    pub client: ClientAddress,
}

/// Why a batch ended before the queue was empty.
#[derive(Debug)]
pub enum Refused {
    /// No descriptor or memory is left (EMFILE, ENFILE, ENOBUFS, ENOMEM): waiting for readiness would return at once
    /// for ever, so the caller pauses.
    Exhausted(io::Error),
    /// The listening socket itself is unusable.
    Broken(io::Error),
}

/// One listening socket on its shard.
pub struct Acceptor {
    socket: TcpListener,
    is_passed: bool,
    /// The kernel tells how many connections wait.
    is_counted: bool,
}

impl Acceptor {
    /// Takes over a listening, non-blocking socket, TCP or unix.
    ///
    /// # Errors
    /// When the runtime cannot register the descriptor.
    pub fn new(listening: Listening) -> io::Result<Self> {
        let Listening { fd, is_passed } = listening;
        // The runtime's type for TCP carries any listening socket: only its readiness is used.
        let socket = TcpListener::from_std(std::net::TcpListener::from(fd))?;
        let is_counted = sys::socket::waiting_count(sys::fd::of_listener(&socket)).is_some();
        Ok(Self { socket, is_passed, is_counted })
    }

    /// Waits until a connection waits.
    ///
    /// # Errors
    /// When the ring refuses the wait.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable(true).await
    }

    /// Takes connections and serves them, until none waits (`false`), or those that waited are taken, or so many as are a
    /// batch (`true`). Connections that ended before they were taken are skipped.
    ///
    /// # Errors
    /// [`Refused`]; connections taken before are served.
    pub fn take(&self, mut serve: impl FnMut(Accepted)) -> Result<bool, Refused> {
        let socket = sys::fd::of_listener(&self.socket);
        // An attempt that finds none costs several times what it costs to ask before: the kernel makes its socket first.
        let waiting_count = if self.is_counted { sys::socket::waiting_count(socket) } else { None };
        let tries = waiting_count.filter(|count| *count > 0).unwrap_or(ACCEPT_BATCH_COUNT).min(ACCEPT_BATCH_COUNT);
        for _ in 0..tries {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match rustix::net::acceptfrom_with(socket, flags) {
                Ok((fd, address)) => serve(Accepted { fd, client: client_of(address) }),
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => {
                    if let Some(refused) = refused(error) {
                        return Err(refused);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Stops listening now. Dropping alone does so only once the ring has given the descriptor back.
    pub fn close(self) {
        if self.is_passed {
            // What arrives from now on waits for whoever is started next.
            return;
        }
        // ENOTCONN: another shard has closed the unix socket that they share.
        let _ = rustix::net::shutdown(sys::fd::of_listener(&self.socket), rustix::net::Shutdown::Both);
    }

    /// Takes the connections that wait and closes them at once, with the descriptor kept in reserve: their clients
    /// learn that there is no place instead of waiting for one.
    pub fn shed(&self, reserve: &Reserve) {
        reserve.lend(|| {
            for _ in 0..ACCEPT_BATCH_COUNT {
                match rustix::net::accept_with(sys::fd::of_listener(&self.socket), SocketFlags::CLOEXEC) {
                    Ok(fd) => drop(fd),
                    Err(_) => return,
                }
            }
        });
    }
}

/// Why an error of accept4 ends a batch. `None` for those that tell of the connection and not of the listener (accept(2),
/// "Error handling").
fn refused(error: Errno) -> Option<Refused> {
    match error {
        Errno::CONNABORTED
        | Errno::INTR
        | Errno::PROTO
        | Errno::NETDOWN
        | Errno::NOPROTOOPT
        | Errno::HOSTDOWN
        | Errno::NONET
        | Errno::HOSTUNREACH
        | Errno::OPNOTSUPP
        | Errno::NETUNREACH
        | Errno::PERM => None,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => Some(Refused::Exhausted(error.into())),
        _ => Some(Refused::Broken(error.into())),
    }
}

fn client_of(address: Option<SocketAddrAny>) -> ClientAddress {
    match address.map(SocketAddr::try_from) {
        Some(Ok(ip)) => ClientAddress::Ip(ip),
        Some(Err(_)) | None => ClientAddress::Unix,
    }
}

/// A descriptor kept so that a process with none left can still accept a connection to close it.
pub struct Reserve(RefCell<Option<OwnedFd>>);

impl Reserve {
    /// Opens the reserve.
    ///
    /// # Errors
    /// When already no descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(RefCell::new(Some(open_null()?))))
    }

    fn lend(&self, with_it: impl FnOnce()) {
        drop(self.0.borrow_mut().take());
        with_it();
        // Somebody else may have been faster: then there is none until a later call finds one.
        *self.0.borrow_mut() = open_null().ok();
    }
}

fn open_null() -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::{Duration, Instant};

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().build().unwrap().block_on(test);
    }

    /// How many were served, and whether there may be more.
    fn taken(acceptor: &Acceptor) -> (usize, bool) {
        let mut served = 0;
        let has_more = acceptor.take(|_| served += 1).unwrap();
        (served, has_more)
    }

    #[test]
    fn an_error_of_one_connection_ends_no_batch_and_a_want_of_descriptors_no_listener() {
        for of_connection in [Errno::CONNABORTED, Errno::INTR, Errno::PROTO, Errno::HOSTUNREACH, Errno::PERM] {
            assert!(refused(of_connection).is_none(), "{of_connection}");
        }
        for exhausted in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(matches!(refused(exhausted), Some(Refused::Exhausted(_))), "{exhausted}");
        }
        for broken in [Errno::BADF, Errno::INVAL, Errno::NOTSOCK] {
            assert!(matches!(refused(broken), Some(Refused::Broken(_))), "{broken}");
        }
    }

    #[test]
    fn those_that_wait_are_counted_and_taken() {
        run(async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let address = listener.local_addr().unwrap();
            let acceptor = Acceptor::new(Listening { fd: listener.into(), is_passed: false }).unwrap();
            assert!(acceptor.is_counted);
            let connect = |count: usize| {
                let clients: Vec<_> = (0..count).map(|_| TcpStream::connect(address).unwrap()).collect();
                // A client may know of its connection a moment before the listener does.
                let deadline = Instant::now() + Duration::from_secs(30);
                while sys::socket::waiting_count(sys::fd::of_listener(&acceptor.socket)) != Some(count) {
                    assert!(Instant::now() < deadline, "not all connections came");
                    std::thread::yield_now();
                }
                clients
            };
            for count in [3, 1] {
                let _clients = connect(count);
                assert_eq!(taken(&acceptor), (count, true));
                assert_eq!(taken(&acceptor), (0, false));
            }
            let _clients = connect(ACCEPT_BATCH_COUNT + 1);
            assert_eq!(taken(&acceptor), (ACCEPT_BATCH_COUNT, true));
            assert_eq!(taken(&acceptor), (1, true));
        });
    }

    #[test]
    fn at_a_socket_that_does_not_count_they_are_taken_until_none_is_left() {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("socket");
            let listener = UnixListener::bind(&path).unwrap();
            listener.set_nonblocking(true).unwrap();
            let acceptor = Acceptor::new(Listening { fd: listener.into(), is_passed: false }).unwrap();
            assert!(!acceptor.is_counted);
            let _clients = [UnixStream::connect(&path).unwrap(), UnixStream::connect(&path).unwrap()];
            assert_eq!(taken(&acceptor), (2, false));
        });
    }
}
