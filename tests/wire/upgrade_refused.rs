//! Handshakes that break RFC 6455, on either side, and answers that are no 101: nothing gets through.

use super::support::{ACCEPT, KEY, Peer, Setup, head, masked, message, upgrade};

const PLAIN_LOCATION: &str = "server { listen %listen%; location / { proxy_pass http://%peer%; } }";

#[test]
fn a_broken_handshake_is_answered_here_and_seen_by_no_peer() {
    let setup = Setup::new();
    // Nobody listens there: a handshake that was passed on would be a 502.
    let longhaul = setup.with("peer", Peer::refusing()).start(PLAIN_LOCATION);
    let version = "Sec-WebSocket-Version: 13";
    let key = &format!("Sec-WebSocket-Key: {KEY}");
    for (what, method, fields, status) in [
        ("no key", "GET", version.to_owned(), 400),
        ("an empty key", "GET", format!("{version}\nSec-WebSocket-Key:"), 400),
        ("a short key", "GET", format!("{version}\nSec-WebSocket-Key: AAAA"), 400),
        ("a key that is no base64", "GET", format!("{version}\nSec-WebSocket-Key: ****************======"), 400),
        ("two keys", "GET", format!("{version}\n{key}\n{key}"), 400),
        ("no version", "GET", key.to_owned(), 426),
        ("version 8", "GET", format!("Sec-WebSocket-Version: 8\n{key}"), 426),
        ("two versions", "GET", format!("{version}\n{version}\n{key}"), 426),
        ("POST", "POST", format!("{version}\n{key}\nContent-Length: 0"), 405),
        ("a body", "GET", format!("{version}\n{key}\nContent-Length: 1"), 400),
        ("a chunked body", "GET", format!("{version}\n{key}\nTransfer-Encoding: chunked"), 400),
    ] {
        let request = format!("{method} / HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade\n{fields}");
        let mut client = longhaul.connect();
        client.send([head(&request), masked(1, b"early")].concat());
        let answer = client.read_answer();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        if status == 426 {
            let needed = "\r\nConnection: close, upgrade\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n";
            assert!(answer.contains(needed), "{what}: {answer}");
        } else {
            assert!(answer.contains("\r\nConnection: close\r\n"), "{what}: {answer}");
            assert!(!answer.contains("Upgrade:") && !answer.contains("Sec-WebSocket-"), "{what}: {answer}");
        }
        client.expect_gone();
    }
}

#[test]
fn what_is_no_handshake_at_all_is_a_plain_request() {
    let longhaul_peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for _ in 0..3 {
            let request = socket.read_head().to_ascii_lowercase();
            assert!(!request.contains("upgrade"), "{request}");
            socket.send(message("HTTP/1.1 200 OK\nContent-Length: 5", b"plain"));
        }
    });
    let longhaul = Setup::new().peer(&longhaul_peer).start(PLAIN_LOCATION);
    for request in [
        "GET / HTTP/1.1\nHost: a\nUpgrade: websocket",
        "GET / HTTP/1.0\nHost: a\nUpgrade: websocket\nConnection: upgrade",
        "GET / HTTP/1.1\nHost: a\nUpgrade: h2c\nConnection: Upgrade, HTTP2-Settings\nHTTP2-Settings: AAMAAABk",
    ] {
        let mut client = longhaul.connect();
        client.send(head(request));
        assert!(client.read_answer().ends_with("\r\n\r\nplain"));
    }
}

#[test]
fn a_101_that_breaks_the_rules_is_a_502() {
    let accept = &format!("Sec-WebSocket-Accept: {ACCEPT}");
    let switched = "HTTP/1.1 101 Switching Protocols";
    let both = "Upgrade: websocket\nConnection: Upgrade";
    for (what, answer) in [
        ("no accept value", format!("{switched}\n{both}")),
        ("another accept value", format!("{switched}\n{both}\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
        ("two accept values", format!("{switched}\n{both}\n{accept}\n{accept}")),
        ("no upgrade", format!("{switched}\nConnection: Upgrade\n{accept}")),
        ("another upgrade", format!("{switched}\nUpgrade: h2c\nConnection: Upgrade\n{accept}")),
        ("no connection", format!("{switched}\nUpgrade: websocket\n{accept}")),
        ("connection without upgrade", format!("{switched}\nUpgrade: websocket\nConnection: close\n{accept}")),
        ("a protocol not offered", format!("{switched}\n{both}\n{accept}\nSec-WebSocket-Protocol: other")),
        ("an extension not offered", format!("{switched}\n{both}\n{accept}\nSec-WebSocket-Extensions: x-other")),
        ("HTTP/1.0", format!("HTTP/1.0 101 Switching Protocols\n{both}\n{accept}")),
    ] {
        let peer = Peer::start(move |connections| {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(head(&answer));
            // Not a byte of what the client sent with its handshake.
            socket.expect_no_bytes();
        });
        let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
        let mut client = longhaul.connect();
        client.send([upgrade("/", "Sec-WebSocket-Protocol: chat"), masked(1, b"early")].concat());
        let answer = client.read_answer();
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{what}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{what}: {answer}");
        client.expect_gone();
        longhaul.wait_for_log("upgrade");
    }
}

#[test]
fn a_101_nobody_asked_for_is_a_502() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(&format!(
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: {ACCEPT}"
        )));
        socket.expect_no_bytes();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    client.send([head("GET / HTTP/1.1\nHost: a"), head("GET /smuggled HTTP/1.1\nHost: a")].concat());
    let answer = client.read_answer();
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
}

#[test]
fn a_refusal_of_the_peer_reaches_the_client_and_ends_the_connection() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 403 Forbidden\nContent-Length: 4\nX-Why: origin", b"away"));
        socket.expect_no_bytes();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    // What follows the handshake looks like a request; it must reach nobody.
    client.send([upgrade("/", ""), head("GET /admin HTTP/1.1\nHost: a")].concat());
    let answer = client.read_answer();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && answer.ends_with("\r\n\r\naway"), "{answer}");
    assert!(answer.contains("\r\nX-Why: origin\r\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    client.expect_gone();
}

#[test]
fn an_answer_made_here_to_a_handshake_ends_the_connection_too() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 403; } }");
    let mut client = longhaul.connect();
    client.send([upgrade("/", ""), head("GET /admin HTTP/1.1\nHost: a")].concat());
    let answer = client.read_answer();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    client.expect_gone();
}

#[test]
fn an_answer_of_200_to_a_handshake_is_no_tunnel() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 5", b"plain"));
        socket.expect_no_bytes();
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    client.send(upgrade("/", ""));
    assert!(client.read_answer().ends_with("\r\n\r\nplain"));
    client.expect_gone();
}

#[test]
fn another_protocol_is_not_passed_on_unless_asked_for() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let request = socket.read_head();
        assert!(!request.to_ascii_lowercase().contains("upgrade"), "{request}");
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 5", b"plain"));
    });
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a\nUpgrade: own/1\nConnection: Upgrade"));
    assert!(client.read_answer().ends_with("\r\n\r\nplain"));
}

#[test]
fn a_location_may_refuse_upgrades_by_an_empty_field() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let request = socket.read_head();
        assert!(!request.to_ascii_lowercase().contains("\r\nupgrade:"), "{request}");
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 5", b"plain"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_set_header Upgrade ''; } }");
    let mut client = longhaul.connect();
    client.send(upgrade("/", ""));
    assert!(client.read_answer().ends_with("\r\n\r\nplain"));
}

#[test]
fn a_peer_s_426_names_the_protocol_that_it_requires() {
    let peer = Peer::once(
        "GET / HTTP/1.1\r\nHost: %peer%\r\n\r\n",
        head("HTTP/1.1 426 Upgrade Required\nUpgrade: chat/2\nConnection: upgrade\nContent-Length: 0"),
    );
    let longhaul = Setup::new().peer(&peer).start(PLAIN_LOCATION);
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    let answer = client.read_answer();
    assert!(answer.contains("\r\nConnection: keep-alive, upgrade\r\nUpgrade: chat/2\r\n"), "{answer}");
}
