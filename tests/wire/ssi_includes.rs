//! Server side includes: requests that documents make. The cases were run through nginx 1.22, which says the same.

use super::ssi::{ask, body_of, expect_all};
use super::support::{Peer, Setup, head, message};

/// A peer of pages: the body for each path, over as many connections as are made.
fn pages(count: usize, page: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Peer {
    Peer::start(move |connections| {
        for _ in 0..count {
            let mut socket = connections.accept();
            let head = socket.read_head();
            let path = head.split(' ').nth(1).expect("a path").to_owned();
            socket.send(page(&path));
        }
    })
}

fn files() -> Setup {
    Setup::new()
        .file("html/plain.html", "plain")
        .file("html/empty.html", "")
        .file("html/c/sub.html", "SUB")
        .file("html/d/index.html", "index")
        .file("html/show.html", "(<!--#echo var='x' -->)")
        .file("html/inner.html", "<!--#set var='x' value='inner' -->")
        .file("html/args.html", "<!--#echo var='args' -->;<!--#echo var='arg_a' -->;<!--#echo var='uri' -->;<!--#echo var='request_method' -->")
        .file("html/long.html", "l".repeat(4096))
}

#[test]
fn answers_of_other_requests_stand_in_the_page() {
    let cases = [
        (
            "[<!--#include virtual='/plain.html' -->][<!--#include virtual='sub.html' -->][<!--#include file='sub.html' -->]",
            "[plain][SUB][SUB]",
        ),
        (
            "[<!--#include virtual='/d/' -->][<!--#include file='/c/sub.html' -->][<!--#include virtual='/off/plain.html' -->]",
            "[index][SUB][plain]",
        ),
        (
            "[<!--#include virtual='/empty.html' -->][<!--#include virtual='/text' -->][<!--#include virtual='/page' -->]",
            "[][text /text][plain]",
        ),
        (
            "<!--#include virtual='/args.html?a=b&c' -->|<!--#include virtual='/%61rgs.html' -->",
            "a=b&amp;c;b;/args.html;GET|(none);(none);/args.html;GET",
        ),
        ("<!--#include virtual='/args.html?$arg_a' -->", "&lt;b&gt;;(none);/args.html;GET"),
        (
            "[<!--#include virtual='/internal/plain.html' -->][<!--#include virtual='/denied/plain.html' -->]",
            "[plain][plain]",
        ),
        (
            "<!--#include virtual='/../x' -->|<!--#include virtual='/%2e%2e/x' -->|<!--#include virtual='?x' -->|<!--#include virtual='$none' -->",
            "@|@|[403]|@",
        ),
        (
            "<!--#include -->|<!--#include virtual='/a' file='b' -->|<!--#include file='a' wait='yes' -->|<!--#include virtual='/a' wait='x' -->",
            "@|@|@|@",
        ),
        (
            "<!--#include virtual='/a' set='b' stub='c' -->|<!--#include virtual='/a' stub='c' -->|<!--#include virtual='/a' x='' -->",
            "@|@|@",
        ),
    ];
    let configuration = "error_page 403 /403; location /403 { return 200 [403]; }
        location /off/ { alias %dir%/html/; ssi off; } location /text { return 200 \"text <!--#echo var='uri' -->\"; default_type text/html; }
        location /page { error_page 404 /plain.html; return 404; }
        location /internal/ { internal; alias %dir%/html/; } location /denied/ { deny all; alias %dir%/html/; }";
    expect_all(files(), configuration, &cases);
}

#[test]
fn an_error_of_an_included_request_is_its_page() {
    let longhaul = files().file("html/a.html", "[<!--#include virtual='/none' -->]<!--#include virtual='/gone' -->").start(
        "server { listen %listen%; root %dir%/html; ssi on; location /gone { error_page 410 =200 /plain.html; return 410; } }",
    );
    let (head, body) = ask(&longhaul, "GET /a.html HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        body.starts_with("[<html>\r\n<head><title>404 Not Found</title>") && body.ends_with("</html>\r\n]plain"),
        "{body}"
    );
    let log = longhaul.wait_for_log("/html/none\" failed (2: No such file or directory), client: ");
    assert!(log.contains(", request: \"GET /a.html HTTP/1.1\", subrequest: \"/none\", host: \"a\""), "{log}");
}

#[test]
fn a_block_stands_in_for_what_is_empty_or_fails() {
    const BLOCK: &str = "<!--#block name='b' -->B<!--#echo var='uri' --><!--#endblock -->";
    let with_block = |document: &str| format!("{BLOCK}{document}");
    let cases = [
        (with_block("[<!--#include virtual='/none' stub='b' -->][<!--#include virtual='/plain.html' stub='b' -->]"), "[B/none][plain]"),
        (with_block("[<!--#include virtual='/404' stub='b' -->][<!--#include virtual='/302' stub='b' -->][<!--#include virtual='/none' stub='c' -->]"), "[B/404][B/302][@]"),
        // An answer that is known to be empty is no page: its block is not read for commands.
        (with_block("[<!--#include virtual='/empty.html' stub='b' -->]"), "[B<!--#echo var=\"uri\" -->]"),
        (with_block("[<!--#include virtual='/off/none' stub='b' -->]"), "[B<!--#echo var=\"uri\" -->]"),
        (with_block("[<!--#include virtual='/inner.html' stub='b' -->]"), "[]"),
        (with_block("[<!--#include virtual='/444' stub='b' -->]"), "[B/444]"),
        // Two of one name: the first counts.
        (with_block("<!--#block name='b' -->C<!--#endblock -->[<!--#include virtual='/none' stub='b' -->]"), "[B/none]"),
        ("<!--#block name='b' -->x<!--#if expr='$uri' -->y<!--#else -->z<!--#endif --><!--#bad --><!--#endblock -->[<!--#include virtual='/none' stub='b' -->]".into(), "[xy]"),
        ("<!--#block name='b' -->x<!--#echo var=a -->y<!--#endblock -->[<!--#include virtual='/none' stub='b' -->]".into(), "@[xy]"),
        ("<!--#block name='b' -->open".into(), ""),
    ];
    let configuration = "location /404 { return 404; } location /302 { return 302 /x; } location /off/ { ssi off; } \
                         location /444 { return 444; }";
    let cases: Vec<(&str, &str)> = cases.iter().map(|(document, is)| (document.as_str(), *is)).collect();
    expect_all(files(), configuration, &cases);
}

#[test]
fn requests_share_variables_in_the_order_of_nginx() {
    let cases = [
        // A page is read on while a request is under way, unless it waits for it.
        ("<!--#include virtual='/inner.html' --><!--#echo var='x' -->", "(none)"),
        ("<!--#include virtual='/inner.html' wait='yes' --><!--#echo var='x' -->", "inner"),
        ("<!--#include file='/inner.html' --><!--#echo var='x' -->", "inner"),
        (
            "<!--#set var='x' value='1' --><!--#include virtual='/show.html' --><!--#set var='x' value='2' --><!--#include virtual='/show.html' wait='yes' --><!--#set var='x' value='3' -->",
            "(2)(2)",
        ),
        // What a page says of errors and times is its own.
        ("<!--#config errmsg='E' timefmt='T' --><!--#include virtual='/own.html' --><!--#bad -->", "@2E"),
    ];
    expect_all(
        files().file("html/own.html", "<!--#bad --><!--#config timefmt='2' --><!--#echo var='date_gmt' -->"),
        "",
        &cases,
    );
}

#[test]
fn an_answer_is_kept_for_a_variable() {
    let is_long = format!("[{}]", "l".repeat(4096));
    let cases = [
        ("<!--#include virtual='/plain.html' set='V' -->[<!--#echo var='v' -->]", "[plain]"),
        (
            "<!--#include virtual='/plain.html' set='v' --><!--#include virtual='/none' set='v' -->[<!--#echo var='v' -->]",
            "[plain]",
        ),
        (
            "<!--#include virtual='/none' set='v' -->[<!--#echo var='v' -->]<!--#include virtual='/empty.html' set='w' -->[<!--#echo var='w' -->]",
            "[][]",
        ),
        ("<!--#include virtual='/show.html' set='v' -->[<!--#echo var='v' -->]", "[((none))]"),
        ("<!--#include virtual='/long.html' set='v' -->[<!--#echo var='v' -->]", &is_long),
    ];
    expect_all(files(), "", &cases);
}

#[test]
fn an_answer_that_is_too_long_to_keep_ends_the_connection() {
    let longhaul = files()
        .file("html/a.html", "begin<!--#include virtual='/small/plain.html' set='v' -->end")
        .start("server { listen %listen%; root %dir%/html; ssi on; location /small/ { alias %dir%/html/; subrequest_output_buffer_size 4; } }");
    let answer = longhaul.exchange(head("GET /a.html HTTP/1.1\nHost: a"));
    assert!(!answer.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&answer));
    let log = longhaul.wait_for_log("too big subrequest response");
    assert!(log.contains("[error]") && log.contains("subrequest: \"/small/plain.html\""), "{log}");
}

#[test]
fn pages_in_pages_have_an_end() {
    let longhaul = Setup::new()
        .file("html/self.html", "s<!--#include virtual='/self.html' -->e")
        .file("html/kept.html", "<!--#include virtual='/nest.html' set='v' --><!--#echo var='v' -->")
        .file("html/nest.html", "n<!--#include virtual='/x' -->")
        .start("server { listen %listen%; root %dir%/html; ssi on; subrequest_output_buffer_size 8k; }");
    let error = "[an error occurred while processing the directive]";
    assert_eq!(body_of(&longhaul, "/self.html"), format!("{}{error}{}", "s".repeat(52), "e".repeat(52)));
    longhaul.wait_for_log("subrequests cycle while processing \"/self.html\" while sending response to client");
    // nginx has room for no more than the length of the file, and ends the connection.
    assert_eq!(body_of(&longhaul, "/kept.html"), format!("n{error}"));
    longhaul.wait_for_log("nested in-memory subrequest \"/x\"");
}

#[test]
fn pages_of_peers_in_pages_of_peers_have_an_end() {
    let peer = pages(52, |_| {
        message("HTTP/1.1 200 OK\nContent-Type: text/html\nConnection: close", b"s<!--#include virtual='/' -->e")
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; ssi on; location / { proxy_pass http://%peer%; } }");
    let error = "[an error occurred while processing the directive]";
    assert_eq!(body_of(&longhaul, "/"), format!("{}{error}{}", "s".repeat(52), "e".repeat(52)));
}

#[test]
fn peers_answer_pages_and_parts() {
    let peer = Peer::start(|connections| {
        let mut page = connections.accept();
        page.expect_head("GET /page?x=1 HTTP/1.1\nHost: %peer%\nX-Id: 7");
        // The document comes in pieces that part a command.
        let pieces = ["a<!--#include vir", "tual='/part?y=2' -->b<!--#echo var='args' -->"];
        let length = pieces.concat().len();
        page.send(head(&format!("HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: {length}")));
        for piece in pieces {
            page.send(piece);
        }
        let mut part = connections.accept();
        part.expect_head("GET /part?y=2 HTTP/1.1\nHost: %peer%\nX-Id: 7");
        part.send(head("HTTP/1.1 200 OK\nContent-Type: text/html\nTransfer-Encoding: chunked"));
        part.send("4\r\npart\r\n");
        part.send("0\r\n\r\n");
        page.expect_no_bytes();
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; ssi on; location / { proxy_pass http://%peer%; } }");
    assert_eq!(ask(&longhaul, "GET /page?x=1 HTTP/1.1\nX-Id: 7").1, "apartbx=1");
}

#[test]
fn what_stands_before_a_part_is_not_kept_while_that_takes_its_time() {
    let (go_on, waits) = std::sync::mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut part = connections.accept();
        part.read_head();
        waits.recv().expect("the word");
        part.send(message("HTTP/1.1 200 OK\nContent-Length: 4", b"part"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .file("html/a.html", "begin<!--#include virtual='/part' -->end")
        .start("server { listen %listen%; root %dir%/html; ssi on; location /part { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    client.send(head("GET /a.html HTTP/1.1\nHost: a"));
    client.read_head();
    client.expect("5\r\nbegin\r\n");
    go_on.send(()).expect("the peer");
    client.expect("4\r\npart\r\n3\r\nend\r\n0\r\n\r\n");
    client.send(head("GET /none HTTP/1.1\nHost: a"));
    assert!(client.read_head().starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_part_that_is_cut_leaves_the_page_whole() {
    let peer = Peer::start(|connections| {
        let mut part = connections.accept();
        part.read_head();
        part.send(message("HTTP/1.1 200 OK\nContent-Length: 9", b"part"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .file("html/a.html", "begin<!--#include virtual='/part' -->end")
        .start("server { listen %listen%; root %dir%/html; ssi on; location /part { proxy_pass http://%peer%; } }");
    assert_eq!(body_of(&longhaul, "/a.html"), "beginpartend");
    longhaul.wait_for_log("upstream prematurely closed connection while reading upstream");
}

#[test]
fn a_part_without_a_peer_is_a_page_of_an_error() {
    let longhaul = Setup::new()
        .with("peer", Peer::refusing())
        .file("html/a.html", "[<!--#include virtual='/part' -->]<!--#block name='b' -->B<!--#endblock --><!--#include virtual='/part' stub='b' -->")
        .start("server { listen %listen%; root %dir%/html; ssi on; location /part { proxy_pass http://%peer%; } }");
    let body = body_of(&longhaul, "/a.html");
    assert!(
        body.starts_with("[<html>\r\n<head><title>502 Bad Gateway</title>") && body.ends_with("</html>\r\n]B"),
        "{body}"
    );
}

#[test]
fn a_request_and_its_parts_have_one_id() {
    let longhaul =
        Setup::new().file("html/index.html", "").file("html/add.html", "<!--#include virtual=\"/body\" -->").start(
            "log_format id $request_id; add_header X-Request-Id $request_id; access_log off;
             server { listen %listen%; root %dir%/html;
                 location / { ssi on; } location /body { return 200 $request_id; }
                 location /log { access_log %dir%/id.log id; return 200; } }",
        );
    let get = |target: &str| {
        let (head, body) = ask(&longhaul, &format!("GET {target} HTTP/1.1"));
        let id = head.split("\r\nX-Request-Id: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or_default();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()), "{head}");
        (id.to_owned(), body)
    };
    assert_ne!(get("/").0, get("/").0);
    for target in ["/body", "/add.html"] {
        let (id, body) = get(target);
        assert_eq!(id, body, "{target}");
    }
    let (id, _) = get("/log");
    assert_eq!(longhaul.wait_for_lines("id.log", 1).trim(), id);
}

#[test]
fn parts_have_log_lines_where_the_location_says_so() {
    let longhaul = files().file("html/a.html", "<!--#include virtual='/plain.html?x=1' -->").start(
        "log_format parts '$uri $args $status $request_uri'; access_log %dir%/parts.log parts;
         server { listen %listen%; root %dir%/html; ssi on; log_subrequest on; }",
    );
    assert_eq!(body_of(&longhaul, "/a.html"), "plain");
    assert_eq!(longhaul.wait_for_lines("parts.log", 2), "/plain.html x=1 200 /a.html\n/a.html - 200 /a.html\n");
}

#[test]
fn a_page_leaves_compressed_as_a_whole() {
    let longhaul = files()
        .file("html/a.html", "begin<!--#include virtual='/long.html' -->end")
        .start("server { listen %listen%; root %dir%/html; ssi on; gzip on; location /long.html { ssi off; } }");
    let (head, body) = super::gzip::get(&longhaul, "/a.html");
    assert!(super::gzip::is_compressed(&head) && head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    assert_eq!(super::gzip::plain(&body), format!("begin{}end", "l".repeat(4096)).into_bytes());
}

#[test]
fn hints_of_a_part_are_no_part_of_the_page() {
    let peer = Peer::start(|connections| {
        let mut part = connections.accept();
        part.read_head();
        part.send(head("HTTP/1.1 103 Early Hints\nLink: </a.css>; rel=preload"));
        part.send(message("HTTP/1.1 200 OK\nContent-Length: 4", b"part"));
    });
    let longhaul = Setup::new().peer(&peer).file("html/a.html", "<!--#include virtual='/part' -->").start(
        "server { listen %listen%; root %dir%/html; ssi on; location /part { proxy_pass http://%peer%; early_hints 1; } }",
    );
    let (head, body) = ask(&longhaul, "GET /a.html HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 ") && body == "part", "{head}{body}");
}

#[test]
fn a_part_is_asked_for_without_the_body_of_the_request() {
    let peer = Peer::start(|connections| {
        let mut page = connections.accept();
        page.expect_head("POST /page HTTP/1.1\nHost: %peer%\nContent-Length: 4\nX-Id: 7");
        page.expect("body");
        page.send(message("HTTP/1.1 200 OK\nContent-Type: text/html", b"<!--#include virtual='/part' -->"));
        drop(page);
        let mut part = connections.accept();
        part.expect_head("GET /part HTTP/1.1\nHost: %peer%\nX-Id: 7");
        part.send(message("HTTP/1.1 200 OK\nContent-Length: 4", b"part"));
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; ssi on; location / { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    client.send(message("POST /page HTTP/1.1\nHost: a\nContent-Length: 4\nX-Id: 7", b"body"));
    assert!(client.read_head().starts_with("HTTP/1.1 200 "));
    assert_eq!(client.read_chunked(), b"part");
}

#[test]
fn a_client_that_goes_ends_the_part_too() {
    let (go_on, waits) = std::sync::mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut part = connections.accept();
        part.read_head();
        go_on.send(()).expect("the test");
        part.expect_gone();
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .file("html/a.html", "begin<!--#include virtual='/part' -->end")
        .start("server { listen %listen%; root %dir%/html; ssi on; location /part { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    client.send(head("GET /a.html HTTP/1.1\nHost: a"));
    waits.recv().expect("the peer");
    client.reset();
    peer.join();
    longhaul.expect_all_closed();
}

#[test]
fn a_part_that_closes_without_an_answer_closes_the_page() {
    let longhaul = files()
        .file("html/a.html", "begin<!--#include virtual='/444' -->end")
        .start("server { listen %listen%; root %dir%/html; ssi on; location /444 { return 444; } }");
    let answer = longhaul.exchange(head("GET /a.html HTTP/1.1\nHost: a"));
    assert!(!answer.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_page_leaves_no_faster_than_its_rate() {
    let longhaul = files().file("html/a.html", "<!--#include virtual='/long.html' -->").start(
        "server { listen %listen%; root %dir%/html; ssi on; limit_rate 100m; location /long.html { limit_rate 1; } }",
    );
    // That of a part does not count.
    assert_eq!(body_of(&longhaul, "/a.html"), "l".repeat(4096));
}

#[test]
fn a_head_asks_for_no_parts() {
    let longhaul = files().file("html/a.html", "<!--#include virtual='/plain.html' -->").start(
        "log_format parts '$request $uri'; access_log %dir%/parts.log parts;
         server { listen %listen%; root %dir%/html; ssi on; log_subrequest on;
             location /text { return 200 \"<!--#include virtual='/plain.html' -->\"; default_type text/html; } }",
    );
    for target in ["/a.html", "/text"] {
        let (head, body) = ask(&longhaul, &format!("HEAD {target} HTTP/1.1"));
        assert!(
            head.starts_with("HTTP/1.1 200 ") && !head.contains("\r\nContent-Length: ") && body.is_empty(),
            "{head}"
        );
    }
    assert_eq!(body_of(&longhaul, "/text"), "plain");
    let lines = longhaul.wait_for_lines("parts.log", 4);
    let paths: Vec<&str> = lines.lines().map(|line| line.rsplit(' ').next().unwrap_or_default()).collect();
    assert_eq!(paths, ["/a.html", "/text", "/plain.html", "/text"]);
}
