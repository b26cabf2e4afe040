//! The process from outside: start, errors of the start, signals, reload, and what is left behind.

#![allow(clippy::unwrap_used, reason = "a test says no by failing")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a configuration, and the process that runs it.
struct Running {
    folder: tempfile::TempDir,
    child: Child,
}

/// An address that nobody listens on. Its host is of this process alone, so no connection elsewhere in the machine can
/// be given the port between now and the start.
fn free_address() -> SocketAddr {
    let pid = std::process::id();
    let host = Ipv4Addr::new(127, 1 + (pid >> 8) as u8 % 254, pid as u8, 1);
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

fn configuration(servers: &str) -> String {
    format!(
        "worker_processes 2;\ndaemon off;\npid pid;\nevents {{ worker_connections 64; }}\nhttp {{\naccess_log access.log;\n{servers}\n}}\n"
    )
}

fn answering(address: &str, text: &str) -> String {
    format!("server {{ listen {address}; location / {{ return 200 {text}; }} }}")
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
    command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "error.log"]);
    command.args(["-g", "error_log error.log debug;"]);
    command
}

fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        // A pause between two looks, so that the process looked at has the core.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

impl Running {
    fn start(servers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nginx.conf"), configuration(servers)).unwrap();
        let child = command(folder.path()).stderr(Stdio::null()).spawn().unwrap();
        let running = Self { folder, child };
        let number = running.child.id().to_string();
        wait_for("the pid file", || (fs::read_to_string(running.path("pid")).ok()?.trim() == number).then_some(()));
        running
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, servers: &str) {
        fs::write(self.path("nginx.conf"), configuration(servers)).unwrap();
    }

    fn signal(&self, name: &str) {
        let output = command(self.folder.path()).args(["-s", name]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("error.log")).unwrap()
    }

    fn wait_for_log(&self, text: &str) {
        wait_for(text, || self.log().contains(text).then_some(()));
    }

    /// Waits for the end, which must be clean.
    fn ended(mut self) -> String {
        let status = wait_for("the end", || self.child.try_wait().unwrap());
        let log = self.log();
        assert!(status.success(), "{status}\n{log}");
        assert!(!self.path("pid").exists());
        assert!(!log.contains("[alert]") && !log.contains("[crit]"), "{log}");
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already over when the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

fn fail_to_start(servers: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("nginx.conf"), configuration(servers)).unwrap();
    let output = command(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!folder.path().join("pid").exists());
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn quit_closes_idle_connections_and_leaves_nothing() {
    let address = free_address();
    let running = Running::start(&answering(&address.to_string(), "one"));
    assert_eq!(ask(address).as_deref(), Some("one"));
    let mut idle = TcpStream::connect(address).unwrap();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"one") {
        let mut byte = [0u8];
        idle.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    running.signal("quit");
    assert_eq!(idle.read(&mut [0u8]).unwrap_or(0), 0);
    let access_log = running.path("access.log");
    let log = {
        wait_for("the log lines", || (fs::read_to_string(&access_log).ok()?.lines().count() == 2).then_some(()));
        running.ended()
    };
    assert!(log.contains("[notice]") && log.contains("gracefully shutting down"), "{log}");
}

#[test]
fn stop_ends_at_once() {
    let address = free_address();
    let running = Running::start(&answering(&address.to_string(), "one"));
    let _idle = TcpStream::connect(address).unwrap();
    running.signal("stop");
    running.ended();
}

#[test]
fn a_reload_moves_new_connections_binds_and_lets_go() {
    let (first, second) = (free_address(), free_address());
    let running = Running::start(&answering(&first.to_string(), "one"));
    assert_eq!(ask(first).as_deref(), Some("one"));
    running.write(&answering(&second.to_string(), "two"));
    running.signal("reload");
    running.wait_for_log("exited with code 0");
    assert_eq!(ask(second).as_deref(), Some("two"));
    wait_for("the old port to close", || TcpStream::connect(first).is_err().then_some(()));
    running.signal("quit");
    running.ended();
}

#[test]
fn a_reload_that_fails_leaves_the_generation_running() {
    let address = free_address();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = answering(&address.to_string(), "one");
    let running = Running::start(&good);
    running.write(&format!("{good}\nserver {{ no_such_directive; }}"));
    rustix::process::kill_process(rustix::process::Pid::from_child(&running.child), rustix::process::Signal::HUP)
        .unwrap();
    running.wait_for_log("unknown directive \"no_such_directive\"");
    running.wait_for_log("generation 1 goes on as it was");
    assert_eq!(ask(address).as_deref(), Some("one"));
    running.write(&format!("{good}\n{}", answering(&taken.local_addr().unwrap().to_string(), "two")));
    running.signal("reload");
    running.wait_for_log("failed (98: Address already in use)");
    assert_eq!(ask(address).as_deref(), Some("one"));
    running.signal("quit");
    running.ended();
}

#[test]
fn logs_are_opened_anew() {
    let address = free_address();
    let running = Running::start(&answering(&address.to_string(), "one"));
    assert!(ask(address).is_some());
    fs::rename(running.path("access.log"), running.path("access.log.1")).unwrap();
    fs::rename(running.path("error.log"), running.path("error.log.1")).unwrap();
    running.signal("reopen");
    wait_for("new logs", || (running.path("access.log").exists() && running.path("error.log").exists()).then_some(()));
    assert!(ask(address).is_some());
    wait_for("a line", || (fs::read_to_string(running.path("access.log")).ok()?.lines().count() == 1).then_some(()));
    running.signal("quit");
    running.ended();
}

#[test]
fn a_port_in_use_names_port_errno_and_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let said = text(&fail_to_start(&answering(&address.to_string(), "one")).stderr);
    let line = format!("longhaul: [emerg] bind() to {address} failed (98: Address already in use): ");
    assert!(said.lines().any(|l| l.starts_with(&line) && l.contains("ss -ltnp")), "{said}");
}

#[test]
fn the_file_of_a_unix_socket_goes_with_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let running = Running::start(&answering(&format!("unix:{}", path.display()), "one"));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("one"), "{answer}");
    running.signal("quit");
    running.ended();
    assert!(!path.exists());
}

#[test]
fn a_test_of_the_configuration_speaks_as_nginx_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nginx.conf");
    fs::write(&file, configuration(&answering("127.0.0.1:1", "one"))).unwrap();
    let shown = file.display();
    let output = command(folder.path()).arg("-t").output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("longhaul: the configuration file {shown} syntax is ok\n")), "{said}");
    assert!(said.ends_with(&format!("longhaul: configuration file {shown} test is successful\n")), "{said}");
    let dumped = command(folder.path()).args(["-T", "-q"]).output().unwrap();
    assert!(text(&dumped.stdout).starts_with(&format!("# configuration file {shown}:\nworker_processes 2;\n")));
    assert_eq!(text(&dumped.stderr), "");
    fs::write(&file, "htpp { }").unwrap();
    let output = command(folder.path()).arg("-t").output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("longhaul: [emerg] unknown directive \"htpp\" in "), "{said}");
    assert!(said.ends_with(&format!("longhaul: configuration file {shown} test failed\n")), "{said}");
}

#[test]
fn without_a_file_three_ways_to_start_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_longhaul")).arg("-p").arg(folder.path()).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    for way in ["-c FILE", "longhaul demo", "longhaul proxy --listen"] {
        assert!(said.contains(way), "{said}");
    }
}

#[test]
fn the_version_is_that_of_the_dialect_beside_our_own() {
    let output = Command::new(env!("CARGO_BIN_EXE_longhaul")).arg("-V").output().unwrap();
    let said = text(&output.stderr);
    assert!(said.starts_with("nginx version: nginx/1.31.5\n"), "{said}");
    assert!(said.contains(concat!("longhaul/", env!("CARGO_PKG_VERSION"))), "{said}");
    assert!(said.lines().last().unwrap().starts_with("configure arguments: "), "{said}");
}

#[test]
fn the_demo_proves_a_round_trip() {
    let address = free_address().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_longhaul")).args(["demo", "--once", "--listen", &address]).output();
    let output = output.unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    for expected in ["received: hello through the tunnel", "through:  echo peer ", ", shard "] {
        assert!(said.contains(expected), "{said}");
    }
}
