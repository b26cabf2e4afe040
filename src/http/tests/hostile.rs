//! Requests and responses made to be read differently by two readers, and what becomes of each: refused with a status
//! and a reason, or passed on in exactly these bytes.
//!
//! What stands here is the pure half: a head that is refused here never reaches a peer, and one that passes is made
//! anew from its parts. `connection` of a rewritten head and the body are the proxy's.

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
    let mut uri = target.raw_path;
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
    for (name, value) in head.fields.iter() {
        let is_anew =
            ["host", "content-length", "transfer-encoding"].iter().any(|n| n.as_bytes().eq_ignore_ascii_case(name));
        if !is_anew && !dropped.contains(name) {
            encode::field(&mut out, name, value);
        }
    }
    Ok(String::from_utf8(out).unwrap())
}

/// Requests that are refused: the bytes, the status, a part of the reason.
type Refusals = &'static [(&'static [u8], u16, &'static str)];

fn all_refused(cases: Refusals) {
    for (text, status, part) in cases {
        match judge(text) {
            Fate::Refused(actual, phrase) => {
                assert_eq!(actual, *status, "{}: {phrase}", text.escape_ascii());
                assert!(phrase.contains(part), "{}: {phrase}", text.escape_ascii());
            }
            other => panic!("{}: {other:?}", text.escape_ascii()),
        }
    }
}

/// Whole heads around one line of interest.
fn all_fields_refused(lines: &[&[u8]], part: &str) {
    for line in lines {
        for (before, after) in [("", ""), ("Accept: */*\r\n", "X-Last: 1\r\n")] {
            let text = [b"POST / HTTP/1.1\r\nHost: a\r\n", before.as_bytes(), line, b"\r\n", after.as_bytes(), b"\r\n"]
                .concat();
            match judge(&text) {
                Fate::Refused(status, phrase) => {
                    let unknown = part.starts_with("unknown");
                    assert_eq!(status, if unknown { 501 } else { 400 }, "{}", text.escape_ascii());
                    assert!(phrase.contains(part), "{}: {phrase}", text.escape_ascii());
                }
                other => panic!("{}: {other:?}", text.escape_ascii()),
            }
        }
    }
}

const METHOD: &str = "invalid method";
const REQUEST: &str = "invalid request";
const HOST: &str = "invalid host";

const LINES: Refusals = &[
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, METHOD),
    (b"\x80\x2e\x01\x00\x02", 400, METHOD),
    (b"SSH-2.0-OpenSSH_9.2\r\n", 400, METHOD),
    (b"\0", 400, METHOD),
    (b"get / HTTP/1.1\r\n", 400, METHOD),
    (b"Get / HTTP/1.1\r\n", 400, METHOD),
    (b" GET / HTTP/1.1\r\n", 400, METHOD),
    (b"\tGET / HTTP/1.1\r\n", 400, METHOD),
    (b"G\x00T / HTTP/1.1\r\n", 400, METHOD),
    (b"GET\t/\tHTTP/1.1\r\n", 400, METHOD),
    (b"GET\x0b/ HTTP/1.1\r\n", 400, METHOD),
    (b"G,T / HTTP/1.1\r\n", 400, METHOD),
    (b"HTTP/1.1 200 OK\r\n", 400, METHOD),
    (b"{\"json\": 1}\r\n", 400, METHOD),
    (b"POST /\r\n", 400, "HTTP/0.9"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "invalid version"),
    (b"GET / HTTP/2.0\r\n", 505, "invalid version"),
    (b"GET / HTTP/3\r\n", 505, "invalid version"),
    (b"GET / HTTP/11.1\r\n", 505, "invalid version"),
    (b"GET / HTTP/0.9\r\n", 400, REQUEST),
    (b"GET / HTTP/1\r\n", 400, REQUEST),
    (b"GET / HTTP/1.\r\n", 400, REQUEST),
    (b"GET / HTTP/1.1.1\r\n", 400, REQUEST),
    (b"GET / HTTP/+1.1\r\n", 400, REQUEST),
    (b"GET / HTTP/1.1x\r\n", 400, REQUEST),
    (b"GET / HTTP/1.1\t\r\n", 400, REQUEST),
    (b"GET / HTTP/1.1 GET / HTTP/1.1\r\n", 400, REQUEST),
    (b"GET / HTTP/1.1\r\r\n", 400, REQUEST),
    (b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400, REQUEST),
    (b"GET / http/1.1\r\n", 400, REQUEST),
    (b"GET / HTTP\\1.1\r\n", 400, REQUEST),
    (b"GET / HTTP/1,1\r\n", 400, REQUEST),
    (b"GET /a b HTTP/1.1\r\n", 400, REQUEST),
    (b"GET /a\tb HTTP/1.1\r\n", 400, REQUEST),
    (b"GET /a\0b HTTP/1.1\r\n", 400, REQUEST),
    (b"GET /a\x7fb HTTP/1.1\r\n", 400, REQUEST),
    (b"GET /a\x1bb HTTP/1.1\r\n", 400, REQUEST),
    (b"GET /a\rb HTTP/1.1\r\n", 400, REQUEST),
    (b"GET  \r\n", 400, REQUEST),
];

#[test]
fn request_lines() {
    all_refused(LINES);
}

const TARGETS: Refusals = &[
    (b"GET * HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"OPTIONS * HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET a HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET a/b HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET ?a HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET #a HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET \\ HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET @evil/ HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /.. HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /../../etc/passwd HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /a/%2e%2e/%2E%2E/b HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /a/..%2f..%2fb HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /./../a HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /..?a HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /%00 HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /a%00.png HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /% HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /%1 HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /%g0 HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /%u0041 HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET /%%35 HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET http:/a/ HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET http:///a HTTP/1.0\r\n\r\n", 400, HOST),
    (b"GET http:// HTTP/1.0\r\n\r\n", 400, HOST),
    (b"GET http://a:99999/ HTTP/1.0\r\n\r\n", 400, HOST),
    (b"GET http://a:b/ HTTP/1.0\r\n\r\n", 400, HOST),
    (b"GET http://u:p@a/ HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET http://a\\b/ HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET http://a%2fb/ HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"GET http://[::1/ HTTP/1.0\r\n\r\n", 400, HOST),
    (b"GET http://[::1]x/ HTTP/1.0\r\n\r\n", 400, HOST),
    (b"GET http://a#b/ HTTP/1.0\r\n\r\n", 400, REQUEST),
    (b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 400, REQUEST),
    (b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400, REQUEST),
    (b"CONNECT http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, REQUEST),
    (b"CONNECT a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, REQUEST),
    (b"CONNECT u@a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, REQUEST),
];

#[test]
fn targets() {
    all_refused(TARGETS);
}

const HOSTS: Refusals = &[
    (b"GET / HTTP/1.1\r\n\r\n", 400, "without \"Host\""),
    (b"GET http://a/ HTTP/1.1\r\n\r\n", 400, "without \"Host\""),
    (b"GET / HTTP/1.1\r\nX_Host: a\r\n\r\n", 400, "without \"Host\""),
    (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "duplicate host"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400, "duplicate host"),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: .\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a:80a\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a[::1]\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400, HOST),
    (b"GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n", 400, HOST),
    (b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400, "contradicts"),
    (b"GET http://a:1/ HTTP/1.1\r\nHost: a:2\r\n\r\n", 400, "contradicts"),
    (b"GET http://a/ HTTP/1.0\r\nHost: b/\r\n\r\n", 400, HOST),
];

#[test]
fn hosts() {
    all_refused(HOSTS);
}

#[test]
fn lengths() {
    let lines: &[&[u8]] = &[
        b"Content-Length: ",
        b"Content-Length",
        b"Content-Length: -0",
        b"Content-Length: +5",
        b"Content-Length: 5,5",
        b"Content-Length: 5, 6",
        b"Content-Length: 5 5",
        b"Content-Length: 5;q=1",
        b"Content-Length: 0x5",
        b"Content-Length: 5.0",
        b"Content-Length: 5e1",
        b"Content-Length: \"5\"",
        b"Content-Length: 9223372036854775808",
        b"Content-Length: 18446744073709551621",
        b"Content-Length: 99999999999999999999999999",
        b"Content-Length: \xd9\xa5",
    ];
    all_fields_refused(lines, "invalid \"Content-Length\"");
    let twice: &[&[u8]] = &[
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5\r\ncontent-length: 0",
        b"Content-Length: 5\r\nX: y\r\nCONTENT-LENGTH: 50",
    ];
    all_fields_refused(twice, "duplicate \"Content-Length\"");
}

#[test]
fn encodings() {
    let unknown: &[&[u8]] = &[
        b"Transfer-Encoding: ",
        b"Transfer-Encoding",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: ,chunked",
        b"Transfer-Encoding: chunked,",
        b"Transfer-Encoding: chunked;q=1",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunkedx",
        b"Transfer-Encoding: \"chunked\"",
        b"Transfer-Encoding: 'chunked'",
        b"Transfer-Encoding: chunked\xff",
        b"Transfer-Encoding: c\xc2\xadhunked",
        b"Transfer-Encoding: chunked chunked",
        b"Transfer-Encoding: cow\r\nContent-Length: 5",
    ];
    all_fields_refused(unknown, "unknown \"Transfer-Encoding\"");
    let twice: &[&[u8]] = &[
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
        b"Transfer-Encoding: identity\r\ntransfer-encoding: chunked",
    ];
    all_fields_refused(twice, "duplicate \"Transfer-Encoding\"");
    let both: &[&[u8]] = &[
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 0\r\nTRANSFER-ENCODING: CHUNKED",
    ];
    all_fields_refused(both, "at the same time");
    all_refused(&[
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0"),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: cow\r\nContent-Length: 1\r\n\r\n", 400, "HTTP/1.0"),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding:\r\n\r\n", 400, "HTTP/1.0"),
    ]);
}

#[test]
fn names_and_values() {
    let folded: &[&[u8]] = &[
        b"X: a\r\n b",
        b"X: a\r\n\tb",
        b"X: a\n b",
        b"X:\r\n a",
        b"Transfer-Encoding:\r\n chunked",
        b"Content-Length: 5\r\n Transfer-Encoding: chunked",
        b" X: a",
        b"\tX: a",
        b" ",
        b"\t",
    ];
    all_fields_refused(folded, "continues the line before");
    let names: &[&[u8]] = &[
        b"Content-Length : 5",
        b"Content-Length\t: 5",
        b"Transfer-Encoding : chunked",
        b"Transfer Encoding: chunked",
        b"X\0: a",
        b"X\x0b: a",
        b"X\x7f: a",
        b": a",
        b":",
        b"GET / HTTP/1.1",
    ];
    all_fields_refused(names, "no valid name");
    let values: &[&[u8]] = &[
        b"X: a\0b",
        b"X: \0",
        b"X: \x08",
        b"X: a\x0bb",
        b"X: a\x0cb",
        b"X: \x1b[0m",
        b"X: a\x7f",
        b"Transfer-Encoding: \x0bchunked",
        b"Transfer-Encoding: chunked\0",
        b"Content-Length: 5\x0c",
        b"Host@: a\0",
    ];
    all_fields_refused(values, "control byte");
    let bare: &[&[u8]] = &[
        b"X: a\rb",
        b"X: a\r",
        b"X: a\rTransfer-Encoding: chunked",
        b"X\r: a",
        b"\rX: a",
        b"X: \r a",
        b"\rTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r",
        b"\r",
    ];
    all_fields_refused(bare, "CR without LF");
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

/// Responses that are refused: the proxy answers 502.
const RESPONSES: &[(&[u8], &str)] = &[
    (b"hello\r\n\r\n", "no valid HTTP"),
    (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "no valid HTTP"),
    (b" HTTP/1.1 200 OK\r\n\r\n", "no valid HTTP"),
    (b"\0\0\x12\x04\0\0\0\0\0", "no valid HTTP"),
    (b"<html>", "no valid HTTP"),
    (b"HTTP/1.1\r\n\r\n", "status line"),
    (b"HTTP/1.1 2\r\n\r\n", "status line"),
    (b"HTTP/1.1 20000 OK\r\n\r\n", "status line"),
    (b"HTTP/1.1 -20 OK\r\n\r\n", "status line"),
    (b"HTTP/2.0 200 OK\r\n\r\n", "status line"),
    (b"HTTP/1.1\t200 OK\r\n\r\n", "status line"),
    (b"HTTP/1.1 200 O\0K\r\n\r\n", "status line"),
    (b"HTTP/1.1 200 O\rK\r\n\r\n", "status line"),
    (b"HTTP/1.1 000 OK\r\n\r\n", "invalid status"),
    (b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "valid name"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n", "valid name"),
    (b"HTTP/1.1 200 OK\r\n: a\r\n\r\n", "valid name"),
    (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "continues"),
    (b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n", "continues"),
    (b"HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n", "control byte"),
    (b"HTTP/1.1 200 OK\r\nX: a\x0b\r\n\r\n", "control byte"),
    (b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n", "CR without LF"),
    (b"HTTP/1.1 200 OK\r\nX: a\r\r\n\r\n", "CR without LF"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "duplicate \"Content-Length\""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "duplicate \"Content-Length\""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", "invalid \"Content-Length\""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "invalid \"Content-Length\""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n", "invalid \"Content-Length\""),
    (b"HTTP/1.1 304 OK\r\nContent-Length: x\r\n\r\n", "invalid \"Content-Length\""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "at the same time"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "unknown \"Transfer-Encoding\""),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", "unknown \"Transfer-Encoding\""),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "duplicate"),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0"),
];

fn response_phrase(text: &[u8]) -> Result<BodyLength, &'static str> {
    let (head, _) = parse::response(text, 4096).map_err(|error| error.phrase())?.ok_or("waits")?;
    framing::response(&Method::Get, &head).map_err(|error| error.phrase())
}

#[test]
fn responses() {
    for (text, part) in RESPONSES {
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
    let bodies: &[&[u8]] = &[
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\r\n0\n\r\n",
        b"3\r\nabc\r\n0\r\n\n",
        b"0\n\n",
        b"3\rabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nab\r\n0\r\n\r\n",
        b"03h\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"\r\n3\r\nabc\r\n0\r\n\r\n",
        b"3;a\nb\r\nabc\r\n0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"3;\0\r\nabc\r\n0\r\n\r\n",
        b"3 a\r\nabc\r\n0\r\n\r\n",
        b"10000000000000003\r\nabc\r\n0\r\n\r\n",
        b"fffffffffffffffd\r\nabc\r\n0\r\n\r\n",
        b"8000000000000000\r\nabc\r\n0\r\n\r\n",
        b"0\r\n\rX\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\nX: y\r\n z\r\n\r\n",
        b"0\r\nX: y\0\r\n\r\n",
        b"0\r\n X: y\r\n\r\n",
        b"0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for body in bodies {
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
