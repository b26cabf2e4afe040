//! Connections of `stream` that are held to a rate: they are no tunnels, and end as those do.

use std::time::{Duration, Instant};

use super::stream::start;
use super::support::{Longhaul, Peer, Setup};

const END: &str = "log_format end '$status $bytes_received $bytes_sent $upstream_bytes_sent $upstream_bytes_received';
                   access_log end.log end;";

#[track_caller]
fn log_line(longhaul: &Longhaul) -> String {
    longhaul.wait_for_lines("end.log", 1).trim_end().to_owned()
}

#[test]
fn a_peer_is_read_no_faster_than_its_rate() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("PROXY UNKNOWN\r\ngo");
        socket.send([b'x'; 1000]);
    });
    let body = format!(
        "{END} server {{ listen unix:%dir%/front.sock; proxy_pass %peer%; proxy_protocol on; proxy_download_rate 500; }}
         server {{ listen %listen%; access_log off; proxy_pass unix:%dir%/front.sock; }}"
    );
    let longhaul = start(Setup::new().peer(&peer), &body);
    let began = Instant::now();
    let mut client = longhaul.connect();
    client.send("go");
    client.expect([b'x'; 1000]);
    client.expect_end();
    assert!(began.elapsed() >= Duration::from_millis(990), "{:?}", began.elapsed());
    assert_eq!(log_line(&longhaul), "200 2 1000 17 1000");
}

#[test]
fn a_client_is_read_no_faster_than_its_rate() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect([b'x'; 1000]);
        socket.expect_end();
        socket.send("all");
    });
    let body = format!(
        "{END} map $protocol $rate {{ default 500; }}
         server {{ listen %listen%; proxy_pass %peer%; proxy_upload_rate $rate; proxy_half_close on; }}"
    );
    let longhaul = start(Setup::new().peer(&peer), &body);
    let began = Instant::now();
    let mut client = longhaul.connect();
    client.send([b'x'; 1000]);
    client.half_close();
    client.expect("all");
    assert!(began.elapsed() >= Duration::from_millis(990), "{:?}", began.elapsed());
    client.expect_end();
    assert_eq!(log_line(&longhaul), "200 1000 3 1000 3");
}

#[test]
fn a_quiet_one_ends_by_proxy_timeout() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.expect("x");
        socket.expect_end();
    });
    let body =
        format!("{END} server {{ listen %listen%; proxy_pass %peer%; proxy_timeout 1s; proxy_upload_rate 1m; }}");
    let longhaul = start(Setup::new().peer(&peer), &body);
    let mut client = longhaul.connect();
    client.send("x");
    client.expect_end();
    assert_eq!(log_line(&longhaul), "200 1 0 1 0");
}

#[test]
fn the_end_of_either_side_ends_it() {
    let peer = Peer::start(|connections| {
        connections.accept().expect_end();
        connections.accept().send("bye");
    });
    let body = format!("{END} server {{ listen %listen%; proxy_pass %peer%; proxy_download_rate 1m; }}");
    let longhaul = start(Setup::new().peer(&peer), &body);
    let mut client = longhaul.connect();
    client.half_close();
    client.expect_end();
    longhaul.wait_for_lines("end.log", 1);
    let mut client = longhaul.connect();
    client.expect("bye");
    client.expect_end();
    assert_eq!(longhaul.wait_for_lines("end.log", 2), "200 0 0 0 0\n200 0 3 0 3\n");
}
