//! `ssl_*` and `proxy_ssl_*`.

use super::*;
use crate::model::{Serving, TlsCipher, TlsCurve, TlsServer, TlsVersion, VerifyClient};

fn only_server(serving: &Serving) -> &TlsServer {
    assert_eq!(serving.tls_servers.len(), 1);
    &serving.tls_servers[0]
}

#[test]
fn a_server_has_the_certificate_of_the_level_around_it() {
    let text = "http { ssl_certificate a.crt; ssl_certificate_key a.key; ssl_session_timeout 1h;
        server { listen 443 ssl; ssl_verify_client optional_no_ca; }
        server { listen 444 ssl; ssl_certificate b.crt; ssl_certificate_key b.key; ssl_session_cache shared:a:1m; }
        server { listen 445 ssl; ssl_verify_client optional_no_ca; } }";
    let serving = generation(text).serving;
    let [first, second] = &serving.tls_servers[..] else { panic!("two servers differ") };
    assert!(first.certificates[0].certificate.ends_with("a.crt") && first.certificates[0].key.ends_with("a.key"));
    assert_eq!(first.verify_client, VerifyClient::OptionalNoCa);
    assert_eq!(first.session_timeout.as_secs(), 3600);
    assert!(second.certificates[0].certificate.ends_with("b.crt"));
    assert_eq!((first.session_count_max, second.session_count_max), (0, 4096));
    let ids: Vec<_> =
        serving.listeners.iter().map(|listener| (listener.ssl, listener.servers[0].tls.unwrap().0)).collect();
    assert_eq!(ids, [(true, 0), (true, 1), (true, 0)]);
}

fn server_with(lines: &str) -> Serving {
    generation(&format!("http {{ server {{ listen 443 ssl; ssl_certificate a; ssl_certificate_key b; {lines} }} }}"))
        .serving
}

#[test]
fn protocols_ciphers_and_curves_are_openssls() {
    let ciphers = |list: &str| only_server(&server_with(&format!("ssl_ciphers {list};"))).terms.ciphers.clone();
    assert_eq!(ciphers("HIGH:!aNULL:!MD5").len(), 6);
    assert_eq!(ciphers("DEFAULT@SECLEVEL=1").len(), 6);
    assert_eq!(ciphers("ECDHE-RSA-AES128-GCM-SHA256"), [TlsCipher::EcdheRsaAes128GcmSha256]);
    assert_eq!(
        ciphers("ECDHE+CHACHA20:ECDHE+AES256:!aRSA"),
        [TlsCipher::EcdheEcdsaChacha20Poly1305, TlsCipher::EcdheEcdsaAes256GcmSha384]
    );
    assert_eq!(ciphers("ALL:-AESGCM"), [TlsCipher::EcdheEcdsaChacha20Poly1305, TlsCipher::EcdheRsaChacha20Poly1305]);
    let terms = |lines: &str| only_server(&server_with(lines)).terms.clone();
    assert_eq!(terms("ssl_protocols TLSv1.3 TLSv1.2;").versions, [TlsVersion::V12, TlsVersion::V13]);
    assert_eq!(terms("ssl_protocols TLSv1 TLSv1.2;").versions, [TlsVersion::V12]);
    assert_eq!(terms("ssl_ecdh_curve secp384r1:X448:X25519;").curves, [TlsCurve::P384, TlsCurve::X25519]);
    let told = warnings(
        "http { ssl_protocols TLSv1 TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256; \
         ssl_ecdh_curve X448:X25519; }",
    );
    for words in ["\"TLSv1\" is not spoken", "left out: DHE-RSA-AES128-GCM-SHA256", "left out: X448"] {
        assert!(told.iter().any(|told| told.contains(words)), "{words}: {told:?}");
    }
}

#[test]
fn values_are_checked() {
    for (lines, words) in [
        ("ssl_protocols SSLv3;", "\"ssl_protocols\" directive names no protocol that is spoken here"),
        ("ssl_protocols TLSv2;", "\"ssl_protocols\" directive invalid value"),
        ("ssl_ciphers aNULL;", "no cipher match"),
        ("ssl_ecdh_curve P-224;", "Unknown curve name (\"P-224\")"),
        ("ssl_session_cache shared:SSL;", "invalid session cache \"shared:SSL\""),
        ("ssl_verify_client perhaps;", "invalid value \"perhaps\""),
        ("ssl_verify_client on;", "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client"),
        ("ssl_certificate $host.crt;", "\"ssl_certificate\" with variables is not supported yet"),
        ("ssl_certificate c.crt;", "no \"ssl_certificate_key\" is defined for certificate"),
    ] {
        let text = format!("http {{ server {{ listen 443 ssl; ssl_certificate a; ssl_certificate_key b; {lines} }} }}");
        assert!(fault(&text).starts_with(words), "{lines}: {}", fault(&text));
    }
    let lacking = "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive";
    assert_eq!(fault("http { server { listen 443 ssl; } }"), lacking);
    let rejecting =
        "http { server { listen 443 ssl; ssl_reject_handshake on; } server { listen 443; server_name a; } }";
    assert_eq!(fault(rejecting), lacking);
    generation("http { server { listen 443 ssl; ssl_reject_handshake on; } }");
}

#[test]
fn peers_are_spoken_to_as_their_location_says() {
    let text = "http { proxy_ssl_server_name on; server {
        location /a { proxy_pass https://127.0.0.1; }
        location /b { proxy_pass https://127.0.0.1; proxy_ssl_session_reuse off; if ($arg_a) { set $x 1; } }
        location /c { proxy_pass http://127.0.0.1; proxy_ssl_certificate none; } } }";
    let serving = generation(text).serving;
    let root = &serving.listeners[0].servers[0].root;
    let peers: Vec<_> = root.children.iter().map(|location| location.tls_peer.map(|id| id.0)).collect();
    assert_eq!(peers, [Some(0), Some(1), None]);
    assert_eq!(root.children[1].if_blocks[0].tls_peer.map(|id| id.0), Some(1));
    assert!(
        serving.tls_peers[0].server_name && serving.tls_peers[0].session_reuse && !serving.tls_peers[1].session_reuse
    );
    // One group for each port: 443 and 80.
    assert_eq!(serving.upstreams.len(), 2);
    for (lines, words) in [
        ("proxy_ssl_verify on;", "no proxy_ssl_trusted_certificate for proxy_ssl_verify"),
        ("proxy_ssl_certificate a;", "no \"proxy_ssl_certificate_key\" is defined for certificate"),
    ] {
        let text = format!("http {{ server {{ location / {{ proxy_pass https://127.0.0.1; {lines} }} }} }}");
        assert!(fault(&text).starts_with(words), "{lines}: {}", fault(&text));
    }
}

#[test]
fn servers_of_stream_have_what_those_of_http_have_and_their_own_protocols() {
    let text = "stream { ssl_certificate a.crt; ssl_certificate_key a.key; ssl_alpn mqtt; ssl_handshake_timeout 5s;
        server { listen 8883 ssl; return x; }
        server { listen 8884 ssl; ssl_alpn first second; ssl_handshake_timeout 1m; ssl_verify_client on; \
            ssl_client_certificate ca; return $ssl_protocol; }
        server { listen 1883; return x; } }";
    let serving = generation(text).serving;
    let names = |server: &TlsServer| -> Vec<String> {
        server.alpn_protocols.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    };
    let [first, second] = &serving.tls_servers[..] else { panic!("two servers differ") };
    assert_eq!((names(first), names(second)), (vec!["mqtt".into()], vec!["first".into(), "second".into()]));
    let of = |at: usize| &serving.listeners[at].servers[0];
    let timeout = |at: usize| of(at).stream.as_ref().unwrap().handshake_timeout.as_secs();
    assert_eq!((timeout(0), timeout(1)), (5, 60));
    assert_eq!((of(0).verify_client, of(1).verify_client), (VerifyClient::Off, VerifyClient::On));
    let ssl: Vec<bool> = serving.listeners.iter().map(|listener| listener.ssl).collect();
    assert_eq!(ssl, [true, true, false]);
    let plain = "stream { server { listen 1 ssl; ssl_certificate a; ssl_certificate_key b; return x; } }";
    let serving = generation(plain).serving;
    assert!(names(only_server(&serving)).is_empty());
    assert_eq!(serving.listeners[0].servers[0].stream.as_ref().unwrap().handshake_timeout.as_secs(), 60);
    assert_eq!(names(only_server(&server_with(""))), ["http/1.1", "http/1.0", "http/0.9"]);
}

#[test]
fn what_a_server_of_stream_cannot_have_is_told() {
    let told = |lines: &str| fault(&format!("stream {{ server {{ listen 81 ssl; return x; {lines} }} }}"));
    let certificate = "ssl_certificate a; ssl_certificate_key b;";
    assert_eq!(told(""), "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive");
    assert_eq!(
        told(&format!("{certificate} ssl_verify_client on;")),
        "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client"
    );
    for (lines, words) in [
        ("ssl_alpn a; ssl_alpn b;", "\"ssl_alpn\" directive is duplicate"),
        ("ssl_alpn a '';", "\"ssl_alpn\" directive invalid value"),
        (&format!("ssl_alpn {};", "a".repeat(256)), "\"ssl_alpn\" protocol too long"),
        ("ssl_handshake_timeout soon;", "\"ssl_handshake_timeout\" directive invalid value"),
        ("ssl_buffer_size 4k;", "\"ssl_buffer_size\" directive is not allowed here"),
        ("ssl_early_data on;", "\"ssl_early_data\" directive is not allowed here"),
        ("ssl_ocsp on;", "\"ssl_ocsp\" directive is refused: "),
        ("ssl_conf_command a b;", "\"ssl_conf_command\" directive is refused: "),
        ("set $a $ssl_client_s_dn_legacy;", "unknown \"ssl_client_s_dn_legacy\" variable"),
    ] {
        let told = told(&format!("{certificate} {lines}"));
        assert!(told.starts_with(words), "{lines}: {told}");
    }
    let in_http = fault("http { server { listen 81; ssl_alpn h2; } }");
    assert_eq!(in_http, "\"ssl_alpn\" directive is not allowed here");
}

#[test]
fn servers_of_stream_speak_tls_to_peers_where_they_say_so() {
    let text = "stream { proxy_ssl_verify on; proxy_ssl_trusted_certificate ca; proxy_ssl_alpn mqtt;
        server { listen 1; proxy_pass 127.0.0.1:1; proxy_ssl on; }
        server { listen 2; proxy_pass 127.0.0.1:1; }
        server { listen 3; proxy_pass $protocol; proxy_ssl on; proxy_ssl_verify off; proxy_ssl_name $protocol; }
        server { listen 4; return x; proxy_ssl on; } }";
    let serving = generation(text).serving;
    let peers: Vec<_> = serving.listeners.iter().map(|listener| listener.servers[0].root.tls_peer).collect();
    assert_eq!(peers.iter().map(|peer| peer.map(|id| id.0)).collect::<Vec<_>>(), [Some(0), None, Some(1), None]);
    let wants = |at: usize| serving.listeners[at].servers[0].stream.as_ref().unwrap().ssl;
    assert_eq!([wants(0), wants(1), wants(2)], [true, false, true]);
    let [first, second] = &serving.tls_peers[..] else { panic!("two differ") };
    assert_eq!((first.verify, second.verify), (true, false));
    assert_eq!(*first.alpn_protocols, [Box::from(&b"mqtt"[..])]);
    let told = |lines: &str| fault(&format!("stream {{ server {{ listen 81; proxy_pass 127.0.0.1:1; {lines} }} }}"));
    for (lines, words) in [
        ("proxy_ssl on; proxy_ssl_verify on;", "no proxy_ssl_trusted_certificate for proxy_ssl_verify"),
        ("proxy_ssl on; proxy_ssl_certificate a;", "no \"proxy_ssl_certificate_key\" is defined for certificate "),
        ("proxy_ssl yes;", "invalid value \"yes\" in \"proxy_ssl\" directive, it must be \"on\" or \"off\""),
        ("proxy_ssl_alpn '';", "\"proxy_ssl_alpn\" directive invalid value"),
        ("proxy_ssl_conf_command a b;", "\"proxy_ssl_conf_command\" directive is refused: "),
    ] {
        let told = told(lines);
        assert!(told.starts_with(words), "{lines}: {told}");
    }
}
