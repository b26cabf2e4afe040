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
           location /f/ { rewrite ^(.*)$ $1?own=$1 break; return 200 unseen; error_page 404 = @f; }
           location @f { return 200 "$uri|$args"; }
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
        ("/f/%25?q=2", "/f/%|own=/f/%25&q=2"),
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
           location /c/ { rewrite ^/c/(.*)$ https://other.example/$1? redirect; }
           location /d/ { rewrite ^ http://other.example/?x=y redirect; }
           location /e/ { rewrite ^ http://other.example/?x=y? redirect; }"#,
    );
    let port = longhaul.setup().address("listen").port();
    for (target, status, to) in [
        ("/a/1?q=2", 302, "http://other.example/1?q=2".to_owned()),
        ("/a/a%20b", 302, "http://other.example/a%20b".to_owned()),
        ("/b/1?q=2", 301, format!("http://localhost:{port}/new/1?x=y&q=2")),
        ("/c/1?q=2", 302, "https://other.example/1".to_owned()),
        ("/d/", 302, "http://other.example/?x=y".to_owned()),
        ("/d/?q=2", 302, "http://other.example/?x=y&q=2".to_owned()),
        ("/e/?q=2", 302, "http://other.example/?x=y".to_owned()),
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
           location /held { rewrite ^ /kept; break; proxy_pass http://%listen2%/other; }
           location @own { return 200 own; } }"#,
    );
    for (target, answer) in [
        ("/old?v=1", "peer /new?v=9"),
        ("/old%20x?w=1", "peer /old%20x?w=1"),
        ("/if?p=1", "peer /if?p=1"),
        ("/if", "own"),
        ("/held", "peer /kept"),
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

#[test]
fn that_a_proxy_pass_was_lost_is_forgotten_when_the_path_is_another() {
    let longhaul = Setup::new().file("html/there", "file").start(
        "server { listen %listen%; root html; set $yes 1;
             location /lost { if ($yes) { proxy_pass http://127.0.0.1:1; } if ($yes) { rewrite ^/lost(.*) $1 last; } }
             location /plain { alias html/there; } }",
    );
    // Into no location at all, and into one without steps.
    assert_eq!(body(&longhaul, "/lost/there"), "file");
    assert_eq!(body(&longhaul, "/lost/plain"), "file");
}

#[test]
fn conditions_of_every_form() {
    let setup = Setup::new().file("html/plain", "").file("html/folder/x", "").file("html/run", "");
    let run = setup.dir().join("html/run");
    std::fs::set_permissions(run, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("our file");
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("$arg_v", &["1", "no", "00"], &["0", ""]),
        (" $arg_v ", &["1"], &["0"]),
        ("$arg_v = one", &["one"], &["two", "One", "", "one1"]),
        ("$arg_v != one", &["two", "One", ""], &["one"]),
        ("$arg_v ~ b+c", &["abbcd", "bc"], &["BC", "b", ""]),
        ("$arg_v ~* b+c", &["abbcd", "BbC"], &["b", ""]),
        ("$arg_v !~ b+c", &["BC", "b", ""], &["abbcd"]),
        ("$arg_v !~* b+c", &["b", ""], &["BC", "bc"]),
        ("$arg_v ~ \"^(a|b){2}$\"", &["ab"], &["a", "aba"]),
        ("-f %dir%/html/$arg_v", &["plain", "run"], &["folder", "missing"]),
        ("!-f %dir%/html/$arg_v", &["folder", "missing"], &["plain"]),
        ("-d %dir%/html/$arg_v", &["folder"], &["plain", "missing"]),
        ("!-d %dir%/html/$arg_v", &["plain", "missing"], &["folder"]),
        ("-e %dir%/html/$arg_v", &["plain", "folder"], &["missing"]),
        ("!-e %dir%/html/$arg_v", &["missing"], &["plain", "folder"]),
        ("-x %dir%/html/$arg_v", &["run", "folder"], &["plain", "missing"]),
        ("!-x %dir%/html/$arg_v", &["plain", "missing"], &["run", "folder"]),
    ];
    let location = |(n, (condition, ..)): (usize, &(&str, _, _))| {
        format!("location = /{n} {{ if ({condition}) {{ return 200 yes; }} return 200 no; }}\n")
    };
    let locations: String = cases.iter().enumerate().map(location).collect();
    let longhaul = setup.start(&format!("server {{ listen %listen%; {locations} }}"));
    for (n, (condition, hold, fail)) in cases.iter().enumerate() {
        for (values, expected) in [(hold, "yes"), (fail, "no")] {
            for value in *values {
                assert_eq!(body(&longhaul, &format!("/{n}?v={value}")), expected, "({condition}) with \"{value}\"");
            }
        }
    }
}

#[test]
fn a_proxy_pass_and_what_stands_inside_its_location() {
    let longhaul = Setup::new().start(
        r#"server { listen %listen2%; keepalive_timeout 0; return 200 "peer $request_method $request_uri"; }
           server { listen %listen%; default_type text/plain;
           location /around { proxy_pass http://%listen2%/new; if ($arg_i) { set $x 1; }
               location /around/in { if ($arg_i) { set $x 1; } } }
           location /except { proxy_pass http://%listen2%/new; limit_except POST { }
               location /except/in { limit_except POST { } } }
           location /other { proxy_pass http://%listen2%/new; limit_except POST { proxy_pass http://%listen2%; } }
           location /variables { proxy_pass http://%listen2%/whole/$host; if ($arg_i) { proxy_pass http://%listen2%; }
               location /variables/in { proxy_pass http://%listen2%; } } }"#,
    );
    for (request, expected) in [
        ("GET /around", "peer GET /new"),
        ("GET /around?i=1", "peer GET /new?i=1"),
        ("GET /except", "peer GET /new"),
        ("POST /except", "peer POST /new"),
        ("GET /other", "peer GET /other"),
        ("POST /other", "peer POST /new"),
        ("GET /variables", "peer GET /whole/a"),
        ("GET /variables?i=1", "peer GET /variables?i=1"),
        ("GET /variables/in", "peer GET /variables/in"),
    ] {
        let answer = longhaul.exchange(format!("{request} HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{request}: {answer}");
    }
    // A nested location has no part in the peer of the one around it.
    for target in ["/around/in", "/around/in?i=1", "/except/in"] {
        assert!(longhaul.get(target).starts_with("HTTP/1.1 404 "), "{target}");
    }
}
