//! Tunnels with an encrypted end: every byte in order, half-closes, farewells, nothing left.

use rustix::process::Signal;

use super::support::tls::{Client, Identity, Server};
use super::support::{Longhaul, Peer, Setup, Socket, head, masked, plain, upgrade};
use super::tls::{start, with_certificate};
use super::tunnel::{SWITCHED, switched};

const TO_PLAIN: &str = "server { listen %listen% ssl; server_name localhost; ssl_certificate own.crt; \
                        ssl_certificate_key own.key; location / { proxy_pass http://%peer%; } }";
const SIZES: [usize; 7] = [0, 1, 125, 4096, 65536, 200_000, 1 << 20];

fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|n| ((n * 13) >> 2) as u8).collect()
}

fn open(longhaul: &Longhaul, client: &Client) -> Socket {
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send(upgrade("/", ""));
    let answer = socket.read_head();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    socket
}

/// The peer takes each frame whole before it answers, so that one thread can play the client.
fn echo(socket: &mut Socket) {
    for size in SIZES {
        socket.expect(masked(2, &payload(size)));
        socket.send(plain(2, &payload(size)));
    }
}

fn ask(socket: &mut Socket) {
    for size in SIZES {
        socket.send(masked(2, &payload(size)));
        socket.expect(plain(2, &payload(size)));
    }
}

#[test]
fn frames_of_every_size_pass_an_encrypted_client() {
    let peer = switched(|mut socket| {
        echo(&mut socket);
        socket.expect_end();
    });
    let (longhaul, client) = start(Setup::new().peer(&peer), TO_PLAIN);
    let mut socket = open(&longhaul, &client);
    ask(&mut socket);
    socket.half_close();
    socket.expect_end();
    longhaul.stop();
}

/// A peer that ends TLS, accepts one handshake and then runs the script.
fn encrypted_peer(script: impl FnOnce(Socket) + Send + 'static) -> Peer {
    let server = Server::new(&Identity::of("peer.example"));
    Peer::start(move |connections| {
        let (mut socket, _) = server.try_accept(connections.accept().into_tcp()).expect("a handshake");
        socket.read_head();
        socket.send(head(SWITCHED));
        script(socket);
    })
}

#[test]
fn frames_of_every_size_pass_an_encrypted_peer() {
    let peer = encrypted_peer(|mut socket| {
        echo(&mut socket);
        socket.expect_end();
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass https://%peer%; } }");
    let mut socket = longhaul.connect();
    socket.send(upgrade("/", ""));
    socket.read_head();
    ask(&mut socket);
    socket.half_close();
    socket.expect_end();
    longhaul.stop();
}

#[test]
fn frames_of_every_size_pass_where_both_are_encrypted() {
    let peer = encrypted_peer(|mut socket| {
        echo(&mut socket);
        socket.half_close();
        socket.expect_end();
    });
    let (setup, own) = with_certificate(Setup::new().peer(&peer), "localhost");
    let longhaul = setup.start(&TO_PLAIN.replace("http://", "https://"));
    let mut socket = open(&longhaul, &Client::new(&own.certificate, "localhost"));
    ask(&mut socket);
    socket.expect_end();
    drop(socket);
    longhaul.stop();
}

#[test]
fn bytes_that_came_with_the_handshake_arrive_first() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send([head(SWITCHED), plain(1, b"early answer")].concat());
        socket.expect(masked(1, b"early"));
        socket.expect(masked(1, b"late"));
        socket.expect_end();
    });
    let (longhaul, client) = start(Setup::new().peer(&peer), TO_PLAIN);
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send([upgrade("/", ""), masked(1, b"early")].concat());
    socket.read_head();
    socket.expect(plain(1, b"early answer"));
    socket.send(masked(1, b"late"));
    socket.half_close();
    socket.expect_end();
    longhaul.stop();
}

#[test]
fn a_drain_says_farewell_between_two_frames() {
    let peer = switched(|mut socket| {
        socket.send(plain(1, b"hello"));
        let frame = socket.read_exact(8);
        assert_eq!(frame[0], 0x88, "a Close frame");
        socket.expect_end();
    });
    let body = format!("tunnel_drain 0; {TO_PLAIN}");
    let (longhaul, client) = start(Setup::new().peer(&peer), &body);
    let mut socket = open(&longhaul, &client);
    socket.expect(plain(1, b"hello"));
    longhaul.signal(Signal::QUIT);
    socket.expect(plain(8, &1001u16.to_be_bytes()));
    socket.expect_end();
    drop(socket);
    let mut longhaul = longhaul;
    longhaul.expect_exit();
}

#[test]
fn a_peer_that_goes_ends_the_tunnel_and_leaves_nothing() {
    let peer = switched(|mut socket| {
        socket.send(plain(2, &payload(300_000)));
        socket.half_close();
        socket.expect_end();
    });
    let (longhaul, client) = start(Setup::new().peer(&peer), TO_PLAIN);
    let mut socket = open(&longhaul, &client);
    socket.expect(plain(2, &payload(300_000)));
    socket.expect_end();
    drop(socket);
    longhaul.expect_all_closed();
    longhaul.stop();
}
