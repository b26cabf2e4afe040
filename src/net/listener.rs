//! Listening sockets: probe, bind and listen with the options of `listen`, before any shard runs.
//!
//! An IP address is bound once for each shard with SO_REUSEPORT, so that the kernel spreads connections; a unix socket
//! is bound once and shared. Knows nothing of what is behind an address, and accepts nothing.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::io::Errno as Number;
use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use crate::model::{Keepalive, ListenAddress, Listener};
use crate::sys;
use crate::sys::errno::Errno;

/// nginx's: a client that says nothing for so long, or somewhat longer, is accepted all the same.
const DEFERRED_S: u16 = 1;

/// Sockets of one address: one for each shard, in the order of the shards.
#[derive(Debug)]
pub struct Bound {
    pub address: ListenAddress,
    pub sockets: Vec<Listening>,
}

/// A listening socket of one shard.
#[derive(Debug)]
pub struct Listening {
    pub fd: OwnedFd,
    /// Whoever started this process listens on it too, and goes on: it is closed and never shut down.
    pub is_passed: bool,
}

impl Listening {
    fn own(socket: Socket) -> Self {
        Self { fd: OwnedFd::from(socket), is_passed: false }
    }

    fn passed(socket: Socket) -> Self {
        Self { fd: OwnedFd::from(socket), is_passed: true }
    }
}

/// A call that a listening socket needed and that failed. Displays as in nginx: `bind() to 0.0.0.0:80 failed (…)`.
#[derive(Debug)]
pub struct BindError {
    pub call: &'static str,
    pub address: ListenAddress,
    pub error: io::Error,
}

impl BindError {
    /// What the operator can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        let errno = self.error.raw_os_error().map(Number::from_raw_os_error);
        match (&self.address, errno) {
            (ListenAddress::Ip(ip), Some(Number::ADDRINUSE)) => {
                format!(
                    "another process listens there; find it with `ss -ltnp sport = :{0}`, or change \"listen\"",
                    ip.port()
                )
            }
            (ListenAddress::Unix(path), Some(Number::ADDRINUSE)) => {
                let path = path.display();
                format!("another process listens there, or one that was killed left the file: `rm {path}`")
            }
            (ListenAddress::Ip(_), Some(Number::ACCESS)) => {
                "ports below 1024 need root or CAP_NET_BIND_SERVICE: `setcap cap_net_bind_service=+ep` on the program"
                    .into()
            }
            (ListenAddress::Unix(path), Some(Number::ACCESS)) => {
                let folder = path.parent().unwrap_or(Path::new("/")).display();
                format!("this user may not write to {folder}")
            }
            (ListenAddress::Unix(path), Some(Number::NOENT)) => {
                let folder = path.parent().unwrap_or(Path::new("/")).display();
                format!("make the folder {folder} first")
            }
            (_, Some(Number::ADDRNOTAVAIL)) => "no interface of this machine has the address".into(),
            (_, Some(Number::MFILE | Number::NFILE)) => {
                "raise the limit of open files (`ulimit -n`, LimitNOFILE=, worker_rlimit_nofile)".into()
            }
            (_, Some(Number::AFNOSUPPORT)) => "this kernel has no such address family".into(),
            _ => "see the system's error".into(),
        }
    }

    /// Whether somebody has the address already.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrInUse
    }
}

/// Fails when somebody has the address, also when its owner uses SO_REUSEPORT and the kernel would let us share it.
///
/// # Errors
/// The call that failed.
pub fn probe(listener: &Listener) -> Result<(), BindError> {
    match &listener.address {
        ListenAddress::Ip(_) => open(listener, false).map(drop),
        // bind(2) never shares a path: an attempt that succeeds would leave the file.
        ListenAddress::Unix(_) => Ok(()),
    }
}

/// Binds an address for `shard_count` shards and listens.
///
/// # Errors
/// The first call that failed; what was bound before is closed again.
pub fn bind(listener: &Listener, shard_count: usize) -> Result<Bound, BindError> {
    let mut sockets = Vec::with_capacity(shard_count);
    match &listener.address {
        ListenAddress::Ip(_) => {
            for _ in 0..shard_count {
                let socket = open(listener, true)?;
                listen(&socket, listener)?;
                sockets.push(Listening::own(socket));
            }
        }
        ListenAddress::Unix(path) => {
            let socket = open(listener, false)?;
            // nginx opens its sockets to all users, who otherwise could not connect to a server that changed its own.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))
                .map_err(failed(listener, "chmod()"))?;
            listen(&socket, listener)?;
            for _ in 1..shard_count {
                let shared = socket.try_clone().map_err(failed(listener, "dup()"))?;
                sockets.push(Listening::own(shared));
            }
            sockets.push(Listening::own(socket));
        }
    }
    Ok(Bound { address: listener.address.clone(), sockets })
}

/// Listens for `shard_count` shards on a socket that was passed to this process, with the options of `listen`. Shards
/// have sockets of their own when the passed one allows that by SO_REUSEPORT (and is of the same user), else all take
/// connections from the one queue.
///
/// # Errors
/// The first call that failed.
pub fn adopt(listener: &Listener, passed: &OwnedFd, shard_count: usize) -> Result<Bound, BindError> {
    let clone = || passed.try_clone().map(Socket::from).map_err(failed(listener, "dup()"));
    let first = clone()?;
    first.set_nonblocking(true).map_err(failed(listener, "fcntl(O_NONBLOCK)"))?;
    listen(&first, listener)?;
    let may_share = matches!(listener.address, ListenAddress::Ip(_)) && first.reuse_port().unwrap_or(false);
    let mut sockets = vec![Listening::passed(first)];
    for _ in 1..shard_count {
        let own = may_share.then(|| open(listener, true).ok()).flatten();
        sockets.push(match own {
            Some(own) => {
                listen(&own, listener)?;
                Listening::own(own)
            }
            None => Listening::passed(clone()?),
        });
    }
    Ok(Bound { address: listener.address.clone(), sockets })
}

fn open(listener: &Listener, reuse_port: bool) -> Result<Socket, BindError> {
    let (domain, address) = match &listener.address {
        ListenAddress::Ip(ip) => (Domain::for_address(*ip), SockAddr::from(*ip)),
        ListenAddress::Unix(path) => (Domain::UNIX, SockAddr::unix(path).map_err(failed(listener, "bind()"))?),
    };
    let socket =
        Socket::new(domain, Type::STREAM.nonblocking().cloexec(), None).map_err(failed(listener, "socket()"))?;
    if let ListenAddress::Ip(ip) = &listener.address {
        socket.set_reuse_address(true).map_err(failed(listener, "setsockopt(SO_REUSEADDR)"))?;
        if ip.is_ipv6() {
            socket.set_only_v6(listener.ipv6only).map_err(failed(listener, "setsockopt(IPV6_V6ONLY)"))?;
        }
        if reuse_port {
            socket.set_reuse_port(true).map_err(failed(listener, "setsockopt(SO_REUSEPORT)"))?;
        }
    }
    socket.bind(&address).map_err(failed(listener, "bind()"))?;
    Ok(socket)
}

/// Options that accepted sockets inherit are set here, once, and not on each connection.
fn listen(socket: &Socket, listener: &Listener) -> Result<(), BindError> {
    if let Some(bytes) = listener.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes).map_err(failed(listener, "setsockopt(SO_RCVBUF)"))?;
    }
    if let Some(bytes) = listener.send_buffer_bytes {
        socket.set_send_buffer_size(bytes).map_err(failed(listener, "setsockopt(SO_SNDBUF)"))?;
    }
    if let ListenAddress::Ip(_) = listener.address {
        // What is written here is written whole: Nagle's algorithm could only delay it.
        socket.set_tcp_nodelay(true).map_err(failed(listener, "setsockopt(TCP_NODELAY)"))?;
        // A socket that was passed may have another's setting.
        let delay_s = if listener.deferred { DEFERRED_S } else { 0 };
        sys::socket::set_accept_delay(socket.as_fd(), delay_s)
            .map_err(failed(listener, "setsockopt(TCP_DEFER_ACCEPT)"))?;
    }
    match (&listener.address, listener.keepalive) {
        (ListenAddress::Unix(_), _) | (_, None) => {}
        (_, Some(Keepalive::Off)) => {
            socket.set_keepalive(false).map_err(failed(listener, "setsockopt(SO_KEEPALIVE)"))?;
        }
        (_, Some(Keepalive::On { idle, interval, count })) => {
            let mut probes = TcpKeepalive::new();
            if let Some(idle) = idle {
                probes = probes.with_time(idle);
            }
            if let Some(interval) = interval {
                probes = probes.with_interval(interval);
            }
            if let Some(count) = count {
                probes = probes.with_retries(count);
            }
            socket.set_tcp_keepalive(&probes).map_err(failed(listener, "setsockopt(SO_KEEPALIVE)"))?;
        }
    }
    let backlog = i32::try_from(listener.backlog).unwrap_or(i32::MAX);
    socket.listen(backlog).map_err(failed(listener, "listen()"))
}

fn failed(listener: &Listener, call: &'static str) -> impl FnOnce(io::Error) -> BindError {
    move |error| BindError { call, address: listener.address.clone(), error }
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { call, address, error } = self;
        let joint = if *call == "bind()" { "to" } else { "for" };
        write!(f, "{call} {joint} {address} failed ({})", Errno(error))
    }
}

impl std::error::Error for BindError {}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use rustix::event::{PollFd, PollFlags};

    use super::*;

    fn listener(address: ListenAddress) -> Listener {
        Listener {
            keepalive: Some(Keepalive::On {
                idle: Some(std::time::Duration::from_secs(60)),
                interval: None,
                count: None,
            }),
            receive_buffer_bytes: Some(65536),
            ..Listener::bare(address)
        }
    }

    fn free_port() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[test]
    fn every_shard_has_a_socket_of_its_own_on_the_same_port() {
        let address = free_port();
        let wanted = listener(ListenAddress::Ip(address));
        probe(&wanted).unwrap();
        let bound = bind(&wanted, 3).unwrap();
        assert_eq!(bound.sockets.len(), 3);
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn accepted_sockets_have_the_options_of_their_listener() {
        let address = free_port();
        let bound = bind(&listener(ListenAddress::Ip(address)), 1).unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let accepted = rustix::net::accept(&bound.sockets[0].fd).unwrap();
        let accepted = socket2::SockRef::from(&accepted);
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), std::time::Duration::from_secs(60));
    }

    #[test]
    fn a_client_is_accepted_when_it_says_something_where_that_is_asked_for() {
        let address = free_port();
        let mut wanted = Listener { deferred: true, ..listener(ListenAddress::Ip(address)) };
        let bound = bind(&wanted, 2).unwrap();
        let delay_s = |socket: &Listening| sys::socket::accept_delay_seconds(socket.fd.as_fd()).unwrap();
        assert!(bound.sockets.iter().all(|socket| delay_s(socket) == 1));
        TcpStream::connect(address).unwrap().write_all(b"x").unwrap();
        let mut polled = bound.sockets.iter().map(|socket| PollFd::new(&socket.fd, PollFlags::IN)).collect::<Vec<_>>();
        assert_eq!(rustix::event::poll(&mut polled, None).unwrap(), 1);
        // A socket that was passed on loses what is not asked for any more.
        wanted.deferred = false;
        let adopted = adopt(&wanted, &bound.sockets[0].fd, 1).unwrap();
        assert_eq!((delay_s(&adopted.sockets[0]), delay_s(&bound.sockets[1])), (0, 1));
    }

    #[test]
    fn a_port_whose_owner_shares_it_is_in_use() {
        let wanted = listener(ListenAddress::Ip(free_port()));
        let _owner = bind(&wanted, 1).unwrap();
        let error = probe(&wanted).unwrap_err();
        assert!(error.is_in_use());
        let text = error.to_string();
        assert!(
            text.starts_with("bind() to 127.0.0.1:") && text.ends_with("failed (98: Address already in use)"),
            "{text}"
        );
        assert!(error.remedy().contains("ss -ltnp"));
    }

    #[test]
    fn a_unix_socket_is_shared_and_its_file_refuses_a_second_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let wanted = listener(ListenAddress::Unix(path.clone()));
        let bound = bind(&wanted, 2).unwrap();
        assert_eq!(bound.sockets.len(), 2);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        drop(bound);
        let error = bind(&wanted, 2).unwrap_err();
        assert!(error.is_in_use());
        assert!(error.remedy().contains("rm "));
    }
}
