//! What happens at the bounds: no descriptor left, too many connections. The process bends and recovers.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::support::{Peer, Setup, Socket, head, message};
use super::tunnel::{open, switched};

#[test]
fn without_a_descriptor_left_the_others_are_served_and_all_is_well_after() {
    const LIMIT: usize = 64;
    let longhaul = Setup::new().allow_in_log("24: Too many open files").start_file(&format!(
        "daemon off; worker_processes 1; %user% error_log error.log info; pid pid; worker_rlimit_nofile {LIMIT};
         events {{ worker_connections 1024; }}
         http {{ access_log off; server {{ listen %listen%; location / {{ return 200 x; }} }} }}"
    ));
    let mut clients: Vec<Socket> = (0..LIMIT * 2).map(|_| longhaul.connect()).collect();
    longhaul.wait_for_log("24: Too many open files");
    // The first came before the shortage; how many of the others are turned away is the kernel's timing.
    clients[0].send(head("GET / HTTP/1.1\nHost: a"));
    assert!(clients[0].read_answer().starts_with("HTTP/1.1 200 OK\r\n"));
    // Nobody leaves, so the last learns that there is no place.
    clients[2 * LIMIT - 1].expect_no_bytes();
    drop(clients);
    longhaul.expect_all_closed();
    assert!(longhaul.get("/").starts_with("HTTP/1.1 200 OK\r\n"), "after the shortage");
    let lines = longhaul.file("error.log").matches("24: Too many open files").count();
    assert!(lines < 20, "{lines} lines for one shortage");
}

#[test]
fn many_connections_that_come_and_go_leave_nothing_behind() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200 x; } }");
    for _ in 0..20 {
        let mut clients: Vec<Socket> = (0..50).map(|_| longhaul.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            match number % 3 {
                0 => client.send(head("GET / HTTP/1.1\nHost: a")),
                1 => client.send("GET / HT"),
                _ => {}
            }
        }
        for (number, client) in clients.into_iter().enumerate() {
            if number % 2 == 0 {
                client.reset();
            }
        }
    }
    longhaul.stop();
}

/// The socket of a tunnel that has ended is kept for its peer.
#[test]
fn without_a_descriptor_left_no_socket_is_kept_for_another_peer() {
    let peer = switched(|mut socket| socket.expect_end());
    let other = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 200 OK\nConnection: close", b"x"));
    });
    let longhaul = Setup::new().peer(&peer).with("other", &other.name).start_file(
        "daemon off; worker_processes 1; %user% error_log error.log info; pid pid;
         events { worker_connections 1024; }
         http { access_log off; server { listen %listen%;
             location / { proxy_pass http://%peer%; }
             location /other { proxy_pass http://%other%; } location /own { return 204; } } }",
    );
    let mut tunnel = open(&longhaul);
    // They take what the start has left free between others.
    let _idle: [Socket; 4] = std::array::from_fn(|_| {
        let mut client = longhaul.connect();
        client.send(head("GET /own HTTP/1.1\nHost: a"));
        assert!(client.read_head().starts_with("HTTP/1.1 204 "));
        client
    });
    let is_open = |number: &u64| std::fs::symlink_metadata(format!("/proc/{}/fd/{number}", longhaul.pid())).is_ok();
    // Of the two of the tunnel only that of the client will be free, and the next client takes it.
    let limit = Rlimit { current: (0..).find(|number| !is_open(number)), ..getrlimit(Resource::Nofile) };
    let pid = Pid::from_raw(longhaul.pid().cast_signed()).expect("a process");
    prlimit(Some(pid), Resource::Nofile, limit).expect("our child's limit");
    tunnel.half_close();
    tunnel.expect_end();
    let answer = longhaul.get("/other");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
