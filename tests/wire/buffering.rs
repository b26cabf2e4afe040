//! Answers of fast peers to slow clients: held in memory and in a file, or not at all. Bodies are longer than what the
//! kernel holds for both connections.

use std::sync::mpsc;
use std::time::Duration;

use super::support::{Longhaul, Peer, Setup, Socket, head, message};

const LENGTH: usize = 16 << 20;
/// How long a peer waits before it believes that nobody reads.
const PATIENCE: Duration = Duration::from_millis(500);

fn bytes() -> Vec<u8> {
    some_bytes(LENGTH)
}

fn some_bytes(count: usize) -> Vec<u8> {
    (0..count as u32).map(|n| ((n * 7) >> 3) as u8).collect()
}

/// A client that asks and reads nothing for now.
fn ask(longhaul: &Longhaul, target: &str) -> Socket {
    let mut client = longhaul.connect();
    client.send(head(&format!("GET {target} HTTP/1.1\nHost: a")));
    client
}

/// A peer that sends all of the body, and is done when the connection is given up.
fn whole_answer(fields: &'static str) -> Peer {
    Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        let fields = format!("HTTP/1.1 200 OK\nConnection: close\nContent-Length: {LENGTH}\n{fields}");
        socket.send(message(&fields, &bytes()));
        socket.expect_end();
    })
}

#[test]
fn a_peer_is_free_before_the_client_has_read() {
    let peer = whole_answer("");
    let longhaul = Setup::new().peer(&peer).start(
        "log_format peer '$uri $upstream_response_length $body_bytes_sent'; access_log %dir%/peer.log peer;
         server { listen %listen%; location / { proxy_pass http://%peer%; } }",
    );
    let mut slow = ask(&longhaul, "/first");
    longhaul.wait_for_log("an upstream response is buffered to a temporary file");
    peer.join();
    slow.read_head();
    assert!(slow.read_exact(LENGTH) == bytes(), "the body was changed on the way");
    assert_eq!(longhaul.wait_for_lines("peer.log", 1), format!("/first {LENGTH} {LENGTH}\n"));
    let folder = longhaul.dir().join("proxy_temp");
    assert_eq!(std::fs::read_dir(folder).expect("the folder").count(), 0, "a file was left behind");
    drop(slow);
    longhaul.stop();
}

#[test]
fn chunks_are_exact_for_a_client_that_reads_in_between() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked"));
        for piece in bytes().chunks(100_000) {
            socket.send(format!("{:x}\r\n", piece.len()));
            socket.send(piece);
            socket.send("\r\n");
        }
        socket.send("0\r\n\r\n");
    });
    let longhaul = Setup::new().peer(&peer).start(
        "proxy_temp_path %dir%/own 1 2; proxy_buffers 4 8k; proxy_busy_buffers_size 16k; proxy_max_temp_file_size 1m;
         server { listen %listen%; location / { proxy_pass http://%peer%; } }",
    );
    let mut client = ask(&longhaul, "/");
    let line = longhaul.wait_for_log("an upstream response is buffered to a temporary file");
    assert!(line.contains("/own/"), "{line}");
    client.read_head();
    assert!(client.read_chunked() == bytes(), "the body was changed on the way");
    peer.join();
}

/// How much a peer that never ends its answer gets rid of while the client reads nothing; and that the client gets
/// exactly that.
#[track_caller]
fn taken(lines: &str, fields: &'static str) -> usize {
    let (tell, told) = mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(&format!("HTTP/1.1 200 OK\nConnection: close\n{fields}")));
        let mut sent = 0;
        // Long enough for the kernel's buffers, short enough to end where nothing holds it back.
        while sent < 2 * LENGTH {
            let count = socket.send_until_full(&vec![b'x'; LENGTH], PATIENCE);
            sent += count;
            if count < LENGTH {
                break;
            }
        }
        tell.send(sent).expect("the test waits");
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start(&format!("server {{ listen %listen%; location / {{ proxy_pass http://%peer%; {lines} }} }}"));
    let mut client = longhaul.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let sent = told.recv().expect("the peer tells");
    client.read_head();
    let body = client.read_to_end();
    assert!(body.len() == sent && body.iter().all(|byte| *byte == b'x'), "{} of {sent}", body.len());
    peer.join();
    sent
}

#[test]
fn without_buffering_the_peer_waits() {
    for (lines, fields) in [
        ("proxy_buffering off;", ""),
        ("proxy_max_temp_file_size 0;", ""),
        ("proxy_max_temp_file_size 8k; proxy_buffers 4 8k;", ""),
        ("", "X-Accel-Buffering: no"),
        ("proxy_buffering off; proxy_ignore_headers X-Accel-Buffering;", "X-Accel-Buffering: yes"),
    ] {
        let sent = taken(lines, fields);
        assert!(sent < 2 * LENGTH, "{lines} {fields}: all {sent} bytes were taken");
    }
}

#[test]
fn a_client_that_is_held_to_a_rate_holds_no_peer() {
    let peer = whole_answer("X-Accel-Limit-Rate: 1");
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass http://%peer%; } }");
    let mut slow = ask(&longhaul, "/first");
    slow.expect("H");
    peer.join();
    drop(slow);
    longhaul.wait_for_log("client prematurely closed connection while sending to client");
}

#[test]
fn a_client_that_never_reads_is_given_up() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head("HTTP/1.1 200 OK"));
        // Until the proxy gives up, the client and with it this connection.
        socket.send_until_full(&vec![b'x'; LENGTH], PATIENCE);
        socket.expect_gone();
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; send_timeout 300ms; proxy_max_temp_file_size 2m;
                  location / { proxy_pass http://%peer%; } }",
    );
    let slow = ask(&longhaul, "/first");
    longhaul.wait_for_log("client timed out (110: Connection timed out) while sending to client");
    peer.join();
    drop(slow);
}

#[test]
fn what_a_peer_sent_before_it_failed_reaches_a_client_that_is_behind() {
    /// The kernel holds little of it, since the listener's sockets are small.
    const SENT: usize = 2 << 20;
    let closed = "upstream prematurely closed connection while reading upstream";
    let silent = "upstream timed out (110: Connection timed out) while reading upstream";
    let cases = [("/file", closed), ("/chunks", closed), ("/memory", closed), ("/silent", silent)];
    let (gone, client_is_gone) = mpsc::channel::<()>();
    let peer = Peer::start(move |connections| {
        for (target, _) in cases {
            let mut socket = connections.accept();
            socket.read_head();
            // Both speak of more than what comes.
            socket.send(match target {
                "/chunks" => message("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"999999\r\n"),
                _ => head("HTTP/1.1 200 OK\nContent-Length: 20000000"),
            });
            socket.send(some_bytes(SENT));
            if target == "/silent" {
                let _ = client_is_gone.recv();
            }
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "log_format end '$uri|$request_completion|$status'; access_log %dir%/end.log end;
         server { listen %listen% sndbuf=64k;
             location / { proxy_pass http://%peer%; }
             location /memory { proxy_max_temp_file_size 0; proxy_buffers 8 1m; proxy_pass http://%peer%; }
             # Longer than a busy machine keeps a thread waiting.
             location /silent { proxy_read_timeout 3s; proxy_pass http://%peer%; } }",
    );
    for (target, words) in cases {
        let mut client = ask(&longhaul, target);
        super::support::wait_for("the end of the peer", || {
            let log = longhaul.file("error.log");
            log.lines().any(|line| line.contains(words) && line.contains(target)).then_some(())
        });
        client.read_head();
        let mut body = Vec::new();
        while body.len() < SENT {
            if target == "/chunks" {
                let size = usize::from_str_radix(client.read_line().trim_end(), 16).expect("a chunk's size");
                body.extend(client.read_exact(size));
                client.expect("\r\n");
            } else {
                body.extend(client.read_exact(SENT));
            }
        }
        assert!(body == some_bytes(SENT), "{target}: the body was changed on the way");
        client.expect_end();
    }
    drop(gone);
    let expected = cases.map(|(target, _)| format!("{target}||200\n")).concat();
    assert_eq!(longhaul.wait_for_lines("end.log", cases.len()), expected);
}

#[test]
fn an_answer_that_stops_after_its_head_has_reached_the_client() {
    let cases = [("/", ""), ("/", "ab"), ("/unbuffered", ""), ("/unbuffered", "ab")];
    let peer = Peer::start(move |connections| {
        for (_, body) in cases {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(message("HTTP/1.1 200 OK\nContent-Length: 5\nX-Own: 1", body.as_bytes()));
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / { proxy_pass http://%peer%; }
                  location /unbuffered { proxy_buffering off; proxy_pass http://%peer%; } }",
    );
    for (target, body) in cases {
        let mut client = longhaul.connect();
        // What comes behind the request stays unread, and must not turn the end into a reset.
        client.send([head(&format!("GET {target} HTTP/1.1\nHost: a")), head("GET /next HTTP/1.1\nHost: a")].concat());
        let answer = client.read_head();
        let expected = "Content-Length: 5\r\nConnection: keep-alive\r\nX-Own: 1\r\n\r\n";
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(expected), "{target} {answer}");
        client.expect(body);
        client.expect_end();
    }
}

#[test]
fn a_peer_that_pauses_is_left_when_the_client_goes() {
    const BUFFERED: &str = "/";
    let cases = [(BUFFERED, false), (BUFFERED, true), ("/unbuffered", false), ("/gzip", false)];
    let peer = Peer::start(move |connections| {
        for _ in cases {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(message("HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 900", b"a part of it"));
            socket.expect_end();
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "proxy_read_timeout 1h; server { listen %listen%; location / { proxy_pass http://%peer%; }
         location /unbuffered { proxy_buffering off; proxy_pass http://%peer%; }
         location /gzip { gzip on; proxy_pass http://%peer%; } }",
    );
    for (target, is_reset) in cases {
        let mut client = longhaul.connect();
        client.send(head(&format!("GET {target} HTTP/1.1\nHost: a\nAccept-Encoding: gzip")));
        client.read_head();
        if is_reset {
            client.reset();
        } else {
            drop(client);
        }
        longhaul.wait_for_log(&format!("client prematurely closed connection while reading upstream, client: 127.0.0.1, server: , request: \"GET {target} "));
    }
    peer.join();
}
