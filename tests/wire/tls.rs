//! HTTP over TLS: the same answers as without, closed with `close_notify`, by either version; what is known of the
//! connection; and what is not TLS at all.

use std::io::Write;

use super::support::tls::{Client, Identity, Issuer};
use super::support::{Longhaul, Peer, Setup, head, message, wait_for};

pub fn with_certificate(setup: Setup, name: &str) -> (Setup, Identity) {
    let own = Identity::of(name);
    let setup = setup.file("own.crt", &own.certificate).file("own.key", &own.key);
    (setup, own)
}

/// A server with a certificate for `localhost`, and who trusts it.
pub fn start(setup: Setup, body: &str) -> (Longhaul, Client) {
    let (setup, own) = with_certificate(setup, "localhost");
    let longhaul = setup.start(body);
    (longhaul, Client::new(&own.certificate, "localhost"))
}

const SERVER: &str =
    "listen %listen% ssl; server_name localhost; ssl_certificate own.crt; ssl_certificate_key own.key;";

fn server(rest: &str) -> String {
    format!("server {{ {SERVER} {rest} }}")
}

#[test]
fn requests_of_either_version_are_answered_and_the_end_is_said() {
    let (setup, own) = with_certificate(Setup::new(), "localhost");
    let longhaul =
        setup.start(&server("return 200 \"$scheme $https $ssl_protocol $ssl_server_name $ssl_session_reused\";"));
    let address = longhaul.setup().address("listen");
    for (client, version) in [
        (Client::new(&own.certificate, "localhost"), "TLSv1.3"),
        (Client::with_version_1_2(&own.certificate, "localhost"), "TLSv1.2"),
    ] {
        let mut socket = client.connect(address);
        for _ in 0..3 {
            socket.send(head("GET / HTTP/1.1\nHost: localhost"));
            let answer = socket.read_answer();
            assert!(answer.ends_with(&format!("https on {version} localhost .")), "{answer}");
        }
        socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
        // An end without `close_notify` would be an error.
        assert!(socket.read_to_end().ends_with(b" localhost ."));
    }
    longhaul.stop();
}

#[test]
fn a_second_connection_of_a_client_has_a_short_handshake() {
    let (longhaul, client) = start(Setup::new(), &server("return 200 \"reused $ssl_session_reused\";"));
    let address = longhaul.setup().address("listen");
    for expected in [".", "r"] {
        let mut socket = client.connect(address);
        socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
        let answer = socket.read_to_end();
        assert!(answer.ends_with(format!("reused {expected}").as_bytes()), "{}", String::from_utf8_lossy(&answer));
    }
    longhaul.stop();
}

#[test]
fn large_bodies_go_both_ways_unchanged() {
    const SIZE: usize = 3 << 20;
    let body = move || (0..SIZE).map(|n| ((n * 31) >> 3) as u8).collect::<Vec<u8>>();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        let came = socket.read_exact(SIZE);
        assert!(came == body(), "the request's body was changed");
        socket.send(head(&format!("HTTP/1.1 200 OK\nContent-Length: {SIZE}")));
        socket.send(came);
    });
    let setup = Setup::new().peer(&peer);
    let (longhaul, client) = start(setup, &server("client_max_body_size 0; location / { proxy_pass http://%peer%; }"));
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send(head(&format!("POST / HTTP/1.1\nHost: localhost\nContent-Length: {SIZE}")));
    socket.send(body());
    socket.read_head();
    assert!(socket.read_exact(SIZE) == body(), "the answer's body was changed");
    drop(socket);
    longhaul.stop();
}

#[test]
fn files_and_compressed_answers_are_encrypted_too() {
    let text: String = (0..200_000).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    let setup = Setup::new().file("html/a.txt", &text);
    let (longhaul, client) = start(setup, &server("location / { root html; gzip on; gzip_types *; }"));
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send(head("GET /a.txt HTTP/1.1\nHost: localhost"));
    let answer = socket.read_head();
    assert!(answer.contains("\r\nContent-Length: 200000\r\n"), "{answer}");
    assert!(socket.read_exact(text.len()) == text.as_bytes(), "the file was changed");
    socket.send(head("GET /a.txt HTTP/1.1\nHost: localhost\nRange: bytes=23-45"));
    socket.read_head();
    assert_eq!(socket.read_exact(23), &text.as_bytes()[23..46]);
    socket.send(head("GET /a.txt HTTP/1.1\nHost: localhost\nAccept-Encoding: gzip"));
    let answer = socket.read_head();
    assert!(answer.contains("\r\nContent-Encoding: gzip\r\n"), "{answer}");
    assert!(socket.read_chunked().starts_with(&[0x1f, 0x8b]));
    drop(socket);
    longhaul.stop();
}

#[test]
fn pipelined_requests_are_all_answered() {
    let (longhaul, client) =
        start(Setup::new(), &server("keepalive_requests 1000; return 200 \"$connection_requests.\";"));
    let mut socket = client.connect(longhaul.setup().address("listen"));
    let one = head("GET / HTTP/1.1\nHost: localhost");
    socket.send(one.repeat(500));
    for number in 1..=500 {
        let answer = socket.read_answer();
        assert!(answer.ends_with(&format!("\r\n\r\n{number}.")), "{answer}");
    }
    drop(socket);
    longhaul.stop();
}

#[test]
fn plain_http_on_an_encrypted_port_gets_a_page_that_says_so() {
    let (longhaul, client) =
        start(Setup::new(), &server("error_page 497 =200 /plain; location = /plain { return 200 \"use $scheme\"; }"));
    assert!(longhaul.get("/").ends_with("use http"));
    drop((longhaul, client));
    let (longhaul, _) = start(Setup::new(), &server("return 200 secret;"));
    let answer = longhaul.get("/");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("<center>The plain HTTP request was sent to HTTPS port</center>"), "{answer}");
    assert!(longhaul.file("error.log").contains("client sent plain HTTP request to HTTPS port"));
    longhaul.stop();
}

#[test]
fn a_virtual_server_is_chosen_by_the_name_that_the_client_asks_for() {
    let names = ["one.example", "two.example"];
    let owned = names.map(Identity::of);
    let mut setup = Setup::new();
    for (name, own) in names.iter().zip(&owned) {
        setup = setup.file(&format!("{name}.crt"), &own.certificate).file(&format!("{name}.key"), &own.key);
    }
    let of = |name: &str| {
        format!(
            "server {{ listen %listen% ssl; server_name {name}; ssl_certificate {name}.crt; ssl_certificate_key {name}.key; \
             return 200 \"{name} for $ssl_server_name\"; }}"
        )
    };
    let third = "server { listen %listen%; server_name three.example; return 200 third; }";
    let longhaul = setup.start(&(names.map(of).concat() + third));
    let address = longhaul.setup().address("listen");
    let ask = |client: &Client, host: &str| {
        let mut socket = client.connect(address);
        socket.send(head(&format!("GET / HTTP/1.1\nHost: {host}\nConnection: close")));
        String::from_utf8_lossy(&socket.read_to_end()).rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
    };
    for (name, own) in names.iter().zip(&owned) {
        let client = Client::new(&own.certificate, name);
        assert_eq!(ask(&client, name), format!("{name} for {name}"));
        // `Host` has the last word on what answers.
        assert_eq!(ask(&client, "three.example"), "third");
    }
    let unnamed = Client::new(&owned[0].certificate, names[0]).without_name();
    assert_eq!(ask(&unnamed, names[1]), "two.example for ");
    assert!(
        Client::new(&owned[1].certificate, "three.example").try_connect(address).is_err(),
        "the default's is shown"
    );
    longhaul.stop();
}

#[test]
fn refused_handshakes_end_with_the_alert_for_unknown_names() {
    let body = "server { listen %listen% ssl; ssl_reject_handshake on; }".to_owned() + &server("return 200 ok;");
    let (longhaul, client) = start(Setup::new(), &body);
    let address = longhaul.setup().address("listen");
    let error = client.without_name().try_connect(address).err().expect("it is refused").to_string();
    assert!(error.contains("UnrecognisedName"), "{error}");
    longhaul.stop();
}

#[test]
fn clients_are_asked_for_certificates() {
    let known = Issuer::new("known");
    let stranger = Issuer::new("stranger");
    let body = server(
        "ssl_client_certificate ca.crt; ssl_verify_client on; error_page 495 496 =200 /none; \
         location / { return 200 \"$ssl_client_verify $ssl_client_s_dn $ssl_client_i_dn\"; } \
         location = /none { return 200 \"$status refused $ssl_client_verify\"; }",
    );
    let (setup, own) = with_certificate(Setup::new().file("ca.crt", known.certificate()), "localhost");
    let longhaul = setup.start(&body);
    let address = longhaul.setup().address("listen");
    let ask = |client: Client| {
        let mut socket = client.connect(address);
        socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
        String::from_utf8_lossy(&socket.read_to_end()).rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
    };
    let shown = |issuer: &Issuer| Client::identified(&own.certificate, "localhost", &issuer.issue("friend"));
    assert_eq!(ask(shown(&known)), "SUCCESS CN=friend CN=known");
    assert_eq!(ask(shown(&stranger)), "200 refused FAILED:unable to get local issuer certificate");
    assert_eq!(ask(Client::new(&own.certificate, "localhost")), "200 refused NONE");
    assert!(
        longhaul
            .file("error.log")
            .contains("client SSL certificate verify error: (20:unable to get local issuer certificate)")
    );
    longhaul.stop();
}

#[test]
fn a_protocol_is_agreed_on_or_the_handshake_ends() {
    let (setup, own) = with_certificate(Setup::new(), "localhost");
    let longhaul = setup.start(&server("return 200 \"[$ssl_alpn_protocol]\";"));
    let address = longhaul.setup().address("listen");
    let client = || Client::new(&own.certificate, "localhost");
    let mut socket = client().offering(&["h2", "http/1.1"]).connect(address);
    assert_eq!(socket.tls().client().alpn_protocol(), Some(&b"http/1.1"[..]));
    socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
    assert!(socket.read_to_end().ends_with(b"[http/1.1]"));
    assert!(client().offering(&["h2"]).try_connect(address).is_err());
    longhaul.stop();
}

#[test]
fn an_idle_connection_rests_and_goes_on() {
    let (longhaul, client) = start(Setup::new(), &server("return 200 \"$connection_requests $connections_parked\";"));
    let address = longhaul.setup().address("listen");
    let mut resting = client.connect(address);
    resting.send(head("GET / HTTP/1.1\nHost: localhost"));
    resting.read_answer();
    wait_for("the connection to be parked", || {
        let mut other = client.connect(address);
        other.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
        other.read_to_end().ends_with(b"1 1").then_some(())
    });
    for number in 2..4 {
        resting.send(head("GET / HTTP/1.1\nHost: localhost"));
        let answer = resting.read_answer();
        assert!(answer.contains(&format!("\r\n\r\n{number} ")), "{answer}");
    }
    drop(resting);
    longhaul.stop();
}

#[test]
fn the_header_of_the_proxy_protocol_comes_before_the_handshake() {
    let body = "server { listen %listen% ssl proxy_protocol; ssl_certificate own.crt; ssl_certificate_key own.key; \
                return 200 \"$proxy_protocol_addr $https\"; }";
    let (longhaul, client) = start(Setup::new(), body);
    let mut stream = std::net::TcpStream::connect(longhaul.setup().address("listen")).expect("it listens");
    stream.write_all(b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n").expect("it takes the header");
    let mut socket = client.try_over(stream).expect("a handshake");
    socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
    assert!(socket.read_to_end().ends_with(b"192.0.2.7 on"));
    longhaul.stop();
}

#[test]
fn redirects_name_the_scheme_and_leave_its_own_port_out() {
    let (longhaul, client) = start(Setup::new(), &server("port_in_redirect off; location /a { return 301 /b; }"));
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send(head("GET /a HTTP/1.1\nHost: localhost\nConnection: close"));
    let answer = String::from_utf8_lossy(&socket.read_to_end()).into_owned();
    assert!(answer.contains("\r\nLocation: https://localhost/b\r\n"), "{answer}");
    longhaul.stop();
}

#[test]
fn a_peer_s_answer_that_nobody_wants_to_the_end_does_not_hold_the_connection() {
    let peer = Peer::once("GET / HTTP/1.1\nHost: %peer%", message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"));
    let (longhaul, client) = start(Setup::new().peer(&peer), &server("location / { proxy_pass http://%peer%; }"));
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send(head("GET / HTTP/1.1\nHost: localhost"));
    assert!(socket.read_answer().ends_with("ok"));
    drop(socket);
    longhaul.stop();
}

#[test]
fn two_servers_with_one_file_of_ticket_keys_take_each_other_s_tickets() {
    let second = SERVER.replace("%listen%", "%listen2%");
    let body = format!(
        "ssl_session_ticket_key shared.key; server {{ {SERVER} return 200 \"$ssl_session_reused\"; }} \
         server {{ {second} ssl_session_timeout 1h; return 200 \"$ssl_session_reused\"; }}"
    );
    let (longhaul, client) = start(Setup::new().file("shared.key", [7; 80]), &body);
    for (listener, expected) in [("listen", "."), ("listen2", "r")] {
        let mut socket = client.connect(longhaul.setup().address(listener));
        socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
        let answer = socket.read_to_end();
        assert!(answer.ends_with(expected.as_bytes()), "{listener}: {}", String::from_utf8_lossy(&answer));
    }
    longhaul.stop();
}

#[test]
fn a_client_s_chain_is_no_longer_than_the_server_says() {
    let known = Issuer::new("known");
    let far = known.issue_far_below("far");
    for (depth, expected) in [
        ("", "FAILED:certificate chain too long"),
        ("ssl_verify_depth 2;", "SUCCESS"),
        ("ssl_verify_depth 10;", "SUCCESS"),
    ] {
        let (setup, own) = with_certificate(Setup::new().file("ca.crt", known.certificate()), "localhost");
        let longhaul = setup.start(&server(&format!(
            "ssl_client_certificate ca.crt; ssl_verify_client optional; {depth} error_page 495 =200 /bad; \
             location / {{ return 200 \"$ssl_client_verify\"; }}"
        )));
        let client = Client::identified(&own.certificate, "localhost", &far);
        let mut socket = client.connect(longhaul.setup().address("listen"));
        socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
        let answer = String::from_utf8_lossy(&socket.read_to_end()).into_owned();
        assert!(answer.ends_with(expected), "{depth}: {answer}");
        if depth.is_empty() {
            longhaul.wait_for_log("client SSL certificate verify error: (22:certificate chain too long)");
        }
        longhaul.stop();
    }
}

#[test]
fn a_certificate_of_the_file_itself_is_taken_from_a_client() {
    let friend = Identity::of("friend");
    let setup = Setup::new().file("friends.crt", &friend.certificate);
    let (setup, own) = with_certificate(setup, "localhost");
    let body = server(
        "ssl_trusted_certificate friends.crt; ssl_verify_client optional_no_ca; return 200 \"$ssl_client_verify\";",
    );
    let longhaul = setup.start(&body);
    let ask = |shown: &Identity| {
        let client = Client::identified(&own.certificate, "localhost", shown);
        let mut socket = client.connect(longhaul.setup().address("listen"));
        socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
        String::from_utf8_lossy(&socket.read_to_end()).rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
    };
    assert_eq!(ask(&friend), "SUCCESS");
    assert_eq!(ask(&Identity::of("stranger")), "FAILED:self-signed certificate");
    longhaul.stop();
}

#[test]
fn the_end_of_an_answer_that_is_cut_is_not_said() {
    let peer = Peer::start(|connections| {
        for end in ["", "0\r\n\r\n"] {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked"));
            socket.send(format!("4\r\nhalf\r\n{end}"));
        }
    });
    let setup = Setup::new().peer(&peer);
    let (longhaul, client) = start(setup, &server("location / { proxy_pass http://%peer%; }"));
    for is_cut in [true, false] {
        let mut socket = client.connect(longhaul.setup().address("listen"));
        socket.send(head("GET / HTTP/1.0\nHost: localhost"));
        assert!(!socket.read_head().contains("Content-Length"));
        assert_eq!(socket.read_exact(4), b"half");
        // For want of a length nothing but TLS tells the one from the other.
        assert_eq!(socket.expect_end_or_cut(), !is_cut);
    }
    longhaul.stop();
}

#[test]
fn idle_clients_are_told_of_the_end() {
    let (longhaul, client) = start(Setup::new(), &server("return 200 \"$connections_parked\";"));
    let address = longhaul.setup().address("listen");
    let ask = || {
        let mut socket = client.connect(address);
        socket.send(head("GET / HTTP/1.1\nHost: localhost"));
        let answer = socket.read_answer();
        (socket, answer)
    };
    let (mut resting, _) = ask();
    wait_for("the connection to be parked", || ask().1.ends_with("\r\n\r\n1").then_some(()));
    let (mut waiting, _) = ask();
    longhaul.signal(rustix::process::Signal::QUIT);
    // Without `close_notify` the end would be an error.
    resting.expect_end();
    waiting.expect_end();
    let mut longhaul = longhaul;
    longhaul.expect_exit();
}
