//! How tunnels end by the proxy's will, what the ends are told, and what stands in the log.

use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use super::support::{Longhaul, Peer, Setup, Socket, head, http, keepalive_time, masked, plain, upgrade, wait_for};
use super::tunnel::{PLAIN_LOCATION, SWITCHED, open, switched};

/// A proxy with these lines at the level of `http`, and a log line that tells all about a tunnel.
fn start(peer: &Peer, lines: &str) -> Longhaul {
    Setup::new().peer(peer).start(&format!(
        "{lines}
         log_format end '$tunnel_end $tunnel_close_code $tunnel_close_by messages $tunnel_messages_to_upstream '
                        '$tunnel_messages_to_client bytes $tunnel_bytes_to_upstream $tunnel_bytes_to_client';
         access_log %dir%/end.log end; {PLAIN_LOCATION}"
    ))
}

#[track_caller]
fn log_line(longhaul: &Longhaul) -> String {
    longhaul.wait_for_lines("end.log", 1).trim_end().to_owned()
}

fn close(code: u16) -> Vec<u8> {
    plain(8, &code.to_be_bytes())
}

/// Reads a Close frame that is masked, as toward a peer, and nothing before it.
#[track_caller]
fn expect_masked_close(peer: &mut Socket, code: u16) {
    let bytes = peer.read_exact(8);
    assert_eq!(bytes[..2], [0x88, 0x82]);
    assert_eq!([bytes[6] ^ bytes[2], bytes[7] ^ bytes[3]], code.to_be_bytes(), "the peer was told another code");
}

/// A peer that is told this code and answers nothing.
fn told(code: u16) -> Peer {
    switched(move |mut socket| {
        expect_masked_close(&mut socket, code);
        socket.expect_end();
    })
}

#[test]
fn the_peer_s_close_frame_and_fin_are_passed_on_and_logged() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"one"));
        socket.expect(masked(2, b"two"));
        socket.send([plain(1, b"answer"), close(4001)].concat());
        socket.half_close();
        socket.expect(masked(8, &4001_u16.to_be_bytes()));
        socket.expect_end();
    });
    let longhaul = start(&peer, "");
    let mut client = open(&longhaul);
    client.send([masked(1, b"one"), masked(2, b"two")].concat());
    client.expect([plain(1, b"answer"), close(4001)].concat());
    client.expect_end();
    client.send(masked(8, &4001_u16.to_be_bytes()));
    client.half_close();
    assert_eq!(log_line(&longhaul), "peer_closed 4001 peer messages 2 1 bytes 26 12");
}

#[test]
fn a_client_s_close_frame_without_a_code_is_1005() {
    let peer = switched(|mut socket| {
        socket.expect(masked(8, b""));
        socket.expect_end();
    });
    let longhaul = start(&peer, "");
    let mut client = open(&longhaul);
    client.send(masked(8, b""));
    client.half_close();
    client.expect_end();
    assert_eq!(log_line(&longhaul), "client_closed 1005 client messages 0 0 bytes 6 0");
}

#[test]
fn a_reset_has_no_close_code_and_a_plain_request_no_tunnel() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"x"));
        socket.expect_gone();
    });
    let longhaul = start(&peer, "server { listen %listen2%; location / { return 200; } }");
    let mut client = open(&longhaul);
    client.send(masked(1, b"x"));
    client.reset();
    assert_eq!(log_line(&longhaul), "client_reset - - messages 1 0 bytes 7 0");
    let mut plain = longhaul.connect_to("listen2");
    plain.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    plain.read_to_end();
    let lines = longhaul.wait_for_lines("end.log", 2);
    assert_eq!(lines.lines().nth(1), Some("- - - messages - - bytes - -"));
}

#[test]
fn the_log_counts_what_came_with_the_heads_once() {
    let (early, late) = (masked(1, b"early"), plain(1, b"late"));
    let answer = [head(SWITCHED).as_slice(), late.as_slice()].concat();
    let answer_bytes = answer.len();
    let expected = early.clone();
    let (tell, told) = mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        tell.send(socket.read_head().len()).unwrap();
        socket.send(answer);
        socket.expect(expected);
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(&format!(
        "log_format end '$status $request_completion $body_bytes_sent $upstream_bytes_received $upstream_bytes_sent';
         access_log %dir%/end.log end; {PLAIN_LOCATION}"
    ));
    let mut client = longhaul.connect();
    client.send([upgrade("/", ""), early.clone()].concat());
    client.read_head();
    client.expect(late);
    client.half_close();
    client.expect_end();
    let request_bytes = told.recv().unwrap();
    let sent = request_bytes + early.len();
    assert_eq!(log_line(&longhaul), format!("101 OK 6 {answer_bytes} {sent}"));
}

#[test]
fn tunnel_lifetime_says_1001_and_waits_for_the_answers() {
    let peer = switched(|mut socket| {
        expect_masked_close(&mut socket, 1001);
        socket.send(close(1001));
        socket.expect_end();
    });
    let longhaul = start(&peer, "tunnel_lifetime 1s jitter=1s;");
    let mut client = open(&longhaul);
    client.expect(close(1001));
    client.send(masked(8, &1001_u16.to_be_bytes()));
    client.expect_end();
    assert_eq!(log_line(&longhaul), "lifetime 1001 proxy messages 0 0 bytes 8 4");
}

#[test]
fn tunnel_timeout_says_1001_and_its_wait_for_answers_is_bounded() {
    let peer = told(1001);
    let longhaul = start(&peer, "tunnel_timeout 1s;");
    let mut client = open(&longhaul);
    client.expect(close(1001));
    client.expect_end();
    assert_eq!(log_line(&longhaul), "idle 1001 proxy messages 0 0 bytes 8 4");
}

#[test]
fn a_blind_tunnel_that_is_quiet_ends_without_a_word() {
    let peer = switched(|mut socket| socket.expect_end());
    let longhaul = start(&peer, "tunnel_timeout 1s; tunnel_frames off;");
    open(&longhaul).expect_end();
    assert_eq!(log_line(&longhaul), "idle - - messages 0 0 bytes 0 0");
}

#[test]
fn tunnel_ping_asks_a_silent_client_and_keeps_its_pong() {
    let peer = switched(|mut socket| {
        socket.expect(masked(1, b"after"));
        socket.expect_end();
    });
    let longhaul = start(&peer, "tunnel_ping 3s timeout=60s;");
    let mut client = open(&longhaul);
    for _ in 0..2 {
        let ping = client.read_exact(10);
        assert_eq!(ping[..2], [0x89, 8]);
        client.send(masked(10, &ping[2..]));
    }
    client.send(masked(1, b"after"));
    client.half_close();
    client.expect_end();
    assert_eq!(log_line(&longhaul), "client_closed - - messages 1 0 bytes 11 20");
}

#[test]
fn a_client_without_a_pong_is_told_1008_and_the_peer_1001() {
    let peer = told(1001);
    let longhaul = start(&peer, "tunnel_ping 1s timeout=1s;");
    let mut client = open(&longhaul);
    assert_eq!(client.read_exact(10)[..2], [0x89, 8]);
    client.expect(close(1008));
    client.expect_end();
    assert_eq!(log_line(&longhaul), "no_pong 1008 proxy messages 0 0 bytes 8 14");
}

#[test]
fn an_explicit_proxy_read_timeout_says_1011_to_the_client() {
    let peer = told(1001);
    let longhaul = start(&peer, "proxy_read_timeout 3s;");
    let mut client = open(&longhaul);
    client.expect(close(1011));
    client.expect_end();
    assert_eq!(log_line(&longhaul), "read_timeout 1011 proxy messages 0 0 bytes 8 4");
}

#[test]
fn an_explicit_proxy_send_timeout_ends_a_tunnel_whose_peer_takes_nothing() {
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let peer = switched(move |socket| {
        // Until the test drops its end.
        let _ = is_done.recv();
        drop(socket);
    });
    let longhaul = start(&peer, "proxy_send_timeout 1s;");
    let mut client = open(&longhaul);
    client.send([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    client.send_until_full(&[9; 65536], Duration::from_millis(300));
    client.expect(close(1011));
    client.expect_gone();
    let line = log_line(&longhaul);
    assert!(line.starts_with("peer_send_timeout 1011 proxy messages 0 0 bytes "), "{line}");
    drop(done);
}

#[test]
fn an_explicit_send_timeout_ends_a_tunnel_whose_client_takes_nothing() {
    let peer = switched(|mut socket| {
        socket.send([0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]);
        socket.send_until_full(&[9; 65536], Duration::from_millis(300));
        expect_masked_close(&mut socket, 1001);
        socket.expect_gone();
    });
    let longhaul = start(&peer, "send_timeout 1s;");
    let mut client = longhaul.connect();
    client.shrink_receive_buffer(64 << 10);
    client.send(upgrade("/", ""));
    client.read_head();
    peer.join();
    let line = log_line(&longhaul);
    assert!(line.starts_with("client_send_timeout "), "{line}");
}

#[test]
fn tunnel_keepalive_is_on_by_default_and_on_both_sockets() {
    for (lines, times) in [("", Some(120)), ("tunnel_keepalive idle=1h;", Some(3600)), ("tunnel_keepalive off;", None)]
    {
        let (told, addresses) = std::sync::mpsc::channel();
        let peer = switched(move |mut socket| {
            told.send((socket.remote_address(), socket.local_address())).expect("the test waits");
            socket.expect_end();
        });
        let longhaul = start(&peer, lines);
        let mut client = open(&longhaul);
        let pairs = [(client.remote_address(), client.local_address()), addresses.recv().expect("the peer tells")];
        for (local, remote) in pairs {
            let seconds = |count| Duration::from_secs(count);
            let is_right = |time: Option<Duration>| match (time, times) {
                (Some(time), Some(set)) => time <= seconds(set) && time > seconds(set / 2),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            wait_for("the keep-alive timer", || is_right(keepalive_time(local, remote)).then_some(()));
        }
        client.half_close();
        client.expect_end();
    }
}

#[test]
fn tunnel_drain_ends_the_tunnels_of_a_replaced_generation_alone() {
    let peer = Peer::start(|connections| {
        let mut old = connections.accept();
        old.read_head();
        old.send(head(SWITCHED));
        expect_masked_close(&mut old, 1001);
        old.send(close(1001));
        old.expect_end();
        let mut new = connections.accept();
        new.read_head();
        new.send(head(SWITCHED));
        new.expect(masked(1, b"still here"));
        new.expect_end();
    });
    let body = format!(
        "tunnel_drain 0; log_format end '$tunnel_end $tunnel_close_code $tunnel_close_by';
         access_log %dir%/end.log end; {PLAIN_LOCATION}"
    );
    let longhaul = Setup::new().peer(&peer).start(&body);
    let mut old = open(&longhaul);
    longhaul.reload(&body);
    old.expect(close(1001));
    old.send(masked(8, &1001_u16.to_be_bytes()));
    old.expect_end();
    longhaul.wait_for_log("generation 1 has drained and exited with code 0");
    assert_eq!(log_line(&longhaul), "drained 1001 proxy");
    let mut new = open(&longhaul);
    new.send(masked(1, b"still here"));
    new.half_close();
    new.expect_end();
    assert_eq!(longhaul.wait_for_lines("end.log", 2).lines().nth(1), Some("client_closed - -"));
}

#[test]
fn after_quit_tunnel_drain_says_1001_and_the_process_ends() {
    let peer = told(1001);
    let mut longhaul = start(&peer, "tunnel_drain 1s;");
    let mut client = open(&longhaul);
    longhaul.signal(Signal::QUIT);
    client.expect(close(1001));
    client.expect_end();
    longhaul.expect_exit();
    assert_eq!(log_line(&longhaul), "drained 1001 proxy messages 0 0 bytes 8 4");
}

#[test]
fn after_worker_shutdown_timeout_a_stop_waits_no_longer_for_tunnels() {
    let peer = told(1001);
    let body = http(PLAIN_LOCATION);
    let mut longhaul = Setup::new().peer(&peer).start_file(&format!("worker_shutdown_timeout 100ms; {body}"));
    let mut client = open(&longhaul);
    longhaul.signal(Signal::QUIT);
    client.expect(close(1001));
    client.expect_gone();
    longhaul.expect_exit();
}

#[test]
fn after_worker_shutdown_timeout_a_replaced_generation_has_no_connection_left() {
    let peer = Peer::start(|connections| {
        let mut tunnel = connections.accept();
        tunnel.read_head();
        tunnel.send(head(SWITCHED));
        let mut request = connections.accept();
        request.read_head();
        request.expect_gone();
        expect_masked_close(&mut tunnel, 1001);
        tunnel.expect_end();
    });
    let setup = Setup::new().peer(&peer);
    let text = format!("worker_shutdown_timeout 100ms; {}", http(PLAIN_LOCATION));
    let longhaul = setup.start_file(&text);
    let mut tunnel = open(&longhaul);
    let mut request = longhaul.connect();
    request.send(head("GET /never-answered HTTP/1.1\nHost: a"));
    wait_for("both at the peer", || (longhaul.open_now().to_peers == 2).then_some(()));
    longhaul.setup().write(&text);
    longhaul.signal(Signal::HUP);
    request.expect_gone();
    tunnel.expect(close(1001));
    tunnel.expect_end();
    longhaul.wait_for_log("generation 1 has drained and exited with code 0");
}
