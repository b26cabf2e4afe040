//! `proxy_pass https://`: what peers see of TLS, whom they have to be, and which connections are used again.

use std::sync::mpsc;

use super::support::tls::{Identity, Issuer, Server};
use super::support::{Connections, Peer, Setup, Socket, head};

/// A peer that ends TLS and answers each request of each of so many connections with its serial number. The names that
/// were asked for come by the channel.
fn peer(identity: &Identity, connection_count: usize) -> (Peer, mpsc::Receiver<Option<String>>) {
    let server = Server::new(identity);
    let (told, names) = mpsc::channel();
    let peer = Peer::start(move |connections: Connections| {
        let mut open: Vec<Socket> = Vec::new();
        for number in 0..connection_count {
            let Ok((mut socket, name)) = server.try_accept(connections.accept().into_tcp()) else { continue };
            told.send(name).expect("somebody listens");
            while let Some(request) = socket.try_read_head() {
                socket.send(head("HTTP/1.1 200 OK\nContent-Length: 1"));
                socket.send(number.to_string());
                if request.contains("/last") {
                    break;
                }
            }
            open.push(socket);
        }
    });
    (peer, names)
}

#[test]
fn a_connection_is_used_again_and_no_name_is_told_unasked() {
    let (peer, names) = peer(&Identity::of("peer.example"), 2);
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / { proxy_pass https://%peer%; } \
         location /named { proxy_pass https://%peer%; proxy_ssl_server_name on; proxy_ssl_name named.example; } }",
    );
    assert!(longhaul.get("/a").ends_with('0'));
    assert!(longhaul.get("/last").ends_with('0'), "the first connection is used again");
    // What was made for another name does not serve this one.
    assert!(longhaul.get("/named").ends_with('1'));
    assert!(longhaul.get("/named/last").ends_with('1'));
    assert_eq!(names.iter().take(2).collect::<Vec<_>>(), [None, Some("named.example".to_owned())]);
    longhaul.stop();
}

#[test]
fn a_peer_has_to_be_who_it_says() {
    let issuer = Issuer::new("issuer");
    let (peer, names) = peer(&issuer.issue("peer.example"), 4);
    let longhaul = Setup::new()
        .peer(&peer)
        .file("ca.crt", issuer.certificate())
        .file("stranger.crt", Issuer::new("stranger").certificate())
        .start(
            "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.crt; proxy_ssl_session_reuse off;
             server { listen %listen%;
               location /right { proxy_pass https://%peer%; proxy_ssl_name peer.example; }
               location /name { proxy_pass https://%peer%; proxy_ssl_name other.example; }
               location /issuer { proxy_pass https://%peer%; proxy_ssl_name peer.example; \
                 proxy_ssl_trusted_certificate stranger.crt; }
               location /unchecked { proxy_pass https://%peer%; proxy_ssl_verify off; } }",
        );
    assert!(longhaul.get("/right/last").ends_with('0'));
    for (path, words) in [
        ("/name", "upstream SSL certificate does not match \"other.example\" while SSL handshaking to upstream"),
        ("/issuer", "upstream SSL certificate verify error: (20:unable to get local issuer certificate) while SSL"),
    ] {
        let answer = longhaul.get(path);
        assert!(answer.starts_with("HTTP/1.1 502 "), "{path}: {answer}");
        longhaul.wait_for_log(words);
    }
    assert!(longhaul.get("/unchecked/last").ends_with('3'));
    assert_eq!(names.iter().count(), 2);
    longhaul.stop();
}

#[test]
fn a_peer_s_chain_is_no_longer_than_the_location_says() {
    let issuer = Issuer::new("issuer");
    let (peer, _names) = peer(&issuer.issue_far_below("peer.example"), 2);
    let longhaul = Setup::new().peer(&peer).file("ca.crt", issuer.certificate()).start(
        "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.crt; proxy_ssl_name peer.example;
         server { listen %listen%; location / { proxy_pass https://%peer%; } \
           location /far { proxy_pass https://%peer%; proxy_ssl_verify_depth 2; } }",
    );
    assert!(longhaul.get("/").starts_with("HTTP/1.1 502 "));
    longhaul.wait_for_log("upstream SSL certificate verify error: (22:certificate chain too long) while SSL");
    assert!(longhaul.get("/far/last").ends_with('1'));
    longhaul.stop();
}

#[test]
fn a_certificate_that_signs_itself_is_trusted_if_it_is_in_the_file() {
    let own = Identity::of("peer.example");
    let (peer, _names) = peer(&own, 1);
    let longhaul = Setup::new().peer(&peer).file("own.crt", &own.certificate).start(
        "server { listen %listen%; location / { proxy_pass https://%peer%; proxy_ssl_name peer.example; \
         proxy_ssl_verify on; proxy_ssl_trusted_certificate own.crt; } }",
    );
    assert!(longhaul.get("/last").ends_with('0'));
    longhaul.stop();
}

#[test]
fn a_peer_that_speaks_no_tls_is_a_bad_gateway() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        socket.expect_gone();
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass https://%peer%; } }");
    assert!(longhaul.get("/").starts_with("HTTP/1.1 502 "));
    longhaul.wait_for_log("SSL_do_handshake() failed (SSL: ");
    longhaul.stop();
}

#[test]
fn an_answer_without_a_length_that_is_cut_is_no_whole_answer() {
    let server = Server::new(&Identity::of("peer.example"));
    let peer = Peer::start(move |connections| {
        for says_goodbye in [true, false] {
            let (mut socket, _) = server.try_accept(connections.accept().into_tcp()).expect("a handshake");
            socket.read_head();
            socket.send(head("HTTP/1.1 200 OK\nConnection: close"));
            socket.send("half");
            if says_goodbye {
                socket.half_close();
            } else {
                socket.tls().tcp().shutdown(std::net::Shutdown::Both).expect("connected");
            }
        }
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass https://%peer%; } }");
    let ask = || {
        let mut client = longhaul.connect();
        client.send(head("GET / HTTP/1.1\nHost: a"));
        client.read_head();
        client
    };
    assert_eq!(ask().read_chunked(), b"half");
    let mut cut = ask();
    assert!(!cut.read_until_gone().ends_with(b"0\r\n\r\n"), "an answer that was cut ends as if it were whole");
    longhaul.wait_for_log("upstream prematurely closed connection");
    longhaul.stop();
}

#[test]
fn the_scheme_may_be_a_variable() {
    let (peer, _names) = peer(&Identity::of("peer.example"), 1);
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / { set $to https://%peer%; proxy_pass $to; } \
         location /inner { if ($arg_a) { set $x 1; } proxy_pass https://%peer%; } }",
    );
    assert!(longhaul.get("/last").ends_with('0'));
    longhaul.stop();
}
