//! Tunnels after the 101: every byte in order, half-close, back-pressure, endings.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::support::{Longhaul, Peer, Setup, Socket, head, masked, plain, upgrade, wait_for};

pub const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols
    Upgrade: websocket
    Connection: Upgrade
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub const PLAIN_LOCATION: &str = "server { listen %listen%; location / { proxy_pass http://%peer%; } }";

/// A peer that accepts one handshake and then runs the script.
pub fn switched(script: impl FnOnce(Socket) + Send + 'static) -> Peer {
    Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(SWITCHED));
        script(socket);
    })
}

#[track_caller]
pub fn open(longhaul: &Longhaul) -> Socket {
    let mut client = longhaul.connect();
    client.send(upgrade("/", ""));
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    client
}

#[test]
fn frames_of_every_size_both_ways() {
    const SIZES: [usize; 10] = [0, 1, 125, 126, 4096, 65535, 65536, 200_000, 1 << 20, 5 << 20];
    let payload = |size: usize| (0..size).map(|n| ((n * 13) >> 2) as u8).collect::<Vec<u8>>();
    let peer = switched(move |mut socket| {
        for size in SIZES {
            socket.expect(masked(2, &payload(size)));
            socket.send(plain(2, &payload(size)));
        }
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = open(&longhaul);
    for size in SIZES {
        let mut sender = client.share();
        let sending = thread::spawn(move || sender.send(masked(2, &payload(size))));
        client.expect(plain(2, &payload(size)));
        sending.join().expect("the frame was sent");
    }
    client.half_close();
    client.expect_end();
}

#[test]
fn the_client_s_half_close_reaches_the_peer_and_the_answer_still_comes() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"question"));
        socket.expect_end();
        socket.send(plain(1, b"answer"));
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = open(&longhaul);
    client.send(masked(1, b"question"));
    client.half_close();
    client.expect(plain(1, b"answer"));
    client.expect_end();
}

#[test]
fn the_peer_s_half_close_reaches_the_client_and_its_bytes_still_go() {
    let peer = switched(|mut socket| {
        socket.send(plain(1, b"last"));
        socket.half_close();
        socket.expect(masked(1, b"one more"));
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = open(&longhaul);
    client.expect(plain(1, b"last"));
    client.expect_end();
    client.send(masked(1, b"one more"));
    client.half_close();
    peer.join();
}

#[test]
fn a_reset_of_either_side_ends_the_other() {
    let peer = switched(|mut socket| socket.expect_gone());
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    open(&longhaul).reset();
    peer.join();
    longhaul.stop();

    let peer = switched(Socket::reset);
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    open(&longhaul).expect_gone();
}

#[test]
fn bytes_before_a_close_all_arrive() {
    const SIZE: usize = 3 << 20;
    let peer = switched(|mut socket| {
        socket.send(vec![7; SIZE]);
        // Dropped here: closed with every byte sent and not yet taken.
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = open(&longhaul);
    assert_eq!(client.read_to_end().len(), SIZE);
}

#[test]
fn readers_that_stop_stop_their_senders_and_memory_stays_bounded() {
    const COUNT: usize = 4;
    const PATIENCE: Duration = Duration::from_millis(400);
    /// A copy's buffer for each of them, and what of the rings' memory is written for the first time.
    const KEPT_BYTES_MAX: u64 = 64 * 1024 * COUNT as u64 + (256 << 10);
    static CHUNK: [u8; 65536] = [9; 65536];
    /// The head of a binary frame of 2^40 bytes.
    const ENDLESS: [u8; 10] = [0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0];
    let (taken, totals) = mpsc::channel();
    let peer = Peer::start(move |connections| {
        // The first one's reader does not stop: with it the process has made all that it keeps anyway.
        let mut first = connections.accept();
        first.read_head();
        first.send([head(SWITCHED), plain(2, &[9; 4 << 20])].concat());
        first.expect_end();
        drop(first);
        let mut stopped = Vec::new();
        for _ in 0..COUNT {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send([head(SWITCHED), ENDLESS.to_vec()].concat());
            taken.send(socket.send_until_full(&CHUNK, PATIENCE)).expect("the test waits");
            socket.half_close();
            stopped.push(socket);
        }
        for mut socket in stopped {
            socket.expect_end();
        }
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut first = open(&longhaul);
    first.expect(plain(2, &[9; 4 << 20]));
    first.half_close();
    first.expect_end();
    let before = longhaul.private_memory();
    let stopped: Vec<(Socket, usize)> = (0..COUNT)
        .map(|_| {
            let mut client = longhaul.connect();
            client.shrink_receive_buffer(64 << 10);
            client.send(upgrade("/", ""));
            client.read_head();
            client.expect(ENDLESS);
            (client, totals.recv().expect("the peer was stopped"))
        })
        .collect();
    // What the peer could send lies in the socket buffers of the kernel, not in the proxy.
    let grown = longhaul.private_memory().bytes().saturating_sub(before.bytes());
    let sent: usize = stopped.iter().map(|(_, total)| total).sum();
    assert!(
        grown < KEPT_BYTES_MAX,
        "{grown} bytes more after {sent} bytes from the peer; what has grown:\n{}",
        longhaul.private_memory().difference(&before)
    );
    for (mut client, total) in stopped {
        let rest = client.read_to_end();
        assert!(rest.iter().all(|byte| *byte == 9), "bytes were changed under back-pressure");
        assert_eq!(rest.len(), total, "bytes were lost or added under back-pressure");
        client.half_close();
    }
}

#[test]
fn other_tunnels_go_on_while_one_is_stopped() {
    let peer = Peer::start(|connections| {
        let mut stopped = connections.accept();
        stopped.read_head();
        stopped.send(head(SWITCHED));
        stopped.send_until_full(&[9; 65536], Duration::from_millis(300));
        let mut lively = connections.accept();
        lively.read_head();
        lively.send(head(SWITCHED));
        for _ in 0..100 {
            lively.expect(masked(1, b"ping"));
            lively.send(plain(1, b"pong"));
        }
        drop(stopped);
        lively.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let stopped = open(&longhaul);
    let mut lively = open(&longhaul);
    for _ in 0..100 {
        lively.send(masked(1, b"ping"));
        lively.expect(plain(1, b"pong"));
    }
    lively.half_close();
    lively.expect_end();
    drop(stopped);
}

#[test]
fn a_quiet_tunnel_outlives_the_default_timeouts_and_ends_by_an_explicit_one() {
    let peer = switched(|mut socket| socket.expect_gone());
    let longhaul = Setup::new().peer(&peer).start(
        "keepalive_timeout 2s; client_header_timeout 2s;
         server { listen %listen%; location / { proxy_pass http://%peer%; } }",
    );
    let mut client = open(&longhaul);
    client.expect_silence(Duration::from_millis(2500));
    drop(client);
    peer.join();
    longhaul.stop();

    let peer = switched(|mut socket| socket.expect_gone());
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_read_timeout 3s; } }");
    open(&longhaul).expect_gone();
}

#[test]
fn a_hundred_tunnels_on_two_shards_do_not_mix() {
    const COUNT: usize = 100;
    let peer = Peer::start(|connections| {
        let mut echoes = Vec::new();
        for _ in 0..COUNT {
            let mut socket = connections.accept();
            echoes.push(thread::spawn(move || {
                let request = socket.read_head();
                socket.send(head(SWITCHED));
                let number = request.split(['/', ' ']).nth(2).expect("a number").to_owned();
                for round in 0..20 {
                    socket.expect(masked(1, format!("{number}-{round}").as_bytes()));
                    socket.send(plain(1, format!("{round}-{number}").as_bytes()));
                }
                socket.expect_end();
            }));
        }
        for echo in echoes {
            echo.join().expect("a dialogue that was not mixed with another");
        }
    });
    let longhaul = Setup::new().peer(&peer).start_file(
        "daemon off; worker_processes 2; %user% error_log error.log info; pid pid; events { worker_connections 1024; }
         http { access_log off; server { listen %listen%; location / { proxy_pass http://%peer%; } } }",
    );
    let mut clients: Vec<Socket> = (0..COUNT)
        .map(|number| {
            let mut client = longhaul.connect();
            client.send(upgrade(&format!("/{number}"), ""));
            client
        })
        .collect();
    for client in &mut clients {
        client.read_head();
    }
    for round in 0..20 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(masked(1, format!("{number}-{round}").as_bytes()));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            client.expect(plain(1, format!("{round}-{number}").as_bytes()));
        }
    }
    for mut client in clients {
        client.half_close();
        client.expect_end();
    }
}

#[test]
fn the_log_line_is_written_when_the_tunnel_ends() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"12345"));
        socket.send(plain(1, b"123"));
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(
        "log_format t '$status $request'; access_log %dir%/access.log t;
         server { listen %listen%; location / { proxy_pass http://%peer%; } }",
    );
    let mut client = open(&longhaul);
    client.send(masked(1, b"12345"));
    client.expect(plain(1, b"123"));
    assert_eq!(longhaul.file("access.log"), "");
    client.half_close();
    client.expect_end();
    assert_eq!(longhaul.wait_for_lines("access.log", 1), "101 GET / HTTP/1.1\n");
}

#[test]
fn two_descriptors_while_open_and_none_after() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"x"));
        socket.send(plain(1, b"x"));
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let before = longhaul.open_now();
    let mut client = open(&longhaul);
    client.send(masked(1, b"x"));
    client.expect(plain(1, b"x"));
    let open = longhaul.open_now();
    assert_eq!((open.from_clients, open.to_peers, open.pipes), (1, 1, before.pipes));
    client.half_close();
    client.expect_end();
    wait_for("both descriptors to be closed", || {
        let open = longhaul.open_now();
        (open.from_clients + open.to_peers == 0).then_some(())
    });
}

#[test]
fn a_message_over_the_limit_ends_both_sides_with_1009() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"four"));
        // A Close frame with the code and nothing more, masked as a client's: 2 bytes of head, 4 of mask, 2 of code.
        let close = socket.read_exact(8);
        assert_eq!(close[..2], [0x88, 0x82]);
        assert_eq!([close[6] ^ close[2], close[7] ^ close[3]], 1009_u16.to_be_bytes());
    });
    let location = "tunnel_max_message 4;
        server { listen %listen%; location / { proxy_pass http://%peer%; } }";
    let longhaul = Setup::new().peer(&peer).start(location);
    let mut client = open(&longhaul);
    client.send(masked(1, b"four"));
    client.send(masked(1, b"fives"));
    client.expect(plain(8, &1009_u16.to_be_bytes()));
}

#[test]
fn without_frames_a_limit_of_messages_has_no_hold() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"fives"));
        socket.expect_end();
    });
    let location = "tunnel_max_message 4; tunnel_frames off;
        server { listen %listen%; location / { proxy_pass http://%peer%; } }";
    let longhaul = Setup::new().peer(&peer).start(location);
    let mut client = open(&longhaul);
    client.send(masked(1, b"fives"));
    client.half_close();
    client.expect_end();
}
