//! Hostile requests and responses over real sockets: for each the answer that the client gets and the exact bytes, if
//! any, that reach the peer. One longhaul serves all rows, some at a time, and a peer writes down what it sees.

mod ground;
mod requests;
mod responses;
/// Shared with the tests of the parts that refuse them.
#[path = "../../../src/http/tests/hostile_tables.rs"]
mod tables;

use self::ground::Ground;
use self::requests::{HANDSHAKES, OTHERS, PASSED};
use self::responses::{Asks, Gets, RESPONSES};
use super::support::{Socket, head, http, message, show, stable};

/// What follows a request that two readers might cut differently; it must be nobody's request.
const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// A request and what becomes of it.
struct Row {
    sends: Vec<u8>,
    statuses: Vec<u16>,
    /// By connection, `%lane%` stands for the peer's name.
    seen: &'static [&'static str],
}

/// A status that nginx has for itself, as clients see it.
fn shown(status: u16) -> u16 {
    if status == 494 { 400 } else { status }
}

fn refused(sends: Vec<u8>, status: u16) -> Row {
    Row { sends, statuses: vec![shown(status)], seen: &[] }
}

/// Every request of the tables, each with more behind it.
fn request_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (status, _, heads) in [tables::LINES, tables::TARGETS, tables::HOSTS, tables::ENCODINGS_BEFORE_1_1].concat() {
        rows.extend(heads.iter().map(|sends| refused([sends, SMUGGLED].concat(), status)));
    }
    for (status, _, lines) in tables::FIELDS {
        for line in *lines {
            let start = b"POST / HTTP/1.1\r\nHost: a\r\n".as_slice();
            rows.push(refused([start, line, b"\r\n\r\n", SMUGGLED].concat(), *status));
        }
    }
    for body in tables::CHUNKED {
        let start = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
        rows.push(refused([start, body, SMUGGLED].concat(), 400));
    }
    for (target, fields, status) in HANDSHAKES {
        let lines = format!("GET {target} HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade\n{fields}");
        rows.push(refused([head(&lines), SMUGGLED.to_vec()].concat(), *status));
    }
    rows.extend(OTHERS.iter().map(|(sends, status)| refused([sends, SMUGGLED].concat(), *status)));
    for (sends, statuses, seen) in PASSED {
        rows.push(Row { sends: sends.as_bytes().to_vec(), statuses: statuses.to_vec(), seen });
    }
    rows
}

#[test]
fn requests_are_refused_or_passed_on_in_exactly_these_bytes() {
    let rows = request_rows();
    assert!(rows.len() >= 150, "{} rows", rows.len());
    let ground = Ground::start();
    ground.run(
        &rows,
        |row| row.sends.as_slice(),
        |lane, row| {
            lane.answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec());
            let came = lane.talk(&row.sends)?;
            let statuses = statuses(&came);
            if statuses != row.statuses {
                return Err(format!("answered {statuses:?} in place of {:?}: {}", row.statuses, show(&came)));
            }
            let expected: Vec<Vec<u8>> =
                row.seen.iter().map(|text| text.replace("%lane%", &lane.name).into_bytes()).collect();
            let seen = lane.seen();
            if seen == expected {
                Ok(())
            } else {
                Err(format!("the peer saw {}", seen.iter().map(|one| show(one)).collect::<String>()))
            }
        },
    );
}

#[test]
fn responses_are_refused_or_passed_on_in_exactly_these_bytes() {
    let refused = tables::RESPONSES.iter().map(|(sends, _)| (Asks::Get, sends.to_vec(), Gets::BadGateway));
    let own = RESPONSES.iter().map(|(asks, sends, gets)| (*asks, sends.as_bytes().to_vec(), *gets));
    let rows: Vec<(Asks, Vec<u8>, Gets)> = refused.chain(own).collect();
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let ground = Ground::start();
    ground.run(
        &rows,
        |row| row.1.as_slice(),
        |lane, (asks, sends, gets)| {
            lane.answer_with(sends.clone());
            let request = asks.request();
            let came = lane.talk(&[request.as_slice(), SMUGGLED].concat())?;
            let seen = lane.seen();
            // One request, whatever the client sends behind what it asks.
            if seen.len() != 1 || seen[0].windows(8).any(|part| part == b"smuggled") {
                return Err(format!("the peer saw {}", seen.iter().map(|one| show(one)).collect::<String>()));
            }
            let text = stable(&came);
            let is_right = match gets {
                Gets::BadGateway => statuses(&came) == [502] && text.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
                Gets::Exactly(expected) => text == *expected,
            };
            if is_right { Ok(()) } else { Err(format!("the client got {}", show(text.as_bytes()))) }
        },
    );
}

/// Status lines in what came, wherever they stand: none may be hidden in a body.
fn statuses(bytes: &[u8]) -> Vec<u16> {
    let status = |window: &[u8]| {
        let code = window.strip_prefix(b"HTTP/1.1 ")?;
        std::str::from_utf8(code).ok()?.parse().ok()
    };
    bytes.windows(12).filter_map(status).collect()
}

#[test]
fn bytes_that_nobody_asked_for_close_an_idle_connection() {
    use super::support::{Peer, Setup};
    let (gone, went) = std::sync::mpsc::channel();
    let peer = Peer::start(move |connections| {
        let mut first = connections.accept();
        first.read_head();
        first.send(message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"));
        // Meant for whoever comes next.
        first.send(message("HTTP/1.1 200 OK\nContent-Length: 6", b"poison"));
        first.expect_gone();
        gone.send(()).expect("the test waits for this");
        let mut second = connections.accept();
        second.read_head();
        second.send(message("HTTP/1.1 200 OK\nContent-Length: 5", b"sound"));
    });
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass http://%peer%; } }");
    let mut client: Socket = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    assert!(client.read_answer().ends_with("\r\n\r\nok"));
    // A request that left before the stray bytes came would have them for its answer, as in any proxy.
    went.recv().expect("the peer sees its connection closed");
    client.send(head("GET / HTTP/1.1\nHost: a"));
    assert!(client.read_answer().ends_with("\r\n\r\nsound"));
}

/// The whole configuration of a ground with these lanes.
fn configuration(lanes: usize) -> String {
    let lane = |n: usize| {
        format!(
            "upstream lane{n} {{ server %peer{n}%; keepalive 0; }}
             server {{ listen %client{n}%; client_header_timeout 20s; client_body_timeout 20s;
                 location / {{ proxy_pass http://lane{n}; }}
                 location /chat {{ websocket_origin https://example.com https://*.example.org; proxy_pass http://lane{n}; }}
                 location /denied {{ deny all; proxy_pass http://lane{n}; }}
                 location /small {{ client_max_body_size 3; proxy_pass http://lane{n}; }} }}\n"
        )
    };
    http(&(0..lanes).map(lane).collect::<String>())
}
