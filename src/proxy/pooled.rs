//! Connections to peers between two exchanges: taken from the shard's pool, put back, and looked after while they rest.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::destination::Destination;
use super::exchange::Exchange;
use super::peer::PeerConnection;
use crate::model::PeerAddress;
use crate::net::moment;
use crate::transport::Transport;
use crate::upstream::idle::{Age, Keeper, Tended};

/// An idle connection to that address, if there is one.
pub fn take(exchange: &Exchange<'_>, destination: &Destination, address: &PeerAddress) -> Option<(Transport, Age)> {
    let purpose = destination.purpose.as_deref();
    loop {
        let (stream, age) = exchange.shard.idle.take(destination.id?, address, |stream| stream.serves(purpose))?;
        // A peer closes an idle connection when it likes; one that has spoken unasked is not to be trusted.
        if stream.seems_quiet() {
            // What is written from now on follows what may not be acknowledged yet. TLS has had that before.
            if let (Transport::Plain(stream), 1) = (&stream, age.requests) {
                stream.set_nodelay();
            }
            return Some((stream, age));
        }
    }
}

/// Puts a connection back that has carried an exchange, if the group keeps any.
#[expect(clippy::boxed_local, reason = "it is in a box already, and is moved by its address")]
pub fn put(exchange: &Exchange<'_>, destination: &Destination, peer: Box<PeerConnection>) {
    let (Some(id), true) = (destination.id, peer.raw.is_empty()) else { return };
    let age = Age { requests: peer.age.requests + 1, ..peer.age };
    let pool = &exchange.shard.idle;
    if let Some(keeper) = pool.put(id, &peer.lease.peer().address, peer.stream, age, moment::now()) {
        monoio::spawn(keep(keeper));
    }
}

/// Has a pool's keeper look whenever there is something to see, until the pool is no more.
async fn keep(keeper: Keeper<Transport>) {
    let mut alarm = pin!(monoio::time::sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            match keeper.tend(cx.waker(), Instant::now()) {
                Tended::Over => return Poll::Ready(()),
                Tended::Until(None) => return Poll::Pending,
                Tended::Until(Some(time)) => alarm.as_mut().reset(time.into()),
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}
