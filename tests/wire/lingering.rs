//! What a client still sends when its connection is closed, or when nobody wants the body of its request: it is read
//! and dropped, so that no reset overtakes the answer, for a limited time.

use super::support::{Longhaul, Setup, Socket, head};

/// More than the kernel holds for one connection.
const LENGTH: usize = 16 << 20;

/// Longer than any test waits.
const EVER: &str = "100s";

/// A client that has announced a body and got a status that it does not change any more.
#[track_caller]
fn refused(longhaul: &Longhaul, target: &str, status: &str, connection: &str) -> Socket {
    let mut client = longhaul.connect();
    client.send(head(&format!("POST {target} HTTP/1.1\nHost: a\nContent-Length: {LENGTH}")));
    let answer = client.read_answer();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    assert!(answer.contains(&format!("\r\nConnection: {connection}\r\n")), "{target}: {answer}");
    client
}

#[test]
fn a_client_that_sends_on_is_read_and_not_reset() {
    let longhaul = Setup::new().start(
        "client_max_body_size 3;
         server { listen %listen%; location / { return 200 x; }
             location /wanted { proxy_pass http://127.0.0.1:1; }
             location /no-more { client_max_body_size 0; keepalive_timeout 0; return 403; } }",
    );
    let body = vec![b'x'; LENGTH];
    for (target, status) in [("/", "413"), ("/wanted", "413"), ("/no-more", "403")] {
        let mut client = refused(&longhaul, target, status, "close");
        client.send(&body);
        client.half_close();
        client.expect_end();
    }
    // A body that turns out too long.
    let mut client = longhaul.connect();
    client.send("POST /wanted HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n");
    assert!(client.read_answer().starts_with("HTTP/1.1 413 "));
    client.send(&body);
    client.half_close();
    client.expect_end();
}

#[test]
fn without_lingering_what_comes_late_is_answered_by_a_reset() {
    let longhaul = Setup::new().start(
        "client_max_body_size 1; server { listen %listen%; lingering_close off; location / { return 200 x; } }
         server { listen %listen2%; location / { return 200 x; } location /off { lingering_close off; } }",
    );
    let mut client = refused(&longhaul, "/", "413", "close");
    client.send_until_gone(&[b'x'; 4096]);
    let mut client = longhaul.connect_to("listen2");
    client.send(head(&format!("POST /off HTTP/1.1\nHost: a\nContent-Length: {LENGTH}")));
    assert!(client.read_answer().starts_with("HTTP/1.1 413 "));
    client.send_until_gone(&[b'x'; 4096]);
}

#[test]
fn a_client_is_read_for_a_limited_time_and_waited_for_no_longer_than_a_pause() {
    let longhaul = Setup::new().start(&format!(
        "lingering_timeout {EVER};
         server {{ listen %listen%; client_max_body_size 1;
             location /none {{ lingering_time 0; }}
             location /time {{ lingering_time 300ms; }}
             location /pause {{ lingering_time {EVER}; lingering_timeout 300ms; }}
             location /unread/time {{ client_max_body_size 0; lingering_time 300ms; return 200 x; }}
             location /unread/pause {{ client_max_body_size 0; lingering_timeout 300ms; return 200 x; }} }}"
    ));
    let mut client = refused(&longhaul, "/time", "413", "close");
    client.send_until_gone(&[b'x'; 100]);
    for target in ["/none", "/time", "/pause"] {
        let _silent = refused(&longhaul, target, "413", "close");
        longhaul.expect_all_closed();
    }
    // Nor is the end of a body that nobody wants, behind which another request may stand.
    for target in ["/unread/time", "/unread/pause"] {
        let _silent = refused(&longhaul, target, "200", "keep-alive");
        longhaul.expect_all_closed();
    }
}

#[test]
fn a_quiet_connection_is_closed_at_once_unless_it_always_lingers() {
    let longhaul = Setup::new().start(&format!(
        "lingering_time {EVER}; lingering_timeout {EVER}; server {{ listen %listen%; return 200 x; }}
         server {{ listen %listen2%; location / {{ lingering_close always; return 200 x; }} }}"
    ));
    let ask = |listener: &str| {
        let mut client = longhaul.connect_to(listener);
        client.send(head("GET / HTTP/1.1\nHost: a\nConnection: close"));
        client.read_answer();
        client.expect_end();
        client
    };
    let _quiet = ask("listen");
    longhaul.expect_all_closed();
    let mut client = ask("listen2");
    for _ in 0..LENGTH / 65536 {
        client.send([b'x'; 65536]);
    }
    client.half_close();
    client.expect_end();
}

#[test]
fn a_body_that_nobody_wants_stands_before_the_next_request_however_long_it_is() {
    let longhaul = Setup::new()
        .start("client_max_body_size 0; server { listen %listen%; location / { return 200 $request_method; } }");
    let mut client = longhaul.connect();
    client.send(head(&format!("POST / HTTP/1.1\nHost: a\nContent-Length: {LENGTH}")));
    assert!(client.read_answer().ends_with("Connection: keep-alive\r\n\r\nPOST"));
    client.send(vec![b'x'; LENGTH]);
    client.send(head("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked"));
    assert!(client.read_answer().ends_with("Connection: keep-alive\r\n\r\nPOST"));
    for _ in 0..2 {
        client.send("100000\r\n");
        client.send(vec![b'x'; 1 << 20]);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    client.send(head("GET / HTTP/1.1\nHost: a\nConnection: close"));
    assert!(client.read_answer().ends_with("Connection: close\r\n\r\nGET"));
}
