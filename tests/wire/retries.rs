//! `proxy_next_upstream`: which failures and which answers send a request to another peer, and how often.

use super::support::{Peer, Setup, head, message};

const FINE: &str = "HTTP/1.1 200 OK\nContent-Length: 0";

/// A peer that gives one answer to each of so many requests; an empty answer closes instead.
fn answering(answer: &'static str, times: usize) -> Peer {
    Peer::start(move |connections| {
        for _ in 0..times {
            let mut socket = connections.accept();
            socket.read_head();
            if !answer.is_empty() {
                socket.send(head(&format!("{answer}\nConnection: close")));
            }
        }
        connections.expect_no_more();
    })
}

/// The statuses that were met, as `$upstream_status`, and the answer's.
#[track_caller]
fn met(lines: &str, peers: &[&Peer], request: Vec<u8>) -> (String, String) {
    let servers: String = peers.iter().map(|peer| format!("server {} max_fails=0;", peer.name)).collect();
    let longhaul = Setup::new().start(&format!(
        "upstream group {{ {servers} }}
         server {{ listen %listen%; {lines}
             location / {{ proxy_pass http://group; add_header X-Met $upstream_status always; }} }}"
    ));
    let mut client = longhaul.connect();
    client.send(request);
    let answer = client.read_head();
    let met = answer.split("X-Met: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default().to_owned();
    (met, answer.split(' ').nth(1).unwrap_or_default().to_owned())
}

fn get() -> Vec<u8> {
    head("GET / HTTP/1.1\nHost: a")
}

fn post() -> Vec<u8> {
    message("POST / HTTP/1.1\nHost: a\nContent-Length: 3", b"abc")
}

#[track_caller]
fn expect(found: (String, String), met: &str, status: &str) {
    assert_eq!((found.0.as_str(), found.1.as_str()), (met, status));
}

#[test]
fn a_peer_that_closes_is_followed_by_the_next() {
    let (bad, good) = (answering("", 1), answering(FINE, 1));
    expect(met("", &[&bad, &good], get()), "502, 200", "200");
}

#[test]
fn a_status_goes_to_the_next_only_if_it_is_listed() {
    let (bad, good) = (answering("HTTP/1.1 503 Busy", 1), answering(FINE, 0));
    expect(met("", &[&bad, &good], get()), "503", "503");
    let (bad, good) = (answering("HTTP/1.1 503 Busy", 1), answering(FINE, 1));
    expect(met("proxy_next_upstream http_503;", &[&bad, &good], get()), "503, 200", "200");
}

#[test]
fn the_last_answer_is_passed_on_whatever_it_is() {
    let (one, two) = (answering("HTTP/1.1 404 None", 1), answering("HTTP/1.1 404 None", 1));
    expect(met("proxy_next_upstream http_404;", &[&one, &two], get()), "404, 404", "404");
}

#[test]
fn tries_are_counted() {
    let peers = [answering("HTTP/1.1 404 None", 1), answering("HTTP/1.1 404 None", 1), answering(FINE, 0)];
    let lines = "proxy_next_upstream http_404; proxy_next_upstream_tries 2;";
    expect(met(lines, &[&peers[0], &peers[1], &peers[2]], get()), "404, 404", "404");
}

#[test]
fn off_tries_nobody_else() {
    let (bad, good) = (answering("", 1), answering(FINE, 0));
    expect(met("proxy_next_upstream off;", &[&bad, &good], get()), "502", "502");
}

#[test]
fn a_post_is_sent_twice_only_where_that_is_allowed() {
    let (bad, good) = (answering("", 1), answering(FINE, 0));
    expect(met("", &[&bad, &good], post()), "502", "502");
    let (bad, good) = (answering("", 1), answering(FINE, 1));
    expect(met("proxy_next_upstream error non_idempotent;", &[&bad, &good], post()), "502, 200", "200");
}

#[test]
fn a_post_that_reached_nobody_goes_to_the_next() {
    let good = answering(FINE, 1);
    let longhaul = Setup::new().peer(&good).with("refusing", Peer::refusing()).start(
        "upstream group { server %refusing%; server %peer%; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    let mut client = longhaul.connect();
    client.send(post());
    assert!(client.read_head().starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_broken_head_goes_to_the_next_if_listed() {
    let (bad, good) = (answering("HTTP/1.1 200 OK\nContent-Length: x", 1), answering(FINE, 1));
    let (met, status) = met("proxy_next_upstream invalid_header;", &[&bad, &good], get());
    assert!(met.ends_with(", 200") && status == "200", "{met} {status}");
}

#[test]
fn connections_come_from_the_address_that_is_bound() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect_head("GET / HTTP/1.1\nHost: %peer%");
        assert_eq!(socket.remote_address().ip().to_string(), "127.0.0.2");
        socket.send(head(FINE));
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / {
             proxy_pass http://%peer%; proxy_bind 127.0.0.2; proxy_socket_keepalive on; } }",
    );
    let mut client = longhaul.connect();
    client.send(get());
    assert!(client.read_head().starts_with("HTTP/1.1 200 "));
}

/// The request goes out as the connection is made, so it is the write that tells of the refusal.
#[test]
fn a_peer_that_cannot_be_connected_has_seen_nothing_of_a_post() {
    let good = answering(FINE, 1);
    let longhaul = Setup::new().with("bad", Peer::refusing()).peer(&good).start(
        "log_format met '$upstream_status|$upstream_connect_time|$upstream_bytes_sent';
         upstream group { server %bad%; server %peer%; }
         server { listen %listen%; access_log %dir%/access.log met; location / { proxy_pass http://group; } }",
    );
    let mut client = longhaul.connect();
    client.send(post());
    assert!(client.read_head().starts_with("HTTP/1.1 200 "));
    longhaul.wait_for_log("connect() failed (111: Connection refused) while connecting to upstream");
    let line = longhaul.wait_for_lines("access.log", 1);
    let [status, connect_time, bytes_sent] = line.trim().split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
    assert_eq!(status, "502, 200");
    assert!(connect_time.starts_with("-, 0."), "{line}");
    assert!(bytes_sent.starts_with("0, ") && !bytes_sent.ends_with(" 0"), "{line}");
}
