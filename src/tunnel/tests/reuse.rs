//! What becomes of the upstream's socket when a tunnel is over.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;

use super::fairness::tcp;
use super::{Bench, KEEPALIVE, OnEnd};
use crate::limits::SPARE_SOCKET_BYTES_MAX;
use crate::model::{Tunnel, TunnelKeepalive};
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

/// Waits until only the tunnel is left that the bench has of its own.
fn until_over(bench: &mut Bench) {
    while bench.turns.active() > 1 {
        bench.settle();
    }
}

/// Ends one side, then the other one; each waits for the end that it is told of.
fn end(bench: &mut Bench, mut first: TcpStream, mut second: TcpStream) {
    first.shutdown(Shutdown::Write).unwrap();
    for socket in [&mut second, &mut first] {
        bench.settle_until(|| socket.read(&mut [0]).is_ok_and(|count| count == 0));
        let _ = socket.shutdown(Shutdown::Write);
    }
    until_over(bench);
}

#[test]
fn it_serves_again_where_the_peer_has_answered_its_end() {
    let mut bench = Bench::new(Tunnel::default(), false);
    let settings = Arc::new(Tunnel { keepalive: Some(KEEPALIVE), ..Tunnel::default() });
    for client_ends in [true, false] {
        let (client, upstream, number) = adopt(&mut bench, &settings);
        let peer = upstream.local_addr().unwrap();
        if client_ends {
            end(&mut bench, client, upstream);
        } else {
            end(&mut bench, upstream, client);
        }
        // An upstream that ended first is told by the close alone: whether it knows is not waited for.
        let kept = spare::take(&peer).map(|socket| socket.as_raw_fd());
        assert_eq!(kept, client_ends.then_some(number));
    }
}

#[test]
fn what_the_tunnel_has_set_is_undone_or_the_socket_is_closed() {
    const OWN: TunnelKeepalive = TunnelKeepalive { interval: Some(Duration::from_secs(9)), ..KEEPALIVE };
    for (keepalive, serves_again) in [(None, true), (Some(KEEPALIVE), true), (Some(OWN), false)] {
        let mut bench = Bench::new(Tunnel::default(), false);
        let (client, upstream, _) = adopt(&mut bench, &Arc::new(Tunnel { keepalive, ..Tunnel::default() }));
        let peer = upstream.local_addr().unwrap();
        bench.pass(3);
        end(&mut bench, client, upstream);
        let again = spare::take(&peer);
        assert_eq!(again.is_some(), serves_again, "{keepalive:?}");
        if let Some(socket) = again {
            assert!(!sockopt::socket_keepalive(&socket).unwrap());
            assert_eq!(sockopt::tcp_user_timeout(&socket).unwrap(), 0);
        }
    }
}

#[test]
fn one_that_has_carried_much_is_closed() {
    let most = usize::try_from(SPARE_SOCKET_BYTES_MAX).unwrap();
    for (count, serves_again) in [(most, true), (most + 1, false)] {
        let mut bench = Bench::new(Tunnel::default(), false);
        let (client, mut upstream, _) = adopt(&mut bench, &Arc::default());
        let peer = upstream.local_addr().unwrap();
        let bytes = vec![b'x'; count];
        let mut rest = &bytes[..];
        let mut came = 0;
        let mut reader = client.try_clone().unwrap();
        bench.settle_until(|| {
            if let Ok(sent) = upstream.write(rest) {
                rest = &rest[sent..];
            }
            came += reader.read(&mut vec![0; count]).unwrap_or(0);
            came == count
        });
        end(&mut bench, client, upstream);
        assert_eq!(spare::take(&peer).is_some(), serves_again, "{count}");
    }
}

#[test]
fn one_that_was_reset_is_closed() {
    let mut bench = Bench::new(Tunnel::default(), false);
    let (mut client, upstream, _) = adopt(&mut bench, &Arc::default());
    let peer = upstream.local_addr().unwrap();
    sockopt::set_socket_linger(&upstream, Some(Duration::ZERO)).unwrap();
    drop(upstream);
    bench.settle_until(|| client.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    until_over(&mut bench);
    assert!(spare::take(&peer).is_none());
}
