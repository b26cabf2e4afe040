//! The upstream end: accepts any handshake and sends every frame's payload back.

use std::io;
use std::net::SocketAddr;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{ListenerOpts, TcpListener, TcpStream};

use crate::frames;

/// What one read may take.
const READ_BYTES: usize = 64 << 10;

/// A queue for all clients of a storm; the kernel cuts it to `somaxconn`.
const BACKLOG: i32 = 65_535;

/// Binds the address; port 0 is one of the kernel's choice.
///
/// # Errors
/// The system's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind_with_config(address, &ListenerOpts::new().backlog(BACKLOG))
}

/// Serves until the listener fails.
///
/// # Errors
/// The listener's.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        monoio::spawn(async move {
            // A client that goes in the middle is its own affair: it counts what failed.
            let _ = echo(stream).await;
        });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut unread = Vec::new();
    while frames::head_length(&unread).is_none() {
        if !read_more(&mut stream, &mut unread).await? {
            return Ok(());
        }
    }
    let head = frames::head_length(&unread).unwrap_or(unread.len());
    unread.drain(..head);
    stream.write_all(frames::response()).await.0?;
    loop {
        let answers = answer_all(&mut unread);
        if !answers.is_empty() {
            stream.write_all(answers).await.0?;
        }
        if unread.is_empty() {
            // An idle peer should not hold a buffer: wait first, then allocate.
            unread = Vec::new();
            stream.readable(false).await?;
        }
        if !read_more(&mut stream, &mut unread).await? {
            return Ok(());
        }
    }
}

/// Takes all complete frames out of the bytes and makes their answers.
fn answer_all(unread: &mut Vec<u8>) -> Vec<u8> {
    let mut answers = Vec::new();
    let mut at = 0;
    while let Some(head) = frames::frame_head(&unread[at..]) {
        let begin = at + head.head_bytes;
        let Some(payload) =
            usize::try_from(head.payload_bytes).ok().and_then(|length| unread.get(begin..begin + length))
        else {
            break;
        };
        answers.extend_from_slice(&frames::frame(payload, false));
        at = begin + payload.len();
    }
    unread.drain(..at);
    answers
}

async fn read_more(stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<bool> {
    let (result, bytes) = stream.read(Vec::with_capacity(READ_BYTES)).await;
    let count = result?;
    into.extend_from_slice(&bytes[..count]);
    Ok(count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_frames_are_answered() {
        let mut unread = [frames::frame(b"one", true), frames::frame(&[7; 300], true)].concat();
        let last = unread.pop().unwrap();
        assert_eq!(answer_all(&mut unread), frames::frame(b"one", false));
        unread.push(last);
        assert_eq!(answer_all(&mut unread), frames::frame(&[7; 300], false));
        assert!(unread.is_empty());
    }
}
