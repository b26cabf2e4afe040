//! A tunnel with an encrypted end, for as long as the engine carries plain sockets alone: a pair of sockets stands in
//! its place. The engine has the one, with frames, farewells and time limits as for any other tunnel; here plain bytes go
//! between the other and TLS, both ways and with half-closes.
//!
//! What waits on the way is bounded: the pair's own buffers, one buffer of the shard each way, and what TLS keeps.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::failure::Cause;
use crate::limits::{RELAY_BUFFER_BYTES, RELAY_LOOK_INTERVAL, TUNNEL_FAREWELL_TIME};
use crate::net::spare::Detached;
use crate::net::stream::Stream;
use crate::net::turn::Turn;
use crate::net::{buffer, timer};
use crate::transport::Transport;

/// What has to run as long as a tunnel does, and a little longer.
pub type Relay = Pin<Box<dyn Future<Output = ()>>>;

/// A socket that stands for a connection, and what carries the bytes between both, where TLS makes that necessary.
///
/// # Errors
/// When no descriptor is left.
pub fn stand_in(outside: Transport) -> Result<(Detached, Option<Relay>), Cause> {
    match outside {
        Transport::Plain(stream) => match stream.detach() {
            Ok(socket) => Ok((socket, None)),
            Err(error) => Err(Cause::Own("dup()", error)),
        },
        Transport::Tls(_) => relayed(outside).map_err(|error| Cause::Own("socketpair()", error)),
    }
}

/// Out of the way of all that need none.
#[inline(never)]
fn relayed(outside: Transport) -> io::Result<(Detached, Option<Relay>)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (near, far) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    for end in [&near, &far] {
        rustix::net::sockopt::set_socket_send_buffer_size(end, RELAY_BUFFER_BYTES)?;
    }
    let inside = Stream::from_fd(near);
    Ok((far.into(), Some(Box::pin(carry(outside, inside)))))
}

/// Both, if there are two.
pub fn both(one: Option<Relay>, other: Option<Relay>) -> Option<Relay> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Box::pin(async move {
            let (_, _) = monoio::join!(one, other);
        })),
        (one, other) => one.or(other),
    }
}

/// Carries bytes until both ways have ended, one is broken, or the tunnel is over.
async fn carry(outside: Transport, inside: Stream) {
    let has_closed = Cell::new(false);
    let is_broken = {
        let mut inwards = pin!(inwards(&outside, &inside));
        let mut outwards = pin!(outwards(&inside, &outside, &has_closed));
        let (mut in_ended, mut out_ended) = (false, false);
        poll_fn(|cx| {
            if !in_ended && let Poll::Ready(ended) = inwards.as_mut().poll(cx) {
                in_ended = true;
                if ended.is_err() {
                    return Poll::Ready(true);
                }
            }
            if !out_ended && let Poll::Ready(ended) = outwards.as_mut().poll(cx) {
                out_ended = true;
                if ended.is_err() {
                    return Poll::Ready(true);
                }
            }
            if out_ended || (in_ended && has_closed.get()) { Poll::Ready(false) } else { Poll::Pending }
        })
        .await
    };
    // Whoever waits in the tunnel sees the end at once.
    inside.shutdown_both();
    drop(inside);
    if !is_broken {
        part(&outside).await;
    }
}

/// From the encrypted end into the tunnel. Its `close_notify` becomes a half-close, and so does a FIN without one: the
/// frames that a tunnel carries say themselves whether they are whole.
async fn inwards(outside: &Transport, inside: &Stream) -> io::Result<()> {
    let (mut turn, mut moved_bytes) = (Turn::default(), 0);
    loop {
        outside.readable().await?;
        let mut piece = buffer::take();
        loop {
            piece.clear();
            let read = match outside.read_now(&mut piece, usize::MAX) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Some(0),
                read => read?,
            };
            match read {
                None => break,
                Some(0) => {
                    // The tunnel may have gone already.
                    let _ = inside.shutdown_write();
                    return Ok(());
                }
                // A tunnel that takes nothing more may still have sent something, which has to arrive.
                Some(_) if inside.write_all(&piece, Duration::ZERO, &mut moved_bytes).await.is_err() => return Ok(()),
                Some(_) => turn.note(moved_bytes, inside).await,
            }
        }
    }
}

/// From the tunnel to the encrypted end, until the tunnel is over. Its half-close becomes a `close_notify`.
async fn outwards(inside: &Stream, outside: &Transport, has_closed: &Cell<bool>) -> io::Result<()> {
    let (mut turn, mut moved_bytes) = (Turn::default(), 0);
    loop {
        inside.readable().await?;
        let mut piece = buffer::take();
        loop {
            piece.clear();
            match inside.read_now(&mut piece, usize::MAX)? {
                None => break,
                Some(0) => {
                    outside.shutdown_write()?;
                    has_closed.set(true);
                    hung_up(inside).await;
                    return Ok(());
                }
                Some(read) => {
                    if let Err(error) = give(outside, &piece, inside).await {
                        // Who takes nothing more may have said something before, which has to arrive.
                        has_closed.set(true);
                        hung_up(inside).await;
                        return Err(error);
                    }
                    moved_bytes += read as u64;
                    turn.note(moved_bytes, inside).await;
                }
            }
        }
    }
}

/// Waits for the end of the tunnel: nothing tells of a close that follows a half-close.
async fn hung_up(inside: &Stream) {
    while !inside.has_hung_up() {
        timer::sleep(RELAY_LOOK_INTERVAL).await;
    }
}

/// Writes all of `bytes`, for as long as there is a tunnel whose time limits say when it is enough.
async fn give(outside: &Transport, mut bytes: &[u8], inside: &Stream) -> io::Result<()> {
    loop {
        let mut written = 0;
        let result = outside.write_all(bytes, TUNNEL_FAREWELL_TIME, &mut written).await;
        bytes = &bytes[usize::try_from(written).unwrap_or(bytes.len()).min(bytes.len())..];
        match result {
            Err(error) if error.kind() == io::ErrorKind::TimedOut && !inside.has_hung_up() => {}
            result => return result,
        }
    }
}

/// Reads and drops what is still under way, so that no reset overtakes the last bytes.
async fn part(outside: &Transport) {
    let began = Instant::now();
    let mut piece = buffer::take();
    while let Some(left) = TUNNEL_FAREWELL_TIME.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        piece.clear();
        match outside.read_raw(&mut piece, left).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
