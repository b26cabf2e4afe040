//! A name server of few words: one script, over UDP and TCP on the same port of the loopback address.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

pub const A: u16 = 1;
pub const AAAA: u16 = 28;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub name: String,
    /// [`A`] or [`AAAA`].
    pub kind: u16,
    /// How often it was asked, from 1.
    pub count: usize,
    pub is_tcp: bool,
}

/// What the server does with one.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Those of the kind that was asked for, with a time to live in seconds.
    Addresses(u32, Vec<IpAddr>),
    /// An error by its number.
    Code(u8),
    /// No answer fits into the datagram.
    Truncated,
    /// As the one inside, to another question.
    WrongId(Box<Reply>),
    /// These bytes behind the right number.
    Garbage(&'static [u8]),
    Nothing,
    /// One after the other.
    Several(Vec<Reply>),
}

impl Reply {
    /// Addresses that hold for a while.
    pub fn are(addresses: &[&str]) -> Self {
        Self::for_seconds(60, addresses)
    }

    pub fn for_seconds(seconds: u32, addresses: &[&str]) -> Self {
        Self::Addresses(seconds, addresses.iter().map(|text| text.parse().expect("an address")).collect())
    }
}

/// A running name server; it ends when it is dropped.
pub struct NameServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

type Script = Box<dyn FnMut(&Question) -> Reply + Send>;

/// What both threads share.
#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<Script>>,
    counts: Arc<Mutex<HashMap<(String, u16), usize>>>,
    asked: Arc<Mutex<Vec<Question>>>,
    ends: Arc<AtomicBool>,
}

impl NameServer {
    pub fn start(script: impl FnMut(&Question) -> Reply + Send + 'static) -> Self {
        let (udp, tcp, address) = sockets();
        let asked = Arc::<Mutex<Vec<Question>>>::default();
        let ends = Arc::<AtomicBool>::default();
        let shared = Shared {
            script: Arc::new(Mutex::new(Box::new(script))),
            counts: Arc::default(),
            asked: Arc::clone(&asked),
            ends: Arc::clone(&ends),
        };
        let over_tcp = shared.clone();
        let threads = vec![
            std::thread::spawn(move || shared.serve_udp(&udp)),
            std::thread::spawn(move || over_tcp.serve_tcp(&tcp)),
        ];
        Self { address, asked, ends, threads }
    }

    /// Every question so far.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a name was asked for in one kind.
    pub fn count(&self, name: &str, kind: u16) -> usize {
        self.asked().iter().filter(|question| question.name == name && question.kind == kind).count()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        // Both threads wait for something: this is it.
        let wake = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let _ = wake.send_to(b"", self.address);
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A port that is free for both.
fn sockets() -> (UdpSocket, TcpListener, SocketAddr) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = tcp.local_addr().expect("bound");
        if let Ok(udp) = UdpSocket::bind(address) {
            return (udp, tcp, address);
        }
    }
}

impl Shared {
    fn has_ended(&self) -> bool {
        self.ends.load(Ordering::Acquire)
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut buffer = [0u8; 1500];
        while let Ok((n, from)) = socket.recv_from(&mut buffer) {
            if self.has_ended() {
                return;
            }
            for reply in self.replies(&buffer[..n], false) {
                let _ = socket.send_to(&reply, from);
            }
        }
    }

    fn serve_tcp(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.has_ended() {
                return;
            }
            let Ok(stream) = stream else { continue };
            // Ends with its connection, at the latest with the process under test.
            let shared = self.clone();
            std::thread::spawn(move || shared.serve_connection(stream));
        }
    }

    fn serve_connection(&self, mut stream: TcpStream) {
        let mut length = [0u8; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut query = vec![0u8; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut query).is_err() {
                return;
            }
            for reply in self.replies(&query, true) {
                let framed = [&(reply.len() as u16).to_be_bytes()[..], &reply].concat();
                let _ = stream.write_all(&framed);
            }
        }
    }

    fn replies(&self, query: &[u8], is_tcp: bool) -> Vec<Vec<u8>> {
        let Some((name, kind, end)) = parse(query) else { return Vec::new() };
        let count = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry((name.clone(), kind)).or_default();
            *count += 1;
            *count
        };
        let question = Question { name, kind, count, is_tcp };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(question.clone());
        let reply = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(&question);
        encode(&query[..end], kind, &reply)
    }
}

/// Name, kind and end of the only question.
fn parse(query: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).into_owned());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    Some((labels.join("."), kind, at + 4))
}

fn encode(query: &[u8], kind: u16, reply: &Reply) -> Vec<Vec<u8>> {
    let message = |flags: u16, answers: u16, rest: &[u8]| {
        let mut bytes = query[..2].to_vec();
        for word in [flags, 1, answers, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(&query[12..]);
        bytes.extend(rest);
        bytes
    };
    match reply {
        Reply::Nothing => Vec::new(),
        Reply::Code(code) => vec![message(0x8180 | u16::from(*code), 0, b"")],
        Reply::Truncated => vec![message(0x8380, 0, b"")],
        Reply::Garbage(bytes) => vec![[&query[..2], bytes].concat()],
        Reply::Several(replies) => replies.iter().flat_map(|reply| encode(query, kind, reply)).collect(),
        Reply::WrongId(inner) => {
            let mut messages = encode(query, kind, inner);
            for bytes in &mut messages {
                bytes[1] = !bytes[1];
            }
            messages
        }
        Reply::Addresses(seconds, addresses) => {
            let mut records = Vec::new();
            let mut count = 0;
            for address in addresses {
                let octets = match address {
                    IpAddr::V4(v4) if kind == A => v4.octets().to_vec(),
                    IpAddr::V6(v6) if kind == AAAA => v6.octets().to_vec(),
                    IpAddr::V4(_) | IpAddr::V6(_) => continue,
                };
                // The name is that of the question.
                records.extend([0xc0, 0x0c]);
                records.extend(kind.to_be_bytes());
                records.extend(1u16.to_be_bytes());
                records.extend(seconds.to_be_bytes());
                records.extend((octets.len() as u16).to_be_bytes());
                records.extend(octets);
                count += 1;
            }
            vec![message(0x8180, count, &records)]
        }
    }
}
