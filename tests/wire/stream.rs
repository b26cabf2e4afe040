//! `stream`: connections that are passed on as they are, and texts.

use std::os::unix::net::UnixStream;

use super::support::{Longhaul, Peer, Setup, Socket};

/// A whole file with this `stream` block, and lines behind it.
pub fn file(body: &str, behind: &str) -> String {
    format!(
        "daemon off;\nworker_processes 1;\nworker_rlimit_nofile 4096;\n%user%\nerror_log error.log info;\npid pid;\n\
         events {{ worker_connections 2048; }}\nstream {{\n{body}\n}}\n{behind}\n"
    )
}

/// Starts on the body of a `stream` block.
#[track_caller]
pub fn start(setup: Setup, body: &str) -> Longhaul {
    setup.start_file(&file(body, ""))
}

/// All that a server says by itself.
#[track_caller]
fn said(longhaul: &Longhaul, listener: &str) -> String {
    String::from_utf8(longhaul.connect_to(listener).read_to_end()).expect("text")
}

#[test]
fn return_sends_its_text_and_closes() {
    let longhaul = start(
        Setup::new(),
        "map $remote_addr $kind { 127.0.0.1 near; default far; }
         server { listen %listen%; set $a 'a$kind'; return '$protocol $remote_addr $kind $a $server_port\n'; }
         server { listen %listen2%; return ''; }",
    );
    let mut client = longhaul.connect();
    let port = client.remote_address().port();
    assert_eq!(client.read_to_end(), format!("TCP 127.0.0.1 near anear {port}\n").into_bytes());
    assert_eq!(said(&longhaul, "listen2"), "");
}

#[test]
fn a_text_is_not_lost_to_what_the_client_says_unasked() {
    let longhaul = start(Setup::new(), "server { listen %listen% proxy_protocol; return text; }");
    let mut client = longhaul.connect();
    // The header lets the server wait until there is more than it will read.
    client.send([&b"PROXY UNKNOWN\r\n"[..], &[b'x'; 100_000]].concat());
    assert_eq!(client.read_to_end(), b"text");
}

#[test]
fn bytes_go_both_ways_as_they_are() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect(b"\x00\xffGET / HTTP/1.1\r\n\r\n");
        socket.send(b"\r\n\x81\x05");
        socket.expect(b"again");
        socket.send("bye");
    });
    let longhaul = start(Setup::new().peer(&peer), "server { listen %listen%; proxy_pass %peer%; }");
    let mut client = longhaul.connect();
    client.send(b"\x00\xffGET / HTTP/1.1\r\n\r\n");
    client.expect(b"\r\n\x81\x05");
    client.send("again");
    client.expect("bye");
    client.expect_end();
}

#[test]
fn a_peer_that_speaks_first_is_heard() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.send("220 ready\r\n");
        socket.expect("QUIT\r\n");
    });
    let longhaul =
        start(Setup::new().peer(&peer), "upstream u { server %peer%; } server { listen %listen%; proxy_pass u; }");
    let mut client = longhaul.connect();
    client.expect("220 ready\r\n");
    client.send("QUIT\r\n");
    client.expect_end();
}

#[test]
fn unix_sockets_on_both_sides() {
    let setup = Setup::new();
    let _peer = Peer::start_unix(&setup.dir().join("peer.sock"), |connections| {
        let mut socket = connections.accept();
        socket.expect("ping");
        socket.send("pong");
    });
    let body = "server { listen unix:%dir%/front.sock; proxy_pass unix:%dir%/peer.sock; }
                server { listen unix:%dir%/said.sock; return '$remote_addr $server_addr'; }";
    let longhaul = start(setup, body);
    let connect = |name: &str| Socket::unix(UnixStream::connect(longhaul.dir().join(name)).expect("a listener"));
    let mut client = connect("front.sock");
    client.send("ping");
    client.expect("pong");
    client.expect_end();
    let expected = format!("unix: unix:{}/said.sock", longhaul.dir().display());
    assert_eq!(connect("said.sock").read_to_end(), expected.into_bytes());
}

#[test]
fn proxy_protocol_tells_the_peer_who_the_client_is() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let line = socket.read_line();
        socket.expect("first");
        socket.send(line);
    });
    let longhaul = start(Setup::new().peer(&peer), "server { listen %listen%; proxy_pass %peer%; proxy_protocol on; }");
    let mut client = longhaul.connect();
    client.send("first");
    let (from, to) = (client.local_address(), client.remote_address());
    client.expect(format!("PROXY TCP4 {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port()));
    client.expect_end();
}

#[test]
fn a_client_without_an_address_is_unknown_to_the_peer() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("PROXY UNKNOWN\r\nfirst");
    });
    let longhaul = start(
        Setup::new().peer(&peer),
        "server { listen unix:%dir%/front.sock; proxy_pass %peer%; proxy_protocol on; }",
    );
    let mut client = Socket::unix(UnixStream::connect(longhaul.dir().join("front.sock")).expect("a listener"));
    client.send("first");
    client.expect_end();
}

#[test]
fn a_header_that_comes_in_is_believed_where_its_sender_is_trusted() {
    let longhaul = start(
        Setup::new(),
        "server { listen %listen% proxy_protocol; set_real_ip_from 127.0.0.1;
             return '$remote_addr:$remote_port $realip_remote_addr $proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr'; }
         server { listen %listen2% proxy_protocol; return '$remote_addr $proxy_protocol_addr'; }",
    );
    let header = "PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n";
    let mut client = longhaul.connect();
    client.send(header);
    let expected: &[u8] = b"192.0.2.1:123 127.0.0.1 192.0.2.1:123 192.0.2.2";
    assert_eq!(client.read_to_end(), expected);
    let mut client = longhaul.connect_to("listen2");
    client.send(header);
    assert_eq!(client.read_to_end(), b"127.0.0.1 192.0.2.1");
    let mut client = longhaul.connect_to("listen2");
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.expect_no_bytes();
    longhaul.wait_for_log("broken header: \"GET / HTTP/1.0\" while reading PROXY protocol");
}

/// A server of `stream` in front of one of `http`, over unix sockets, each with the PROXY protocol: what the server behind
/// takes for the client.
#[test]
fn the_client_s_address_passes_through_unix_sockets() {
    let setup = Setup::new().listen("untold").listen("told").listen("http");
    let body = "server { listen unix:%dir%/untold.sock proxy_protocol; return $remote_addr:$proxy_protocol_addr; }
         server { listen unix:%dir%/told.sock proxy_protocol; return $remote_addr:$proxy_protocol_addr;
             set_real_ip_from unix:; }
         server { listen %http%; proxy_pass unix:%dir%/http.sock; proxy_protocol on; }
         server { listen %untold%; proxy_pass unix:%dir%/untold.sock; proxy_protocol on; }
         server { listen %told%; proxy_pass unix:%dir%/told.sock; proxy_protocol on; }";
    let behind = "http { access_log off; server { listen unix:%dir%/http.sock proxy_protocol;
             real_ip_header proxy_protocol;
             location / { return 200 $remote_addr,$proxy_protocol_addr; }
             location /trusted { set_real_ip_from unix:; error_page 404 =200 /answer; }
             location /answer { set_real_ip_from unix:; return 200 $remote_addr; } } }";
    let longhaul = setup.start_file(&file(body, behind));
    assert_eq!(said(&longhaul, "untold"), "unix::127.0.0.1");
    assert_eq!(said(&longhaul, "told"), "127.0.0.1:127.0.0.1");
    for (target, expected) in [("/", "unix:,127.0.0.1"), ("/trusted", "127.0.0.1")] {
        let mut client = longhaul.connect_to("http");
        client.send(format!("GET {target} HTTP/1.0\r\nHost: a\r\n\r\n"));
        let answer = String::from_utf8_lossy(&client.read_to_end()).into_owned();
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{target}: {answer}");
    }
}

#[test]
fn least_conn_counts_connections_while_they_are_open() {
    // Each peer says who it is to one after the other, and holds each until it ends.
    let peer = |name: &'static str, count: usize| {
        Peer::start(move |connections| {
            for _ in 0..count {
                let mut socket = connections.accept();
                socket.send(name);
                socket.expect_end();
            }
        })
    };
    let (first, second) = (peer("a", 1), peer("b", 3));
    let longhaul = start(
        Setup::new().with("first", &first.name).with("second", &second.name),
        "log_format status $status; access_log status.log status;
         upstream u { least_conn; zone u 64k; server %first%; server %second%; }
         server { listen %listen%; proxy_pass u; }",
    );
    let mut held = longhaul.connect();
    held.expect("a");
    for count in 1..=3 {
        let mut client = longhaul.connect();
        client.expect("b");
        client.half_close();
        client.expect_end();
        longhaul.wait_for_lines("status.log", count);
    }
}
