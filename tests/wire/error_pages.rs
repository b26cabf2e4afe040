//! `error_page`, `try_files` and `internal`: where a request goes on inside.

use super::support::{Longhaul, Peer, Setup, message};

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
           location /late { error_page 404 /late/first; return 404;
               location /late/ { recursive_error_pages on; error_page 403 /second; return 403; } }
           location / { return 404; } }"#,
    );
    // Where the first error is met says whether there may be another.
    for (target, end) in [("/", "</html>\r\n"), ("/late", "</html>\r\n"), ("/deep", "\r\n\r\nsecond")] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with(end), "{target}: {answer}");
    }
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

/// Status and the values of `Location` of an answer, with our own address written as `own`.
fn redirect(longhaul: &Longhaul, target: &str) -> (u16, String) {
    let answer = longhaul.get(target);
    let own = format!("http://localhost:{}/", longhaul.setup().address("listen").port());
    let locations: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("Location: ")).collect();
    let status = answer[9..12].parse().expect("a status");
    (status, locations.join(" and ").replace(&own, "own:/"))
}

#[test]
fn the_last_of_several_redirects_is_told_alone() {
    let longhaul = Setup::new().file("html/folder/x", "").start(
        r#"server { listen %listen%; root %dir%/html;
           location /url { error_page 302 https://other.example/a; return 302 /first; }
           location /again { error_page 302 /second; return 302 /first; }
           location /args { error_page 302 /second?x=1; return 302 /first; }
           location /given { error_page 302 /second?$arg_v; return 302 /first; }
           location /rewrite { error_page 302 /third; return 302 /first; }
           location /folder-behind { error_page 302 /folder; return 302 /first; }
           location /slash-behind { error_page 302 /proxied; return 302 /first; }
           location /told-200 { error_page 404 =200 https://other.example/b; return 404; }
           location /told-303 { error_page 404 =303 https://other.example/b; return 404; }
           location /implied { error_page 497 https://other.example/c; return 497; }
           location /kept { error_page 302 /text; return 302 https://other.example/d; }
           location /second { return 302 "https://other.example/2?$args"; }
           location /third { rewrite ^ https://other.example/3; }
           location /proxied/ { proxy_pass http://127.0.0.1:1; }
           location /text { return 200 text; } }"#,
    );
    for (target, status, location) in [
        ("/url", 302, "https://other.example/a"),
        ("/again", 302, "https://other.example/2?"),
        ("/args", 302, "https://other.example/2?x=1"),
        ("/given?v=9", 302, "https://other.example/2?9"),
        ("/rewrite", 302, "https://other.example/3"),
        ("/folder-behind", 301, "own:/folder/"),
        ("/slash-behind", 301, "own:/proxied/"),
        ("/told-200", 302, "https://other.example/b"),
        ("/told-303", 303, "https://other.example/b"),
        ("/implied", 302, "https://other.example/c"),
        ("/kept", 302, "https://other.example/d"),
    ] {
        assert_eq!(redirect(&longhaul, target), (status, location.to_owned()), "{target}");
    }
    assert!(longhaul.get("/kept").ends_with("\r\n\r\ntext"));
}

#[test]
fn a_returned_answer_takes_the_status_of_the_error_it_stands_for() {
    let longhaul = Setup::new().file("html/folder/x", "").start(
        r#"server { listen %listen%; root %dir%/html; default_type text/plain;
           location /empty { return 200; }
           location /text { return 200 text; }
           location /none { return 204; }
           location /odd { return 306; }
           location /page { return 405; }
           location /moved { return 302 https://other.example/; }
           location /rewritten { rewrite ^ https://other.example/ redirect; }
           location /of/empty { error_page 405 /empty; return 405; }
           location /of/text { error_page 405 /text; return 405; }
           location /of/none { error_page 405 /none; return 405; }
           location /of/page { error_page 404 /page; return 404; }
           location /of/moved { error_page 405 /moved; return 405; }
           location /of/rewritten { error_page 405 /rewritten; return 405; }
           location /of/folder { error_page 405 /folder; return 405; } }"#,
    );
    let page = |status: &str| {
        format!("<center><h1>{status}</h1></center>\r\n<hr><center>*</center>\r\n</body>\r\n</html>\r\n")
    };
    let not_allowed = page("405 Not Allowed");
    let moved = page("302 Found");
    let permanently = page("301 Moved Permanently");
    for (target, status, end) in [
        ("/empty", "200", "Content-Length: 0\r\nConnection: close\r\n\r\n"),
        ("/none", "204", "Connection: close\r\n\r\n"),
        ("/odd", "306", "Content-Length: 0\r\nConnection: close\r\n\r\n"),
        ("/page", "405", &not_allowed),
        ("/of/empty", "405", "Content-Length: 0\r\nConnection: close\r\n\r\n"),
        ("/of/text", "405", "\r\n\r\ntext"),
        // The client must see where it ends.
        ("/of/none", "405", "Content-Length: 0\r\nConnection: close\r\n\r\n"),
        ("/of/page", "405", &not_allowed),
        ("/of/moved", "302", &moved),
        ("/of/rewritten", "302", &moved),
        ("/of/folder", "301", &permanently),
    ] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.ends_with(end), "{target}: {answer}");
    }
}

#[test]
fn what_a_peer_says_of_the_content_goes_with_its_redirect() {
    let longhaul = Setup::new().start(
        r#"server { listen %listen2%; keepalive_timeout 0; location / {
               add_header X-Accel-Redirect $arg_to; add_header Content-Type text/x-own; add_header Set-Cookie a=b;
               add_header Content-Disposition inline; add_header Cache-Control private; add_header Expires soon;
               add_header Accept-Ranges none; add_header X-Other gone; add_header Last-Modified gone; return 204; } }
           server { listen %listen%;
               if ($upstream_http_x_accel_redirect) {
                   return 200 "$upstream_http_x_accel_redirect|$uri|$args|$request_method"; }
               location / { proxy_pass http://%listen2%; }
               location @named { return 200 "named $upstream_http_x_accel_redirect|$uri"; } }"#,
    );
    let answer = longhaul.get("/?to=/in");
    for line in [
        "Content-Type: text/x-own",
        "Set-Cookie: a=b",
        "Content-Disposition: inline",
        "Cache-Control: private",
        "Expires: soon",
        "Accept-Ranges: none",
    ] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line} in {answer}");
    }
    assert!(!answer.contains("gone") && !answer.contains("X-Accel"), "{answer}");
    for (method, to, expected) in [
        ("GET", "/in", "/in|/in||GET"),
        ("POST", "/in", "/in|/in||GET"),
        ("DELETE", "/in", "/in|/in||GET"),
        ("GET", "/in?x=1", "/in?x=1|/in|x=1|GET"),
        ("GET", "/a%20b%25", "/a%20b%25|/a b%||GET"),
        ("GET", "@named", "named @named|/"),
    ] {
        let answer = longhaul.exchange(format!("{method} /?to={to} HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let expected = format!("\r\n\r\n{expected}");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&expected), "{method} {to}: {answer}");
    }
    for to in ["..", "../in", "/in/..", "/in/../x", "/in/.%2e", "/in/%2e./x", "/../in"] {
        assert!(longhaul.get(&format!("/?to={to}")).starts_with("HTTP/1.1 404 "), "{to}");
    }
}
