//! The name that a handshake was made for and the one that a request is for: what was proved to one server is not proved
//! to another, by the rules of nginx.

use super::support::tls::{Client, Issuer};
use super::support::{Longhaul, Setup, head};
use super::tls::with_certificate;
use super::tls_handshakes::openssl;

/// Two servers with one certificate: what they say beside it is given.
fn start(open: &str, guarded: &str) -> (Longhaul, Client, Client) {
    let known = Issuer::new("known");
    let (setup, own) = with_certificate(Setup::new().file("ca.crt", known.certificate()), "localhost");
    let body = format!(
        "ssl_certificate_key own.key; \
         server {{ listen %listen% ssl; server_name localhost; {open} return 200 open; }} \
         server {{ listen %listen% ssl; server_name guarded.example; {guarded} return 200 \"guarded $ssl_client_verify\"; }}"
    );
    let longhaul = setup.start(&body);
    let stranger = Client::new(&own.certificate, "localhost");
    let friend = Client::identified(&own.certificate, "localhost", &known.issue("friend"));
    (longhaul, stranger, friend)
}

const OWN: &str = "ssl_certificate own.crt;";
const ASKS: &str = "ssl_client_certificate ca.crt; ssl_verify_client on;";

fn ask(longhaul: &Longhaul, client: &Client, host: &str) -> String {
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send(head(&format!("GET / HTTP/1.1\nHost: {host}\nConnection: close")));
    String::from_utf8_lossy(&socket.read_to_end()).into_owned()
}

#[track_caller]
fn expect(answer: &str, status: &str, end: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(end), "{answer}");
}

#[test]
fn a_server_without_a_certificate_guards_itself_all_the_same() {
    let (longhaul, stranger, friend) = start(OWN, ASKS);
    // The default's handshake asks for nothing, so that nothing can be shown.
    for client in [stranger.without_name(), friend.without_name()] {
        let answer = ask(&longhaul, &client, "guarded.example");
        assert!(answer.contains("400 No required SSL certificate was sent"), "{answer}");
        expect(&ask(&longhaul, &client, "localhost"), "200", "open");
    }
    longhaul.stop();
}

#[test]
fn a_server_that_asks_for_nothing_is_open_to_clients_of_another_name() {
    // The first server has the handshake that asks, the second neither a certificate nor a wish.
    let (longhaul, stranger, _) = start(&format!("{OWN} {ASKS}"), "");
    expect(&ask(&longhaul, &stranger, "guarded.example"), "200", "guarded NONE");
    longhaul.stop();
}

#[test]
fn a_name_that_no_server_has_is_none() {
    let guarded = format!("{OWN} {ASKS}");
    let known = Issuer::new("known");
    let (setup, own) = with_certificate(Setup::new().file("ca.crt", known.certificate()), "localhost");
    let of = |name: &str| {
        format!(
            "server {{ listen %listen% ssl; server_name {name}; ssl_certificate_key own.key; {guarded} return 200 {name}; }}"
        )
    };
    let longhaul = setup.start(&(of("one.example") + &of("two.example")));
    let friend = Client::identified(&own.certificate, "localhost", &known.issue("friend"));
    expect(&ask(&longhaul, &friend, "one.example"), "200", "one.example");
    drop(longhaul);

    // Where one server has all names nothing is chosen by them.
    let (setup, own) = with_certificate(Setup::new().file("ca.crt", known.certificate()), "localhost");
    let longhaul = setup.start(&of("localhost"));
    let friend = Client::identified(&own.certificate, "localhost", &known.issue("friend"));
    expect(&ask(&longhaul, &friend, "elsewhere.example"), "200", "localhost");
    longhaul.stop();
}

#[test]
fn the_point_at_the_end_of_a_name_is_no_part_of_it() {
    let (longhaul, ..) = start(OWN, &format!("{OWN} ssl_client_certificate ca.crt; ssl_verify_client optional;"));
    let address = longhaul.setup().address("listen").to_string();
    for (name, status, end) in [
        ("guarded.example.", "200", "guarded NONE"),
        ("localhost.", "421", "</html>\r\n"),
        ("localhost", "421", "</html>\r\n"),
    ] {
        let Some(openssl) = openssl(&address, &["-servername", name, "-quiet"]) else { return };
        let answer =
            super::tls_handshakes::answer_of(openssl, "GET / HTTP/1.1\nHost: guarded.example\nConnection: close");
        expect(&answer, status, end);
    }
    longhaul.stop();
}
