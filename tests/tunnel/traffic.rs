//! Random traffic over one tunnel: what each peer sends follows from a seed, so that the other can check every byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use longhaul::tunnel::{Ending, Record};

use crate::shard::{Shard, Start, ended, tcp, unix};

/// A generator that is the same everywhere (splitmix64).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// Mostly short, sometimes long: each power of two is as likely.
    pub fn size(&mut self, bits_max: usize) -> usize {
        let bits = self.below(bits_max + 1);
        self.below(1 << bits)
    }

    /// The bytes of one direction.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }
}

/// Unfragmented messages, masked or not, of random lengths.
pub fn messages(random: &mut Random, length: usize) -> (Vec<u8>, u32) {
    let (mut stream, mut count) = (Vec::with_capacity(length + 64), 0);
    while stream.len() < length {
        let bits = random.below(18);
        let payload = random.size(bits);
        let masked = if random.one_in(2) { 0x80 } else { 0 };
        stream.push(0x82);
        match payload {
            0..126 => stream.push(masked | payload as u8),
            126..0x1_0000 => {
                stream.push(masked | 126);
                stream.extend((payload as u16).to_be_bytes());
            }
            _ => {
                stream.push(masked | 127);
                stream.extend((payload as u64).to_be_bytes());
            }
        }
        let rest = payload + if masked == 0 { 0 } else { 4 };
        stream.extend(random.bytes(rest));
        count += 1;
    }
    (stream, count)
}

/// A peer's socket.
pub enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! on {
    ($peer:expr, $socket:ident => $do:expr) => {
        match $peer {
            Peer::Tcp($socket) => $do,
            Peer::Unix($socket) => $do,
        }
    };
}

impl Peer {
    fn again(&self) -> Peer {
        match self {
            Peer::Tcp(socket) => Peer::Tcp(socket.try_clone().unwrap()),
            Peer::Unix(socket) => Peer::Unix(socket.try_clone().unwrap()),
        }
    }
}

/// Upper bounds, as powers of two.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// Of what a peer sends.
    pub total_bits: usize,
    /// Of what it writes at once.
    pub write_bits: usize,
}

/// What one peer does.
#[derive(Clone)]
struct Part {
    sends: Vec<u8>,
    /// That many messages, where it sends frames.
    messages: Option<u32>,
    /// Reset the connection after this many bytes sent, instead of ending it.
    reset_at: Option<usize>,
    /// Read nothing before all is sent: the other writer meets back-pressure.
    reads_late: bool,
    write_bits: usize,
    random: Random,
}

/// A tunnel under way.
pub struct Traffic {
    parts: [Part; 2],
    peers: [JoinHandle<(Vec<u8>, Option<std::io::Error>)>; 2],
    record: Receiver<Record>,
    is_cut: bool,
}

impl Traffic {
    pub fn start(shard: &Shard, seed: u64, sizes: Sizes) -> Traffic {
        let mut random = Random::new(seed);
        let late = random.below(6);
        // Tracked bytes that are no frames at all have to arrive just the same.
        let frames = random.one_in(2);
        let sends_messages = frames && !random.one_in(3);
        let mut part = |late_at| {
            let length = random.size(sizes.total_bits);
            let (sends, messages) = if sends_messages {
                let (sends, count) = messages(&mut random, length);
                (sends, Some(count))
            } else {
                (random.bytes(length), None)
            };
            Part {
                sends,
                messages,
                reset_at: None,
                reads_late: late == late_at,
                write_bits: sizes.write_bits,
                random: Random::new(random.next()),
            }
        };
        let mut parts = [part(0), part(1)];
        let is_cut = random.one_in(5);
        if is_cut {
            let cut = &mut parts[random.below(2)];
            cut.reset_at = Some(random.below(cut.sends.len() + 1));
        }
        let (client_near, client) = tcp();
        let upstream_is_unix = random.one_in(3) && parts[1].reset_at.is_none();
        // Some of the bytes come with the seed.
        let head = [0, 1].map(|at: usize| {
            let part: &Part = &parts[at];
            random.below(part.reset_at.unwrap_or(part.sends.len()).min(3000) + 1)
        });
        let start = Start {
            to_upstream: parts[0].sends[..head[0]].to_vec(),
            to_client: parts[1].sends[..head[1]].to_vec(),
            frames,
            ..Default::default()
        };
        let (record, upstream) = if upstream_is_unix {
            let (near, far) = unix();
            (shard.adopt(client_near, near, start), Peer::Unix(far))
        } else {
            let (near, far) = tcp();
            (shard.adopt(client_near, near, start), Peer::Tcp(far))
        };
        let peers = [
            run(Peer::Tcp(client), parts[0].clone(), head[0], parts[1].sends.len()),
            run(upstream, parts[1].clone(), head[1], parts[0].sends.len()),
        ];
        Traffic { parts, peers, record, is_cut }
    }

    /// Checks every byte and how the tunnel ended.
    pub fn check(self, seed: u64) {
        let received = self.peers.map(|peer| peer.join().unwrap());
        for (at, (bytes, error)) in received.iter().enumerate() {
            let expected = &self.parts[1 - at].sends;
            assert!(expected.starts_with(bytes), "seed {seed}: side {at} got other bytes than were sent");
            if !self.is_cut {
                assert!(error.is_none(), "seed {seed}: side {at}: {error:?}");
                assert_eq!(bytes.len(), expected.len(), "seed {seed}: side {at} misses the end");
            }
        }
        let record = ended(&self.record);
        match record.ended {
            Ending::Closed(_) => {
                assert!(!self.is_cut || self.parts.iter().all(|part| part.reset_at != Some(0)), "seed {seed}");
                let sent = [record.bytes_to_upstream, record.bytes_to_client];
                if !self.is_cut {
                    let counted = [record.messages_to_upstream, record.messages_to_client];
                    for (part, counted) in self.parts.iter().zip(counted) {
                        assert!(part.messages.is_none_or(|sent| sent == counted), "seed {seed}: {counted} messages");
                    }
                    assert_eq!(sent, [0, 1].map(|at| self.parts[at].sends.len() as u64), "seed {seed}");
                }
            }
            Ending::Reset(_) => assert!(self.is_cut, "seed {seed}: nobody has reset it"),
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

/// Writes and reads at once, as the part says.
fn run(peer: Peer, part: Part, head: usize, expects: usize) -> JoinHandle<(Vec<u8>, Option<std::io::Error>)> {
    let small = || std::thread::Builder::new().stack_size(128 << 10);
    let (sent, all_sent): (Sender<()>, Receiver<()>) = channel();
    let mut writer = peer.again();
    let mut random = part.random.clone();
    let reads_late = part.reads_late;
    let (sends, reset_at) = (part.sends, part.reset_at);
    let writing = move || {
        let mut at = head;
        let end = reset_at.unwrap_or(sends.len());
        while at < end {
            let next = (at + 1 + random.size(part.write_bits)).min(end);
            // A writer whose tunnel was cut has nothing more to do.
            if on!(&mut writer, socket => socket.write_all(&sends[at..next])).is_err() {
                break;
            }
            at = next;
        }
        match (reset_at, writer) {
            (Some(_), Peer::Tcp(socket)) => {
                // The reader holds the same socket: end its wait, and let the last close send the reset.
                socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
                let _ = socket.shutdown(Shutdown::Read);
            }
            (_, writer) => {
                let _ = on!(&writer, socket => socket.shutdown(Shutdown::Write));
            }
        }
        drop(sent);
    };
    let mut random = Random::new(part.random.0 ^ 1);
    let mut reader = peer;
    let reading = move || {
        let writing = small().spawn(writing).unwrap();
        if reads_late {
            let _ = all_sent.recv();
        }
        let (mut bytes, mut error) = (Vec::with_capacity(expects), None);
        let mut buffer = vec![0; 1 << 17];
        loop {
            let limit = 1 + random.size(17).min(buffer.len() - 1);
            match on!(&mut reader, socket => socket.read(&mut buffer[..limit])) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(failed) => {
                    error = Some(failed);
                    break;
                }
            }
        }
        writing.join().unwrap();
        (bytes, error)
    };
    small().spawn(reading).unwrap()
}
