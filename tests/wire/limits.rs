//! `limit_conn` and `limit_req`: exact, for tunnels too, and told in variables and logs.

use std::time::Instant;

use super::support::{ACCEPT, Peer, Setup, head, message, upgrade};

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
