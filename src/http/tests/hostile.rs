//! Requests and responses made to be read differently by two readers, and what becomes of each: refused with a status
//! and a reason, or passed on in exactly these bytes.
//!
//! What stands here is the pure half: a head that is refused here never reaches a peer, and one that passes is made
//! anew from its parts. `connection` of a rewritten head and the body are the proxy's.

mod hostile_tables;

use crate::http::framing::{self, BodyLength};
use crate::http::parse::{self, RequestRules};
use crate::http::upgrade::{Asked, Request};
use crate::http::{Method, RequestHead, Version, chunked, encode, hop_by_hop, host, target};

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Refused(u16, &'static str),
    /// The head as a peer would get it.
    Passed(String),
    /// More bytes are needed.
    Waits,
}

fn judge(text: &[u8]) -> Fate {
    let head = match parse::request(text, &RequestRules::default()) {
        Ok(Some((head, _))) => head,
        Ok(None) => return Fate::Waits,
        Err(error) => return Fate::Refused(error.status(), error.phrase()),
    };
    match rewritten(&head) {
        Ok(head) => Fate::Passed(head),
        Err(error) => Fate::Refused(error.status(), error.phrase()),
    }
}

fn rewritten(head: &RequestHead) -> Result<String, parse::RequestError> {
    let target = target::parse(head, true)?;
    let host = host::of(head, &target)?;
    let length = framing::request(head)?;
    let mut uri = target.raw_path.map_or(b"/".as_slice(), |at| &head.target()[at]).to_vec();
    if let Some(args) = target.args {
        uri.push(b'?');
        uri.extend_from_slice(&args);
    }
    let mut out = Vec::new();
    encode::request_line(&mut out, &head.method, &uri, true);
    if let Some(host) = host {
        encode::field(&mut out, b"Host", &host.name);
    }
    match length {
        BodyLength::None | BodyLength::UntilClose => {}
        BodyLength::Length(length) => encode::length_field(&mut out, length),
        BodyLength::Chunked => encode::field(&mut out, b"Transfer-Encoding", b"chunked"),
    }
    let dropped = hop_by_hop::of_request(&head.fields);
    for (known, name, value) in head.fields.iter_known() {
        let is_anew =
            ["host", "content-length", "transfer-encoding"].iter().any(|n| n.as_bytes().eq_ignore_ascii_case(name));
        if !is_anew && !dropped.contains(known, name) {
            encode::field(&mut out, name, value);
        }
    }
    Ok(String::from_utf8(out).unwrap())
}

fn refused(text: &[u8], status: u16, part: &str) {
    match judge(text) {
        Fate::Refused(actual, phrase) => {
            assert_eq!(actual, status, "{}: {phrase}", text.escape_ascii());
            assert!(phrase.contains(part), "{}: {phrase}", text.escape_ascii());
        }
        other => panic!("{}: {other:?}", text.escape_ascii()),
    }
}

fn all_refused(cases: hostile_tables::Refusals) {
    for (status, part, texts) in cases {
        texts.iter().for_each(|text| refused(text, *status, part));
    }
}

/// Whole heads around one line of interest.
#[test]
fn fields() {
    for (status, part, lines) in hostile_tables::FIELDS {
        for line in *lines {
            for (before, after) in [("", ""), ("Accept: */*\r\n", "X-Last: 1\r\n")] {
                let start = b"POST / HTTP/1.1\r\nHost: a\r\n".as_slice();
                let text = [start, before.as_bytes(), line, b"\r\n", after.as_bytes(), b"\r\n"].concat();
                refused(&text, *status, part);
            }
        }
    }
    all_refused(hostile_tables::ENCODINGS_BEFORE_1_1);
}

#[test]
fn request_lines() {
    all_refused(hostile_tables::LINES);
}

#[test]
fn targets() {
    all_refused(hostile_tables::TARGETS);
}

#[test]
fn hosts() {
    all_refused(hostile_tables::HOSTS);
}

#[test]
fn sizes() {
    let long = |bytes: usize| "x".repeat(bytes);
    let cases = [
        (format!("GET /{} HTTP/1.1\r\n", long(8192)), 414),
        (format!("GET /{}", long(8192)), 414),
        (long(9000).to_uppercase(), 414),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", long(8192)), 494),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}: a\r\n\r\n", long(8192)), 494),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", long(8192)), 494),
        (format!("GET / HTTP/1.1\r\n{}", format!("X: {}\r\n", long(4000)).repeat(10)), 494),
        (format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(1000)), 494),
        (format!("GET / HTTP/1.1\r\n{}", "@: y\r\n".repeat(1000)), 494),
        ("\r\n".repeat(20_000), 400),
    ];
    for (text, status) in cases {
        let Fate::Refused(actual, _) = judge(text.as_bytes()) else { panic!("{:.40} not refused", text) };
        assert_eq!(actual, status, "{text:.40}");
    }
}

/// Requests that pass, and the head a peer gets.
const PASSED: &[(&str, &str)] = &[
    ("GET / HTTP/1.0\n\n", "GET / HTTP/1.1\r\n"),
    ("\r\n\nGET / HTTP/1.0\n\n", "GET / HTTP/1.1\r\n"),
    ("GET /\n", "GET / HTTP/1.1\r\n"),
    ("GET   /a   HTTP/1.1  \r\nhost:A.:80\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\r\n"),
    ("GET /a HTTP/1.9\r\nHost: a\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\r\n"),
    ("GET /a/../b?c#d HTTP/1.0\n\n", "GET /a/../b?c HTTP/1.1\r\n"),
    ("GET /a#b?c HTTP/1.0\n\n", "GET /a HTTP/1.1\r\n"),
    ("GET http://A:1/b?c HTTP/1.0\nHost: other\n\n", "GET /b?c HTTP/1.1\r\nHost: a\r\n"),
    ("GET http://a HTTP/1.1\nHost: a:80\n\n", "GET / HTTP/1.1\r\nHost: a\r\n"),
    ("POST / HTTP/1.0\nContent-Length: 007 \n\n", "POST / HTTP/1.1\r\nContent-Length: 7\r\n"),
    (
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\tCHUNKED\t\n\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
    ),
    ("GET / HTTP/1.0\nX-A:b\nX-C: \t d  \n\n", "GET / HTTP/1.1\r\nX-A: b\r\nX-C: d\r\n"),
    ("GET / HTTP/1.0\nX-A\n\n", "GET / HTTP/1.1\r\nX-A: \r\n"),
    ("GET / HTTP/1.0\nContent_Length: 5\n\n", "GET / HTTP/1.1\r\n"),
    ("GET / HTTP/1.0\nTransfer_Encoding: chunked\n\n", "GET / HTTP/1.1\r\n"),
    ("GET / HTTP/1.0\nTransfer-Encoding@: chunked\nX: y\n\n", "GET / HTTP/1.1\r\nX: y\r\n"),
    ("GET / HTTP/1.0\n\u{e9}Transfer-Encoding: chunked\nX: y\n\n", "GET / HTTP/1.1\r\nX: y\r\n"),
    ("GET / HTTP/1.0\n\"Content-Length\": 5\n\n", "GET / HTTP/1.1\r\n"),
    ("GET / HTTP/1.0\nConnection: X-Secret, close\nX-Secret: 1\n\n", "GET / HTTP/1.1\r\n"),
    (
        "GET / HTTP/1.0\nConnection: Cookie, Authorization\nCookie: a\nAuthorization: b\n\n",
        "GET / HTTP/1.1\r\nCookie: a\r\nAuthorization: b\r\n",
    ),
    ("POST / HTTP/1.0\nConnection: Content-Length\nContent-Length: 5\n\n", "POST / HTTP/1.1\r\nContent-Length: 5\r\n"),
    ("GET / HTTP/1.0\nConnection: Host\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\n"),
    ("GET / HTTP/1.0\nKeep-Alive: 5\nProxy-Connection: close\nTE: trailers\nTrailer: X\n\n", "GET / HTTP/1.1\r\n"),
    (
        "GET / HTTP/1.1\nHost: a\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABk\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
    ),
    ("GET /%0d%0aX:%20y HTTP/1.0\n\n", "GET /%0d%0aX:%20y HTTP/1.1\r\n"),
    ("GET /\u{e9} HTTP/1.0\n\n", "GET /\u{e9} HTTP/1.1\r\n"),
    ("DELETE / HTTP/1.0\n\nGET /smuggled HTTP/1.0\n\n", "DELETE / HTTP/1.1\r\n"),
];

#[test]
fn what_passes_is_made_anew() {
    for (text, expected) in PASSED {
        assert_eq!(judge(text.as_bytes()), Fate::Passed((*expected).to_string()), "{}", text.escape_debug());
    }
}

#[test]
fn a_decoded_path_cannot_leave_its_line() {
    let head =
        parse::request(b"GET /%0d%0aX:%20y%20HTTP/1.1 HTTP/1.0\n\n", &RequestRules::default()).unwrap().unwrap().0;
    let path = target::parse(&head, true).unwrap().path;
    assert_eq!(path, b"/\r\nX: y HTTP/1.1");
    assert_eq!(target::escape(&path), b"/%0D%0AX:%20y%20HTTP/1.1");
    let mut line = Vec::new();
    encode::request_line(&mut line, &Method::Get, &path, true);
    assert_eq!(line, b"GET /%0D%0AX:%20y%20HTTP/1.1 HTTP/1.1\r\n");
    let mut field = Vec::new();
    encode::field(&mut field, b"X-Uri", &path);
    assert_eq!(field, b"X-Uri: /  X: y HTTP/1.1\r\n");
}

#[test]
fn no_upgrade_by_the_back_door() {
    let asked =
        |text: &str| Request::of(&parse::request(text.as_bytes(), &RequestRules::default()).unwrap().unwrap().0);
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n";
    let nothing = [
        format!("GET / HTTP/1.0\nUpgrade: websocket\nConnection: upgrade\n{key}\n"),
        format!("GET / HTTP/1.1\nHost: a\nUpgrade: websocket\n{key}\n"),
        format!("GET / HTTP/1.1\nHost: a\nConnection: upgrade\n{key}\n"),
        format!("GET / HTTP/1.1\nHost: a\nConnection: xupgrade\nUpgrade: websocket\n{key}\n"),
        "GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: h2c\n\n".to_string(),
        "GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: H2C, h2\n\n".to_string(),
    ];
    for text in nothing {
        assert_eq!(asked(&text), Asked::Nothing, "{text}");
    }
    let start = "HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: websocket\n";
    let refused = [
        (format!("POST / {start}{key}\n"), 405),
        (format!("GET / {start}{key}Content-Length: 5\n\n"), 400),
        (format!("GET / {start}{key}Transfer-Encoding: chunked\n\n"), 400),
        (format!("GET / {start}{key}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"), 400),
        (format!("GET / {start}{key}Sec-WebSocket-Version: 13\n\n"), 426),
        (format!("GET / {start}\n"), 426),
        (format!("GET / {start}Sec-WebSocket-Version: 7\n\n"), 426),
        (format!("GET / {start}Sec-WebSocket-Version: 13\nSec-WebSocket-Key: short\n\n"), 400),
    ];
    for (text, status) in refused {
        let Asked::Refused(reason) = asked(&text) else { panic!("{text}") };
        assert_eq!(reason.status(), status, "{text}");
    }
}

fn response_phrase(text: &[u8]) -> Result<BodyLength, &'static str> {
    let (head, _) = parse::response(text, 4096).map_err(|error| error.phrase())?.ok_or("waits")?;
    framing::response(&Method::Get, &head).map_err(|error| error.phrase())
}

#[test]
fn responses() {
    for (text, part) in hostile_tables::RESPONSES {
        let phrase = response_phrase(text).expect_err("refused");
        assert!(phrase.contains(part), "{}: {phrase}", text.escape_ascii());
    }
    let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(4096));
    assert_eq!(response_phrase(large.as_bytes()), Err("too big header"));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(300));
    assert_eq!(response_phrase(many.as_bytes()), Err("too many header lines"));
}

#[test]
fn responses_that_nginx_takes() {
    assert_eq!(response_phrase(b"HTTP/1.1 200\n\n"), Ok(BodyLength::UntilClose));
    assert_eq!(response_phrase(b"HTTP/1.0 200 OK\nContent-Length: 5\n\n"), Ok(BodyLength::Length(5)));
    assert_eq!(response_phrase(b"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\nX@: y\r\n\r\n"), Ok(BodyLength::UntilClose));
}

/// A chunked body and a request behind it: whatever is refused, no byte of the body may come to be read as a request.
#[test]
fn chunks_that_two_readers_could_cut_differently() {
    for body in hostile_tables::CHUNKED {
        let mut data = Vec::new();
        let result = chunked::Decoder::new().decode(body, &mut data);
        assert!(result.is_err(), "{}: {result:?}", body.escape_ascii());
    }
}

#[test]
fn what_waits_is_not_refused() {
    for text in [
        "",
        "\r",
        "\r\n",
        "G",
        "GET",
        "GET /",
        "GET / HTTP/1.1\r",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
    ] {
        assert_eq!(judge(text.as_bytes()), Fate::Waits, "{text:?}");
    }
    let head = parse::request(b"GET /\n", &RequestRules::default()).unwrap().unwrap().0;
    assert_eq!(head.version, Version::Http09);
}
