//! Bodies of requests in every length, framing and setting: the peer gets each as it was sent, and the next request
//! begins behind it.

use super::support::{Connections, Longhaul, Peer, Setup, Socket, head, message};

/// Below and above `client_header_buffer_size` (1k) and `client_body_buffer_size` (2k) of [`LOCATIONS`].
const LENGTHS: [usize; 5] = [9, 1000, 1500, 3000, 70_000];

const LOCATIONS: &str = "client_header_buffer_size 1k; client_body_buffer_size 2k; client_body_temp_path %dir%/bodies;
    add_header X-Body $request_body; add_header X-File $request_body_file; proxy_pass_header X-Length;
    location / { proxy_pass http://%peer%; }
    location /one-buffer { client_body_in_single_buffer on; proxy_pass http://%peer%; }
    location /file { client_body_in_file_only clean; proxy_pass http://%peer%; }
    location /at-once { proxy_request_buffering off; client_body_in_file_only on; proxy_pass http://%peer%; }
    location /unread { return 200 $request_uri; }";

/// Answers each request of one connection with its own body.
fn echo(connections: &Connections, mut count: usize) {
    let mut socket = connections.accept();
    while count > 0 {
        let body = read_body(&mut socket);
        socket.send(message(&format!("HTTP/1.1 200 OK\nContent-Length: {}", body.len()), &body));
        count -= 1;
    }
}

/// The body of the next request, in either framing.
fn read_body(socket: &mut Socket) -> Vec<u8> {
    let fields = socket.read_head();
    let length = fields.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    match length {
        Some(length) => socket.read_exact(length.parse().expect("a length")),
        None if fields.contains("\r\nTransfer-Encoding: chunked\r\n") => socket.read_chunked(),
        None => Vec::new(),
    }
}

fn letters(length: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(length).collect()
}

/// A request with this many letters behind its head, in chunks of 600 or with a length.
fn request(target: &str, length: usize, is_chunked: bool) -> Vec<u8> {
    let body = letters(length);
    if !is_chunked {
        return message(&format!("POST {target} HTTP/1.1\nHost: a\nContent-Length: {length}"), &body);
    }
    let mut bytes = head(&format!("POST {target} HTTP/1.1\nHost: a\nTransfer-Encoding: chunked"));
    for chunk in body.chunks(600) {
        bytes.extend([format!("{:X}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// The next answer's head, once its body is found to be so many letters.
#[track_caller]
fn echoed(client: &mut Socket, length: usize) -> String {
    let fields = client.read_head();
    assert!(fields.starts_with("HTTP/1.1 200 OK\r\n"), "{length}: {fields}");
    assert!(fields.contains(&format!("\r\nContent-Length: {length}\r\n")), "{length}: {fields}");
    assert!(client.read_exact(length) == letters(length), "{length}: another body");
    fields
}

fn start(peer: &Peer) -> Longhaul {
    Setup::new().peer(peer).start(&format!("server {{ listen %listen%; {LOCATIONS} }}"))
}

#[test]
fn every_body_arrives_and_stands_where_the_settings_say() {
    let targets = ["/", "/one-buffer", "/file", "/at-once"];
    let peer = Peer::start(move |connections| echo(&connections, targets.len() * LENGTHS.len() * 2));
    let longhaul = start(&peer);
    let mut client = longhaul.connect();
    for target in targets {
        for (length, is_chunked) in LENGTHS.iter().flat_map(|length| [(*length, false), (*length, true)]) {
            let bytes = request(target, length, is_chunked);
            // Two pieces, the first with a part of the body, or none of it.
            let (start, rest) = bytes.split_at(bytes.len() - length / 2);
            client.send(start);
            client.send(rest);
            let fields = echoed(&mut client, length);
            let is_held = fields.contains(&format!("\r\nX-Body: {}\r\n", String::from_utf8_lossy(&letters(length))));
            let lies_in_file = fields.contains("\r\nX-File: ");
            match target {
                "/file" => assert!(lies_in_file && !is_held, "{target} {length}: {fields}"),
                // As much as has come when the peer is asked; a file would have to wait for the rest.
                "/at-once" => assert!(!lies_in_file, "{target} {length}: {fields}"),
                _ => assert_eq!((is_held, lies_in_file), (length <= 2048, length > 2048), "{target} {length}"),
            }
        }
    }
}

#[test]
fn pipelined_bodies_are_cut_where_they_end() {
    for order in [LENGTHS, [70_000, 1500, 9, 3000, 1000]] {
        let peer = Peer::start(move |connections| echo(&connections, order.len() * 4 + 1));
        let longhaul = start(&peer);
        for (target, is_chunked) in [("/", false), ("/", true), ("/at-once", false), ("/at-once", true)] {
            let mut client = longhaul.connect();
            let all: Vec<u8> = order.iter().flat_map(|length| request(target, *length, is_chunked)).collect();
            let mut sender = client.share();
            let sending = std::thread::spawn(move || sender.send(all));
            for length in order {
                echoed(&mut client, length);
            }
            sending.join().expect("all is sent");
        }
        let mut client = longhaul.connect();
        client.send("GET / HTTP/1.0\r\n\r\n");
        let fields = client.read_head();
        assert!(!fields.contains("X-Body") && !fields.contains("X-File"), "{fields}");
    }
}

#[test]
fn pipelined_bodies_that_nobody_wants_are_cut_where_they_end() {
    let longhaul =
        Setup::new().start(&format!("server {{ listen %listen%; {} }}", LOCATIONS.replace("%peer%", "127.0.0.1:1")));
    for is_chunked in [false, true] {
        let mut client = longhaul.connect();
        for order in [LENGTHS, [70_000, 1500, 9, 3000, 1000]] {
            let bytes = order.iter().flat_map(|length| request(&format!("/unread/{length}"), *length, is_chunked));
            client.send(bytes.collect::<Vec<u8>>());
            for length in order {
                let answer = client.read_answer();
                assert!(answer.ends_with(&format!("Connection: keep-alive\r\n\r\n/unread/{length}")), "{answer}");
            }
        }
    }
}

#[test]
fn a_body_before_a_redirect_of_an_error_page_is_not_the_next_request() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; root %dir%/none; location / { error_page 404 https://other.example/; }
             location /refused { error_page 413 https://other.example/; client_max_body_size 5; }
             location /next { return 200 next; } }",
    );
    for is_chunked in [false, true] {
        let mut client = longhaul.connect();
        client.send([request("/moved", 9, is_chunked), head("GET /next HTTP/1.1\nHost: a")].concat());
        let answer = client.read_answer();
        assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}");
        assert!(answer.contains("\r\nLocation: https://other.example/\r\n"), "{answer}");
        assert!(client.read_answer().ends_with("\r\n\r\nnext"));
    }
    let answer = longhaul.exchange(request("/refused", 9, false));
    assert!(answer.starts_with(b"HTTP/1.1 302 "), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_body_is_sent_again_whole_to_the_next_peer() {
    let closing = Peer::start(|connections| {
        for _ in 0..2 * LENGTHS.len() {
            connections.accept().read_head();
        }
        connections.expect_no_more();
    });
    let peer = Peer::start(|connections| echo(&connections, 2 * LENGTHS.len()));
    let longhaul = Setup::new().peer(&peer).with("closing", &closing.name).start(
        "client_body_buffer_size 2k; proxy_next_upstream error non_idempotent;
         upstream group { server %closing% max_fails=0; server %peer% backup; }
         server { listen %listen%; location / { proxy_pass http://group; } }",
    );
    let mut client = longhaul.connect();
    for (length, is_chunked) in LENGTHS.iter().flat_map(|length| [(*length, false), (*length, true)]) {
        client.send(request("/", length, is_chunked));
        echoed(&mut client, length);
    }
}

#[test]
fn what_came_together_leaves_together_when_it_is_not_gathered() {
    let (tell, told) = std::sync::mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        // The head goes on without any of the body, a part of it with the head, and two chunks as one.
        for (framing, pieces) in [
            ("Transfer-Encoding: chunked", ["", "2\r\nab\r\n", "8\r\ncdefghij\r\n0\r\n\r\n"]),
            ("Transfer-Encoding: chunked", ["5\r\nabcde\r\n", "3\r\nfgh\r\n", "2\r\nij\r\n0\r\n\r\n"]),
            ("Content-Length: 10", ["", "abc", "defghij"]),
            ("Content-Length: 10", ["abcde", "f", "ghij"]),
        ] {
            socket.expect_head(&format!("PUT / HTTP/1.1\nHost: %peer%\n{framing}"));
            for piece in pieces {
                socket.expect(piece);
                tell.send(()).expect("the test waits");
            }
            socket.send(head("HTTP/1.1 204 No Content"));
        }
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; proxy_request_buffering off; location / { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    for (framing, pieces) in [
        ("Transfer-Encoding: chunked", ["", "2\r\nab\r\n", "3;x\r\ncde\r\n05\r\nfghij\r\n0\r\n\r\n"]),
        ("Transfer-Encoding: chunked", ["1\r\na\r\n4\r\nbcde\r\n", "3\r\nfgh\r\n", "2\r\nij\r\n0\r\nT: x\r\n\r\n"]),
        ("Content-Length: 10", ["", "abc", "defghij"]),
        ("Content-Length: 10", ["abcde", "f", "ghij"]),
    ] {
        let mut bytes = head(&format!("PUT / HTTP/1.1\nHost: a\n{framing}"));
        for piece in pieces {
            bytes.extend(piece.as_bytes());
            client.send(&bytes);
            bytes.clear();
            told.recv_timeout(super::support::DEADLINE).expect("the piece at the peer");
        }
        assert!(client.read_head().starts_with("HTTP/1.1 204 "));
    }
}

#[test]
fn a_body_that_has_gone_on_is_still_a_variable() {
    let longhaul = Setup::new().start(
        "server { listen %listen2%; keepalive_timeout 0; return 404; }
         server { listen %listen%; proxy_request_buffering off; proxy_intercept_errors on;
             location / { proxy_pass http://%listen2%; error_page 404 /said; }
             location = /said { return 200 <$request_body>; } }",
    );
    let mut client = longhaul.connect();
    for is_chunked in [false, true] {
        client.send(request("/", 26, is_chunked));
        let answer = client.read_answer();
        assert!(answer.ends_with("\r\n\r\n<abcdefghijklmnopqrstuvwxyz>"), "{answer}");
    }
}

#[test]
fn leave_is_given_to_those_that_can_wait_for_it() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for _ in 0..6 {
            let fields = socket.read_head();
            assert!(!fields.contains("Expect"), "{fields}");
            socket.send(head("HTTP/1.1 204 No Content"));
        }
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass http://%peer%; } }");
    // Without a body, so that nobody can have begun to send it.
    for (version, expectation, gets_leave) in [
        ("1.1", "100-continue", true),
        ("1.1", "100-CONTINUE", true),
        ("1.0", "100-continue", false),
        ("1.1", "coffee", false),
        ("1.1", "100-continue=x", false),
        ("1.1", "x=100-continue", false),
    ] {
        let mut client = longhaul.connect();
        client.send(head(&format!("POST / HTTP/{version}\nHost: a\nExpect: {expectation}\nContent-Length: 0")));
        if gets_leave {
            assert_eq!(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
        }
        let answer = client.read_head();
        assert!(answer.starts_with("HTTP/1.1 204 "), "{version} {expectation}: {answer}");
    }
}
