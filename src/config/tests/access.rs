//! Who may ask: rules by address, passwords and origins, as they come out of a file.

use super::*;
use crate::model::{AccessRule, Network, OriginRule, Source, Template};

fn network(address: &str, bits: u8) -> Source {
    Source::Network(Network::new(address.parse().unwrap(), bits).unwrap())
}

#[test]
fn rules_keep_their_order_and_a_level_with_rules_replaces_those_around_it() {
    let inner = location("deny all;", "", "allow 10.0.0.0/8; allow 2001:db8::1; allow unix:; deny all;");
    let rule = |allows, source| AccessRule { allows, source };
    assert_eq!(
        &*inner.access.rules,
        [
            rule(true, network("10.0.0.0", 8)),
            rule(true, network("2001:db8::1", 128)),
            rule(true, Source::Unix),
            rule(false, Source::All),
        ]
    );
    let inherited = location("deny all;", "", "satisfy any;");
    assert_eq!(&*inherited.access.rules, [rule(false, Source::All)]);
    assert!(inherited.access.satisfies_any);
    assert!(location("", "", "").access.is_open());
}

#[test]
fn a_network_with_bits_behind_its_prefix_is_warned_of() {
    let text = "http { server { deny 10.1.2.3/8; } }";
    assert_eq!(warnings(text), ["low address bits of 10.1.2.3/8 are meaningless at 1"]);
    assert_eq!(location_fault("deny 10.0.0.0/33;"), "invalid parameter \"10.0.0.0/33\"");
    assert_eq!(location_fault("allow example.com;"), "invalid parameter \"example.com\"");
    assert_eq!(location_fault("satisfy some;"), "invalid value \"some\"");
}

#[test]
fn title_and_file_of_passwords_are_inherited_apart() {
    let inner = location("auth_basic_user_file users;", "auth_basic closed;", "");
    let auth = inner.access.auth_basic.clone().unwrap();
    assert_eq!(auth.realm, Template::text(b"closed"));
    assert_eq!(auth.user_file, Template::text(b"/etc/l/users"));
    assert!(location("auth_basic_user_file users;", "auth_basic closed;", "auth_basic off;").access.is_open());
    assert!(location("", "auth_basic closed;", "").access.auth_basic.is_none());
}

#[test]
fn a_service_and_what_its_answer_fills_are_inherited_apart() {
    let inner = location("auth_request_set $user $upstream_http_user;", "auth_request /auth;", "");
    let auth = inner.access.auth_request.clone().unwrap();
    assert_eq!((&*auth.uri, auth.sets.len()), (b"/auth".as_slice(), 1));
    assert!(location("", "auth_request /auth;", "auth_request off;").access.is_open());
    let own =
        location("auth_request_set $a 1; auth_request_set $b 2;", "auth_request /auth;", "auth_request_set $c 3;");
    assert_eq!(own.access.auth_request.clone().unwrap().sets.len(), 1);
    assert_eq!(location_fault("auth_request_set user 1;"), "invalid variable name \"user\"");
    assert_eq!(location_fault("auth_request_set $host 1;"), "the duplicate \"host\" variable");
    assert_eq!(location_fault("auth_request /a; auth_request /b;"), "\"auth_request\" directive is duplicate");
    assert!(location_fault("auth_request;").starts_with("invalid number of arguments"));
}

#[test]
fn origins_are_exact_or_wildcards_or_missing() {
    let found = location("", "", "websocket_origin https://Example.com *.example.org:8443 none;");
    let page = |scheme: Option<&str>, host: &str, is_wildcard, port| OriginRule::Page {
        scheme: scheme.map(Into::into),
        host: host.into(),
        is_wildcard,
        port,
    };
    assert_eq!(
        found.access.websocket_origin.as_deref().unwrap(),
        [
            page(Some("https"), "example.com", false, None),
            page(None, "example.org", true, Some(8443)),
            OriginRule::Missing
        ]
    );
    assert!(location("", "websocket_origin none;", "websocket_origin any;").access.websocket_origin.is_none());
    for bad in ["https://example.com/", "https://", "a*b.com", "none:x", "https://a any"] {
        assert!(location_fault(&format!("websocket_origin {bad};")).starts_with("invalid parameter"), "{bad}");
    }
}
