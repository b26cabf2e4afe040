//! The whole program: a comparison of small scenarios, with proxies that fail in every way, and one that is interrupted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use support::{PROGRAM, compare, described, peer, port, script, wait};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// This test program as a proxy: the named case below takes its part.
fn acted(folder: &Path, name: &str, case: &str) -> std::path::PathBuf {
    let own = std::env::current_exe().unwrap();
    described(folder, name, &own.display().to_string(), &format!("{case} --exact --ignored --nocapture"))
}

/// Where an acted proxy has to listen.
fn stage() -> TcpListener {
    let configuration = fs::read_to_string("proxy.conf").unwrap();
    TcpListener::bind(configuration.trim().strip_prefix("at ").unwrap()).unwrap()
}

#[test]
#[ignore = "a part that another test has this program play"]
fn answers_as_one_without_its_peer() {
    for stream in stage().incoming() {
        let mut stream = stream.unwrap();
        // The one that only looks whether somebody listens says nothing.
        if stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
            let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    }
}

#[test]
#[ignore = "a part that another test has this program play"]
fn listens_once_and_then_refuses() {
    let listener = stage();
    let (_first, _) = listener.accept().unwrap();
    drop(listener);
    loop {
        std::thread::park();
    }
}

#[test]
fn a_comparison_leaves_a_folder_and_names_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let failing = script(&folder.join("failing.sh"), "#!/bin/sh\necho no such thing\nexit 3\n");
    let failing = described(folder, "failing", &failing, "start");
    let matrix = "held: idle tunnels=40 steps=2 seconds=0.2\nsmall: echo tunnels=8 busy=4 seconds=0.2\n\
                  large: bulk tunnels=2 seconds=0.2\nmany: idle tunnels=10000000 seconds=0.2\n";
    let output = compare(folder, matrix, &[peer(folder), failing, folder.join("missing.proxy")], "1").output().unwrap();
    let Output { status, stdout, stderr } = output;
    let (stdout, stderr) = (text(&stdout), text(&stderr));
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
    let command = fs::read_to_string(run.join("proxies/peer/held/command.txt")).unwrap();
    assert!(command.starts_with("longhaul-loadtest peers --peer-port "), "{command}");
    let facts = fs::read_to_string(run.join("run.txt")).unwrap();
    assert!(facts.contains("\ncommand: longhaul-loadtest compare --debug-build-for-tests "), "{facts}");
    let again = Command::new(PROGRAM).arg("report").arg(&run).output().unwrap();
    assert!(again.status.success());
}

#[test]
fn proxies_that_refuse_are_named_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let orphaned = acted(folder, "orphaned", "answers_as_one_without_its_peer");
    let refusing = acted(folder, "refusing", "listens_once_and_then_refuses");
    let matrix = "held: idle tunnels=20 steps=1 seconds=0.1\nkept: kept tunnels=300 steps=1 seconds=0.1\n";
    let output = compare(folder, matrix, &[orphaned, refusing, peer(folder)], "1").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let faults = fs::read_to_string(folder.join("run/faults.csv")).unwrap();
    for scenario in ["held", "kept"] {
        let of = |proxy: &str| {
            let begin = format!("1,{scenario},{proxy},");
            faults.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_else(|| panic!("{begin} in {faults}"))
        };
        assert!(of("orphaned").contains("did not open: status 502 Bad Gateway instead of "), "{faults}");
        assert!(of("refusing").contains("Connection refused"), "{faults}");
        assert!(text(&output.stderr).contains(&format!("orphaned, {scenario}: ")), "said at once");
    }
    let readings = fs::read_to_string(folder.join("run/readings.csv")).unwrap();
    assert!(readings.contains("held,peer,user_bytes_per_tunnel"), "{readings}");
    assert!(readings.contains("kept,peer,user_bytes_per_connection"), "{readings}");
    assert!(!readings.contains("orphaned") && !readings.contains("refusing"), "{readings}");
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(report.contains("orphaned") && report.contains("502 Bad Gateway"), "{report}");
}

/// In place of `wrk`, which need not be installed: it asks for nothing and says what that one says.
const WRK: &str = "#!/bin/sh
case \"$*\" in *--version*) echo 'wrk 4.2 [epoll]'; exit 1;; esac
echo \"$@\" > wrk.arguments
echo '  Latency Distribution
     50%    1.90ms
     90%  830.00us
     99%    1.02s
  50000 requests in 1.00s, 61.00MB read
  Non-2xx or 3xx responses: 7
Requests/sec:  49950.05'
";

#[test]
fn figures_of_wrk_are_taken_and_without_it_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let matrix = "asked: wrk busy=5 bytes=64 seconds=1\nkept: kept tunnels=300 steps=1 seconds=0.1\n";
    let run = |path: &Path| {
        fs::create_dir_all(path).unwrap();
        let mut command = compare(folder, matrix, &[peer(folder)], "1");
        let output = command.env("PATH", path).current_dir(folder).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        ["faults.csv", "readings.csv", "run.txt"].map(|name| fs::read_to_string(folder.join("run").join(name)).unwrap())
    };
    let [faults, readings, facts] = run(&folder.join("nothing"));
    assert!(faults.contains("1,asked,peer,no program `wrk` found; is it installed?"), "{faults}");
    assert!(readings.contains("kept,peer,user_bytes_per_connection") && !readings.contains("asked"), "{readings}");
    assert!(!facts.contains("wrk: "), "{facts}");
    let there = folder.join("there");
    fs::create_dir(&there).unwrap();
    script(&there.join("wrk"), WRK);
    let [faults, readings, facts] = run(&there);
    assert!(faults.contains("1,asked,peer,wrk: Non-2xx or 3xx responses: 7"), "{faults}");
    assert!(readings.contains("1,asked,peer,cpu_us_per_request,0,"), "{readings}");
    assert!(facts.contains("\nwrk: 4.2\n"), "{facts}");
    let arguments = fs::read_to_string(folder.join("wrk.arguments")).unwrap();
    let begin = "-t 1 -c 5 -d 1s --latency -H Host: longhaul-loadtest.test http://127.0.0.1:";
    assert!(arguments.starts_with(begin) && arguments.ends_with("/b/64\n"), "{arguments}");
    // A built-in matrix goes on without it.
    let output = Command::new(PROGRAM)
        .args(["compare", "--debug-build-for-tests", "--quick", "--proxies", "none"])
        .env("PATH", folder.join("nothing"))
        .current_dir(folder)
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("wrk is left out: no program `wrk` found"), "{said}");
}

#[test]
fn peers_that_cannot_listen_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = taken.local_addr().unwrap().port();
    let matrix = "kept: kept tunnels=300 steps=1 seconds=0.1\n";
    let mut command = compare(folder, matrix, &[peer(folder)], "1");
    let output = command.args(["--port", &first.to_string(), "--peers", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let faults = fs::read_to_string(folder.join("run/faults.csv")).unwrap();
    assert!(faults.contains(&format!("1,kept,peer,the peers' port {first} is taken")), "{faults}");
    assert!(folder.join("run/report.html").is_file());
}

/// A core that this process may use.
fn core() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    list.split([',', '-']).next().unwrap().to_owned()
}

#[test]
fn one_core_shows_memory_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let matrix = "kept: kept tunnels=300 steps=1 seconds=0.1\nbusy: echo tunnels=4 seconds=0.1\n";
    let mut command = compare(folder, matrix, &[peer(folder)], "1");
    let output = command.args(["--proxy-core", &core(), "--load-cores", &core()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let faults = fs::read_to_string(folder.join("run/faults.csv")).unwrap();
    assert!(faults.contains("1,busy,peer,the load would share the proxy's core"), "{faults}");
    let readings = fs::read_to_string(folder.join("run/readings.csv")).unwrap();
    assert!(readings.contains("kept,peer,user_bytes_per_connection") && !readings.contains("busy"), "{readings}");
}

/// With 1,300 descriptors for each process, of which 1,000 are spare, one holds both ends of 150.
#[test]
fn several_processes_hold_what_one_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let whole = compare(folder, "kept: kept tunnels=700 steps=1 seconds=0.1\n", &[peer(folder)], "1");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n 1300 && exec \"$0\" \"$@\""]).arg(whole.get_program()).args(whole.get_args());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let facts = fs::read_to_string(folder.join("run/run.txt")).unwrap();
    assert!(facts.contains("descriptors for each process: 1300\n"), "{facts}");
}

#[test]
fn the_calls_alone_are_measured_beside_proxies_and_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let matrix = "opens: churn busy=4 seconds=1\nasked: http busy=4 bytes=1024 seconds=1\nkept: kept tunnels=300 steps=1 seconds=0.1\n";
    let output = compare(folder, matrix, &[peer(folder)], "1").output().unwrap();
    let run = folder.join("run");
    let read = |name: &str| fs::read_to_string(run.join(name)).unwrap();
    let (readings, facts, table) = (read("readings.csv"), read("run.txt"), read("table.md"));
    // One core has no room for traffic.
    let is_measured = readings.contains("opens,peer,cpu_us_per_open");
    assert_eq!(
        is_measured,
        readings.contains("opens,bare calls,cpu_us_per_open")
            && readings.contains("opens,bare calls with half-close,cpu_us_per_open"),
        "{readings}\n{}",
        text(&output.stderr)
    );
    assert_eq!(is_measured, readings.contains("asked,bare calls,cpu_us_per_request"), "{facts}");
    assert!(!readings.contains("kept,bare calls") && !readings.contains("asked,bare calls with"), "{readings}");
    assert!(facts.contains("\nbare calls: accept4, recv") && !facts.contains("proxy bare calls"), "{facts}");
    assert!(facts.contains("\nbare calls with half-close: the same, but"), "{facts}");
    assert_eq!(
        is_measured,
        table.contains("### Bare calls") && table.contains("\n| figure | relay | median | of peer |\n"),
        "{table}"
    );
    assert!(!read("faults.csv").contains("bare calls"));
    assert_eq!(is_measured, read("report.html").contains("<h2>Bare calls</h2>"));
    let command = read("proxies/bare calls/opens/command.txt");
    assert!(command.starts_with("longhaul-loadtest floor-proxy --listen 127.0.0.1:"), "{command}");
    assert!(!command.contains("--half-close"), "{command}");
    let command = read("proxies/bare calls with half-close/opens/command.txt");
    assert!(command.starts_with("longhaul-loadtest floor-proxy --listen 127.0.0.1:"), "{command}");
    assert!(command.trim_end().ends_with(" --half-close"), "{command}");
    let again = Command::new(PROGRAM).arg("report").arg(&run).output().unwrap();
    assert!(again.status.success() && read("table.md") == table);
}

#[test]
fn when_all_was_measured_the_exit_code_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let matrix = "kept: kept tunnels=300 steps=1 seconds=0.1\n";
    let output = compare(folder.path(), matrix, &[peer(folder.path())], "1").output().unwrap();
    let faults = fs::read_to_string(folder.path().join("run/faults.csv")).unwrap();
    assert_eq!((output.status.code(), faults.lines().count()), (Some(0), 1), "{faults}");
}

#[test]
fn debug_builds_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let compare_with = |longhaul: &str| {
        let arguments = ["compare", "--debug-build-for-tests", "--quick", "--proxies", "longhaul", "--longhaul"];
        let output = Command::new(PROGRAM).args(arguments).arg(longhaul).current_dir(folder).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let says_so = "#!/bin/sh\necho 'nginx version: nginx/1' >&2\necho 'longhaul version: longhaul/1 (debug)' >&2\n";
    let said = compare_with(&script(&folder.join("longhaul"), says_so));
    assert!(said.contains("is a debug build; use `cargo build --release`"), "{said}");
    fs::create_dir(folder.join("debug")).unwrap();
    let said = compare_with(&script(&folder.join("debug/longhaul"), "#!/bin/sh\necho longhaul 1\n"));
    assert!(said.contains("is a debug build"), "{said}");
    let without = ["compare", "--debug-build-for-tests", "--quick", "--proxies", "longhaul"];
    let output = Command::new(PROGRAM).args(without).env("CARGO", "/bin/false").current_dir(folder).output().unwrap();
    assert!(text(&output.stderr).contains("longhaul is left out: cannot be built"), "{}", text(&output.stderr));
    if cfg!(debug_assertions) {
        let output = Command::new(PROGRAM).args(["compare", "--quick"]).current_dir(folder).output().unwrap();
        assert!(!output.status.success() && text(&output.stderr).contains("this is a debug build"));
    }
    assert!(
        fs::read_dir(folder)
            .unwrap()
            .flatten()
            .all(|entry| !text(entry.file_name().as_encoded_bytes()).contains("loadtest"))
    );
}

#[test]
fn an_interrupt_ends_with_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let matrix = "held: idle tunnels=20 steps=1 seconds=0.1\nlong: echo tunnels=4 seconds=600\n";
    let mut child = compare(folder, matrix, &[peer(folder)], "3").spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = said.by_ref().map(Result::unwrap).find(|line| line.contains("long on peer")).unwrap();
    // Not a terminal: plain lines.
    assert!(line.contains(" % · round 1 of 3: ") && line.ends_with(" left") && !line.contains('\r'), "{line}");
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
        text(&output.stderr)
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
    assert!(fails(&["report", "/nonexistent"]).contains("/nonexistent/matrix.txt"));
}
