//! `syslog:` as the target of access and error logs: the exact datagrams.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;

use super::support::{DEADLINE, Longhaul, Setup};

/// A syslog server on a port of its own.
struct Server(UdpSocket);

impl Server {
    fn start() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"))
    }

    fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("a free port");
        socket.set_read_timeout(Some(DEADLINE)).expect("a socket");
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }

    #[track_caller]
    fn next(&self) -> String {
        let mut datagram = [0; 8192];
        let length = self.0.recv(&mut datagram).expect("a datagram in time");
        String::from_utf8(datagram[..length].to_vec()).expect("text")
    }
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase()
}

/// A datagram with its time checked for its form, `Nov 21 05:18:00`, and written as `TIME`.
#[track_caller]
fn masked(datagram: &str) -> String {
    let (priority, rest) = datagram.split_at(datagram.find('>').expect("a priority") + 1);
    let (time, rest) = rest.split_at(15);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    assert!(months.contains(&&time[..3]), "{datagram}");
    let form: String = time[3..].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert!([" 00 00:00:00", "  0 00:00:00"].contains(&form.as_str()), "{datagram}");
    format!("{priority}TIME{rest}")
}

#[test]
fn access_lines_are_datagrams() {
    let server = Server::start();
    let longhaul = Setup::new().with("log", server.address()).start(
        "log_format n '$uri:$status'; server { listen %listen%; log_not_found off;
             location /plain { access_log syslog:server=%log% n; }
             location /named { access_log syslog:severity=alert,server=%log%,facility=user,tag=SEE_this n; }
             location /bare { access_log syslog:server=%log%,nohostname n if=$arg_log; }
             location /two { access_log syslog:server=%log% n; access_log syslog:server=%log%,tag=b n; } }",
    );
    let host = hostname();
    for target in ["/plain", "/named", "/bare", "/bare?log=1", "/two"] {
        longhaul.get(target);
    }
    assert_eq!(masked(&server.next()), format!("<190>TIME {host} nginx: /plain:404"));
    assert_eq!(masked(&server.next()), format!("<9>TIME {host} SEE_this: /named:404"));
    assert_eq!(masked(&server.next()), "<190>TIME nginx: /bare:404");
    assert_eq!(masked(&server.next()), format!("<190>TIME {host} nginx: /two:404"));
    assert_eq!(masked(&server.next()), format!("<190>TIME {host} b: /two:404"));
}

#[test]
fn error_lines_have_the_severity_of_their_level() {
    let server = Server::start();
    let longhaul = Setup::new().with("log", server.address()).start(
        "limit_req_zone $server_name zone=z:1m rate=1r/m; limit_req zone=z; server { listen %listen%; server_name s; log_not_found off;
             location / { error_log syslog:server=%log%,severity=alert; }
             location /warn { limit_req zone=z; limit_req_log_level warn;
                 error_log syslog:server=%log%,facility=mail,tag=t,nohostname warn; }
             location /quiet { limit_req zone=z; limit_req_log_level info; error_log syslog:server=%log% notice; } }",
    );
    // The first is let through.
    ["/", "/", "/quiet", "/warn"].into_iter().for_each(|target| drop(longhaul.get(target)));
    let error = masked(&server.next());
    let start = format!("<187>TIME {} nginx: 20", hostname());
    assert!(error.starts_with(&start), "{error}");
    assert!(
        error.contains(" [error] ") && error.ends_with(", request: \"GET / HTTP/1.0\", host: \"localhost\""),
        "{error}"
    );
    let warn = masked(&server.next());
    assert!(warn.starts_with("<20>TIME t: 20") && warn.contains(" [warn] "), "{warn}");
}

#[test]
fn the_process_logs_to_syslog_too() {
    let server = Server::start();
    let setup = Setup::new().with("log", server.address());
    let longhaul = setup.start_file(
        "daemon off; worker_processes 1; %user% pid pid; error_log error.log notice;
         error_log syslog:server=%log%,tag=main notice; events { }
         http { access_log off; server { listen %listen%; return 200 x; } }",
    );
    let file = longhaul.wait_for_log("start 1 shards");
    let datagram = std::iter::repeat_with(|| server.next()).find(|line| line.contains("start 1 shards"));
    let datagram = masked(&datagram.expect("a line"));
    assert!(datagram.starts_with("<189>TIME ") && datagram.ends_with(&format!(" main: {file}")), "{datagram}");
}

#[test]
fn a_unix_socket_takes_lines() {
    let setup = Setup::new();
    let server = UnixDatagram::bind(setup.dir().join("log")).expect("a socket");
    server.set_read_timeout(Some(DEADLINE)).expect("a socket");
    let longhaul = setup.start(
        "log_format n '$uri'; server { listen %listen%; access_log syslog:server=unix:%dir%/log,tag=u n; return 200 x; }",
    );
    longhaul.get("/path");
    let mut datagram = [0; 1000];
    let length = server.recv(&mut datagram).expect("a datagram in time");
    assert_eq!(masked(&String::from_utf8_lossy(&datagram[..length])), format!("<190>TIME {} u: /path", hostname()));
}

#[track_caller]
fn get(longhaul: &Longhaul, target: &str) {
    assert!(longhaul.get(target).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_server_that_goes_away_is_told_once_and_found_again() {
    // On an address of its own, so that nobody is given the port while it is away.
    let server = Server::at("127.83.21.9:0".parse().expect("an address"));
    let address = server.address();
    let longhaul = Setup::new().with("log", address).start(
        "log_format n '$uri'; server { listen %listen%; access_log syslog:server=%log% n; location / { return 200 x; } }",
    );
    get(&longhaul, "/1");
    assert!(server.next().ends_with(": /1"));
    drop(server);
    (0..5).for_each(|_| get(&longhaul, "/lost"));
    let line = longhaul.wait_for_log("syslog");
    let words = format!("send() failed (111: Connection refused) while logging to syslog, server: {address}, ");
    assert!(line.contains("[error]") && line.contains(&words), "{line}");
    assert_eq!(longhaul.file("error.log").matches("send() failed").count(), 1);
    let server = Server::at(address);
    get(&longhaul, "/2");
    get(&longhaul, "/3");
    assert!(server.next().ends_with(": /2"));
    assert!(server.next().ends_with(": /3"));
}

#[test]
fn a_server_named_twice_gets_a_line_twice() {
    let server = Server::start();
    let longhaul = Setup::new().with("log", server.address()).start(
        "log_format n '$uri'; server { listen %listen%; log_not_found on;
             location /low { access_log off; error_log syslog:server=%log% warn; error_log syslog:server=%log%; }
             location /same { access_log off; error_log syslog:server=%log%; error_log syslog:server=%log%,tag=b; }
             location /high { access_log off; error_log syslog:server=%log% emerg; error_log syslog:server=%log%; }
             location /access { log_not_found off; access_log syslog:server=%log% n; access_log syslog:server=%log% n; } }",
    );
    for (target, count) in [("/low", 2), ("/same", 2), ("/high", 1), ("/access", 2)] {
        longhaul.get(target);
        for _ in 0..count {
            let datagram = server.next();
            assert!(datagram.contains(target), "{target}: {datagram}");
        }
    }
}

#[test]
fn each_level_goes_to_the_servers_that_take_it() {
    let server = Server::start();
    let longhaul = Setup::new().with("log", server.address()).start(
        "limit_req_zone $server_name zone=z:1m rate=1r/m; limit_req zone=z; access_log off;
         server { listen %listen%; server_name s;
             location /info { limit_req_log_level info; error_log syslog:server=%log%,nohostname info;
                 error_log syslog:server=%log%,nohostname,tag=never notice; }
             location /notice { limit_req_log_level notice; error_log syslog:server=%log%,nohostname notice;
                 error_log syslog:server=%log%,nohostname,tag=never warn; }
             location /warn { limit_req_log_level warn; error_log syslog:server=%log%,nohostname,facility=local0 warn;
                 error_log syslog:server=%log%,nohostname,tag=never error; }
             location /error { error_log syslog:server=%log%,nohostname,facility=kern;
                 error_log syslog:server=%log%,nohostname,tag=never crit; }
             location / { error_log %dir%/first.log; } }",
    );
    longhaul.get("/");
    for (level, priority) in [("info", 190), ("notice", 189), ("warn", 132), ("error", 3)] {
        longhaul.get(&format!("/{level}"));
        let datagram = masked(&server.next());
        assert!(datagram.starts_with(&format!("<{priority}>TIME nginx: 20")), "{datagram}");
        assert!(
            datagram.contains(&format!(" [{level}] ")) && datagram.contains(&format!("GET /{level} ")),
            "{datagram}"
        );
    }
}

#[test]
fn a_level_s_server_gets_the_lines_that_its_file_gets() {
    let server = Server::start();
    let longhaul = Setup::new().with("log", server.address()).start(
        "error_log syslog:server=%log%,nohostname info; error_log %dir%/http.log info;
         server { listen %listen%; server_name s; location / { } }",
    );
    longhaul.get("/none");
    longhaul.exchange("GET /\0 HTTP/1.1\r\n\r\n");
    let file = longhaul.wait_for_lines("http.log", 2);
    for line in file.lines() {
        let datagram = server.next();
        assert!(datagram.ends_with(&format!(" nginx: {line}")), "{line}\n{datagram}");
    }
    assert!(file.contains(" [error] ") && file.contains(" [info] "), "{file}");
}
