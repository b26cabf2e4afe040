//! The process under test: started on a configuration, watched, and stopped with questions.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::descriptors::{self, Open};
use super::memory::PrivateMemory;
use super::{DEADLINE, Peer, Socket, http, wait_for};

/// The binary under test. `LONGHAUL_TEST_BINARY` names another with nginx's flags, to test the tests.
pub fn binary() -> PathBuf {
    std::env::var_os("LONGHAUL_TEST_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_longhaul").into(), PathBuf::from)
}

/// Descriptors of the empty pipes that a shard may keep for the next bulk.
const PIPES_KEPT: usize = 8;

/// A configuration with its placeholders: `%dir%`, `%user%`, `%listen%`, `%listen2%` and names given with [`Setup::with`].
pub struct Setup {
    dir: tempfile::TempDir,
    values: HashMap<String, String>,
    listeners: HashMap<String, SocketAddr>,
    allowed: Vec<String>,
}

/// A process that does not outlive its test, however that ends.
struct Guarded(Child);

/// A running longhaul.
pub struct Longhaul {
    child: Guarded,
    setup: Setup,
    before: Open,
    shards: usize,
    stopped: bool,
}

impl Setup {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch folder");
        // As root the process would become another user, who may not enter the folder.
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let values = [("dir".to_owned(), dir.path().display().to_string()), ("user".to_owned(), user.to_owned())];
        let values = HashMap::from(values);
        Self { dir, values, listeners: HashMap::new(), allowed: Vec::new() }.listen("listen").listen("listen2")
    }

    /// One more listening address, `%name%`.
    #[must_use]
    pub fn listen(mut self, name: &str) -> Self {
        let address = free_address();
        self.values.insert(name.to_owned(), address.to_string());
        self.listeners.insert(name.to_owned(), address);
        self
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }

    #[must_use]
    pub fn peer(self, peer: &Peer) -> Self {
        let name = peer.name.clone();
        self.with("peer", name)
    }

    #[must_use]
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
        self
    }

    /// A line with `[alert]` or worse that belongs to the case.
    #[must_use]
    pub fn allow_in_log(mut self, part: &str) -> Self {
        self.allowed.push(part.to_owned());
        self
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn address(&self, name: &str) -> SocketAddr {
        self.listeners[name]
    }

    /// The text with its placeholders filled in.
    pub fn fill(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("%{name}%"), value))
    }

    /// Writes the whole configuration file.
    pub fn write(&self, text: &str) {
        fs::write(self.dir.path().join("nginx.conf"), self.fill(text)).expect("a configuration file");
    }

    /// The command line on this folder's configuration.
    pub fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(binary());
        let prefix = format!("{}/", self.dir.path().display());
        command.args(["-p", &prefix, "-c", "nginx.conf", "-e", "error.log"]).args(flags).stdin(Stdio::null());
        command
    }

    /// Starts on the body of an `http` block.
    #[track_caller]
    pub fn start(self, body: &str) -> Longhaul {
        let text = http(body);
        self.start_file(&text)
    }

    /// Starts on a whole file, which must put its pid at `pid` and its log at `error.log`.
    #[track_caller]
    pub fn start_file(self, text: &str) -> Longhaul {
        self.write(text);
        let output = fs::File::create(self.dir.path().join("output")).expect("a file");
        let errors = output.try_clone().expect("a second handle");
        let child = self.command(&[]).stdout(output).stderr(errors).spawn().expect("the binary starts");
        let mut child = Guarded(child);
        let pid_file = self.dir.path().join("pid");
        wait_for("the pid file", || {
            if let Some(status) = child.0.try_wait().expect("our child") {
                panic!("ended at once with {status}\n{}", read(self.dir.path(), "output"));
            }
            fs::read_to_string(&pid_file).ok()?.trim().parse::<u32>().ok()
        });
        let before = descriptors::of(child.0.id(), &[]);
        let shards = if text.contains("worker_processes 2;") { 2 } else { 1 };
        Longhaul { child, setup: self, before, shards, stopped: false }
    }
}

impl Longhaul {
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    pub fn dir(&self) -> &Path {
        self.setup.dir()
    }

    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// A connection to `%listen%`.
    #[track_caller]
    pub fn connect(&self) -> Socket {
        self.connect_to("listen")
    }

    #[track_caller]
    pub fn connect_to(&self, name: &str) -> Socket {
        Socket::connect(self.setup.address(name))
    }

    /// All that comes back for these bytes until the connection ends.
    #[track_caller]
    pub fn exchange(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut client = self.connect();
        client.send(bytes);
        client.read_to_end()
    }

    /// The answer to a plain HTTP/1.0 request, as text.
    #[track_caller]
    pub fn get(&self, target: &str) -> String {
        let answer = self.exchange(format!("GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n"));
        super::stable(&answer)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).expect("our child");
    }

    /// Puts another configuration in place and asks for it.
    pub fn reload(&self, body: &str) {
        self.setup.write(&http(body));
        self.signal(Signal::HUP);
    }

    /// A file of the folder; empty when it is not there.
    pub fn file(&self, name: &str) -> String {
        read(self.dir(), name)
    }

    /// Waits until a line of the error log holds the text, and gives that line.
    #[track_caller]
    pub fn wait_for_log(&self, part: &str) -> String {
        let find = || self.file("error.log").lines().find(|line| line.contains(part)).map(str::to_owned);
        wait_for(&format!("`{part}` in the error log"), find)
    }

    /// Waits until the file holds at least this many lines, and gives it.
    #[track_caller]
    pub fn wait_for_lines(&self, name: &str, count: usize) -> String {
        wait_for(&format!("{count} lines in {name}"), || {
            let text = self.file(name);
            (text.lines().count() >= count).then_some(text)
        })
    }

    /// What is open now that was not at the start.
    pub fn open_now(&self) -> Open {
        let listeners: Vec<SocketAddr> = self.setup.listeners.values().copied().collect();
        descriptors::of(self.pid(), &listeners)
    }

    /// Waits until a connection to a peer is open.
    #[track_caller]
    pub fn expect_peer_connection(&self) {
        wait_for("a connection to the peer", || (self.open_now().to_peers > 0).then_some(()));
    }

    pub fn private_memory(&self) -> PrivateMemory {
        PrivateMemory::of(self.pid())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.0.try_wait().expect("our child").is_none()
    }

    /// Waits until all clients are gone; then nothing may be open but idle connections to peers.
    #[track_caller]
    pub fn expect_all_closed(&self) {
        wait_for("every client's descriptor to be closed", || (self.open_now().from_clients == 0).then_some(()));
        let pipes = self.before.pipes + PIPES_KEPT * self.shards;
        let is_clean = |now: &Open| now.rest.len() <= self.before.rest.len() && now.pipes <= pipes;
        let mut now = self.open_now();
        let end = Instant::now() + DEADLINE;
        while !is_clean(&now) {
            assert!(Instant::now() < end, "left open: {now:#?}\nat the start: {:#?}", self.before);
            std::thread::yield_now();
            now = self.open_now();
        }
    }

    /// Graceful stop, with all that a stop must show.
    #[track_caller]
    pub fn stop(mut self) {
        self.expect_all_closed();
        self.end(Signal::QUIT);
    }

    /// Fast stop: what is open is cut.
    #[track_caller]
    pub fn terminate(mut self) {
        self.end(Signal::TERM);
    }

    /// After a stop was asked for: it ends by itself.
    #[track_caller]
    pub fn expect_exit(&mut self) {
        self.stopped = true;
        let status = wait_for("the process to end", || self.child.0.try_wait().expect("our child"));
        let log = self.file("error.log");
        assert!(status.success(), "ended with {status}\n{log}\n{}", self.file("output"));
        let bad = |line: &&str| ["[alert]", "[crit]", "[emerg]"].iter().any(|level| line.contains(level));
        let allowed = |line: &&str| self.setup.allowed.iter().any(|part| line.contains(part));
        let lines: Vec<&str> = log.lines().filter(bad).filter(|line| !allowed(line)).collect();
        assert!(lines.is_empty(), "in the error log:\n{}", lines.join("\n"));
        assert!(!self.dir().join("pid").exists(), "the pid file is left behind");
    }

    #[track_caller]
    fn end(&mut self, signal: Signal) {
        self.signal(signal);
        self.expect_exit();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Already over when the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Longhaul {
    /// Where this says no, the process still ends: its guard is dropped all the same.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.child.0.kill();
            let _ = self.child.0.wait();
            eprintln!("--- error.log\n{}--- output\n{}", self.file("error.log"), self.file("output"));
        } else if !self.stopped {
            self.expect_all_closed();
            self.end(Signal::QUIT);
        }
    }
}

fn read(dir: &Path, name: &str) -> String {
    String::from_utf8_lossy(&fs::read(dir.join(name)).unwrap_or_default()).into_owned()
}

/// An address that nobody listens on. Its host is of this process alone, so no connection elsewhere in the machine can
/// be given the port between now and the start.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let pid = std::process::id();
    let host = [127, 1 + (pid >> 8) as u8 % 254, pid as u8, 1 + NEXT.fetch_add(1, Ordering::Relaxed) % 254];
    let listener = TcpListener::bind((Ipv4Addr::from(host), 0)).expect("a free port");
    listener.local_addr().expect("bound")
}
