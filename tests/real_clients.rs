//! Real clients (`ws`, `socket.io-client`, `engine.io-client` under Node.js) and real servers (`ws`, `socket.io`) with
//! the binary between them, on the very files under `examples/`.
//!
//! Needs Node.js and `npm ci` in `tests/clients`. Without them each case prints that it is skipped;
//! `LONGHAUL_REQUIRE_CLIENTS=1` turns that into a failure.

// A test says no by a panic, and so do the functions it calls.
#![allow(clippy::panic)]

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard};

use support::{Longhaul, Setup};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn clients() -> PathBuf {
    root().join("tests/clients")
}

/// Whether Node.js and the modules are there.
fn are_ready(case: &str) -> bool {
    let has_node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    let has_modules = clients().join("node_modules/ws").is_dir();
    if has_node && has_modules {
        return true;
    }
    let missing = if has_node { "the modules (run `npm ci` in tests/clients)" } else { "node" };
    let is_required = std::env::var_os("LONGHAUL_REQUIRE_CLIENTS").is_some_and(|value| value == "1");
    assert!(!is_required, "{case} needs {missing}");
    eprintln!("{case}: skipped, {missing} not found");
    false
}

/// Real clients use the machine as a whole: one case at a time gives each its deadline.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Application servers; they end when this does, since their standard input ends with it.
struct Servers {
    ports: Vec<u16>,
    child: Child,
    input: Option<ChildStdin>,
}

impl Servers {
    fn start(kind: &str, count: usize) -> Self {
        let mut child = Command::new("node")
            .current_dir(clients())
            .args(["servers.mjs", kind, &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let input = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("the line of ports");
        let numbers = line.trim().trim_start_matches('[').trim_end_matches(']').split(',');
        let ports: Vec<u16> = numbers.map(|number| number.parse().expect("a port")).collect();
        assert_eq!(ports.len(), count);
        Self { ports, child, input }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Starts on a file under `examples/`, with its ports replaced by those of the servers.
#[track_caller]
fn start_example(name: &str, ports: &[(&str, u16)]) -> Longhaul {
    let mut text = std::fs::read_to_string(root().join("examples").join(name)).expect("an example");
    let mut replace = |old: &str, new: &str| {
        assert!(text.contains(old), "no `{old}` in {name}");
        text = text.replace(old, new);
    };
    replace("127.0.0.1:8020", "%listen%");
    replace("pid longhaul.pid;", "pid pid; %user%");
    for (address, port) in ports {
        let (host, _) = address.split_once(':').expect("HOST:PORT");
        replace(address, &format!("{host}:{port}"));
    }
    let text = text.replace("error_log stderr;", "error_log error.log info;");
    Setup::new().start_file(&text)
}

/// Runs a scenario of `clients.mjs` against the proxy.
#[track_caller]
fn run(longhaul: &Longhaul, scenario: &str, arguments: &[&str]) {
    let address = longhaul.setup().address("listen").to_string();
    let output = Command::new("node")
        .current_dir(clients())
        .args(["clients.mjs", scenario, &address])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

macro_rules! case {
    ($name:ident, $body:block) => {
        #[test]
        fn $name() {
            if are_ready(stringify!($name)) {
                let _turn = one_at_a_time();
                $body
            }
        }
    };
}

case!(minimal, {
    let servers = Servers::start("echo", 1);
    let longhaul = start_example("minimal.conf", &[("127.0.0.1:8010", servers.ports[0])]);
    run(&longhaul, "echo", &["/"]);
    run(&longhaul, "pageAndSocket", &[]);
});

case!(websocket_with_map_and_group, {
    let servers = Servers::start("echo", 1);
    let longhaul = start_example("websocket.conf", &[("127.0.0.1:8010", servers.ports[0])]);
    run(&longhaul, "echo", &["/"]);
});

case!(socket_io_over_every_transport, {
    let servers = Servers::start("socketio", 1);
    let longhaul = start_example("socket-io.conf", &[("localhost:1338", servers.ports[0])]);
    run(&longhaul, "socketIo", &["polling", "polling"]);
    run(&longhaul, "socketIo", &["websocket", "websocket"]);
    run(&longhaul, "socketIo", &["polling,websocket", "websocket"]);
    run(&longhaul, "engineIo", &[]);
    assert!(longhaul.file("socket-io.log").contains("transport=polling"), "the access log has its lines");
});

case!(four_peers_in_turn, {
    let servers = Servers::start("echo", 4);
    let names = ["127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8003", "127.0.0.1:8004"];
    let ports: Vec<(&str, u16)> = names.into_iter().zip(servers.ports.iter().copied()).collect();
    let longhaul = start_example("balanced.conf", &ports);
    run(&longhaul, "spread", &["4"]);
});

case!(socket_io_over_four_peers, {
    let servers = Servers::start("socketio", 4);
    let names = ["127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8003", "127.0.0.1:8004"];
    let ports: Vec<(&str, u16)> = names.into_iter().zip(servers.ports.iter().copied()).collect();
    let longhaul = start_example("balanced.conf", &ports);
    for _ in 0..4 {
        run(&longhaul, "socketIo", &["websocket", "websocket"]);
    }
});

case!(websockets_below_a_path_of_their_own, {
    let servers = Servers::start("page", 1);
    let longhaul = start_example("own-path.conf", &[("localhost:3001", servers.ports[0])]);
    run(&longhaul, "ownPath", &[]);
});

case!(pages_and_websockets_on_the_same_paths, {
    let servers = Servers::start("page", 1);
    let longhaul = start_example("any-path.conf", &[("localhost:3001", servers.ports[0])]);
    run(&longhaul, "pageAndSocket", &[]);
});

case!(messages_from_nothing_to_16_megabytes, {
    let servers = Servers::start("echo", 1);
    let longhaul = start_example("websocket.conf", &[("127.0.0.1:8010", servers.ports[0])]);
    run(&longhaul, "sizes", &[]);
});

case!(a_thousand_sockets_over_two_shards, {
    let servers = Servers::start("echo", 1);
    let longhaul = Setup::new().with("port", servers.ports[0]).start_file(
        "daemon off; worker_processes 2; %user% error_log error.log info; pid pid; events { worker_connections 4096; }
         http { access_log off; server { listen %listen% backlog=4096; location / {
             add_header X-Shard $shard always; proxy_pass http://127.0.0.1:%port%; } } }",
    );
    run(&longhaul, "crowd", &["1000", "2"]);
});
