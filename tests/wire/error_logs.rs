//! `error_log` of each level: which lines go where, and what they say.

use super::support::{Longhaul, Peer, Setup, wait_for};

/// Lines of a file that hold the text.
fn count(longhaul: &Longhaul, name: &str, part: &str) -> usize {
    longhaul.file(name).lines().filter(|line| line.contains(part)).count()
}

#[test]
fn a_location_s_lines_go_to_its_targets_by_level() {
    let longhaul = Setup::new().start(
        "limit_req_zone $server_name zone=z:1m rate=1r/m; limit_req zone=z;
         server { listen %listen%; server_name s;
             location /info { limit_req_log_level info;
                 error_log %dir%/info_debug debug; error_log %dir%/info_info info; error_log %dir%/info_notice notice; }
             location /notice { limit_req_log_level notice;
                 error_log %dir%/notice_info info; error_log %dir%/notice_notice notice; error_log %dir%/notice_warn warn; }
             location /warn { limit_req_log_level warn;
                 error_log %dir%/warn_notice notice; error_log %dir%/warn_warn warn; error_log %dir%/warn_error error; }
             location /error {
                 error_log %dir%/error_warn warn; error_log %dir%/error_error; error_log %dir%/error_alert alert; } }",
    );
    // The first is let through.
    longhaul.get("/");
    for (level, files) in [
        ("info", [("info_debug", 1), ("info_info", 1), ("info_notice", 0)]),
        ("notice", [("notice_info", 1), ("notice_notice", 1), ("notice_warn", 0)]),
        ("warn", [("warn_notice", 1), ("warn_warn", 1), ("warn_error", 0)]),
        ("error", [("error_warn", 1), ("error_error", 1), ("error_alert", 0)]),
    ] {
        longhaul.get(&format!("/{level}"));
        longhaul.wait_for_lines(files[0].0, 1);
        let part = format!(" [{level}] ");
        assert_eq!(files.map(|(name, _)| (name, count(&longhaul, name, &part))), files);
    }
    assert_eq!(count(&longhaul, "error.log", "limiting requests"), 0, "a line of a location is in the main log");
}

#[test]
fn standard_error_is_a_target_like_a_file() {
    let longhaul = Setup::new().start(
        "limit_req_zone $server_name zone=z:1m rate=1r/m; limit_req zone=z; server { listen %listen%; server_name s;
             location /info { limit_req_log_level info; error_log stderr info; }
             location /info-not { limit_req_log_level info; error_log stderr notice; error_log %dir%/none info; }
             location /notice { limit_req_log_level notice; error_log stderr notice; }
             location /warn { limit_req_log_level warn; error_log stderr warn; }
             location /warn-not { limit_req_log_level warn; error_log stderr; }
             location /error { error_log stderr; }
             location /low { error_log stderr warn; error_log stderr; }
             location /same { error_log stderr; error_log stderr; error_log %dir%/same; error_log %dir%/same; }
             location /high { error_log stderr emerg; error_log stderr; } }",
    );
    longhaul.get("/");
    let cases = [
        ("/info", "[info]", 1),
        ("/info-not", "", 0),
        ("/notice", "[notice]", 1),
        ("/warn", "[warn]", 1),
        ("/warn-not", "", 0),
        ("/error", "[error]", 1),
        ("/low", "[error]", 2),
        ("/same", "[error]", 2),
        ("/high", "[error]", 1),
    ];
    cases.iter().for_each(|(target, ..)| drop(longhaul.get(target)));
    // The lines of one thread come in the order of its requests.
    wait_for("the last line", || (count(&longhaul, "output", "GET /high ") > 0).then_some(()));
    for (target, level, expected) in cases {
        let output = longhaul.file("output");
        let lines: Vec<&str> = output.lines().filter(|line| line.contains(&format!("GET {target} "))).collect();
        assert!(lines.len() == expected && lines.iter().all(|line| line.contains(level)), "{target}: {lines:?}");
    }
    assert_eq!(count(&longhaul, "same", "[error]"), 2);
    assert_eq!(count(&longhaul, "none", "[info]"), 1);
}

#[test]
fn a_target_named_twice_gets_a_line_twice() {
    let longhaul = Setup::new().start(
        "limit_req_zone $server_name zone=z:1m rate=1r/m; limit_req zone=z; server { listen %listen%; server_name s;
             location /twice { error_log %dir%/twice warn; error_log %dir%/twice; error_log stderr; error_log stderr; }
             location /once { error_log %dir%/once emerg; error_log %dir%/once; error_log stderr emerg; } }",
    );
    ["/", "/twice", "/once"].into_iter().for_each(|target| drop(longhaul.get(target)));
    assert_eq!(longhaul.wait_for_lines("once", 1).lines().count(), 1);
    assert_eq!(longhaul.file("twice").lines().count(), 2);
    assert_eq!(count(&longhaul, "output", "GET /twice"), 2);
    assert_eq!(count(&longhaul, "output", "GET /once"), 0);
}

#[test]
fn the_nearest_level_with_lines_of_its_own_is_used() {
    let longhaul = Setup::new().with("peer", Peer::refusing()).listen("bare").start(
        "error_log %dir%/http.log;
         server { listen %listen%; error_log %dir%/server.log;
             location / { proxy_pass http://%peer%; }
             location /own { error_log %dir%/own.log; proxy_pass http://%peer%; location /own/in { proxy_pass http://%peer%; } } }
         server { listen %bare%; location / { proxy_pass http://%peer%; } }",
    );
    ["/of_server", "/own/1", "/own/in/2"].into_iter().for_each(|target| drop(longhaul.get(target)));
    let mut client = longhaul.connect_to("bare");
    client.send("GET /of_http HTTP/1.0\r\n\r\n");
    client.read_to_end();
    longhaul.wait_for_lines("http.log", 1);
    let requests = |name: &str| {
        let text = longhaul.file(name);
        text.lines()
            .filter_map(|line| Some(line.split_once("GET ")?.1.split_once(' ')?.0.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(requests("http.log"), ["/of_http"]);
    assert_eq!(requests("server.log"), ["/of_server"]);
    assert_eq!(requests("own.log"), ["/own/1", "/own/in/2"]);
    assert_eq!(requests("error.log"), [""; 0]);
    // The process's own, which may come after the first requests.
    longhaul.wait_for_log("start 1 shards");
    assert!(!longhaul.file("http.log").contains("start 1 shards"));
}

#[test]
fn before_the_location_is_known_the_server_s_log_is_used() {
    let longhaul = Setup::new().listen("proxied").start(
        "server { listen %listen%; server_name a; error_log %dir%/server.log info; location / { error_log %dir%/own.log; } }
         server { listen %proxied% proxy_protocol; error_log %dir%/proxied.log; }",
    );
    longhaul.exchange("GET /\0 HTTP/1.1\r\n\r\n");
    let line = longhaul.wait_for_lines("server.log", 1);
    assert!(line.contains(" [info] ") && line.contains(", client: 127.0.0.1, server: a"), "{line}");
    let mut client = longhaul.connect_to("proxied");
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.expect_gone();
    let line = longhaul.wait_for_lines("proxied.log", 1);
    let tail = longhaul.setup().fill(" while reading PROXY protocol, client: 127.0.0.1, server: %proxied%\n");
    assert!(line.contains("broken header: \"GET / HTTP/1.0") && line.ends_with(&tail), "{line}");
}

#[test]
fn the_referrer_is_last_and_nothing_ends_its_quotes() {
    let longhaul = Setup::new()
        .with("peer", Peer::refusing())
        .start("server { listen %listen%; server_name s; location / { proxy_pass http://%peer%; } }");
    longhaul.exchange("GET /it's HTTP/1.1\r\nHost: a\r\nReferer: http://b/\"x\\\u{e9}\r\nConnection: close\r\n\r\n");
    let line = longhaul.wait_for_log("[error]");
    let tail = longhaul.setup().fill(
        ", client: 127.0.0.1, server: s, request: \"GET /it's HTTP/1.1\", upstream: \"http://%peer%/it's\", \
         host: \"a\", referrer: \"http://b/\\x22x\\x5C\u{e9}\"",
    );
    assert!(line.ends_with(&tail), "{line}");
}

#[test]
fn logs_of_levels_are_opened_again() {
    use rustix::process::Signal;
    let longhaul = Setup::new()
        .with("peer", Peer::refusing())
        .start("server { listen %listen%; error_log %dir%/own.log; location / { proxy_pass http://%peer%; } }");
    longhaul.get("/1");
    longhaul.wait_for_lines("own.log", 1);
    std::fs::rename(longhaul.dir().join("own.log"), longhaul.dir().join("own.1")).expect("rotated");
    longhaul.signal(Signal::USR1);
    super::support::wait_for("the new file", || longhaul.dir().join("own.log").exists().then_some(()));
    longhaul.get("/2");
    assert!(longhaul.wait_for_lines("own.log", 1).contains("GET /2 "));
}

#[test]
fn a_level_may_say_more_than_the_main_log() {
    let longhaul = Setup::new().start_file(
        "daemon off; worker_processes 1; %user% pid pid; error_log error.log crit; events { }
         http { access_log off; limit_req_zone $server_name zone=z:1m rate=1r/m; limit_req zone=z;
             limit_req_log_level info; log_not_found off;
             server { listen %listen%; server_name s; location /more { error_log %dir%/own.log info; } location / { } } }",
    );
    ["/", "/", "/more"].into_iter().for_each(|target| drop(longhaul.get(target)));
    let lines = longhaul.wait_for_lines("own.log", 1);
    assert!(lines.contains(" [info] ") && lines.lines().count() == 1, "{lines}");
    assert_eq!(longhaul.file("error.log"), "");
}
