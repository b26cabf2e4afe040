//! Reload, stop, reopen: what becomes of connections that are open.

use std::fs;

use rustix::process::Signal;

use super::support::{DEADLINE, Longhaul, Peer, Setup, Socket, head, http, masked, message, plain, upgrade, wait_for};

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols
    Upgrade: websocket
    Connection: Upgrade
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A peer that echoes the frame `ping` as `pong`, `count` times, in one tunnel.
fn echoing(count: usize) -> Peer {
    Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(SWITCHED));
        for _ in 0..count {
            socket.expect(masked(1, b"ping"));
            socket.send(plain(1, b"pong"));
        }
        socket.expect_gone();
    })
}

#[track_caller]
fn open(longhaul: &Longhaul) -> Socket {
    let mut client = longhaul.connect();
    client.send(upgrade("/ws", ""));
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    client
}

#[track_caller]
fn ping(client: &mut Socket) {
    client.send(masked(1, b"ping"));
    client.expect(plain(1, b"pong"));
}

#[track_caller]
fn body_of(longhaul: &Longhaul, target: &str) -> String {
    longhaul.get(target).split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
}

#[test]
fn after_hup_new_connections_get_the_new_generation_and_the_tunnel_stays() {
    let peer = echoing(2);
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { return 200 old; } location /ws { proxy_pass http://%peer%; } }");
    let mut tunnel = open(&longhaul);
    ping(&mut tunnel);
    assert_eq!(body_of(&longhaul, "/"), "old");
    longhaul.reload("server { listen %listen%; location / { return 200 new; } }");
    wait_for("the new generation", || (body_of(&longhaul, "/") == "new").then_some(()));
    ping(&mut tunnel);
    tunnel.half_close();
    tunnel.expect_end();
    longhaul.wait_for_log("exited with code 0");
}

#[test]
fn hup_takes_listeners_away_and_adds_others() {
    let longhaul = Setup::new().start("server { listen %listen%; return 200 one; }");
    longhaul.reload("server { listen %listen2%; return 200 two; }");
    let address = longhaul.setup().address("listen2");
    wait_for("the second listener", || std::net::TcpStream::connect(address).ok());
    let mut client = longhaul.connect_to("listen2");
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert!(client.read_to_end().ends_with(b"two"));
    let gone = longhaul.setup().address("listen");
    wait_for("the first listener to go", || std::net::TcpStream::connect(gone).err());
}

#[test]
fn a_reload_that_fails_keeps_the_running_generation_and_says_so() {
    let longhaul = Setup::new()
        .allow_in_log("unknown directive \"broken\"")
        .start("server { listen %listen%; location / { return 200 old; } }");
    longhaul.reload("server { listen %listen%; broken; }");
    let line = longhaul.wait_for_log("unknown directive \"broken\" in");
    assert!(line.contains("[emerg]"), "{line}");
    assert_eq!(body_of(&longhaul, "/"), "old");
    longhaul.reload("server { listen %listen%; location / { return 200 mended; } }");
    wait_for("the mended generation", || (body_of(&longhaul, "/") == "mended").then_some(()));
}

#[test]
fn an_idle_keep_alive_connection_is_closed_by_a_reload_or_served_by_the_old_generation() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200 old; } }");
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    assert!(client.read_answer().ends_with("old"));
    longhaul.reload("server { listen %listen%; location / { return 200 new; } }");
    wait_for("the new generation", || (body_of(&longhaul, "/") == "new").then_some(()));
    client.expect_end();
}

#[test]
fn quit_closes_idle_connections_finishes_requests_and_waits_for_tunnels() {
    let peer = Peer::start(|connections| {
        let mut tunnel = connections.accept();
        tunnel.read_head();
        tunnel.send(head(SWITCHED));
        let mut slow = connections.accept();
        slow.read_head();
        // Answers only after the tunnel has told it that the stop has begun.
        tunnel.expect(masked(1, b"stopping"));
        slow.send(message("HTTP/1.1 200 OK\nContent-Length: 4", b"done"));
        tunnel.send(plain(1, b"still here"));
        tunnel.expect_end();
    });
    let mut longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; } location /here { return 200 x; } }");
    let mut tunnel = open(&longhaul);
    let mut slow = longhaul.connect();
    slow.send(head("GET /slow HTTP/1.1\nHost: a"));
    let mut idle = longhaul.connect();
    idle.send(head("GET /here HTTP/1.1\nHost: a"));
    idle.read_answer();
    longhaul.signal(Signal::QUIT);
    idle.expect_end();
    let address = longhaul.setup().address("listen");
    wait_for("the listener to go", || std::net::TcpStream::connect(address).err());
    assert!(longhaul.is_running());
    tunnel.send(masked(1, b"stopping"));
    let answer = slow.read_answer();
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.ends_with("done"), "{answer}");
    tunnel.expect(plain(1, b"still here"));
    assert!(longhaul.is_running(), "a tunnel is open");
    tunnel.half_close();
    tunnel.expect_end();
    longhaul.expect_exit();
}

#[test]
fn term_and_int_cut_everything() {
    for signal in [Signal::TERM, Signal::INT] {
        let peer = echoing(1);
        let mut longhaul = Setup::new().peer(&peer).start(
            "server { listen %listen%; location / { return 200 x; } location /ws { proxy_pass http://%peer%; } }",
        );
        let mut tunnel = open(&longhaul);
        ping(&mut tunnel);
        let mut idle = longhaul.connect();
        idle.send(head("GET / HTTP/1.1\nHost: a"));
        idle.read_answer();
        longhaul.signal(signal);
        tunnel.expect_gone();
        idle.expect_gone();
        longhaul.expect_exit();
    }
}

#[test]
fn usr1_opens_the_logs_again() {
    let longhaul = Setup::new().start(
        "log_format u '$uri'; access_log %dir%/access.log u;
         server { listen %listen%; location / { return 200 x; } }",
    );
    longhaul.get("/1");
    longhaul.wait_for_lines("access.log", 1);
    let name = |name: &str| longhaul.dir().join(name);
    fs::rename(name("access.log"), name("access.1")).expect("rotated");
    fs::rename(name("error.log"), name("error.1")).expect("rotated");
    longhaul.signal(Signal::USR1);
    wait_for("new files", || (name("access.log").exists() && name("error.log").exists()).then_some(()));
    longhaul.get("/2");
    assert_eq!(longhaul.wait_for_lines("access.log", 1), "/2\n");
    assert_eq!(longhaul.file("access.1"), "/1\n");
}

#[test]
fn the_s_flag_sends_the_signals() {
    let mut longhaul = Setup::new().start("server { listen %listen%; location / { return 200 old; } }");
    longhaul.setup().write(&http("server { listen %listen%; location / { return 200 new; } }"));
    let send = |longhaul: &Longhaul, what: &str| {
        let output = longhaul.setup().command(&["-s", what]).output().expect("the binary runs");
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    };
    send(&longhaul, "reload");
    wait_for("the new generation", || (body_of(&longhaul, "/") == "new").then_some(()));
    fs::rename(longhaul.dir().join("error.log"), longhaul.dir().join("error.1")).expect("rotated");
    send(&longhaul, "reopen");
    wait_for("a new log", || longhaul.dir().join("error.log").exists().then_some(()));
    send(&longhaul, "quit");
    longhaul.expect_exit();
}

#[test]
fn the_pid_file_holds_the_number_and_goes_at_the_end() {
    let longhaul = Setup::new().start("server { listen %listen%; return 200 x; }");
    assert_eq!(longhaul.file("pid").trim(), longhaul.pid().to_string());
    longhaul.terminate();
}

#[test]
fn no_request_fails_while_generations_change() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200 x; } }");
    for number in 0..5 {
        longhaul.reload(&format!("server {{ listen %listen%; location / {{ return 200 generation-{number}; }} }}"));
        let wanted = format!("generation-{number}");
        wait_for("the next generation", || (body_of(&longhaul, "/") == wanted).then_some(()));
    }
}

#[test]
fn a_request_that_waits_for_its_turn_is_answered_before_the_end_and_told_of_it() {
    let mut longhaul = Setup::new().file("html/a", "abc").start(
        "limit_req_zone $server_name zone=z:1m rate=6r/m;
         server { listen %listen%; server_name s; root %dir%/html; limit_req zone=z burst=3;
             add_header X-Time $request_time; }",
    );
    let mut client = longhaul.connect();
    client.send(head("HEAD /a HTTP/1.1\nHost: a").repeat(2));
    assert!(client.read_head().contains("\r\nConnection: keep-alive\r\n"));
    longhaul.wait_for_log("delaying request");
    longhaul.signal(Signal::QUIT);
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert!(answer.contains("\r\nX-Time: ") && !answer.contains("\r\nX-Time: 0.000\r\n"), "{answer}");
    client.expect_end();
    longhaul.expect_exit();
}

#[test]
fn an_answer_that_has_begun_is_finished_after_a_reload_and_a_stop() {
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.read_head();
            // Exactly what a buffer holds.
            let mut begun = head("HTTP/1.1 200 OK\nConnection: close");
            begun.resize(512, b'x');
            socket.send(begun);
            goes_on.recv_timeout(DEADLINE).expect("the test's word");
            socket.send("the end");
        }
    });
    let body = "proxy_buffer_size 512; server { listen %listen%; location / { proxy_pass http://%peer%; }
                location /unbuffered { proxy_pass http://%peer%; proxy_buffering off; }";
    let mut longhaul = Setup::new().peer(&peer).start(&format!("{body} }}"));
    let begin = |longhaul: &Longhaul, target: &str| {
        let mut client = longhaul.connect();
        client.send(format!("GET {target} HTTP/1.0\r\n\r\n"));
        client.read_head();
        client.expect("x");
        client
    };
    let mut client = begin(&longhaul, "/");
    longhaul.reload(&format!("{body} location /generation {{ return 200 new; }} }}"));
    longhaul.wait_for_log("generation 2 serves new connections");
    go_on.send(()).expect("the peer waits");
    assert!(client.read_to_end().ends_with(b"xxthe end"));
    longhaul.wait_for_log("exited with code 0");
    let mut client = begin(&longhaul, "/unbuffered");
    longhaul.signal(Signal::QUIT);
    let address = longhaul.setup().address("listen");
    wait_for("the listener to go", || std::net::TcpStream::connect(address).err());
    go_on.send(()).expect("the peer waits");
    assert!(client.read_to_end().ends_with(b"xxthe end"));
    longhaul.expect_exit();
}
