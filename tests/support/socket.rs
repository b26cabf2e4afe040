//! A blocking socket that says exactly what it sends and what it expects.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::tls::Secured;
use super::{DEADLINE, head, show, stable};

/// More than any case sends. Without it two ends that feed each other would fill the machine's memory.
const BYTES_MAX: usize = 256 << 20;

/// Repeats a call that waits with a time limit: it ends early where the process is stopped and goes on (signal(7)).
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// One end of a connection, the client's or the peer's.
pub struct Socket {
    stream: Stream,
    /// Read but not yet expected.
    ahead: Vec<u8>,
    /// What `%peer%` stands for in expected texts.
    address: String,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Secured),
}

impl Socket {
    pub fn tcp(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a write timeout");
        stream.set_nodelay(true).expect("no delay");
        let address = stream.local_addr().map(|address| address.to_string()).unwrap_or_default();
        Self { stream: Stream::Tcp(stream), ahead: Vec::new(), address }
    }

    pub fn unix(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
        Self { stream: Stream::Unix(stream), ahead: Vec::new(), address: "localhost".to_owned() }
    }

    /// A connection whose TLS handshake is over.
    pub fn secured(stream: Secured) -> Self {
        let address = stream.tcp().local_addr().map(|address| address.to_string()).unwrap_or_default();
        Self { stream: Stream::Tls(stream), ahead: Vec::new(), address }
    }

    /// Its TLS.
    pub fn tls(&self) -> &Secured {
        match &self.stream {
            Stream::Tls(stream) => stream,
            Stream::Tcp(_) | Stream::Unix(_) => panic!("it is plain"),
        }
    }

    /// The bare socket: for peers that begin TLS themselves.
    pub fn into_tcp(self) -> TcpStream {
        match self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Unix(_) | Stream::Tls(_) => panic!("TCP only"),
        }
    }

    pub fn connect(address: SocketAddr) -> Self {
        Self::tcp(TcpStream::connect_timeout(&address, DEADLINE).expect("the listener accepts"))
    }

    pub fn local_address(&self) -> SocketAddr {
        match &self.stream {
            Stream::Tcp(stream) => stream.local_addr().expect("connected"),
            Stream::Unix(_) => panic!("a unix socket has no port"),
            Stream::Tls(stream) => stream.tcp().local_addr().expect("connected"),
        }
    }

    pub fn remote_address(&self) -> SocketAddr {
        match &self.stream {
            Stream::Tcp(stream) => stream.peer_addr().expect("connected"),
            Stream::Unix(_) => panic!("a unix socket has no port"),
            Stream::Tls(stream) => stream.tcp().peer_addr().expect("connected"),
        }
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let result = match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes.as_ref()),
            Stream::Unix(stream) => stream.write_all(bytes.as_ref()),
            Stream::Tls(stream) => stream.write_all(bytes.as_ref()).and_then(|()| stream.flush()),
        };
        result.unwrap_or_else(|error| panic!("cannot send: {error}"));
    }

    /// Sends until the other side takes no more for the given time; how many bytes it took. Only to one that nobody reads
    /// from before this is over: it would never be.
    pub fn send_until_full(&mut self, chunk: &[u8], patience: Duration) -> usize {
        let Stream::Tcp(stream) = &mut self.stream else { panic!("TCP only") };
        stream.set_write_timeout(Some(patience)).expect("a write timeout");
        let mut total = 0;
        while let Ok(count) = uninterrupted(|| stream.write(chunk)) {
            total += count;
            assert!(total < BYTES_MAX, "{total} bytes were taken, and there is no end");
        }
        stream.set_write_timeout(Some(DEADLINE)).expect("a write timeout");
        total
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 65536];
        let count = uninterrupted(|| match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut buffer),
            Stream::Unix(stream) => stream.read(&mut buffer),
            Stream::Tls(stream) => stream.read(&mut buffer),
        })?;
        self.ahead.extend_from_slice(&buffer[..count]);
        assert!(self.ahead.len() < BYTES_MAX, "{} bytes came, and there is no end", self.ahead.len());
        Ok(count)
    }

    #[track_caller]
    fn read_more(&mut self, waiting_for: &str) {
        match self.read_some() {
            Ok(0) => panic!("closed while waiting for {waiting_for}; came {}", show(&self.ahead)),
            Ok(_) => {}
            Err(error) => panic!("{error} while waiting for {waiting_for}; came {}", show(&self.ahead)),
        }
    }

    /// Exactly these bytes come next.
    #[track_caller]
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        while self.ahead.len() < bytes.len() {
            if !bytes.starts_with(&self.ahead) {
                break;
            }
            self.read_more(&show(bytes));
        }
        let end = bytes.len().min(self.ahead.len());
        let same = self.ahead[..end] == *bytes;
        assert!(same, "expected {}\ncame {}", show(bytes), show(&self.ahead));
        self.ahead.drain(..end);
    }

    /// Exactly this head comes next; `%peer%` and `%port%` stand for the address of this socket.
    #[track_caller]
    pub fn expect_head(&mut self, text: &str) {
        let port = self.address.rsplit(':').next().unwrap_or_default();
        let expected = head(&text.replace("%peer%", &self.address).replace("%port%", port));
        let came = self.read_head();
        assert!(came.as_bytes() == expected, "expected {}\ncame {}", show(&expected), show(came.as_bytes()));
    }

    /// The next head, with its empty line.
    #[track_caller]
    pub fn read_head(&mut self) -> String {
        loop {
            if let Some(at) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.ahead.drain(..at + 4).collect();
                return String::from_utf8_lossy(&head).into_owned();
            }
            self.read_more("the end of a head");
        }
    }

    /// As [`Socket::read_head`]; `None` when the connection ends before.
    pub fn try_read_head(&mut self) -> Option<String> {
        while !self.ahead.windows(4).any(|window| window == b"\r\n\r\n") {
            if !self.read_some().is_ok_and(|count| count > 0) {
                return None;
            }
        }
        Some(self.read_head())
    }

    /// The next line with its end.
    #[track_caller]
    pub fn read_line(&mut self) -> String {
        loop {
            if let Some(at) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=at).collect();
                return String::from_utf8_lossy(&line).into_owned();
            }
            self.read_more("the end of a line");
        }
    }

    /// The body that chunks carry, however they were cut.
    #[track_caller]
    pub fn read_chunked(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(self.read_line().trim_end(), 16).expect("a chunk's size");
            body.extend(self.read_exact(size));
            assert_eq!(self.read_line(), "\r\n", "after a chunk");
            if size == 0 {
                return body;
            }
        }
    }

    #[track_caller]
    pub fn read_exact(&mut self, count: usize) -> Vec<u8> {
        while self.ahead.len() < count {
            self.read_more(&format!("{count} bytes"));
        }
        self.ahead.drain(..count).collect()
    }

    /// The next answer: head with `Date` and `Server` blanked, and the body its `Content-Length` announces.
    #[track_caller]
    pub fn read_answer(&mut self) -> String {
        let head = self.read_head();
        let length =
            |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ").and_then(|n| n.parse().ok());
        let body = self.read_exact(head.lines().find_map(length).unwrap_or(0));
        stable(&[head.as_bytes(), &body].concat())
    }

    /// All bytes until the other side ends, which it must do properly.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        loop {
            match self.read_some() {
                Ok(0) => return std::mem::take(&mut self.ahead),
                Ok(_) => {}
                Err(error) => panic!("{error} while waiting for the end; came {}", show(&self.ahead)),
            }
        }
    }

    /// The end comes next, and whether TLS said that it is one.
    #[track_caller]
    pub fn expect_end_or_cut(&mut self) -> bool {
        match self.read_some() {
            Ok(0) => true,
            Ok(_) => panic!("expected the end, came {}", show(&self.ahead)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => panic!("{error} while waiting for the end"),
        }
    }

    /// No more bytes: the other side has ended.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let rest = self.read_to_end();
        assert!(rest.is_empty(), "expected the end, came {}", show(&rest));
    }

    /// The other side goes, by FIN or by RST, without another byte.
    #[track_caller]
    pub fn expect_no_bytes(&mut self) {
        self.expect_gone();
        assert!(self.ahead.is_empty(), "expected nothing, came {}", show(&self.ahead));
    }

    /// All that comes until the connection is gone, by FIN or by RST.
    #[track_caller]
    pub fn read_until_gone(&mut self) -> Vec<u8> {
        self.expect_gone();
        std::mem::take(&mut self.ahead)
    }

    /// The connection is gone, by FIN or by RST, whatever came before.
    #[track_caller]
    pub fn expect_gone(&mut self) {
        loop {
            match self.read_some() {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return,
                Err(error) => panic!("{error} while waiting for the connection to go"),
            }
        }
    }

    /// Sends for ever, until the other side has gone.
    pub fn send_until_gone(&mut self, chunk: &[u8]) {
        let result = loop {
            let result = match &mut self.stream {
                Stream::Tcp(stream) => stream.write_all(chunk),
                Stream::Unix(stream) => stream.write_all(chunk),
                Stream::Tls(stream) => stream.write_all(chunk),
            };
            if let Err(error) = result {
                break error;
            }
        };
        let is_gone = matches!(result.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
        assert!(is_gone, "{result} while waiting for the connection to go");
    }

    /// Nothing comes for the given time: only for what must not happen, where no condition can be waited for.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) {
        let Stream::Tcp(stream) = &self.stream else { panic!("TCP only") };
        stream.set_read_timeout(Some(time)).expect("a read timeout");
        let result = self.read_some();
        let Stream::Tcp(stream) = &self.stream else { panic!("TCP only") };
        stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
        let quiet = self.ahead.is_empty() && result.is_err();
        assert!(quiet, "expected silence, came {result:?} {}", show(&self.ahead));
    }

    /// Sends FIN; the other direction stays open.
    pub fn half_close(&mut self) {
        let result = match &mut self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
            Stream::Tls(stream) => stream.say_goodbye().and_then(|()| stream.tcp().shutdown(Shutdown::Write)),
        };
        result.expect("still connected");
    }

    /// Closes with RST.
    pub fn reset(self) {
        let Stream::Tcp(stream) = self.stream else { panic!("TCP only") };
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
    }

    /// Makes the receive buffer small, so that back-pressure is felt soon.
    pub fn shrink_receive_buffer(&self, bytes: usize) {
        let Stream::Tcp(stream) = &self.stream else { panic!("TCP only") };
        socket2::SockRef::from(stream).set_recv_buffer_size(bytes).expect("a receive buffer");
    }

    /// A second handle, to send on one thread and read on another.
    pub fn share(&self) -> Self {
        let stream = match &self.stream {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone().expect("a second handle")),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone().expect("a second handle")),
            Stream::Tls(_) => panic!("one thread alone can speak TLS"),
        };
        Self { stream, ahead: Vec::new(), address: self.address.clone() }
    }
}
