//! `stream`: what its servers come to, what they have of `http`, and what is said of those that cannot be.

use std::time::Duration;

use super::*;
use crate::model::{Destination, MapId, Part, PeerAddress, Protocol, RealIpHeader, StreamAnswer, Template, Variable};

fn stream_fault(lines: &str) -> String {
    fault(&format!("stream {{ {lines} }}"))
}

fn server_fault(lines: &str) -> String {
    stream_fault(&format!("server {{ listen 81; {lines} }}"))
}

#[test]
fn both_blocks_are_served_and_their_names_are_their_own() {
    let text = "http { upstream u { server 127.0.0.1:1; } map $host $a { default h; } log_format main $host;
                    server { listen 81; access_log h main; location / { proxy_pass http://u; } } }
                stream { upstream u { server 127.0.0.1:2; } map $remote_addr $a { default s; }
                    log_format main $protocol; access_log s main;
                    server { listen 82; proxy_pass u; set $b $a; } }";
    let serving = generation(text).serving;
    let protocols: Vec<Protocol> = serving.listeners.iter().map(|listener| listener.protocol).collect();
    assert_eq!(protocols, [Protocol::Http, Protocol::Stream]);
    assert_eq!(serving.maps[1].default.as_text(), Some(&b"s"[..]));
    let server = &serving.listeners[1].servers[0];
    let Some(StreamAnswer::Pass(Destination::Group { upstream, .. })) =
        server.stream.as_ref().map(|stream| &stream.answer)
    else {
        panic!("{server:?}")
    };
    let group = &serving.upstreams[usize::from(upstream.0)];
    assert_eq!(group.protocol, Protocol::Stream);
    assert_eq!(group.peers[0].address, PeerAddress::Ip("127.0.0.1:2".parse().unwrap()));
    let crate::model::Step::Set(set) = &server.root.steps[0] else { panic!("{server:?}") };
    assert_eq!(*set.value.parts, [Part::Variable(Variable::Map(MapId(1)))]);
    assert_eq!(&*server.root.access_logs[0].format.line.parts, [Part::Variable(Variable::Protocol)]);
    assert_eq!(serving.slots.len(), 1);
}

#[test]
fn a_stream_before_http_is_numbered_first() {
    let text = "stream { map $pid $a { default s; } server { listen 82; return $a; } }
                http { map $host $a { default h; } server { location ~ ^/(?<b>.) { return 200 $a$b; } } }";
    let serving = generation(text).serving;
    assert_eq!(serving.listeners[0].protocol, Protocol::Stream);
    assert_eq!(serving.maps[1].default.as_text(), Some(&b"h"[..]));
    let answer = &serving.listeners[0].servers[0].stream.as_ref().unwrap().answer;
    let StreamAnswer::Return(Template { parts }) = answer else { panic!("{answer:?}") };
    assert_eq!(**parts, [Part::Variable(Variable::Map(MapId(0)))]);
}

#[test]
fn settings_are_inherited_and_have_nginx_s_defaults() {
    let text = "stream { proxy_timeout 5s; proxy_half_close on;
                    server { listen 81; return x; }
                    server { listen 82; proxy_timeout 1m; proxy_half_close off; return x; } }
                ";
    let listeners = generation(text).serving.listeners;
    let tunnel = |at: usize| listeners[at].servers[0].root.tunnel.clone();
    assert_eq!((tunnel(0).timeout, tunnel(0).ends_with_either), (Some(Duration::from_secs(5)), false));
    assert_eq!((tunnel(1).timeout, tunnel(1).ends_with_either), (Some(Duration::from_secs(60)), true));
    let plain = generation("stream { server { listen 81; proxy_pass 127.0.0.1:1; } }").serving;
    let server = &plain.listeners[0].servers[0];
    assert_eq!(server.root.tunnel.timeout, Some(Duration::from_secs(600)));
    assert!(server.root.tunnel.keepalive.is_none() && server.root.tunnel.ends_with_either);
    assert_eq!(server.root.proxy.connect_timeout, Duration::from_secs(60));
    assert_eq!(server.client_head.timeout, Duration::from_secs(30));
    assert!(server.root.access_logs.is_empty() && server.root.real_ip.is_none());
    let retry = &server.root.proxy.next_upstream;
    assert!(retry.on_error && retry.on_timeout);
    let off = generation("stream { proxy_next_upstream off; server { listen 81; return x; } }").serving;
    let retry = &off.listeners[0].servers[0].root.proxy.next_upstream;
    assert!(!retry.on_error && !retry.on_timeout);
}

#[test]
fn the_address_of_a_trusted_proxy_is_that_of_its_header() {
    let text = "stream { server { listen 81 proxy_protocol; set_real_ip_from 10.0.0.0/8; return $remote_addr; } }";
    let listeners = generation(text).serving.listeners;
    assert!(listeners[0].proxy_protocol);
    let real_ip = listeners[0].servers[0].root.real_ip.clone().unwrap();
    assert_eq!(real_ip.header, RealIpHeader::ProxyProtocol);
}

#[test]
fn what_a_server_lacks_or_has_too_much_of_is_told() {
    assert_eq!(stream_fault("server { return x; }"), "no \"listen\" is defined for server");
    assert_eq!(server_fault(""), "no handler for server");
    assert_eq!(server_fault("return x; proxy_pass u;"), "\"proxy_pass\" stands in a server with \"return\"");
    assert_eq!(server_fault("return x; return y;"), "\"return\" directive is duplicate");
    assert_eq!(server_fault("proxy_pass 127.0.0.1;"), "no port in upstream \"127.0.0.1\"");
    assert_eq!(
        stream_fault("upstream u { server 127.0.0.1; } server { listen 81; proxy_pass u; }"),
        "no port in upstream \"127.0.0.1\""
    );
    assert_eq!(
        stream_fault("server { listen 127.0.0.1; return x; }"),
        "no port in \"127.0.0.1\" of the \"listen\" directive"
    );
    assert_eq!(stream_fault("access_log s; server { listen 81; return x; }"), "log format is not specified");
    assert_eq!(server_fault("location / { }"), "\"location\" directive is not allowed here");
    assert_eq!(fault("stream { } stream { }"), "\"stream\" directive is duplicate");
    let both = "http { server { listen 81; } } stream { server { listen 81; return x; } }";
    assert_eq!(fault(both), "bind() to 0.0.0.0:81 failed (98: Address already in use)");
}

#[test]
fn what_is_not_built_is_refused_with_its_reason() {
    for (lines, words) in [
        ("listen 81 udp;", "the \"udp\" parameter of \"listen\" is refused: UDP is not built"),
        ("listen 81 http2;", "invalid parameter \"http2\""),
    ] {
        assert_eq!(stream_fault(&format!("server {{ {lines} return x; }}")), words, "{lines}");
    }
    assert!(server_fault("return x; ssl_preread on;").starts_with("\"ssl_preread\" directive is refused: "));
    assert!(server_fault("pass 127.0.0.1:1;").starts_with("\"pass\" directive is refused: "));
    let accepted = "stream { proxy_buffer_size 16k; preread_timeout 1s; map_hash_max_size 64;
                        upstream u { server 127.0.0.1:1; }
                        server { listen 81; proxy_pass u; proxy_ssl off; } }";
    let told = warnings(accepted);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("\"proxy_buffer_size\" changes nothing here: "), "{told:?}");
}

#[test]
fn variables_are_those_of_connections() {
    assert_eq!(server_fault("return $request_uri;"), "unknown \"request_uri\" variable");
    assert_eq!(server_fault("return $http_x;"), "unknown \"http_x\" variable");
    assert_eq!(location_fault("return 200 $bytes_received;"), "unknown \"bytes_received\" variable");
    assert_eq!(server_fault("return x; set $protocol x;"), "the duplicate \"protocol\" variable");
    // What is no variable of a connection may be one of the file.
    generation("stream { server { listen 81; set $args $proxy_protocol_tlv_alpn; return $args; } }");
}
