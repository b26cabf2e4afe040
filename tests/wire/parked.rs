//! Connections at rest: idle for a second between two requests, and parked; what they remember, and how they end.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::support::{Longhaul, Setup, Socket, head, http, masked, plain, wait_for};
use super::tunnel::switched;

/// Says how many connections are parked, by a connection that is not kept.
const COUNT: &str = "location = /parked { return 200 $connections_parked; } location = /status { stub_status; }";

/// What a connection knows of itself.
const SELF: &str =
    "location / { return 200 \"$connection_requests $connection $remote_addr:$remote_port $server_addr\"; }";

fn wait_until_parked(longhaul: &Longhaul, count: usize) {
    let count = format!("\r\n\r\n{count}");
    wait_for("parked connections", || longhaul.get("/parked").ends_with(&count).then_some(()));
}

fn ask(client: &mut Socket, target: &str) -> String {
    client.send(head(&format!("GET {target} HTTP/1.1\nHost: a")));
    body(client)
}

fn body(client: &mut Socket) -> String {
    client.read_answer().split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
}

/// Not by its number of requests, but by all else that `SELF` says.
fn who(answer: &str) -> &str {
    answer.split_once(' ').map_or(answer, |(_, who)| who)
}

#[test]
fn a_request_after_a_rest_is_answered_as_if_there_had_been_none() {
    let longhaul = Setup::new().start(&format!("server {{ listen %listen%; {COUNT} {SELF} }}"));
    let mut client = longhaul.connect();
    let first = ask(&mut client, "/");
    assert!(first.starts_with("1 "), "{first}");
    wait_until_parked(&longhaul, 1);
    wait_for("it to be counted as waiting", || {
        let status = longhaul.get("/status");
        let is_counted = status.contains("Active connections: 2 ") && status.ends_with("Writing: 1 Waiting: 1 \n");
        is_counted.then_some(())
    });
    let second = ask(&mut client, "/");
    assert!(second.starts_with("2 ") && who(&first) == who(&second), "{first}\n{second}");
    // What comes at once comes back in order, and the connection rests again.
    wait_until_parked(&longhaul, 1);
    let request = head("GET / HTTP/1.1\nHost: a");
    client.send([&request[..], &request[..5]].concat());
    assert!(body(&mut client).starts_with("3 "));
    client.send(&request[5..]);
    assert!(body(&mut client).starts_with("4 "));
    wait_until_parked(&longhaul, 1);
    client.send(head("GET / HTTP/1.1\nHost: a\nConnection: close"));
    assert!(client.read_answer().contains("\r\n\r\n5 "));
    client.expect_end();
    assert_eq!(longhaul.get("/parked").split("\r\n\r\n").nth(1), Some("0"));
}

#[test]
fn a_connection_that_has_never_asked_rests_too_and_its_first_request_may_come_in_pieces() {
    let longhaul = Setup::new().start(&format!("server {{ listen %listen%; {COUNT} {SELF} }}"));
    let mut client = longhaul.connect();
    wait_until_parked(&longhaul, 1);
    client.send("GET / HT");
    wait_until_parked(&longhaul, 0);
    client.send("TP/1.1\r\nHost: a\r\n\r\n");
    assert!(body(&mut client).starts_with("1 "));
    wait_until_parked(&longhaul, 1);
    client.send("\0 / HTTP/1.1\r\n\r\n");
    let answer = client.read_until_gone();
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_client_that_leaves_its_parked_connection_takes_everything_with_it() {
    let longhaul = Setup::new().start(&format!("server {{ listen %listen%; {COUNT} {SELF} }}"));
    let mut clients: Vec<Socket> = (0..3).map(|_| longhaul.connect()).collect();
    clients.iter_mut().for_each(|client| drop(ask(client, "/")));
    wait_until_parked(&longhaul, 3);
    let (mut one, two) = (clients.remove(0), clients.remove(0));
    one.half_close();
    one.expect_end();
    two.reset();
    wait_until_parked(&longhaul, 1);
    // A request whose end is the connection's is answered first.
    let mut last = clients.remove(0);
    last.send(head("GET / HTTP/1.1\nHost: a"));
    last.half_close();
    assert!(body(&mut last).starts_with("2 "));
    last.expect_end();
    wait_for("the ends to be counted", || longhaul.get("/status").contains("Active connections: 1 ").then_some(()));
}

#[test]
fn times_run_on_at_rest() {
    let longhaul = Setup::new().start(&format!(
        "client_header_timeout 4s; server {{ listen %listen%; {COUNT} {SELF} location /short {{ keepalive_timeout 4s;
             return 200 x; }} }}"
    ));
    let begun = Instant::now();
    let mut asked = longhaul.connect();
    assert_eq!(ask(&mut asked, "/short"), "x");
    let mut silent = longhaul.connect();
    let mut kept = longhaul.connect();
    assert!(ask(&mut kept, "/").starts_with("1 "));
    asked.expect_end();
    silent.expect_end();
    assert!(begun.elapsed() >= Duration::from_secs(4));
    wait_until_parked(&longhaul, 1);
    assert!(ask(&mut kept, "/").starts_with("2 "));
}

#[test]
fn a_reload_closes_what_is_parked_of_the_old_generation() {
    let text = |answer: &str| format!("server {{ listen %listen%; {COUNT} location / {{ return 200 {answer}; }} }}");
    let longhaul = Setup::new().start(&text("old"));
    let mut clients: Vec<Socket> = (0..3).map(|_| longhaul.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(ask(client, "/"), "old"));
    wait_until_parked(&longhaul, 3);
    longhaul.reload(&text("new"));
    clients.iter_mut().for_each(Socket::expect_end);
    let mut client = longhaul.connect();
    wait_for("the new generation", || {
        client = longhaul.connect();
        (ask(&mut client, "/") == "new").then_some(())
    });
    wait_until_parked(&longhaul, 1);
    assert_eq!(ask(&mut client, "/"), "new");
}

#[test]
fn quit_closes_what_is_parked_and_the_process_ends() {
    let mut longhaul = Setup::new().start(&format!("server {{ listen %listen%; {COUNT} {SELF} }}"));
    let mut clients: Vec<Socket> = (0..3).map(|_| longhaul.connect()).collect();
    clients.iter_mut().for_each(|client| drop(ask(client, "/")));
    wait_until_parked(&longhaul, 3);
    longhaul.signal(Signal::QUIT);
    clients.iter_mut().for_each(Socket::expect_end);
    longhaul.expect_exit();
}

#[test]
fn a_fast_stop_cuts_what_is_parked() {
    let longhaul = Setup::new().start(&format!("server {{ listen %listen%; {COUNT} {SELF} }}"));
    let mut client = longhaul.connect();
    ask(&mut client, "/");
    wait_until_parked(&longhaul, 1);
    longhaul.terminate();
    client.expect_gone();
}

#[test]
fn every_shard_parks_its_own() {
    let text = http(&format!("server {{ listen %listen%; {COUNT} {SELF} }}"));
    let longhaul = Setup::new().start_file(&text.replace("worker_processes 1;", "worker_processes 2;"));
    let mut clients: Vec<(Socket, String)> = (0..40)
        .map(|_| {
            let mut client = longhaul.connect();
            let answer = ask(&mut client, "/");
            (client, answer)
        })
        .collect();
    for requests in 2..4 {
        wait_until_parked(&longhaul, clients.len());
        for (client, first) in &mut clients {
            let answer = ask(client, "/");
            assert!(answer.starts_with(&format!("{requests} ")) && who(&answer) == who(first), "{first}\n{answer}");
        }
    }
    wait_until_parked(&longhaul, clients.len());
    drop(clients);
    wait_until_parked(&longhaul, 0);
}

#[test]
fn what_a_proxy_in_front_has_said_is_remembered() {
    let longhaul = Setup::new().listen("front").start(&format!(
        "server {{ listen %listen%; listen %front% proxy_protocol; {COUNT}
             location / {{ return 200 \"$connection_requests $proxy_protocol_addr:$proxy_protocol_port\"; }} }}"
    ));
    let mut client = longhaul.connect_to("front");
    client.send("PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n");
    assert_eq!(ask(&mut client, "/"), "1 192.0.2.7:1234");
    wait_until_parked(&longhaul, 1);
    assert_eq!(ask(&mut client, "/"), "2 192.0.2.7:1234");
}

#[test]
fn a_connection_that_has_rested_can_become_a_tunnel() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"hello"));
        socket.send(plain(1, b"there"));
        socket.expect_end();
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start(&format!("server {{ listen %listen%; {COUNT} {SELF} location /ws {{ proxy_pass http://%peer%; }} }}"));
    let mut client = longhaul.connect();
    ask(&mut client, "/");
    wait_until_parked(&longhaul, 1);
    client.send(super::support::upgrade("/ws", ""));
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    client.send(masked(1, b"hello"));
    client.expect(plain(1, b"there"));
    client.half_close();
    client.expect_end();
}
