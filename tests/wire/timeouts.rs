//! What happens when one side is silent. Timeouts are short, but for those that a script has to be quicker than; the
//! tests wait for their effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::support::{Peer, Setup, head, message, wait_for};

#[test]
fn a_peer_that_answers_nothing_is_a_504() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.expect_gone();
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_read_timeout 300ms; } }");
    let answer = longhaul.get("/");
    assert!(answer.starts_with("HTTP/1.1 504 Gateway Time-out\r\n"), "{answer}");
    longhaul.wait_for_log("upstream timed out (110: Connection timed out) while reading response header from upstream");
}

#[test]
fn a_peer_that_stops_inside_its_answer_ends_the_connection() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 10", b"half"));
        socket.expect_gone();
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_read_timeout 3s; } }");
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    client.read_head();
    client.expect("half");
    client.expect_gone();
}

#[test]
fn an_idle_client_is_closed_after_keepalive_timeout() {
    let longhaul =
        Setup::new().start("keepalive_timeout 300ms; server { listen %listen%; location / { return 200 x; } }");
    let mut client = longhaul.connect();
    // Before the answer, from which longhaul counts: who reads it may be late.
    let start = Instant::now();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    client.read_answer();
    client.expect_end();
    assert!(start.elapsed() >= Duration::from_millis(300), "closed after {:?}", start.elapsed());
}

#[test]
fn no_keepalive_timeout_closes_after_each_answer() {
    let longhaul = Setup::new().start("keepalive_timeout 0; server { listen %listen%; location / { return 200 x; } }");
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    assert!(client.read_answer().contains("\r\nConnection: close\r\n"));
    client.expect_end();
}

#[test]
fn keepalive_requests_bounds_a_connection() {
    let longhaul = Setup::new().start("keepalive_requests 2; server { listen %listen%; location / { return 200 x; } }");
    let mut client = longhaul.connect();
    for connection in ["keep-alive", "close"] {
        client.send(head("GET / HTTP/1.1\nHost: a"));
        let answer = client.read_answer();
        assert!(answer.contains(&format!("\r\nConnection: {connection}\r\n")), "{answer}");
    }
    client.expect_end();
}

#[test]
fn a_head_that_does_not_end_is_a_408_in_the_log_and_a_close() {
    let longhaul = Setup::new().start(
        "client_header_timeout 300ms; log_format s '$status'; access_log %dir%/access.log s;
         server { listen %listen%; location / { return 200 x; } }",
    );
    let mut client = longhaul.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    client.expect_end();
    assert_eq!(longhaul.wait_for_lines("access.log", 1), "408\n");
    longhaul.wait_for_log("client timed out (110: Connection timed out) while reading client request headers");
}

#[test]
fn a_client_that_never_speaks_is_closed_in_silence() {
    let longhaul = Setup::new().start(
        "client_header_timeout 300ms; access_log %dir%/access.log;
         server { listen %listen%; location / { return 200 x; } }",
    );
    let mut client = longhaul.connect();
    client.expect_end();
    assert_eq!(longhaul.file("access.log"), "");
}

#[test]
fn a_peer_that_takes_nothing_of_a_request_is_a_504() {
    let answered = Arc::new(AtomicBool::new(false));
    let given_up = Arc::clone(&answered);
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        // Reads no more until longhaul has given up.
        connections.expect_no_more();
        wait_for("the 504", || given_up.load(Ordering::Acquire).then_some(()));
        socket.expect_gone();
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; client_max_body_size 0; client_body_temp_path %dir%/bodies;
             location / { proxy_pass http://%peer%; proxy_send_timeout 300ms; } }",
    );
    let mut client = longhaul.connect();
    let mut sender = client.share();
    const SIZE: usize = 32 << 20;
    let sending = std::thread::spawn(move || {
        sender.send(message(&format!("POST / HTTP/1.1\nHost: a\nContent-Length: {SIZE}"), b""));
        sender.send(vec![b'x'; SIZE]);
    });
    assert!(client.read_answer().starts_with("HTTP/1.1 504 Gateway Time-out\r\n"));
    answered.store(true, Ordering::Release);
    longhaul.wait_for_log("upstream timed out (110: Connection timed out) while sending request to upstream");
    sending.join().expect("all was taken");
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head("HTTP/1.1 200 OK\nContent-Length: 100000000"));
        // Until longhaul goes away, since its client takes no more.
        socket.send_until_gone(&[b'x'; 65536]);
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; send_timeout 300ms; location / { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    client.shrink_receive_buffer(4096);
    client.send(head("GET / HTTP/1.1\nHost: a"));
    longhaul.wait_for_log("client timed out (110: Connection timed out) while sending to client");
    client.reset();
}

#[test]
fn keepalive_time_bounds_a_connection() {
    let longhaul =
        Setup::new().start("server { listen %listen%; keepalive_time 1ms; location / { return 200 fine; } }");
    let mut client = longhaul.connect();
    wait_for("the last answer", || {
        client.send(head("GET / HTTP/1.1\nHost: a"));
        client.read_answer().contains("\r\nConnection: close\r\n").then_some(())
    });
    client.expect_gone();
}
