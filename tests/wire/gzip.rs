//! Answers that leave compressed: which, how their heads change, and that the bytes come back as they were.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::support::{Longhaul, Peer, Setup, head, message, stable};

pub fn plain(compressed: &[u8]) -> Vec<u8> {
    let mut decoder = GzDecoder::new(compressed);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).expect("a gzip body");
    assert!(decoder.into_inner().is_empty(), "bytes behind the end");
    plain
}

/// Text of so many bytes that is no repetition of one line.
pub fn text(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 80);
    let mut number = 1u32;
    while text.len() < bytes {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(format!("line {number:x} of a text\n").as_bytes());
    }
    text.truncate(bytes);
    text
}

/// The head of an answer, with what is other each time blanked, and the bytes behind it.
fn asked(longhaul: &Longhaul, request: &str) -> (String, Vec<u8>) {
    let mut client = longhaul.connect();
    client.send(head(request));
    let head = client.read_head();
    let is_chunked = head.contains("\r\nTransfer-Encoding: chunked\r\n");
    let body = if is_chunked { client.read_chunked() } else { client.read_to_end() };
    (stable(head.as_bytes()), body)
}

/// The same for a GET of a client that takes gzip and closes.
pub fn get(longhaul: &Longhaul, target: &str) -> (String, Vec<u8>) {
    asked(longhaul, &format!("GET {target} HTTP/1.1\nHost: a\nAccept-Encoding: gzip\nConnection: close"))
}

#[track_caller]
fn expect_head(came: &str, lines: &str) {
    let expected: String = lines.lines().map(|line| format!("{}\r\n", line.trim())).collect();
    assert_eq!(came, format!("{expected}\r\n"));
}

pub fn is_compressed(head: &str) -> bool {
    head.contains("\r\nContent-Encoding: gzip\r\n")
}

#[test]
fn a_file_has_another_head_and_the_same_bytes() {
    let bytes = text(200_000);
    let longhaul = Setup::new().file("html/a.html", &bytes).start(
        "log_format ratio '$uri $gzip_ratio $body_bytes_sent'; access_log %dir%/ratio.log ratio;
         server { listen %listen%; root %dir%/html; gzip on; gzip_vary on;
             location /old/ { alias %dir%/html/; gzip_http_version 1.0; } }",
    );
    let (head, body) = get(&longhaul, "/a.html");
    let lines = "HTTP/1.1 200 OK
                 Server: *
                 Date: *
                 Content-Type: text/html
                 Transfer-Encoding: chunked
                 Connection: close
                 Last-Modified: *
                 Vary: Accept-Encoding
                 ETag: *
                 Content-Encoding: gzip";
    expect_head(&head, lines);
    assert!(plain(&body) == bytes, "the file was changed on the way");
    assert!(body.len() < bytes.len() / 2, "{}", body.len());
    let (head, body) = asked(&longhaul, "GET /old/a.html HTTP/1.0\nAccept-Encoding: gzip\nConnection: keep-alive");
    assert!(is_compressed(&head) && head.contains("\r\nConnection: close\r\n"), "{head}");
    assert!(plain(&body) == bytes, "the file was changed on the way");
    let (head, body) = asked(&longhaul, "GET /a.html HTTP/1.0\nAccept-Encoding: gzip");
    assert!(head.contains("\r\nContent-Length: 200000\r\n") && head.contains("\r\nVary: "), "{head}");
    assert!(body == bytes, "the file was changed on the way");
    let log = longhaul.wait_for_lines("ratio.log", 3);
    let lines: Vec<Vec<&str>> = log.lines().map(|line| line.split(' ').collect()).collect();
    assert!(lines[0][1].parse::<f64>().is_ok_and(|ratio| ratio > 2.0), "{log}");
    assert_eq!((lines[2][1], lines[2][2]), ("-", "200000"));
}

#[test]
fn a_head_answer_says_what_get_would_and_no_part_can_be_asked_for() {
    let longhaul =
        Setup::new().file("html/a.html", text(5000)).start("server { listen %listen%; root %dir%/html; gzip on; }");
    let request = "HEAD /a.html HTTP/1.1\nHost: a\nAccept-Encoding: gzip\nConnection: close";
    let (answer, body) = asked(&longhaul, request);
    let lines = "HTTP/1.1 200 OK
                 Server: *
                 Date: *
                 Content-Type: text/html
                 Connection: close
                 Last-Modified: *
                 ETag: *
                 Content-Encoding: gzip";
    expect_head(&answer, lines);
    assert!(body.is_empty());
    let fields = "Host: a\nConnection: close\nRange: bytes=";
    for range in ["0-3", "9999-", "0-1,4-5"] {
        let (answer, body) = asked(&longhaul, &format!("GET /a.html HTTP/1.1\n{fields}{range}\nAccept-Encoding: gzip"));
        assert!(answer.starts_with("HTTP/1.1 200 ") && plain(&body) == text(5000), "{range}: {answer}");
        assert!(!answer.contains("Accept-Ranges"), "{answer}");
    }
    let (answer, body) = asked(&longhaul, &format!("GET /a.html HTTP/1.1\n{fields}0-3"));
    assert!(answer.starts_with("HTTP/1.1 206 ") && body == b"line", "{answer}");
    let tag = asked(&longhaul, "GET /a.html HTTP/1.1\nHost: a\nConnection: close\nAccept-Encoding: gzip").0;
    assert!(tag.contains("\r\nETag: *\r\n"), "{tag}");
    let request = "GET /a.html HTTP/1.1\nHost: a\nConnection: close\nAccept-Encoding: gzip\nIf-None-Match: *";
    let (answer, _) = asked(&longhaul, request);
    assert!(answer.starts_with("HTTP/1.1 304 ") && !is_compressed(&answer), "{answer}");
}

#[test]
fn what_is_made_here_is_compressed_by_its_status_type_and_length() {
    let long = "0123456789".repeat(6);
    let longhaul = Setup::new().file("html/page.html", text(2000)).start(&format!(
        "server {{ listen %listen%; root %dir%/html; gzip on; default_type text/html;
             location /long {{ return 200 {long}; }}
             location /short {{ return 200 0123456789; }}
             location /created {{ return 201 {long}; }}
             location /css {{ default_type text/css; return 200 {long}; }}
             location /charset {{ default_type 'text/html; charset=utf-8'; return 200 {long}; }}
             location /all {{ gzip_types *; default_type x/y; return 200 {long}; }}
             location /least {{ gzip_min_length 61; return 200 {long}; }}
             location /empty {{ gzip_min_length 0; return 200 ''; }}
             location /forbidden {{ return 403; }}
             location /failed {{ return 500; }}
             location = /page {{ error_page 404 /page.html; return 404; }}
             location /if {{ gzip off; if ($arg_gzip) {{ gzip on; }} return 200 {long}; }}
             location /off {{ gzip off; return 200 {long}; }} }}",
    ));
    for (target, is) in [
        ("/long", true),
        ("/short", false),
        ("/created", false),
        ("/css", false),
        ("/charset", true),
        ("/all", true),
        ("/least", false),
        ("/empty", true),
        ("/forbidden", true),
        ("/none", true),
        ("/failed", false),
        ("/page", true),
        ("/off", false),
    ] {
        let (head, body) = get(&longhaul, target);
        assert_eq!(is_compressed(&head), is, "{target}: {head}");
        assert!(!is || !head.contains("Content-Length"), "{target}: {head}");
        let body = if is { plain(&body) } else { body };
        match target {
            "/long" | "/all" | "/charset" | "/css" | "/created" | "/least" | "/off" => {
                assert_eq!(body, long.as_bytes(), "{target}");
            }
            "/none" => assert!(
                head.starts_with("HTTP/1.1 404 ") && String::from_utf8_lossy(&body).contains("404 Not Found"),
                "{head}"
            ),
            "/page" => assert!(head.starts_with("HTTP/1.1 404 ") && body == text(2000), "{head}"),
            "/empty" => assert!(body.is_empty()),
            _ => {}
        }
    }
}

#[test]
fn who_gets_it() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; gzip on; gzip_types text/plain;
             location / { return 200 0123456789012345678901234567890; }
             location /disabled { gzip_disable msie6 'own(er)?/[1-3]'; return 200 0123456789012345678901234567890; }
             location /any { gzip_proxied any; return 200 0123456789012345678901234567890; }
             location /auth { gzip_proxied auth; return 200 0123456789012345678901234567890; }
             location /expired { gzip_proxied expired; expires epoch; return 200 0123456789012345678901234567890; } }",
    );
    for (target, fields, is) in [
        ("/", "Accept-Encoding: gzip", true),
        ("/", "Accept-Encoding: br, GZIP;q=0.5", true),
        ("/", "Accept-Encoding: gzip;q=0, *", false),
        ("/", "Accept-Encoding: *", false),
        ("/", "X: y", false),
        ("/", "Accept-Encoding: gzip\nVia: 1.1 a", false),
        ("/any", "Accept-Encoding: gzip\nVia: 1.1 a", true),
        ("/auth", "Accept-Encoding: gzip\nVia: 1.1 a\nAuthorization: Basic YTpi", true),
        ("/expired", "Accept-Encoding: gzip\nVia: 1.1 a", true),
        ("/", "Accept-Encoding: gzip\nUser-Agent: OWNER/2", true),
        ("/disabled", "Accept-Encoding: gzip\nUser-Agent: OWNER/2", false),
        ("/disabled", "Accept-Encoding: gzip\nUser-Agent: owner/4", true),
        ("/disabled", "Accept-Encoding: gzip\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows)", false),
    ] {
        let (head, body) = asked(&longhaul, &format!("GET {target} HTTP/1.1\nHost: a\nConnection: close\n{fields}"));
        assert_eq!(is_compressed(&head), is, "{target} {fields}: {head}");
        assert_eq!(if is { plain(&body) } else { body }, b"0123456789012345678901234567890");
    }
}

/// A peer that gives each connection one answer.
pub fn answers(answers: Vec<Vec<u8>>) -> Peer {
    Peer::start(move |connections| {
        for answer in answers {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(answer);
        }
    })
}

pub fn chunked(fields: &str, body: &[u8], trailers: &str) -> Vec<u8> {
    let mut answer = head(&format!("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close\n{fields}"));
    for piece in body.chunks(10_000) {
        answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        answer.extend_from_slice(piece);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
    answer
}

#[test]
fn the_answer_of_a_peer_in_any_framing() {
    let body = text(150_000);
    let html = "Content-Type: text/html";
    let peer = answers(vec![
        message(
            "HTTP/1.1 200 OK\nConnection: close\nContent-Type: text/html\nETag: \"a\"\nAccept-Ranges: bytes\n\
             Content-Length: 150000",
            &body,
        ),
        chunked(html, &body, ""),
        [head("HTTP/1.0 200 OK\nContent-Type: text/html"), body.clone()].concat(),
        chunked("Content-Type: text/html\nContent-Encoding: br", &body, ""),
        chunked("Content-Type: image/png", &body, ""),
    ]);
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; gzip on; gzip_comp_level 6; location / { proxy_pass http://%peer%; } }");
    let (head, compressed) = get(&longhaul, "/");
    let lines = "HTTP/1.1 200 OK
                 Server: *
                 Date: *
                 Content-Type: text/html
                 Transfer-Encoding: chunked
                 Connection: close
                 ETag: *
                 Content-Encoding: gzip";
    expect_head(&head, lines);
    assert!(plain(&compressed) == body && compressed.len() < body.len() / 2, "{}", compressed.len());
    for framing in ["chunked", "until the end"] {
        let (head, compressed) = get(&longhaul, "/");
        assert!(is_compressed(&head) && plain(&compressed) == body, "{framing}: {head}");
    }
    for kind in ["encoded", "image"] {
        let (head, same) = get(&longhaul, "/");
        assert!(!head.contains("Content-Encoding: gzip") && same == body, "{kind}: {head}");
    }
}

#[test]
fn a_weak_tag_is_the_strong_one_with_its_mark() {
    let body = text(100);
    let fields = "HTTP/1.1 200 OK\nConnection: close\nContent-Type: text/html\nContent-Length: 100\nETag: ";
    let peer = answers(["\"a\"", "W/\"b\"", "c"].map(|tag| message(&format!("{fields}{tag}"), &body)).to_vec());
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; gzip on; location / { proxy_pass http://%peer%; } }");
    for expected in [Some("W/\"a\""), Some("W/\"b\""), None] {
        let mut client = longhaul.connect();
        client.send(super::support::head("GET / HTTP/1.1\nHost: a\nAccept-Encoding: gzip"));
        let head = client.read_head();
        assert_eq!(head.lines().find_map(|line| line.strip_prefix("ETag: ")), expected, "{head}");
        assert!(plain(&client.read_chunked()) == body);
    }
}

#[test]
fn trailers_stand_behind_it_and_a_rate_holds_for_what_leaves() {
    let body = text(50_000);
    let peer = answers(vec![chunked("Content-Type: text/html", &body, "X-Sum: 1\r\n")]);
    let longhaul = Setup::new().peer(&peer).file("html/a.html", &body).start(
        "server { listen %listen%; root %dir%/html; gzip on; limit_rate 1m; gzip_buffers 1 1k;
             location /a.html { add_trailer X-Length $sent_http_content_length; add_trailer X-Status $status; }
             location / { proxy_pass http://%peer%; proxy_pass_trailers on; } }",
    );
    for (target, trailer) in [("/", "X-Sum: 1"), ("/a.html", "X-Status: 200")] {
        let mut client = longhaul.connect();
        client.send(head(&format!(
            "GET {target} HTTP/1.1\nHost: a\nAccept-Encoding: gzip\nTE: trailers\nConnection: close, TE"
        )));
        assert!(is_compressed(&client.read_head()));
        let mut compressed = Vec::new();
        loop {
            let size = usize::from_str_radix(client.read_line().trim_end(), 16).expect("a chunk's size");
            if size == 0 {
                break;
            }
            assert!(size <= 1024, "{size}");
            compressed.extend(client.read_exact(size));
            assert_eq!(client.read_line(), "\r\n");
        }
        client.expect(format!("{trailer}\r\n\r\n"));
        client.expect_end();
        assert!(plain(&compressed) == body, "{target} was changed on the way");
    }
}

#[test]
fn a_slow_client_gets_all_and_the_peer_is_free_before() {
    // Noise, of which all is left: more than the kernel holds for the client's connection.
    let mut seed = 1u64;
    let mut byte = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    let body: Vec<u8> = (0..4 << 20).map(|_| byte()).collect();
    let sent = body.clone();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message(
            "HTTP/1.1 200 OK\nContent-Type: text/html\nConnection: close\nContent-Length: 4194304",
            &sent,
        ));
        socket.expect_end();
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen% sndbuf=64k; gzip on; location / { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    client.shrink_receive_buffer(64 << 10);
    client.send(head("GET / HTTP/1.1\nHost: a\nAccept-Encoding: gzip\nConnection: close"));
    longhaul.wait_for_log("an upstream response is buffered to a temporary file");
    peer.join();
    client.read_head();
    let compressed = client.read_chunked();
    client.expect_end();
    assert!(plain(&compressed) == body, "the body was changed on the way");
}

#[test]
fn a_client_that_goes_and_requests_behind_each_other() {
    let longhaul = Setup::new()
        .file("html/a.html", text(500_000))
        .file("html/b.html", text(30_000))
        .start("server { listen %listen%; root %dir%/html; gzip on; gzip_comp_level 9; }");
    let request = |target: &str| head(&format!("GET {target} HTTP/1.1\nHost: a\nAccept-Encoding: gzip"));
    let mut gone = longhaul.connect();
    gone.send(request("/a.html"));
    gone.read_head();
    gone.reset();
    let mut client = longhaul.connect();
    client.send(request("/b.html").repeat(20));
    for _ in 0..20 {
        assert!(is_compressed(&client.read_head()));
        assert!(plain(&client.read_chunked()) == text(30_000), "the file was changed on the way");
    }
    drop(client);
    longhaul.stop();
}
