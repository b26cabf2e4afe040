//! `listen` and `server_name`.

use std::time::Duration;

use super::*;
use crate::model::{Keepalive, ListenAddress, ServerName};

/// Addresses of the listeners of one server with these lines.
fn addresses(lines: &str) -> Vec<String> {
    let listeners = generation(&format!("http {{ server {{ {lines} }} }}")).serving.listeners;
    listeners.iter().map(|listener| listener.address.to_string()).collect()
}

fn server_fault(lines: &str) -> String {
    fault(&format!("http {{ server {{ {lines} }} }}"))
}

#[test]
fn all_forms_of_an_address_are_listened_on() {
    assert_eq!(addresses(""), ["0.0.0.0:80"]);
    assert_eq!(
        addresses("listen 81; listen *:82; listen 127.0.0.1; listen localhost:83;"),
        ["0.0.0.0:81", "0.0.0.0:82", "127.0.0.1:80", "127.0.0.1:83",]
    );
    assert_eq!(
        addresses("listen [::]:84; listen [::1]; listen unix:/run/l.sock;"),
        ["[::]:84", "[::1]:80", "unix:/run/l.sock",]
    );
    assert_eq!(addresses("listen 127.0.0.1:81-83;"), ["127.0.0.1:81", "127.0.0.1:82", "127.0.0.1:83"]);
    assert_eq!(addresses("listen two.example:85;"), ["10.0.0.1:85", "10.0.0.2:85"]);
}

#[test]
fn options_belong_to_the_socket() {
    let text =
        "http { server { listen 81 default_server backlog=4 so_keepalive=30m::10 rcvbuf=1k sndbuf=2k deferred reuseport; }
                server { listen 81; } server { listen [::]:81 ipv6only=off so_keepalive=off; } }";
    let listeners = generation(text).serving.listeners;
    let first = &listeners[0];
    assert_eq!((first.backlog, first.receive_buffer_bytes, first.send_buffer_bytes), (4, Some(1024), Some(2048)));
    let idle = Some(Duration::from_secs(1800));
    assert_eq!(first.keepalive, Some(Keepalive::On { idle, interval: None, count: Some(10) }));
    assert_eq!(first.servers.len(), 2);
    assert_eq!((listeners[1].ipv6only, listeners[1].keepalive), (false, Some(Keepalive::Off)));
    assert_eq!(listeners[1].backlog, 511);
    assert_eq!((first.deferred, listeners[1].deferred), (true, false));
}

#[test]
fn a_unix_socket_defers_nothing() {
    let text = "http { server { listen unix:/run/l.sock deferred; } server { listen 81 deferred; } }";
    assert_eq!(warnings(text), ["\"deferred\" changes nothing for unix:/run/l.sock at 1"]);
}

#[test]
fn the_default_server_is_the_first_or_the_one_that_says_so() {
    let text = "http { server { listen 81; listen 82; server_name a; } server { listen 82 default_server; } }";
    let listeners = generation(text).serving.listeners;
    assert_eq!((listeners[0].default_server, listeners[1].default_server), (0, 1));
    assert!(matches!(&listeners[1].address, ListenAddress::Ip(address) if address.port() == 82));
    assert!(Arc::ptr_eq(&listeners[0].servers[0], &listeners[1].servers[0]));
}

#[test]
fn addresses_and_parameters_are_checked() {
    for (lines, words) in [
        ("listen a:b;", "invalid port in \"a:b\" of the \"listen\" directive"),
        ("listen nowhere.example;", "host not found in \"nowhere.example\" of the \"listen\" directive"),
        ("listen 80 what;", "invalid parameter \"what\""),
        ("listen 80 backlog=x;", "invalid backlog \"backlog=x\""),
        ("listen 80 deferred=5;", "invalid parameter \"deferred=5\""),
        ("listen 80 so_keepalive=x;", "invalid so_keepalive value: \"x\""),
        ("listen 80 so_keepalive=::;", "invalid so_keepalive value: \"::\""),
        ("listen [::]:80 ipv6only=x;", "invalid parameter \"ipv6only=x\""),
        ("listen 80; listen *:80;", "a duplicate listen 0.0.0.0:80"),
        ("listen 443 ssl http2;", "the \"http2\" parameter of \"listen\" is not supported yet"),
        ("listen 80 http2;", "the \"http2\" parameter of \"listen\" is not supported yet"),
    ] {
        assert_eq!(server_fault(lines), words, "{lines}");
    }
    let twice = |parameter: &str| {
        fault(&format!("http {{ server {{ listen 80 {parameter}; }} server {{ listen 80 {parameter}; }} }}"))
    };
    assert_eq!(twice("default_server"), "a duplicate default server for 0.0.0.0:80");
    assert_eq!(twice("backlog=1"), "duplicate listen options for 0.0.0.0:80");
    assert_eq!(twice("deferred"), "duplicate listen options for 0.0.0.0:80");
}

#[test]
fn names_have_their_kinds() {
    let serving =
        generation("http { server { server_name .Example.com *.a.b c.* ~^(?<u>d)$ _ \"\" $hostname; } }").serving;
    let server = &serving.listeners[0].servers[0];
    assert_eq!(&*server.name, "example.com");
    let kinds: Vec<String> = server
        .names
        .iter()
        .map(|name| match name {
            ServerName::Exact(text) => format!("={text}"),
            ServerName::Suffix(text) => format!("*.{text}"),
            ServerName::SuffixOrSelf(text) => format!(".{text}"),
            ServerName::Prefix(text) => format!("{text}.*"),
            ServerName::Regex(pattern) => format!("~{}", pattern.text),
        })
        .collect();
    assert_eq!(kinds, [".example.com", "*.a.b", "c.*", "~^(?<u>d)$", "=_", "=", "=edge1"]);
    assert_eq!(serving.slots.len(), 1);
}

#[test]
fn names_are_checked() {
    for (lines, words) in [
        ("server_name *a;", "server name \"*a\" is invalid"),
        ("server_name a.*.b;", "invalid server name or wildcard \"a.*.b\""),
        ("server_name ~;", "empty regex in server name \"~\""),
        ("server_name ~(;", "pcre2_compile() failed: "),
    ] {
        assert!(server_fault(lines).starts_with(words), "{lines}");
    }
}

#[test]
fn a_name_twice_on_an_address_is_told() {
    let told = warnings("http { server { listen 81; server_name a; }\nserver { listen 81; server_name a b; } }");
    assert_eq!(told, ["conflicting server name \"a\" on 0.0.0.0:81, ignored at 2"]);
    let told = warnings("http { server { server_name a; }\nserver { listen 82; server_name a; } }");
    assert!(told.is_empty(), "{told:?}");
}
