//! Started by a supervisor: told of READY, RELOADING and STOPPING, and served on sockets that were open before.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::support::{DEADLINE, Setup, Socket, http, wait_for};

/// What comes next on the supervisor's socket.
#[track_caller]
fn told(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let count = socket.recv(&mut buffer).expect("a notification");
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

/// A running process, ended when the test is over or fails.
struct Supervised(Child);

impl Supervised {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("our child");
    }

    #[track_caller]
    fn expect_exit(&mut self) {
        let status = wait_for("the process to end", || self.0.try_wait().expect("our child"));
        assert!(status.success(), "{status}");
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // Already over when the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(setup: &Setup, body: &str) -> (Supervised, UnixDatagram) {
    let mut command = setup.command(&[]);
    command.stdout(Stdio::null());
    start_in(setup, &http(body), command)
}

fn start_in(setup: &Setup, text: &str, mut command: Command) -> (Supervised, UnixDatagram) {
    let path = setup.dir().join("notify.sock");
    let supervisor = UnixDatagram::bind(&path).expect("a socket");
    supervisor.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    setup.write(text);
    command.env("NOTIFY_SOCKET", &path).stderr(Stdio::null());
    (Supervised(command.spawn().expect("the binary starts")), supervisor)
}

fn log(setup: &Setup) -> String {
    std::fs::read_to_string(setup.dir().join("error.log")).unwrap_or_default()
}

fn is_about_reload(text: &str) -> bool {
    let mut lines = text.lines();
    let time = lines.next_back().and_then(|line| line.strip_prefix("MONOTONIC_USEC="));
    lines.eq(["RELOADING=1"]) && time.is_some_and(|time| time.parse::<u64>().is_ok())
}

#[test]
fn the_supervisor_is_told_of_ready_reloads_and_the_end() {
    let setup = Setup::new();
    let (mut child, supervisor) = start(&setup, "server { listen %listen%; return 200 one; }");
    assert_eq!(told(&supervisor), "READY=1\nSTATUS=generation 1 serves new connections\n");
    // Whoever was told may connect.
    drop(Socket::connect(setup.address("listen")));
    setup.write(&http("server { listen %listen%; return 200 two; }"));
    child.signal(Signal::HUP);
    let text = told(&supervisor);
    assert!(is_about_reload(&text), "{text}");
    assert_eq!(told(&supervisor), "READY=1\nSTATUS=generation 2 serves new connections\n");
    // A reload that fails is over, too.
    setup.write(&http("server { nonsense; }"));
    child.signal(Signal::HUP);
    let text = told(&supervisor);
    assert!(is_about_reload(&text), "{text}");
    assert_eq!(told(&supervisor), "READY=1\nSTATUS=generation 2 serves new connections\n");
    child.signal(Signal::QUIT);
    assert_eq!(told(&supervisor), "STOPPING=1\n");
    child.expect_exit();
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let setup = Setup::new();
    let (mut child, supervisor) = start(&setup, "server { nonsense; }");
    let status = wait_for("the process to end", || child.0.try_wait().expect("our child"));
    assert_eq!(status.code(), Some(1));
    supervisor.set_nonblocking(true).expect("a socket");
    assert!(supervisor.recv(&mut [0; 64]).is_err());
}

#[test]
fn a_supervisor_that_is_not_there_costs_a_warning() {
    let setup = Setup::new();
    let (mut child, supervisor) = start(&setup, "server { listen %listen%; return 200 one; }");
    drop(supervisor);
    std::fs::remove_file(setup.dir().join("notify.sock")).expect("the socket's file");
    // The first word may have been sent before it was gone; the last cannot have been.
    wait_for("the process to serve", || log(&setup).contains("start 1 shards").then_some(()));
    child.signal(Signal::TERM);
    child.expect_exit();
    assert!(log(&setup).contains("[warn]") && log(&setup).contains("sd_notify() failed ("), "{}", log(&setup));
}

/// Starts with one or two files as descriptors 3 and 4, as a `.socket` unit does. They go through the shell as its input
/// and output, so that no other child can inherit them.
fn with_passed(setup: &Setup, text: &str, first: OwnedFd, second: Option<OwnedFd>) -> (Supervised, UnixDatagram) {
    let (moves, count) = if second.is_some() { ("3<&0 4<&1", 2) } else { ("3<&0", 1) };
    let script = format!("exec {moves}; exec </dev/null >/dev/null 2>&1; LISTEN_PID=$$ LISTEN_FDS={count} exec \"$@\"");
    let plain = setup.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(plain.get_program()).args(plain.get_args()).stdin(first);
    match second {
        Some(second) => command.stdout(second),
        None => command.stdout(Stdio::null()),
    };
    start_in(setup, text, command)
}

/// A second descriptor: the first is the supervisor's.
fn handle(socket: &impl AsFd) -> OwnedFd {
    socket.as_fd().try_clone_to_owned().expect("a second handle")
}

fn ask(mut client: Socket) -> String {
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    let answer = client.read_to_end();
    String::from_utf8_lossy(&answer).rsplit("\r\n").next().unwrap_or_default().to_owned()
}

fn ask_at(address: SocketAddr) -> String {
    ask(Socket::connect(address))
}

fn ask_unix(path: &Path) -> String {
    ask(Socket::unix(std::os::unix::net::UnixStream::connect(path).expect("the listener accepts")))
}

#[test]
fn sockets_that_are_passed_are_served_and_outlive_the_process() {
    let setup = Setup::new();
    let tcp = TcpListener::bind(setup.address("listen")).expect("a port of ours");
    let path = setup.dir().join("s");
    let unix = UnixListener::bind(&path).expect("a new path");
    let body = "server { listen %listen%; listen unix:%dir%/s; listen %listen2%; location / { return 200 served; } }";
    let (mut child, supervisor) = with_passed(&setup, &http(body), handle(&tcp), Some(handle(&unix)));
    assert!(told(&supervisor).starts_with("READY=1\n"));
    assert_eq!(ask_at(setup.address("listen")), "served");
    assert_eq!(ask_at(setup.address("listen2")), "served");
    assert_eq!(ask_unix(&path), "served");
    // Let go by a reload, and taken up again by another.
    setup.write(&http("server { listen %listen2%; location / { return 200 less; } }"));
    child.signal(Signal::HUP);
    wait_for("the second generation", || (ask_at(setup.address("listen2")) == "less").then_some(()));
    setup.write(&http(body));
    child.signal(Signal::HUP);
    wait_for("the third generation", || (ask_at(setup.address("listen2")) == "served").then_some(()));
    assert_eq!(ask_at(setup.address("listen")), "served");
    assert_eq!(ask_unix(&path), "served");
    child.signal(Signal::QUIT);
    child.expect_exit();
    let log = log(&setup);
    assert!(!log.contains("[alert]") && !log.contains("[warn]"), "{log}");
    // The sockets are the supervisor's: they wait for the next process, and so do clients.
    let waiting = Socket::connect(setup.address("listen"));
    tcp.set_nonblocking(false).expect("our socket");
    tcp.accept().expect("still listening");
    drop(waiting);
    assert!(path.exists(), "the file of a passed socket stays");
    let waiting = std::os::unix::net::UnixStream::connect(&path).expect("still listening");
    unix.set_nonblocking(false).expect("our socket");
    unix.accept().expect("still listening");
    drop(waiting);
}

/// Asks until each of two shards has answered.
fn both_shards_answer(socket: socket2::Socket) {
    let setup = Setup::new();
    let address = setup.address("listen");
    socket.bind(&address.into()).expect("a port of ours");
    socket.listen(16).expect("listening");
    let text = http("server { listen %listen%; location / { return 200 $shard; } }");
    let text = text.replace("worker_processes 1;", "worker_processes 2;");
    let (mut child, supervisor) = with_passed(&setup, &text, handle(&socket), None);
    assert!(told(&supervisor).starts_with("READY=1\n"));
    for shard in ["0", "1"] {
        wait_for("the shard to answer", || (ask_at(address) == shard).then_some(()));
    }
    child.signal(Signal::TERM);
    child.expect_exit();
}

#[test]
fn a_passed_socket_that_may_be_shared_gives_each_shard_its_own() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_reuse_port(true).expect("SO_REUSEPORT");
    both_shards_answer(socket);
}

#[test]
fn a_passed_socket_that_is_alone_is_shared_by_all_shards() {
    both_shards_answer(socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket"));
}

#[test]
fn a_passed_socket_that_no_listen_names_is_told() {
    let setup = Setup::new();
    let other = TcpListener::bind(setup.address("listen2")).expect("a port of ours");
    let file = std::fs::File::open("/dev/null").expect("a file");
    let (mut child, supervisor) = with_passed(
        &setup,
        &http("server { listen %listen%; location / { return 200 x; } }"),
        handle(&other),
        Some(file.into()),
    );
    assert!(told(&supervisor).starts_with("READY=1\n"));
    assert_eq!(ask_at(setup.address("listen")), "x");
    child.signal(Signal::TERM);
    child.expect_exit();
    let log = log(&setup);
    let address = setup.address("listen2");
    assert!(log.contains("[warn]"), "{log}");
    assert!(log.contains(&format!("no \"listen\" has {address}, on which a socket was passed")), "{log}");
    assert!(log.contains("socket 2 of 2 in LISTEN_FDS is no stream socket with an address"), "{log}");
}
