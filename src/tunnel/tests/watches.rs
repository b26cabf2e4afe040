//! Which sides are watched, seen by what is heard of them.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};

use super::super::record::Ending;
use super::super::side::Side;
use super::super::slot::{Carried, Slot};
use super::Bench;
use super::fairness::tcp;
use crate::model::Tunnel;
use crate::sys::socket;

/// A tunnel between TCP sockets, and how it ended.
struct Pair {
    client: TcpStream,
    upstream: TcpStream,
    ended: Rc<RefCell<Option<Ending>>>,
}

impl Pair {
    fn adopt(bench: &mut Bench, frames: bool) -> Pair {
        let ((client_near, client), (upstream_near, upstream)) = (tcp(), tcp());
        let ended = Rc::new(RefCell::new(None));
        let told = Rc::clone(&ended);
        let mut slot = Slot::new(client_near.into(), upstream_near.into(), Arc::default(), bench.now);
        slot.carried = Carried::new(frames);
        bench.turns.adopt(slot, Box::new(move |record| *told.borrow_mut() = Some(record.ended)), bench.now);
        bench.settle();
        Pair { client, upstream, ended }
    }
}

fn reset(socket: TcpStream) {
    set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// The first watch of a side ends with what it tells. An end of stream leaves nothing to be told but a failure, which the
/// sweep has watched for.
#[test]
fn a_reset_behind_an_end_is_heard_of() {
    let mut bench = Bench::new(Tunnel::default(), false);
    let Pair { client, mut upstream, ended } = Pair::adopt(&mut bench, false);
    client.shutdown(Shutdown::Write).unwrap();
    bench.settle_until(|| upstream.read(&mut [0]).is_ok_and(|count| count == 0));
    assert_eq!(*ended.borrow(), None);
    bench.pass(1);
    reset(client);
    bench.settle_until(|| ended.borrow().is_some());
    assert_eq!(*ended.borrow(), Some(Ending::Reset(Side::Client)));
}

#[test]
fn a_reset_does_not_look_like_an_end_to_the_other_side() {
    for side in Side::BOTH {
        let mut bench = Bench::new(Tunnel::default(), false);
        let Pair { client, upstream, ended } = Pair::adopt(&mut bench, false);
        let (gone, mut left) = match side {
            Side::Client => (client, upstream),
            Side::Upstream => (upstream, client),
        };
        reset(gone);
        bench.settle_until(|| ended.borrow().is_some());
        assert_eq!(*ended.borrow(), Some(Ending::Reset(side)));
        assert_eq!(left.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_frame_sent_before_a_reset_arrives_at_a_slow_reader() {
    for side in Side::BOTH {
        let mut bench = Bench::new(Tunnel::default(), false);
        let Pair { client, upstream, ended } = Pair::adopt(&mut bench, true);
        let (mut gone, mut left) = match side {
            Side::Client => (client, upstream),
            Side::Upstream => (upstream, client),
        };
        set_socket_recv_buffer_size(&left, 4096).unwrap();
        let mut sent = vec![0x82, 127, 0, 0, 0, 0, 0, 4, 0, 0];
        sent.extend((0..4 << 16).map(|at: u32| (at / 7) as u8));
        gone.write_all(&sent).unwrap();
        bench.settle_until(|| socket::has_arrived(gone.as_fd()).unwrap());
        let counts = bench.turns.counts();
        assert_eq!((counts.pending_bytes, counts.pipes_lent), (0, 0), "all of it is with the kernel");
        reset(gone);
        bench.settle_until(|| ended.borrow().is_some());
        assert_eq!(*ended.borrow(), Some(Ending::Reset(side)));
        let mut came = Vec::new();
        left.set_nonblocking(false).unwrap();
        left.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        left.read_to_end(&mut came).unwrap();
        assert!(came == sent, "{} of {} bytes", came.len(), sent.len());
    }
}

/// After the first watch, and after more than one message each way, both sides are still heard.
#[test]
fn every_message_is_heard() {
    let mut bench = Bench::new(Tunnel::default(), false);
    for round in 0..3_u8 {
        for (from, to) in [(Side::Client, Side::Upstream), (Side::Upstream, Side::Client)] {
            bench.send(from, &[round; 5]);
            assert_eq!(bench.arrived(to), (vec![round; 5], false));
        }
    }
    bench.client.shutdown(Shutdown::Both).unwrap();
    bench.upstream.shutdown(Shutdown::Both).unwrap();
    bench.settle();
    assert_eq!(bench.ended(), Some(Ending::Closed(Side::Client)));
}
