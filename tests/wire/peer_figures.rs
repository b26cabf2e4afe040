//! What variables say of peers: how long each took, and how much went to and fro.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::support::{DEADLINE, Peer, Setup, head, message, wait_for};

/// What a slow peer takes before it goes on.
const PAUSE: Duration = Duration::from_millis(200);

fn pause() {
    let began = Instant::now();
    wait_for("time to pass", || (began.elapsed() > PAUSE).then_some(()));
}

/// `0.012` as milliseconds.
#[track_caller]
fn ms(text: &str) -> u128 {
    let (seconds, thousandths) = text.split_once('.').unwrap_or_else(|| panic!("no time: {text}"));
    assert_eq!(thousandths.len(), 3, "{text}");
    format!("{seconds}{thousandths}").parse().expect("digits")
}

/// The same with `n` for each time.
fn form(text: &str) -> String {
    let mut form: String = text.chars().map(|c| if c.is_ascii_digit() || c == '.' { 'n' } else { c }).collect();
    while form.contains("nn") {
        form = form.replace("nn", "n");
    }
    form
}

#[test]
fn times_tell_the_connection_the_head_and_the_whole_answer_apart() {
    let (saw_head, head_seen) = mpsc::channel();
    let (saw_last, last_seen) = mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.expect_head("GET /slow-head HTTP/1.1\nHost: %peer%");
        pause();
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"));
        socket.expect_head("GET /slow-body HTTP/1.1\nHost: %peer%");
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 2", b"o"));
        head_seen.recv_timeout(DEADLINE).expect("the client's word");
        pause();
        socket.send("k");
        socket.expect_head("GET /gone HTTP/1.1\nHost: %peer%");
        saw_last.send(()).expect("the test waits");
        socket.expect_gone();
    });
    let longhaul = Setup::new().peer(&peer).start(
        "log_format t '$upstream_connect_time $upstream_header_time $upstream_response_time';
         server { listen %listen%; access_log %dir%/times.log t; location / { proxy_pass http://%peer%;
             add_header X-Times '$upstream_connect_time $upstream_header_time $upstream_response_time'; } }",
    );
    let mut client = longhaul.connect();
    let ask = |client: &mut super::support::Socket, target: &str| {
        client.send(head(&format!("GET {target} HTTP/1.1\nHost: a")));
        let answer = client.read_head();
        answer.split("X-Times: ").nth(1).and_then(|rest| rest.lines().next()).expect("times").to_owned()
    };
    let slow_head = ask(&mut client, "/slow-head");
    client.expect("ok");
    let slow_body = ask(&mut client, "/slow-body");
    saw_head.send(()).expect("the peer waits");
    client.expect("ok");
    // While the body is under way nobody knows how long all of it takes.
    assert_eq!((form(&slow_head), form(&slow_body)), ("n n -".to_owned(), "n n -".to_owned()));
    client.send(head("GET /gone HTTP/1.1\nHost: a"));
    last_seen.recv_timeout(DEADLINE).expect("the peer's word");
    drop(client);
    let log = longhaul.wait_for_lines("times.log", 3);
    let lines: Vec<Vec<&str>> = log.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(log.lines().map(form).collect::<Vec<_>>(), ["n n n", "n n n", "n - n"]);
    let pause = PAUSE.as_millis();
    assert!(ms(lines[0][1]) >= ms(lines[0][0]) + pause && ms(lines[0][2]) >= pause, "{log}");
    assert!(ms(lines[1][2]) >= ms(lines[1][1]) + pause, "{log}");
}

#[test]
fn each_peer_that_was_asked_has_its_own_times() {
    let closing = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        pause();
    });
    let peer = Peer::once("GET / HTTP/1.1\nHost: group", message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"));
    let longhaul = Setup::new().peer(&peer).with("closing", &closing.name).with("refusing", Peer::refusing()).start(
        "log_format t '$upstream_connect_time|$upstream_header_time|$upstream_response_time|$upstream_status';
         upstream group { server %refusing% weight=9; server %closing% weight=5; server %peer%; }
         server { listen %listen%; access_log %dir%/times.log t; location / { proxy_pass http://group;
             add_header X-Times '$upstream_connect_time|$upstream_header_time|$upstream_response_time'; } }",
    );
    let answer = longhaul.get("/");
    let seen = answer.split("X-Times: ").nth(1).and_then(|rest| rest.lines().next()).expect("times");
    assert_eq!(form(seen), "-, n, n|-, -, n|n, n, -");
    let line = longhaul.wait_for_lines("times.log", 1);
    assert_eq!(form(line.trim_end()), "-, n, n|-, -, n|n, n, n|n, n, n");
    let slow = line.split('|').nth(2).and_then(|times| times.split(", ").nth(1)).expect("three times");
    assert!(ms(slow) >= PAUSE.as_millis(), "{line}");
}

#[test]
fn a_peer_that_thinks_longer_than_it_may_take_to_connect_is_waited_for() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        pause();
        pause();
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; proxy_connect_timeout 300ms; location / { proxy_pass http://%peer%; } }");
    assert!(longhaul.get("/").ends_with("\r\n\r\nok"));
}

#[test]
fn bytes_are_counted_with_and_without_heads() {
    let answers: [&[&str]; 3] = [
        &["HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-N: 1\r\n\r\nbody"],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n", "2\r\nde\r\n0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\nX-N: 3\r\nConnection: close\r\n\r\nuntil ", "the ", "end"],
    ];
    let (tell, told) = mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        for pieces in answers {
            let sent = socket.read_head().len();
            socket.expect("12345");
            tell.send(sent + 5).expect("the test waits");
            pieces.iter().for_each(|piece| socket.send(piece));
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "log_format b '$uri $upstream_response_length $upstream_bytes_received $upstream_bytes_sent $upstream_http_x_n';
         server { listen %listen%; access_log %dir%/bytes.log b; location / { proxy_pass http://%peer%; } }",
    );
    let mut wanted = String::new();
    for (n, (pieces, length)) in answers.iter().zip([4, 5, 13]).enumerate() {
        let mut client = longhaul.connect();
        client.send(message(&format!("POST /{n} HTTP/1.0\nContent-Length: 5"), b"12345"));
        client.read_head();
        assert_eq!(client.read_to_end().len(), length);
        let received: usize = pieces.iter().map(|piece| piece.len()).sum();
        let sent = told.recv_timeout(DEADLINE).expect("the peer's count");
        wanted += &format!("/{n} {length} {received} {sent} {}\n", ["1", "-", "3"][n]);
    }
    assert_eq!(longhaul.wait_for_lines("bytes.log", 3), wanted);
}
