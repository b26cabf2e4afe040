//! `error_page`, `try_files` and `internal`: where a request goes on inside.

use super::support::{Peer, Setup, message};

#[test]
fn an_error_page_keeps_the_status_unless_it_is_told_another() {
    let longhaul = Setup::new().file("html/sorry.html", "sorry").start(
        r#"server { listen %listen%; root %dir%/html;
           error_page 404 /sorry.html; error_page 403 =200 /sorry.html; error_page 402 = /said; error_page 401 /missing;
           location = /sorry.html { internal; }
           location = /said { return 201 "said $request_method"; }
           location /402 { return 402; } location /403 { return 403; } location /401 { return 401; }
           location /text { return 404 own; }
           location /url { error_page 404 http://other.example/x; return 404; }
           location /moved { error_page 404 =301 https://other.example/x; return 404; } }"#,
    );
    for (target, status, end) in [
        ("/none", 404, "sorry"),
        ("/sorry.html", 404, "sorry"),
        ("/403", 200, "sorry"),
        ("/402", 201, "said GET"),
        ("/text", 404, "own"),
    ] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(end), "{target}: {answer}");
    }
    assert!(longhaul.get("/401").starts_with("HTTP/1.1 404 "));
    for (target, start) in [("/url", "HTTP/1.1 302 "), ("/moved", "HTTP/1.1 301 ")] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(start) && answer.contains("\r\nLocation: http"), "{answer}");
    }
    let answer = longhaul.exchange(message("POST /402 HTTP/1.1\nHost: a\nConnection: close\nContent-Length: 2", b"ab"));
    assert!(String::from_utf8_lossy(&answer).ends_with("said GET"));
}

#[test]
fn a_named_location_answers_when_no_peer_does() {
    let longhaul = Setup::new().with("dead", Peer::refusing()).start(
        r#"server { listen %listen2%; keepalive_timeout 0; return 200 "second $request_uri"; }
           server { listen %listen%;
           location / { proxy_pass http://%dead%; error_page 502 = @second; }
           location /lost { error_page 404 = @nowhere; return 404; }
           location @second { proxy_pass http://%listen2%; } }"#,
    );
    let answer = longhaul.get("/a?b=c");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("second /a?b=c"), "{answer}");
    assert!(longhaul.get("/lost").starts_with("HTTP/1.1 500 "));
    longhaul.wait_for_log("could not find named location \"@nowhere\"");
}

#[test]
fn answers_of_peers_give_way_only_when_asked() {
    let longhaul = Setup::new().start(
        r#"server { listen %listen2%; keepalive_timeout 0; return 404 peer; }
           server { listen %listen%; error_page 404 /own;
           location / { proxy_pass http://%listen2%; }
           location /taken { proxy_pass http://%listen2%; proxy_intercept_errors on; }
           location = /own { return 200 own; } }"#,
    );
    assert!(longhaul.get("/").ends_with("peer"));
    let answer = longhaul.get("/taken");
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.ends_with("own"), "{answer}");
}

#[test]
fn a_peer_sends_a_request_on_to_a_place_inside() {
    let longhaul = Setup::new().file("html/secret/a.bin", "abc").start(
        r#"server { listen %listen2%; keepalive_timeout 0;
           add_header X-Accel-Redirect $arg_to; add_header Content-Type text/x-own; add_header Set-Cookie a=b;
           add_header X-Other gone; return 204; }
           server { listen %listen%; root %dir%/html;
           location / { proxy_pass http://%listen2%; }
           location /raw { proxy_pass http://%listen2%; proxy_ignore_headers X-Accel-Redirect; }
           location /secret/ { internal; }
           location @named { return 200 "named $request_method"; } }"#,
    );
    let answer = longhaul.get("/?to=/secret/a.bin");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("abc"), "{answer}");
    assert!(answer.contains("\r\nContent-Type: text/x-own\r\n") && answer.contains("\r\nSet-Cookie: a=b\r\n"));
    assert!(!answer.contains("X-Other") && !answer.contains("X-Accel"), "{answer}");
    assert!(longhaul.get("/?to=@named").ends_with("named GET"));
    assert!(longhaul.get("/raw?to=/secret/a.bin").starts_with("HTTP/1.1 204 "));
    assert!(longhaul.get("/secret/a.bin").starts_with("HTTP/1.1 404 "));
    for unsafe_path in ["..", "/secret/..", "/x/%2e%2e/secret/a.bin"] {
        assert!(longhaul.get(&format!("/?to={unsafe_path}")).starts_with("HTTP/1.1 404 "), "{unsafe_path}");
    }
}

#[test]
fn error_pages_of_error_pages_must_be_asked_for() {
    let longhaul = Setup::new().start(
        r#"server { listen %listen%; error_page 404 /first; error_page 403 /second;
           location = /second { return 200 second; }
           location = /first { return 403; }
           location /deep { recursive_error_pages on; return 404; }
           location /again { error_page 404 /again/first; error_page 403 /second; return 404; location = /again/first { recursive_error_pages on; return 403; } }
           location / { return 404; }
           location /loop { recursive_error_pages on; error_page 404 /loop; return 404; } }"#,
    );
    assert!(longhaul.get("/").starts_with("HTTP/1.1 403 "));
    assert!(longhaul.get("/again").ends_with("second"));
    assert!(longhaul.get("/loop").starts_with("HTTP/1.1 "));
}

#[test]
fn the_first_file_that_exists_is_served() {
    let longhaul = Setup::new()
        .file("html/a.txt", "a")
        .file("html/folder/index.html", "folder")
        .file("html/index.html", "start")
        .file("html/shadow/x.html", "x")
        .start(
            r#"server { listen %listen%; root %dir%/html; index index.html;
               location / { try_files $uri $uri/ =404; }
               location /app { try_files $uri /index.html; }
               location /shadow { try_files $uri.html @named; }
               location @named { return 200 "named $uri"; }
               location /args { try_files /nothing /said?x=$arg_y; }
               location = /said { return 200 $args; } }"#,
        );
    for (target, status, end) in [
        ("/a.txt", 200, "a"),
        ("/folder/", 200, "folder"),
        ("/folder", 301, ""),
        ("/none", 404, ""),
        ("/app/route", 200, "start"),
        ("/shadow/x", 200, "x"),
        ("/shadow/y", 200, "named /shadow/y"),
        ("/args?y=1", 200, "x=1"),
    ] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(end), "{target}: {answer}");
    }
}

#[test]
fn methods_that_are_excepted_have_the_settings_of_the_location() {
    let longhaul = Setup::new().start(
        r#"server { listen %listen%;
           location / { limit_except GET { deny all; } try_files /none @ok; }
           location @ok { return 200 ok; } }"#,
    );
    assert!(longhaul.get("/").ends_with("ok"));
    let answer = longhaul.exchange(message("POST / HTTP/1.1\nHost: a\nConnection: close\nContent-Length: 2", b"ab"));
    assert!(answer.starts_with(b"HTTP/1.1 403 "), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_file_in_an_error_s_place_has_the_fields_of_its_status() {
    let longhaul = Setup::new().file("html/sorry.txt", "sorry").start(
        r#"server { listen %listen%; root %dir%/html;
           location /kept { error_page 404 /sorry.txt; }
           location /other { error_page 404 =200 /sorry.txt; }
           location /made { error_page 404 =503 /text; } location /text { return 200 "status $status"; } }"#,
    );
    let kept = longhaul.get("/kept");
    assert!(kept.starts_with("HTTP/1.1 404 ") && kept.contains("\r\nETag: "), "{kept}");
    assert!(!kept.contains("Last-Modified") && !kept.contains("Accept-Ranges"), "{kept}");
    let other = longhaul.get("/other");
    assert!(other.starts_with("HTTP/1.1 200 ") && other.contains("\r\nLast-Modified: "), "{other}");
    assert!(other.contains("\r\nAccept-Ranges: bytes\r\n"), "{other}");
    let part = longhaul.exchange("GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRange: bytes=1-2\r\n\r\n");
    assert!(part.starts_with(b"HTTP/1.1 206 ") && part.ends_with(b"\r\n\r\nor"));
    assert!(longhaul.get("/made").ends_with("\r\n\r\nstatus 503"));
}

#[test]
fn an_error_page_that_leads_to_itself_is_a_500() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; recursive_error_pages on; error_page 404 500 /loop; location / { return 404; } }",
    );
    assert!(longhaul.get("/").starts_with("HTTP/1.1 500 "));
    longhaul.wait_for_log("rewrite or internal redirection cycle");
}
