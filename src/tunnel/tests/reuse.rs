//! What becomes of the upstream's socket when a tunnel is over.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use super::fairness::tcp;
use super::{Bench, KEEPALIVE, OnEnd};
use crate::model::Tunnel;
use crate::net::spare::{self, Detached, Reuse};
use crate::tunnel::slot::Slot;

/// Begins a tunnel whose upstream's socket may serve again; both peers, and the number of that socket.
fn adopt(bench: &mut Bench, settings: &Arc<Tunnel>) -> (TcpStream, TcpStream, i32) {
    let ((client_near, client), (upstream_near, upstream)) = (tcp(), tcp());
    let near = Detached { reuse: Reuse::V4, ..upstream_near.into() };
    let number = near.fd.as_raw_fd();
    let slot = Slot::new(client_near.into(), near, Arc::clone(settings), bench.now);
    let on_end: OnEnd = Box::new(|_| ());
    bench.turns.adopt(slot, on_end, bench.now);
    bench.settle();
    (client, upstream, number)
}

/// Ends one side, then the other one; each waits for the end that it is told of.
fn end(bench: &mut Bench, mut first: TcpStream, mut second: TcpStream) {
    first.shutdown(Shutdown::Write).unwrap();
    for socket in [&mut second, &mut first] {
        bench.settle_until(|| socket.read(&mut [0]).is_ok_and(|count| count == 0));
        let _ = socket.shutdown(Shutdown::Write);
    }
    // The bench has one of its own.
    while bench.turns.active() > 1 {
        bench.settle();
    }
}

#[test]
fn it_serves_again_where_the_peer_has_answered_its_end() {
    let mut bench = Bench::new(Tunnel::default(), false);
    let settings = Arc::new(Tunnel { keepalive: Some(KEEPALIVE), ..Tunnel::default() });
    for client_ends in [true, false] {
        let (client, upstream, number) = adopt(&mut bench, &settings);
        if client_ends {
            end(&mut bench, client, upstream);
        } else {
            end(&mut bench, upstream, client);
        }
        // An upstream that ended first is told by the close alone: whether it knows is not waited for.
        let kept = spare::take(Reuse::V4).map(|socket| socket.as_raw_fd());
        assert_eq!(kept, client_ends.then_some(number));
    }
}

#[test]
fn one_with_probes_is_closed() {
    for (keepalive, serves_again) in [(None, true), (Some(KEEPALIVE), false)] {
        let mut bench = Bench::new(Tunnel::default(), false);
        let (client, upstream, _) = adopt(&mut bench, &Arc::new(Tunnel { keepalive, ..Tunnel::default() }));
        bench.pass(3);
        end(&mut bench, client, upstream);
        assert_eq!(spare::take(Reuse::V4).is_some(), serves_again, "{keepalive:?}");
    }
}

#[test]
fn one_that_was_reset_is_closed() {
    let mut bench = Bench::new(Tunnel::default(), false);
    let (mut client, upstream, _) = adopt(&mut bench, &Arc::default());
    rustix::net::sockopt::set_socket_linger(&upstream, Some(Duration::ZERO)).unwrap();
    drop(upstream);
    bench.settle_until(|| client.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    while bench.turns.active() > 1 {
        bench.settle();
    }
    assert!(spare::take(Reuse::V4).is_none());
}
