//! The doctor's word against what happens: a limit is lowered, its number predicted, and then met.

use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, kill_process_group, prlimit};

use super::support::{Peer, Setup, Socket, binary, head, upgrade, wait_for};

/// Descriptors that a test run hands down to its children take the place of tunnels.
const INHERITED_TUNNELS_MAX: u64 = 2;

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols
    Upgrade: websocket
    Connection: Upgrade
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What the last connection of [`holding`] sends.
const ENOUGH: &str = "ENOUGH / HTTP/1.1";

/// Switches connections and keeps them, until one says that it is enough.
fn holding(connections: super::support::Connections) {
    let mut held: Vec<Socket> = Vec::new();
    loop {
        let mut socket = connections.accept();
        if socket.read_head().starts_with(ENOUGH) {
            return;
        }
        socket.send(head(SWITCHED));
        held.push(socket);
    }
}

/// Opens tunnels until one is refused; those that are open.
#[track_caller]
fn open_until_refused(connect: impl Fn() -> Socket, most: u64) -> Vec<Socket> {
    let mut tunnels: Vec<Socket> = Vec::new();
    loop {
        let mut client = connect();
        client.send(upgrade("/", ""));
        match client.try_read_head() {
            Some(answer) if answer.starts_with("HTTP/1.1 101 ") => tunnels.push(client),
            Some(_) | None => return tunnels,
        }
        assert!(tunnels.len() as u64 <= most, "no limit was met with {} tunnels", tunnels.len());
    }
}

fn doctor(setup: &Setup, flags: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(binary());
    command.args(["doctor", "-c", "nginx.conf", "-p"]).arg(setup.dir()).args(flags).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// The first limit and its number, out of the JSON.
#[track_caller]
fn first(json: &str) -> (String, u64) {
    let value = |name: &str| {
        let line = json.lines().find_map(|line| line.trim().strip_prefix(&format!("\"{name}\": ")));
        line.unwrap_or_else(|| panic!("no {name} in {json}")).trim_end_matches(',').trim_matches('"').to_owned()
    };
    (value("first_limit"), value("tunnels_reachable").parse().expect("a number"))
}

#[test]
fn the_number_of_tunnels_that_descriptors_hold_is_predicted() {
    descriptors_met(
        "worker_processes 1;",
        "access_log off; server { listen %listen%; location / { proxy_pass http://%peer%; } }",
    );
    // Each shard has rings, mailboxes and a socket for each listener, and each log file is open.
    let two = "access_log a.log; access_log b.log;
         server { listen %listen%; listen %listen2%; location / { proxy_pass http://%peer%; } }";
    descriptors_met("worker_processes 2;", two);
}

#[track_caller]
fn descriptors_met(main: &str, http: &str) {
    const LIMIT: u64 = 200;
    let peer = Peer::start(holding);
    let peer_address: std::net::SocketAddr = peer.name.parse().expect("an address");
    let longhaul = Setup::new().peer(&peer).allow_in_log("24: Too many open files").start_file(&format!(
        "daemon off; {main} %user% error_log error.log info; pid pid; events {{ worker_connections 4096; }}
         http {{ {http} }}"
    ));
    longhaul.wait_for_log(" listeners, io_uring with 16384 completions (");
    let pid = Pid::from_raw(longhaul.pid().cast_signed()).expect("a process");
    let limit = Rlimit { current: Some(LIMIT), maximum: Some(LIMIT) };
    prlimit(Some(pid), Resource::Nofile, limit).expect("our child's limit");
    let (code, json, _) = doctor(longhaul.setup(), &["--json"]);
    let (name, predicted) = first(&json);
    assert_eq!((code, name.as_str()), (Some(0), "descriptors"), "{json}");
    let (code, said, _) = doctor(longhaul.setup(), &["--tunnels", &(predicted + 1).to_string()]);
    assert_eq!(code, Some(1), "{said}");
    let whose = format!("resource limits of process {}", longhaul.pid());
    assert!(said.contains(&whose) && said.contains("LimitNOFILE="), "{said}");

    let tunnels = open_until_refused(|| longhaul.connect(), predicted);
    let met = tunnels.len() as u64;
    assert!((predicted - INHERITED_TUNNELS_MAX..=predicted).contains(&met), "{predicted} predicted, {met} met");
    Socket::connect(peer_address).send(head(ENOUGH));
    drop(tunnels);
    peer.join();
}

#[test]
fn the_number_of_tunnels_that_worker_connections_hold_is_predicted() {
    let peer = Peer::start(holding);
    let peer_address: std::net::SocketAddr = peer.name.parse().expect("an address");
    let longhaul = Setup::new().peer(&peer).allow_in_log("15 worker_connections are not enough").start_file(
        "daemon off; worker_processes 1; %user% error_log error.log info; pid pid; events { worker_connections 15; }
             http { access_log off; server { listen %listen%; location / { proxy_pass http://%peer%; } } }",
    );
    let (code, json, _) = doctor(longhaul.setup(), &["--json", "--tunnels", "8"]);
    assert_eq!((code, first(&json)), (Some(0), ("worker_connections".to_owned(), 8)), "{json}");
    longhaul.wait_for_log("first limit: worker_connections at 8 tunnels");
    let tunnels = open_until_refused(|| longhaul.connect(), 8);
    assert_eq!(tunnels.len(), 8);
    Socket::connect(peer_address).send(head(ENOUGH));
    drop(tunnels);
    peer.join();
}

/// Two ports less than 34: one is reserved, and at another the second proxy listens.
const NARROW: &str = "ip link set lo up && echo '20000 20033' > /proc/sys/net/ipv4/ip_local_port_range &&
    echo 20001 > /proc/sys/net/ipv4/ip_local_reserved_ports";

/// A host of its own for two proxies: the first, under test, connects to the second by TCP, and both meet the test
/// by unix sockets, which no network namespace parts.
const OTHER_HOST: &str = "
    cd \"$1\"
    \"$2\" -p . -c second.conf -e second.log &
    until [ -s second.pid ]; do sleep 0.01; done
    \"$2\" doctor -p . -c nginx.conf --json > doctor.json
    exec \"$2\" -p . -c nginx.conf -e error.log";

/// The processes of that host: they end with the test, however it ends.
struct OtherHost(Child);

impl Drop for OtherHost {
    fn drop(&mut self) {
        // Already over when the test went well.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

fn may_unshare() -> bool {
    let probe = Command::new("unshare").args(["-n", "sh", "-c", NARROW]).output();
    probe.is_ok_and(|output| output.status.success())
}

/// Runs the first proxy with these `location` lines on a host with 32 usable ports; predicted and met.
#[track_caller]
fn ports_met(lines: &str) -> (u64, u64) {
    let setup = Setup::new();
    let path = |name: &str| setup.dir().join(name);
    let peer = Peer::start_unix(&path("peer.sock"), holding);
    let main = "daemon off; worker_processes 1; %user% events { worker_connections 1024; }";
    let setup = setup.file("none", "");
    setup.write(&format!(
        "{main} pid pid; error_log error.log info; http {{ access_log off;
         upstream two {{ server 127.0.0.1:9001; server 127.0.0.1:9002; }}
         server {{ listen unix:%dir%/front.sock; location / {{ {lines} }} }} }}"
    ));
    let second = format!(
        "{main} pid second.pid; error_log second.log info; http {{ access_log off; server {{
         listen 127.0.0.1:9001; listen 127.0.0.1:9002; listen 127.0.0.1:20010; location / {{ proxy_pass http://{}; }} }} }}",
        peer.name
    );
    std::fs::write(setup.dir().join("second.conf"), setup.fill(&second)).expect("a file");
    let child = Command::new("unshare")
        .args(["-n", "sh", "-c", &format!("{NARROW}\n{OTHER_HOST}"), "sh"])
        .arg(setup.dir())
        .arg(binary())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("unshare runs");
    let mut child = OtherHost(child);
    let read = |name: &str| std::fs::read_to_string(setup.dir().join(name)).unwrap_or_default();
    let number = |name: &str| wait_for(name, || read(name).trim().parse::<i32>().ok());
    let pids = ["pid", "second.pid"].map(number);
    wait_for("the second proxy to serve", || read("second.log").contains("start 1 shards").then_some(()));
    let connect = || unix(&setup.dir().join("front.sock"));
    let (name, predicted) = first(&read("doctor.json"));
    assert_eq!(name, "ports");
    let tunnels = open_until_refused(connect, predicted);
    let met = tunnels.len() as u64;
    unix(&setup.dir().join("peer.sock")).send(head(ENOUGH));
    drop(tunnels);
    peer.join();
    for pid in pids {
        kill_process(Pid::from_raw(pid).expect("a process"), Signal::TERM).expect("our child");
    }
    wait_for("the first proxy to end", || child.0.try_wait().expect("our child"));
    let log = read("error.log");
    assert!(log.contains("99: Cannot assign requested address"), "{log}");
    (predicted, met)
}

fn unix(path: &Path) -> Socket {
    Socket::unix(wait_for("the listener", || UnixStream::connect(path).ok()))
}

#[test]
fn the_number_of_tunnels_that_ports_allow_is_predicted() {
    if !may_unshare() {
        eprintln!("skipped: no network namespace can be made or set up here");
        return;
    }
    assert_eq!(ports_met("proxy_pass http://127.0.0.1:9001;"), (32, 32));
    assert_eq!(ports_met("proxy_pass http://two;"), (64, 64));
    // A port that is taken towards one peer is free towards another, also from a chosen address.
    assert_eq!(ports_met("proxy_pass http://two; proxy_bind 127.0.0.7;"), (64, 64));
}

#[test]
fn a_question_that_cannot_be_asked_ends_with_2() {
    let setup = Setup::new();
    let (code, out, errors) = doctor(&setup, &[]);
    let file = setup.dir().join("nginx.conf").display().to_string();
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains(&format!("open() \"{file}\" failed (2: No such file or directory)")), "{errors}");
    setup.write("events { } http { nonsense; }");
    let (code, _, errors) = doctor(&setup, &[]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("unknown directive \"nonsense\""), "{errors}");
    setup.write("error_log error.log; pid pid; events { } http { }");
    for wrong in ["0", "1000000001", "-1", "many", "99999999999999999999999"] {
        let (code, out, errors) = doctor(&setup, &[&format!("--tunnels={wrong}")]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{wrong}: {errors}");
        assert!(errors.contains("--tunnels"), "{wrong}: {errors}");
    }
    let (code, _, errors) = doctor(&setup, &["--tunnels", "1"]);
    assert_eq!(code, Some(0), "{errors}");
    let left = std::fs::read_dir(setup.dir()).expect("the folder").count();
    assert_eq!(left, 1, "the doctor leaves no file behind");
}

#[test]
fn peers_that_are_found_while_requests_are_served_are_not_none() {
    let setup = Setup::new();
    setup.write(
        "error_log error.log; pid pid; events { }
         http { access_log off; resolver 127.0.0.1; upstream u { zone u 64k; server localhost:9 resolve; }
                server { listen %listen%; location / { proxy_pass http://u; } } }",
    );
    let (code, json, errors) = doctor(&setup, &["--json"]);
    assert_eq!(code, Some(0), "{errors}");
    let line = json.lines().find(|line| line.contains("\"name\": \"ports\"")).expect("the ports");
    assert!(line.contains("\"bound\": \"none\"") && line.contains("`resolve`"), "{line}");
}
