//! Access logs as files: buffers, compression, paths with variables, reopening.

use std::fs;
use std::io::Read;

use rustix::process::Signal;

use super::support::{ACCEPT, Longhaul, Peer, Setup, head, plain, upgrade, wait_for};

/// The lines of a file of gzip members.
fn decoded(longhaul: &Longhaul, name: &str) -> String {
    let bytes = fs::read(longhaul.dir().join(name)).unwrap_or_default();
    let mut text = String::new();
    if bytes.is_empty() {
        return text;
    }
    flate2::read::MultiGzDecoder::new(&*bytes).read_to_string(&mut text).expect("gzip");
    text
}

#[test]
fn flush_writes_what_waits_in_a_buffer() {
    let longhaul = Setup::new().start(
        "log_format n '$uri'; access_log %dir%/access.log n buffer=64k flush=100ms;
         server { listen %listen%; location / { return 200 x; } }",
    );
    longhaul.get("/a");
    assert_eq!(longhaul.wait_for_lines("access.log", 1), "/a\n");
    longhaul.get("/b");
    assert_eq!(longhaul.wait_for_lines("access.log", 2), "/a\n/b\n");
}

#[test]
fn a_buffer_without_flush_is_written_when_it_is_full() {
    let longhaul = Setup::new().start(
        "log_format n '$uri'; access_log %dir%/access.log n buffer=8;
         server { listen %listen%; location / { return 200 x; } }",
    );
    longhaul.get("/a");
    longhaul.get("/b");
    assert_eq!(longhaul.file("access.log"), "");
    longhaul.get("/longer");
    assert_eq!(longhaul.wait_for_lines("access.log", 2), "/a\n/b\n");
    longhaul.signal(Signal::USR1);
    assert_eq!(longhaul.wait_for_lines("access.log", 3), "/a\n/b\n/longer\n");
}

#[test]
fn gzip_compresses_each_write() {
    let longhaul = Setup::new().start(
        "log_format n '$uri'; server { listen %listen%;
             location / { access_log %dir%/a.gz n gzip flush=100ms; return 200 x; }
             location /full { access_log %dir%/b.gz n gzip=9 buffer=12; return 200 x; } }",
    );
    longhaul.get("/one");
    wait_for("the first member", || (decoded(&longhaul, "a.gz") == "/one\n").then_some(()));
    longhaul.get("/two");
    wait_for("the second member", || (decoded(&longhaul, "a.gz") == "/one\n/two\n").then_some(()));
    ["/full1", "/full2"].into_iter().for_each(|target| drop(longhaul.get(target)));
    wait_for("a full buffer", || (decoded(&longhaul, "b.gz") == "/full1\n").then_some(()));
}

#[test]
fn several_logs_of_a_location_have_their_own_conditions_and_share_a_buffer() {
    let longhaul = Setup::new().start(
        "log_format n '$uri'; log_format long 'long $uri'; server { listen %listen%; location / {
             access_log %dir%/one.log n buffer=16k if=$arg_a;
             access_log %dir%/one.log n buffer=16k if=$arg_b;
             access_log %dir%/two.log n; access_log %dir%/three.log long;
             access_log %dir%/never.log n if=; access_log %dir%/either.log n if=$arg_a$arg_b;
             return 200 x; } }",
    );
    for target in ["/1?a=0", "/2?a=1", "/3?b=0", "/4?b=1", "/5?a=1&b=yes", "/6", "/7?a=0&b=0", "/8?a=&b="] {
        longhaul.get(target);
    }
    assert_eq!(longhaul.wait_for_lines("three.log", 8).lines().next(), Some("long /1"));
    assert_eq!(longhaul.file("two.log").lines().count(), 8);
    longhaul.signal(Signal::USR1);
    assert_eq!(longhaul.wait_for_lines("one.log", 4), "/2\n/4\n/5\n/5\n");
    assert_eq!(longhaul.file("never.log"), "");
    // Two zeros beside each other are no zero.
    assert_eq!(longhaul.file("either.log"), "/2\n/4\n/5\n/7\n");
}

#[test]
fn a_path_may_have_variables() {
    let longhaul = Setup::new().allow_in_log("[crit]").start(
        "log_format n '$uri'; server { listen %listen%; root %dir%;
             location / { access_log %dir%/of_${arg_name}.log n; return 200 x; }
             location /relative { access_log of_$arg_name.log n; return 200 x; }
             location /nowhere { root %dir%/none; access_log %dir%/unseen_$arg_name.log n; return 200 x; } }",
    );
    for target in [
        "/1?name=a",
        "/2?name=b",
        "/3?name=a",
        "/4",
        "/0?name=0",
        "/5?name=none/x",
        "/relative?name=a",
        "/nowhere?name=a",
    ] {
        longhaul.get(target);
    }
    let root = longhaul.wait_for_log("testing ");
    let words =
        longhaul.setup().fill("testing \"%dir%/none\" existence failed (2: No such file or directory), client: ");
    assert!(root.contains("[error]") && root.contains(&words), "{root}");
    assert_eq!(longhaul.file("of_a.log"), "/1\n/3\n/relative\n");
    assert_eq!((longhaul.file("of_b.log"), longhaul.file("of_.log")), ("/2\n".to_owned(), "/4\n".to_owned()));
    assert_eq!(longhaul.file("of_0.log"), "/0\n");
    assert!(!longhaul.dir().join("unseen_a.log").exists());
    let open = longhaul.wait_for_log("of_none");
    let words = longhaul.setup().fill("open() \"%dir%/of_none/x.log\" failed (2: No such file or directory), client: ");
    assert!(open.contains("[crit]") && open.contains(&words), "{open}");
}

#[test]
fn a_cache_keeps_files_with_variables_open() {
    let longhaul = Setup::new().allow_in_log("[crit]").file("logs/here", "").start(
        "log_format n '$uri'; server { listen %listen%; root %dir%; location / {
             open_log_file_cache max=3 inactive=20s valid=1m min_uses=2;
             access_log %dir%/logs/$arg_n n; return 200 x; } }",
    );
    let get = |names: &[&str]| names.iter().for_each(|name| drop(longhaul.get(&format!("/?n={name}"))));
    get(&["old", "old", "once", "first", "first", "second", "second"]);
    assert_eq!(longhaul.wait_for_lines("logs/second", 2), "/\n/\n");
    let name = |name: &str| longhaul.dir().join(name);
    fs::rename(name("logs"), name("moved")).expect("renamed");
    get(&["old", "once", "first", "second"]);
    longhaul.wait_for_lines("moved/second", 3);
    let counts = ["old", "once", "first", "second"].map(|name| longhaul.file(&format!("moved/{name}")).lines().count());
    assert_eq!(counts, [2, 1, 3, 3]);
    // A reopening closes what was kept open.
    fs::create_dir(name("logs")).expect("a folder");
    longhaul.signal(Signal::USR1);
    longhaul.wait_for_log("reopening logs");
    wait_for("the new file", || {
        get(&["first"]);
        name("logs/first").exists().then_some(())
    });
    longhaul.terminate();
}

#[test]
fn a_reload_opens_the_logs_anew() {
    let body = "log_format n '$uri'; access_log %dir%/access.log n;
                server { listen %listen%; location / { return 200 x; } }";
    let longhaul = Setup::new().start(body);
    longhaul.get("/1");
    longhaul.wait_for_lines("access.log", 1);
    fs::rename(longhaul.dir().join("access.log"), longhaul.dir().join("access.1")).expect("rotated");
    longhaul.reload(body);
    longhaul.wait_for_log("exited with code 0");
    longhaul.get("/2");
    assert_eq!(longhaul.wait_for_lines("access.log", 1), "/2\n");
    assert_eq!(longhaul.file("access.1"), "/1\n");
}

#[test]
fn a_pipe_that_nobody_reads_stops_nothing() {
    let setup = Setup::new();
    let path = setup.dir().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
    let line = "x".repeat(4000);
    let longhaul = setup.with("line", line).allow_in_log("[crit]").start(
        "log_format n '%line%'; access_log %dir%/fifo n; server { listen %listen%; location / { return 200 x; } }",
    );
    // A pipe holds 64 KiB.
    (0..30).for_each(|_| assert!(longhaul.get("/").starts_with("HTTP/1.1 200 ")));
    let words = longhaul.setup().fill("write() to \"%dir%/fifo\" failed (11: Resource temporarily unavailable), ");
    assert!(longhaul.wait_for_log("fifo").contains(&words));
}

#[test]
fn the_lines_of_a_tunnel_have_values_of_both_ends() {
    let peer = Peer::start(|connections| {
        for _ in 0..2 {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(head(&format!(
                "HTTP/1.1 101 Switching Protocols
                 Upgrade: websocket
                 Connection: Upgrade
                 Sec-WebSocket-Accept: {ACCEPT}"
            )));
            socket.send(plain(1, b"123"));
            socket.expect_end();
        }
    });
    let longhaul = Setup::new().peer(&peer).start(
        "log_format j escape=json '{\"a\":\"$http_user_agent\",\"s\":$status,\"n\":\"$body_bytes_sent\",\"u\":\"$uri\"}';
         log_format t '$arg_n $http_user_agent $host';
         server { listen %listen%; root %dir%; location / { proxy_pass http://%peer%;
             access_log %dir%/json.log j; access_log %dir%/none.log t if=$arg_none; access_log %dir%/of_$arg_n.log t; } }",
    );
    let agent = "Mozilla/5.0 (\"X11\"; Linux x86_64)";
    for n in ["1", "2"] {
        let mut client = longhaul.connect();
        client.send(upgrade(&format!("/x?n={n}"), &format!("User-Agent: {agent}")));
        client.read_head();
        client.expect(plain(1, b"123"));
        client.half_close();
        client.expect_end();
    }
    let line = r#"{"a":"Mozilla/5.0 (\"X11\"; Linux x86_64)","s":101,"n":"5","u":"/x"}"#;
    assert_eq!(longhaul.wait_for_lines("json.log", 2), format!("{line}\n{line}\n"));
    for n in ["1", "2"] {
        let line = format!("{n} Mozilla/5.0 (\\x22X11\\x22; Linux x86_64) example.com\n");
        assert_eq!(longhaul.wait_for_lines(&format!("of_{n}.log"), 1), line);
    }
    assert_eq!(longhaul.file("none.log"), "");
}
