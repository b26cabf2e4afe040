//! `proxy_ssl` in `stream`: what peers see of TLS, whom they have to be, and what becomes of a connection without one.

use std::io::Read;

use super::stream::start;
use super::support::tls::{Client, Identity, Issuer, Server};
use super::support::{Longhaul, Peer, Setup};
use super::tls::with_certificate;

/// All that the connection's peer says.
#[track_caller]
fn said(longhaul: &Longhaul, listener: &str) -> String {
    String::from_utf8(longhaul.connect_to(listener).read_to_end()).expect("text")
}

/// A peer that ends TLS, in the same process: it says what it saw.
const SEEING: &str = "server { listen unix:%dir%/peer.sock ssl; ssl_certificate own.crt; ssl_certificate_key own.key; \
     ssl_alpn first second; ssl_verify_client optional_no_ca; \
     return '$ssl_protocol [$ssl_server_name] [$ssl_alpn_protocol] $ssl_session_reused $ssl_client_s_dn'; }";

#[test]
fn bytes_go_both_ways_and_the_peer_s_end_is_passed_on() {
    const SIZE: usize = 3 << 20;
    let bytes = || (0..SIZE).map(|n| ((n * 31) >> 3) as u8).collect::<Vec<u8>>();
    let own = Identity::of("peer.example");
    let server = Server::new(&own);
    let peer = Peer::start(move |connections| {
        for _ in 0..3 {
            let (mut socket, name) = server.try_accept(connections.accept().into_tcp()).expect("a handshake");
            assert_eq!(name, None);
            let came = socket.read_exact(SIZE);
            assert!(came == bytes(), "what the client said was changed");
            socket.send(came);
            socket.half_close();
            socket.expect_end();
        }
    });
    let body = "log_format end '$status $bytes_received $bytes_sent $upstream_bytes_sent $upstream_bytes_received';
        access_log end.log end; proxy_ssl on; proxy_half_close on;
        server { listen %listen%; proxy_pass %peer%; }
        server { listen %listen2%; proxy_pass %peer%; proxy_upload_rate 64m; }
        server { listen %listen3% ssl; ssl_certificate own.crt; ssl_certificate_key own.key; proxy_pass %peer%; }";
    let (setup, trusted) = with_certificate(Setup::new().peer(&peer).listen("listen3"), "localhost");
    let longhaul = start(setup, body);
    let through = |mut socket: super::support::Socket| {
        socket.send(bytes());
        assert!(socket.read_exact(SIZE) == bytes(), "what the peer said was changed");
        socket.half_close();
        socket.expect_end();
    };
    through(longhaul.connect());
    through(longhaul.connect_to("listen2"));
    let client = Client::new(&trusted.certificate, "localhost");
    through(client.connect(longhaul.setup().address("listen3")));
    let line = format!("200 {SIZE} {SIZE} {SIZE} {SIZE}\n");
    assert_eq!(longhaul.wait_for_lines("end.log", 3), line.repeat(3));
    longhaul.stop();
}

#[test]
fn a_peer_is_told_the_name_the_protocols_and_who_asks_as_the_server_says() {
    let friend = Identity::of("friend");
    let body = format!(
        "{SEEING} proxy_ssl on; proxy_ssl_session_reuse off; upstream group {{ server unix:%dir%/peer.sock; }}
         server {{ listen %listen%; proxy_pass group; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2; }}
         server {{ listen %listen2%; proxy_pass unix:%dir%/peer.sock; proxy_ssl_server_name on; \
           proxy_ssl_name $protocol.example:443; proxy_ssl_alpn second first; proxy_ssl_certificate friend.crt; \
           proxy_ssl_certificate_key friend.key; }}"
    );
    let setup = Setup::new().file("friend.crt", &friend.certificate).file("friend.key", &friend.key);
    let longhaul = start(with_certificate(setup, "localhost").0, &body);
    assert_eq!(said(&longhaul, "listen"), "TLSv1.2 [group] [] . ");
    assert_eq!(said(&longhaul, "listen2"), "TLSv1.3 [tcp.example] [first] . CN=friend");
    longhaul.stop();
}

#[test]
fn a_second_handshake_is_short_unless_the_server_says_otherwise() {
    let body = format!(
        "{SEEING} proxy_ssl on; upstream group {{ server unix:%dir%/peer.sock; }}
         server {{ listen %listen%; proxy_pass group; }}
         server {{ listen %listen2%; proxy_pass group; proxy_ssl_session_reuse off; }}"
    );
    let longhaul = start(with_certificate(Setup::new(), "localhost").0, &body);
    for (listener, reused) in [("listen2", "."), ("listen2", "."), ("listen", "."), ("listen", "r")] {
        assert_eq!(said(&longhaul, listener), format!("TLSv1.3 [] [] {reused} "));
    }
    longhaul.stop();
}

#[test]
fn a_peer_has_to_be_who_it_says() {
    let issuer = Issuer::new("issuer");
    let own = issuer.issue("peer.example");
    let body = "log_format end '$status'; access_log end.log end;
        proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.crt; proxy_ssl_name peer.example;
        server { listen unix:%dir%/peer.sock ssl; access_log off; ssl_certificate own.crt; ssl_certificate_key own.key; return in; }
        server { listen %listen%; proxy_pass unix:%dir%/peer.sock; }
        server { listen %listen2%; proxy_pass unix:%dir%/peer.sock; proxy_ssl_name other.example; }
        server { listen %listen3%; proxy_pass unix:%dir%/peer.sock; proxy_ssl_trusted_certificate stranger.crt; }";
    let setup = Setup::new().listen("listen3").file("own.crt", &own.certificate).file("own.key", &own.key);
    let setup = setup.file("ca.crt", issuer.certificate()).file("stranger.crt", Issuer::new("stranger").certificate());
    let longhaul = start(setup, body);
    assert_eq!(said(&longhaul, "listen"), "in");
    assert_eq!(said(&longhaul, "listen2"), "");
    longhaul
        .wait_for_log("upstream SSL certificate does not match \"other.example\" while SSL handshaking to upstream");
    assert_eq!(said(&longhaul, "listen3"), "");
    longhaul
        .wait_for_log("upstream SSL certificate verify error: (20:unable to get local issuer certificate) while SSL");
    assert_eq!(longhaul.wait_for_lines("end.log", 3), "200\n502\n502\n");
    longhaul.stop();
}

#[test]
fn the_header_of_the_proxy_protocol_comes_before_the_handshake() {
    let server = Server::new(&Identity::of("peer.example"));
    let peer = Peer::start(move |connections| {
        let mut plain = connections.accept().into_tcp();
        let mut line = Vec::new();
        // Byte by byte, since what follows belongs to the handshake.
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            plain.read_exact(&mut byte).expect("a header");
            line.extend(byte);
        }
        let (mut socket, _) = server.try_accept(plain).expect("a handshake");
        socket.expect("first");
        socket.send(line);
        socket.half_close();
        socket.expect_end();
    });
    let body = "server { listen %listen%; proxy_pass %peer%; proxy_protocol on; proxy_ssl on; }";
    let longhaul = start(Setup::new().peer(&peer), body);
    let mut client = longhaul.connect();
    client.send("first");
    let (from, to) = (client.local_address(), client.remote_address());
    client.expect(format!("PROXY TCP4 {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port()));
    client.expect_end();
    longhaul.stop();
}

#[test]
fn a_peer_that_does_not_shake_hands_is_passed_over_and_hears_nothing_in_plain() {
    let plain = Peer::start(|connections| {
        let mut socket = connections.accept();
        // A greeting of TLS, and nothing of the client.
        assert_eq!(socket.read_exact(3), [0x16, 3, 1]);
        socket.send("220 what is this\r\n");
        socket.read_until_gone();
    });
    let silent = Peer::start(|connections| drop(connections.accept().read_until_gone()));
    let body = format!(
        "{SEEING} log_format end '$status $upstream_addr'; access_log end.log end; proxy_ssl on; proxy_connect_timeout 1s;
         upstream group {{ server %plain%; server unix:%dir%/peer.sock backup; }}
         server {{ listen %listen%; proxy_pass group; }}
         server {{ listen %listen2%; proxy_pass %silent%; }}"
    );
    let body = body.replacen("return", "access_log off; return", 1);
    let setup = Setup::new().with("plain", &plain.name).with("silent", &silent.name);
    let longhaul = start(with_certificate(setup, "localhost").0, &body);
    let mut client = longhaul.connect();
    client.send("secret");
    assert!(client.read_until_gone().starts_with(b"TLSv1.3 "));
    longhaul.wait_for_log("SSL_do_handshake() failed (SSL: ");
    assert_eq!(said(&longhaul, "listen2"), "");
    longhaul.wait_for_log("upstream timed out (110: Connection timed out) while SSL handshaking to upstream");
    let socket = longhaul.dir().join("peer.sock");
    let expected = format!("200 {}, unix:{}\n502 {}\n", plain.name, socket.display(), silent.name);
    assert_eq!(longhaul.wait_for_lines("end.log", 2), expected);
    longhaul.stop();
}

#[test]
fn what_a_peer_said_before_it_closed_arrives_whatever_the_client_sends() {
    let body = format!("{SEEING} server {{ listen %listen%; proxy_pass unix:%dir%/peer.sock; proxy_ssl on; }}");
    let longhaul = start(with_certificate(Setup::new(), "localhost").0, &body);
    for _ in 0..50 {
        let mut client = longhaul.connect();
        client.send("nobody reads this");
        assert!(client.read_until_gone().starts_with(b"TLSv1.3 "));
    }
    longhaul.stop();
}
