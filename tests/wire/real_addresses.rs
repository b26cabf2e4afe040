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
    let longhaul = Setup::new().start(
        "server { listen %listen% proxy_protocol; return 200 never; }
             server { listen %listen2% proxy_protocol; client_header_timeout 200ms; return 200 never; }",
    );
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: h"));
    client.expect_gone();
    longhaul.wait_for_log("broken header: \"GET / HTTP/1.1\" while reading PROXY protocol, client: 127.0.0.1");
    // Nor does half a header hold it.
    let mut client = longhaul.connect_to("listen2");
    client.send(b"PROXY TCP4 ");
    client.expect_gone();
}

/// A header of version 2 with these bytes behind its length.
fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u8::try_from(rest.len()).expect("short");
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[command, family, 0, length], rest].concat()
}

#[test]
fn a_header_in_every_form_is_variables_rules_and_logs() {
    const FOUR: &[u8] = &[198, 51, 100, 7, 198, 51, 100, 8, 0x1f, 0x90, 1, 187];
    let mut six = [0; 36];
    six[..2].copy_from_slice(&[0x20, 1]);
    six[15] = 7;
    six[16..18].copy_from_slice(&[0x20, 1]);
    six[31] = 8;
    six[32..].copy_from_slice(&FOUR[8..]);
    let with_more = [FOUR, &[4, 0, 3, 0, 0, 0]].concat();
    let longhaul = Setup::new().file("html/f", "here").start(
        "log_format a '$remote_addr $remote_port'; set_real_ip_from 127.0.0.1;
         add_header X-Seen '$proxy_protocol_addr $proxy_protocol_port|$proxy_protocol_server_addr $proxy_protocol_server_port';
         add_header X-Real '$remote_addr $remote_port';
         server { listen %listen% proxy_protocol; root %dir%/html;
             location /real/ { real_ip_header proxy_protocol; alias %dir%/html/; access_log %dir%/real.log a;
                 location /real/ruled/ { alias %dir%/html/; deny 198.51.100.7; deny 2001::/96; access_log off; } } }",
    );
    let four_seen = "198.51.100.7 8080|198.51.100.8 443";
    let six_seen = "2001::7 8080|2001::8 443";
    let (four_real, six_real) = (Some("198.51.100.7 8080"), Some("2001::7 8080"));
    let text = |line: &str| format!("{line}\r\n").into_bytes();
    let mut log = String::new();
    for (header, seen, real) in [
        (text("PROXY TCP4 198.51.100.7 198.51.100.8 8080 443"), four_seen, four_real),
        (text("PROXY TCP6 2001::7 2001::8 8080 443"), six_seen, six_real),
        (text("PROXY UNKNOWN"), " | ", None),
        (text("PROXY UNKNOWN 198.51.100.7 and 198.51.100.8 more"), " | ", None),
        (version_2(0x21, 0x11, FOUR), four_seen, four_real),
        (version_2(0x21, 0x11, &with_more), four_seen, four_real),
        (version_2(0x21, 0x21, &six), six_seen, six_real),
        (version_2(0x21, 0x00, &[]), " | ", None),
        (version_2(0x21, 0x01, &[]), " | ", None),
        (version_2(0x21, 0x41, &[9, 8, 7]), " | ", None),
        (version_2(0x20, 0x11, FOUR), " | ", None),
    ] {
        for (target, is_real, has_rules) in
            [("/f", false, false), ("/real/f", true, false), ("/real/ruled/f", true, true)]
        {
            let mut client = longhaul.connect();
            let near = format!("127.0.0.1 {}", client.local_address().port());
            client.send([header.clone(), head(&format!("GET {target} HTTP/1.0"))].concat());
            let answer = String::from_utf8_lossy(&client.read_to_end()).into_owned();
            if has_rules && real.is_some() {
                assert!(answer.starts_with("HTTP/1.1 403 "), "{target} {}: {answer}", header.escape_ascii());
                continue;
            }
            let real = real.filter(|_| is_real).unwrap_or(&near);
            let fields = format!("\r\nX-Seen: {seen}\r\nX-Real: {real}\r\n");
            assert!(
                answer.contains(&fields) && answer.ends_with("here"),
                "{target} {}: {answer}",
                header.escape_ascii()
            );
            if target == "/real/f" {
                log += &format!("{real}\n");
            }
        }
    }
    assert_eq!(longhaul.wait_for_lines("real.log", log.lines().count()), log);
}

#[test]
fn the_field_and_the_walk_through_it_are_settings_of_each_level() {
    let longhaul = Setup::new().file("html/f", "here").start(
        "set_real_ip_from 127.0.0.1; set_real_ip_from 10.1.0.0/16; add_header X-Real $remote_addr;
         server { listen %listen%; root %dir%/html;
             location /own/ { alias %dir%/html/; real_ip_header X-Own; }
             location /last/ { alias %dir%/html/; real_ip_header X-Forwarded-For; real_ip_recursive off; }
             location /walk/ { alias %dir%/html/; real_ip_header X-Forwarded-For; real_ip_recursive on; } }
         server { listen %listen2%; return 200 $remote_addr; }",
    );
    let ask = |listener: &str, target: &str, fields: &str| {
        let mut client = longhaul.connect_to(listener);
        client.send(head(&format!("GET {target} HTTP/1.0\n{fields}")));
        String::from_utf8_lossy(&client.read_to_end()).into_owned()
    };
    for (target, fields, address) in [
        ("/f", "X-Real-IP: 198.51.100.7", "198.51.100.7"),
        ("/f", "X-Forwarded-For: 198.51.100.7", "127.0.0.1"),
        ("/own/f", "X-Own: 198.51.100.7", "198.51.100.7"),
        // The server's field comes first, and whoever it names is not looked for again.
        ("/own/f", "X-Own: 198.51.100.7\nX-Real-IP: 198.51.100.8", "198.51.100.8"),
        ("/last/f", "X-Forwarded-For: 10.1.0.9, 198.51.100.7", "198.51.100.7"),
        ("/last/f", "X-Forwarded-For: 198.51.100.7,10.1.0.9", "10.1.0.9"),
        ("/last/f", "X-Forwarded-For: 198.51.100.7\nX-Forwarded-For: 198.51.100.8, 10.1.0.9", "10.1.0.9"),
        ("/walk/f", "X-Forwarded-For: 198.51.100.7, 198.51.100.8, 10.1.0.9, 127.0.0.1", "198.51.100.8"),
        (
            "/walk/f",
            "X-Forwarded-For: 198.51.100.7\nX-Forwarded-For: 10.1.0.9\nX-Forwarded-For: 127.0.0.1",
            "198.51.100.7",
        ),
        ("/walk/f", "X-Forwarded-For: 10.1.0.9, 127.0.0.1", "10.1.0.9"),
        ("/walk/f", "X-Forwarded-For: 198.51.100.7, nobody", "127.0.0.1"),
    ] {
        let answer = ask("listen", target, fields);
        assert!(answer.contains(&format!("\r\nX-Real: {address}\r\n")), "{target} {fields}: {answer}");
    }
    // Known before anything else is done with the request.
    assert!(ask("listen2", "/", "X-Real-IP: 198.51.100.7").ends_with("\r\n\r\n198.51.100.7"));
}

/// A value of a version 2 header: its type, its length and its bytes.
fn value(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

#[test]
fn every_value_of_the_proxy_protocol_has_its_variables() {
    let longhaul = Setup::new().start(
        "map $proxy_protocol_tlv_ssl $ssl { default no; ~\\x00 binary; }
         map $proxy_protocol_tlv_0x20 $numbered { default no; ~^\\x05 binary; }
         server { listen %listen% proxy_protocol; default_type text/plain;
             location /named { return 200 '$proxy_protocol_tlv_alpn|$proxy_protocol_tlv_authority|$proxy_protocol_tlv_unique_id|$proxy_protocol_tlv_netns'; }
             location /numbered { return 200 '$proxy_protocol_tlv_0x01|$proxy_protocol_tlv_0x2|$proxy_protocol_tlv_0x05|$proxy_protocol_tlv_0x0030'; }
             location /own { return 200 '$proxy_protocol_tlv_0xe0|$proxy_protocol_tlv_0x3|$proxy_protocol_tlv_0xE1'; }
             location /ssl { return 200 '$proxy_protocol_tlv_ssl_verify|$proxy_protocol_tlv_ssl_version|$proxy_protocol_tlv_ssl_cn|$proxy_protocol_tlv_ssl_cipher|$proxy_protocol_tlv_ssl_sig_alg|$proxy_protocol_tlv_ssl_key_alg'; }
             location /ssl-numbered { return 200 '$proxy_protocol_tlv_ssl_0x21|$proxy_protocol_tlv_ssl_0x22|$proxy_protocol_tlv_ssl_0x23|$proxy_protocol_tlv_ssl_0x24|$proxy_protocol_tlv_ssl_0x25|$proxy_protocol_tlv_ssl_0x30'; }
             location /none { return 200 '$proxy_protocol_tlv_0xe2|$proxy_protocol_tlv_0x21|$proxy_protocol_tlv_ssl_0x26'; }
             location /bytes { return 200 '$ssl|$numbered'; } }",
    );
    let inner = [
        value(0x21, b"TLSv1.3"),
        value(0x22, b"client.example"),
        value(0x23, b"AES"),
        value(0x24, b"SHA256"),
        value(0x25, b"EC256"),
    ]
    .concat();
    let values = [
        value(0x01, b"h2"),
        value(0x02, b"name.example"),
        value(0x03, b"crc!"),
        value(0x05, b"id-7"),
        value(0x20, &[&[5, 0, 0, 1, 2][..], &inner].concat()),
        value(0x30, b"space"),
        value(0xe0, b"own"),
        value(0xe1, b""),
    ]
    .concat();
    let addresses = [192, 0, 2, 1, 192, 0, 2, 2, 0, 7, 0, 80];
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend(((addresses.len() + values.len()) as u16).to_be_bytes());
    header.extend(addresses);
    header.extend(values);
    let mut client = longhaul.connect();
    client.send(header);
    for (target, expected) in [
        ("/named", "h2|name.example|id-7|space"),
        ("/numbered", "h2|name.example|id-7|space"),
        ("/own", "own|crc!|"),
        ("/ssl", "258|TLSv1.3|client.example|AES|SHA256|EC256"),
        ("/ssl-numbered", "TLSv1.3|client.example|AES|SHA256|EC256|"),
        ("/none", "||"),
        ("/bytes", "binary|binary"),
    ] {
        client.send(head(&format!("GET {target} HTTP/1.1\nHost: a")));
        let answer = client.read_answer();
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{target}: {answer}");
    }
}

#[test]
fn a_proxy_may_be_trusted_by_its_name_or_its_socket() {
    let longhaul = Setup::new().start(
        "server { listen %listen2%; listen unix:%dir%/inner.sock; keepalive_timeout 0; default_type text/plain;
             location /name { set_real_ip_from localhost; error_page 404 =200 /name/is; location /name/is { return 200 $remote_addr; } }
             location /socket { set_real_ip_from unix:; error_page 404 =200 /socket/is; location /socket/is { return 200 $remote_addr; } } }
         server { listen %listen%; proxy_set_header X-Real-IP 192.0.2.1;
             location /by-address/ { proxy_pass http://%listen2%/; }
             location /by-socket/ { proxy_pass http://unix:%dir%/inner.sock:/; } }",
    );
    for (target, expected) in [
        ("/by-address/name", "192.0.2.1"),
        ("/by-address/socket", "127.0.0.1"),
        ("/by-socket/name", "unix:"),
        ("/by-socket/socket", "192.0.2.1"),
    ] {
        let answer = longhaul.get(target);
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{target}: {answer}");
    }
}

#[test]
fn the_port_of_the_connection_stays_known() {
    let longhaul = Setup::new().file("html/index.html", "x").start(
        "server { listen %listen%; root %dir%/html; set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For;
             add_header X-Seen $realip_remote_addr:$realip_remote_port|$remote_addr:$remote_port; }",
    );
    for (forwarded, told) in [("192.0.2.7:77", Some("192.0.2.7:77")), ("192.0.2.7", Some("192.0.2.7:0")), ("", None)] {
        // With an index the request goes on inside.
        for target in ["/index.html", "/"] {
            let mut client = longhaul.connect();
            let own = client.local_address().to_string();
            client.send(head(&format!("GET {target} HTTP/1.0\nHost: a\nX-Forwarded-For: {forwarded}")));
            let answer = client.read_head();
            let expected = format!("\r\nX-Seen: {own}|{}\r\n", told.unwrap_or(&own));
            assert!(answer.contains(&expected), "{target} {forwarded}: {answer}");
        }
    }
}
