//! What goes through the ring together, seen by its buffers.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::super::side::Side;
use super::super::slot::Slot;
use super::Bench;
use crate::model::Tunnel;

/// One more tunnel: the other ends of its sockets.
fn adopt(bench: &mut Bench) -> [UnixStream; 2] {
    let ((client_near, client), (upstream_near, upstream)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    let slot = Slot::new(client_near.into(), upstream_near.into(), Arc::default(), bench.now);
    bench.turns.adopt(slot, Box::new(|_| ()), bench.now);
    bench.settle();
    [client, upstream]
}

#[test]
fn a_message_alone_takes_no_buffer_of_the_ring() {
    let mut bench = Bench::new(Tunnel::default(), false);
    let [mut client, mut upstream] = adopt(&mut bench);
    for round in 0..3_u8 {
        for (from, to) in [(Side::Client, Side::Upstream), (Side::Upstream, Side::Client)] {
            bench.send(from, &[round; 5]);
            assert_eq!(bench.arrived(to), (vec![round; 5], false));
        }
    }
    assert_eq!(bench.turns.ring().buffers_lent_max(), 0);
    client.write_all(b"other").unwrap();
    bench.send(Side::Client, b"both");
    assert_eq!(bench.turns.ring().buffers_lent_max(), 2);
    assert_eq!(bench.arrived(Side::Upstream), (b"both".to_vec(), false));
    let mut came = [0; 5];
    upstream.read_exact(&mut came).unwrap();
    assert_eq!(&came, b"other");
}
