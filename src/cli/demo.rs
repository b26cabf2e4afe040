//! `longhaul demo`: two echo peers, a proxy before them on a generated configuration, and the proof of a round trip.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::echo;
use super::websocket::{CLOSE, Frame, TEXT, accept_value, field, read_head};
use crate::control::{self, Ender, Start};

/// Tried first, because it is easy to type.
const PREFERRED: &str = "127.0.0.1:8080";

/// How long each step of the proof may take.
const STEP_TIME: Duration = Duration::from_secs(10);

/// The nonce of RFC 6455 1.3. A real client draws one for each connection; here nothing depends on it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

const MESSAGE: &str = "hello through the tunnel";

/// Serves until a signal, or until the proof with `once`.
pub(super) fn run(once: bool, listen: Option<SocketAddr>) -> ExitCode {
    let (listen, peers) = match prepare(listen) {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("longhaul: [emerg] the demo's peers could not be started ({error})");
            return ExitCode::FAILURE;
        }
    };
    let text = configuration(listen, peers);
    println!("# The configuration of this demo. Save it as a file and run it with `longhaul -c FILE`.\n{text}");
    let on_serving = move |ender: Ender| prove_and_report(listen, once, &ender);
    control::serve(Start::generated("longhaul demo", text), Some(Box::new(on_serving)))
}

fn prepare(listen: Option<SocketAddr>) -> io::Result<(SocketAddr, [SocketAddr; 2])> {
    let peers = [echo::start("echo peer 1")?, echo::start("echo peer 2")?];
    if let Some(listen) = listen {
        return Ok((listen, peers));
    }
    let listen = match TcpListener::bind(PREFERRED) {
        Ok(free) => free.local_addr()?,
        Err(error) => {
            let chosen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            println!("# {PREFERRED} is not to be had ({error}): listening on {chosen} instead.\n");
            chosen
        }
    };
    Ok((listen, peers))
}

fn configuration(listen: SocketAddr, [first, second]: [SocketAddr; 2]) -> String {
    format!(
        "\
worker_processes auto;
daemon off;
error_log stderr warn;
events {{
    worker_connections 1024;
}}
http {{
    access_log off;
    upstream echo {{
        server {first};
        server {second};
    }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://echo;
            add_header X-Shard $shard always;
        }}
    }}
}}
"
    )
}

fn prove_and_report(listen: SocketAddr, once: bool, ender: &Ender) {
    match prove(listen) {
        Ok(Proof { echoed, peer, shard }) => {
            println!("sent:     {MESSAGE}\nreceived: {echoed}\nthrough:  {peer}, shard {shard}");
        }
        Err(error) => {
            println!("The round trip failed: {error}");
            return ender.end(ExitCode::FAILURE);
        }
    }
    if once {
        return ender.end(ExitCode::SUCCESS);
    }
    println!("\nOpen http://{listen}/ in a browser, or connect a WebSocket client to ws://{listen}/. End with Ctrl-C.");
    // Whoever closed stdout does not want to read it.
    let _ = io::stdout().flush();
}

/// What one round trip has shown.
struct Proof {
    echoed: String,
    peer: String,
    shard: String,
}

fn prove(listen: SocketAddr) -> io::Result<Proof> {
    let mut reachable = listen;
    if listen.ip().is_unspecified() {
        reachable.set_ip(match listen {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let mut stream = TcpStream::connect_timeout(&reachable, STEP_TIME)?;
    stream.set_read_timeout(Some(STEP_TIME))?;
    stream.set_write_timeout(Some(STEP_TIME))?;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {listen}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let head = read_head(&mut stream)?.ok_or_else(|| io::Error::other("closed without an answer"))?;
    let first_line = head.lines().next().unwrap_or_default();
    if !first_line.starts_with("HTTP/1.1 101 ") || field(&head, "Sec-WebSocket-Accept") != Some(&*accept_value(KEY)) {
        return Err(io::Error::other(format!("the answer was \"{first_line}\"")));
    }
    let mask = Some([0x5a, 0xa5, 0x3c, 0xc3]);
    Frame::whole(TEXT, MESSAGE.as_bytes()).write(&mut stream, mask)?;
    let echoed = Frame::read(&mut stream, false)?;
    let closing = Frame::whole(CLOSE, &1000u16.to_be_bytes());
    closing.write(&mut stream, mask)?;
    let closed = Frame::read(&mut stream, false)?;
    if echoed != Frame::whole(TEXT, MESSAGE.as_bytes()) || closed != closing {
        return Err(io::Error::other("another message came back than was sent"));
    }
    let told = |name| field(&head, name).unwrap_or("unknown").to_owned();
    let echoed = String::from_utf8_lossy(&echoed.payload).into_owned();
    Ok(Proof { echoed, peer: told(echo::PEER_FIELD), shard: told("X-Shard") })
}
