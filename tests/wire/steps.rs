//! The rewrite phase: `rewrite`, `if`, `set`, `break` and `return`, and in what order they act.

use super::support::{Longhaul, Peer, Setup, message};

fn start(lines: &str) -> Longhaul {
    Setup::new().start(&format!("server {{ listen %listen%; default_type text/plain; {lines} }}"))
}

/// The body of an answer.
fn body(longhaul: &Longhaul, target: &str) -> String {
    let answer = longhaul.get(target);
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer)
}

#[test]
fn rewrites_change_path_and_arguments() {
    let longhaul = start(
        r#"location /a/ { rewrite ^/a/(.*)$ /t/$1; }
           location /b/ { rewrite ^/b/(.*)$ /t/x?own=$1; }
           location /c/ { rewrite ^/c/(.*)$ /t/x?own=$1?; }
           location /d/ { rewrite ^ /t/x?; }
           location /e/ { rewrite ^/e/(?<id>\d+) /t/$id break; return 200 unseen; }
           location /t/ { return 200 "$uri|$args"; }"#,
    );
    for (target, answer) in [
        ("/a/1?q=2", "/t/1|q=2"),
        ("/b/1?q=2", "/t/x|own=1&q=2"),
        ("/b/1", "/t/x|own=1"),
        ("/c/1?q=2", "/t/x|own=1"),
        ("/d/1?q=2", "/t/x|"),
        ("/b/a%26b%3Dc", "/t/x|own=a%26b=c"),
        ("/a/a%26b", "/t/a&b|"),
    ] {
        assert_eq!(body(&longhaul, target), answer, "{target}");
    }
    assert!(longhaul.get("/e/5").starts_with("HTTP/1.1 404 "));
}

#[test]
fn redirects_of_rewrites_carry_the_arguments() {
    let longhaul = start(
        r#"location /a/ { rewrite ^/a/(.*)$ http://other.example/$1; }
           location /b/ { rewrite ^/b/(.*)$ /new/$1?x=y permanent; }
           location /c/ { rewrite ^/c/(.*)$ https://other.example/$1? redirect; }"#,
    );
    let port = longhaul.setup().address("listen").port();
    for (target, status, to) in [
        ("/a/1?q=2", 302, "http://other.example/1?q=2".to_owned()),
        ("/a/a%20b", 302, "http://other.example/a%20b".to_owned()),
        ("/b/1?q=2", 301, format!("http://localhost:{port}/new/1?x=y&q=2")),
        ("/c/1?q=2", 302, "https://other.example/1".to_owned()),
    ] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains(&format!("\r\nLocation: {to}\r\n")), "{answer}");
    }
}

#[test]
fn conditions_choose_steps_and_settings() {
    let longhaul = Setup::new().file("html/there", "x").start(
        r#"server { listen %listen%; root %dir%/html;
           set $kind none;
           if ($arg_k = one) { set $kind first; }
           if ($arg_k != one) { set $kind other; }
           if ($http_user_agent ~* "bot/(\d+)") { return 403 "bot $1"; }
           location / { return 200 $kind; }
           location /file { if (-f $document_root/there) { return 200 file; } return 200 none; }
           location /none { if (!-e $document_root/missing) { return 200 missing; } return 200 there; }
           location /settings { add_header X-In outer; if ($arg_s) { add_header X-In inner; } try_files /there =404; }
           location /zero { if ($arg_z) { return 200 yes; } return 200 no; } }"#,
    );
    assert_eq!(body(&longhaul, "/?k=one"), "first");
    assert_eq!(body(&longhaul, "/?k=two"), "other");
    assert_eq!(body(&longhaul, "/file"), "file");
    assert_eq!(body(&longhaul, "/none"), "missing");
    assert_eq!((body(&longhaul, "/zero?z=0"), body(&longhaul, "/zero?z=1")), ("no".to_owned(), "yes".to_owned()));
    assert_eq!(body(&longhaul, "/zero?z="), "no");
    assert!(longhaul.get("/settings").contains("\r\nX-In: outer\r\n"));
    assert!(longhaul.get("/settings?s=1").starts_with("HTTP/1.1 404 "));
    let bot = longhaul.exchange("GET / HTTP/1.0\r\nHost: a\r\nUser-Agent: BOT/12\r\n\r\n");
    assert!(String::from_utf8_lossy(&bot).ends_with("bot 12"));
}

#[test]
fn a_break_stops_the_steps_and_keeps_the_location() {
    let longhaul = start(
        r#"set $a 1;
           location /x { set $b 2; break; set $b 3; return 200 unseen; }
           location /y { rewrite ^ /z; break; }
           location /z { return 200 z; }
           location /w { rewrite ^ /z last; return 200 unseen; }"#,
    );
    assert!(longhaul.get("/x").starts_with("HTTP/1.1 404 "));
    assert!(longhaul.get("/y").starts_with("HTTP/1.1 404 "));
    assert_eq!(body(&longhaul, "/w"), "z");
}

#[test]
fn a_peer_gets_what_the_steps_made_of_the_target() {
    let longhaul = Setup::new().start(
        r#"server { listen %listen2%; keepalive_timeout 0; return 200 "peer $request_uri"; }
           server { listen %listen%;
           location / { set $to %listen2%; if ($arg_v) { set $args "v=9"; rewrite ^ /new break; } proxy_pass http://$to; }
           location /if { if ($arg_p) { proxy_pass http://%listen2%; } try_files /none @own; }
           location /replaced { proxy_pass http://%listen2%/other; if ($arg_b) { rewrite ^ /whole break; } }
           location @own { return 200 own; } }"#,
    );
    for (target, answer) in [
        ("/old?v=1", "peer /new?v=9"),
        ("/old%20x?w=1", "peer /old%20x?w=1"),
        ("/if?p=1", "peer /if?p=1"),
        ("/if", "own"),
        ("/replaced/x", "peer /other/x"),
        ("/replaced/x?b=1", "peer /whole?b=1"),
    ] {
        assert_eq!(body(&longhaul, target), answer, "{target}");
    }
}

#[test]
fn endless_rewrites_end() {
    let longhaul = start("location / { rewrite ^ /x$uri; }");
    assert!(longhaul.get("/a").starts_with("HTTP/1.1 500 "));
    longhaul.wait_for_log("rewrite or internal redirection cycle");
}

#[test]
fn a_variable_without_a_value_is_told_and_rewrites_on_demand() {
    let longhaul = start(
        r#"location /a { if ($arg_x) { set $unset 1; } return 200 "[$unset]"; }
           location /b { rewrite_log on; rewrite ^/b(.*) /c$1; }
           location /c { return 200 c; }
           location /d { uninitialized_variable_warn off; return 200 "[$unset]"; }"#,
    );
    assert_eq!(body(&longhaul, "/d"), "[]");
    assert_eq!(body(&longhaul, "/a"), "[]");
    let told = longhaul.wait_for_log("using uninitialized \"unset\" variable");
    assert!(told.contains("GET /a "), "{told}");
    assert_eq!(body(&longhaul, "/b/1"), "c");
    longhaul.wait_for_log("rewritten data: \"/c/1\"");
    assert_eq!(longhaul.file("error.log").matches("uninitialized").count(), 1);
}

#[test]
fn a_proxy_pass_of_an_if_is_lost_to_a_later_if_without_one() {
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(message("HTTP/1.1 200 OK\nConnection: close", b"peer"));
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; set $yes 1;
             location /lost { if ($yes) { proxy_pass http://%peer%; } if ($arg_again) { set $x 1; } }
             location /around { proxy_pass http://%peer%; if ($yes) { set $x 1; } if ($yes) { set $x 2; } } }",
    );
    assert!(longhaul.get("/lost").ends_with("peer"));
    assert!(longhaul.get("/lost?again=1").starts_with("HTTP/1.1 500 "));
    longhaul.wait_for_log("no upstream configuration");
    assert!(longhaul.get("/around").ends_with("peer"));
}
