//! TLS on listeners of `stream`: what a client's handshake needs, which server it leads to, and how it ends.

use std::io::Write;
use std::net::TcpStream;

use super::stream::start;
use super::support::tls::{Client, Identity, Issuer};
use super::support::{Longhaul, Peer, Setup, Socket, wait_for};
use super::tls::with_certificate;
use super::tls_handshakes::{first_words, openssl, spoilt};

const CERTIFICATE: &str = "ssl_certificate own.crt; ssl_certificate_key own.key;";

/// With a certificate for `localhost`, and who trusts it.
#[track_caller]
fn start_secured(setup: Setup, body: &str) -> (Longhaul, Client) {
    let (setup, own) = with_certificate(setup, "localhost");
    let body = format!("{CERTIFICATE} log_format end '$status $ssl_server_name'; {body}");
    (start(setup, &body), Client::new(&own.certificate, "localhost"))
}

/// All that a server says by itself.
#[track_caller]
fn said(longhaul: &Longhaul, client: &Client) -> String {
    // An end without `close_notify` would be an error.
    let said = client.connect(longhaul.setup().address("listen")).read_to_end();
    String::from_utf8(said).expect("text")
}

/// A client that a server lets go after the handshake, without a word and without the end that a whole answer has.
#[track_caller]
fn is_let_go(longhaul: &Longhaul, client: &Client) {
    let mut socket = client.connect(longhaul.setup().address("listen"));
    assert!(!socket.expect_end_or_cut(), "it was told that this is all");
}

fn raw(longhaul: &Longhaul) -> Socket {
    longhaul.connect()
}

#[test]
fn a_peer_gets_what_a_client_of_either_version_says_as_plain_bytes() {
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.expect(b"\x00\xffping");
            socket.send("pong");
        }
    });
    let body = "access_log end.log tls; server { listen %listen% ssl; proxy_pass %peer%; }";
    let (setup, own) = with_certificate(Setup::new().peer(&peer), "localhost");
    let format = "log_format tls '$ssl_protocol $ssl_server_name [$ssl_alpn_protocol] $ssl_session_reused $ssl_client_verify \
                  $status $bytes_received $bytes_sent $tunnel_end';";
    let longhaul = start(setup, &format!("{CERTIFICATE} {format} {body}"));
    let versions =
        [Client::new(&own.certificate, "localhost"), Client::with_version_1_2(&own.certificate, "localhost")];
    for client in versions {
        let mut socket = client.connect(longhaul.setup().address("listen"));
        socket.send(b"\x00\xffping");
        socket.expect("pong");
        socket.expect_end();
    }
    let expected =
        ["TLSv1.3", "TLSv1.2"].map(|version| format!("{version} localhost [-] . NONE 200 6 4 peer_closed\n"));
    assert_eq!(longhaul.wait_for_lines("end.log", 2), expected.concat());
    longhaul.stop();
}

#[test]
fn a_text_is_said_whole_and_a_second_handshake_is_short() {
    let (longhaul, client) =
        start_secured(Setup::new(), "server { listen %listen% ssl; return '$ssl_cipher $ssl_session_reused'; }");
    assert!(said(&longhaul, &client).ends_with("_SHA384 ."));
    assert!(said(&longhaul, &client).ends_with("_SHA384 r"));
    longhaul.stop();
}

#[test]
fn the_half_closes_of_both_sides_are_passed_on() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("question");
        socket.expect_end();
        socket.send("answer");
    });
    let body = "server { listen %listen% ssl; proxy_pass %peer%; proxy_half_close on; }";
    let (longhaul, client) = start_secured(Setup::new().peer(&peer), body);
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send("question");
    socket.half_close();
    socket.expect("answer");
    socket.expect_end();
    longhaul.stop();
}

#[test]
fn much_goes_both_ways_unchanged_and_rates_hold() {
    const SIZE: usize = 3 << 20;
    let bytes = || (0..SIZE).map(|n| ((n * 31) >> 3) as u8).collect::<Vec<u8>>();
    let peer = Peer::start(move |connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            let came = socket.read_exact(SIZE);
            assert!(came == bytes(), "what the client said was changed");
            socket.send(came);
        }
    });
    let body = "server { listen %listen% ssl; proxy_pass %peer%; }
                server { listen %listen2% ssl; proxy_pass %peer%; proxy_download_rate 64m; }";
    let (longhaul, client) = start_secured(Setup::new().peer(&peer), body);
    for listener in ["listen", "listen2"] {
        let mut socket = client.connect(longhaul.setup().address(listener));
        socket.send(bytes());
        assert!(socket.read_to_end() == bytes(), "what the peer said was changed");
    }
    longhaul.stop();
}

#[test]
fn a_name_leads_to_its_server_with_all_that_holds_there() {
    let body = "access_log end.log end;
        server { listen %listen% ssl; server_name localhost; set $a default; return '$server_name $a'; }
        server { listen %listen%; server_name ~^(?<first>[a-z]+)\\.two\\.example$; set $a two; return '$first $a'; }
        server { listen %listen%; server_name *.three.example; access_log three.log end; deny all; return 'never'; }
        server { listen %listen%; server_name four.example; ssl_reject_handshake on; return 'never'; }";
    let names = ["localhost", "www.two.example", "a.three.example", "four.example", "unknown.example"];
    let own = Identity::of_all(&names);
    let setup = Setup::new().file("own.crt", &own.certificate).file("own.key", &own.key);
    let longhaul = start(setup, &format!("{CERTIFICATE} log_format end '$status $ssl_server_name'; {body}"));
    let of = |name: &str| Client::new(&own.certificate, name);
    assert_eq!(said(&longhaul, &of(names[0])), "localhost default");
    assert_eq!(said(&longhaul, &of("WWW.Two.example")), "www two");
    assert_eq!(said(&longhaul, &of(names[4])), "localhost default");
    assert_eq!(said(&longhaul, &of(names[0]).without_name()), "localhost default");
    is_let_go(&longhaul, &of(names[2]));
    assert_eq!(longhaul.wait_for_lines("three.log", 1), "403 a.three.example\n");
    longhaul.wait_for_log("access forbidden by rule, client: 127.0.0.1");
    let error = of(names[3]).try_connect(longhaul.setup().address("listen")).err().expect("it is refused");
    assert!(error.to_string().contains("UnrecognisedName"), "{error}");
    longhaul.stop();
}

#[test]
fn who_may_not_come_in_gets_no_handshake() {
    let body = "limit_conn_zone $binary_remote_addr zone=one:32k; access_log end.log end;
        server { listen %listen% ssl; server_name localhost; limit_conn one 1; proxy_pass %peer%; }
        server { listen %listen% ; server_name open.example; return open; }
        server { listen %listen2% ssl; deny all; return never; }";
    let peer = Peer::start(|connections| connections.accept().expect_end());
    let own = Identity::of_all(&["localhost", "open.example"]);
    let setup = Setup::new().file("own.crt", &own.certificate).file("own.key", &own.key).peer(&peer);
    let longhaul = start(setup, &format!("{CERTIFICATE} log_format end '$status $ssl_server_name'; {body}"));
    let client = Client::new(&own.certificate, "localhost");
    assert!(client.try_connect(longhaul.setup().address("listen2")).is_err());
    assert_eq!(longhaul.wait_for_lines("end.log", 1), "403 -\n");
    // One that has come to another server no longer counts at the default one.
    assert_eq!(said(&longhaul, &Client::new(&own.certificate, "open.example")), "open");
    let first = client.connect(longhaul.setup().address("listen"));
    longhaul.expect_peer_connection();
    assert!(client.try_connect(longhaul.setup().address("listen")).is_err());
    drop(first);
    let lines = longhaul.wait_for_lines("end.log", 4);
    assert_eq!(lines, "403 -\n200 open.example\n503 -\n200 localhost\n");
    longhaul.stop();
}

#[test]
fn clients_are_asked_for_certificates_and_no_peer_hears_of_those_without() {
    let (known, stranger) = (Issuer::new("known"), Issuer::new("stranger"));
    let body = "access_log end.log end; ssl_client_certificate ca.crt;
        server { listen %listen% ssl; ssl_verify_client on; proxy_pass %peer%; }
        server { listen %listen2% ssl; ssl_verify_client optional_no_ca; return '$ssl_client_verify'; }";
    let peer = Peer::start(|connections| connections.accept().send("in"));
    let (setup, own) = with_certificate(Setup::new().file("ca.crt", known.certificate()).peer(&peer), "localhost");
    let longhaul = start(setup, &format!("{CERTIFICATE} log_format end '$status $ssl_client_verify'; {body}"));
    let shown = |issuer: &Issuer| Client::identified(&own.certificate, "localhost", &issuer.issue("friend"));
    is_let_go(&longhaul, &Client::new(&own.certificate, "localhost"));
    longhaul.wait_for_log("client sent no required SSL certificate, client: ");
    is_let_go(&longhaul, &shown(&stranger));
    longhaul.wait_for_log("client SSL certificate verify error: (20:unable to get local issuer certificate), client: ");
    assert_eq!(said(&longhaul, &shown(&known)), "in");
    let mut unvouched = shown(&stranger).connect(longhaul.setup().address("listen2"));
    assert_eq!(unvouched.read_to_end(), b"FAILED:unable to get local issuer certificate");
    let expected = "500 NONE\n500 FAILED:unable to get local issuer certificate\n200 SUCCESS\n\
                    200 FAILED:unable to get local issuer certificate\n";
    assert_eq!(longhaul.wait_for_lines("end.log", 4), expected);
    longhaul.stop();
}

#[test]
fn a_protocol_is_the_server_s_best_or_the_handshake_ends() {
    let body =
        "access_log end.log end; server { listen %listen% ssl; ssl_alpn first second; return '[$ssl_alpn_protocol]'; }";
    let (setup, own) = with_certificate(Setup::new(), "localhost");
    let longhaul = start(setup, &format!("{CERTIFICATE} log_format end '$status'; {body}"));
    let offering = |names: &[&str]| Client::new(&own.certificate, "localhost").offering(names);
    assert_eq!(said(&longhaul, &offering(&["second", "other", "first"])), "[first]");
    assert_eq!(said(&longhaul, &offering(&["other", "second"])), "[second]");
    assert_eq!(said(&longhaul, &offering(&[])), "[]");
    let refused = offering(&["other"]).try_connect(longhaul.setup().address("listen"));
    let error = refused.err().expect("none is spoken").to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
    assert_eq!(longhaul.wait_for_lines("end.log", 4), "200\n200\n200\n500\n");
    longhaul.wait_for_log("SSL_do_handshake() failed (SSL: ");
    longhaul.stop();
}

#[test]
fn a_handshake_has_its_time() {
    let body = "ssl_handshake_timeout 1s; access_log end.log end; server { listen %listen% ssl; return never; }";
    let (longhaul, client) = start_secured(Setup::new(), body);
    let hello = first_words(&client);
    for bytes in [&b""[..], &hello[..10], &hello] {
        let mut socket = raw(&longhaul);
        socket.send(bytes);
        socket.expect_gone();
    }
    assert_eq!(longhaul.wait_for_lines("end.log", 3), "500 -\n500 -\n500 localhost\n");
    longhaul.wait_for_log("client timed out (110: Connection timed out) while SSL handshaking, client: 127.0.0.1");
    longhaul.stop();
}

#[test]
fn what_is_no_handshake_reaches_nobody() {
    let peer = Peer::start(|connections| connections.accept().expect("in"));
    let body = "access_log end.log end; server { listen %listen% ssl; proxy_pass %peer%; }";
    let (longhaul, client) = start_secured(Setup::new().peer(&peer), body);
    let mut socket = raw(&longhaul);
    socket.send("GET / HTTP/1.0\r\n\r\n");
    socket.expect_no_bytes();
    raw(&longhaul).half_close();
    longhaul.wait_for_log("SSL_do_handshake() failed (what came is no TLS) while SSL handshaking, client: 127.0.0.1");
    assert_eq!(longhaul.wait_for_lines("end.log", 2), "500 -\n500 -\n");
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send("in");
    socket.expect_end();
    longhaul.stop();
}

#[test]
fn broken_handshakes_leave_nothing_behind() {
    let (longhaul, client) = start_secured(Setup::new(), "server { listen %listen% ssl; return in; }");
    assert_eq!(said(&longhaul, &client), "in");
    let hello = first_words(&client);
    for number in 0..400 {
        let mut stream = TcpStream::connect(longhaul.setup().address("listen")).expect("it listens");
        stream.write_all(&spoilt(&hello, number)).expect("it takes them");
        if number % 3 > 0 {
            drop(stream);
        } else {
            Socket::tcp(stream).reset();
        }
    }
    longhaul.expect_all_closed();
    assert_eq!(said(&longhaul, &client), "in");
    longhaul.stop();
}

#[test]
fn the_header_of_the_proxy_protocol_comes_before_the_handshake() {
    let body = "server { listen %listen% ssl proxy_protocol; set_real_ip_from 127.0.0.1; return '$remote_addr'; }";
    let (longhaul, client) = start_secured(Setup::new(), body);
    let mut stream = TcpStream::connect(longhaul.setup().address("listen")).expect("it listens");
    stream.write_all(b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n").expect("it takes the header");
    assert_eq!(client.try_over(stream).expect("a handshake").read_to_end(), b"192.0.2.7");
    longhaul.stop();
}

#[test]
fn a_client_that_has_said_nothing_does_not_hold_a_shard_that_is_to_end() {
    let body = "access_log end.log end; server { listen %listen% ssl; return never; }";
    let (mut longhaul, client) = start_secured(Setup::new(), body);
    let mut silent = raw(&longhaul);
    assert_eq!(said(&longhaul, &client), "never");
    wait_for("the silent one to be accepted", || (longhaul.open_now().from_clients == 1).then_some(()));
    longhaul.signal(rustix::process::Signal::QUIT);
    silent.expect_gone();
    longhaul.expect_exit();
}

#[test]
fn the_openssl_client_shows_its_certificate_and_agrees_on_a_protocol() {
    let known = Issuer::new("known");
    let friend = known.issue("friend");
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.expect("ping\r\n\r\n");
            socket.send("pong");
        }
    });
    let setup = Setup::new().file("ca.crt", known.certificate()).file("friend.crt", &friend.certificate);
    let setup = setup.file("friend.key", &friend.key).peer(&peer);
    let body = "access_log end.log tls; ssl_alpn mqtt; ssl_verify_client on; ssl_client_certificate ca.crt;
        log_format tls '$ssl_protocol $ssl_alpn_protocol $ssl_client_verify $ssl_client_s_dn $ssl_server_name';
        server { listen %listen% ssl; proxy_pass %peer%; }";
    let (longhaul, _) = start_secured(setup, body);
    let address = longhaul.setup().address("listen").to_string();
    let file = |name: &str| longhaul.dir().join(name).display().to_string();
    let (certificate, key, trusted) = (file("friend.crt"), file("friend.key"), file("own.crt"));
    let mut expected = String::new();
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let own = ["-cert", &certificate, "-key", &key, "-CAfile", &trusted, "-verify_return_error"];
        let arguments =
            [&own[..], &[flag, "-alpn", "mqtt", "-servername", "localhost", "-quiet", "-no_ign_eof"]].concat();
        let Some(openssl) = openssl(&address, &arguments) else { return };
        assert_eq!(super::tls_handshakes::answer_of(openssl, "ping"), "pong", "{version}");
        expected += &format!("{version} mqtt SUCCESS CN=friend localhost\n");
    }
    assert_eq!(longhaul.wait_for_lines("end.log", 2), expected);
    longhaul.stop();
}
