//! What stands behind the proxy: peers that shake hands and echo frames, or answer plain requests.
//!
//! Several processes share each port, so that their descriptors add up.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt, PrefixedReadIo};
use monoio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use super::http;
use crate::wire::frame::{Echo, Next};
use crate::wire::handshake::{Arrival, arrival};

/// Cut to `somaxconn` by the kernel.
const BACKLOG: i32 = 65_535;
/// An idle peer holds this much; a busy one grows up to the second.
const BUFFER_BYTES: usize = 512;
const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// Without descriptors accept fails at once, for ever.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);

pub fn listen(port: u16) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    let in_place = |error: io::Error| io::Error::new(error.kind(), format!("listen on {address}: {error}"));
    socket.bind(&address.into()).map_err(in_place)?;
    socket.listen(BACKLOG).map_err(in_place)?;
    monoio::spawn(accept(TcpListener::from_std(socket.into())?));
    Ok(())
}

async fn accept(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Only delays small answers when it fails; the figures then show it.
                let _ = stream.set_nodelay(true);
                monoio::spawn(answer(stream));
            }
            Err(_) => monoio::time::sleep(PAUSE_AFTER_FAILURE).await,
        }
    }
}

async fn answer(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    loop {
        let (result, filled) = stream.read(buffer).await;
        buffer = filled;
        match result {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
        match arrival(&bytes) {
            Arrival::Part => {}
            Arrival::Broken => return,
            Arrival::Http => return http::answer(PrefixedReadIo::new(stream, io::Cursor::new(bytes))).await,
            Arrival::WebSocket { answer, taken } => {
                if stream.write_all(answer).await.0.is_ok() {
                    echo(stream, &bytes[taken..], buffer).await;
                }
                return;
            }
        }
    }
}

async fn echo(mut stream: TcpStream, early: &[u8], mut buffer: Vec<u8>) {
    let mut state = Echo::default();
    let mut out = Vec::new();
    let mut next = state.feed(early, &mut out);
    loop {
        if !out.is_empty() {
            let (result, written) = stream.write_all(out).await;
            out = written;
            out.clear();
            if result.is_err() {
                return;
            }
        }
        if next != Next::Continue {
            return;
        }
        let room = buffer.capacity();
        let (result, slice) = stream.read(buffer.slice_mut(0..room)).await;
        buffer = slice.into_inner();
        let count = match result {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        next = state.feed(&buffer[..count], &mut out);
        if count == room && room < BUFFER_BYTES_MAX {
            buffer = Vec::with_capacity(room * 4);
        }
    }
}
