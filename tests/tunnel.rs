//! Tunnels over real sockets: what arrives, in which order, and how they end. The peers are blocking std sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no")]

#[path = "tunnel/shard.rs"]
mod shard;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use longhaul::limits;
use longhaul::model;
use longhaul::tunnel::{Close, Closer, Counts, Ending, EngineOptions, Reason, Side};

use shard::{Shard, Start, ended, reset, tcp, unix};

fn shard() -> Shard {
    Shard::start(EngineOptions::default())
}

fn read_exactly(from: &mut impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    from.read_exact(&mut bytes).unwrap();
    bytes
}

fn read_all(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    bytes
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

#[test]
fn bytes_go_both_ways_and_both_ends_close() {
    let shard = shard();
    let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
    let record = shard.adopt(client_near, upstream_near, Start::default());
    client.write_all(b"question").unwrap();
    assert_eq!(read_exactly(&mut upstream, 8), b"question");
    upstream.write_all(b"answer").unwrap();
    assert_eq!(read_exactly(&mut client, 6), b"answer");
    drop(client);
    assert_eq!(read_all(&mut upstream), b"");
    drop(upstream);
    let record = ended(&record);
    assert_eq!(record.ended, Ending::Closed(Side::Client));
    assert_eq!((record.bytes_to_upstream, record.bytes_to_client), (8, 6));
    shard.finish();
}

#[test]
fn bytes_of_the_seed_arrive_before_all_others() {
    let shard = shard();
    let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), unix());
    client.write_all(b" later").unwrap();
    upstream.write_all(b" later").unwrap();
    let start = Start { to_upstream: b"to upstream".to_vec(), to_client: b"to client".to_vec(), ..Default::default() };
    let record = shard.adopt(client_near, upstream_near, start);
    assert_eq!(read_exactly(&mut upstream, 17), b"to upstream later");
    assert_eq!(read_exactly(&mut client, 15), b"to client later");
    drop((client, upstream));
    ended(&record);
    shard.finish();
}

#[test]
fn half_close_is_passed_on_and_the_other_direction_goes_on() {
    for first in Side::BOTH {
        let shard = shard();
        let ((client_near, client), (upstream_near, upstream)) = (tcp(), tcp());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        let (mut first_end, mut other_end) = match first {
            Side::Client => (client, upstream),
            Side::Upstream => (upstream, client),
        };
        first_end.write_all(b"all I have").unwrap();
        first_end.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut other_end), b"all I have");
        let long = pattern(1 << 20);
        let writer = std::thread::spawn({
            let long = long.clone();
            move || other_end.write_all(&long).unwrap()
        });
        assert!(read_all(&mut first_end) == long);
        writer.join().unwrap();
        assert_eq!(ended(&record).ended, Ending::Closed(first));
        shard.finish();
    }
}

#[test]
fn a_reset_becomes_a_reset() {
    for first in Side::BOTH {
        let shard = shard();
        let ((client_near, client), (upstream_near, upstream)) = (tcp(), tcp());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        let (first_end, mut other_end) = match first {
            Side::Client => (client, upstream),
            Side::Upstream => (upstream, client),
        };
        reset(first_end);
        assert_eq!(other_end.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(ended(&record).ended, Ending::Reset(first));
        shard.finish();
    }
}

#[test]
fn either_side_may_reset_at_any_byte_of_a_dialogue() {
    let shard = shard();
    let bytes = pattern(40);
    for first in Side::BOTH {
        for cut in 0..=bytes.len() {
            let ((client_near, client), (upstream_near, upstream)) = (tcp(), tcp());
            let record = shard.adopt(client_near, upstream_near, Start { frames: cut % 2 == 0, ..Default::default() });
            let (mut first_end, mut other_end) = match first {
                Side::Client => (client, upstream),
                Side::Upstream => (upstream, client),
            };
            first_end.write_all(&bytes[..cut]).unwrap();
            reset(first_end);
            let mut arrived = Vec::new();
            assert_eq!(other_end.read_to_end(&mut arrived).unwrap_err().kind(), ErrorKind::ConnectionReset);
            assert!(bytes[..cut].starts_with(&arrived), "cut {cut}");
            assert_eq!(ended(&record).ended, Ending::Reset(first));
        }
    }
    shard.finish();
}

#[test]
fn a_reset_behind_a_half_close_or_behind_waiting_bytes_is_noticed() {
    for waiting in [0, 32 << 20] {
        let shard = shard();
        let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        if waiting == 0 {
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&mut upstream), b"");
        } else {
            client.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            assert!(client.write_all(&pattern(waiting)).is_err(), "nobody reads");
        }
        reset(client);
        assert_eq!(ended(&record).ended, Ending::Reset(Side::Client));
        drop(upstream);
        shard.finish();
    }
}

#[test]
fn a_slow_reader_stops_its_sender_and_loses_nothing() {
    let shard = shard();
    let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
    let record = shard.adopt(client_near, upstream_near, Start::default());
    upstream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let all = pattern(64 << 20);
    let mut sent = 0;
    while let Ok(count) = upstream.write(&all[sent..]) {
        sent += count;
    }
    assert!(sent < all.len(), "the sender is stopped");
    client.write_all(b"still there").unwrap();
    assert_eq!(read_exactly(&mut upstream, 11), b"still there");
    upstream.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&mut client) == all[..sent]);
    drop(client);
    drop(upstream);
    assert_eq!(ended(&record).bytes_to_client, sent as u64);
    shard.finish();
}

#[test]
fn more_slow_readers_than_pipes_lose_nothing() {
    let shard = shard();
    let all = pattern(1 << 20);
    let mut tunnels = Vec::new();
    for _ in 0..limits::TUNNEL_PIPES_MAX + 8 {
        let ((client_near, client), (upstream_near, mut upstream)) = (unix(), unix());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        let all = all.clone();
        let writer = std::thread::spawn(move || upstream.write_all(&all).unwrap());
        tunnels.push((record, client, writer));
    }
    shard.until(|counts| counts.pipes_lent == limits::TUNNEL_PIPES_MAX && counts.pipes_refused > 0);
    // Others need pipes as well: what waits goes into memory.
    shard.until(|counts| counts.pipes_lent < limits::TUNNEL_PIPES_MAX / 2 && counts.pending_bytes > 0);
    for (record, mut client, writer) in tunnels {
        assert!(read_exactly(&mut client, all.len()) == all);
        writer.join().unwrap();
        drop(client);
        assert_eq!(ended(&record).bytes_to_client, all.len() as u64);
    }
    shard.finish();
}

#[test]
fn what_a_pipe_held_of_a_tunnel_that_was_reset_reaches_nobody() {
    let shard = shard();
    let all = pattern(4 << 20);
    for _ in 0..3 {
        let ((client_near, client), (upstream_near, mut upstream)) = (tcp(), tcp());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        let writer = std::thread::spawn(move || upstream.write_all(&[0xee; 64 << 20]).unwrap_err());
        shard.until(|counts| counts.pipes_lent == 1);
        reset(client);
        assert_eq!(ended(&record).ended, Ending::Reset(Side::Client));
        writer.join().unwrap();
        let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        let sent = all.clone();
        let writer = std::thread::spawn(move || upstream.write_all(&sent).unwrap());
        assert!(read_all(&mut client) == all);
        writer.join().unwrap();
        drop(client);
        ended(&record);
    }
    shard.finish();
}

#[test]
fn readers_that_stop_share_a_bound_and_stop_nobody_else() {
    const PENDING_MAX: usize = 64 << 10;
    let shard = Shard::start(EngineOptions { pending_bytes_max: PENDING_MAX, ..EngineOptions::default() });
    let all = pattern(1 << 20);
    let mut tunnels = Vec::new();
    for _ in 0..limits::TUNNEL_PIPES_MAX + 40 {
        let ((client_near, client), (upstream_near, mut upstream)) = (unix(), unix());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        let all = all.clone();
        let writer = std::thread::spawn(move || upstream.write_all(&all).unwrap());
        tunnels.push((record, client, writer));
    }
    let is_within = |counts: &Counts| {
        // What was read before the bound was met is one buffer more at most.
        assert!(counts.pending_bytes <= PENDING_MAX + limits::TUNNEL_BUFFER_BYTES, "{counts:?}");
        counts.pending_refused > 0
    };
    shard.until(is_within);
    let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
    let record = shard.adopt(client_near, upstream_near, Start::default());
    let writer = std::thread::spawn({
        let all = all.clone();
        move || upstream.write_all(&all).unwrap()
    });
    assert!(read_exactly(&mut client, all.len()) == all);
    shard.until(is_within);
    writer.join().unwrap();
    drop(client);
    ended(&record);
    for (record, mut client, writer) in tunnels {
        assert!(read_exactly(&mut client, all.len()) == all);
        writer.join().unwrap();
        drop(client);
        assert_eq!(ended(&record).bytes_to_client, all.len() as u64);
    }
    assert_eq!(shard.counts().pending_bytes, 0);
    shard.finish();
}

#[test]
fn a_stop_ends_every_tunnel() {
    let shard = shard();
    let mut ends = Vec::new();
    for _ in 0..20 {
        let ((client_near, client), (upstream_near, upstream)) = (tcp(), unix());
        ends.push((shard.adopt(client_near, upstream_near, Start::default()), client, upstream));
    }
    assert_eq!(shard.counts().active, 20);
    shard.close_all(Reason::Stop);
    for (record, mut client, mut upstream) in ends {
        assert_eq!((read_all(&mut client), read_all(&mut upstream)), (vec![], vec![]));
        assert_eq!(ended(&record).ended, Ending::Stopped(Reason::Stop));
    }
    shard.finish();
}

#[test]
fn a_silent_upstream_times_out_when_asked_to() {
    let shard = shard();
    let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
    let settings = model::Tunnel { read_timeout: Some(Duration::from_millis(300)), ..Default::default() };
    let record = shard.adopt(client_near, upstream_near, Start { settings, ..Default::default() });
    assert_eq!((read_all(&mut client), read_all(&mut upstream)), (vec![], vec![]));
    assert_eq!(ended(&record).ended, Ending::ReadTimeout);
    shard.finish();
}

#[test]
fn a_drain_in_the_midst_of_bulk_ends_between_two_frames() {
    let shard = shard();
    let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
    let record = shard.adopt(client_near, upstream_near, Start { frames: true, ..Default::default() });
    let payload = pattern(300_000);
    let mut message = vec![0x82, 127];
    message.extend((payload.len() as u64).to_be_bytes());
    message.extend(&payload);
    let mut peer = upstream.try_clone().unwrap();
    let sent = message.clone();
    // Until the tunnel is gone.
    let writer = std::thread::spawn(move || while peer.write_all(&sent).is_ok() {});
    for _ in 0..20 {
        assert!(read_exactly(&mut client, message.len()) == message);
    }
    shard.close_all(Reason::Drain);
    loop {
        let head = read_exactly(&mut client, 2);
        if head == [0x88, 2] {
            break;
        }
        assert_eq!(head, message[..2]);
        assert!(read_exactly(&mut client, message.len() - 2) == message[2..]);
    }
    assert_eq!(read_exactly(&mut client, 2), 1001_u16.to_be_bytes());
    assert_eq!(read_exactly(&mut upstream, 8)[..2], [0x88, 0x82]);
    drop(client);
    assert_eq!(ended(&record).ended, Ending::Stopped(Reason::Drain));
    writer.join().unwrap();
    shard.finish();
}

#[test]
fn messages_and_the_close_code_are_recorded_over_any_cut_of_a_dialogue() {
    let shard = shard();
    // A text, a ping, a text in two frames with a pong between, a Close 4321; as a client masks them.
    let frames: [&[u8]; 6] = [
        b"\x81\x85\x01\x02\x03\x04\x69\x67\x6f\x68\x6e",
        b"\x89\x80\x01\x02\x03\x04",
        b"\x01\x81\x00\x00\x00\x00a",
        b"\x8a\x82\x01\x02\x03\x04xy",
        b"\x80\x81\x00\x00\x00\x00b",
        b"\x88\x82\x10\xe1\x00\x00\x00\x00",
    ];
    let stream = frames.concat();
    for cut in 0..=stream.len() {
        let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
        let head = cut / 2;
        let start = Start { to_upstream: stream[..head].to_vec(), frames: true, ..Default::default() };
        let record = shard.adopt(client_near, upstream_near, start);
        client.write_all(&stream[head..cut]).unwrap();
        drop(client);
        assert_eq!(read_all(&mut upstream), stream[..cut]);
        drop(upstream);
        let record = ended(&record);
        let messages = [11, 11 + 6 + 7 + 8 + 7].iter().filter(|end| cut >= **end).count();
        assert_eq!(record.messages_to_upstream as usize, messages, "cut {cut}");
        let close = (cut == stream.len()).then_some(Close { by: Closer::End(Side::Client), code: 0x10e1 });
        assert_eq!(record.close, close, "cut {cut}");
    }
    shard.finish();
}

#[test]
fn either_side_may_be_cut_at_any_byte_of_a_dialogue() {
    let shard = shard();
    let (question, answer) = (pattern(24), pattern(31));
    for cut in 0..=question.len() {
        let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), tcp());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        client.write_all(&question[..cut]).unwrap();
        drop(client);
        assert_eq!(read_all(&mut upstream), question[..cut]);
        drop(upstream);
        assert_eq!(ended(&record).bytes_to_upstream, cut as u64);
    }
    for cut in 0..=answer.len() {
        let ((client_near, mut client), (upstream_near, mut upstream)) = (tcp(), unix());
        let record = shard.adopt(client_near, upstream_near, Start::default());
        client.write_all(&question).unwrap();
        assert_eq!(read_exactly(&mut upstream, question.len()), question);
        upstream.write_all(&answer[..cut]).unwrap();
        drop(upstream);
        assert_eq!(read_all(&mut client), answer[..cut]);
        drop(client);
        assert_eq!(ended(&record).bytes_to_client, cut as u64);
    }
    shard.finish();
}
