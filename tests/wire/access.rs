//! Who may ask: addresses, passwords and origins, for requests and for handshakes alike.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;

use super::support::{Longhaul, Peer, Setup, Socket, head, upgrade};

#[test]
fn rules_by_address_act_on_requests_and_on_handshakes() {
    let setup = Setup::new().file("a", "open");
    // Nobody listens there: a handshake that was passed on would be a 502.
    let longhaul = setup.with("peer", Peer::refusing()).start(
        "server { listen %listen%; root .;
         location /none { deny all; proxy_pass http://%peer%; }
         location /others { allow 192.0.2.0/24; allow ::1; deny unix:; deny 127.0.0.0/8; return 200 returned; }
         location /files/ { deny 127.0.0.1; }
         location = /a { allow 127.0.0.1; deny all; } }",
    );
    assert!(longhaul.get("/none").starts_with("HTTP/1.1 403 Forbidden\r\n"));
    assert!(longhaul.get("/files/").starts_with("HTTP/1.1 403 "));
    assert!(longhaul.get("/a").ends_with("open"));
    // As in nginx, `return` comes before the rules.
    assert!(longhaul.get("/others").ends_with("returned"));
    let mut client = longhaul.connect();
    client.send(upgrade("/none", ""));
    assert!(client.read_answer().starts_with("HTTP/1.1 403 "));
    longhaul.wait_for_log("access forbidden by rule, client: 127.0.0.1, server: ");
}

#[test]
fn a_password_is_asked_for_and_checked() {
    let users = "anna:{PLAIN}secret\nbert:$apr1$ABCDEFGH$FZX46StBkyF.iGMsjNtLB0\nodd:unreadable\n";
    let setup = Setup::new().file("users", users).file("a", "open");
    let longhaul = setup.start(
        "server { listen %listen%; root .; auth_basic \"the $host\"; auth_basic_user_file users;
         location / { }
         location /any/ { satisfy any; deny all; root .; index a; }
         location = /open { auth_basic off; index a; return 200 open; }
         location /either { satisfy any; allow 127.0.0.1; deny all; } }",
    );
    let ask = |target: &str, credentials: &str| {
        let mut client = longhaul.connect();
        let field = match credentials {
            "" => String::new(),
            _ => format!("\nAuthorization: Basic {credentials}"),
        };
        client.send(head(&format!("GET {target} HTTP/1.1\nHost: h\nConnection: close{field}")));
        client.read_answer()
    };
    let unasked = ask("/a", "");
    assert!(unasked.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{unasked}");
    assert!(unasked.contains("\r\nWWW-Authenticate: Basic realm=\"the h\"\r\n"), "{unasked}");
    // anna:secret, anna:other, bert:myPassword, bert:x, odd:unreadable, nobody:x, and what is no name and password
    assert!(ask("/a", "YW5uYTpzZWNyZXQ=").ends_with("open"));
    assert!(ask("/a", "YW5uYTpvdGhlcg==").starts_with("HTTP/1.1 401 "));
    assert!(ask("/a", "YmVydDpteVBhc3N3b3Jk").ends_with("open"));
    assert!(ask("/a", "YmVydDp4").starts_with("HTTP/1.1 401 "));
    assert!(ask("/a", "b2RkOnVucmVhZGFibGU=").starts_with("HTTP/1.1 401 "));
    assert!(ask("/a", "bm9ib2R5Ong=").starts_with("HTTP/1.1 401 "));
    assert!(ask("/a", "!!!").starts_with("HTTP/1.1 401 "));
    // Either is enough, and whoever fails both is told what would help.
    assert!(ask("/any/x", "").starts_with("HTTP/1.1 401 "));
    assert!(ask("/any/x", "YW5uYTpzZWNyZXQ=").starts_with("HTTP/1.1 404 "));
    assert!(ask("/either", "").starts_with("HTTP/1.1 404 "));
    assert!(ask("/open", "").ends_with("open"));
    longhaul.wait_for_log("user \"anna\": password mismatch");
    longhaul.wait_for_log("user \"nobody\" was not found in");
}

#[test]
fn only_listed_origins_open_a_websocket() {
    // A handshake that is let through meets nobody: 502.
    let longhaul = Setup::new().with("peer", Peer::refusing()).start(
        "server { listen %listen%; websocket_origin https://example.com https://*.example.com;
         location / { proxy_pass http://%peer%; }
         location /none { websocket_origin none; proxy_pass http://%peer%; } }",
    );
    for (target, fields, status) in [
        ("/", "Origin: https://example.com", 502),
        ("/", "Origin: https://chat.example.com", 502),
        ("/", "Origin: http://example.com", 403),
        ("/", "Origin: https://example.com.evil.test", 403),
        ("/", "Origin: https://example.com\nOrigin: https://evil.test", 403),
        ("/", "Origin: null", 403),
        ("/", "", 403),
        ("/none", "", 502),
        ("/none", "Origin: https://example.com", 403),
    ] {
        let mut client = longhaul.connect();
        client.send(upgrade(target, fields));
        let answer = client.read_answer();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {fields}: {answer}");
    }
    // What is no handshake is not asked where it comes from.
    assert!(longhaul.get("/").starts_with("HTTP/1.1 502 "));
}

/// The statuses that clients over IPv4, a unix socket and, where the machine has it, IPv6 get.
fn statuses(longhaul: &Longhaul, target: &str, six: Option<SocketAddr>) -> Vec<String> {
    let path = longhaul.dir().join("front.sock");
    let mut clients = vec![longhaul.connect(), Socket::unix(UnixStream::connect(path).expect("a listener"))];
    clients.extend(six.map(Socket::connect));
    let ask = |mut client: Socket| {
        client.send(format!("GET {target} HTTP/1.0\r\n\r\n"));
        String::from_utf8_lossy(&client.read_to_end()).split(' ').nth(1).unwrap_or_default().to_owned()
    };
    clients.into_iter().map(ask).collect()
}

/// An address of the machine's IPv6, if it has one. The port is below those that the kernel gives away, and of this
/// process alone.
fn free_six() -> Option<SocketAddr> {
    let port = 20_000 + (std::process::id() % 10_000) as u16;
    TcpListener::bind((Ipv6Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr()).ok()
}

#[test]
fn rules_tell_the_families_of_addresses_apart() {
    let six = free_six();
    let listen = six.map(|address| format!("listen {address};")).unwrap_or_default();
    let longhaul = Setup::new().with("six", listen).start(
        "server { listen %listen%; listen unix:%dir%/front.sock; %six% root %dir%/none;
             location /any { allow all; } location /nobody { deny all; }
             location /unix { allow unix:; } location /no-unix { deny unix:; }
             location /unix-alone { allow unix:; deny all; } location /unix-late { deny all; allow unix:; }
             location /no-four { deny 0.0.0.0/0; } location /no-six { deny ::/0; }
             location /six-alone { allow ::1; deny all; } location /four-alone { allow 127.0.0.0/8; deny all; } }",
    );
    // What is let through finds no file.
    for (target, wanted) in [
        ("/any", ["404", "404", "404"]),
        ("/nobody", ["403", "403", "403"]),
        ("/unix", ["404", "404", "404"]),
        ("/no-unix", ["404", "403", "404"]),
        ("/unix-alone", ["403", "404", "403"]),
        ("/unix-late", ["403", "403", "403"]),
        ("/no-four", ["403", "404", "404"]),
        ("/no-six", ["404", "404", "403"]),
        ("/six-alone", ["403", "403", "404"]),
        ("/four-alone", ["404", "403", "403"]),
    ] {
        let statuses = statuses(&longhaul, target, six);
        assert_eq!(statuses, wanted[..statuses.len()], "{target}");
    }
}
