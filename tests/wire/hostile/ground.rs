//! One longhaul with several lanes, each a listener and a peer that writes down what it sees.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::super::support::{DEADLINE, Longhaul, Setup, show, wait_for};

/// Rows under way at the same time.
const LANES: usize = 6;

pub struct Ground {
    lanes: Vec<Lane>,
    /// Stopped before its peers.
    _longhaul: Longhaul,
}

pub struct Lane {
    /// What the peer is called in `Host`.
    pub name: String,
    client: SocketAddr,
    peer: Recorder,
}

impl Ground {
    pub fn start() -> Self {
        let mut setup = Setup::new();
        let mut peers = Vec::new();
        for n in 0..LANES {
            let peer = Recorder::start();
            setup = setup.listen(&format!("client{n}")).with(&format!("peer{n}"), peer.address);
            peers.push(peer);
        }
        let longhaul = setup.start_file(&super::configuration(LANES));
        let lane = |(n, peer)| {
            let client = longhaul.setup().address(&format!("client{n}"));
            Lane { name: format!("lane{n}"), client, peer }
        };
        let lanes = peers.into_iter().enumerate().map(lane).collect();
        Self { lanes, _longhaul: longhaul }
    }

    /// Runs all rows, and says which failed and why. `sends` is what a row is called.
    #[track_caller]
    pub fn run<R: Sync>(
        &self,
        rows: &[R],
        sends: impl Fn(&R) -> &[u8],
        check: impl Fn(&Lane, &R) -> Result<(), String> + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for lane in &self.lanes {
                scope.spawn(|| {
                    while let Some((at, row)) =
                        Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, rows.get(at)?)))
                    {
                        if let Err(why) = check(lane, row) {
                            failed.lock().unwrap_or_else(PoisonError::into_inner).push((at, why));
                        }
                    }
                });
            }
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let text: Vec<String> =
            failed.iter().map(|(at, why)| format!("{at}: {}\n  {why}", sends(&rows[*at]).escape_ascii())).collect();
        assert!(text.is_empty(), "{} of {} rows:\n{}", text.len(), rows.len(), text.join("\n"));
    }
}

impl Lane {
    /// What the peer sends for each request; then it closes its side.
    pub fn answer_with(&self, bytes: Vec<u8>) {
        *self.peer.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// All that comes back for these bytes until the connection ends, one way or the other, which it must.
    pub fn talk(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut stream = TcpStream::connect(self.client).expect("the listener accepts");
        stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
        // A refusal may come before all is sent.
        let _ = stream.write_all(bytes);
        let mut came = Vec::new();
        let mut buffer = [0u8; 16 << 10];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(came),
                Ok(n) => came.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(came),
                Err(error) => return Err(format!("{error} after {}", show(&came))),
            }
        }
    }

    /// What the peer saw since the last time, by connection, once all of them are over.
    pub fn seen(&self) -> Vec<Vec<u8>> {
        let shared = &self.peer.shared;
        wait_for("the end of the peer's connections", || (shared.open.load(Ordering::Acquire) == 0).then_some(()));
        std::mem::take(&mut *shared.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A peer that writes down every byte.
struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    answer: Mutex<Vec<u8>>,
    seen: Mutex<Vec<Vec<u8>>>,
    open: AtomicUsize,
    ends: AtomicBool,
}

impl Recorder {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.ends.load(Ordering::Acquire) {
                    return;
                }
                serving.open.fetch_add(1, Ordering::AcqRel);
                let number = {
                    let mut seen = serving.seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.push(Vec::new());
                    seen.len() - 1
                };
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || {
                    serving.serve(stream, number);
                    serving.open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        Self { address, shared, thread: Some(thread) }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream, number: usize) {
        let mut buffer = [0u8; 16 << 10];
        let mut has_answered = false;
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            let is_whole = {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(seen) = seen.get_mut(number) else { return };
                seen.extend_from_slice(&buffer[..n]);
                is_whole(seen)
            };
            if is_whole && !has_answered {
                has_answered = true;
                let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let _ = stream.write_all(&answer);
                let _ = stream.shutdown(Shutdown::Write);
            }
        }
    }
}

/// Whether a request with its body is here. Every body that gets here has a length or ends with a last chunk.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4) else { return false };
    let text = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let is_chunked = text.contains("\r\ntransfer-encoding: chunked\r\n");
    bytes.len() - end >= length.unwrap_or(0) && (!is_chunked || bytes.ends_with(b"0\r\n\r\n"))
}
