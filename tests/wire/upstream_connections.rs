//! Connections to peers: how long they are kept, what becomes of a request when one dies, and when a peer is left alone.

use std::net::TcpListener;
use std::time::Duration;

use super::support::{Connections, Peer, Setup, Socket, head, message, wait_for};

const TO_PEER: &str = "server { listen %listen%; location / { proxy_pass http://%peer%; } }";

/// A group of the peer with these lines.
fn group(lines: &str) -> String {
    format!(
        "upstream group {{ server %peer%; {lines} }}
         server {{ listen %listen%; location / {{ proxy_pass http://group; }} }}"
    )
}

fn fine() -> Vec<u8> {
    message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok")
}

fn ask(client: &mut Socket, method: &str) -> String {
    client.send(head(&format!("{method} / HTTP/1.1\nHost: a\nContent-Length: 0")));
    client.read_answer()
}

/// A peer that takes so many requests on each connection, and sees that it is closed then.
fn counting(counts: &'static [usize]) -> Peer {
    Peer::start(move |connections: Connections| {
        for count in counts {
            let mut socket = connections.accept();
            for _ in 0..*count {
                socket.read_head();
                socket.send(fine());
            }
            socket.expect_gone();
        }
        connections.expect_no_more();
    })
}

#[track_caller]
fn asks(lines: &str, peer: &Peer, count: usize) {
    let longhaul = Setup::new().peer(peer).start(&group(lines));
    let mut client = longhaul.connect();
    for _ in 0..count {
        assert!(ask(&mut client, "GET").ends_with("\r\n\r\nok"));
    }
}

#[test]
fn a_connection_carries_as_many_requests_as_it_may() {
    asks("keepalive_requests 2;", &counting(&[2, 2, 1]), 5);
}

#[test]
fn a_connection_of_a_certain_age_takes_no_further_request() {
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.read_head();
            // It is old enough by the time it could be kept.
            std::thread::park_timeout(Duration::from_millis(10));
            socket.send(fine());
            socket.expect_gone();
        }
    });
    asks("keepalive_time 1ms;", &peer, 2);
}

#[test]
fn a_group_may_keep_none() {
    asks("keepalive 0;", &counting(&[1, 1]), 2);
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(fine());
        // While longhaul still serves.
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(&group("keepalive_timeout 50ms;"));
    let mut client = longhaul.connect();
    assert!(ask(&mut client, "GET").ends_with("\r\n\r\nok"));
    peer.join();
}

/// A peer that drops a kept connection over its second request, and answers the next on another one.
fn dying() -> Peer {
    Peer::start(|connections| {
        let mut first = connections.accept();
        first.read_head();
        first.send(fine());
        first.read_head();
        drop(first);
        let mut second = connections.accept();
        second.read_head();
        second.send(fine());
        connections.expect_no_more();
    })
}

#[test]
fn a_request_whose_idle_connection_dies_is_sent_once_more() {
    let peer = dying();
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    assert!(ask(&mut client, "GET").ends_with("\r\n\r\nok"));
    assert!(ask(&mut client, "GET").ends_with("\r\n\r\nok"));
}

#[test]
fn a_post_that_its_peer_may_have_seen_is_not_sent_again() {
    // It was the connection that died: the peer is not left alone for it.
    let peer = dying();
    let longhaul = Setup::new().peer(&peer).start(TO_PEER);
    let mut client = longhaul.connect();
    assert!(ask(&mut client, "POST").ends_with("\r\n\r\nok"));
    assert!(ask(&mut client, "POST").starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    assert!(ask(&mut client, "POST").ends_with("\r\n\r\nok"));
}

#[test]
fn a_reused_connection_that_stays_silent_or_talks_nonsense_is_not_one_that_died() {
    for answer in ["", "nonsense\r\n\r\n"] {
        let peer = Peer::start(move |connections| {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(fine());
            socket.read_head();
            socket.send(answer);
            socket.expect_gone();
            connections.expect_no_more();
        });
        let lines = format!("proxy_read_timeout 3s; {TO_PEER}");
        let longhaul = Setup::new().peer(&peer).start(&lines);
        let mut client = longhaul.connect();
        assert!(ask(&mut client, "GET").ends_with("\r\n\r\nok"));
        let status = if answer.is_empty() { "504" } else { "502" };
        assert!(ask(&mut client, "GET").starts_with(&format!("HTTP/1.1 {status} ")));
        peer.join();
    }
}

#[test]
fn a_peer_that_failed_is_left_alone_and_then_asked_again() {
    let bad = Peer::start(|connections| {
        for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"] {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(answer);
        }
    });
    let good = Peer::start(|connections| {
        // As long as the other is asked again.
        loop {
            let mut socket = connections.accept();
            if socket.read_head().starts_with("GET /last ") {
                return;
            }
            socket.send(message("HTTP/1.1 200 OK\nContent-Length: 4\nConnection: close", b"good"));
        }
    });
    let longhaul = Setup::new().with("bad", &bad.name).with("good", &good.name).start(
        "upstream group { server %bad% max_fails=1 fail_timeout=8s weight=10; server %good%; keepalive 0; }
         server { listen %listen%; location / { proxy_pass http://group; }
             location /last { proxy_pass http://%good%; } }",
    );
    // Asked first for its weight, it fails; then the other has to do for a while, whatever the weights.
    for _ in 0..3 {
        assert!(longhaul.get("/").ends_with("good"));
    }
    longhaul.wait_for_log("upstream prematurely closed connection while reading response header from upstream");
    wait_for("another chance", || longhaul.get("/").ends_with("bad").then_some(()));
    longhaul.get("/last");
}

#[test]
fn a_peer_that_takes_no_connection_is_a_504() {
    // Not accepting: its queue is soon full, and further connections hang.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let full = socket2::SockRef::from(&listener).listen(0);
    full.expect("a short queue");
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 64, "the queue has no end");
    }
    let longhaul = Setup::new().with("peer", address).start(&format!("proxy_connect_timeout 200ms; {TO_PEER}"));
    assert!(longhaul.get("/").starts_with("HTTP/1.1 504 Gateway Time-out\r\n"));
    longhaul.wait_for_log("upstream timed out (110: Connection timed out) while connecting to upstream");
}

#[test]
fn no_further_peer_is_tried_once_the_time_for_it_is_over() {
    let silent = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.expect_gone();
    });
    let other = Peer::start(|connections| connections.expect_no_more());
    let longhaul = Setup::new().with("silent", &silent.name).with("other", &other.name).start(
        "proxy_read_timeout 300ms; proxy_next_upstream_timeout 100ms;
         upstream group { server %silent% weight=10; server %other%; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    assert!(longhaul.get("/").starts_with("HTTP/1.1 504 "));
}

#[test]
fn an_answer_before_the_end_of_the_request_ends_both_connections() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.expect("begun");
        socket.send(message("HTTP/1.1 413 Too Large\nContent-Length: 3", b"big"));
        socket.expect_gone();
    });
    let longhaul = Setup::new().peer(&peer).start(&format!("proxy_request_buffering off; {TO_PEER}"));
    let mut client = longhaul.connect();
    client.send(message("POST / HTTP/1.1\nHost: a\nContent-Length: 1000000", b"begun"));
    let answer = client.read_answer();
    assert!(answer.starts_with("HTTP/1.1 413 Too Large\r\n") && answer.ends_with("\r\n\r\nbig"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    // The rest of the body is no request.
    client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    client.half_close();
    client.expect_no_bytes();
}

#[test]
fn a_client_that_stops_inside_its_body_is_given_up() {
    let longhaul = Setup::new().with("peer", Peer::refusing()).start(&format!("client_body_timeout 200ms; {TO_PEER}"));
    let mut client = longhaul.connect();
    client.send(message("POST / HTTP/1.1\nHost: a\nContent-Length: 10", b"begun"));
    client.expect_no_bytes();
    longhaul.wait_for_log("client timed out (110: Connection timed out) while reading client request body");
}

#[test]
fn a_client_that_waits_for_leave_and_sends_too_much_gets_none() {
    let longhaul = Setup::new().with("peer", Peer::refusing()).start(&format!("client_max_body_size 3; {TO_PEER}"));
    let mut client = longhaul.connect();
    client.send(head("POST / HTTP/1.1\nHost: a\nContent-Length: 4\nExpect: 100-continue"));
    assert!(client.read_answer().starts_with("HTTP/1.1 413 Request Entity Too Large\r\n"));
}
