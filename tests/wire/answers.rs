//! Answers that are made by the proxy: `return`, `add_header`, error pages, and what a failing peer becomes.

use super::support::{Peer, Setup, head, message, stable};

#[test]
fn return_with_a_text() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; default_type text/plain;
             location / { return 200 'hello $arg_name'; } location /page.html { return 200 '<p>'; } }",
    );
    let expected = message(
        "HTTP/1.1 200 OK
         Server: *
         Date: *
         Content-Type: text/plain
         Content-Length: 9
         Connection: close",
        b"hello you",
    );
    assert_eq!(longhaul.get("/?name=you"), String::from_utf8_lossy(&expected));
    assert!(longhaul.get("/page.html").contains("\r\nContent-Type: text/html\r\n"));
}

#[test]
fn return_without_a_text() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location /ok { return 200; } location /gone { return 410; }
             location /teapot { return 418; } location /none { return 204; } }",
    );
    assert!(longhaul.get("/ok").ends_with("Content-Length: 0\r\nConnection: close\r\n\r\n"));
    let gone = longhaul.get("/gone");
    assert!(gone.starts_with("HTTP/1.1 410 Gone\r\n"), "{gone}");
    assert!(gone.contains("<center><h1>410 Gone</h1></center>\r\n"), "{gone}");
    assert!(longhaul.get("/teapot").starts_with("HTTP/1.1 418"));
    let none = longhaul.get("/none");
    assert!(none.starts_with("HTTP/1.1 204 No Content\r\n") && !none.contains("Content-Length"), "{none}");
}

#[test]
fn an_error_page_in_full() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 404; } }");
    let page = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n\
                <center><h1>404 Not Found</h1></center>\r\n<hr><center>*</center>\r\n</body>\r\n</html>\r\n";
    let answer = longhaul.get("/");
    assert!(answer.ends_with(&format!("\r\n\r\n{page}")), "{answer}");
    assert!(answer.contains("\r\nContent-Type: text/html\r\n"), "{answer}");
}

#[test]
fn redirects() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; server_name a;
             location /abs { return 301 https://other.example$request_uri; }
             location /path { return 302 /new; } location /word { return 302 word; }
             location /url { return https://third.example/; }
             location /bare { absolute_redirect off; return 308 /x; } }",
    );
    let port = longhaul.setup().address("listen").port();
    for (target, status, to) in [
        ("/abs?q", "301 Moved Permanently", "https://other.example/abs?q".to_owned()),
        ("/path", "302 Moved Temporarily", format!("http://localhost:{port}/new")),
        ("/url", "302 Moved Temporarily", "https://third.example/".to_owned()),
        ("/word", "302 Moved Temporarily", "word".to_owned()),
        ("/bare", "308 Permanent Redirect", "/x".to_owned()),
    ] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert!(answer.contains(&format!("\r\nLocation: {to}\r\n")), "{answer}");
    }
}

#[test]
fn return_444_closes_without_a_word() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 444; } }");
    assert_eq!(longhaul.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), b"");
}

#[test]
fn a_value_of_the_client_cannot_end_a_line() {
    let longhaul = Setup::new()
        .start("server { listen %listen%; location / { add_header X-Path $uri; return 302 https://a.example$uri; } }");
    let answer = longhaul.get("/x%0d%0aSet-Cookie:%20a=b");
    assert!(!answer.contains("\nSet-Cookie"), "{answer}");
}

#[test]
fn add_header_on_which_answers_and_inherited() {
    let longhaul = Setup::new().start(
        "add_header X-Level http; add_header X-Always yes always;
         server { listen %listen%;
             location /ok { return 200 x; }
             location /missing { return 404; }
             location /own { add_header X-Own $arg_v; return 200 x; } }",
    );
    let ok = longhaul.get("/ok");
    assert!(ok.contains("\r\nX-Level: http\r\nX-Always: yes\r\n"), "{ok}");
    let missing = longhaul.get("/missing");
    assert!(!missing.contains("X-Level") && missing.contains("\r\nX-Always: yes\r\n"), "{missing}");
    let own = longhaul.get("/own?v=1");
    assert!(own.contains("\r\nX-Own: 1\r\n") && !own.contains("X-Level"), "{own}");
    assert!(!longhaul.get("/own").contains("X-Own"), "an empty value adds nothing");
}

#[test]
fn add_header_on_a_forwarded_answer() {
    let peer = Peer::once("GET / HTTP/1.1\nHost: %peer%", head("HTTP/1.1 200 OK\nContent-Length: 0\nX-Peer: 1"));
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { add_header X-Mine 2; proxy_pass http://%peer%; } }");
    let answer = longhaul.get("/");
    assert!(answer.contains("\r\nX-Peer: 1\r\nX-Mine: 2\r\n"), "{answer}");
}

#[test]
fn a_peer_that_refuses_is_a_502() {
    let longhaul = Setup::new()
        .with("peer", Peer::refusing())
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    client.send(head("GET /x HTTP/1.1\nHost: a"));
    let answer = client.read_answer();
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    assert!(answer.contains("<center><h1>502 Bad Gateway</h1></center>"), "{answer}");
    let line = longhaul.wait_for_log("connect() failed (111: Connection refused) while connecting to upstream");
    for part in ["client: 127.0.0.1", "request: \"GET /x HTTP/1.1\"", "upstream: \"http://127.0.0.1:", "host: \"a\""] {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

#[test]
fn a_peer_that_closes_without_an_answer_is_a_502() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass http://%peer%; } }");
    let answer = longhaul.get("/");
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    longhaul.wait_for_log("upstream prematurely closed connection while reading response header from upstream");
}

#[test]
fn an_answer_s_head_that_is_too_big_is_a_502() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(&format!("HTTP/1.1 200 OK\nX-Long: {}", "x".repeat(9000))));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_buffer_size 4k; } }");
    let answer = longhaul.get("/");
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    longhaul.wait_for_log("upstream sent too big header");
}

#[test]
fn the_version_is_shown_only_when_asked_for() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location / { return 404; } location /off { server_tokens off; return 404; } }",
    );
    let server = |target: &str| {
        let answer = longhaul.exchange(format!("GET {target} HTTP/1.0\r\nHost: a\r\n\r\n"));
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(stable(&answer).contains("Server: *"));
        text.lines().find_map(|line| line.strip_prefix("Server: ").map(str::to_owned)).expect("a Server field")
    };
    assert!(server("/").contains('/'), "{}", server("/"));
    assert!(!server("/off").contains('/'), "{}", server("/off"));
}

#[test]
fn statuses_that_nobody_is_told() {
    let longhaul = Setup::new().start(
        "log_format l $status; server { listen %listen%; access_log %dir%/access.log l; error_page 408 /page;
             location /408 { return 408; } location /444 { return 444; } location /499 { return 499; } }",
    );
    for target in ["/408", "/444", "/499"] {
        assert_eq!(longhaul.get(target), "", "{target}");
    }
    assert_eq!(longhaul.wait_for_lines("access.log", 3), "408\n444\n499\n");
}

#[test]
fn an_answer_without_a_body_has_no_type() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location /418 { return 418; } error_page 404 =204 /text; location /none { return 404; }
             location /text { return 200 text; } }",
    );
    for target in ["/418", "/none"] {
        let answer = longhaul.get(target);
        assert!(!answer.contains("Content-Type") && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[test]
fn chunks_may_be_forbidden() {
    let peer = Peer::once(
        "GET / HTTP/1.1\r\nHost: %peer%\r\n\r\n",
        message("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n"),
    );
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; chunked_transfer_encoding off; location / { proxy_pass http://%peer%; } }");
    let expected = message("HTTP/1.1 200 OK\nServer: *\nDate: *\nConnection: close", b"abc");
    assert_eq!(stable(&longhaul.exchange(head("GET / HTTP/1.1\nHost: a"))), String::from_utf8_lossy(&expected));
}

#[test]
fn a_redirect_for_a_client_that_names_no_host_has_our_address() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; server_name own.example; location / { return 301 /x; }
             location /name { server_name_in_redirect on; return 301 /x; } }",
    );
    let own = longhaul.setup().address("listen");
    let (ip, port) = (own.ip().to_string(), own.port());
    for (request, host) in [
        ("GET / HTTP/1.0\r\n\r\n", ip.as_str()),
        ("GET / HTTP/1.0\r\nHost: q\r\n\r\n", "q"),
        ("GET /name HTTP/1.0\r\n\r\n", "own.example"),
        ("GET /name HTTP/1.0\r\nHost: q\r\n\r\n", "own.example"),
    ] {
        let answer = stable(&longhaul.exchange(request));
        assert!(answer.contains(&format!("\r\nLocation: http://{host}:{port}/x\r\n")), "{answer}");
    }
}

#[test]
fn an_answer_without_a_tag_and_a_time_has_any_tag_and_was_always_changed() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location / { return 200 text; } location /made { return 201 text; } \
             location /status { stub_status; } location /error { error_page 404 =404 /; return 404; } }",
    );
    let ask = |target: &str, fields: &str| {
        let answer = longhaul.exchange(head(&format!("GET {target} HTTP/1.1\nHost: a\nConnection: close\n{fields}")));
        stable(&answer)
    };
    let known = "HTTP/1.1 304 Not Modified\r\nServer: *\r\nDate: *\r\nConnection: close\r\n\r\n";
    for (fields, status) in [
        ("If-None-Match: *", "304"),
        ("If-None-Match: \"x\"", "200"),
        ("If-None-Match: *\nIf-Modified-Since: Fri, 01 Jan 2038 00:00:00 GMT", "200"),
        ("If-Match: *", "200"),
        ("If-Match: \"x\"", "412"),
        ("If-Unmodified-Since: Fri, 01 Jan 2038 00:00:00 GMT", "412"),
    ] {
        for target in ["/", "/status"] {
            let answer = ask(target, fields);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {fields}: {answer}");
        }
        assert!(ask("/made", fields).starts_with("HTTP/1.1 201 "), "{fields}");
        assert!(ask("/error", fields).starts_with("HTTP/1.1 404 "), "{fields}");
    }
    assert_eq!(ask("/", "If-None-Match: *"), known);
    longhaul.stop();
}
