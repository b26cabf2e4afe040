//! A shard with a service of fixed answers: accept, adopt, drain, limits and panics, over real sockets.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::service::Beside;
use super::*;
use crate::model::{ListenAddress, Listener};
use crate::net::accept::Accepted;
use crate::net::listener::bind;
use crate::net::spare::{self, Detached, Reuse};
use crate::net::stream::Stream;
use crate::tunnel::{Record, Seed, Waking};

/// Answers each byte with the name of its generation, in capitals after a rest; `!` panics, `q` ends, `p` is answered and
/// begins a rest, `1` one that is over at once; after `s` and the end of both sides the socket is kept.
struct Echo {
    name: u8,
    idle: RefCell<Vec<std::rc::Weak<Stream>>>,
}

impl Service for Echo {
    type Parts = u8;
    type Ends = std::convert::Infallible;
    type Kept = ();
    type Parked = ();

    fn begin(_shard: usize, name: u8) -> Rc<Self> {
        Rc::new(Self { name, idle: RefCell::default() })
    }

    fn serve(
        self: Rc<Self>,
        _listener: usize,
        accepted: Accepted,
    ) -> impl Future<Output = Option<Onward<Self>>> + 'static {
        let name = self.name;
        self.answer(accepted.fd, name)
    }

    fn resume(self: Rc<Self>, socket: OwnedFd, (): ()) -> impl Future<Output = Option<Onward<Self>>> + 'static {
        let name = self.name.to_ascii_uppercase();
        self.answer(socket, name)
    }

    fn rest_ended(&self, _socket: OwnedFd, (): (), waking: Waking) {
        assert_ne!(waking, Waking::Readable);
    }

    fn begin_tunnel(ends: Self::Ends) -> (Seed, (), Option<Beside>) {
        match ends {}
    }

    fn tunnel_ended(&self, (): (), _record: &Record) {}

    fn close_idle(&self) {
        if matches!(self.name, b'k' | b't') {
            return;
        }
        self.idle.borrow().iter().filter_map(std::rc::Weak::upgrade).for_each(|stream| stream.shutdown_both());
    }
}

impl Echo {
    async fn answer(self: Rc<Self>, socket: OwnedFd, name: u8) -> Option<Onward<Self>> {
        let stream = Rc::new(Stream::from_fd(socket));
        self.idle.borrow_mut().push(Rc::downgrade(&stream));
        loop {
            let mut buffer = Vec::with_capacity(1);
            match stream.read(&mut buffer, 1, Duration::ZERO).await {
                Ok(1) if buffer == b"!" => panic!("asked to"),
                Ok(1) if buffer != b"q" => {
                    stream.write_all(&[name], Duration::ZERO, &mut 0).await.ok()?;
                }
                Ok(_) | Err(_) => return None,
            }
            let within = match buffer[0] {
                b'p' => Duration::from_secs(1000),
                b'1' => Duration::from_millis(1),
                b's' => {
                    stream.shutdown_write().ok()?;
                    stream.read(&mut Vec::with_capacity(1), 1, Duration::ZERO).await.ok()?;
                    let fd = Rc::into_inner(stream)?.detach().ok()?.fd;
                    KEPT.store(rustix::fs::fstat(&fd).ok()?.st_ino, Ordering::Relaxed);
                    spare::put(Detached { fd, reuse: Reuse::V4 }, |_| true);
                    return None;
                }
                _ => continue,
            };
            return Some(Onward::Parked(Box::new((Rc::into_inner(stream)?.detach().ok()?.fd, within, ()))));
        }
    }
}

/// The number of the socket that was kept.
static KEPT: AtomicU64 = AtomicU64::new(0);

struct Running {
    shard: Shard<u8>,
    reports: Arc<Mailbox<Report>>,
    address: SocketAddr,
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn next(reports: &Mailbox<Report>) -> Report {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(report) = reports.take() {
            return report;
        }
        assert!(Instant::now() < deadline, "no report in time");
        let mut bell = [rustix::event::PollFd::from_borrowed_fd(reports.bell(), rustix::event::PollFlags::IN)];
        let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        rustix::event::poll(&mut bell, Some(&second)).unwrap();
        reports.quiet();
    }
}

fn running(name: u8, connections_max: usize) -> Running {
    let reports = Mailbox::new().unwrap();
    let plan = Plan { number: 0, cores: vec![core::allowed()[0]] };
    let shard = start::<Echo>(plan, Arc::clone(&reports)).unwrap();
    assert!(matches!(next(&reports), Report::Started { shard: 0 }));
    let address = free_address();
    let running = Running { shard, reports, address };
    running.adopt(1, name, connections_max, Some(address));
    running
}

impl Running {
    fn adopt(&self, number: u64, name: u8, connections_max: usize, new: Option<SocketAddr>) {
        let sockets = new.map(|address| bind(&Listener::bare(ListenAddress::Ip(address)), 1).unwrap());
        let sockets = sockets.into_iter().flat_map(|b| b.sockets.into_iter().map(move |s| (b.address.clone(), s)));
        self.shard.commands.send(Command::Adopt(Adoption {
            number,
            addresses: vec![ListenAddress::Ip(self.address)],
            sockets: sockets.collect(),
            connections_max,
            shutdown_timeout: (name == b't').then_some(Duration::from_millis(1)),
            parts: name,
        }));
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }
}

fn ask(stream: &mut TcpStream) -> Option<u8> {
    say(stream, b'?')
}

fn say(stream: &mut TcpStream, byte: u8) -> Option<u8> {
    stream.write_all(&[byte]).ok()?;
    let mut answer = [0u8];
    stream.read_exact(&mut answer).ok()?;
    Some(answer[0])
}

fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0u8]), Ok(0)) || stream.peek(&mut [0u8]).is_err()
}

#[test]
fn a_panic_ends_its_connection_only() {
    let running = running(b'a', 100);
    let (mut one, mut other) = (running.connect(), running.connect());
    assert_eq!((ask(&mut one), ask(&mut other)), (Some(b'a'), Some(b'a')));
    one.write_all(b"!").unwrap();
    assert!(is_closed(&mut one));
    assert_eq!(ask(&mut other), Some(b'a'));
    assert_eq!(ask(&mut running.connect()), Some(b'a'));
}

#[test]
fn running_connections_stay_with_their_generation_which_is_reported_when_they_end() {
    let running = running(b'k', 100);
    let mut old = running.connect();
    assert_eq!(ask(&mut old), Some(b'k'));
    running.adopt(2, b'b', 100, None);
    let mut new = running.connect();
    assert_eq!((ask(&mut new), ask(&mut old)), (Some(b'b'), Some(b'k')));
    assert!(running.reports.take().is_none());
    old.write_all(b"q").unwrap();
    assert!(matches!(next(&running.reports), Report::Drained { shard: 0, generation: 1 }));
    assert_eq!(ask(&mut new), Some(b'b'));
}

#[test]
fn a_replaced_generation_is_ended_after_its_shutdown_timeout() {
    let running = running(b't', 100);
    let mut old = running.connect();
    assert_eq!(ask(&mut old), Some(b't'));
    running.adopt(2, b'b', 100, None);
    assert!(matches!(next(&running.reports), Report::Drained { shard: 0, generation: 1 }));
    assert!(is_closed(&mut old));
    assert_eq!(ask(&mut running.connect()), Some(b'b'));
}

#[test]
fn a_drain_closes_listeners_and_idle_connections_and_leaves_nothing() {
    let running = running(b'a', 100);
    let mut idle = running.connect();
    assert_eq!(ask(&mut idle), Some(b'a'));
    running.shard.commands.send(Command::Drain { within: None });
    assert!(is_closed(&mut idle));
    let Report::Stopped { left, .. } = next(&running.reports) else { panic!("another report") };
    assert_eq!(left, Left::default());
    assert!(TcpStream::connect(running.address).is_err());
}

#[test]
fn a_parked_connection_goes_on_when_it_has_something_to_say() {
    let running = running(b'a', 100);
    let mut one = running.connect();
    for answer in [b'a', b'A', b'A'] {
        assert_eq!(say(&mut one, b'p'), Some(answer));
    }
    assert_eq!(ask(&mut one), Some(b'A'));
    one.write_all(b"!").unwrap();
    assert!(is_closed(&mut one));
    let mut other = running.connect();
    assert_eq!(ask(&mut other), Some(b'a'));
}

#[test]
fn a_parked_connection_counts_until_it_ends() {
    let running = running(b'a', 1);
    let mut parked = running.connect();
    assert_eq!(say(&mut parked, b'p'), Some(b'a'));
    assert!(is_closed(&mut running.connect()));
    drop(parked);
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask(&mut running.connect()) != Some(b'a') {
        assert!(Instant::now() < deadline, "the place was never free again");
    }
}

#[test]
fn a_rest_has_an_end() {
    let running = running(b'a', 100);
    let mut parked = running.connect();
    assert_eq!(say(&mut parked, b'1'), Some(b'a'));
    assert!(is_closed(&mut parked));
    running.shard.commands.send(Command::Drain { within: None });
    let Report::Stopped { left, .. } = next(&running.reports) else { panic!("another report") };
    assert_eq!(left, Left::default());
}

#[test]
fn after_a_drain_no_socket_is_kept_for_another_connection() {
    let running = running(b'a', 100);
    let mut client = running.connect();
    assert_eq!(say(&mut client, b's'), Some(b'a'));
    assert!(is_closed(&mut client));
    client.shutdown(Shutdown::Write).unwrap();
    running.shard.commands.send(Command::Drain { within: None });
    assert!(matches!(next(&running.reports), Report::Stopped { .. }));
    let kept = KEPT.load(Ordering::Relaxed);
    assert_ne!(kept, 0);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|entry| entry.path().read_link().ok());
    assert!(!open.into_iter().any(|each| each.to_string_lossy() == format!("socket:[{kept}]")));
}

#[test]
fn parked_connections_of_a_replaced_generation_are_closed_and_those_of_the_new_stay() {
    let running = running(b'a', 100);
    let mut old = running.connect();
    assert_eq!(say(&mut old, b'p'), Some(b'a'));
    running.adopt(2, b'k', 100, None);
    assert!(is_closed(&mut old));
    assert!(matches!(next(&running.reports), Report::Drained { shard: 0, generation: 1 }));
    let mut new = running.connect();
    assert_eq!(say(&mut new, b'p'), Some(b'k'));
    assert_eq!(ask(&mut new), Some(b'K'));
}

#[test]
fn a_drain_closes_parked_connections() {
    let running = running(b'k', 100);
    let mut parked = running.connect();
    assert_eq!(say(&mut parked, b'p'), Some(b'k'));
    running.shard.commands.send(Command::Drain { within: None });
    assert!(is_closed(&mut parked));
    let Report::Stopped { left, .. } = next(&running.reports) else { panic!("another report") };
    assert_eq!(left, Left::default());
}

#[test]
fn a_drain_that_takes_too_long_ends_anyway() {
    let running = running(b'k', 100);
    let mut busy = running.connect();
    assert_eq!(ask(&mut busy), Some(b'k'));
    running.shard.commands.send(Command::Drain { within: Some(Duration::from_millis(1)) });
    let Report::Stopped { left, .. } = next(&running.reports) else { panic!("another report") };
    assert_eq!(left, Left { connections: 1, tunnels: 0, pipes: 0, is_intended: true });
}

#[test]
fn connections_beyond_the_limit_are_closed() {
    let running = running(b'a', 1);
    let mut first = running.connect();
    assert_eq!(ask(&mut first), Some(b'a'));
    assert!(is_closed(&mut running.connect()));
    first.write_all(b"q").unwrap();
    assert!(is_closed(&mut first));
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask(&mut running.connect()) != Some(b'a') {
        assert!(Instant::now() < deadline, "the place was never free again");
    }
}
