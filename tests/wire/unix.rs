//! Unix sockets on either side.

use std::os::unix::net::UnixStream;

use super::support::{Peer, Setup, Socket, head, message};

#[test]
fn a_peer_on_a_unix_socket_named_in_every_way() {
    let setup = Setup::new();
    let path = setup.dir().join("peer.sock");
    let _peer = Peer::start_unix(&path, |connections| {
        for host in ["localhost", "localhost", "group", "localhost"] {
            let mut socket = connections.accept();
            let request = socket.read_head();
            assert!(request.contains(&format!("\r\nHost: {host}\r\n")), "{request}");
            let method = request.split(' ').next().expect("a method").to_owned();
            let body: &[u8] = if method == "HEAD" { b"" } else { b"from the unix socket" };
            let answer = message("HTTP/1.1 200 OK\nConnection: close", body);
            answer.chunks(30).for_each(|piece| socket.send(piece));
        }
    });
    let longhaul = setup.start(
        "upstream group { server unix:%dir%/peer.sock; }
         server { listen %listen%;
             location / { proxy_pass http://unix:%dir%/peer.sock; }
             location /group { proxy_pass http://group; }
             location /variable { proxy_pass http://$arg_to; }
         }",
    );
    let answer = longhaul.get("/");
    assert!(answer.ends_with("\r\n\r\nfrom the unix socket"), "{answer}");
    let answer = longhaul.exchange("HEAD / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"\r\n\r\n"));
    assert!(longhaul.get("/group").ends_with("from the unix socket"));
    let dir = longhaul.dir().display().to_string();
    assert!(longhaul.get(&format!("/variable?to=unix:{dir}/peer.sock:/")).ends_with("from the unix socket"));
}

#[test]
fn a_uri_after_the_socket_s_path() {
    let setup = Setup::new();
    let path = setup.dir().join("peer.sock");
    let _peer = Peer::start_unix(&path, |connections| {
        let mut socket = connections.accept();
        socket.expect_head("GET /inner/x HTTP/1.1\nHost: localhost");
        socket.send(head("HTTP/1.1 204 No Content"));
    });
    let longhaul =
        setup.start("server { listen %listen%; location /outer/ { proxy_pass http://unix:%dir%/peer.sock:/inner/; } }");
    assert!(longhaul.get("/outer/x").starts_with("HTTP/1.1 204 No Content\r\n"));
}

#[test]
fn a_listener_on_a_unix_socket() {
    let longhaul = Setup::new()
        .start("server { listen unix:%dir%/front.sock; listen %listen%; return 200 '$remote_addr $server_addr'; }");
    let mut client = Socket::unix(UnixStream::connect(longhaul.dir().join("front.sock")).expect("a listener"));
    client.send(head("GET / HTTP/1.1\nHost: a\nConnection: close"));
    let answer = String::from_utf8_lossy(&client.read_to_end()).into_owned();
    assert!(answer.ends_with(&format!("\r\n\r\nunix: unix:{}/front.sock", longhaul.dir().display())), "{answer}");
}

#[test]
fn a_unix_listener_with_the_proxy_protocol_is_trusted_as_unix() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; listen unix:%dir%/front.sock proxy_protocol; real_ip_header proxy_protocol;
             location / { return 200 $remote_addr,$proxy_protocol_addr; }
             location /trusted { set_real_ip_from unix:; error_page 404 =200 /answer; }
             location /answer { set_real_ip_from unix:; return 200 $remote_addr,$proxy_protocol_addr; } }",
    );
    for (target, expected) in [("/", "unix:,192.0.2.1"), ("/trusted", "192.0.2.1,192.0.2.1")] {
        let mut client = Socket::unix(UnixStream::connect(longhaul.dir().join("front.sock")).expect("a listener"));
        client.send(format!("PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\nGET {target} HTTP/1.0\r\n\r\n"));
        let answer = String::from_utf8_lossy(&client.read_to_end()).into_owned();
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{target}: {answer}");
    }
}
