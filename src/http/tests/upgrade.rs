//! Handshakes: what counts as one, what is refused, and which answers fit.

use super::*;
use crate::http::parse::{self, RequestRules};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn head(text: &str) -> Box<RequestHead> {
    parse::request(text.as_bytes(), &RequestRules::default()).unwrap().unwrap().0
}

fn asked(text: &str) -> Asked {
    Request::of(&head(text))
}

/// A good handshake, in which the lines of these names are replaced or, if empty, left out, and others added.
fn handshake(changes: &[(&str, &str)]) -> Asked {
    asked(&text_of(changes))
}

fn text_of(changes: &[(&str, &str)]) -> String {
    let good = [
        ("", "GET /chat HTTP/1.1"),
        ("Host", "h"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
    ];
    let mut text = String::new();
    for (name, value) in good {
        let value = changes.iter().find(|change| change.0 == name).map_or(value, |change| change.1);
        match (name, value) {
            ("", line) => text.push_str(&format!("{line}\r\n")),
            (_, "") => {}
            (name, value) => text.push_str(&format!("{name}: {value}\r\n")),
        }
    }
    for (name, value) in changes.iter().filter(|change| good.iter().all(|line| line.0 != change.0)) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

fn is_websocket(changes: &[(&str, &str)]) -> bool {
    matches!(handshake(changes), Asked::WebSocket)
}

fn refused(changes: &[(&str, &str)]) -> Option<Reason> {
    match handshake(changes) {
        Asked::Refused(reason) => Some(reason),
        Asked::Nothing | Asked::WebSocket | Asked::Other(_) => None,
    }
}

#[test]
fn handshakes_that_are_good() {
    assert!(is_websocket(&[]));
    assert!(is_websocket(&[("Upgrade", "WebSocket")]));
    assert!(is_websocket(&[("Connection", "keep-alive, Upgrade")]));
    assert!(is_websocket(&[("Content-Length", "0")]));
    assert!(is_websocket(&[("Upgrade", "foo, websocket")]));
    assert!(is_websocket(&[("Sec-WebSocket-Protocol", "chat, superchat")]));
    assert!(is_websocket(&[("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAB==")]));
}

#[test]
fn handshakes_that_are_refused() {
    assert_eq!(refused(&[("", "POST /chat HTTP/1.1")]), Some(Reason::Method));
    assert_eq!(refused(&[("Content-Length", "1")]), Some(Reason::Body));
    assert_eq!(refused(&[("Transfer-Encoding", "chunked")]), Some(Reason::Body));
    for version in ["", "8", "14", "130", "13, 8"] {
        assert_eq!(refused(&[("Sec-WebSocket-Version", version)]), Some(Reason::Version), "{version}");
    }
    let keys = [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "x",
        "a==",
        "dGhlIHNhbXBsZSBub25j!Q==",
    ];
    for key in keys {
        assert_eq!(refused(&[("Sec-WebSocket-Key", key)]), Some(Reason::Key), "{key}");
    }
    assert_eq!(refused(&[("sec-websocket-key", KEY)]), Some(Reason::Key));
    assert_eq!(refused(&[("Sec-WebSocket-Protocol", "a b")]), Some(Reason::Protocol));
}

#[test]
fn what_asks_for_nothing() {
    assert_eq!(handshake(&[("", "GET /chat HTTP/1.0")]), Asked::Nothing);
    assert_eq!(handshake(&[("Connection", "keep-alive")]), Asked::Nothing);
    assert_eq!(handshake(&[("Connection", "")]), Asked::Nothing);
    assert_eq!(handshake(&[("Upgrade", "")]), Asked::Nothing);
    assert_eq!(handshake(&[("Upgrade", "h2c")]), Asked::Nothing);
    assert_eq!(asked("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), Asked::Nothing);
}

#[test]
fn other_protocols_are_named() {
    assert_eq!(handshake(&[("Upgrade", "foo")]), Asked::Other(b"foo".as_slice().into()));
    assert_eq!(handshake(&[("Upgrade", "h2c, foo/2, bar")]), Asked::Other(b"foo/2".as_slice().into()));
}

#[test]
fn the_accept_value_of_the_standard() {
    assert_eq!(accept_value(KEY.as_bytes()), ACCEPT.as_bytes());
}

fn verify(line: &str, fields: &[(&str, &str)]) -> Result<(), Mismatch> {
    let offered =
        [("Sec-WebSocket-Protocol", "chat, superchat"), ("Sec-WebSocket-Extensions", "permessage-deflate; x=1, y")];
    assert_eq!(handshake(&offered), Asked::WebSocket);
    let offer = head(&text_of(&offered)).fields;
    let mut text = format!("{line}\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    super::verify(&offer, &parse::response(text.as_bytes(), 4096).unwrap().unwrap().0)
}

#[test]
fn answers_that_fit() {
    let line = "HTTP/1.1 101 Switching Protocols";
    let good = [("Upgrade", "WebSocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Accept", ACCEPT)];
    let with = |more: &[(&str, &str)]| verify(line, &[good.as_slice(), more].concat());
    assert_eq!(with(&[]), Ok(()));
    assert_eq!(with(&[("Sec-WebSocket-Protocol", "superchat")]), Ok(()));
    assert_eq!(with(&[("Sec-WebSocket-Extensions", "permessage-deflate;x=2")]), Ok(()));
    assert_eq!(with(&[("Sec-WebSocket-Extensions", "y"), ("Sec-WebSocket-Extensions", "permessage-deflate")]), Ok(()));
    for protocol in ["Chat", "other", "chat, superchat", ""] {
        assert_eq!(with(&[("Sec-WebSocket-Protocol", protocol)]), Err(Mismatch::Protocol), "{protocol}");
    }
    let twice = [("Sec-WebSocket-Protocol", "chat"), ("Sec-WebSocket-Protocol", "chat")];
    assert_eq!(with(&twice), Err(Mismatch::Protocol));
    assert_eq!(with(&[("Sec-WebSocket-Extensions", "z")]), Err(Mismatch::Extension));
    assert_eq!(with(&[("Sec-WebSocket-Accept", ACCEPT)]), Err(Mismatch::Accept));
    assert_eq!(with(&[("Upgrade", "websocket")]), Err(Mismatch::Upgrade));
}

#[test]
fn answers_that_do_not_fit() {
    let line = "HTTP/1.1 101 S";
    let upgrade = ("Upgrade", "websocket");
    let connection = ("Connection", "Upgrade");
    let accept = ("Sec-WebSocket-Accept", ACCEPT);
    assert_eq!(verify("HTTP/1.1 200 OK", &[upgrade, connection, accept]), Err(Mismatch::Status(200)));
    assert_eq!(verify("HTTP/1.0 101 S", &[upgrade, connection, accept]), Err(Mismatch::Version));
    assert_eq!(verify(line, &[connection, accept]), Err(Mismatch::Upgrade));
    assert_eq!(verify(line, &[("Upgrade", "websocket, foo"), connection, accept]), Err(Mismatch::Upgrade));
    assert_eq!(verify(line, &[upgrade, accept]), Err(Mismatch::Connection));
    assert_eq!(verify(line, &[upgrade, ("Connection", "close"), accept]), Err(Mismatch::Connection));
    assert_eq!(verify(line, &[upgrade, connection]), Err(Mismatch::Accept));
    let folded = ACCEPT.to_lowercase();
    assert_eq!(verify(line, &[upgrade, connection, ("Sec-WebSocket-Accept", &folded)]), Err(Mismatch::Accept));
}
