//! Flags with nginx's meaning, and what is said when a start is impossible.

use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::support::{Peer, Setup, Socket, binary, http, message, wait_for};

fn run(setup: &Setup, flags: &[&str]) -> (Option<i32>, String, String) {
    said(setup.command(flags).output().expect("the binary runs"))
}

fn bare(flags: &[&str]) -> (Option<i32>, String, String) {
    said(Command::new(binary()).args(flags).stdin(Stdio::null()).output().expect("the binary runs"))
}

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn t_tests_and_starts_nothing() {
    let setup = Setup::new();
    setup.write(&http("server { listen %listen%; return 200; }"));
    let (code, _, errors) = run(&setup, &["-t"]);
    let file = setup.dir().join("nginx.conf").display().to_string();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains(&format!("the configuration file {file} syntax is ok")), "{errors}");
    assert!(errors.contains(&format!("configuration file {file} test is successful")), "{errors}");
    assert!(!setup.dir().join("pid").exists(), "a test leaves no pid file");
}

#[test]
fn t_of_a_broken_file_fails() {
    let setup = Setup::new();
    setup.write(&http("server { listen %listen%; nonsense; }"));
    let (code, _, errors) = run(&setup, &["-t"]);
    let file = setup.dir().join("nginx.conf").display().to_string();
    assert_eq!(code, Some(1));
    assert!(errors.contains(&format!("unknown directive \"nonsense\" in {file}:")), "{errors}");
    assert!(errors.contains(&format!("configuration file {file} test failed")), "{errors}");
}

#[test]
fn q_says_only_errors() {
    let setup = Setup::new();
    setup.write(&http("server { listen %listen%; return 200; }"));
    assert_eq!(run(&setup, &["-t", "-q"]), (Some(0), String::new(), String::new()));
}

#[test]
fn capital_t_prints_every_file() {
    let setup = Setup::new().file("conf.d/a.conf", "server { listen %listen%; return 200; }\n");
    let text = setup.fill("server { listen %listen%; return 200; }\n");
    let setup = setup.file("conf.d/a.conf", &text);
    setup.write(&http("include conf.d/*.conf;"));
    let (code, out, errors) = run(&setup, &["-T"]);
    assert_eq!(code, Some(0), "{errors}");
    let dir = setup.dir().display();
    let main = out.find(&format!("# configuration file {dir}/nginx.conf:\n")).expect("the main file");
    let included = out.find(&format!("# configuration file {dir}/conf.d/a.conf:\n{text}")).expect("the included file");
    assert!(main < included);
}

#[test]
fn versions() {
    let (code, out, errors) = bare(&["-v"]);
    assert_eq!(code, Some(0));
    assert!((out + &errors).contains("longhaul"));
    let (code, out, errors) = bare(&["-V"]);
    let all = out + &errors;
    assert_eq!(code, Some(0));
    assert!(all.contains("nginx version: nginx/1.31.5"), "{all}");
    assert!(all.contains(concat!("longhaul/", env!("CARGO_PKG_VERSION"))), "{all}");
    assert!(all.contains("configure arguments:"), "{all}");
}

#[test]
fn help_names_every_flag() {
    let (code, out, _) = bare(&["-h"]);
    assert_eq!(code, Some(0));
    for flag in ["-c", "-p", "-e", "-g", "-t", "-T", "-q", "-s", "-v", "-V", "-h", "demo", "proxy"] {
        assert!(out.contains(flag), "no {flag} in {out}");
    }
}

#[test]
fn an_unknown_flag_is_named() {
    let (code, _, errors) = bare(&["-Z"]);
    assert_ne!(code, Some(0));
    assert!(errors.contains("-Z"), "{errors}");
}

#[test]
fn g_adds_directives_at_the_main_level() {
    let setup = Setup::new();
    setup.write("events { } http { }");
    let (code, _, errors) = run(&setup, &["-t", "-g", "pid other.pid; worker_processes 2;"]);
    assert_eq!(code, Some(0), "{errors}");
    let (code, _, errors) = run(&setup, &["-t", "-g", "nonsense;"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("unknown directive \"nonsense\" in command line"), "{errors}");
}

#[test]
fn a_port_in_use_is_named_with_errno() {
    let setup = Setup::new();
    let owner = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = owner.local_addr().expect("bound").to_string();
    let setup = setup.with("taken", &address);
    setup.write(&http("server { listen %taken%; return 200; }"));
    let (code, _, errors) = run(&setup, &[]);
    assert_eq!(code, Some(1), "{errors}");
    let line = errors.lines().find(|line| line.contains("[emerg]")).expect("an [emerg] line");
    assert!(line.contains(&format!("bind() to {address} failed (98: Address already in use)")), "{line}");
}

#[test]
fn a_port_in_use_that_would_be_shared_is_found_too() {
    let owner = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    owner.set_reuse_port(true).expect("SO_REUSEPORT");
    owner.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    owner.listen(1).expect("listening");
    let address = owner.local_addr().expect("bound").as_socket().expect("an IP address");
    let setup = Setup::new().with("taken", address);
    setup.write(&http("server { listen %taken%; return 200; }"));
    let (code, _, errors) = run(&setup, &[]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("98: Address already in use"), "{errors}");
}

#[test]
fn a_missing_file_is_named() {
    let setup = Setup::new();
    let (code, _, errors) = run(&setup, &[]);
    assert_eq!(code, Some(1));
    let file = setup.dir().join("nginx.conf").display().to_string();
    assert!(errors.contains(&format!("open() \"{file}\" failed (2: No such file or directory)")), "{errors}");
}

#[test]
fn s_without_a_running_process_says_so() {
    let setup = Setup::new();
    setup.write(&http("server { listen %listen%; return 200; }"));
    let (code, _, errors) = run(&setup, &["-s", "quit"]);
    assert_eq!(code, Some(1));
    let pid = setup.dir().join("pid").display().to_string();
    assert!(errors.contains(&format!("open() \"{pid}\" failed (2: No such file or directory)")), "{errors}");
    let (code, _, errors) = run(&setup, &["-s", "dance"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("dance"), "{errors}");
}

#[test]
fn the_demo_proves_a_round_trip_and_ends() {
    let listen = Setup::new().address("listen").to_string();
    let (code, out, errors) = bare(&["demo", "--once", "--listen", &listen]);
    assert_eq!(code, Some(0), "{out}{errors}");
    for part in ["http {", "upstream", "proxy_pass", &listen, "shard"] {
        assert!(out.contains(part), "no {part} in {out}");
    }
}

#[test]
fn proxy_needs_no_file() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 5\nConnection: close", b"plain"));
    });
    let listen = Setup::new().address("listen");
    let mut child = Command::new(binary())
        .args(["proxy", "--listen", &listen.to_string(), "--to", &peer.name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    wait_for("the listener", || TcpStream::connect(listen).ok());
    let mut client = Socket::connect(listen);
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert!(client.read_to_end().ends_with(b"plain"));
    kill_process(Pid::from_child(&child), Signal::TERM).expect("our child");
    assert_eq!(child.wait().expect("our child").code(), Some(0));
}

#[test]
fn without_a_default_file_the_ways_to_start_are_named() {
    let setup = Setup::new();
    let prefix = format!("{}/", setup.dir().display());
    let (code, _, errors) = bare(&["-p", &prefix]);
    assert_eq!(code, Some(1));
    for way in ["-c", "proxy", "demo"] {
        assert!(errors.contains(way), "no {way} in {errors}");
    }
}

#[test]
fn a_log_that_cannot_be_opened_is_named() {
    let setup = Setup::new();
    setup.write("error_log %dir%/none/error.log; pid pid; events { } http { }");
    let (code, _, errors) = run(&setup, &[]);
    assert_eq!(code, Some(1), "{errors}");
    let file = setup.dir().join("none/error.log").display().to_string();
    assert!(errors.contains(&format!("open() \"{file}\" failed (2: No such file or directory)")), "{errors}");
}

#[test]
fn too_few_descriptors_to_start_are_named() {
    let setup = Setup::new();
    setup.write(&http("server { listen %listen%; return 200; }"));
    let command = setup.command(&[]);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let script = format!("ulimit -n 8; exec {}", words.join(" "));
    let output = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().expect("a shell");
    let (code, _, errors) = said(output);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("[emerg]") && errors.contains("24: Too many open files"), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}
