//! Whose word on the client's address is taken, and listeners whose connections begin with it.

use super::*;
use crate::model::{Network, RealIpHeader, Source};

fn network(address: &str, bits: u8) -> Source {
    Source::Network(Network::new(address.parse().unwrap(), bits).unwrap())
}

#[test]
fn trusted_proxies_are_networks_names_or_unix_sockets() {
    let from = "set_real_ip_from 10.0.0.0/8; set_real_ip_from two.example; set_real_ip_from unix:;";
    let found = location(from, "", "").real_ip.clone().unwrap();
    assert_eq!(&*found.from, [network("10.0.0.0", 8), network("10.0.0.1", 32), network("10.0.0.2", 32), Source::Unix]);
    assert_eq!(found.header, RealIpHeader::Field(b"x-real-ip".as_slice().into()));
    assert!(!found.recursive);
    assert_eq!(
        location_fault("set_real_ip_from other.example;"),
        "host not found in set_real_ip_from \"other.example\""
    );
}

#[test]
fn each_part_is_inherited_on_its_own() {
    let server = "real_ip_header X-Forwarded-For; real_ip_recursive on;";
    assert!(location("", server, "").real_ip.is_none());
    let found = location("set_real_ip_from 10.0.0.1;", server, "real_ip_recursive off;").real_ip.clone().unwrap();
    assert_eq!(found.header, RealIpHeader::Field(b"x-forwarded-for".as_slice().into()));
    assert!(!found.recursive && found.from.len() == 1);
    let found = location("", server, "set_real_ip_from ::1; real_ip_header proxy_protocol;").real_ip.clone().unwrap();
    assert_eq!((&found.header, found.recursive), (&RealIpHeader::ProxyProtocol, true));
}

#[test]
fn one_line_of_an_address_asks_for_the_proxy_protocol_for_all() {
    let text =
        "http { server { listen 81; } server { listen 80; } server { server_name a; listen 80 proxy_protocol; } }";
    let listeners = generation(text).serving.listeners;
    assert_eq!(listeners.iter().map(|listener| listener.proxy_protocol).collect::<Vec<_>>(), [false, true]);
}
