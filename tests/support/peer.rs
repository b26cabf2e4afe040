//! Scripted peers: what an upstream sees and answers, on a thread with blocking sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread::JoinHandle;

use super::{Socket, wait_for};

/// A peer that runs a script. The script's failure is the test's: it is raised when the peer is joined or dropped.
pub struct Peer {
    /// For `proxy_pass` and `server`.
    pub name: String,
    thread: Option<JoinHandle<()>>,
}

/// Where a script gets its connections from.
pub enum Connections {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Peer {
    /// On a port of the kernel's choice.
    pub fn start(script: impl FnOnce(Connections) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let name = listener.local_addr().expect("bound").to_string();
        Self::run(name, Connections::Tcp(listener), script)
    }

    pub fn start_unix(path: &Path, script: impl FnOnce(Connections) + Send + 'static) -> Self {
        let listener = UnixListener::bind(path).expect("a new path");
        Self::run(format!("unix:{}", path.display()), Connections::Unix(listener), script)
    }

    /// Answers one request of one connection: it sees exactly this head, and sends exactly these bytes.
    pub fn once(request: &'static str, answer: Vec<u8>) -> Self {
        Self::start(move |connections| {
            let mut socket = connections.accept();
            socket.expect_head(request);
            socket.send(answer);
        })
    }

    /// An address that refuses connections.
    pub fn refusing() -> SocketAddr {
        // Bound and not listening: nobody else can take the port while the test runs.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        let address = socket.local_addr().expect("bound").as_socket().expect("an IP address");
        std::mem::forget(socket);
        address
    }

    fn run(name: String, connections: Connections, script: impl FnOnce(Connections) + Send + 'static) -> Self {
        let thread = std::thread::Builder::new().name(format!("peer {name}"));
        let thread = thread.spawn(move || script(connections)).expect("a thread");
        Self { name, thread: Some(thread) }
    }

    /// Waits until the script has ended well.
    #[track_caller]
    pub fn join(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if let Err(panic) = thread.join() {
            let text = panic.downcast_ref::<String>().map_or("it panicked", String::as_str);
            panic!("peer {}: {text}", self.name);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A test that fails already must not wait for a script that may never end.
        if !std::thread::panicking() {
            self.finish();
        }
    }
}

impl Connections {
    /// The next connection.
    #[track_caller]
    pub fn accept(&self) -> Socket {
        self.set_nonblocking(true);
        let socket = wait_for("a connection to the peer", || match self {
            Self::Tcp(listener) => accepted(listener.accept()).map(|(stream, _)| {
                stream.set_nonblocking(false).expect("a blocking socket");
                Socket::tcp(stream)
            }),
            Self::Unix(listener) => accepted(listener.accept()).map(|(stream, _)| {
                stream.set_nonblocking(false).expect("a blocking socket");
                Socket::unix(stream)
            }),
        });
        self.set_nonblocking(false);
        socket
    }

    /// Nobody has connected: for the end of a script, when all is over.
    #[track_caller]
    pub fn expect_no_more(&self) {
        self.set_nonblocking(true);
        let more = match self {
            Self::Tcp(listener) => accepted(listener.accept()).is_some(),
            Self::Unix(listener) => accepted(listener.accept()).is_some(),
        };
        assert!(!more, "one connection more than the script has");
    }

    fn set_nonblocking(&self, on: bool) {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(on),
            Self::Unix(listener) => listener.set_nonblocking(on),
        }
        .expect("a listener");
    }
}

fn accepted<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Ok(accepted) => Some(accepted),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("accept: {error}"),
    }
}
