//! What happens at the bounds: no descriptor left, too many connections. The process bends and recovers.

use super::support::{Setup, Socket, head};

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
