//! Requests and answers as they are forwarded: what each side sees, with which framing, on which connection.

use super::support::{Connections, Peer, Setup, head, message};

const TO_PEER: &str = "server { listen %listen%; location / { proxy_pass http://%peer%; } }";

#[test]
fn a_get_and_its_answer() {
    let peer = Peer::once(
        "GET /a?b=c HTTP/1.1
         Host: %peer%
         Accept: */*
         X-Own: 1",
        message("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\nX-Peer: 2", b"hello"),
    );
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head("GET /a?b=c HTTP/1.1\nHost: example.com\nAccept: */*\nX-Own: 1"));
    let expected = message(
        "HTTP/1.1 200 OK
         Server: *
         Date: *
         Content-Type: text/plain
         Content-Length: 5
         Connection: keep-alive
         X-Peer: 2",
        b"hello",
    );
    assert_eq!(client.read_answer(), String::from_utf8_lossy(&expected));
}

#[test]
fn a_post_with_a_length() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect_head("POST /form HTTP/1.1\nHost: %peer%\nContent-Length: 7\nContent-Type: text/plain");
        socket.expect("a=1&b=2");
        socket.send(head("HTTP/1.1 201 Created\nLocation: /form/1\nContent-Length: 0"));
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head("POST /form HTTP/1.1\nHost: a\nContent-Type: text/plain\nContent-Length: 7"));
    client.send("a=1&b=2");
    let answer = client.read_answer();
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(answer.contains("\r\nLocation: /form/1\r\n"), "{answer}");
}

#[test]
fn a_large_body_both_ways_is_byte_exact() {
    const SIZE: usize = 3 << 20;
    let body = move || (0..SIZE).map(|n| ((n * 31) >> 3) as u8).collect::<Vec<u8>>();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        let came = socket.read_exact(SIZE);
        assert!(came == body(), "the request's body was changed");
        socket.send(head(&format!("HTTP/1.1 200 OK\nContent-Length: {SIZE}")));
        socket.send(came);
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; client_max_body_size 4m; location / { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    client.send(head(&format!("PUT / HTTP/1.1\nHost: a\nContent-Length: {SIZE}")));
    client.send(body());
    client.read_head();
    assert!(client.read_exact(SIZE) == body(), "the answer's body was changed");
}

#[test]
fn one_client_connection_carries_requests_one_after_the_other() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for path in ["/1", "/2", "/3"] {
            socket.expect_head(&format!("GET {path} HTTP/1.1\nHost: %peer%"));
            socket.send(message("HTTP/1.1 200 OK\nContent-Length: 2", path.as_bytes()));
        }
        connections.expect_no_more();
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    for path in ["/1", "/2", "/3"] {
        client.send(head(&format!("GET {path} HTTP/1.1\nHost: a")));
        let answer = client.read_answer();
        assert!(answer.ends_with(&format!("Connection: keep-alive\r\n\r\n{path}")), "{answer}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let peer = Peer::start(|connections| serve_paths(&connections, 3));
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    let requests: Vec<u8> = ["/1", "/2", "/3"].map(|path| head(&format!("GET {path} HTTP/1.1\nHost: a"))).concat();
    client.send(requests);
    for path in ["/1", "/2", "/3"] {
        let answer = client.read_answer();
        assert!(answer.ends_with(path), "{answer}");
    }
}

/// Answers each request with its path, on as many connections as it takes.
fn serve_paths(connections: &Connections, count: usize) {
    let mut socket = connections.accept();
    for _ in 0..count {
        let request = socket.read_head();
        let path = request.split(' ').nth(1).expect("a target").to_owned();
        socket.send(message(&format!("HTTP/1.1 200 OK\nContent-Length: {}", path.len()), path.as_bytes()));
    }
}

#[test]
fn connection_close_of_the_client_closes_after_the_answer() {
    let peer = Peer::start(|connections| serve_paths(&connections, 1));
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head("GET /x HTTP/1.1\nHost: a\nConnection: close"));
    let answer = client.read_answer();
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    client.expect_end();
}

#[test]
fn connection_close_of_the_peer_is_not_the_client_s() {
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(message("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 1", b"x"));
            socket.expect_end();
        }
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    for _ in 0..2 {
        client.send(head("GET / HTTP/1.1\nHost: a"));
        let answer = client.read_answer();
        assert!(answer.contains("\r\nConnection: keep-alive\r\n"), "{answer}");
    }
}

#[test]
fn an_http_1_0_client_gets_no_chunks() {
    let peer = Peer::once(
        "GET / HTTP/1.1\nHost: %peer%",
        message("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    );
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let answer = longhaul.get("/");
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nConnection: close\r\n\r\nhello world");
}

#[test]
fn an_http_1_0_client_may_ask_for_keep_alive() {
    let peer = Peer::start(|connections| serve_paths(&connections, 2));
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    for _ in 0..2 {
        client.send(head("GET /k HTTP/1.0\nHost: a\nConnection: keep-alive"));
        let answer = client.read_answer();
        assert!(answer.contains("\r\nConnection: keep-alive\r\n"), "{answer}");
    }
}

#[test]
fn an_http_1_0_peer_is_spoken_to_in_its_version() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect_head("GET / HTTP/1.0\nHost: %peer%\nConnection: close");
        socket.send(message("HTTP/1.0 200 OK\nContent-Type: text/plain", b"until the end"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_http_version 1.0; } }");
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    let answer = client.read_head();
    assert!(answer.contains("\r\nTransfer-Encoding: chunked\r\n"), "{answer}");
    client.expect("d\r\nuntil the end\r\n0\r\n\r\n");
}

#[test]
fn an_idle_connection_the_peer_has_closed_is_not_used_again() {
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(message("HTTP/1.1 200 OK\nContent-Length: 1", b"x"));
        }
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    for _ in 0..2 {
        let answer = longhaul.get("/");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn hop_by_hop_fields_stay_on_their_hop() {
    let peer = Peer::once(
        "GET / HTTP/1.1\nHost: %peer%\nX-Kept: 1",
        head("HTTP/1.1 200 OK\nContent-Length: 0\nKeep-Alive: timeout=5\nX-Named: no\nConnection: keep-alive, X-Named"),
    );
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head(
        "GET / HTTP/1.1
         Host: a
         Connection: keep-alive, X-Private
         X-Private: secret
         Keep-Alive: timeout=9
         Proxy-Connection: keep-alive
         TE: trailers
         X-Kept: 1",
    ));
    let answer = client.read_answer();
    assert!(!answer.contains("Keep-Alive:") && !answer.contains("X-Named"), "{answer}");
}

#[test]
fn an_early_close_of_the_client_closes_the_connection_to_the_peer() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.expect_gone();
    });
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    longhaul.expect_peer_connection();
    drop(client);
    peer.join();
}

#[test]
fn a_peer_that_ends_inside_its_answer_ends_the_client_s_too() {
    let peer = Peer::once("GET / HTTP/1.1\nHost: %peer%", message("HTTP/1.1 200 OK\nContent-Length: 10", b"half"));
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    client.read_head();
    client.expect("half");
    client.expect_gone();
    longhaul.wait_for_log("upstream prematurely closed connection");
}
