//! WebSocket handshakes that succeed: what the peer sees, what the client gets, and the bytes that came early.

use super::support::{ACCEPT, KEY, Longhaul, Peer, Setup, Socket, head, masked, plain, upgrade};

/// What a peer answers to the sample handshake.
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols
    Upgrade: websocket
    Connection: Upgrade
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const PLAIN_LOCATION: &str = "server { listen %listen%; location / { proxy_pass http://%peer%; } }";

/// Opens a tunnel, carries a frame each way, and closes it from the client's side.
#[track_caller]
fn carries_frames(longhaul: &Longhaul, target: &str) {
    let mut client = longhaul.connect();
    client.send(upgrade(target, ""));
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    client.send(masked(1, b"ping"));
    client.expect(plain(1, b"pong"));
    client.half_close();
    client.expect_end();
}

/// Answers the handshake in this head with a 101, then one frame with another.
fn switching(request: &'static str) -> Peer {
    Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.expect_head(request);
        answer_one_frame(&mut socket);
    })
}

fn answer_one_frame(socket: &mut Socket) {
    socket.send(head(SWITCHED));
    socket.expect(masked(1, b"ping"));
    socket.send(plain(1, b"pong"));
    socket.expect_end();
}

#[test]
fn without_any_line_for_it() {
    let peer = switching(
        "GET /chat?room=1 HTTP/1.1
         Host: example.com
         Upgrade: websocket
         Connection: Upgrade
         Sec-WebSocket-Version: 13
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    carries_frames(&longhaul, "/chat?room=1");
}

#[test]
fn with_the_lines_of_every_write_up() {
    let peer = switching(
        "GET / HTTP/1.1
         Host: example.com
         Upgrade: websocket
         Connection: Upgrade
         Sec-WebSocket-Version: 13
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / {
             proxy_pass http://%peer%;
             proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade;
             proxy_set_header Connection 'upgrade';
             proxy_set_header Host $host;
         } }",
    );
    carries_frames(&longhaul, "/");
}

#[test]
fn with_the_map_form_and_a_group() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let request = socket.read_head();
        assert!(request.to_ascii_lowercase().contains("\r\nconnection: upgrade\r\n"), "{request}");
        answer_one_frame(&mut socket);
    });
    let longhaul = Setup::new().peer(&peer).start(
        "map $http_upgrade $connection_upgrade { default upgrade; '' close; }
         upstream websocket { server %peer%; }
         server { listen %listen%; location / {
             proxy_pass http://websocket;
             proxy_set_header Upgrade $http_upgrade;
             proxy_set_header Connection $connection_upgrade;
         } }",
    );
    carries_frames(&longhaul, "/");
}

#[test]
fn through_a_uri_replacement() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let request = socket.read_head();
        assert!(request.starts_with("GET /chat HTTP/1.1\r\n"), "{request}");
        answer_one_frame(&mut socket);
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location /ws/ { proxy_pass http://%peer%/; } }");
    carries_frames(&longhaul, "/ws/chat");
}

#[test]
fn the_client_s_101_has_what_rfc_6455_asks_for_once() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let request = socket.read_head();
        assert!(request.contains("\r\nSec-WebSocket-Protocol: chat, echo\r\n"), "{request}");
        assert!(request.contains("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"), "{request}");
        assert!(request.contains("\r\nOrigin: https://example.com\r\n"), "{request}");
        socket.send(head(&format!(
            "{SWITCHED}\nSec-WebSocket-Protocol: echo\nSec-WebSocket-Extensions: permessage-deflate\nSet-Cookie: a=1"
        )));
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    let more = "Sec-WebSocket-Protocol: chat, echo\nSec-WebSocket-Extensions: permessage-deflate\n\
                Origin: https://example.com";
    client.send(upgrade("/", more));
    let answer = client.read_head();
    for field in [
        "Upgrade: websocket",
        "Connection: upgrade",
        &format!("Sec-WebSocket-Accept: {ACCEPT}"),
        "Sec-WebSocket-Protocol: echo",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Set-Cookie: a=1",
    ] {
        assert_eq!(answer.matches(&format!("\r\n{field}\r\n")).count(), 1, "{field} in {answer}");
    }
    assert!(!answer.contains("Content-Length") && !answer.contains("Transfer-Encoding"), "{answer}");
}

#[test]
fn words_may_be_spelled_in_any_case_and_stand_in_lists() {
    let peer = Peer::start(|connections| {
        for _ in 0..3 {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(head(&format!(
                "HTTP/1.1 101 OK\nupgrade: WebSocket\nCONNECTION: keep-alive, UPGRADE\nsec-websocket-accept: {ACCEPT}"
            )));
            socket.expect_end();
        }
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    for fields in [
        "Upgrade: WebSocket\nConnection: upgrade",
        "upgrade: WEBSOCKET\nconnection: keep-alive, Upgrade",
        "UPGRADE: websocket\nConnection: keep-alive\nConnection: UPGRADE",
    ] {
        let mut client = longhaul.connect();
        client.send(head(&format!(
            "GET / HTTP/1.1\nHost: a\n{fields}\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: {KEY}"
        )));
        let answer = client.read_head();
        assert!(answer.starts_with("HTTP/1.1 101 "), "for {fields}: {answer}");
        client.half_close();
        client.expect_end();
    }
}

#[test]
fn bytes_sent_with_the_handshake_arrive_first() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(SWITCHED));
        socket.expect(masked(1, b"early"));
        socket.expect(masked(1, b"late"));
        socket.send(plain(1, b"both"));
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    client.send([upgrade("/", ""), masked(1, b"early")].concat());
    client.read_head();
    client.send(masked(1, b"late"));
    client.expect(plain(1, b"both"));
    client.half_close();
    client.expect_end();
}

#[test]
fn bytes_sent_with_the_101_come_right_after_it() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send([head(SWITCHED), plain(1, b"welcome")].concat());
        socket.expect(masked(1, b"thanks"));
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    client.send(upgrade("/", ""));
    client.read_head();
    client.expect(plain(1, b"welcome"));
    client.send(masked(1, b"thanks"));
    client.half_close();
    client.expect_end();
}

#[test]
fn no_byte_reaches_the_peer_before_its_101() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.expect_silence(std::time::Duration::from_millis(150));
        socket.send(head(SWITCHED));
        socket.expect(masked(1, b"early"));
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    client.send([upgrade("/", ""), masked(1, b"early")].concat());
    client.read_head();
    client.half_close();
    client.expect_end();
}

#[test]
fn a_handshake_may_follow_plain_requests_on_its_connection() {
    let peer = Peer::start(|connections| {
        let mut plain_one = connections.accept();
        plain_one.read_head();
        plain_one.send(head("HTTP/1.1 200 OK\nContent-Length: 0"));
        // The upgrade has a connection of its own, though an idle one is there.
        let mut socket = connections.accept();
        socket.read_head();
        answer_one_frame(&mut socket);
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    client.read_head();
    client.send(upgrade("/", ""));
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    client.send(masked(1, b"ping"));
    client.expect(plain(1, b"pong"));
    client.half_close();
    client.expect_end();
}

#[test]
fn a_handshake_in_single_bytes() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        for byte in [head(SWITCHED), plain(1, b"hi")].concat() {
            socket.send([byte]);
        }
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    for byte in upgrade("/", "") {
        client.send([byte]);
    }
    client.read_head();
    client.expect(plain(1, b"hi"));
    client.half_close();
    client.expect_end();
}

#[test]
fn another_protocol_is_tunnelled_where_the_configuration_passes_it_on() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let request = socket.read_head();
        assert!(request.contains("\r\nUpgrade: own/1\r\n"), "{request}");
        socket.send(head("HTTP/1.1 101 Switching Protocols\nUpgrade: own/1\nConnection: Upgrade"));
        socket.expect(b"\x00\xff no frames \x00");
        socket.send(b"\xff\x00 here either \xff");
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / {
             proxy_pass http://%peer%;
             proxy_set_header Upgrade $http_upgrade;
             proxy_set_header Connection upgrade;
         } }",
    );
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a\nUpgrade: own/1\nConnection: Upgrade"));
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("\r\nUpgrade: own/1\r\n"), "{answer}");
    client.send(b"\x00\xff no frames \x00");
    client.expect(b"\xff\x00 here either \xff");
    client.half_close();
    client.expect_end();
}
