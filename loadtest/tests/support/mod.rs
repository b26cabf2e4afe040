//! What the tests of the whole program share: a comparison to start, proxies that are described, ports, waiting.
//!
//! In place of a proxy stands this program's own echoing peer, so that nothing has to be installed.

// Not every test uses all of it.
#![allow(dead_code)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_longhaul-loadtest");
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A port that is free now, and not of those that the kernel gives to outgoing connections: it stays free.
pub fn port() -> u16 {
    const FIRST: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let end = range.split_whitespace().next().unwrap().parse().unwrap_or(0).max(FIRST + 1000);
    // Test programs that run at the same time begin at other places.
    let start = std::process::id().wrapping_mul(97) as u16 % (end - FIRST);
    let ports =
        (0..end - FIRST).map(|_| FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (end - FIRST));
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).unwrap()
}

/// A proxy for `--proxy`; its configuration says where it has to listen.
pub fn described(folder: &Path, name: &str, program: &str, arguments: &str) -> PathBuf {
    let file = folder.join(format!("{name}.proxy"));
    let text = format!(
        "name = {name}\nprogram = {program}\narguments = {arguments}\nversion = --version\n---\nat {{{{listen}}}}\n"
    );
    fs::write(&file, text).unwrap();
    file
}

/// The echoing peer as a proxy.
pub fn peer(folder: &Path) -> PathBuf {
    described(folder, "peer", PROGRAM, "peers --peer-port {{port}} --peers 1")
}

pub fn script(file: &Path, text: &str) -> String {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

/// A comparison of nothing but these proxies; its run lies in `run` below the folder.
pub fn compare(folder: &Path, matrix: &str, proxies: &[PathBuf], rounds: &str) -> Command {
    fs::write(folder.join("matrix"), matrix).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["compare", "--debug-build-for-tests", "--rounds", rounds, "--proxies", "none", "--out"]);
    command.arg(folder.join("run")).arg("--matrix").arg(folder.join("matrix"));
    for proxy in proxies {
        command.arg("--proxy").arg(proxy);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for the end of a program, and gives its exit code.
pub fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    panic!("still there after {} s", DEADLINE.as_secs());
}

/// Whether what a test needs is installed. It says that it is skipped; `LONGHAUL_REQUIRE_CLIENTS=1` makes it fail.
pub fn is_there(case: &str, name: &str, there: bool) -> bool {
    if !there {
        let is_required = std::env::var_os("LONGHAUL_REQUIRE_CLIENTS").is_some_and(|value| value == "1");
        assert!(!is_required, "{case} needs {name}");
        eprintln!("{case}: skipped, {name} not found");
    }
    there
}
