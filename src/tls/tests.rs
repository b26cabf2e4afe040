//! A link against a link: no socket, every split.

use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::*;

fn configurations() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let server = server.unwrap().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (Arc::new(server), Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
}

fn pair() -> (Link, Link) {
    let (server, client) = configurations();
    (Link::server(server).unwrap(), Link::client(client, ServerName::try_from("localhost").unwrap()).unwrap())
}

/// Gives `bytes` to a link in pieces of so many; what it said, and what it answers.
fn give(link: &mut Link, bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>), Broken> {
    let (mut plain, mut answer) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        let mut incoming = Vec::new();
        link.begin(&mut incoming);
        incoming.extend_from_slice(piece);
        link.take(&mut incoming, |said| plain.extend_from_slice(said), &mut answer)?;
        assert!(incoming.is_empty());
    }
    Ok((plain, answer))
}

fn shake_hands(server: &mut Link, client: &mut Link, piece: usize) {
    let mut to_server = Vec::new();
    client.take(&mut Vec::new(), |_| (), &mut to_server).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        assert!(!to_server.is_empty(), "the handshake stands still");
        let (_, to_client) = give(server, &to_server, piece).unwrap();
        to_server = give(client, &to_client, piece).unwrap().1;
    }
}

/// Takes the plain bytes of handshake records apart into records of one byte.
fn in_crumbs(records: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = records;
    while let [kind, major, minor, high, low, after @ ..] = rest {
        let (body, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        for byte in body {
            out.extend([*kind, *major, *minor, 0, 1, *byte]);
        }
        rest = after;
    }
    out
}

#[test]
fn a_message_in_crumbs_holds_no_more_memory_than_a_message_may() {
    let (server, _) = configurations();
    let mut server = Link::server(server).unwrap();
    // The longest message that rustls takes, of which the last byte never comes.
    let mut message = vec![1, 0, 0xff, 0xff];
    message.resize(4 + 0xffff - 1, 0);
    let mut whole = Vec::new();
    for piece in message.chunks(1 << 14) {
        whole.extend([22, 3, 3]);
        whole.extend(u16::try_from(piece.len()).unwrap().to_be_bytes());
        whole.extend_from_slice(piece);
    }
    assert!(give(&mut server, &in_crumbs(&whole), 32 << 10).is_err());
    let held = format!("{server:?}");
    assert!(held.contains("partial_bytes: 0"), "{held}");
}

#[test]
fn bytes_arrive_however_they_are_cut() {
    for piece in [1, 7, 4096, usize::MAX] {
        let (mut server, mut client) = pair();
        shake_hands(&mut server, &mut client, piece);
        let said: Vec<u8> = (0..50_000u32).map(|n| n as u8).collect();
        let mut sealed = Vec::new();
        client.encrypt(&said, &mut sealed).unwrap();
        assert_eq!(give(&mut server, &sealed, piece).unwrap().0, said);
        let mut answer = Vec::new();
        server.encrypt(b"yes", &mut answer).unwrap();
        server.close(&mut answer);
        server.close(&mut answer);
        assert_eq!(give(&mut client, &answer, piece).unwrap().0, b"yes");
        assert!(client.is_closed() && !server.is_closed() && !server.is_within_record());
    }
}

#[test]
fn an_idle_link_keeps_no_bytes_and_may_speak_between_the_parts_of_a_record() {
    let (mut server, mut client) = pair();
    shake_hands(&mut server, &mut client, usize::MAX);
    let mut sealed = Vec::new();
    client.encrypt(b"question", &mut sealed).unwrap();
    let (begin, rest) = sealed.split_at(sealed.len() / 2);
    assert!(give(&mut server, begin, 3).unwrap().0.is_empty());
    assert!(server.is_within_record());
    let mut answer = Vec::new();
    server.encrypt(b"wait", &mut answer).unwrap();
    assert_eq!(give(&mut client, &answer, 5).unwrap().0, b"wait");
    assert_eq!(give(&mut server, rest, 3).unwrap().0, b"question");
    assert!(!server.is_within_record());
}

#[test]
fn what_is_no_tls_breaks_the_link_with_an_alert() {
    for garbage in
        [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &[0x16, 3, 3, 0xff, 0xff, 0, 0], &[0x16, 3, 3, 0, 4, 1, 0, 0, 0]]
    {
        let (mut server, _) = pair();
        let (mut incoming, mut answer) = (garbage.to_vec(), Vec::new());
        server.take(&mut incoming, |_| (), &mut answer).unwrap_err();
        assert_eq!(answer.first(), Some(&0x15), "an alert");
        // And stays so.
        server.take(&mut Vec::new(), |_| (), &mut Vec::new()).unwrap_err();
        server.encrypt(b"x", &mut Vec::new()).unwrap_err();
    }
}

#[test]
fn a_changed_byte_of_a_record_breaks_the_link() {
    let (mut server, mut client) = pair();
    shake_hands(&mut server, &mut client, usize::MAX);
    let mut sealed = Vec::new();
    client.encrypt(b"question", &mut sealed).unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    give(&mut server, &sealed, usize::MAX).unwrap_err();
}

#[test]
fn a_greeting_names_the_server_however_it_is_cut() {
    let (_, mut client) = pair();
    let mut hello = Vec::new();
    client.take(&mut Vec::new(), |_| (), &mut hello).unwrap();
    for step in [1, 50, hello.len()] {
        let mut greeting = Greeting::default();
        let mut found = None;
        for end in (step..=hello.len()).step_by(step).chain([hello.len()]) {
            if found.is_none() {
                found = greeting.look(&hello[..end], &mut Vec::new()).unwrap();
            }
        }
        assert_eq!(found.unwrap().server_name.as_deref(), Some("localhost"));
    }
    let mut alert = Vec::new();
    Greeting::default().look(&[0x16, 3, 3, 0, 4, 1, 0, 0, 0], &mut alert).unwrap_err();
    assert_eq!(alert.first(), Some(&0x15));
    assert!(begins_handshake(0x16) && begins_handshake(0x80) && !begins_handshake(b'G'));
}

#[test]
fn the_fields_of_a_certificate_are_openssls() {
    use super::certificate::{Certificate, one_line, rfc2253};
    use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber, date_time_ymd};
    let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::OrganizationName, "A, \"B\"");
    params.distinguished_name.push(DnType::CommonName, "a.example");
    params.serial_number = Some(SerialNumber::from(vec![0x81, 0x02]));
    params.not_before = date_time_ymd(2024, 2, 29);
    params.not_after = date_time_ymd(2055, 12, 1);
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let known = Certificate::read(made.der()).unwrap();
    assert_eq!(rfc2253(known.subject).unwrap(), "CN=a.example,O=A\\, \\\"B\\\",C=DE");
    assert_eq!(one_line(known.issuer).unwrap(), "/C=DE/O=A, \"B\"/CN=a.example");
    assert_eq!(known.serial_text(), "8102");
    assert_eq!(known.not_before.text().unwrap(), "Feb 29 00:00:00 2024 GMT");
    assert_eq!(known.not_before.seconds(), Some(1_709_164_800));
    assert_eq!(known.not_after.text().unwrap(), "Dec  1 00:00:00 2055 GMT");
    assert_eq!(known.common_name().as_deref(), Some("a.example"));
    assert!(!known.is_old && known.key.starts_with(&[0x30]));
    for end in 0..made.der().len() {
        assert!(Certificate::read(&made.der()[..end]).is_none());
    }
}

#[test]
fn names_of_peers_are_taken_out_of_what_is_written() {
    for (written, name) in
        [("a.example", "a.example"), ("a.example:8443", "a.example"), ("[::1]:443", "::1"), ("10.0.0.1:1", "10.0.0.1")]
    {
        assert_eq!(name_of(written).unwrap().to_str(), name);
    }
    assert!(name_of("").is_none() && name_of("a b").is_none());
}
