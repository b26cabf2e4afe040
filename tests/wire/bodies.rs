//! A request's body: gathered before the peer is connected or passed on as it comes, in memory or in a file; and what a
//! configuration puts in its place.

use super::support::{DEADLINE, Peer, Setup, head, message, wait_for};

/// A location with these lines in front of a peer that answers 204 to a request with that head and body.
#[track_caller]
fn peer_gets(lines: &str, request: Vec<u8>, seen: &'static str, body: &'static [u8]) -> String {
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.expect_head(seen);
        socket.expect(body);
        socket.send(head("HTTP/1.1 204 No Content"));
    });
    let text = format!("server {{ listen %listen%; location / {{ proxy_pass http://%peer%; {lines} }} }}");
    let longhaul = Setup::new().peer(&peer).start(&text);
    let mut client = longhaul.connect();
    client.send(request);
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    peer.join();
    answer
}

fn chunked(body: &str) -> Vec<u8> {
    message(
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked",
        format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes(),
    )
}

#[test]
fn a_gathered_body_has_a_length() {
    let answer = peer_gets(
        "add_header X-Body $request_body;",
        chunked("hello"),
        "POST / HTTP/1.1\nHost: %peer%\nContent-Length: 5",
        b"hello",
    );
    assert!(answer.contains("\r\nX-Body: hello\r\n"), "{answer}");
}

#[test]
fn a_long_body_lies_in_a_file_that_has_no_name_any_more() {
    let answer = peer_gets(
        "client_body_buffer_size 4; add_header X-File $request_body_file; add_header X-Body $request_body;
         client_body_temp_path spool 1 2;",
        chunked("hello"),
        "POST / HTTP/1.1\nHost: %peer%\nContent-Length: 5",
        b"hello",
    );
    assert!(answer.contains("/spool/") && !answer.contains("X-Body"), "{answer}");
    let path = answer.split("X-File: ").nth(1).and_then(|rest| rest.lines().next()).expect("the file's name");
    assert!(!std::path::Path::new(path).exists());
}

#[test]
fn a_body_in_a_file_only_stays_there_or_goes_with_the_request() {
    for (word, stays) in [("on", true), ("clean", false)] {
        let peer = Peer::once("POST / HTTP/1.1\nHost: %peer%\nContent-Length: 3", head("HTTP/1.1 204 No Content"));
        let longhaul = Setup::new().peer(&peer).start(&format!(
            "client_body_in_file_only {word};
             server {{ listen %listen%; location / {{ proxy_pass http://%peer%; add_header X $request_body_file; }} }}"
        ));
        let mut client = longhaul.connect();
        client.send(message("POST / HTTP/1.1\nHost: a\nContent-Length: 3", b"abc"));
        let answer = client.read_head();
        let path = answer.split("X: ").nth(1).and_then(|rest| rest.lines().next()).expect("a name").to_owned();
        if stays {
            assert_eq!(std::fs::read(&path).expect("the body"), b"abc");
        } else {
            wait_for("the file to be gone", || (!std::path::Path::new(&path).exists()).then_some(()));
        }
    }
}

#[test]
fn no_peer_is_connected_before_the_body_is_here() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect_head("POST / HTTP/1.1\nHost: %peer%\nContent-Length: 6");
        // All of it is there at once: what came first waited for the rest.
        socket.expect("abcdef");
        socket.send(head("HTTP/1.1 204 No Content"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; client_body_timeout 100ms; location / { proxy_pass http://%peer%; } }");
    let mut slow = longhaul.connect();
    slow.send(message("POST / HTTP/1.1\nHost: a\nContent-Length: 6", b"abc"));
    // The body never comes, and no peer hears of the request.
    slow.expect_gone();
    let mut client = longhaul.connect();
    client.send(message("POST / HTTP/1.1\nHost: a\nContent-Length: 6", b"abcdef"));
    client.read_head();
}

#[test]
fn an_ungathered_body_goes_on_as_it_comes() {
    let (reached, first_came) = std::sync::mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.expect_head("POST / HTTP/1.1\nHost: %peer%\nTransfer-Encoding: chunked");
        socket.expect("3\r\none\r\n");
        reached.send(()).expect("the test waits");
        socket.expect("3\r\ntwo\r\n0\r\n\r\n");
        socket.send(head("HTTP/1.1 204 No Content"));
    });
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_request_buffering off; } }");
    let mut client = longhaul.connect();
    client.send(message("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked", b"3\r\none\r\n"));
    first_came.recv_timeout(DEADLINE).expect("the first piece at the peer");
    client.send("3\r\ntwo\r\n0\r\n\r\n");
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}

#[test]
fn a_client_that_waits_for_leave_gets_it_even_for_an_empty_body() {
    for length in ["0", "3"] {
        let peer = Peer::start(move |connections| {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(head("HTTP/1.1 204 No Content"));
        });
        let longhaul =
            Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass http://%peer%; } }");
        let mut client = longhaul.connect();
        client.send(head(&format!("POST / HTTP/1.1\nHost: a\nExpect: 100-Continue\nContent-Length: {length}")));
        assert_eq!(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
        client.send(&b"abc"[..length.parse().expect("a number")]);
        assert!(client.read_head().starts_with("HTTP/1.1 204 "));
    }
}

#[test]
fn a_request_is_passed_on_in_part() {
    let request = || message("POST /x HTTP/1.1\nHost: a\nX-Own: 1\nContent-Length: 3", b"abc");
    peer_gets("proxy_pass_request_body off;", request(), "POST /x HTTP/1.1\nHost: %peer%\nX-Own: 1", b"");
    peer_gets(
        "proxy_pass_request_headers off; proxy_pass_request_body off;",
        request(),
        "POST /x HTTP/1.1\nHost: %peer%",
        b"",
    );
    peer_gets(
        "proxy_pass_request_headers off; proxy_set_header X-Set 2;",
        request(),
        "POST /x HTTP/1.1\nHost: %peer%\nX-Set: 2\nContent-Length: 3",
        b"abc",
    );
}

#[test]
fn method_and_body_are_put_in_the_place_of_the_client_s() {
    peer_gets(
        "proxy_method PUT; proxy_set_body '<$request_body>';",
        message("POST /x HTTP/1.1\nHost: a\nContent-Length: 3", b"abc"),
        "PUT /x HTTP/1.1\nHost: %peer%\nContent-Length: 5",
        b"<abc>",
    );
}

#[test]
fn a_broken_body_that_nobody_wants_is_refused_all_the_same() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200 fine; } }");
    let answer = longhaul
        .exchange(message("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked", b"4\r\nabcdefgh\r\n0\r\n\r\n"));
    assert!(answer.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
}

#[test]
fn more_fields_than_allowed_are_refused() {
    let longhaul = Setup::new().start("max_headers 2; server { listen %listen%; location / { return 204; } }");
    assert!(longhaul.exchange(head("GET / HTTP/1.0\nHost: a\nX: 1")).starts_with(b"HTTP/1.1 204 "));
    assert!(longhaul.exchange(head("GET / HTTP/1.0\nHost: a\nX: 1\nY: 2")).starts_with(b"HTTP/1.1 400 "));
}
