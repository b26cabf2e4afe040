//! `tunnel_ping`: when a client is pinged, where the ping stands, what becomes of the pong, and of a client without one.

use std::io::Write;
use std::net::Shutdown;

use super::super::frames::{close_frame, ping_frame};
use super::super::record::Ending;
use super::super::side::Side;
use super::{Bench, TEXT, seconds, unmask};
use crate::model::{Tunnel, TunnelPing};

/// A tunnel that pings a client which is silent for 30 seconds, and waits 10 for its pong.
fn pinging() -> Bench {
    let ping = TunnelPing { interval: seconds(30), timeout: seconds(10) };
    Bench::new(Tunnel { ping: Some(ping), ..Tunnel::default() }, true)
}

#[test]
fn a_silent_client_is_pinged_and_its_pong_goes_no_further() {
    let mut bench = pinging();
    bench.pass(29);
    assert_eq!(bench.arrived(Side::Client).0, b"");
    bench.pass(1);
    let (bytes, _) = bench.arrived(Side::Client);
    let payload = bytes[2..].try_into().unwrap();
    assert_eq!(bytes, ping_frame(payload));
    let mut pong = vec![0x8a, 0x88, 0, 0, 0, 0];
    pong.extend(payload);
    let text = b"\x81\x82\0\0\0\0hi";
    let other_pong = b"\x8a\x80\0\0\0\0";
    bench.send(Side::Client, &[&text[..], &pong, &other_pong[..], text].concat());
    assert_eq!(bench.arrived(Side::Upstream).0, [&text[..], other_pong, text].concat());
    bench.pass(29);
    assert_eq!(bench.arrived(Side::Client).0, b"");
    bench.pass(1);
    assert_eq!(bench.arrived(Side::Client).0.len(), 10, "the next ping");
    bench.send(Side::Client, &text[..1]);
    bench.pass(11);
    assert_eq!(bench.ended(), None, "any byte is a sign of life");
}

#[test]
fn a_pong_goes_no_further_when_other_bytes_came_before_it() {
    let mut bench = pinging();
    let text = b"\x81\x82\0\0\0\0hi";
    let pong = |ping: Vec<u8>| [&[0x8a, 0x88, 0, 0, 0, 0], &ping[2..]].concat();
    bench.pass(30);
    let first = bench.arrived(Side::Client).0;
    // On its way when the ping was.
    bench.pass(1);
    bench.send(Side::Client, text);
    bench.pass(2);
    bench.send(Side::Client, &[pong(first.clone()), text.to_vec()].concat());
    assert_eq!(bench.arrived(Side::Upstream).0, text.repeat(2));
    bench.pass(29);
    assert_eq!(bench.arrived(Side::Client).0, b"");
    bench.pass(1);
    let second = bench.arrived(Side::Client).0;
    assert!(second.len() == 10 && second != first, "{second:?}");
    // Bytes without a pong: it is pinged again all the same.
    bench.pass(1);
    bench.send(Side::Client, text);
    bench.pass(30);
    assert_eq!(bench.arrived(Side::Client).0.len(), 10);
    bench.pass(10);
    assert_eq!(bench.told(Side::Client), Some(1008));
}

#[test]
fn a_client_that_answers_no_ping_is_closed() {
    let mut bench = pinging();
    bench.pass(39);
    assert_eq!(bench.arrived(Side::Upstream).0, b"");
    bench.pass(1);
    assert_eq!(unmask(&bench.arrived(Side::Upstream).0), close_frame(1001, None));
    bench.send(Side::Upstream, &close_frame(1001, None));
    bench.pass(2);
    assert_eq!(bench.ended(), Some(Ending::NoPong));
    assert!(bench.arrived(Side::Upstream).1);
}

#[test]
fn a_client_that_has_finished_owes_no_pong() {
    let mut bench = pinging();
    bench.pass(30);
    assert_eq!(bench.arrived(Side::Client).0.len(), 10);
    bench.client.shutdown(Shutdown::Write).unwrap();
    bench.settle();
    bench.pass(100);
    assert_eq!(bench.ended(), None);
    bench.send(Side::Upstream, TEXT);
    assert_eq!(bench.arrived(Side::Client), (TEXT.to_vec(), false), "and gets no further ping");
}

#[test]
fn a_ping_never_stands_inside_a_frame() {
    let mut bench = pinging();
    bench.send(Side::Upstream, &TEXT[..4]);
    bench.pass(40);
    assert_eq!(bench.arrived(Side::Client).0, TEXT[..4]);
    bench.send(Side::Upstream, &TEXT[4..]);
    bench.pass(1);
    let (bytes, _) = bench.arrived(Side::Client);
    assert_eq!((&bytes[..3], bytes[3], bytes.len()), (&TEXT[4..], 0x89, 13));
    assert_eq!(bench.turns.counts().active, 1);
}

#[test]
fn a_ping_may_stand_between_the_frames_of_a_message_and_never_waits_for_a_reader() {
    let mut bench = pinging();
    bench.send(Side::Upstream, b"\x01\x02he\x80");
    bench.pass(30);
    let (bytes, _) = bench.arrived(Side::Client);
    assert_eq!((&bytes[..4], &bytes[4..6], bytes.len()), (&b"\x01\x02he"[..], &[0x89, 8][..], 14));
    bench.send(Side::Client, &[&[0x8a, 0x88, 0, 0, 0, 0], &bytes[6..]].concat());
    bench.send(Side::Upstream, b"\x03llo");
    assert_eq!(bench.arrived(Side::Client).0, b"\x80\x03llo");
    assert_eq!(bench.arrived(Side::Upstream).0, b"");
    // A client that takes nothing: a ping would wait behind what waits, and its pong is not owed.
    let mut sent = 0;
    while let Ok(count) = bench.upstream.write(&TEXT.repeat(4096)) {
        sent += count;
        bench.settle();
    }
    bench.pass(100);
    assert_eq!(bench.ended(), None);
    let mut bytes = Vec::new();
    while bytes.len() < sent {
        bytes.extend(bench.arrived(Side::Client).0);
        bench.settle();
    }
    assert!(bytes == TEXT.repeat(sent.div_ceil(TEXT.len()))[..sent]);
}
