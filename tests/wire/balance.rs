//! Which peer of a group a request goes to.

use super::support::{Longhaul, Peer, Setup, head, message};

/// A peer that answers `count` requests, each on its own connection, with its letter.
fn lettered(letter: &'static str, count: usize) -> Peer {
    Peer::start(move |connections| {
        for _ in 0..count {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(message("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 1", letter.as_bytes()));
        }
    })
}

fn letters(longhaul: &Longhaul, count: usize) -> String {
    (0..count).map(|_| longhaul.get("/").chars().last().expect("a body")).collect()
}

#[test]
fn round_robin_by_weight() {
    let (a, b, c) = (lettered("a", 6), lettered("b", 3), lettered("c", 3));
    let longhaul = Setup::new().with("a", &a.name).with("b", &b.name).with("c", &c.name).start(
        "upstream group { server %a% weight=2; server %b%; server %c%; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    assert_eq!(letters(&longhaul, 12), "abcaabcaabca");
}

#[test]
fn a_peer_marked_down_is_left_out() {
    let b = lettered("b", 3);
    let longhaul = Setup::new().with("a", Peer::refusing()).with("b", &b.name).start(
        "upstream group { server %a% down; server %b%; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    assert_eq!(letters(&longhaul, 3), "bbb");
}

#[test]
fn a_backup_is_used_when_no_other_can_be() {
    let b = lettered("b", 3);
    let longhaul = Setup::new().with("a", Peer::refusing()).with("b", &b.name).start(
        "upstream group { server %a%; server %b% backup; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    assert_eq!(letters(&longhaul, 3), "bbb");
}

#[test]
fn a_peer_that_refuses_is_passed_over() {
    let b = lettered("b", 4);
    let longhaul = Setup::new().with("a", Peer::refusing()).with("b", &b.name).start(
        "upstream group { server %a%; server %b%; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    assert_eq!(letters(&longhaul, 4), "bbbb");
}

#[test]
fn a_group_without_a_peer_is_a_502() {
    let longhaul = Setup::new().with("a", Peer::refusing()).with("b", Peer::refusing()).start(
        "upstream group { server %a%; server %b%; }
         add_header X-Asked '$upstream_addr $upstream_status' always;
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    for _ in 0..3 {
        let answer = longhaul.get("/");
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    }
    // Nobody was asked but the group.
    let answer = longhaul.get("/");
    assert!(answer.contains("\r\nX-Asked: group 502\r\n"), "{answer}");
    let line = longhaul.wait_for_log("no live upstreams while connecting to upstream");
    assert!(line.contains(", upstream: \"http://group/\""), "{line}");
}

#[test]
fn the_group_s_name_is_the_host() {
    let peer = Peer::once("GET / HTTP/1.1\nHost: group", head("HTTP/1.1 204 No Content"));
    let longhaul = Setup::new().peer(&peer).start(
        "upstream group { server %peer%; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    assert!(longhaul.get("/").starts_with("HTTP/1.1 204 "));
}

#[test]
fn idle_connections_of_a_group_are_used_again() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for _ in 0..3 {
            socket.read_head();
            socket.send(message("HTTP/1.1 200 OK\nContent-Length: 1", b"x"));
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "upstream group { server %peer%; keepalive 4; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    assert_eq!(letters(&longhaul, 3), "xxx");
}
