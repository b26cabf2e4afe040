//! One shard with nothing but a tunnel engine, on its own thread, and pairs of sockets to hand to it.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use longhaul::model;
use longhaul::net::early::Early;
use longhaul::tunnel::{Counts, Engine, EngineOptions, Reason, Record, Seed};

/// Longer than any step of any test takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What a test keeps beside a tunnel.
type OnEnd = Box<dyn FnOnce(&Record)>;
type Order = Box<dyn FnOnce(&Rc<Engine<OnEnd>>) + Send>;

pub struct Shard {
    orders: Option<Sender<Order>>,
    doorbell: Option<UnixStream>,
    thread: Option<JoinHandle<Counts>>,
}

/// What a test gives of a [`Seed`].
#[derive(Default)]
pub struct Start {
    pub to_upstream: Vec<u8>,
    pub to_client: Vec<u8>,
    pub settings: model::Tunnel,
    pub frames: bool,
}

impl Shard {
    pub fn start(options: EngineOptions) -> Shard {
        let (doorbell, bell) = UnixStream::pair().unwrap();
        let (orders, inbox) = channel();
        let thread = std::thread::spawn(move || {
            let builder = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new();
            builder.enable_timer().build().unwrap().block_on(serve(options, bell, inbox))
        });
        Shard { orders: Some(orders), doorbell: Some(doorbell), thread: Some(thread) }
    }

    pub fn order(&self, order: impl FnOnce(&Rc<Engine<OnEnd>>) + Send + 'static) {
        use std::io::Write;
        self.orders.as_ref().unwrap().send(Box::new(order)).unwrap();
        self.doorbell.as_ref().unwrap().write_all(b"!").unwrap();
    }

    /// Begins a tunnel; its record comes out of the receiver.
    pub fn adopt(&self, client: impl Into<OwnedFd>, upstream: impl Into<OwnedFd>, start: Start) -> Receiver<Record> {
        let (client, upstream): (OwnedFd, OwnedFd) = (client.into(), upstream.into());
        for socket in [&client, &upstream] {
            rustix::io::ioctl_fionbio(socket, true).unwrap();
        }
        let (told, record) = channel();
        self.order(move |engine| {
            let seed = Seed {
                client,
                upstream: upstream.into(),
                early: Early::of(start.to_upstream, start.to_client),
                frames: start.frames,
                settings: Arc::new(start.settings),
            };
            engine.adopt(seed, Box::new(move |record| told.send(record.clone()).unwrap()));
        });
        record
    }

    pub fn counts(&self) -> Counts {
        let (told, counts) = channel();
        self.order(move |engine| told.send(engine.counts()).unwrap());
        counts.recv_timeout(DEADLINE).unwrap()
    }

    /// Waits until the counts are as expected.
    pub fn until(&self, expected: impl Fn(&Counts) -> bool) {
        let start = std::time::Instant::now();
        while !expected(&self.counts()) {
            assert!(start.elapsed() < DEADLINE, "still {:?}", self.counts());
        }
    }

    pub fn close_all(&self, reason: Reason) {
        self.order(move |engine| engine.close_all(reason));
    }

    /// Waits until no tunnel is left, and stops.
    pub fn finish(mut self) {
        self.orders = None;
        self.doorbell = None;
        let counts = self.thread.take().unwrap().join().unwrap();
        assert_eq!((counts.active, counts.pipes_lent), (0, 0), "left behind");
    }
}

async fn serve(options: EngineOptions, bell: UnixStream, inbox: Receiver<Order>) -> Counts {
    let engine = Engine::new(options).unwrap();
    // Not spawned: a runtime keeps its spawned tasks for ever, and with them what the engine holds.
    monoio::select! {
        result = engine.clone().run() => panic!("the ring failed: {result:?}"),
        counts = obey(engine.clone(), bell, inbox) => counts,
    }
}

async fn obey(engine: Rc<Engine<OnEnd>>, bell: UnixStream, inbox: Receiver<Order>) -> Counts {
    let mut bell = monoio::net::UnixStream::from_std(bell).unwrap();
    loop {
        use monoio::io::AsyncReadRent;
        let (read, _) = bell.read(vec![0; 64]).await;
        inbox.try_iter().for_each(|order| order(&engine));
        if read.unwrap() == 0 {
            break;
        }
    }
    engine.drained().await;
    engine.counts()
}

/// Both ends of a TCP connection over loopback: the first is ours, the second the peer's.
pub fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    far.set_read_timeout(Some(DEADLINE)).unwrap();
    far.set_write_timeout(Some(DEADLINE)).unwrap();
    (near, far)
}

/// The same over a unix socket.
pub fn unix() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    far.set_read_timeout(Some(DEADLINE)).unwrap();
    far.set_write_timeout(Some(DEADLINE)).unwrap();
    (near, far)
}

/// Closes a connection with RST.
pub fn reset(socket: TcpStream) {
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
}

/// The record of a tunnel, which must be told exactly once.
pub fn ended(record: &Receiver<Record>) -> Record {
    let only = record.recv_timeout(DEADLINE).expect("the tunnel ends");
    match record.recv_timeout(DEADLINE) {
        Err(RecvTimeoutError::Disconnected) => only,
        other => panic!("told twice, or kept: {other:?}"),
    }
}
