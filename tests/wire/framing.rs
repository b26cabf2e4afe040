//! Where messages end: chunks, lengths, closes, and answers without a body.

use super::support::{Peer, Setup, head, message};

const TO_PEER: &str = "server { listen %listen%; location / { proxy_pass http://%peer%; } }";

#[test]
fn a_chunked_request_that_is_all_here_gets_a_length() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect_head("POST / HTTP/1.1\nHost: %peer%\nContent-Length: 11");
        socket.expect("hello world");
        socket.send(head("HTTP/1.1 204 No Content"));
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked"));
    client.send("5;ext=1\r\nhello\r\n");
    client.send("006\r\n world\r\n0\r\n\r\n");
    assert!(client.read_head().starts_with("HTTP/1.1 204 No Content\r\n"));
}

#[test]
fn a_chunked_request_that_is_not_gathered_stays_chunked() {
    const SIZE: usize = 300_000;
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect_head("POST / HTTP/1.1\nHost: %peer%\nTransfer-Encoding: chunked");
        assert!(socket.read_chunked() == [b'x'; SIZE], "the body was changed");
        socket.send(head("HTTP/1.1 204 No Content"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_request_buffering off; } }");
    let mut client = longhaul.connect();
    client.send(head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked"));
    for _ in 0..SIZE / 1000 {
        client.send(["3e8\r\n", &"x".repeat(1000), "\r\n"].concat());
    }
    client.send("0\r\n\r\n");
    assert!(client.read_head().starts_with("HTTP/1.1 204 No Content\r\n"));
}

#[test]
fn a_chunked_answer_stays_chunked_and_the_connection_open() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for _ in 0..2 {
            socket.read_head();
            socket.send(message("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n"));
        }
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    for _ in 0..2 {
        client.send(head("GET / HTTP/1.1\nHost: a"));
        assert!(client.read_head().contains("\r\nTransfer-Encoding: chunked\r\n"));
        client.expect("3\r\nabc\r\n0\r\n\r\n");
    }
}

#[test]
fn an_answer_that_ends_with_the_connection_becomes_chunks() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 200 OK\nConnection: close", b"abc"));
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    assert!(client.read_head().contains("\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n"));
    client.expect("3\r\nabc\r\n0\r\n\r\n");
}

#[test]
fn answers_without_a_body_end_at_their_head() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for (request, answer) in [
            ("HEAD", "HTTP/1.1 200 OK\nContent-Length: 1000"),
            ("HEAD", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked"),
            ("GET", "HTTP/1.1 204 No Content"),
            ("GET", "HTTP/1.1 304 Not Modified\nContent-Length: 1000"),
        ] {
            socket.expect_head(&format!("{request} / HTTP/1.1\nHost: %peer%"));
            socket.send(head(answer));
        }
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    for (method, status) in [("HEAD", 200), ("HEAD", 200), ("GET", 204), ("GET", 304)] {
        client.send(head(&format!("{method} / HTTP/1.1\nHost: a")));
        let answer = client.read_head();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("Connection: keep-alive"), "{answer}");
    }
}

#[test]
fn a_head_keeps_the_length_it_speaks_of() {
    let peer = Peer::once("HEAD / HTTP/1.1\nHost: %peer%", head("HTTP/1.1 200 OK\nContent-Length: 1000"));
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let answer = longhaul.exchange(head("HEAD / HTTP/1.1\nHost: a\nConnection: close"));
    assert!(String::from_utf8_lossy(&answer).contains("\r\nContent-Length: 1000\r\n"));
}

#[test]
fn a_body_in_many_small_pieces_is_the_same_body() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let request = b"POST / HTTP/1.1\r\n";
        socket.expect(request);
        socket.read_head();
        socket.expect("0123456789");
        for byte in message("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"a\r\n0123456789\r\n0\r\n\r\n") {
            socket.send([byte]);
        }
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    for byte in message("POST / HTTP/1.1\nHost: a\nContent-Length: 10", b"0123456789") {
        client.send([byte]);
    }
    client.read_head();
    assert_eq!(client.read_chunked(), b"0123456789");
}

#[test]
fn an_answer_with_two_framings_is_refused() {
    let cases: [(&str, &[u8]); 5] = [
        ("HTTP/1.1 200 OK\nContent-Length: 3\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        ("HTTP/1.1 200 OK\nContent-Length: 3\nContent-Length: 4", b"abcd"),
        ("HTTP/1.1 200 OK\nContent-Length: x", b""),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: gzip, identity", b""),
        ("NOT-HTTP", b""),
    ];
    for (answer, body) in cases {
        let answer = message(answer, body);
        let peer = Peer::start(move |connections| {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(answer);
        });
        let longhaul = Setup::new().peer(&peer).start(TO_PEER);
        let came = longhaul.get("/");
        assert!(came.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{came}");
    }
}

#[test]
fn an_interim_answer_goes_before_the_final_one() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head("HTTP/1.1 100 Continue"));
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"));
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let answer = longhaul.get("/");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[test]
fn a_client_that_waits_for_100_gets_it() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect_head("POST / HTTP/1.1\nHost: %peer%\nContent-Length: 4");
        socket.expect("body");
        socket.send(head("HTTP/1.1 200 OK\nContent-Length: 0"));
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head("POST / HTTP/1.1\nHost: a\nContent-Length: 4\nExpect: 100-continue"));
    assert_eq!(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    assert!(client.read_head().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn what_stands_behind_the_last_chunk_is_nobody_s() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked"));
        // Several buffers of the proxy's, and then some, before the end and after it.
        socket.send(format!("64\r\n{}\r\n", "x".repeat(100)).repeat(6));
        told.recv_timeout(super::support::DEADLINE).expect("the client's word");
        let last = format!("64\r\n{}\r\n0\r\n\r\n", "y".repeat(100));
        let stray = format!("64\r\n{}\r\n0\r\n\r\n", "z".repeat(100));
        socket.send([last, stray.repeat(4)].concat());
        socket.expect_gone();
    });
    let longhaul = Setup::new().peer(&peer).start(
        "proxy_buffer_size 128; proxy_buffers 4 128; proxy_busy_buffers_size 256;
         server { listen %listen%; location / { proxy_pass http://%peer%; } }",
    );
    let mut client = longhaul.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.read_head();
    client.expect("x".repeat(600));
    tell.send(()).expect("the peer waits");
    assert_eq!(String::from_utf8_lossy(&client.read_to_end()), "y".repeat(100));
}
