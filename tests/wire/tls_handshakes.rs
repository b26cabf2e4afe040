//! Handshakes that are late, cut, broken or many, and certificates that cannot be used.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use super::support::tls::{Client, Identity};
use super::support::{DEADLINE, Longhaul, Setup, Socket, head};
use super::tls::{start, with_certificate};

const BODY: &str = "server { listen %listen% ssl; server_name localhost; ssl_certificate own.crt; ssl_certificate_key own.key; \
                    return 200 hello; }";

/// What a client says first.
pub fn first_words(client: &Client) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.connection().write_tls(&mut bytes).expect("into memory");
    bytes
}

/// The same with one of several faults, or with none.
pub fn spoilt(hello: &[u8], number: usize) -> Vec<u8> {
    let mut bytes = hello.to_vec();
    match number % 4 {
        0 => bytes.truncate(number % hello.len()),
        1 => bytes[number % hello.len()] ^= 0x55,
        2 => bytes.extend_from_slice(b"\x16\x03\x03\x00\x04none"),
        _ => {}
    }
    bytes
}

fn raw(longhaul: &Longhaul) -> TcpStream {
    let stream = TcpStream::connect(longhaul.setup().address("listen")).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
    stream.set_nodelay(true).expect("no delay");
    stream
}

fn still_serves(longhaul: &Longhaul, client: &Client) {
    let mut socket = client.connect(longhaul.setup().address("listen"));
    socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
    assert!(socket.read_to_end().ends_with(b"hello"));
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let (longhaul, client) = start(Setup::new(), BODY);
    let mut stream = raw(&longhaul);
    let mut connection = client.connection();
    let mut asked = false;
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let mut bytes = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut bytes).expect("into memory");
        }
        for byte in bytes {
            stream.write_all(&[byte]).expect("it takes a byte");
        }
        if !connection.is_handshaking() && !asked {
            asked = true;
            connection.writer().write_all(&head("GET / HTTP/1.1\nHost: localhost")).expect("into memory");
            continue;
        }
        connection.read_tls(&mut stream).expect("an answer");
        let state = connection.process_new_packets().expect("TLS");
        let mut said = vec![0; state.plaintext_bytes_to_read()];
        connection.reader().read_exact(&mut said).expect("what is there");
        answer.extend(said);
    }
    drop(stream);
    longhaul.stop();
}

#[test]
fn a_client_that_goes_within_its_greeting_leaves_nothing_behind() {
    let (longhaul, client) = start(Setup::new(), BODY);
    let hello = first_words(&client);
    for end in (0..hello.len()).step_by(7) {
        let mut stream = raw(&longhaul);
        stream.write_all(&hello[..end]).expect("it takes them");
        stream.shutdown(Shutdown::Write).expect("connected");
        let mut rest = Vec::new();
        // Closed, with or without a reset: nobody is there to be told anything.
        let _ = stream.read_to_end(&mut rest);
    }
    still_serves(&longhaul, &client);
    longhaul.stop();
}

#[test]
fn a_thousand_broken_handshakes_leave_no_descriptor() {
    let (longhaul, client) = start(Setup::new(), BODY);
    still_serves(&longhaul, &client);
    let hello = first_words(&client);
    for number in 0..1000 {
        let mut stream = raw(&longhaul);
        stream.write_all(&spoilt(&hello, number)).expect("it takes them");
        if number % 3 > 0 {
            stream.shutdown(Shutdown::Write).expect("connected");
            let _ = stream.read_to_end(&mut Vec::new());
        } else {
            Socket::tcp(stream).reset();
        }
    }
    longhaul.expect_all_closed();
    still_serves(&longhaul, &client);
    longhaul.stop();
}

#[test]
fn a_client_that_goes_within_its_handshake_leaves_nothing_behind() {
    let (longhaul, client) = start(Setup::new(), BODY);
    for last in 0..40 {
        let mut stream = raw(&longhaul);
        let mut connection = client.connection();
        connection.write_tls(&mut stream).expect("it takes the greeting");
        while connection.is_handshaking() {
            connection.read_tls(&mut stream).expect("an answer");
            connection.process_new_packets().expect("TLS");
        }
        let mut bytes = Vec::new();
        connection.write_tls(&mut bytes).expect("into memory");
        stream.write_all(&bytes[..last.min(bytes.len())]).expect("it takes them");
    }
    still_serves(&longhaul, &client);
    longhaul.stop();
}

#[test]
fn what_is_broken_gets_an_alert() {
    let (longhaul, client) = start(Setup::new(), BODY);
    let hello = first_words(&client);
    let mut cases = vec![
        // A record that is too long, an unknown kind of message, an empty message.
        [&[0x16, 3, 1, 0xff, 0xff][..], &[1; 100]].concat(),
        vec![0x16, 3, 1, 0, 4, 99, 0, 0, 0],
        vec![0x16, 3, 1, 0, 4, 1, 0, 0, 0],
        // A greeting of SSLv2.
        vec![0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10],
    ];
    // A greeting whose lengths contradict each other.
    let mut bent = hello.clone();
    bent[43] = 0xff;
    cases.push(bent);
    for bytes in cases {
        let mut stream = raw(&longhaul);
        stream.write_all(&bytes).expect("it takes them");
        stream.shutdown(Shutdown::Write).expect("connected");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer[0] == 0x15, "{bytes:x?}: {answer:x?}");
    }
    still_serves(&longhaul, &client);
    longhaul.stop();
}

#[test]
fn a_record_that_was_changed_ends_the_connection() {
    let (longhaul, client) = start(Setup::new(), BODY);
    let mut socket = client.connect(longhaul.setup().address("listen"));
    let mut tcp = socket.tls().tcp().try_clone().expect("a second handle");
    tcp.write_all(&[0x17, 3, 3, 0, 32]).expect("it takes them");
    tcp.write_all(&[7; 32]).expect("it takes them");
    // By an alert, which is an error to the reader, or cut.
    socket.send_until_gone(b"x");
    drop((socket, tcp));
    still_serves(&longhaul, &client);
    longhaul.stop();
}

#[test]
fn many_shake_hands_at_once() {
    let (setup, own) = with_certificate(Setup::new(), "localhost");
    let longhaul = setup.start(BODY);
    let address = longhaul.setup().address("listen");
    let clients: Vec<_> = (0..64)
        .map(|_| {
            let trusted = own.certificate.clone();
            thread::spawn(move || {
                let mut socket = Client::new(&trusted, "localhost").connect(address);
                socket.send(head("GET / HTTP/1.1\nHost: localhost\nConnection: close"));
                assert!(socket.read_to_end().ends_with(b"hello"));
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().expect("a good end"));
    longhaul.stop();
}

#[test]
fn a_silent_client_is_closed_after_client_header_timeout() {
    let body = format!("client_header_timeout 1s; {BODY}");
    let (longhaul, client) = start(Setup::new(), &body);
    let hello = first_words(&client);
    for bytes in [&b""[..], &hello[..10]] {
        let mut stream = raw(&longhaul);
        stream.write_all(bytes).expect("it takes them");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{answer:x?}");
    }
    longhaul.stop();
}

/// OpenSSL's own client. Where it is missing the test says that it is skipped, and fails if it may not be.
pub fn openssl(address: &str, arguments: &[&str]) -> Option<Child> {
    let started = Command::new("openssl")
        .args(["s_client", "-connect", address])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    match started {
        Ok(child) => Some(child),
        Err(error) => {
            let is_required = std::env::var_os("LONGHAUL_REQUIRE_CLIENTS").is_some_and(|value| value == "1");
            assert!(!is_required, "openssl could not be started: {error}");
            eprintln!("skipped: openssl could not be started ({error})");
            None
        }
    }
}

/// What it is answered, up to the end of the connection.
pub fn answer_of(mut openssl: Child, request: &str) -> String {
    let mut input = openssl.stdin.take().expect("a pipe");
    input.write_all(&head(request)).expect("it takes them");
    let mut answer = String::new();
    openssl.stdout.take().expect("a pipe").read_to_string(&mut answer).expect("text");
    drop(input);
    openssl.wait().expect("our child");
    answer
}

#[test]
fn the_openssl_client_is_served_and_may_not_renegotiate() {
    let (longhaul, client) = start(Setup::new(), BODY);
    let address = longhaul.setup().address("listen").to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = ["-servername", "localhost", version, "-quiet", "-no_ign_eof"];
        let Some(openssl) = openssl(&address, &arguments) else { return };
        let answer = answer_of(openssl, "GET / HTTP/1.0\nHost: localhost");
        assert!(answer.ends_with("hello"), "{version}: {answer}");
    }
    let Some(mut openssl) = openssl(&address, &["-tls1_2"]) else { return };
    let mut input = openssl.stdin.take().expect("a pipe");
    // It asks for another handshake, is told no, and ends.
    input.write_all(b"R\n").expect("it takes them");
    let output = openssl.wait_with_output().expect("our child");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("RENEGOTIATING") && told.contains("no renegotiation"), "{told}");
    still_serves(&longhaul, &client);
    longhaul.stop();
}

/// What a start says of a configuration that cannot be.
fn refusal(setup: &Setup, body: &str) -> String {
    setup.write(&super::support::http(body));
    let output = setup.command(&["-t"]).output().expect("the binary starts");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn certificates_that_cannot_be_used_are_told_at_the_start() {
    let (one, other) = (Identity::of("one"), Identity::of("other"));
    let setup = Setup::new()
        .file("one.crt", &one.certificate)
        .file("one.key", &one.key)
        .file("other.key", &other.key)
        .file("locked.key", include_str!("../../src/tls/testdata/pkcs8.key"))
        .file("passwords", "wrong\n\nalso wrong\n")
        .file("empty", "");
    let with = |certificate: &str, key: &str| {
        format!("server {{ listen %listen% ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; }}")
    };
    let place = "/nginx.conf:";
    for (certificate, key, words) in [
        ("none.crt", "one.key", "[emerg] cannot load certificate \""),
        ("none.crt", "one.key", "none.crt\": BIO_new_file() failed (2: No such file or directory) in "),
        ("empty", "one.key", "empty\": PEM_read_bio_X509_AUX() failed (no start line"),
        ("one.crt", "none.key", "[emerg] cannot load certificate key \""),
        ("one.crt", "empty", "empty\": PEM_read_bio_PrivateKey() failed (no start line"),
        (
            "one.crt",
            "locked.key",
            "locked.key\": it has a password: name the file that holds it by `ssl_password_file`",
        ),
        ("one.crt", "other.key", "other.key\") failed (SSL: key values mismatch) in "),
    ] {
        let told = refusal(&setup, &with(certificate, key));
        assert!(told.contains(words) && told.contains(place), "{words}\n{told}");
    }
    let one = "server { listen %listen% ssl; ssl_certificate one.crt; ssl_certificate_key one.key; ";
    for (lines, words) in [
        ("ssl_verify_client on; ssl_client_certificate none", "none\") failed (2: No such file or directory: check"),
        ("ssl_verify_client on; ssl_client_certificate empty", "empty\") failed (no certificate found"),
        ("ssl_trusted_certificate none", "[emerg] SSL_CTX_load_verify_locations(\""),
        ("ssl_crl none", "[emerg] X509_LOOKUP_load_file(\""),
        ("ssl_verify_depth x", "[emerg] \"ssl_verify_depth\" directive invalid number in "),
    ] {
        let told = refusal(&setup, &format!("{one} {lines}; }}"));
        assert!(told.contains(words), "{lines}: {told}");
    }
    let told = refusal(&setup, &format!("ssl_password_file passwords; {}", with("one.crt", "locked.key")));
    assert!(told.contains("locked.key\": bad decrypt: no line of the password file opens it"), "{told}");
    let told = refusal(&setup, "server { listen %listen% ssl; }");
    assert!(told.contains("no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive"), "{told}");
    let told = refusal(&setup, "server { listen %listen% ssl; ssl_certificate one.crt; }");
    assert!(told.contains("no \"ssl_certificate_key\" is defined for certificate \""), "{told}");
}
