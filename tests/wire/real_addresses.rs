//! Clients behind trusted proxies: their address by a field, or by the PROXY protocol.

use super::support::{Peer, Setup, head, message, upgrade};

#[test]
fn a_trusted_proxy_tells_the_address_in_a_field() {
    let longhaul = Setup::new().start(
        "set_real_ip_from 127.0.0.0/8;
         server { listen %listen%; real_ip_header X-Forwarded-For;
         location / { return 200 $remote_addr,$realip_remote_addr,$remote_port; } }
         server { listen %listen2%; set_real_ip_from 192.0.2.0/24; return 200 $remote_addr; }",
    );
    let ask = |listener: &str, fields: &str| {
        let mut client = longhaul.connect_to(listener);
        client.send(head(&format!("GET / HTTP/1.1\nHost: h\n{fields}")));
        client.read_answer().rsplit("\r\n").next().unwrap().to_owned()
    };
    assert_eq!(ask("listen", "X-Forwarded-For: 192.0.2.9, 192.0.2.1"), "192.0.2.1,127.0.0.1,0");
    assert_eq!(ask("listen", "X-Forwarded-For: [2001:db8::1]:77"), "2001:db8::1,127.0.0.1,77");
    assert!(ask("listen", "X-Forwarded-For: unknown").starts_with("127.0.0.1,127.0.0.1,"));
    // Not from there: its word does not count.
    assert_eq!(ask("listen2", "X-Real-IP: 192.0.2.1"), "127.0.0.1");
}

#[test]
fn recursion_finds_the_last_stranger_and_rules_see_it() {
    let longhaul = Setup::new().with("peer", Peer::refusing()).start(
        "set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;
         real_ip_recursive on;
         server { listen %listen%; location / { deny 192.0.2.1; proxy_pass http://%peer%; } }",
    );
    for (value, status) in [("192.0.2.1, 10.0.0.1", 403), ("192.0.2.1, 192.0.2.2, 10.0.0.1", 502)] {
        let mut client = longhaul.connect();
        client.send(upgrade("/", &format!("X-Forwarded-For: {value}")));
        let answer = client.read_answer();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{value}: {answer}");
    }
    longhaul.wait_for_log("access forbidden by rule, client: 192.0.2.1,");
}

#[test]
fn the_proxy_protocol_comes_before_the_first_request() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        let request = socket.read_head();
        assert!(request.contains("\r\nX-Forwarded-For: 192.0.2.1\r\n"), "{request}");
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"));
    });
    let longhaul = Setup::new().peer(&peer).start(
        "set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;
         server { listen %listen% proxy_protocol;
         location / { return 200 $remote_addr:$remote_port,$proxy_protocol_server_port,$proxy_protocol_tlv_alpn; }
         location /peer { proxy_pass http://%peer%; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }",
    );
    let mut client = longhaul.connect();
    client.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 4444 80\r\n");
    for (target, end) in [("/", "192.0.2.1:4444,80,"), ("/peer", "ok")] {
        client.send(head(&format!("GET {target} HTTP/1.1\nHost: h")));
        let answer = client.read_answer();
        assert!(answer.ends_with(end), "{answer}");
    }
    let mut client = longhaul.connect();
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x11\xc0\x00\x02\x05\x7f\x00\x00\x01\x00\x07\x00\x50".to_vec();
    bytes.extend(b"\x01\x00\x02h2");
    bytes.extend(head("GET / HTTP/1.1\nHost: h"));
    client.send(bytes);
    let answer = client.read_answer();
    assert!(answer.ends_with("192.0.2.5:7,80,h2"), "{answer}");
    // Whoever speaks of nobody is known by its own address.
    let mut client = longhaul.connect();
    client.send([b"PROXY UNKNOWN\r\n".to_vec(), head("GET / HTTP/1.1\nHost: h")].concat());
    assert!(client.read_answer().contains("\r\n\r\n127.0.0.1:"));
}

#[test]
fn what_is_no_header_ends_the_connection() {
    let longhaul =
        Setup::new().start("client_header_timeout 200ms; server { listen %listen% proxy_protocol; return 200 never; }");
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: h"));
    client.expect_gone();
    longhaul.wait_for_log("broken header: \"GET / HTTP/1.1\" while reading PROXY protocol, client: 127.0.0.1");
    // Nor does half a header hold it.
    let mut client = longhaul.connect();
    client.send(b"PROXY TCP4 ");
    client.expect_gone();
}
