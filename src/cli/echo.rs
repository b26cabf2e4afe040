//! An echo peer on threads of its own: a page, and a WebSocket that gives back what it gets. Only for the demo.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::websocket::{
    BINARY, CLOSE, CONTINUATION, Frame, MESSAGE_BYTES_MAX, PING, PONG, TEXT, accept_value, field, read_head,
};

/// The field in which a peer tells its name.
pub(super) const PEER_FIELD: &str = "X-Peer";

const PAGE: &str = include_str!("demo.html");

/// Starts a peer on a port of the kernel's choice. It lives as long as the process.
pub(super) fn start(name: &'static str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that cannot have a thread is closed: the proxy tells its client.
            let _ = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                // However it ends, the proxy sees the end of the connection.
                let _ = serve(stream, name);
            });
        }
    })?;
    Ok(address)
}

fn serve(mut stream: TcpStream, name: &str) -> io::Result<()> {
    while let Some(head) = read_head(&mut stream)? {
        match field(&head, "Sec-WebSocket-Key") {
            Some(key) => {
                let accept = accept_value(key);
                let answer = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {accept}\r\n{PEER_FIELD}: {name}\r\n\r\n"
                );
                stream.write_all(answer.as_bytes())?;
                return echo(&mut stream);
            }
            None => answer_page(&mut stream, &head, name)?,
        }
    }
    Ok(())
}

fn answer_page(stream: &mut TcpStream, head: &str, name: &str) -> io::Result<()> {
    let (status, body) = match head.split(' ').nth(1) {
        Some("/") => ("200 OK", PAGE.replace("{peer}", name)),
        Some(_) | None => ("404 Not Found", "<p>Nothing here. The page is at <a href=\"/\">/</a>.\n".to_owned()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\
         {PEER_FIELD}: {name}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes())?;
    if head.starts_with("HEAD ") { Ok(()) } else { stream.write_all(body.as_bytes()) }
}

/// Gives every message back as it came, frame by frame, answers pings, and ends with the client's close.
fn echo(stream: &mut TcpStream) -> io::Result<()> {
    let mut message_bytes = 0;
    loop {
        let mut frame = Frame::read(stream, true)?;
        match frame.opcode {
            CLOSE => {
                frame.payload.truncate(2);
                return frame.write(stream, None);
            }
            PING => Frame::whole(PONG, &frame.payload).write(stream, None)?,
            PONG => {}
            TEXT | BINARY | CONTINUATION => {
                message_bytes = if frame.opcode == CONTINUATION { message_bytes } else { 0 } + frame.payload.len();
                if message_bytes > MESSAGE_BYTES_MAX {
                    // 1009: too big (RFC 6455 7.4.1).
                    return Frame::whole(CLOSE, &1009u16.to_be_bytes()).write(stream, None);
                }
                frame.write(stream, None)?;
            }
            // Frame::read lets no other through.
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_independent_client_gets_back_what_it_sent() {
        let address = start("echo peer").unwrap();
        let (mut client, answer) = tungstenite::connect(format!("ws://{address}/")).unwrap();
        assert_eq!(answer.headers()["x-peer"], "echo peer");
        for text in ["", "hello", &"x".repeat(70_000)] {
            client.send(tungstenite::Message::text(text)).unwrap();
            assert_eq!(client.read().unwrap(), tungstenite::Message::text(text));
        }
        client.send(tungstenite::Message::Ping("p".into())).unwrap();
        assert_eq!(client.read().unwrap(), tungstenite::Message::Pong("p".into()));
        client.close(None).unwrap();
        while client.read().is_ok() {}
    }
}
