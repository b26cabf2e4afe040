//! Nagle's algorithm at the upstream's socket: off before a second message, and not asked for before there is a first.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::fairness::tcp;
use super::{Bench, TEXT};
use crate::model::Tunnel;
use crate::tunnel::slot::Slot;

/// A tunnel, with another descriptor of its socket to the upstream.
struct Pair {
    client: TcpStream,
    upstream: TcpStream,
    near: TcpStream,
}

impl Pair {
    fn adopt(bench: &mut Bench) -> Pair {
        let ((client_near, client), (upstream_near, upstream)) = (tcp(), tcp());
        let near = upstream_near.try_clone().unwrap();
        let slot = Slot::new(client_near.into(), upstream_near.into(), Default::default(), bench.now);
        bench.turns.adopt(slot, Box::new(|_| ()), bench.now);
        Pair { client, upstream, near }
    }

    fn holds_back(&self) -> bool {
        !self.near.nodelay().unwrap()
    }
}

/// Waits until all of `bytes` are there.
fn expect(bench: &mut Bench, socket: &mut TcpStream, bytes: &[u8]) {
    let mut came = Vec::new();
    bench.settle_until(|| {
        let mut some = [0; 64];
        if let Ok(count) = socket.read(&mut some) {
            came.extend_from_slice(&some[..count]);
        }
        came.len() >= bytes.len()
    });
    assert_eq!(came, bytes);
}

#[test]
fn no_message_of_a_client_waits_until_the_one_before_it_is_acknowledged() {
    for count in [1, 8] {
        let mut bench = Bench::new(Tunnel::default(), true);
        let mut pairs: Vec<Pair> = (0..count).map(|_| Pair::adopt(&mut bench)).collect();
        for pair in &mut pairs {
            pair.upstream.write_all(TEXT).unwrap();
        }
        for pair in &mut pairs {
            expect(&mut bench, &mut pair.client, TEXT);
            assert!(pair.holds_back(), "nothing was said to the upstream yet");
        }
        for pair in &mut pairs {
            pair.client.write_all(TEXT).unwrap();
        }
        for pair in &mut pairs {
            expect(&mut bench, &mut pair.upstream, TEXT);
            assert!(!pair.holds_back());
        }
    }
}
