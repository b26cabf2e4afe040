//! `resolver`, and servers whose names are followed.

use std::time::Duration;

use super::*;
use crate::model::{Resolver, ResolverId};

fn resolver_fault(arguments: &str) -> String {
    location_fault(&format!("resolver {arguments};"))
}

#[test]
fn servers_and_parameters_are_read() {
    let found = generation("http { resolver 10.0.0.1 two.example:54 [::1]:55 valid=30s ipv6=off; server { } }");
    let servers = ["10.0.0.1:53", "10.0.0.1:54", "10.0.0.2:54", "[::1]:55"].map(|text| text.parse().unwrap());
    let valid = Some(Duration::from_secs(30));
    assert_eq!(found.serving.resolvers, [Resolver { servers: servers.to_vec(), valid, ipv4: true, ipv6: false }]);
}

#[test]
fn a_level_has_its_own_resolver_or_that_around_it() {
    let inner = location("resolver 10.0.0.1; resolver_timeout 5s;", "", "");
    assert_eq!((inner.resolver, inner.resolver_timeout), (Some(ResolverId(0)), Duration::from_secs(5)));
    let own = location("resolver 10.0.0.1;", "resolver 10.0.0.2;", "resolver_timeout 1s;");
    assert_eq!((own.resolver, own.resolver_timeout), (Some(ResolverId(1)), Duration::from_secs(1)));
    let none = location("", "", "");
    assert_eq!((none.resolver, none.resolver_timeout), (None, Duration::from_secs(30)));
    let same = generation("http { resolver 10.0.0.1; server { resolver 10.0.0.1; } }");
    assert_eq!(same.serving.resolvers.len(), 1, "the same line is the same resolver");
}

#[test]
fn what_cannot_be_is_said_in_the_words_of_nginx() {
    assert_eq!(resolver_fault("10.0.0.1 valid=x"), "invalid parameter: valid=x");
    assert_eq!(resolver_fault("10.0.0.1 ipv6=maybe"), "invalid parameter: ipv6=maybe");
    assert_eq!(resolver_fault("10.0.0.1 ipv4=off ipv6=off"), "\"ipv4\" and \"ipv6\" cannot both be \"off\"");
    assert_eq!(resolver_fault("valid=1s"), "no name servers defined");
    assert_eq!(resolver_fault("nowhere.example"), "host not found in resolver \"nowhere.example\"");
    assert_eq!(resolver_fault("10.0.0.1:x"), "invalid port in resolver \"10.0.0.1:x\"");
    assert_eq!(resolver_fault("10.0.0.1; resolver 10.0.0.2"), "\"resolver\" directive is duplicate");
    let text = "http { resolver 10.0.0.1 status_zone=dns; server { } }";
    assert_eq!(warnings(text), ["\"status_zone=dns\" changes nothing here: questions are not counted at 1"]);
}

#[test]
fn a_server_that_is_followed_needs_a_resolver_and_no_address() {
    let text = "upstream u { server name.example:81 resolve weight=3; server 10.0.0.1 resolve; server b.example resolve backup; }";
    let found = generation(&format!("http {{ {text} resolver 10.0.0.9; resolver_timeout 3s; server {{ }} }}"));
    let group = &found.serving.upstreams[0];
    assert_eq!((group.peers.len(), group.followed.len()), (1, 2));
    let first = &group.followed[0];
    assert_eq!((&*first.host, first.port, first.peer.weight, first.is_backup), ("name.example", 81, 3, false));
    assert_eq!((first.resolver, first.timeout), (ResolverId(0), Duration::from_secs(3)));
    assert_eq!(
        (&*group.followed[1].host, group.followed[1].port, group.followed[1].is_backup),
        ("b.example", 80, true)
    );
    let words = "no resolver defined to resolve names at run time in upstream \"u\"";
    assert_eq!(fault("http { upstream u { server a.example resolve; } server { } }"), words);
    let own = "http { upstream u { server a.example resolve; resolver 10.0.0.1 valid=1s; } server { } }";
    assert_eq!(generation(own).serving.upstreams[0].followed.len(), 1);
}
