//! `stub_status` and `$connections_*`: what the counters say while connections are in each state.

use super::support::{Setup, Socket, head, plain, wait_for};
use super::tunnel::{open, switched};

fn answered(longhaul: &super::support::Longhaul) -> String {
    let answer = longhaul.get("/status");
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer)
}

#[test]
fn connections_are_counted_in_their_states() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location = /status { stub_status; add_header X-Active $connections_active; }
             location = /slow { limit_rate 1; return 200 slow; } }",
    );
    let first = longhaul.get("/status");
    assert!(first.contains("\r\nX-Active: 1\r\n") && first.contains("\r\nContent-Type: text/plain\r\n"), "{first}");
    assert!(
        first.ends_with(
            "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n"
        ),
        "{first}"
    );
    let mut waiting: Socket = longhaul.connect();
    wait_for("a connection that waits", || {
        answered(&longhaul).contains("Reading: 0 Writing: 1 Waiting: 1").then_some(())
    });
    waiting.send("GET /slow HTTP/1.1\r\nHost:");
    wait_for("a head being read", || answered(&longhaul).contains("Reading: 1 Writing: 1 Waiting: 0").then_some(()));
    waiting.send(" a\r\n\r\n");
    wait_for("a slow answer", || answered(&longhaul).contains("Reading: 0 Writing: 2 Waiting: 0").then_some(()));
    drop(waiting);
    wait_for("its end", || answered(&longhaul).starts_with("Active connections: 1 ").then_some(()));
    assert!(
        longhaul
            .exchange("POST /status HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            .starts_with(b"HTTP/1.1 405 ")
    );
}

#[test]
fn requests_are_counted_and_methods_told_apart() {
    let longhaul = Setup::new().start(
        "add_header X-States \"$connections_active $connections_reading $connections_writing $connections_waiting\";
         server { listen %listen%; location = /status { stub_status; } location / { return 200 x; } }",
    );
    let two = [head("GET / HTTP/1.1\nHost: a"), head("GET / HTTP/1.1\nHost: a\nConnection: close")].concat();
    assert!(answered(&longhaul).contains("\n 1 1 1 \n"));
    longhaul.exchange(two);
    longhaul.exchange("broken\r\n\r\n");
    assert!(answered(&longhaul).contains("\n 4 4 5 \n"), "{}", answered(&longhaul));
    for (request, status, body) in [
        ("HEAD /status HTTP/1.0", "200 OK", Some("")),
        ("POST /status HTTP/1.0", "405 Not Allowed", None),
        ("DELETE /status HTTP/1.0", "405 Not Allowed", None),
        ("GET /other HTTP/1.0", "200 OK", Some("x")),
    ] {
        // The connection before this one may still be counted.
        let answer = wait_for("the others to be gone", || {
            let answer = String::from_utf8_lossy(&longhaul.exchange(head(request))).into_owned();
            (body.is_none() || answer.contains("\r\nX-States: 1 0 1 0")).then_some(answer)
        });
        let (head, end) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
        if let Some(body) = body {
            assert!(end == body, "{request}: {answer}");
        }
    }
}

#[test]
fn a_tunnel_counts_once() {
    let peer = switched(|mut socket| socket.expect_end());
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location = /status { stub_status; } location / { proxy_pass http://%peer%; } }",
    );
    let mut client = open(&longhaul);
    wait_for("the tunnel", || answered(&longhaul).contains("Reading: 0 Writing: 2 Waiting: 0").then_some(()));
    client.half_close();
    client.expect_end();
    wait_for("its end", || answered(&longhaul).contains("Reading: 0 Writing: 1 Waiting: 0").then_some(()));
}

#[test]
fn what_tunnels_hold_is_counted() {
    const COUNT: usize = 100_000;
    let peer = switched(|mut socket| {
        // Short frames, which go through memory and not through a pipe: more than the kernel holds on the way.
        socket.send(plain(2, &[9; 100]).repeat(COUNT));
        socket.half_close();
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / { proxy_pass http://%peer%; } location /counts {
             return 200 \"$tunnels_active/$tunnels_pending_bytes/$tunnels_pending_refused/$tunnels_pipes_refused/\
             $tunnels_ring_overflows\"; } }",
    );
    let counts = || {
        let body = longhaul.get("/counts").split("\r\n\r\n").nth(1).unwrap_or_default().to_owned();
        body.split('/').map(|count| count.parse().expect("a number")).collect::<Vec<u64>>()
    };
    assert_eq!(counts(), [0; 5]);
    let mut client = open(&longhaul);
    client.shrink_receive_buffer(64 << 10);
    wait_for("bytes that wait", || (counts()[1] > 0).then_some(()));
    let now = counts();
    assert_eq!((now[0], &now[2..]), (1, &[0; 3][..]), "no bound is met");
    assert_eq!(client.read_to_end().len(), COUNT * 102);
    client.half_close();
    wait_for("the end", || (counts() == [0; 5]).then_some(()));
}
