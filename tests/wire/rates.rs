//! `limit_rate` and what takes its place. A rate of one byte a second would outlast every deadline: an answer that comes
//! all the same was not limited.

use std::time::{Duration, Instant};

use super::support::{Peer, Setup, head, message};

/// The body of an answer, and how long it took.
#[track_caller]
fn timed(longhaul: &super::support::Longhaul, target: &str) -> (Vec<u8>, Duration) {
    let began = Instant::now();
    let mut client = longhaul.connect();
    client.send(format!("GET {target} HTTP/1.0\r\nHost: a\r\n\r\n"));
    client.read_head();
    (client.read_to_end(), began.elapsed())
}

#[test]
fn a_second_of_bytes_leaves_at_once_and_the_rest_later() {
    let bytes: Vec<u8> = (0..1500_u32).map(|n| (n % 251) as u8).collect();
    let large: Vec<u8> = (0..90_000_u32).map(|n| (n % 251) as u8).collect();
    let peer_bytes = bytes.clone();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 1500", &peer_bytes));
    });
    let longhaul = Setup::new().peer(&peer).file("html/a.bin", &bytes).file("html/large.bin", &large).start(
        "limit_rate 1k;
         server { listen %listen%; root %dir%/html; location /proxied { proxy_pass http://%peer%; }
                  location = /large.bin { limit_rate $arg_rate; } }",
    );
    for (target, expected) in [("/a.bin", &bytes), ("/proxied", &bytes), ("/large.bin?rate=60k", &large)] {
        let (body, time) = timed(&longhaul, target);
        assert!(body == *expected, "{target} was changed on the way");
        assert!(time > Duration::from_millis(900), "{target} came in {time:?}");
    }
}

#[test]
fn what_takes_the_place_of_a_rate() {
    let longhaul = Setup::new().file("html/a.txt", "abc").start(
        "limit_rate 1; limit_rate_after 10;
         server { listen %listen%; root %dir%/html;
             location /after/ { alias %dir%/html/; limit_rate_after 1m; }
             location /off/ { alias %dir%/html/; limit_rate 0; }
             location /set/ { alias %dir%/html/; set $limit_rate 0; }
             location /empty/ { alias %dir%/html/; limit_rate $arg_rate; }
             location /if/ { alias %dir%/html/; if ($request_method = GET) { limit_rate 0; } } }",
    );
    for folder in ["after", "off", "set", "empty", "if"] {
        assert_eq!(timed(&longhaul, &format!("/{folder}/a.txt")).0, b"abc", "{folder}");
    }
    longhaul.wait_for_log("invalid size \"\"");
}

#[test]
fn a_peer_may_say_the_rate() {
    let body = vec![b'x'; 1500];
    let peer = Peer::start(move |connections| {
        for rate in ["1", "1024", "0"] {
            let mut socket = connections.accept();
            socket.read_head();
            let fields =
                format!("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 1500\nX-Accel-Limit-Rate: {rate}");
            socket.send(message(&fields, &body));
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / { proxy_pass http://%peer%; }
                  location /ignored { proxy_pass http://%peer%; proxy_ignore_headers X-Accel-Limit-Rate; }
                  location /over { proxy_pass http://%peer%; limit_rate 1; } }",
    );
    assert_eq!(timed(&longhaul, "/ignored").0.len(), 1500);
    let (body, time) = timed(&longhaul, "/");
    assert!(body.len() == 1500 && time > Duration::from_millis(900), "{} bytes in {time:?}", body.len());
    assert_eq!(timed(&longhaul, "/over").0.len(), 1500);
}

#[test]
fn limit_rate_is_a_variable() {
    let longhaul = Setup::new().start(
        "log_format rate '$uri $limit_rate'; limit_rate 7m; access_log %dir%/rate.log rate;
         server { listen %listen%; location / { return 200 $limit_rate; }
                  location /set { set $limit_rate $arg_rate; return 200 $limit_rate; } }",
    );
    assert!(longhaul.get("/").ends_with("\r\n\r\n0"), "not known yet");
    assert!(longhaul.get("/set?rate=40k").ends_with("\r\n\r\n40960"));
    assert!(longhaul.get("/set?rate=fast").ends_with("\r\n\r\n0"));
    longhaul.wait_for_log("invalid $limit_rate \"fast\"");
    assert_eq!(longhaul.wait_for_lines("rate.log", 3), "/ 7340032\n/set 40960\n/set 7340032\n");
}

#[test]
fn a_client_that_goes_is_not_waited_for() {
    let longhaul =
        Setup::new().file("html/a.txt", "abc").start("limit_rate 1; server { listen %listen%; root %dir%/html; }");
    let mut client = longhaul.connect();
    client.send(head("GET /a.txt HTTP/1.1\nHost: a"));
    client.expect("H");
    drop(client);
    longhaul.wait_for_log("client prematurely closed connection");
}

#[test]
fn a_redirect_of_a_peer_has_the_rate_of_where_it_leads() {
    let peer = Peer::start(|connections| {
        for fields in [
            "X-Accel-Redirect: /free/a.bin",
            "X-Accel-Redirect: /slow/a.bin",
            "X-Accel-Redirect: /free/a.bin\nX-Accel-Limit-Rate: 1024",
            "X-Accel-Redirect: /slow/a.bin\nX-Accel-Limit-Rate: 0",
        ] {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(head(&format!("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 0\n{fields}")));
        }
    });
    let longhaul = Setup::new().peer(&peer).file("html/a.bin", vec![b'x'; 1500]).start(
        "server { listen %listen%; limit_rate 1;
             location / { proxy_pass http://%peer%; }
             location /free/ { internal; alias %dir%/html/; limit_rate 0; }
             location /slow/ { internal; alias %dir%/html/; limit_rate 1k; } }",
    );
    // What the peer says comes before what the location says.
    for is_slow in [false, true, true, false] {
        let (body, time) = timed(&longhaul, "/");
        assert_eq!(body.len(), 1500);
        assert!(!is_slow || time > Duration::from_millis(900), "came in {time:?}");
    }
}

#[test]
fn bytes_that_are_free_may_be_told_by_a_variable() {
    let longhaul = Setup::new().file("a.bin", vec![b'x'; 1500]).start(
        "server { listen %listen%; location = /a.bin { root %dir%; limit_rate $arg_rate; limit_rate_after $arg_free; } }",
    );
    for (target, is_slow) in [
        ("/a.bin?rate=1k&free=100", true),
        ("/a.bin?rate=1k", true),
        // At this rate the rest would outlast every deadline.
        ("/a.bin?rate=1&free=2k", false),
        ("/a.bin?rate=1&free=2500", false),
        ("/a.bin?free=1", false),
        ("/a.bin", false),
    ] {
        let (body, time) = timed(&longhaul, target);
        assert_eq!(body.len(), 1500, "{target}");
        assert!(!is_slow || time > Duration::from_millis(200), "{target} came in {time:?}");
    }
}
