//! The client end: opens tunnels and carries frames through them.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use monoio::io::{AsyncReadRent, AsyncReadRentExt, AsyncWriteRentExt};
use monoio::net::TcpStream;

use crate::frames;

/// Handshakes under way at the same time: enough to keep a core busy, few enough for any listen queue.
const OPENING_AT_ONCE: usize = 64;

/// A head longer than this is no answer to our handshake.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// One open tunnel.
#[derive(Debug)]
pub struct Tunnel {
    stream: TcpStream,
}

impl Tunnel {
    /// Connects, shakes hands and checks the answer.
    ///
    /// # Errors
    /// The system's, or `InvalidData` with the answer's first line when it is no 101.
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect_addr(to).await?;
        stream.set_nodelay(true)?;
        stream.write_all(frames::request(&to.to_string())).await.0?;
        let mut answer = Vec::new();
        while frames::head_length(&answer).is_none() {
            let (result, bytes) = stream.read(Vec::with_capacity(1024)).await;
            let count = result?;
            answer.extend_from_slice(&bytes[..count]);
            if count == 0 || answer.len() > HEAD_BYTES_MAX {
                return Err(refused(&answer));
            }
        }
        let text = String::from_utf8_lossy(&answer);
        if !text.starts_with("HTTP/1.1 101 ") || !text.contains(frames::ACCEPT) {
            return Err(refused(&answer));
        }
        Ok(Self { stream })
    }

    /// Sends a payload and waits until the same has come back.
    ///
    /// # Errors
    /// The system's, or `InvalidData` when something else came back.
    pub async fn round_trip(&mut self, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames::frame(payload, true)).await.0?;
        let expected = frames::frame(payload, false);
        let (result, bytes) = self.stream.read_exact(vec![0; expected.len()]).await;
        result?;
        if bytes != expected {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "another message came back than was sent"));
        }
        Ok(())
    }
}

fn refused(answer: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().next().unwrap_or("the connection was closed");
    io::Error::new(io::ErrorKind::InvalidData, format!("no tunnel: {line}"))
}

/// Opens so many tunnels, some at a time. Those that cannot be opened are left out; the first error is kept.
pub async fn open_all(to: SocketAddr, count: usize) -> (Vec<Tunnel>, Option<io::Error>) {
    let opened = Rc::new(RefCell::new(Vec::with_capacity(count)));
    let first_error = Rc::new(RefCell::new(None));
    let left = Rc::new(RefCell::new(count));
    let openers: Vec<_> = (0..OPENING_AT_ONCE.min(count))
        .map(|_| {
            let (opened, first_error, left) = (Rc::clone(&opened), Rc::clone(&first_error), Rc::clone(&left));
            monoio::spawn(async move {
                while take_one(&left) {
                    match Tunnel::open(to).await {
                        Ok(tunnel) => opened.borrow_mut().push(tunnel),
                        Err(error) => drop(first_error.borrow_mut().get_or_insert(error)),
                    }
                }
            })
        })
        .collect();
    for opener in openers {
        opener.await;
    }
    (opened.take(), first_error.take())
}

fn take_one(left: &RefCell<usize>) -> bool {
    let mut left = left.borrow_mut();
    let is_left = *left > 0;
    *left = left.saturating_sub(1);
    is_left
}
