//! Interim answers of a peer: hints are passed on where the configuration says so, all others end here.

use super::support::{Peer, Setup, head};

const HINTS: &str = "HTTP/1.1 103 Early Hints
     Link: </a.css>; rel=preload
     Server: peer
     X-Accel-Buffering: no
     Connection: X-Hop
     X-Hop: 1
     Link: </b.js>; rel=preload";

/// What comes before and with the answer of a peer that sends these interim answers first.
#[track_caller]
fn seen(lines: &str, request: &str, interim: &'static [&'static str]) -> String {
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        for head_text in interim {
            socket.send(head(head_text));
        }
        socket.send(head("HTTP/1.1 204 No Content\nX-Final: 1"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start(&format!("server {{ listen %listen%; location / {{ proxy_pass http://%peer%; {lines} }} }}"));
    let answer = longhaul.exchange(head(request));
    String::from_utf8_lossy(&answer).into_owned()
}

const WANTED: &str = "GET / HTTP/1.1\nHost: a\nSec-Fetch-Mode: navigate\nConnection: close";

#[test]
fn hints_are_passed_on_when_a_condition_holds() {
    let answer = seen("early_hints $arg_x $http_sec_fetch_mode;", WANTED, &[HINTS, HINTS]);
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n";
    assert!(answer.starts_with(&format!("{hints}{hints}HTTP/1.1 204 No Content\r\n")), "{answer}");
    assert!(answer.ends_with("\r\nX-Final: 1\r\n\r\n"), "{answer}");
}

#[test]
fn hints_are_dropped_otherwise() {
    for (lines, request) in [
        ("", WANTED),
        ("early_hints $arg_x $arg_y;", WANTED),
        ("early_hints 0;", WANTED),
        ("early_hints 1;", "GET / HTTP/1.0\nHost: a"),
    ] {
        let answer = seen(lines, request, &[HINTS]);
        assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{lines} {request}: {answer}");
    }
}

#[test]
fn other_interim_answers_end_here() {
    let interim = &["HTTP/1.1 100 Continue", "HTTP/1.1 102 Processing\nX: 1", "HTTP/1.1 103 Early Hints"];
    let answer = seen("early_hints 1;", WANTED, interim);
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
}

#[test]
fn hints_that_are_too_long_are_dropped_and_the_answer_comes() {
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        let long = head(&format!("HTTP/1.1 103 Early Hints\nLink: {}", "x".repeat(600)));
        socket.send(long.repeat(2));
        socket.send(head("HTTP/1.1 204 No Content"));
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / { proxy_pass http://%peer%; early_hints 1; proxy_buffer_size 1k; } }",
    );
    let answer = String::from_utf8_lossy(&longhaul.exchange(head(WANTED))).into_owned();
    assert_eq!(answer.matches("HTTP/1.1 103 Early Hints\r\n").count(), 1, "{answer}");
    assert!(answer.contains("\r\n\r\nHTTP/1.1 204 No Content\r\n"), "{answer}");
    longhaul.wait_for_log("upstream sent too big early hints");
}

#[test]
fn hints_of_http_1_0_are_no_answer() {
    let answer = seen("early_hints 1;", WANTED, &["HTTP/1.0 103 Early Hints\nLink: x"]);
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
}
