//! The calls: accept, the first bytes to a peer that is connected to for them, bytes both ways, the end.
//!
//! Nothing is asked of the kernel that the work itself does not need. Sockets are registered once, edge-triggered; nobody
//! waits for a connect, which loopback completes at once; the handshake's last segment waits for the first bytes. What a
//! socket does not take at once ends its pair: small messages never meet that.
//!
//! Where ends are passed on, a peer's socket that has seen both is *spare*: disconnected, held for the next pair, and
//! registered still.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, accept_with, connect, connect_unspec,
    getpeername, recv, send, shutdown, socket_with, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::pairs::{Left, Pairs};

/// Cut to `somaxconn` by the kernel.
const BACKLOG: i32 = 65_535;
/// Looked at in one turn, as many as nginx does by default.
const EVENTS_MAX: usize = 512;
/// Nothing comes after what is there already.
const LAST: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR);
/// A head or a message of those that are measured fits.
const BUFFER_BYTES: usize = 16 * 1024;

/// What is made of the end of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both are closed.
    Close,
    /// It is passed on. Both are closed when the other one has ended too, but a peer's socket that can be connected anew.
    HalfClose,
}

pub struct Relay {
    ending: Ending,
    epoll: OwnedFd,
    listener: OwnedFd,
    peers: Vec<SocketAddrV4>,
    /// Connected so far.
    turn: usize,
    pairs: Pairs,
    /// Not connected; as many as were ever in use at once.
    spare: Vec<OwnedFd>,
    events: Vec<Event>,
    buffer: Vec<MaybeUninit<u8>>,
}

/// How looking at a socket ended.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// All that had come was passed on.
    Empty,
    /// Its end came behind that.
    Ended,
    /// It failed, or what came could not be passed on.
    Broken,
}

fn listen(address: SocketAddrV4) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl Relay {
    /// With at least one peer.
    pub fn new(address: SocketAddrV4, peers: Vec<SocketAddrV4>, ending: Ending) -> io::Result<Self> {
        let listener = listen(address)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, token(&listener), EventFlags::IN)?;
        let events = Vec::with_capacity(EVENTS_MAX);
        let buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES];
        let (pairs, spare) = (Pairs::default(), Vec::new());
        Ok(Self { ending, epoll, listener, peers, turn: 0, pairs, spare, events, buffer })
    }

    /// Waits for something to do, and does all of it.
    pub fn turn(&mut self, wait: Option<&Timespec>) -> io::Result<()> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), wait) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for index in 0..self.events.len() {
            let Event { data, flags, .. } = self.events[index];
            let number = data.u64() as RawFd;
            if number == self.listener.as_raw_fd() {
                self.accept()?;
                continue;
            }
            match (self.look(number, flags.intersects(LAST)), self.ending) {
                (Look::Empty, _) => {}
                (Look::Ended, Ending::HalfClose) => self.end(number),
                (Look::Ended, Ending::Close) | (Look::Broken, _) => self.pairs.remove(number),
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match accept_with(&self.listener, SocketFlags::NONBLOCK) {
                Ok(socket) => self.register(socket).map(drop)?,
                Err(Errno::AGAIN) => return Ok(()),
                // Gone before it was taken.
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn register(&mut self, socket: OwnedFd) -> io::Result<RawFd> {
        epoll::add(&self.epoll, &socket, token(&socket), EventFlags::IN | EventFlags::RDHUP | EventFlags::ET)?;
        Ok(self.pairs.add(socket))
    }

    /// Passes on what has come. Where it does not fill the buffer it was all: the edge comes again with more.
    fn look(&mut self, number: RawFd, is_last: bool) -> Look {
        let mut buffer = std::mem::take(&mut self.buffer);
        let look = loop {
            let Some(socket) = self.pairs.socket(number) else { break Look::Empty };
            let room = buffer.len();
            let bytes = match recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
                Ok(((bytes, _), _)) if !bytes.is_empty() => bytes,
                Err(Errno::AGAIN | Errno::INTR) => break Look::Empty,
                Ok(_) => break Look::Ended,
                Err(_) => break Look::Broken,
            };
            let passed = match self.pairs.partner(number) {
                Some(partner) => pass(partner, bytes),
                None => self.begin(number, bytes),
            };
            match passed {
                Ok(()) if bytes.len() == room => {}
                Ok(()) if !is_last => break Look::Empty,
                // Of a socket that was spare until now the kernel may have told before it was connected anew.
                Ok(()) if self.ending == Ending::HalfClose => {}
                Ok(()) => break Look::Ended,
                Err(_) => break Look::Broken,
            }
        };
        self.buffer = buffer;
        look
    }

    /// Passes the end of a socket on. After both ends the client's is closed, and the peer's kept or closed.
    fn end(&mut self, number: RawFd) {
        match self.pairs.ended(number) {
            Left::Partner(partner) => {
                if shutdown(partner, Shutdown::Write).is_err() {
                    self.pairs.remove(number);
                }
            }
            Left::Nothing => self.spare.extend(self.pairs.part(number).filter(disconnect)),
        }
    }

    /// Connects a spare socket, or else a new one, to the next peer and sends the first bytes.
    fn begin(&mut self, number: RawFd, bytes: &[u8]) -> io::Result<()> {
        let peer = self.peers[self.turn % self.peers.len()];
        self.turn = self.turn.wrapping_add(1);
        let spare = self.spare.pop();
        let is_registered = spare.is_some();
        let socket = match spare {
            Some(socket) => socket,
            None => socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None)?,
        };
        // The acknowledgment of the handshake then goes with the first bytes.
        sockopt::set_tcp_quickack(&socket, false)?;
        match connect(&socket, &peer) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        pass(&socket, bytes)?;
        let partner = if is_registered { self.pairs.add(socket) } else { self.register(socket)? };
        self.pairs.join(number, partner);
        Ok(())
    }
}

fn token(socket: &OwnedFd) -> EventData {
    EventData::new_u64(socket.as_raw_fd() as u64)
}

/// Undoes a connection that is over. One that is not would be reset, and is left to its close: where the peer has ended
/// first, or both at once, the kernel still waits for an acknowledgment.
fn disconnect(socket: &OwnedFd) -> bool {
    getpeername(socket) == Err(Errno::NOTCONN) && connect_unspec(socket).is_ok()
}

fn pass(socket: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    match send(socket, bytes, SendFlags::NOSIGNAL)? {
        sent if sent == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::thread::JoinHandle;
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);
    const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

    struct Stage {
        address: SocketAddr,
        peers: Vec<TcpListener>,
        stop: Arc<AtomicBool>,
        /// How many sockets it still has in use at its end, and how many spare.
        held: JoinHandle<(usize, usize)>,
    }

    fn v4(address: SocketAddr) -> SocketAddrV4 {
        let SocketAddr::V4(address) = address else { panic!("{address}") };
        address
    }

    const BOTH: [Ending; 2] = [Ending::Close, Ending::HalfClose];

    fn stage(peers: usize, ending: Ending) -> Stage {
        let peers: Vec<TcpListener> = (0..peers).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = peers.iter().map(|peer| v4(peer.local_addr().unwrap())).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let (tell, told) = channel();
        let held = std::thread::spawn(move || {
            let mut relay = Relay::new("127.0.0.1:0".parse().unwrap(), addresses, ending).unwrap();
            tell.send(rustix::net::getsockname(&relay.listener).unwrap()).unwrap();
            while !seen.load(Ordering::Relaxed) {
                relay.turn(Some(&LOOK_EVERY)).unwrap();
            }
            (relay.pairs.count(), relay.spare.len())
        });
        let address = SocketAddr::V4(told.recv().unwrap().try_into().unwrap());
        Stage { address, peers, stop, held }
    }

    fn patient(stream: TcpStream) -> TcpStream {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn read(stream: &mut TcpStream, wanted: &[u8]) {
        let mut bytes = vec![0; wanted.len()];
        stream.read_exact(&mut bytes).unwrap();
        assert!(bytes == wanted, "{} bytes differ", wanted.len());
    }

    /// An end and no reset.
    fn has_ended(stream: &mut TcpStream) -> bool {
        stream.read(&mut [0]).unwrap() == 0
    }

    fn is_over(stream: &mut TcpStream) -> bool {
        stream.read(&mut [0]).map_or_else(|error| error.kind() == io::ErrorKind::ConnectionReset, |count| count == 0)
    }

    impl Stage {
        fn client(&self) -> TcpStream {
            patient(TcpStream::connect(self.address).unwrap())
        }

        fn peer(&self, index: usize) -> TcpStream {
            patient(self.peers[index].accept().unwrap().0)
        }

        /// A client and its peer, which has read the first bytes.
        fn pair(&self, first: &[u8]) -> (TcpStream, TcpStream) {
            let mut client = self.client();
            client.write_all(first).unwrap();
            let mut peer = self.peer(0);
            read(&mut peer, first);
            (client, peer)
        }

        fn end(self) -> (usize, usize) {
            self.stop.store(true, Ordering::Relaxed);
            self.held.join().unwrap()
        }
    }

    #[test]
    fn bytes_go_both_ways_over_one_connection() {
        for ending in BOTH {
            let stage = stage(1, ending);
            let (mut client, mut peer) = stage.pair(b"request 0");
            peer.write_all(b"answer 0").unwrap();
            read(&mut client, b"answer 0");
            for number in 1..200 {
                let (request, answer) = (format!("request {number}"), format!("{number} answered"));
                client.write_all(request.as_bytes()).unwrap();
                read(&mut peer, request.as_bytes());
                peer.write_all(answer.as_bytes()).unwrap();
                read(&mut client, answer.as_bytes());
            }
            assert_eq!(stage.end(), (2, 0));
        }
    }

    fn large() -> Vec<u8> {
        (0..3 * BUFFER_BYTES).map(|n| (n * 7 / 5) as u8).collect()
    }

    #[test]
    fn more_than_the_buffer_holds_comes_whole() {
        for ending in BOTH {
            let stage = stage(1, ending);
            let (mut client, mut peer) = stage.pair(b"x");
            client.write_all(&large()).unwrap();
            read(&mut peer, &large());
            peer.write_all(&large()).unwrap();
            read(&mut client, &large());
            assert_eq!(stage.end(), (2, 0));
        }
    }

    #[test]
    fn either_side_ends_both_and_leaves_nothing() {
        let stage = stage(1, Ending::Close);
        for client_ends in [true, false] {
            let (mut client, mut peer) = stage.pair(b"x");
            let (first, second) = if client_ends { (&mut client, &mut peer) } else { (&mut peer, &mut client) };
            first.write_all(b"last").unwrap();
            first.shutdown(Shutdown::Write).unwrap();
            read(second, b"last");
            assert!(is_over(second) && is_over(first), "{client_ends}");
        }
        assert_eq!(stage.end(), (0, 0));
    }

    #[test]
    fn half_of_a_connection_ends_alone_where_ends_are_passed_on() {
        let stage = stage(1, Ending::HalfClose);
        // The peer's socket of the second pair is that of the first. It is closed there, because the peer ends first.
        for client_ends_first in [true, false, false, true] {
            let (mut client, mut peer) = stage.pair(b"x");
            let (first, second) = if client_ends_first { (&mut client, &mut peer) } else { (&mut peer, &mut client) };
            first.write_all(b"last").unwrap();
            first.shutdown(Shutdown::Write).unwrap();
            read(second, b"last");
            assert!(has_ended(second));
            second.write_all(&large()).unwrap();
            read(first, &large());
            second.shutdown(Shutdown::Write).unwrap();
            assert!(has_ended(first), "{client_ends_first}");
        }
        assert_eq!(stage.end(), (0, 1));
    }

    /// Had a new socket been made for any of them, more than one were spare in the end.
    #[test]
    fn the_socket_of_a_peer_serves_one_tunnel_after_the_other() {
        let stage = stage(1, Ending::HalfClose);
        for number in 0..50 {
            let (request, answer) = (format!("request {number}"), format!("{number} answered"));
            let (mut client, mut peer) = stage.pair(request.as_bytes());
            peer.write_all(answer.as_bytes()).unwrap();
            read(&mut client, answer.as_bytes());
            client.shutdown(Shutdown::Write).unwrap();
            assert!(has_ended(&mut peer));
            drop(peer);
            assert!(has_ended(&mut client), "{number}");
        }
        assert_eq!(stage.end(), (0, 1));
    }

    #[test]
    fn what_is_reset_is_closed_and_not_kept() {
        for ending in BOTH {
            let stage = stage(1, ending);
            for client_resets in [true, false] {
                let (client, peer) = stage.pair(b"x");
                let (first, mut second) = if client_resets { (client, peer) } else { (peer, client) };
                socket2::SockRef::from(&first).set_linger(Some(Duration::ZERO)).unwrap();
                drop(first);
                assert!(has_ended(&mut second), "{client_resets}");
            }
            assert_eq!(stage.end(), (0, 0));
        }
    }

    #[test]
    fn one_that_says_nothing_is_closed_alone() {
        for ending in BOTH {
            let stage = stage(1, ending);
            let mut silent = stage.client();
            silent.shutdown(Shutdown::Write).unwrap();
            assert!(has_ended(&mut silent));
            stage.peers[0].set_nonblocking(true).unwrap();
            assert!(stage.peers[0].accept().is_err());
            assert_eq!(stage.end(), (0, 0));
        }
    }

    #[test]
    fn one_whose_peer_refuses_is_closed() {
        for ending in BOTH {
            let mut stage = stage(1, ending);
            stage.peers.clear();
            let mut client = stage.client();
            client.write_all(b"x").unwrap();
            assert!(is_over(&mut client));
            assert_eq!(stage.end(), (0, 0));
        }
    }

    #[test]
    fn peers_have_their_turns() {
        let stage = stage(3, Ending::Close);
        let mut held = Vec::new();
        for number in 0..6 {
            let mut client = stage.client();
            client.write_all(&[number]).unwrap();
            let mut peer = stage.peer(usize::from(number) % 3);
            read(&mut peer, &[number]);
            held.push((client, peer));
        }
        for (client, peer) in &mut held {
            peer.write_all(b"yes").unwrap();
            read(client, b"yes");
        }
        assert_eq!(stage.end(), (12, 0));
    }
}
