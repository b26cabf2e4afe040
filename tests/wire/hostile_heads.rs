//! Request heads that are too long, malformed or ambiguous: the answer, and that the connection ends.

use super::support::{Setup, head};

const ANY: &str = "server { listen %listen%; location / { return 200 fine; } }";

#[test]
fn ambiguous_and_malformed_heads_are_400() {
    let longhaul = Setup::new().start(ANY);
    for (what, fields) in [
        ("length beside chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked"),
        ("chunks beside length", "Transfer-Encoding: chunked\r\nContent-Length: 3"),
        ("two lengths", "Content-Length: 3\r\nContent-Length: 4"),
        ("two lengths alike", "Content-Length: 3\r\nContent-Length: 3"),
        ("a list of lengths", "Content-Length: 3, 3"),
        ("a signed length", "Content-Length: +3"),
        ("a negative length", "Content-Length: -1"),
        ("an empty length", "Content-Length:"),
        ("a length beyond 64 bits", "Content-Length: 99999999999999999999"),
        ("a length in hex", "Content-Length: 0x3"),
        ("chunks twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("a blank before the colon", "Content-Length : 3"),
        ("a folded line", "X: a\r\n b"),
        ("a bare CR", "X: a\rb"),
        ("a NUL", "X: a\0b"),
        ("two credentials", "Authorization: Basic YTpi\r\nauthorization: Basic YTpi"),
        ("two expectations", "Expect: x\r\nExpect: x"),
        ("two conditions alike", "If-None-Match: \"a\"\r\nIf-None-Match: \"a\""),
        ("two dates", "If-Modified-Since: a\r\nIf-Modified-Since: b"),
        ("two conditions of a range", "If-Range: \"a\"\r\nIf-Range: \"b\""),
    ] {
        let answer = longhaul.exchange(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\nabc"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{what}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{what}: {answer}");
    }
}

#[test]
fn another_coding_is_501_and_the_end() {
    let longhaul = Setup::new().start(ANY);
    for coding in ["gzip", "gzip, chunked", "identity", "chunked, identity"] {
        let answer = longhaul.exchange(format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\nabc"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 501 Not Implemented\r\n"), "{coding}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{coding}: {answer}");
    }
}

#[test]
fn chunks_in_http_1_0_are_400() {
    let longhaul = Setup::new().start(ANY);
    let answer = longhaul.exchange(head("POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked"));
    assert!(answer.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
}

#[test]
fn bounds_of_the_head() {
    let longhaul = Setup::new().start(
        "large_client_header_buffers 2 1k;
         server { listen %listen%; location / { return 200 fine; } }",
    );
    let answer = |request: Vec<u8>| String::from_utf8_lossy(&longhaul.exchange(request)).into_owned();
    let long = |count: usize| "x".repeat(count);
    let line = answer(head(&format!("GET /{} HTTP/1.1\nHost: a", long(1200))));
    assert!(line.starts_with("HTTP/1.1 414 Request-URI Too Large\r\n"), "{line}");
    let field = answer(head(&format!("GET / HTTP/1.1\nHost: a\nX-Long: {}", long(1200))));
    assert!(field.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{field}");
    assert!(field.contains("Request Header Or Cookie Too Large"), "{field}");
    let fields = (0..40).map(|n| format!("X-{n}: {}\n", long(100))).collect::<String>();
    let sum = answer(head(&format!("GET / HTTP/1.1\nHost: a\n{fields}")));
    assert!(sum.contains("Request Header Or Cookie Too Large"), "{sum}");
    let near = answer(head(&format!("GET /{} HTTP/1.1\nHost: a\nConnection: close\nX: {}", long(900), long(900))));
    assert!(near.starts_with("HTTP/1.1 200 OK\r\n"), "{near}");
}

#[test]
fn a_head_without_end_is_cut_at_the_bound() {
    let longhaul = Setup::new().start(ANY);
    let mut client = longhaul.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    // Far above the bound, below what the socket buffers take: the answer must come without more being read.
    client.send("X: 0123456789\r\n".repeat(8000));
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    client.expect_gone();
}

#[test]
fn a_body_above_the_limit_is_413_and_is_not_read() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; client_max_body_size 10;
             location / { proxy_pass http://127.0.0.1:1; } }",
    );
    let mut client = longhaul.connect();
    client.send(head("POST / HTTP/1.1\nHost: a\nContent-Length: 11"));
    let answer = client.read_answer();
    assert!(answer.starts_with("HTTP/1.1 413 Request Entity Too Large\r\n"), "{answer}");
    client.send("0123456789a");
    client.expect_gone();
    longhaul.wait_for_log("client intended to send too large body: 11 bytes");
}

#[test]
fn fields_with_names_that_are_no_tokens_are_dropped() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200 '$http_a_b|$http_x'; } }");
    let answer = longhaul.exchange("GET / HTTP/1.0\r\nHost: a\r\nA_B: under\r\nX: 1\r\n\r\n");
    assert!(answer.ends_with(b"\r\n\r\n|1"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_malformed_request_leaves_the_others_alone() {
    let longhaul = Setup::new().start(ANY);
    let mut patient = longhaul.connect();
    patient.send("GET / HTTP/1.1\r\nHo");
    for _ in 0..20 {
        longhaul.exchange(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
    }
    patient.send("st: a\r\n\r\n");
    assert!(patient.read_answer().ends_with("fine"));
}
