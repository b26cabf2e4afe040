//! A syslog server (RFC 3164): each line is one datagram, sent through a connected socket that never waits.
//!
//! A line that cannot be sent is lost and counted. After a failure the socket is made anew, so a server that comes back
//! is found again.

use std::fmt;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use rustix::net::{AddressFamily, SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use super::clock;
use super::losses::Losses;
use crate::model::{PeerAddress, Syslog};
use crate::sys::errno::Errno;

/// `<191>`, time, the longest host name, the longest tag, and what stands between.
const HEADER_BYTES_MAX: usize = 160;

/// Sockets that senders of the process hold.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Sends lines to one server.
#[derive(Debug)]
pub struct Sender {
    settings: Syslog,
    /// Between the time and the text.
    name: Box<str>,
    socket: RwLock<Option<Socket>>,
    losses: Losses,
}

#[derive(Debug)]
struct Socket(OwnedFd);

/// A line could not be sent, and it is time to say so.
#[derive(Debug)]
pub struct SendError {
    address: PeerAddress,
    cause: io::Error,
    lost_count: u64,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, cause, lost_count } = self;
        let errno = Errno(cause);
        write!(f, "send() failed ({errno}) while logging to syslog, server: {address}, {lost_count} lines lost so far")
    }
}

/// Sockets open to syslog servers now.
#[must_use]
pub fn open_count() -> usize {
    OPEN.load(Ordering::Relaxed)
}

impl Sender {
    /// Connects; if that fails, the first line tries again.
    #[must_use]
    pub fn new(settings: &Syslog) -> Self {
        let tag = &settings.tag;
        let name = if settings.has_hostname { format!("{} {tag}: ", hostname()) } else { format!("{tag}: ") };
        let socket = RwLock::new(Socket::connect(&settings.address).ok());
        Self { settings: settings.clone(), name: name.into(), socket, losses: Losses::default() }
    }

    #[must_use]
    pub fn settings(&self) -> &Syslog {
        &self.settings
    }

    /// Sends a line, which has no line feed. `severity` takes the place of the configured one.
    ///
    /// # Errors
    /// The failure, if it should be reported.
    pub fn send(&self, severity: Option<u8>, line: &[u8]) -> Result<(), SendError> {
        let mut header = [0; HEADER_BYTES_MAX];
        let priority = self.settings.facility * 8 + severity.unwrap_or(self.settings.severity);
        let mut rest = &mut header[..];
        // A host name that does not fit is cut.
        let _ = write!(rest, "<{priority}>{} {}", clock::syslog_time().as_str(), self.name);
        let unused = rest.len();
        let header = &header[..HEADER_BYTES_MAX - unused];
        let Err(cause) = self.send_datagram(&[IoSlice::new(header), IoSlice::new(line)]) else { return Ok(()) };
        match self.losses.add(1, clock::unix_seconds()) {
            true => {
                let address = self.settings.address.clone();
                Err(SendError { address, cause, lost_count: self.losses.total() })
            }
            false => Ok(()),
        }
    }

    fn send_datagram(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let socket = self.socket.read().unwrap_or_else(PoisonError::into_inner);
        let sent = match &*socket {
            Some(socket) => socket.send(parts),
            None => {
                drop(socket);
                let mut socket = self.socket.write().unwrap_or_else(PoisonError::into_inner);
                if socket.is_none() {
                    *socket = Some(Socket::connect(&self.settings.address)?);
                }
                return socket.as_ref().map_or(Ok(()), |socket| socket.send(parts));
            }
        };
        drop(socket);
        // A full queue passes. Anything else may mean another server behind the same address; with UDP it is the answer
        // to a line before, and this one can still go out.
        if sent.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            let mut socket = self.socket.write().unwrap_or_else(PoisonError::into_inner);
            // What failed first is what is told.
            *socket = Socket::connect(&self.settings.address).ok().filter(|socket| socket.send(parts).is_ok());
        }
        sent
    }
}

impl Socket {
    fn connect(address: &PeerAddress) -> io::Result<Self> {
        let open = |family| {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            rustix::net::socket_with(family, SocketType::DGRAM, flags, None)
        };
        let socket = match address {
            PeerAddress::Ip(address) => {
                let socket = open(if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 })?;
                rustix::net::connect(&socket, address)?;
                socket
            }
            PeerAddress::Unix(path) => {
                let socket = open(AddressFamily::UNIX)?;
                rustix::net::connect(&socket, &SocketAddrUnix::new(path.as_path())?)?;
                socket
            }
        };
        OPEN.fetch_add(1, Ordering::Relaxed);
        Ok(Self(socket))
    }

    fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::sendmsg(self.0.as_fd(), parts, &mut SendAncillaryBuffer::default(), flags)?;
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    fn settings(address: PeerAddress) -> Syslog {
        Syslog { address, facility: 23, severity: 6, tag: "nginx".into(), has_hostname: true }
    }

    fn server() -> (UdpSocket, PeerAddress) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let address = PeerAddress::Ip(socket.local_addr().unwrap());
        (socket, address)
    }

    fn received(socket: &UdpSocket) -> String {
        let mut datagram = [0; 4096];
        let length = socket.recv(&mut datagram).unwrap();
        String::from_utf8(datagram[..length].to_vec()).unwrap()
    }

    /// With a `0` for each digit of the time, and a letter for the month.
    fn masked(datagram: &str) -> String {
        let (priority, rest) = datagram.split_at(datagram.find('>').unwrap() + 1);
        let (time, rest) = rest.split_at(15);
        let time = time[3..].replace(|c: char| c.is_ascii_digit(), "0").replace("  ", " 0");
        format!("{priority}{time}{rest}")
    }

    #[test]
    fn a_line_is_one_datagram_of_nginx_form() {
        let (server, address) = server();
        let sender = Sender::new(&settings(address.clone()));
        sender.send(None, b"a line").unwrap();
        assert_eq!(masked(&received(&server)), format!("<190> 00 00:00:00 {} nginx: a line", hostname()));
        sender.send(Some(3), b"").unwrap();
        assert!(received(&server).starts_with("<187>"));
        let bare = Syslog { tag: "t".into(), facility: 1, severity: 1, has_hostname: false, ..settings(address) };
        Sender::new(&bare).send(None, b"x").unwrap();
        assert_eq!(masked(&received(&server)), "<9> 00 00:00:00 t: x");
    }

    #[test]
    fn a_server_that_comes_back_is_found_again() {
        let (server, address) = server();
        let sender = Sender::new(&settings(address.clone()));
        let PeerAddress::Ip(address) = address else { unreachable!() };
        drop(server);
        // The first goes out; its answer, that nobody is there, fails the second.
        let told = (0..4).filter(|_| sender.send(None, b"lost").is_err()).count();
        assert_eq!(told, 1);
        let server = UdpSocket::bind(address).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let _ = sender.send(None, b"one");
        let _ = sender.send(None, b"two");
        assert!(received(&server).ends_with(": one"));
        assert!(received(&server).ends_with(": two"));
    }

    #[test]
    fn a_full_queue_loses_lines_and_waits_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let server = UnixDatagram::bind(&path).unwrap();
        let sender = Sender::new(&settings(PeerAddress::Unix(path)));
        let told: Vec<String> =
            (0..2000).filter_map(|_| sender.send(None, b"line").err()).map(|error| error.to_string()).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("send() failed (11: Resource temporarily unavailable) while logging to syslog"));
        let mut datagram = [0; 100];
        server.set_nonblocking(true).unwrap();
        while server.recv(&mut datagram).is_ok() {}
        sender.send(None, b"again").unwrap();
        assert!(server.recv(&mut datagram).is_ok());
    }

    #[test]
    fn a_socket_that_is_not_there_yet_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let sender = Sender::new(&settings(PeerAddress::Unix(path.clone())));
        assert!(sender.send(None, b"lost").is_err());
        assert!(sender.send(None, b"lost").is_ok());
        let server = UnixDatagram::bind(&path).unwrap();
        sender.send(None, b"found").unwrap();
        assert!(server.recv(&mut [0; 100]).is_ok());
    }
}
