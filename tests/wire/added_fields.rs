//! `add_header`, `add_trailer` and `expires`: what is added, in which order, and how it is inherited.

use super::support::{Peer, Setup, head};

/// The lines of an answer's head behind `Connection`, where added fields stand.
fn added(answer: &str) -> String {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.split_once("Connection: close\r\n").map_or("", |(_, rest)| rest).replace("\r\n", "\n")
}

#[test]
fn a_value_sees_the_fields_before_it() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location / {
             add_header X-None x$sent_http_x_tag; add_header X-Tag a; add_header X-Tag b;
             add_header X-Tags $sent_http_x_tag; add_header X-Status $status;
             add_header X-Type $sent_http_content_type; add_header X-Length $sent_http_content_length;
             add_header X-Late $sent_http_x_later; add_header X-Later 1;
             add_trailer X-Kept $sent_http_connection; return 200 four; } }",
    );
    let answer = longhaul.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let expected =
        "X-None: x\nX-Tag: a\nX-Tag: b\nX-Tags: a, b\nX-Status: 200\nX-Type: text/plain\nX-Length: 4\nX-Later: 1";
    assert_eq!(added(&answer), expected);
    let mut client = longhaul.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.read_head().contains("\r\nTransfer-Encoding: chunked\r\n"));
    client.expect("4\r\nfour\r\n0\r\nX-Kept: close\r\n\r\n");
    client.expect_end();
}

#[test]
fn last_modified_and_etag_are_replaced_or_taken_away() {
    let longhaul = Setup::new().file("html/a.txt", "abc").start(
        "server { listen %listen%; root %dir%/html;
             location / { add_header Last-Modified \"Sun, 06 Nov 1994 08:49:37 GMT\"; add_header etag '\"own\"'; }
             location /none/ { alias %dir%/html/; add_header Last-Modified \"\"; add_header ETag $arg_tag; } }",
    );
    let ask = |target: &str| {
        let answer = longhaul.exchange(format!("GET {target} HTTP/1.0\r\nHost: a\r\n\r\n"));
        added(&String::from_utf8_lossy(&answer))
    };
    let own = "Accept-Ranges: bytes\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\netag: \"own\"";
    assert_eq!(ask("/a.txt"), own);
    assert_eq!(ask("/none/a.txt"), "Accept-Ranges: bytes");
}

#[test]
fn add_header_inherit_merges_or_stops() {
    let longhaul = Setup::new().start(
        "add_header A http; add_header_inherit merge;
         server { listen %listen%; add_header B server always;
             location /merge { add_header C location; return 200 x; }
             location /on { add_header_inherit on; add_header C location; return 200 x; }
             location /off { add_header_inherit off; return 200 x; }
             location /gone { add_header C location always; return 404; } }",
    );
    let of = |target: &str| {
        let answer = longhaul.exchange(format!("GET {target} HTTP/1.0\r\nHost: a\r\n\r\n"));
        added(&String::from_utf8_lossy(&answer))
    };
    assert_eq!(of("/merge"), "C: location\nB: server\nA: http");
    assert_eq!(of("/on"), "C: location");
    assert_eq!(of("/off"), "");
    assert_eq!(of("/gone"), "C: location\nB: server");
}

#[test]
fn expires_says_how_long_an_answer_holds() {
    let longhaul = Setup::new().file("html/a.txt", "abc").start(
        "map $arg_e $old { default $arg_e; }
         server { listen %listen%; root %dir%/html; expires 1h;
             location / { }
             location /epoch/ { alias %dir%/html/; expires epoch; }
             location /max/ { alias %dir%/html/; expires max; }
             location /past/ { alias %dir%/html/; expires -1; }
             location /daily/ { alias %dir%/html/; expires @15h30m; }
             location /changed/ { alias %dir%/html/; expires modified 10y;
                                  add_header Last-Modified \"\"; }
             location /off/ { alias %dir%/html/; expires off; }
             location /given/ { alias %dir%/html/; expires $old; } }",
    );
    let fields = |target: &str| {
        let answer = longhaul.get(target);
        let of =
            |name: &str| answer.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default();
        (of("Expires: "), of("Cache-Control: "))
    };
    let age = |target: &str| fields(target).1.strip_prefix("max-age=").and_then(|age| age.parse().ok()).unwrap_or(-1);
    let at = |date: &str, control: &str| (date.to_owned(), control.to_owned());
    assert_eq!(age("/a.txt"), 3600);
    assert!(fields("/a.txt").0.ends_with(" GMT"));
    assert_eq!(fields("/epoch/a.txt"), at("Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"));
    assert_eq!(fields("/max/a.txt"), at("Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"));
    assert_eq!(fields("/past/a.txt").1, "no-cache");
    assert!((1..=86_400).contains(&age("/daily/a.txt")), "{:?}", fields("/daily/a.txt"));
    let ten_years = 10 * 365 * 86_400;
    assert!((ten_years - 600..=ten_years).contains(&age("/changed/a.txt")), "{:?}", fields("/changed/a.txt"));
    assert_eq!(fields("/off/a.txt"), at("", ""));
    assert_eq!(fields("/none"), at("", ""), "not on a 404");
    assert_eq!(age("/given/a.txt?e=90"), 90);
    for value in ["off", "", "soon", "@90h"] {
        assert_eq!(fields(&format!("/given/a.txt?e={value}")), at("", ""), "{value}");
    }
}

#[test]
fn expires_takes_the_place_of_what_a_peer_says() {
    let answer = head(
        "HTTP/1.1 200 OK
         Content-Length: 0
         Cache-Control: private
         Expires: Thu, 01 Dec 2044 16:00:00 GMT
         Cache-Control: max-age=1",
    );
    let peer = Peer::once("GET / HTTP/1.1\nHost: %peer%", answer);
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; expires max; add_header A $sent_http_cache_control; } }");
    let answer = longhaul.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    let seen = added(&String::from_utf8_lossy(&answer));
    let expected = "Expires: Thu, 31 Dec 2037 23:55:55 GMT\nCache-Control: max-age=315360000\nA: max-age=315360000";
    assert_eq!(seen, expected);
}

#[test]
fn the_log_knows_what_was_sent() {
    let longhaul = Setup::new().file("html/a.txt", "abc").start(
        "log_format sent '$status $sent_http_content_length $sent_http_connection $sent_http_keep_alive '
                         '$sent_http_transfer_encoding $sent_http_x_own';
         keepalive_timeout 75s 20s;
         server { listen %listen%; root %dir%/html; access_log %dir%/sent.log sent; add_header X-Own 1; }",
    );
    longhaul.get("/a.txt");
    let mut client = longhaul.connect();
    client.send(head("GET /a.txt HTTP/1.1\nHost: a"));
    client.read_answer();
    let lines = longhaul.wait_for_lines("sent.log", 2);
    assert_eq!(lines, "200 3 close - - 1\n200 3 keep-alive timeout=20 - 1\n");
}
