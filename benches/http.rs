//! What each request costs in parsing: heads, fields, targets, chunks. `cargo bench --bench http` measures,
//! `cargo test --benches` only runs each case once.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use longhaul::http::parse::{self, RequestRules, RequestScanner};
use longhaul::http::upgrade::{self, Request};
use longhaul::http::{Name, RequestHead, ResponseHead, chunked, framing, hop_by_hop, host, target};

/// A browser's handshake.
const HANDSHAKE: &[u8] = b"GET /socket.io/?EIO=4&transport=websocket&sid=Zk3qpX4mW0lqvJ9nAAAB HTTP/1.1\r\n\
    Host: chat.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://chat.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Cookie: io=Zk3qpX4mW0lqvJ9nAAAB; theme=dark; sid=s%3A0c5c2f0e-6a0b-4b53-9f0e-5a1f5f6b7c8d\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// A load generator's request.
const SHORT: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: example\r\n\
    Date: Tue, 01 Jul 2025 12:00:00 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 1024\r\n\
    Last-Modified: Tue, 01 Jul 2025 11:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    ETag: \"6863c1f0-400\"\r\n\
    Accept-Ranges: bytes\r\n\r\n";

const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn request_head(text: &[u8]) -> Box<RequestHead> {
    let parsed = parse::request(text, &RequestRules::default()).expect("a valid head");
    parsed.expect("a whole head").0
}

fn response_head(text: &[u8]) -> ResponseHead {
    *parse::response(text, 4096).expect("a valid head").expect("a whole head").0
}

fn heads(criterion: &mut Criterion) {
    let rules = RequestRules::default();
    let mut group = criterion.benchmark_group("head");
    for (name, text) in [("short", SHORT), ("handshake", HANDSHAKE)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("request/{name}"), |b| b.iter(|| parse::request(black_box(text), &rules)));
    }
    group.bench_function("request/byte by byte", |b| {
        b.iter(|| {
            let mut scanner = RequestScanner::new(&rules);
            (1..=HANDSHAKE.len()).map(|end| scanner.push(black_box(&HANDSHAKE[..end]))).next_back()
        });
    });
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("response", |b| b.iter(|| parse::response(black_box(RESPONSE), 4096)));
    group.finish();
}

fn fields(criterion: &mut Criterion) {
    let head = request_head(HANDSHAKE);
    let mut group = criterion.benchmark_group("fields");
    group.bench_function("first", |b| b.iter(|| head.fields.first(black_box(Name::Host)).is_some()));
    group.bench_function("last", |b| b.iter(|| head.fields.first(black_box(Name::SecWebsocketExtensions)).is_some()));
    group.bench_function("absent", |b| b.iter(|| head.fields.first(black_box(Name::ContentLength)).is_some()));
    group.bench_function("token", |b| b.iter(|| head.fields.has_token(black_box(Name::Connection), b"upgrade")));
    group.bench_function("encode", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            out.clear();
            head.fields.encode_into(&mut out);
            out.len()
        });
    });
    group.bench_function("hop by hop", |b| {
        b.iter(|| {
            let dropped = hop_by_hop::of_request(black_box(&head.fields));
            head.fields.iter_known().filter(|(known, name, _)| dropped.contains(*known, name)).count()
        });
    });
    group.finish();
}

fn meaning(criterion: &mut Criterion) {
    let head = request_head(HANDSHAKE);
    let parsed = target::parse(&head, true).expect("a valid target");
    let mut group = criterion.benchmark_group("meaning");
    group.bench_function("target", |b| b.iter(|| target::parse(black_box(&head), true)));
    for (name, path) in [("plain", "/socket.io/"), ("odd", "/a/./b/../%63%20//d%2fe/f.html")] {
        group.bench_function(format!("normalize/{name}"), |b| {
            b.iter(|| target::normalize(black_box(path.as_bytes()), true));
        });
    }
    group.bench_function("escape", |b| b.iter(|| target::escape(black_box(b"/a b/c%d/\xc3\xa9.html"))));
    group.bench_function("host", |b| b.iter(|| host::of(black_box(&head), &parsed)));
    group.bench_function("framing", |b| b.iter(|| framing::request(black_box(&head))));
    group.bench_function("upgrade/of", |b| b.iter(|| Request::of(black_box(&head))));
    let response = response_head(SWITCHING);
    group.bench_function("upgrade/verify", |b| b.iter(|| upgrade::verify(&head.fields, black_box(&response))));
    group.finish();
}

fn chunks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunked");
    for (name, piece_bytes, count) in [("small", 16, 256), ("large", 16 << 10, 4)] {
        let mut body = Vec::new();
        for _ in 0..count {
            chunked::chunk_head(piece_bytes, &mut body);
            body.resize(body.len() + piece_bytes, b'x');
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(chunked::LAST_CHUNK);
        let mut data = Vec::with_capacity(body.len());
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                data.clear();
                chunked::Decoder::new().decode(black_box(&body), &mut data)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, heads, fields, meaning, chunks);
criterion_main!(benches);
