//! Names that are resolved while requests are served: in variables, and of servers that are followed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::support::{A, AAAA, Connections, NameServer, Peer, Reply, Setup, head, message, wait_for};

/// A location whose peer is the value of a field, and one that needs nobody.
const BY_FIELD: &str = "server { listen %listen%; resolver %dns%; resolver_timeout 20s;
    location / { proxy_pass http://$http_x_name:%port%; add_header X-Addr $upstream_addr always; }
    location /here { return 200 here; } }";

fn port(peer: &Peer) -> String {
    peer.name.rsplit_once(':').expect("a port").1.to_owned()
}

/// A peer that answers each connection with its name, as often as told.
fn named(name: &'static str, times: usize) -> Peer {
    Peer::start(move |connections| answers(&connections, name, times))
}

fn answers(connections: &Connections, name: &str, times: usize) {
    for _ in 0..times {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message(
            &format!("HTTP/1.1 200 OK\nConnection: close\nContent-Length: {}", name.len()),
            name.as_bytes(),
        ));
    }
}

fn ask(name: &str) -> Vec<u8> {
    head(&format!("GET / HTTP/1.1\nHost: a\nConnection: close\nX-Name: {name}"))
}

#[test]
fn a_name_is_asked_for_when_it_is_wanted_and_then_known() {
    let dns = NameServer::start(|_| Reply::are(&["127.0.0.1"]));
    let peer = named("peer", 3);
    let longhaul = Setup::new().with("dns", dns.address).with("port", port(&peer)).start(BY_FIELD);
    assert!(dns.asked().is_empty());
    for name in ["one.example", "ONE.example", "one.example."] {
        let answer = longhaul.exchange(ask(name));
        assert!(answer.ends_with(b"\r\n\r\npeer"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!((dns.count("one.example", A), dns.count("one.example", AAAA)), (1, 1));
}

#[test]
fn what_is_no_name_needs_no_resolver() {
    let peer = named("peer", 2);
    let longhaul = Setup::new().peer(&peer).with("port", port(&peer)).start(
        "upstream Group { server %peer%; keepalive 0; }
         server { listen %listen%;
             location /group { set $to group; proxy_pass http://$to; }
             location /address { set $to 127.0.0.1; proxy_pass http://$to:%port%; }
             location /name { set $to name.example; proxy_pass http://$to; } }",
    );
    assert!(longhaul.get("/group").ends_with("peer"));
    assert!(longhaul.get("/address").ends_with("peer"));
    assert!(longhaul.get("/name").starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    longhaul.wait_for_log("no resolver defined to resolve name.example, client: 127.0.0.1, server: , request: ");
}

#[test]
fn the_group_of_another_proxy_pass_is_found_by_host_and_port() {
    // One connection, kept between both.
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for _ in 0..2 {
            socket.read_head();
            socket.send(head("HTTP/1.1 204 No Content"));
        }
    });
    let longhaul = Setup::new().with("port", port(&peer)).start(
        "server { listen %listen%;
             location /static { proxy_pass http://localhost:%port%; }
             location /variable { set $to LocalHost; proxy_pass http://$to:%port%; } }",
    );
    assert!(longhaul.get("/static").starts_with("HTTP/1.1 204 "));
    assert!(longhaul.get("/variable").starts_with("HTTP/1.1 204 "));
}

#[test]
fn what_servers_refuse_is_a_502_with_their_reason() {
    let dns = NameServer::start(|question| match question.name.as_str() {
        "nx.example" => Reply::Code(3),
        "fail.example" => Reply::Code(2),
        "refused.example" => Reply::Code(5),
        "broken.example" => Reply::Garbage(b"\x81\x80\0\x01\0\x01"),
        // There, without addresses.
        _ => Reply::are(&[]),
    });
    let longhaul = Setup::new().with("dns", dns.address).with("port", 1).start(BY_FIELD);
    for (name, reason) in [
        ("nx.example", "3: Host not found"),
        ("empty.example", "3: Host not found"),
        ("fail.example", "2: Server failure"),
        ("refused.example", "5: Operation refused"),
    ] {
        let answer = longhaul.exchange(ask(name));
        assert!(answer.starts_with(b"HTTP/1.1 502 Bad Gateway\r\n"), "{name}");
        longhaul.wait_for_log(&format!("{name} could not be resolved ({reason}), client: 127.0.0.1"));
    }
    // An error is not kept.
    let before = dns.count("nx.example", A);
    longhaul.exchange(ask("nx.example"));
    assert!(dns.count("nx.example", A) > before);
}

#[test]
fn who_waits_for_a_name_keeps_nobody_else_waiting() {
    let dns = NameServer::start(|_| Reply::Nothing);
    let longhaul = Setup::new().with("dns", dns.address).with("port", 1).start(&BY_FIELD.replace("20s", "500ms"));
    let mut waiting = longhaul.connect();
    waiting.send(ask("silent.example"));
    wait_for("the question", || (dns.count("silent.example", A) > 0).then_some(()));
    assert!(longhaul.get("/here").ends_with("here"));
    assert!(waiting.read_answer().starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    longhaul.wait_for_log("silent.example could not be resolved (110: Operation timed out), client: 127.0.0.1");
}

#[test]
fn a_client_that_leaves_while_its_name_is_asked_for_is_not_kept() {
    let dns = NameServer::start(|_| Reply::Nothing);
    let longhaul = Setup::new().with("dns", dns.address).with("port", 1).start(BY_FIELD);
    let mut client = longhaul.connect();
    client.send(ask("silent.example"));
    wait_for("the question", || (dns.count("silent.example", A) > 0).then_some(()));
    drop(client);
    longhaul.wait_for_log("client prematurely closed connection");
}

#[test]
fn an_answer_holds_for_its_time_to_live() {
    let dns = NameServer::start(|question| match question.count {
        1 => Reply::for_seconds(1, &["127.0.0.1"]),
        _ => Reply::Code(3),
    });
    // How often a peer is asked in a second is not known.
    let peer = Peer::start(|connections| {
        loop {
            let mut socket = connections.accept();
            if socket.read_head().starts_with("GET /last ") {
                return;
            }
            socket.send(message("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 4", b"peer"));
        }
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .with("dns", dns.address)
        .with("port", port(&peer))
        .start(&BY_FIELD.replace("location /here", "location /last { proxy_pass http://%peer%; } location /here"));
    let began = Instant::now();
    assert!(longhaul.exchange(ask("short.example")).ends_with(b"peer"));
    wait_for("the end of a second", || {
        longhaul.exchange(ask("short.example"));
        (dns.count("short.example", A) > 1).then_some(())
    });
    assert!(began.elapsed() >= Duration::from_secs(1), "asked again after {:?}", began.elapsed());
    longhaul.wait_for_log("short.example could not be resolved (3: Host not found)");
    longhaul.get("/last");
}

#[test]
fn valid_takes_the_place_of_the_time_to_live() {
    let dns = NameServer::start(|_| Reply::for_seconds(0, &["127.0.0.1"]));
    let peer = named("peer", 3);
    let longhaul = Setup::new()
        .with("dns", dns.address)
        .with("port", port(&peer))
        .start(&BY_FIELD.replace("resolver %dns%", "resolver %dns% valid=1h"));
    for _ in 0..3 {
        assert!(longhaul.exchange(ask("zero.example")).ends_with(b"peer"));
    }
    assert_eq!(dns.count("zero.example", A), 1);
}

#[test]
fn an_answer_that_was_cut_is_asked_for_over_tcp() {
    let dns = NameServer::start(|question| match question.is_tcp {
        true => Reply::are(&["127.0.0.1"]),
        false => Reply::Truncated,
    });
    let peer = named("peer", 1);
    let longhaul = Setup::new().with("dns", dns.address).with("port", port(&peer)).start(BY_FIELD);
    assert!(longhaul.exchange(ask("long.example")).ends_with(b"peer"));
    assert!(dns.asked().iter().any(|question| question.is_tcp && question.kind == A));
}

#[test]
fn an_answer_to_another_question_is_none() {
    // Whoever guesses sends an address of his own; the true answer comes after it.
    let dns = NameServer::start(|_| {
        let forged = Reply::WrongId(Box::new(Reply::are(&["192.0.2.66"])));
        Reply::Several(vec![forged, Reply::are(&["127.0.0.1"])])
    });
    let peer = named("peer", 1);
    let longhaul = Setup::new().with("dns", dns.address).with("port", port(&peer)).start(BY_FIELD);
    let answer = longhaul.exchange(ask("forged.example"));
    assert!(answer.ends_with(b"peer"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn only_the_wanted_kind_of_address_is_asked_for() {
    let dns = NameServer::start(|_| Reply::are(&["127.0.0.1", "::1"]));
    let setup = Setup::new().with("dns", dns.address).with("port", 1);
    let longhaul = setup.start(
        "server { listen %listen%;
             location /4 { resolver %dns% ipv6=off; proxy_pass http://$http_x_name:%port%; }
             location /6 { resolver %dns% ipv4=off; proxy_pass http://$http_x_name:%port%; } }",
    );
    let mut client = longhaul.connect();
    client.send(head("GET /4 HTTP/1.1\nHost: a\nX-Name: four.example"));
    assert!(client.read_answer().starts_with("HTTP/1.1 502 "));
    client.send(head("GET /6 HTTP/1.1\nHost: a\nX-Name: six.example"));
    assert!(client.read_answer().starts_with("HTTP/1.1 502 "));
    assert_eq!((dns.count("four.example", A), dns.count("four.example", AAAA)), (1, 0));
    assert_eq!((dns.count("six.example", A), dns.count("six.example", AAAA)), (0, 1));
    longhaul.wait_for_log("upstream: \"http://127.0.0.1:1/4\"");
    longhaul.wait_for_log("upstream: \"http://[::1]:1/6\"");
}

#[test]
fn each_address_of_a_name_is_tried() {
    let dns = NameServer::start(|_| Reply::are(&["127.0.0.2", "127.0.0.3", "127.0.0.1"]));
    let peer = named("peer", 1);
    let port = port(&peer);
    let longhaul = Setup::new().with("dns", dns.address).with("port", &port).start(BY_FIELD);
    let answer = String::from_utf8_lossy(&longhaul.exchange(ask("many.example"))).into_owned();
    assert!(answer.ends_with("peer"), "{answer}");
    assert!(answer.contains(&format!("X-Addr: 127.0.0.2:{port}, 127.0.0.3:{port}, 127.0.0.1:{port}\r\n")), "{answer}");
}

#[test]
fn a_flood_of_names_is_bounded() {
    let dns = NameServer::start(|question| match question.name.as_str() {
        "good.example" => Reply::are(&["127.0.0.1"]),
        _ => Reply::Nothing,
    });
    let peer = named("peer", 1);
    let setup = Setup::new().with("dns", dns.address).with("port", port(&peer));
    let longhaul = setup.start(BY_FIELD);
    assert!(longhaul.exchange(ask("good.example")).ends_with(b"peer"));
    let mut clients = Vec::new();
    for n in 0..300 {
        let mut client = longhaul.connect();
        client.send(ask(&format!("flood{n}.example")));
        clients.push(client);
    }
    longhaul.wait_for_log("could not be resolved (too many names are being resolved), client: 127.0.0.1");
    // What is known is served, and so is everything else.
    assert!(longhaul.get("/here").ends_with("here"));
}

/// Listeners on two addresses with one port.
fn same_port() -> (std::net::TcpListener, std::net::TcpListener, u16) {
    loop {
        let second = std::net::TcpListener::bind("127.0.0.2:0").expect("a port");
        let port = second.local_addr().expect("bound").port();
        if let Ok(first) = std::net::TcpListener::bind(("127.0.0.1", port)) {
            return (first, second, port);
        }
    }
}

#[test]
fn a_followed_name_changes_the_peers_of_its_group() {
    let says = Arc::new(Mutex::new(Reply::are(&["127.0.0.1"])));
    let said = Arc::clone(&says);
    let dns = NameServer::start(move |_| said.lock().expect("whole").clone());
    let say = |reply| *says.lock().expect("whole") = reply;
    let (first, second, port) = same_port();
    let serve = |listener: std::net::TcpListener, name: &'static str| {
        std::thread::spawn(move || {
            use std::io::{Read, Write};
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                let mut buffer = [0u8; 1024];
                if matches!(stream.read(&mut buffer), Ok(0) | Err(_)) {
                    return;
                }
                let _ = stream.write_all(format!("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n{name}").as_bytes());
            }
        })
    };
    let threads = [serve(first, "first"), serve(second, "other")];
    let longhaul = Setup::new().with("dns", dns.address).with("port", port).start(
        "resolver %dns% ipv6=off valid=1s;
         upstream group { zone group 64k; server moving.example:%port% resolve; keepalive 0; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    assert!(longhaul.get("/").ends_with("first"));
    // Not able to say is not gone.
    say(Reply::Code(2));
    longhaul.wait_for_log("moving.example could not be resolved (2: Server failure)");
    assert!(longhaul.get("/").ends_with("first"));
    say(Reply::are(&["127.0.0.2"]));
    wait_for("the other peer", || longhaul.get("/").ends_with("other").then_some(()));
    say(Reply::Code(3));
    wait_for("no peer", || longhaul.get("/").starts_with("HTTP/1.1 502 Bad Gateway\r\n").then_some(()));
    longhaul.wait_for_log("moving.example could not be resolved (3: Host not found)");
    longhaul.wait_for_log("no live upstreams while connecting to upstream, client: 127.0.0.1");
    for (address, thread) in ["127.0.0.1", "127.0.0.2"].into_iter().zip(threads) {
        drop(std::net::TcpStream::connect((address, port)));
        let _ = thread.join();
    }
}

#[test]
fn peers_of_a_followed_name_stay_through_a_reload() {
    const CONFIGURATION: &str = "resolver %dns% ipv6=off;
         upstream group { server moving.example:%port% resolve; server 127.0.0.1:1 down; keepalive 0; }
         server { listen %listen%; location / { proxy_pass http://group; } location /PLACE { return 204; } }";
    let dns = NameServer::start(|question| match question.count {
        1 => Reply::are(&["127.0.0.1"]),
        _ => Reply::Code(2),
    });
    let peer = named("peer", 2);
    let longhaul = Setup::new().with("dns", dns.address).with("port", port(&peer)).start(CONFIGURATION);
    assert!(longhaul.get("/").ends_with("peer"));
    longhaul.reload(&CONFIGURATION.replace("PLACE", "new"));
    longhaul.wait_for_log("generation 2 serves new connections");
    wait_for("the new generation", || longhaul.get("/new").starts_with("HTTP/1.1 204 ").then_some(()));
    assert!(longhaul.get("/").ends_with("peer"));
}
