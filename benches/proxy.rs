//! What deciding costs: server and location, variables, the head for the peer, the peer, and loading a long file.
//! `cargo bench --bench proxy` measures, `cargo test --benches` only runs each case once.

use std::fmt::Write;
use std::hint::black_box;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use longhaul::config::{Loaded, MemoryFiles, Request, Resolve, Text, load};
use longhaul::http::RequestHead;
use longhaul::http::parse::{self, RequestRules};
use longhaul::model::{Generation, Template, UpstreamId};
use longhaul::names::Names;
use longhaul::net::accept::ClientAddress;
use longhaul::observe::metrics::Metrics;
use longhaul::proxy::{Ground, Shard, ShardParts};
use longhaul::route::{self, Router};
use longhaul::upstream::{Groups, Tried};
use longhaul::zones::Zones;

const FILE: &str = "/etc/longhaul/longhaul.conf";

/// Addresses only: nothing is asked of anybody.
struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        Err(io::Error::other("no names here"))
    }
}

fn loaded(text: &str) -> Loaded {
    let files = MemoryFiles::default().with(FILE, text);
    let request = Request {
        text: Text::File(FILE.into()),
        prefix: None,
        global_directives: None,
        error_log: None,
        hostname: "edge".to_owned(),
        is_privileged: false,
        number: 1,
        files: &files,
        resolver: &NoNames,
    };
    load(&request).unwrap_or_else(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        unreachable!("the configuration is written here: {first}")
    })
}

/// A site as they are: many names, some locations, a group of four, `map` and fields for the peer.
fn site() -> Arc<Generation> {
    let mut names = String::new();
    let mut locations = String::new();
    for number in 0..100 {
        let _ = write!(names, " host{number}.example.com *.wild{number}.example.org");
        let _ = writeln!(locations, "location /app{number}/ {{ proxy_pass http://peers; }}");
    }
    let text = format!(
        "events {{ worker_connections 512; }}
        http {{
            map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
            upstream peers {{
                server 127.0.0.1:1; server 127.0.0.1:2 weight=3; server 127.0.0.1:3; server 127.0.0.1:4;
            }}
            access_log /dev/null combined;
            server {{ listen 127.0.0.1:8000; server_name{names} ~^re[0-9]+\\.example\\.net$; {locations}
                location = /exact {{ proxy_pass http://peers; }}
                location ~ \\.(png|jpe?g|css)$ {{ proxy_pass http://peers; }}
                location / {{
                    proxy_pass http://peers;
                    proxy_set_header Host $host;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $connection_upgrade;
                    proxy_set_header X-Real-IP $remote_addr;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                }} }}
            server {{ listen 127.0.0.1:8000 default_server; return 404; }}
        }}"
    );
    Arc::new(loaded(&text).generation)
}

fn head(text: &str) -> Box<RequestHead> {
    let parsed = parse::request(text.as_bytes(), &RequestRules::default()).expect("a valid head");
    parsed.expect("a whole head").0
}

fn handshake() -> Box<RequestHead> {
    head(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: host42.example.com\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nOrigin: https://host42.example.com\r\nSec-WebSocket-Version: 13\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0\r\n\
         X-Forwarded-For: 192.0.2.7\r\nCookie: io=Zk3qpX4mW0lqvJ9nAAAB; theme=dark\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
}

fn routing(criterion: &mut Criterion) {
    let generation = site();
    let routers: Vec<Router> = route::build(&generation.serving);
    let mut group = criterion.benchmark_group("route");
    for (name, host) in [
        ("exact", "host77.example.com"),
        ("wildcard", "a.wild77.example.org"),
        ("expression", "re7.example.net"),
        ("none", "other.example"),
    ] {
        group.bench_function(format!("server/{name}"), |b| {
            b.iter(|| routers[0].server(Some(black_box(host.as_bytes()))).is_ok_and(|found| found.captures.is_some()));
        });
    }
    let server = routers[0].server(Some(b"host0.example.com")).expect("a server").server;
    for (name, path) in
        [("exact", "/exact"), ("prefix", "/app77/x/y"), ("root", "/socket.io/"), ("expression", "/a/logo.png")]
    {
        group.bench_function(format!("location/{name}"), |b| {
            b.iter(|| route::locate(server, black_box(path.as_bytes())).is_ok_and(|found| found.add_slash));
        });
    }
    group.finish();
}

/// A shard of the generation with one connection.
fn ground(generation: &Arc<Generation>) -> Ground {
    let parts = ShardParts {
        number: 0,
        generation: Arc::clone(generation),
        routers: route::build(&generation.serving).into(),
        groups: Arc::new(Groups::new(&generation.serving, None)),
        zones: Arc::new(Zones::new(&generation.serving, None)),
        names: Arc::new(Names::new(&generation.serving, None)),
        tls: Arc::default(),
        logs: Arc::default(),
        metrics: Arc::new(Metrics::new(1)),
        hostname: "edge".into(),
    };
    let (connection, _other) = UnixStream::pair().expect("two sockets");
    let remote = ClientAddress::Ip(SocketAddr::from(([203, 0, 113, 5], 50_000)));
    Ground::new(Shard::new(parts), OwnedFd::from(connection), remote).expect("the ring takes a socket")
}

fn exchanges(criterion: &mut Criterion) {
    let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().build().expect("io_uring");
    runtime.block_on(async {
        let generation = site();
        let ground = ground(&generation);
        let handshake = handshake();
        let sample = || ground.locate(handshake.clone()).expect("a location");
        let location = Arc::clone(sample().location());
        let mut group = criterion.benchmark_group("exchange");
        group.bench_function("to its location", |b| {
            b.iter_batched(|| handshake.clone(), |head| ground.locate(head).is_some(), BatchSize::SmallInput);
        });
        let variables = |name: &str| {
            let set = location.proxy.set_headers.iter().find(|set| set.name.eq_ignore_ascii_case(name.as_bytes()));
            set.expect("a field of the site").value.clone()
        };
        let combined: Template = location.access_logs[0].format.line.clone();
        for (name, template) in [
            ("variables/map", variables("connection")),
            ("variables/forwarded for", variables("x-forwarded-for")),
            ("variables/combined log line", combined),
        ] {
            group.bench_function(name, |b| {
                b.iter_batched(sample, |sample| sample.evaluate(&template).len(), BatchSize::SmallInput);
            });
        }
        group.bench_function("head for the peer", |b| {
            b.iter_batched(sample, |mut sample| sample.head_for_peer().is_some(), BatchSize::SmallInput);
        });
        group.finish();
    });
}

fn balance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("balance");
    for count in [1, 4, 64] {
        let peers: String =
            (1..=count).map(|port| format!("server 127.0.0.1:{port} weight={};", port % 3 + 1)).collect();
        let text = format!(
            "events {{}} http {{ upstream u {{ {peers} }} server {{ location / {{ proxy_pass http://u; }} }} }}"
        );
        let groups = Groups::new(&loaded(&text).generation.serving, None);
        let now = Instant::now();
        group.bench_function(format!("{count} peers"), |b| {
            b.iter(|| {
                let lease = groups.pick(black_box(UpstreamId(0)), &mut Tried::default(), now);
                lease.inspect(|lease| lease.succeeded()).is_some()
            });
        });
    }
    group.finish();
}

/// At least so many lines, as a machine writes them: a server for each name, each with its group.
fn long_file(lines: usize) -> String {
    let mut text = "events { worker_connections 512; }\nhttp {\naccess_log off;\n".to_owned();
    let mut number = 0;
    while text.bytes().filter(|byte| *byte == b'\n').count() < lines {
        for _ in 0..10 {
            number += 1;
            let _ = write!(
                text,
                "upstream group{number} {{\n  server 127.0.0.1:{port};\n  server 127.0.0.2:{port} backup;\n}}\n\
                 server {{\n  listen 127.0.0.1:8080;\n  server_name host{number}.example.com;\n  \
                 client_max_body_size 8m;\n  location / {{\n    proxy_pass http://group{number};\n    \
                 proxy_set_header Host $host;\n    proxy_set_header Upgrade $http_upgrade;\n    \
                 proxy_set_header Connection \"upgrade\";\n    proxy_read_timeout 3600s;\n  }}\n  \
                 location /static/ {{\n    root /srv/host{number};\n    expires 1h;\n  }}\n}}\n",
                port = 1024 + number % 60_000,
            );
        }
    }
    text + "}\n"
}

fn configuration(criterion: &mut Criterion) {
    let text = long_file(10_000);
    let mut group = criterion.benchmark_group("config");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("10,000 lines", |b| b.iter(|| loaded(black_box(&text)).generation.serving.listeners.len()));
    group.finish();
}

criterion_group!(benches, routing, exchanges, balance, configuration);
criterion_main!(benches);
