//! The whole program: a comparison of small scenarios, with proxies that fail, and one that is interrupted.
//!
//! In place of a proxy stands this program's own echoing peer, so that nothing has to be installed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_longhaul-loadtest");
const DEADLINE: Duration = Duration::from_secs(120);

/// A port that is free now.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn described(folder: &Path, name: &str, program: &str, arguments: &str) -> PathBuf {
    let file = folder.join(format!("{name}.proxy"));
    let text = format!(
        "name = {name}\nprogram = {program}\narguments = {arguments}\nversion = --version\n---\nat {{{{listen}}}}\n"
    );
    fs::write(&file, text).unwrap();
    file
}

fn script(folder: &Path, text: &str) -> String {
    let file = folder.join("script.sh");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

fn compare(folder: &Path, matrix: &str, proxies: &[PathBuf], rounds: &str) -> Command {
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

fn peer(folder: &Path) -> PathBuf {
    described(folder, "peer", PROGRAM, "peers --peer-port {{port}} --peers 1")
}

#[test]
fn a_comparison_leaves_a_folder_and_names_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let failing = described(folder, "failing", &script(folder, "#!/bin/sh\necho no such thing\nexit 3\n"), "start");
    let matrix = "held: idle tunnels=40 steps=2 seconds=0.2\nsmall: echo tunnels=8 busy=4 seconds=0.2\n\
                  large: bulk tunnels=2 seconds=0.2\nmany: idle tunnels=10000000 seconds=0.2\n";
    let output = compare(folder, matrix, &[peer(folder), failing, folder.join("missing.proxy")], "1").output().unwrap();
    let Output { status, stdout, stderr } = output;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(1), "{stdout}\n{stderr}");
    assert!(stderr.contains("missing.proxy is left out"), "{stderr}");
    assert!(stdout.contains("### held") && stdout.contains("report.html"), "{stdout}");
    let run = folder.join("run");
    let readings = fs::read_to_string(run.join("readings.csv")).unwrap();
    for figure in ["held,peer,descriptors_per_tunnel", "small,peer,cpu_us_per_trip", "large,peer,cpu_s_per_gb"] {
        assert!(readings.contains(figure), "{figure} in {readings}\n{stderr}");
    }
    let descriptors = readings.lines().find(|line| line.contains("descriptors_per_tunnel")).unwrap();
    assert!(descriptors.ends_with(",1"), "an echoing peer has one for each tunnel: {descriptors}");
    let faults = fs::read_to_string(run.join("faults.csv")).unwrap();
    assert!(faults.contains("no such thing") && faults.contains("exit status: 3"), "{faults}");
    assert!(faults.contains("descriptors") && faults.contains("10000000 tunnels"), "{faults}");
    assert!(!readings.contains("many,peer"), "{readings}");
    assert!(fs::read_to_string(run.join("proxies/peer/held/proxy.conf")).unwrap().starts_with("at 127.0.0.1:"));
    let again = Command::new(PROGRAM).arg("report").arg(&run).output().unwrap();
    assert!(again.status.success());
}

fn wait(child: &mut Child) -> Option<i32> {
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

#[test]
fn an_interrupt_ends_with_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let matrix = "held: idle tunnels=20 steps=1 seconds=0.1\nlong: echo tunnels=4 seconds=600\n";
    let mut child = compare(folder, matrix, &[peer(folder)], "3").spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.by_ref().any(|line| line.unwrap().contains("long on peer")));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(wait(&mut child), Some(1));
    let run = folder.join("run");
    assert!(fs::read_to_string(run.join("readings.csv")).unwrap().contains("held,peer,user_bytes_per_tunnel"));
    assert!(fs::read_to_string(run.join("faults.csv")).unwrap().contains("interrupted"));
    assert!(run.join("report.html").is_file());
}

#[test]
fn wrong_asks_are_refused() {
    let fails = |arguments: &[&str]| {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let run = ["run", "--debug-build-for-tests", "--target"];
    let foreign = fails(&[&run[..], &["192.0.2.1:80", "echo", "tunnels=1"]].concat());
    assert!(foreign.contains("--i-own-the-target 192.0.2.1"), "{foreign}");
    assert!(fails(&[&run[..], &["127.0.0.1:1", "soak"]].concat()).contains("`soak` is not a mode"));
    let first = port().to_string();
    let nobody = fails(
        &[&run[..], &[&format!("127.0.0.1:{first}"), "--peer-port", &first, "--no-peers", "echo", "tunnels=2"]]
            .concat(),
    );
    assert!(nobody.contains("2 of 2 tunnels did not open: connect to"), "{nobody}");
    if cfg!(debug_assertions) {
        assert!(fails(&["compare", "--quick"]).contains("debug build"));
    }
    assert!(fails(&["report", "/nonexistent"]).contains("/nonexistent/matrix.txt"));
}
