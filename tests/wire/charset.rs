//! `charset`: which answers name their character set.

use super::support::{Longhaul, Peer, Setup, message};

/// `Content-Type` of the answer to a target, or nothing.
fn type_of(longhaul: &Longhaul, target: &str) -> String {
    let answer = longhaul.exchange(format!("GET {target} HTTP/1.0\r\nHost: a\r\n\r\n"));
    let answer = String::from_utf8_lossy(&answer);
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap_or("none").to_owned()
}

#[test]
fn listed_types_without_parameters_are_labelled() {
    let longhaul = Setup::new().file("html/a.html", "<p>").start(
        "charset utf-8;
         server { listen %listen%; types { text/html html; } root %dir%/html;
             location /text { default_type text/plain; return 200 x; }
             location /css { default_type text/css; return 200 x; }
             location /own { default_type 'text/html; charset=koi8-r'; return 200 x; }
             location /none { default_type ''; return 200 x; }
             location /off { charset off; default_type text/plain; return 200 x; }
             location /list { charset_types text/css; default_type text/css; return 200 x; }
             location /unlisted { charset_types text/css; default_type text/plain; return 200 x; }
             location /any { charset_types *; default_type x/y; return 200 x; }
             location /by { charset $arg_c; default_type text/plain; return 200 x; }
             location /if { default_type text/plain; if ($arg_i) { charset koi8-r; } return 200 x; }
             location /301 { return 301 /x; }
             location /307 { return 307 /x; }
             location /404 { return 404; } }",
    );
    for (target, expected) in [
        ("/a.html", "text/html; charset=utf-8"),
        ("/text", "text/plain; charset=utf-8"),
        ("/css", "text/css"),
        ("/own", "text/html; charset=koi8-r"),
        ("/none", "none"),
        ("/off", "text/plain"),
        ("/list", "text/css; charset=utf-8"),
        ("/unlisted", "text/plain"),
        ("/any", "x/y; charset=utf-8"),
        ("/by?c=koi8-r", "text/plain; charset=koi8-r"),
        ("/by", "text/plain"),
        ("/if", "text/plain; charset=utf-8"),
        ("/if?i=1", "text/plain; charset=koi8-r"),
        ("/301", "text/html"),
        ("/307", "text/html; charset=utf-8"),
        ("/404", "text/html; charset=utf-8"),
    ] {
        assert_eq!(type_of(&longhaul, target), expected, "{target}");
    }
}

#[test]
fn parts_of_a_file_are_labelled_and_what_is_around_them_is_not() {
    let longhaul = Setup::new().file("html/a.html", "0123456789").start(
        "charset utf-8; charset_types *; server { listen %listen%; types { text/html html; } root %dir%/html; }",
    );
    let answer =
        longhaul.exchange("GET /a.html HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,4-5\r\nConnection: close\r\n\r\n");
    let answer = String::from_utf8_lossy(&answer);
    let types: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("Content-Type: ")).collect();
    assert!(types[0].starts_with("multipart/byteranges; boundary=") && !types[0].contains("charset"), "{types:?}");
    assert_eq!(types[1..], ["text/html; charset=utf-8"; 2]);
}

#[test]
fn a_peer_may_ask_for_a_character_set_that_is_known() {
    let asked = [
        ("text/css", "KOI8-R"),
        ("text/html", "none"),
        ("text/html; charset=x", "utf-8"),
        ("text/html; a=b", "utf-8"),
        ("", "utf-8"),
        ("text/html", ""),
        ("text/css", "koi8-r\nX-Accel-Redirect: /file.html"),
        ("text/html", "koi8-r"),
    ];
    let peer = Peer::start(move |connections| {
        for (content_type, charset) in asked {
            let mut socket = connections.accept();
            socket.read_head();
            let fields = format!(
                "HTTP/1.1 200 OK\nConnection: close\nContent-Length: 1\nContent-Type: {content_type}\nX-Accel-Charset: {charset}"
            );
            socket.send(message(&fields, b"x"));
        }
    });
    let longhaul = Setup::new().peer(&peer).file("html/file.html", "<p>").start(
        "server { listen %listen%; location / { charset utf-8; proxy_pass http://%peer%; } \
         location /other { charset koi8-r; } location /file.html { root html; } \
         location /deaf { charset utf-8; proxy_ignore_headers X-Accel-Charset; proxy_pass http://%peer%; } }",
    );
    for expected in [
        "text/css; charset=KOI8-R",
        "text/html",
        "text/html; charset=x",
        "text/html; a=b; charset=utf-8",
        "none",
        "text/html; charset=utf-8",
        "text/css; charset=koi8-r",
    ] {
        assert_eq!(type_of(&longhaul, "/"), expected);
    }
    assert_eq!(type_of(&longhaul, "/deaf"), "text/html; charset=utf-8");
    longhaul.wait_for_log("unknown charset \"none\" to override");
}

#[test]
fn what_a_peer_says_stays() {
    let peer = Peer::start(|connections| {
        for content_type in ["", "TEXT/HTML", "text/html;charset=KOI8-R", "text/html; a=b", "text/css"] {
            let mut socket = connections.accept();
            socket.read_head();
            let fields = format!("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 1\nContent-Type: {content_type}");
            socket.send(message(&fields, b"x"));
        }
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("charset utf-8; server { listen %listen%; location / { proxy_pass http://%peer%; } }");
    for expected in ["none", "TEXT/HTML; charset=utf-8", "text/html;charset=KOI8-R", "text/html; a=b", "text/css"] {
        assert_eq!(type_of(&longhaul, "/"), expected);
    }
}
