//! How connections of `stream` end, and what stands in the log then.

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use super::stream::{file, start};
use super::support::{Longhaul, Peer, Setup, Socket, wait_for};

const END: &str = "log_format end '$status $tunnel_end $bytes_received $bytes_sent $upstream_bytes_sent \
                   $upstream_bytes_received'; access_log end.log end;";

#[track_caller]
fn log_line(longhaul: &Longhaul) -> String {
    longhaul.wait_for_lines("end.log", 1).trim_end().to_owned()
}

#[test]
fn the_end_of_the_client_is_the_end_of_both() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.send("hello");
        socket.expect("last words");
        socket.expect_end();
    });
    let longhaul = start(Setup::new().peer(&peer), &format!("{END} server {{ listen %listen%; proxy_pass %peer%; }}"));
    let mut client = longhaul.connect();
    client.expect("hello");
    client.send("last words");
    client.half_close();
    client.expect_end();
    assert_eq!(log_line(&longhaul), "200 client_closed 10 5 10 5");
}

#[test]
fn what_a_peer_sent_before_its_end_arrives_whole() {
    const BYTES: usize = 8 << 20;
    let peer = Peer::start(|connections| connections.accept().send(vec![b'x'; BYTES]));
    let longhaul = start(Setup::new().peer(&peer), &format!("{END} server {{ listen %listen%; proxy_pass %peer%; }}"));
    let mut client = longhaul.connect();
    assert!(client.read_to_end() == vec![b'x'; BYTES], "not what was sent");
    assert_eq!(log_line(&longhaul), format!("200 peer_closed 0 {BYTES} 0 {BYTES}"));
}

#[test]
fn with_proxy_half_close_the_other_side_goes_on() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("question");
        socket.expect_end();
        socket.send("answer");
    });
    let body = format!("{END} server {{ listen %listen%; proxy_pass %peer%; proxy_half_close on; }}");
    let longhaul = start(Setup::new().peer(&peer), &body);
    let mut client = longhaul.connect();
    client.send("question");
    client.half_close();
    client.expect("answer");
    client.expect_end();
    assert_eq!(log_line(&longhaul), "200 client_closed 8 6 8 6");
}

#[test]
fn a_reset_is_passed_on_as_one() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("x");
        socket.expect_gone();
    });
    let longhaul = start(Setup::new().peer(&peer), &format!("{END} server {{ listen %listen%; proxy_pass %peer%; }}"));
    let mut client = longhaul.connect();
    client.send("x");
    longhaul.expect_peer_connection();
    client.reset();
    let line = log_line(&longhaul);
    assert!(line.starts_with("200 client_reset "), "{line}");
}

#[test]
fn proxy_timeout_ends_a_quiet_connection() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.send("x");
        socket.expect_end();
    });
    let body = format!("{END} proxy_timeout 1s; server {{ listen %listen%; proxy_pass %peer%; }}");
    let longhaul = start(Setup::new().peer(&peer), &body);
    let mut client = longhaul.connect();
    client.expect("x");
    client.expect_end();
    assert_eq!(log_line(&longhaul), "200 idle 0 1 0 1");
}

#[test]
fn the_header_that_a_peer_is_sent_counts_as_sent_to_it_alone() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("PROXY UNKNOWN\r\n");
        socket.expect("abc");
    });
    let body = format!("{END} server {{ listen unix:%dir%/front.sock; proxy_pass %peer%; proxy_protocol on; }}");
    let longhaul = start(Setup::new().peer(&peer), &body);
    let front = longhaul.dir().join("front.sock");
    let mut client = Socket::unix(std::os::unix::net::UnixStream::connect(front).expect("a listener"));
    client.send("abc");
    client.expect_end();
    assert_eq!(log_line(&longhaul), "200 peer_closed 3 0 18 0");
}

#[test]
fn another_peer_is_tried_and_each_has_its_figures() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("abc");
        socket.send("defg");
    });
    let refusing = Peer::refusing();
    let body = "log_format figures '$upstream_addr $upstream_bytes_sent $upstream_bytes_received $status';
         access_log figures.log figures;
         upstream u { server %refusing% max_fails=0; server %peer% backup; }
         server { listen %listen%; proxy_pass u; }
         server { listen %listen2%; proxy_pass u; proxy_next_upstream off; }";
    let longhaul = start(Setup::new().with("refusing", refusing).peer(&peer), body);
    let mut refused = longhaul.connect_to("listen2");
    refused.expect_no_bytes();
    let line = longhaul.wait_for_lines("figures.log", 1);
    assert_eq!(line, format!("{refusing} 0 0 502\n"));
    let server = longhaul.setup().address("listen2");
    let told = longhaul.wait_for_log("connect() failed (111: Connection refused) while connecting to upstream");
    let tail = format!(
        ", client: 127.0.0.1, server: {server}, upstream: \"{refusing}\", bytes from/to client:0/0, bytes from/to \
         upstream:0/0"
    );
    assert!(told.ends_with(&tail), "{told}");
    let mut client = longhaul.connect();
    client.send("abc");
    client.expect("defg");
    client.expect_end();
    let lines = longhaul.wait_for_lines("figures.log", 2);
    let name = &peer.name;
    assert_eq!(lines.lines().nth(1), Some(&*format!("{refusing}, {name} 0, 3 0, 4 200")));
}

#[test]
fn the_times_of_a_connection_are_logged() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("x");
        socket.send("y");
        drop(socket);
        connections.accept().expect_end();
    });
    let longhaul = start(
        Setup::new().peer(&peer),
        "log_format times '$upstream_connect_time $upstream_first_byte_time $upstream_session_time $session_time';
         access_log times.log times; server { listen %listen%; proxy_pass %peer%; }",
    );
    let mut client = longhaul.connect();
    client.send("x");
    client.expect("y");
    client.expect_end();
    let is_time = |text: &str| text.parse::<f64>().is_ok_and(|time| (0.0..60.0).contains(&time));
    let line = longhaul.wait_for_lines("times.log", 1);
    let times: Vec<&str> = line.split_ascii_whitespace().collect();
    assert!(times.len() == 4 && times.iter().all(|time| is_time(time)), "{line}");
    // A peer that says nothing has no first byte.
    longhaul.connect().half_close();
    let lines = longhaul.wait_for_lines("times.log", 2);
    let silent: Vec<&str> = lines.lines().nth(1).unwrap_or_default().split(' ').collect();
    assert!(is_time(silent[0]) && silent[1] == "-" && is_time(silent[2]), "{lines}");
}

#[test]
fn a_path_of_variables_knows_the_end_and_a_log_that_is_named_is_there() {
    let peer = Peer::start(|connections| connections.accept().send("abc"));
    let longhaul = start(
        Setup::new().peer(&peer),
        "log_format sent $bytes_sent; access_log unused.log sent;
         server { listen %listen%; proxy_pass %peer%; access_log sent_$bytes_sent.log sent; }
         server { listen %listen2%; return x; access_log off; }",
    );
    assert!(longhaul.dir().join("unused.log").exists());
    longhaul.connect().read_to_end();
    assert_eq!(longhaul.wait_for_lines("sent_3.log", 1), "3\n");
    longhaul.connect_to("listen2").read_to_end();
    assert_eq!(longhaul.file("unused.log"), "");
}

#[test]
fn the_error_log_tells_of_each_connection_where_it_takes_info() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("question");
        socket.send("answer");
        drop(socket);
        connections.accept().expect_end();
    });
    let longhaul = start(
        Setup::new().peer(&peer),
        "server { listen %listen%; proxy_pass %peer%; error_log info.log info; }
         server { listen %listen2%; proxy_pass %peer%; proxy_timeout 1s; error_log info.log info; }",
    );
    let mut client = longhaul.connect();
    let (client_address, listener) = (client.local_address(), client.remote_address());
    client.send("question");
    client.expect("answer");
    client.expect_end();
    let text = longhaul.wait_for_lines("info.log", 3);
    let lines: Vec<&str> = text.lines().map(|line| line.split_once(" *").map_or(line, |(_, rest)| rest)).collect();
    assert!(lines[0].ends_with(&format!(" client {client_address} connected to {listener}")), "{text}");
    assert!(lines[1].contains(" proxy 127.0.0.1:"), "{text}");
    assert!(lines[1].ends_with(&format!(" connected to {}", peer.name)), "{text}");
    let end = " upstream disconnected, bytes from/to client:8/6, bytes from/to upstream:6/8";
    assert!(lines[2].ends_with(end), "{text}");
    let mut quiet = longhaul.connect_to("listen2");
    let listener = quiet.remote_address();
    quiet.expect_end();
    let text = longhaul.wait_for_lines("info.log", 6);
    let end = format!(
        " connection timed out (110: Connection timed out) while proxying connection, client: 127.0.0.1, server: \
         {listener}, upstream: \"{}\", bytes from/to client:0/0, bytes from/to upstream:0/0",
        peer.name
    );
    assert!(text.trim_end().ends_with(&end), "{text}");
}

#[test]
fn who_may_not_connect_is_closed_and_logged() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.send("hello");
        socket.expect_end();
        connections.accept().send("again");
    });
    let longhaul = start(
        Setup::new().peer(&peer).listen("listen3"),
        "log_format status '$status $limit_conn_status'; access_log status.log status;
         limit_conn_zone $binary_remote_addr zone=one:32k;
         server { listen %listen%; deny all; proxy_pass %peer%; }
         server { listen %listen2%; limit_conn one 1; proxy_pass %peer%; }
         server { listen %listen3% proxy_protocol; return x; }",
    );
    longhaul.connect().expect_no_bytes();
    assert_eq!(longhaul.wait_for_lines("status.log", 1), "403 -\n");
    longhaul.wait_for_log("access forbidden by rule, client: 127.0.0.1, server: ");
    let mut first = longhaul.connect_to("listen2");
    first.expect("hello");
    longhaul.connect_to("listen2").expect_no_bytes();
    assert_eq!(longhaul.wait_for_lines("status.log", 2), "403 -\n503 REJECTED\n");
    longhaul.wait_for_log("limiting connections by zone \"one\"");
    first.half_close();
    first.expect_end();
    longhaul.wait_for_lines("status.log", 3);
    let mut second = longhaul.connect_to("listen2");
    second.expect("again");
    second.expect_end();
    longhaul.wait_for_lines("status.log", 4);
    let mut broken = longhaul.connect_to("listen3");
    broken.send("no header\r\n");
    broken.expect_no_bytes();
    let lines = longhaul.wait_for_lines("status.log", 5);
    assert_eq!(lines, "403 -\n503 REJECTED\n200 PASSED\n200 PASSED\n400 -\n");
}

#[test]
fn a_value_leads_to_a_group_an_address_or_nowhere() {
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            connections.accept().send("here");
        }
    });
    let longhaul = start(
        Setup::new().peer(&peer).listen("listen3").listen("listen4"),
        "log_format status $status; access_log status.log status;
         upstream group { server %peer%; }
         map $server_addr $to { default Group; }
         map $server_addr $address { default %peer%; }
         server { listen %listen%; proxy_pass $to; }
         server { listen %listen2%; proxy_pass $address; }
         server { listen %listen3%; proxy_pass $hostname; }
         server { listen %listen4%; proxy_pass name.example:$server_port; }",
    );
    for (number, listener) in ["listen", "listen2"].into_iter().enumerate() {
        let mut client = longhaul.connect_to(listener);
        client.expect("here");
        client.expect_end();
        longhaul.wait_for_lines("status.log", number + 1);
    }
    longhaul.connect_to("listen3").expect_no_bytes();
    longhaul.wait_for_lines("status.log", 3);
    longhaul.wait_for_log("no port in upstream");
    longhaul.connect_to("listen4").expect_no_bytes();
    longhaul.wait_for_log("no resolver defined to resolve name.example");
    assert_eq!(longhaul.wait_for_lines("status.log", 4), "200\n200\n500\n500\n");
}

#[test]
fn a_reload_keeps_connections_and_a_stop_waits_for_them() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for _ in 0..3 {
            socket.expect("ping");
            socket.send("pong");
        }
        socket.expect_end();
    });
    let servers = "server { listen %listen%; proxy_pass %peer%; }
        server { listen %listen2%; access_log off; return old; }";
    let mut longhaul = start(Setup::new().peer(&peer), &format!("{END} {servers}"));
    let mut client = longhaul.connect();
    let mut ping = || {
        client.send("ping");
        client.expect("pong");
    };
    ping();
    longhaul.setup().write(&file("server { listen %listen2%; return new; }", ""));
    longhaul.signal(Signal::HUP);
    wait_for("the new generation", || (longhaul.connect_to("listen2").read_until_gone() == b"new").then_some(()));
    ping();
    longhaul.signal(Signal::QUIT);
    longhaul.wait_for_log("gracefully shutting down");
    ping();
    assert!(longhaul.is_running());
    client.half_close();
    client.expect_end();
    longhaul.expect_exit();
    assert_eq!(longhaul.file("end.log"), "200 client_closed 12 12 12 12\n");
}

#[test]
fn worker_shutdown_timeout_ends_what_is_left() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.send("x");
        socket.expect_end();
    });
    let body = format!("{END} server {{ listen %listen%; proxy_pass %peer%; }}");
    let text = format!("worker_shutdown_timeout 10ms;\n{}", file(&body, ""));
    let mut longhaul = Setup::new().peer(&peer).start_file(&text);
    let mut client = longhaul.connect();
    client.expect("x");
    longhaul.signal(Signal::QUIT);
    client.expect_end();
    longhaul.expect_exit();
    assert_eq!(longhaul.file("end.log"), "200 drained 0 1 0 1\n");
}

#[test]
fn five_hundred_connections_hold_and_end_without_a_trace() {
    const COUNT: usize = 500;
    // Two of them lie in this process for each, beside those of other tests.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the hard limit");
    let peer = Peer::start(|connections| {
        let mut sockets: Vec<Socket> = (0..COUNT).map(|_| connections.accept()).collect();
        for socket in &mut sockets {
            let line = socket.read_line();
            socket.send(line);
        }
        sockets.iter_mut().for_each(Socket::expect_end);
    });
    let longhaul = start(Setup::new().peer(&peer), "server { listen %listen%; proxy_pass %peer%; }");
    let mut clients: Vec<Socket> = (0..COUNT).map(|_| longhaul.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("{number}\n"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.expect(format!("{number}\n"));
    }
    let now = longhaul.open_now();
    assert_eq!((now.from_clients, now.to_peers), (COUNT, COUNT));
    drop(clients);
    longhaul.stop();
}
