//! Many tunnels that are pinged and then all ended in the midst of random messages, most of them within a frame: each end
//! gets whole frames as they were sent, pings between them, then the proxy's Close frame, then nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use longhaul::model;
use longhaul::tunnel::{Close, Closer, Ending, Reason, Record};

use crate::shard::{DEADLINE, Shard, Start, ended, tcp};
use crate::traffic::{Random, messages};

/// So many pings tell that tunnels are under way and were swept.
const PINGS: usize = 10;

struct Farewell {
    sent: [Vec<u8>; 2],
    readers: [JoinHandle<Vec<u8>>; 2],
    writers: [JoinHandle<()>; 2],
    /// Dropped when they may send the rest.
    pause: [Sender<()>; 2],
    record: Receiver<Record>,
}

pub fn run(shard: &Shard, seeds: std::ops::Range<u64>) {
    let (pinged, pings) = channel();
    let mut all: Vec<(u64, Farewell)> = seeds.map(|seed| (seed, start(shard, seed, &pinged))).collect();
    for _ in 0..PINGS {
        pings.recv_timeout(DEADLINE).expect("a ping");
    }
    shard.close_all(Reason::Drain);
    // Answered when that has begun.
    shard.counts();
    all.iter_mut().for_each(|(_, farewell)| farewell.pause = [channel().0, channel().0]);
    for (seed, farewell) in all {
        check(seed, farewell);
    }
}

fn start(shard: &Shard, seed: u64, pinged: &Sender<()>) -> Farewell {
    let mut random = Random::new(seed);
    // A client that sends is not pinged.
    let lengths = [if random.one_in(2) { 0 } else { random.size(20) }, random.size(22)];
    let sent = lengths.map(|length| messages(&mut random, length).0);
    let settings = model::Tunnel {
        ping: Some(model::TunnelPing { interval: Duration::from_millis(10), timeout: DEADLINE }),
        ..Default::default()
    };
    let ((client_near, client), (upstream_near, upstream)) = (tcp(), tcp());
    let record = shard.adopt(client_near, upstream_near, Start { frames: true, settings, ..Default::default() });
    let readers = [read(&client, Some(pinged.clone())), read(&upstream, None)];
    let [(client_pause, client_waits), (upstream_pause, upstream_waits)] = [channel(), channel()];
    let writers = [
        write(client, sent[0].clone(), client_waits, random.next()),
        write(upstream, sent[1].clone(), upstream_waits, random.next()),
    ];
    Farewell { sent, readers, writers, pause: [client_pause, upstream_pause], record }
}

fn write(mut socket: TcpStream, bytes: Vec<u8>, pause: Receiver<()>, seed: u64) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut random = Random::new(seed);
        // Some wait between two frames.
        let stop = if random.one_in(3) { bytes.len() } else { random.below(bytes.len()) };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            if bytes.len() - rest.len() >= stop {
                // Nothing is ever said: it ends.
                let _ = pause.recv();
            }
            let count = rest.len().min(1 + random.size(16));
            // The tunnel may be gone before all is sent.
            if socket.write_all(&rest[..count]).is_err() {
                return;
            }
            rest = &rest[count..];
        }
    })
}

fn read(socket: &TcpStream, mut pinged: Option<Sender<()>>) -> JoinHandle<Vec<u8>> {
    let mut socket = socket.try_clone().unwrap();
    std::thread::spawn(move || {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match socket.read(&mut buffer) {
                Ok(0) | Err(_) => return bytes,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
            let has_ping = || frames(&bytes).iter().any(|frame| frame[0] == 0x89);
            if let Some(told) = pinged.take_if(|_| has_ping()) {
                // Only the first ones are waited for.
                let _ = told.send(());
            }
        }
    })
}

/// The whole frames at the beginning of a stream.
fn frames(stream: &[u8]) -> Vec<&[u8]> {
    let (mut all, mut rest) = (Vec::new(), stream);
    while rest.len() >= 2 {
        let number = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        let (header, payload) = match rest[1] & 0x7f {
            126 if rest.len() >= 4 => (4, number(&rest[2..4])),
            127 if rest.len() >= 10 => (10, number(&rest[2..10])),
            126 | 127 => break,
            short => (2, usize::from(short)),
        };
        let mask = if rest[1] & 0x80 == 0 { 0 } else { 4 };
        let Some((frame, after)) = rest.split_at_checked(header + mask + payload) else { break };
        all.push(frame);
        rest = after;
    }
    all
}

fn check(seed: u64, farewell: Farewell) {
    let Farewell { sent, readers, writers, record, .. } = farewell;
    let received = readers.map(|reader| reader.join().unwrap());
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let record = ended(&record);
    assert_eq!(record.ended, Ending::Stopped(Reason::Drain), "seed {seed}");
    assert_eq!(record.close, Some(Close { by: Closer::Proxy, code: 1001 }), "seed {seed}");
    let counted = [record.messages_to_client, record.messages_to_upstream];
    for (at, bytes) in received.iter().enumerate() {
        let mut frames = frames(bytes);
        assert_eq!(
            frames.iter().map(|frame| frame.len()).sum::<usize>(),
            bytes.len(),
            "seed {seed}: a part of a frame"
        );
        let close = frames.pop().unwrap_or_default();
        let mask = if at == 0 { [0; 2] } else { [close[2], close[3]] };
        assert_eq!(close[..2], if at == 0 { [0x88, 2] } else { [0x88, 0x82] }, "seed {seed}: side {at}");
        let code = [close[close.len() - 2] ^ mask[0], close[close.len() - 1] ^ mask[1]];
        assert_eq!(u16::from_be_bytes(code), 1001, "seed {seed}: side {at}");
        frames.retain(|frame| frame[0] != 0x89 || at == 1);
        assert_eq!(frames.len(), counted[at] as usize, "seed {seed}: side {at}");
        assert!(sent[1 - at].starts_with(&frames.concat()), "seed {seed}: side {at} got other frames than were sent");
    }
}
