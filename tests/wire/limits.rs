//! `limit_conn` and `limit_req`: exact, for tunnels too, and told in variables and logs.

use std::sync::mpsc;
use std::time::Instant;

use super::support::{ACCEPT, DEADLINE, Longhaul, Peer, Setup, head, message, upgrade, wait_for};

#[test]
fn a_tunnel_keeps_its_place_until_it_ends() {
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.read_head();
            let fields = format!("Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: {ACCEPT}");
            socket.send(message(&format!("HTTP/1.1 101 Switching Protocols\n{fields}"), b""));
            socket.read_to_end();
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "limit_conn_zone $remote_addr zone=addr:1m;
         server { listen %listen%; limit_conn_status 429;
         location / { limit_conn addr 1; proxy_pass http://%peer%; }
         location /free { return 200 $limit_conn_status.; } }",
    );
    for _ in 0..2 {
        let mut tunnel = longhaul.connect();
        tunnel.send(upgrade("/", ""));
        assert!(tunnel.read_head().starts_with("HTTP/1.1 101 "));
        let mut second = longhaul.connect();
        second.send(upgrade("/", ""));
        assert!(second.read_answer().starts_with("HTTP/1.1 429 "));
        assert!(longhaul.get("/free").ends_with("\r\n."));
        drop(tunnel);
        longhaul.expect_all_closed();
    }
    longhaul.wait_for_log("limiting connections by zone \"addr\"");
}

#[test]
fn requests_above_the_rate_wait_or_are_refused() {
    let longhaul = Setup::new().file("a", "x").start(
        "limit_req_zone $arg_key zone=slow:1m rate=1r/m; limit_req_zone $arg_key zone=even:1m rate=20r/m;
         server { listen %listen%; root .; add_header Limit $limit_req_status always;
         location /a { limit_req zone=slow burst=1 nodelay; limit_req_status 429; }
         location /wait/ { limit_req zone=even burst=1; }
         location /dry { limit_req zone=slow; limit_req_dry_run on; } }",
    );
    let ask = |target: &str| {
        let answer = longhaul.get(target);
        let status = answer.split(' ').nth(1).unwrap().to_owned();
        let limit = answer.lines().find_map(|line| line.strip_prefix("Limit: ")).unwrap_or("").to_owned();
        (status, limit)
    };
    let says = |status: &str, limit: &str| (status.to_owned(), limit.to_owned());
    assert_eq!(ask("/a?key=1"), says("200", "PASSED"));
    assert_eq!(ask("/a?key=1"), says("200", "PASSED"));
    assert_eq!(ask("/a?key=1"), says("429", "REJECTED"));
    assert_eq!(ask("/a?key=2"), says("200", "PASSED"));
    // An empty key is not counted.
    assert_eq!(ask("/a"), says("200", ""));
    assert_eq!(ask("/dry?key=1"), says("404", "REJECTED_DRY_RUN"));
    // The second has three seconds to come in before it would not have to wait, and waits for their end.
    let begin = Instant::now();
    assert_eq!(ask("/wait/x?key=1"), says("404", "PASSED"));
    assert_eq!(ask("/wait/x?key=1"), says("404", "DELAYED"));
    assert!(begin.elapsed().as_millis() >= 2990, "{:?}", begin.elapsed());
    longhaul.wait_for_log("limiting requests, excess: ");
    longhaul.wait_for_log("limiting requests, dry run, excess: ");
    longhaul.wait_for_log("delaying request, excess: ");
}

#[test]
fn limits_are_exact_over_shards_and_go_on_after_a_reload() {
    let file = "worker_processes 2; daemon off; pid pid; error_log error.log info; %user% events { }
         http { access_log off; limit_req_zone $host zone=all:1m rate=1r/m;
         server { listen %listen%; root .; location / { limit_req zone=all burst=9 nodelay; } } }";
    let longhaul = Setup::new().file("a", "x").start_file(file);
    let passed = || {
        let statuses = (0..20).map(|_| {
            let mut client = longhaul.connect();
            client.send(head("GET /a HTTP/1.1\nHost: h\nConnection: close"));
            client.read_answer().starts_with("HTTP/1.1 200 ")
        });
        statuses.filter(|passed| *passed).count()
    };
    assert_eq!(passed(), 10);
    longhaul.setup().write(file);
    longhaul.signal(rustix::process::Signal::HUP);
    longhaul.wait_for_log("generation 2 serves new connections");
    assert_eq!(passed(), 0);
}

#[test]
fn requests_under_way_count_in_their_zone_wherever_they_are() {
    let (reached, has_reached) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        reached.send(()).expect("the test waits");
        released.recv_timeout(DEADLINE).expect("the test's word");
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 4", b"done"));
        socket.read_head();
        reached.send(()).expect("the test waits");
        socket.expect_gone();
    });
    let longhaul = Setup::new().peer(&peer).start(
        "limit_conn_zone $server_name zone=one:1m; limit_conn_zone $server_name zone=two:1m;
         limit_conn_zone $arg_none zone=none:1m;
         server { listen %listen%; server_name s; root %dir%/none;
             location / { limit_conn one 1; proxy_pass http://%peer%; }
             location /same { limit_conn one 1; }
             location /both { limit_conn two 1; limit_conn one 1; }
             location /wide { limit_conn one 2; }
             location /other { limit_conn two 1; }
             location /empty { limit_conn none 1; limit_conn two 1; }
             location /own { limit_conn one 1; limit_conn_status 501; limit_conn_log_level info; } }",
    );
    let expect = |cases: &[(&str, u16)]| {
        for (target, status) in cases {
            let answer = longhaul.get(target);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
        }
    };
    let mut held = longhaul.connect();
    held.send(head("GET /held HTTP/1.1\nHost: s"));
    has_reached.recv_timeout(DEADLINE).expect("the request at the peer");
    // Nor do those that are refused, or let through, stay counted.
    for _ in 0..2 {
        expect(&[("/same", 503), ("/", 503), ("/both", 503), ("/own", 501)]);
        expect(&[("/wide", 404), ("/other", 404), ("/empty", 404), ("/wide", 404)]);
    }
    release.send(()).expect("the peer waits");
    assert!(held.read_answer().ends_with("\r\n\r\ndone"));
    expect(&[("/same", 404), ("/both", 404), ("/own", 404)]);
    held.send(head("GET /held HTTP/1.1\nHost: s"));
    has_reached.recv_timeout(DEADLINE).expect("the request at the peer");
    expect(&[("/same", 503)]);
    drop(held);
    wait_for("the place of a client that is gone", || longhaul.get("/same").starts_with("HTTP/1.1 404 ").then_some(()));
    let log = longhaul.file("error.log");
    let levels = |target: &str| {
        let line =
            log.lines().find(|line| line.contains("limiting connections by zone \"one\"") && line.contains(target));
        let line = line.unwrap_or_else(|| panic!("no line for {target}: {log}"));
        ["[info]", "[error]"].map(|level| line.contains(level))
    };
    assert_eq!((levels("GET /own "), levels("GET /same ")), ([true, false], [false, true]));
}

#[test]
fn refused_requests_are_not_counted_and_delayed_ones_come_whole() {
    let large: Vec<u8> = (0..700_000_u32).map(|n| (n % 251) as u8).collect();
    let longhaul = Setup::new().file("html/small", "x").file("html/large", &large).start(
        "limit_req_zone $server_name zone=quick:1m rate=10r/s; limit_req_zone $server_name zone=slow:1m rate=1r/m;
         limit_req_zone $server_name zone=delay:1m rate=2r/s; limit_req_zone $server_name zone=rare:1m rate=1000r/s;
         server { listen %listen%; server_name s; root %dir%/html;
             location /quick/ { alias %dir%/html/; limit_req zone=quick; }
             location /slow/ { alias %dir%/html/; limit_req zone=slow burst=1 nodelay; }
             location /slow/own/ { alias %dir%/html/; limit_req zone=slow burst=1 nodelay; limit_req_status 501; }
             location /delay/ { alias %dir%/html/; limit_req zone=delay burst=5; }
             location /rare/ { alias %dir%/html/; limit_req zone=rare burst=1; } }",
    );
    for (target, status) in
        [("/slow/small", 200), ("/slow/own/small", 200), ("/slow/small", 503), ("/slow/own/small", 501)]
    {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    }
    // Asked for without a pause: if what is refused counted, none would ever pass again.
    assert!(longhaul.get("/quick/small").starts_with("HTTP/1.1 200 "));
    wait_for("the next turn", || longhaul.get("/quick/small").starts_with("HTTP/1.1 200 ").then_some(()));
    // Long idle, and a little faster than it may be.
    for _ in 0..5 {
        assert!(longhaul.get("/rare/small").starts_with("HTTP/1.1 200 "));
    }
    for _ in 0..2 {
        let mut client = longhaul.connect();
        client.send("GET /delay/large HTTP/1.0\r\n\r\n");
        client.read_head();
        assert!(client.read_to_end() == large, "the file was cut or changed");
    }
    longhaul.wait_for_log("delaying request, excess: ");
}

/// Status of an answer and its field `Limit`.
#[track_caller]
fn limited(longhaul: &Longhaul, target: &str) -> String {
    let answer = longhaul.get(target);
    let limit = answer.lines().find_map(|line| line.strip_prefix("Limit: ")).unwrap_or("none");
    format!("{} {limit}", &answer[9..12])
}

#[test]
fn a_request_that_waits_keeps_its_place_under_its_key() {
    let (release, released) = mpsc::channel::<()>();
    let (arrived, came) = mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        arrived.send(()).expect("the test waits");
        let _ = released.recv();
        socket.send(head("HTTP/1.1 204 No Content"));
    });
    let longhaul = Setup::new().peer(&peer).file("a", "x").start(
        "limit_conn_zone $binary_remote_addr$arg_k zone=both:1m; limit_conn_zone $arg_own zone=own:1m;
         log_format limit '$uri $limit_conn_status';
         server { listen %listen%; root .; add_header Limit $limit_conn_status always; access_log %dir%/limit.log limit;
             location /wait { limit_conn both 1; limit_conn own 1; proxy_pass http://%peer%; }
             location / { limit_conn both 1; }
             location /own/ { limit_conn own 1; }
             location /dry/ { limit_conn both 1; limit_conn_dry_run on; }
             location /free/ { } }",
    );
    let mut waiting = longhaul.connect();
    waiting.send(head("GET /wait?own=1 HTTP/1.1\nHost: a\nConnection: close"));
    came.recv_timeout(DEADLINE).expect("the request at the peer");
    assert_eq!(limited(&longhaul, "/a"), "503 REJECTED");
    assert_eq!(limited(&longhaul, "/a?k=2"), "200 PASSED");
    assert_eq!(limited(&longhaul, "/own/?own=1"), "503 REJECTED");
    assert_eq!(limited(&longhaul, "/own/x?own=2"), "404 PASSED");
    // An empty key is not counted.
    assert_eq!(limited(&longhaul, "/own/x"), "404 none");
    assert_eq!(limited(&longhaul, "/dry/x"), "404 REJECTED_DRY_RUN");
    assert_eq!(limited(&longhaul, "/free/x"), "404 none");
    longhaul.wait_for_log("limiting connections, dry run, by zone \"both\"");
    release.send(()).expect("the peer waits");
    let answer = String::from_utf8_lossy(&waiting.read_to_end()).into_owned();
    assert!(answer.starts_with("HTTP/1.1 204 ") && answer.contains("\r\nLimit: PASSED\r\n"), "{answer}");
    wait_for("the place", || (limited(&longhaul, "/a") == "200 PASSED").then_some(()));
    assert_eq!(limited(&longhaul, "/own/x?own=1"), "404 PASSED");
    let log = longhaul.wait_for_lines("limit.log", 9);
    assert!(log.contains("/free/x -\n") && log.contains("/dry/x REJECTED_DRY_RUN\n"), "{log}");
}

#[test]
fn a_burst_is_delayed_from_where_it_is_told() {
    let longhaul = Setup::new().file("a", "x").start(
        "limit_req_zone $binary_remote_addr$arg_k zone=z:1m rate=1r/m;
         server { listen %listen%; root .; add_header Limit $limit_req_status always;
             location / { limit_req zone=z burst=2 delay=1; } }",
    );
    assert_eq!(limited(&longhaul, "/a"), "200 PASSED");
    assert_eq!(limited(&longhaul, "/a"), "200 PASSED");
    let mut delayed = longhaul.connect();
    delayed.send(head("GET /a HTTP/1.1\nHost: a"));
    longhaul.wait_for_log("delaying request, excess: ");
    assert_eq!(limited(&longhaul, "/a"), "503 REJECTED");
    assert_eq!(limited(&longhaul, "/a?k=2"), "200 PASSED");
    // A client that goes is not waited for.
    drop(delayed);
    longhaul.expect_all_closed();
}

#[test]
fn a_dry_run_says_what_would_have_been() {
    let longhaul = Setup::new().file("delay/a", "x").file("reject/a", "x").start(
        "limit_req_zone $binary_remote_addr zone=z:1m rate=1r/m; log_format limit '$uri $limit_req_status';
         server { listen %listen%; root .; limit_req_dry_run on; access_log %dir%/limit.log limit;
             add_header Limit $limit_req_status always;
             location /delay/ { limit_req zone=z burst=2; }
             location /reject/ { limit_req zone=z; location /reject/really/ { limit_req zone=z; limit_req_dry_run off; } }
             location / { } }",
    );
    for (target, expected) in [
        ("/delay/a", "200 PASSED"),
        ("/delay/a", "200 DELAYED_DRY_RUN"),
        ("/reject/a", "200 REJECTED_DRY_RUN"),
        ("/reject/really/a", "503 REJECTED"),
        ("/none", "404 none"),
    ] {
        assert_eq!(limited(&longhaul, target), expected, "{target}");
    }
    longhaul.wait_for_log("delaying request, dry run, excess: ");
    longhaul.wait_for_log("limiting requests, dry run, excess: ");
    assert!(longhaul.wait_for_lines("limit.log", 5).ends_with("/reject/really/a REJECTED\n/none -\n"));
}
