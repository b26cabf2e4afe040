//! Compressed answers that take their time: a peer that pauses or fails, a client that stops or goes, and what is not
//! compressed whatever it says.

use flate2::{Decompress, FlushDecompress};

use longhaul::limits::GZIP_ANSWER_BYTES;

use super::gzip::{answers, chunked, is_compressed, plain, text};
use super::support::{Longhaul, Peer, Setup, Socket, head, masked, message, plain as plain_frame, upgrade};

const COMPRESSING: &str = "server { listen %listen%; gzip on; gzip_types text/plain text/event-stream;
    location / { proxy_pass http://%peer%; } }";

/// The chunks of a compressed body as they come.
struct Reader {
    client: Socket,
    decoder: Decompress,
    /// Bytes of the coding's head that are to come.
    head_bytes: usize,
    text: Vec<u8>,
}

impl Reader {
    /// Asks for a compressed body and reads its head.
    #[track_caller]
    fn ask(longhaul: &Longhaul, target: &str) -> Self {
        let mut client = longhaul.connect();
        client.send(head(&format!("GET {target} HTTP/1.1\nHost: a\nAccept-Encoding: gzip\nConnection: close")));
        let answer = client.read_head();
        assert!(is_compressed(&answer), "{answer}");
        Self { client, decoder: Decompress::new(false), head_bytes: 10, text: Vec::new() }
    }

    /// Reads until so many bytes of text are there.
    #[track_caller]
    fn read(&mut self, bytes: usize) -> &[u8] {
        while self.text.len() < bytes {
            let size = usize::from_str_radix(self.client.read_line().trim_end(), 16).expect("a chunk's size");
            assert!(size > 0, "the body ended after {} bytes", self.text.len());
            let chunk = self.client.read_exact(size);
            assert_eq!(self.client.read_line(), "\r\n");
            let from = chunk.len().min(self.head_bytes);
            self.head_bytes -= from;
            let mut rest = &chunk[from..];
            while !rest.is_empty() {
                let before = self.decoder.total_in();
                self.text.reserve(1 << 16);
                self.decoder.decompress_vec(rest, &mut self.text, FlushDecompress::None).expect("deflated bytes");
                rest = &rest[usize::try_from(self.decoder.total_in() - before).expect("a length")..];
            }
            // What a full output left in the decoder.
            self.text.reserve(1 << 16);
            self.decoder.decompress_vec(b"", &mut self.text, FlushDecompress::None).expect("deflated bytes");
        }
        &self.text
    }
}

/// A peer that sends an event whenever it is told, then ends.
fn events_come_one_by_one(configuration: &str, fields: &'static str) {
    let (told, next) = std::sync::mpsc::channel::<&'static str>();
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(&format!(
            "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\nConnection: close{fields}"
        )));
        for event in next {
            socket.send(format!("{:x}\r\n{event}\r\n", event.len()));
        }
        socket.send("0\r\n\r\n");
    });
    let longhaul = Setup::new().peer(&peer).start(&format!(
        "server {{ listen %listen%; gzip on; gzip_types text/event-stream;
             location / {{ {configuration} proxy_pass http://%peer%; }} }}"
    ));
    let mut reader = Reader::ask(&longhaul, "/");
    let events = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];
    for event in events {
        told.send(event).expect("the peer is there");
        let end = reader.text.len() + event.len();
        assert!(reader.read(end).ends_with(event.as_bytes()));
    }
    drop(told);
    reader.client.read_chunked();
    reader.client.expect_end();
    assert_eq!(reader.text, events.concat().as_bytes());
    peer.join();
}

#[test]
fn events_come_one_by_one_without_buffering() {
    events_come_one_by_one("proxy_buffering off;", "");
    events_come_one_by_one("", "\nX-Accel-Buffering: no");
}

#[test]
fn events_do_not_stay_in_the_compressor() {
    events_come_one_by_one("", "");
}

#[test]
fn what_a_peer_sent_before_it_died_comes_through_and_no_end_follows() {
    let body = text(40_000);
    let begun = |framing: &str, before: &str| {
        let head = head(&format!("HTTP/1.1 200 OK\nContent-Type: text/plain\n{framing}"));
        [head.as_slice(), before.as_bytes(), &body].concat()
    };
    let cases = [begun("Content-Length: 90000", ""), begun("Transfer-Encoding: chunked", "9c41\r\n")];
    let peer = answers([cases.clone(), cases].concat());
    let longhaul = Setup::new().peer(&peer).allow_in_log("prematurely closed").start(&COMPRESSING.replace(
        "location / {",
        "location /unbuffered { proxy_buffering off; proxy_pass http://%peer%; } location / {",
    ));
    for target in ["/", "/", "/unbuffered", "/unbuffered"] {
        let mut reader = Reader::ask(&longhaul, target);
        assert!(reader.read(body.len()) == body, "{target}");
        reader.client.expect_end();
    }
}

#[test]
fn a_client_that_knows_no_chunks_gets_it_until_the_end() {
    let body = text(90_000);
    let peer = answers(vec![chunked("Content-Type: text/plain", &body, ""); 2]);
    let longhaul = Setup::new().peer(&peer).start(&COMPRESSING.replace(
        "location / {",
        "gzip_http_version 1.0; location /off { chunked_transfer_encoding off; proxy_pass http://%peer%; } location / {",
    ));
    for request in ["GET /off HTTP/1.1\nHost: a", "GET / HTTP/1.0\nConnection: keep-alive"] {
        let mut client = longhaul.connect();
        client.send(head(&format!("{request}\nAccept-Encoding: gzip")));
        let answer = client.read_head();
        assert!(is_compressed(&answer) && answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert!(!answer.contains("Transfer-Encoding") && !answer.contains("Content-Length"), "{answer}");
        assert!(plain(&client.read_to_end()) == body, "the body was changed on the way");
    }
}

#[test]
fn parts_answers_without_a_body_and_what_must_not_change_are_left_alone() {
    let body = text(500);
    let html = "Content-Type: text/html\nContent-Length: 500";
    let cases = [
        (format!("206 Partial Content\nContent-Range: bytes 0-499/9999\n{html}"), body.as_slice()),
        (format!("200 OK\nCache-Control: public, No-Transform\n{html}"), &body),
        (format!("200 OK\nContent-Encoding: gzip\n{html}"), &body),
        ("304 Not Modified\nETag: \"a\"".to_owned(), b""),
        ("204 No Content\nETag: \"a\"".to_owned(), b""),
    ];
    let answer = |(fields, body): &(String, &[u8])| message(&format!("HTTP/1.1 {fields}\nConnection: close"), body);
    let peer = answers(cases.iter().map(answer).collect());
    let longhaul = Setup::new().peer(&peer).start(COMPRESSING);
    for (fields, body) in cases {
        let mut client = longhaul.connect();
        client.send(head("GET / HTTP/1.1\nHost: a\nAccept-Encoding: gzip\nConnection: close"));
        let answer = client.read_head();
        assert_eq!(answer.matches("gzip").count(), fields.matches("gzip").count(), "{answer}");
        assert_eq!(answer.contains("\r\nContent-Length: 500\r\n"), !body.is_empty(), "{answer}");
        assert!(!answer.contains("W/"), "{answer}");
        assert!(client.read_to_end() == body, "{fields}");
    }
}

#[test]
fn an_upgrade_is_left_alone() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(
            "HTTP/1.1 101 Switching Protocols
             Upgrade: websocket
             Connection: Upgrade
             Content-Type: text/html
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ));
        socket.expect(masked(1, b"a text of more than twenty bytes"));
        socket.send(plain_frame(1, b"and an answer of more than twenty bytes"));
        socket.expect_end();
    });
    let longhaul = Setup::new().peer(&peer).start(COMPRESSING);
    let mut client = longhaul.connect();
    client.send(upgrade("/", "Accept-Encoding: gzip"));
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 101 ") && !is_compressed(&answer), "{answer}");
    client.send(masked(1, b"a text of more than twenty bytes"));
    client.expect(plain_frame(1, b"and an answer of more than twenty bytes"));
    client.half_close();
    client.expect_end();
}

#[test]
fn an_answer_that_stands_still_takes_so_much_memory() {
    const ANSWERS: usize = 24;
    let body = text(200_000);
    let (told, go_on) = std::sync::mpsc::channel::<()>();
    let sent = body.clone();
    let peer = Peer::start(move |connections| {
        let mut sockets: Vec<Socket> = Vec::new();
        for _ in 0..=ANSWERS {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(head("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nConnection: close"));
            socket.send(&sent);
            sockets.push(socket);
        }
        go_on.recv().expect("the test is there");
    });
    let longhaul = Setup::new().peer(&peer).start(COMPRESSING);
    let begin = || {
        let mut reader = Reader::ask(&longhaul, "/");
        assert!(reader.read(body.len()) == body, "the body was changed on the way");
        reader
    };
    // What the first one leaves for all.
    let first = begin();
    let before = longhaul.private_memory();
    let readers: Vec<Reader> = (0..ANSWERS).map(|_| begin()).collect();
    let after = longhaul.private_memory();
    let each = (after.bytes() - before.bytes()) / ANSWERS as u64;
    assert!(each <= GZIP_ANSWER_BYTES as u64, "{each} bytes each: {}", after.difference(&before));
    told.send(()).expect("the peer is there");
    drop((first, readers));
}
