//! `access_log`, `error_log` and what goes with them.

use std::time::Duration;

use super::*;
use crate::model::{
    AccessFile, AccessFileId, AccessLogTarget, ErrorLog, ErrorLogTarget, Escape, LogCache, LogLevel, Part, PeerAddress,
    Serving, Syslog, SyslogId,
};

#[test]
fn logs_have_formats_and_buffers() {
    let text = "log_format a escape=json '$status' ' $uri'; access_log /l a buffer=4k flush=5s if=$arg_log;";
    let found = location(text, "", "");
    let log = &found.access_logs[0];
    assert_eq!((&*log.format.name, log.format.escape), ("a", Escape::Json));
    assert_eq!(log.format.line.parts.len(), 3);
    assert_eq!(log.target, AccessLogTarget::File(AccessFileId(1)));
    assert!(log.condition.is_some());
    for (lines, words) in [
        ("access_log /l nope;", "unknown log format \"nope\""),
        ("access_log /l combined buffer=x;", "invalid buffer size \"x\""),
        ("access_log /l combined flush=1s;", "no buffer is defined for access_log \"/l\""),
        ("access_log /l combined what=1;", "invalid parameter \"what=1\""),
    ] {
        assert_eq!(location_fault(lines), words, "{lines}");
    }
    assert_eq!(fault("http { log_format a x; log_format a y; }"), "duplicate \"log_format\" name \"a\"");
}

/// What an `http` block with one location comes to.
fn http(in_http: &str, in_location: &str) -> Serving {
    generation(&format!("http {{ {in_http} server {{ listen 1; location / {{ {in_location} }} }} }}")).serving
}

fn only_location(serving: &Serving) -> Arc<Location> {
    Arc::clone(&serving.listeners[0].servers[0].root.children[0])
}

#[test]
fn a_file_has_its_parameters_once() {
    let found =
        http("access_log /a combined buffer=4k flush=5s;", "access_log /a combined; access_log /b combined gzip;");
    let of = |path: &str, buffer_bytes, flush, gzip| AccessFile {
        path: path.into(),
        buffer_bytes,
        flush,
        gzip,
        is_named: true,
    };
    let files = [
        AccessFile { is_named: false, ..of("/etc/l/logs/access.log", 0, None, None) },
        of("/a", 4096, Some(Duration::from_secs(5)), None),
        of("/b", 64 << 10, None, Some(1)),
    ];
    assert_eq!(found.access_files, files);
    let targets: Vec<_> = only_location(&found).access_logs.iter().map(|log| log.target.clone()).collect();
    assert_eq!(targets, [AccessLogTarget::File(AccessFileId(1)), AccessLogTarget::File(AccessFileId(2))]);
    let later = http("access_log /a;", "access_log /a combined gzip=9 buffer=1m;");
    assert_eq!(later.access_files[1], of("/a", 1 << 20, None, Some(9)));
    for (lines, words) in [
        (
            "access_log /a combined gzip=4; access_log /a combined gzip=5;",
            "access_log \"/a\" already defined with conflicting parameters",
        ),
        (
            "access_log /a combined buffer=1k; access_log /a combined buffer=2k;",
            "access_log \"/a\" already defined with conflicting parameters",
        ),
        ("access_log /a combined gzip=10;", "invalid compression level \"10\""),
        ("access_log /a combined gzip=;", "invalid compression level \"\""),
        ("access_log /a combined buffer=0;", "invalid buffer size \"0\""),
        ("access_log /$uri combined buffer=4k;", "buffered logs cannot have variables in name"),
        ("access_log /$uri combined gzip;", "buffered logs cannot have variables in name"),
        ("access_log syslog:server=127.0.0.1 combined buffer=4k;", "logs to syslog cannot be buffered"),
        ("access_log off combined;", "invalid parameter \"combined\""),
        ("access_log memory:1m;", "logging to memory is not supported"),
    ] {
        assert_eq!(location_fault(lines), words, "{lines}");
    }
}

#[test]
fn off_wins_over_other_lines_of_its_level() {
    assert!(only_location(&http("", "access_log off; access_log /a;")).access_logs.is_empty());
    assert!(only_location(&http("", "access_log /a; access_log off;")).access_logs.is_empty());
}

#[test]
fn a_path_with_variables_is_absolute() {
    let found = http("", "access_log logs/$host.log; open_log_file_cache max=3 inactive=20s min_uses=2 valid=1m;");
    let location = only_location(&found);
    let AccessLogTarget::Path(path) = &location.access_logs[0].target else { panic!("no path") };
    assert!(matches!(&path.parts[0], Part::Text(text) if **text == *b"/etc/l/logs/"));
    let second = Duration::from_secs(1);
    let cache = LogCache { max: 3, inactive: 20 * second, min_uses: 2, valid: 60 * second };
    assert_eq!(location.log_cache.map(|id| &found.log_caches[usize::from(id.0)]), Some(&cache));
    let inherited = http("open_log_file_cache max=1;", "");
    assert_eq!(
        only_location(&inherited).log_cache.map(|id| inherited.log_caches[usize::from(id.0)].inactive),
        Some(10 * second)
    );
    assert_eq!(only_location(&http("open_log_file_cache max=1;", "open_log_file_cache off;")).log_cache, None);
    for (lines, words) in [
        ("open_log_file_cache inactive=20s;", "\"open_log_file_cache\" must have \"max\" parameter"),
        ("open_log_file_cache max=1 inactive=x;", "invalid \"open_log_file_cache\" parameter \"inactive=x\""),
        ("open_log_file_cache max=1 what=1;", "invalid \"open_log_file_cache\" parameter \"what=1\""),
        ("open_log_file_cache max=1; open_log_file_cache max=1;", "\"open_log_file_cache\" directive is duplicate"),
    ] {
        assert_eq!(location_fault(lines), words, "{lines}");
    }
}

#[test]
fn syslog_has_nginx_defaults_and_words() {
    let line = |parameters: &str| format!("access_log syslog:{parameters};");
    let of = |parameters: &str| {
        let found = http("", &line(parameters));
        assert_eq!(only_location(&found).access_logs[0].target, AccessLogTarget::Syslog(SyslogId(0)));
        found.syslogs[0].clone()
    };
    let ip = |text: &str| PeerAddress::Ip(text.parse().unwrap());
    let plain =
        Syslog { address: ip("127.0.0.1:514"), facility: 23, severity: 6, tag: "nginx".into(), has_hostname: true };
    assert_eq!(of("server=127.0.0.1"), plain);
    assert_eq!(of("server=two.example:1"), Syslog { address: ip("10.0.0.1:1"), ..plain.clone() });
    let unix = PeerAddress::Unix("/dev/log".into());
    let full = Syslog { address: unix, facility: 1, severity: 1, tag: "a_B9".into(), has_hostname: false };
    assert_eq!(of("severity=alert,nohostname,tag=a_B9,facility=user,server=unix:/dev/log"), full);
    let long = "x".repeat(33);
    for (parameters, words) in [
        ("", "unknown syslog parameter \"\""),
        ("tag=x", "no syslog server specified"),
        ("server=1.1.1.1,foo", "unknown syslog parameter \"foo\""),
        ("server=1.1.1.1,Severity=info", "unknown syslog parameter \"Severity=info\""),
        ("server=1.1.1.1,server=1.1.1.1", "duplicate syslog \"server\""),
        ("server=1.1.1.1,tag=a,tag=b", "duplicate syslog \"tag\""),
        ("server=1.1.1.1,tag=a-b", "syslog \"tag\" only allows alphanumeric characters and underscore"),
        (&format!("server=1.1.1.1,tag={long}"), "syslog tag length exceeds 32"),
        ("server=1.1.1.1,facility=USER", "unknown syslog facility \"USER\""),
        ("server=1.1.1.1,facility=user,facility=user", "duplicate syslog \"facility\""),
        ("server=1.1.1.1,severity=loud", "unknown syslog severity \"loud\""),
        ("server=1.1.1.1:99999", "invalid port in syslog server \"1.1.1.1:99999\""),
        ("server=unix:", "no path in the unix domain socket in syslog server \"unix:\""),
        ("server=nohost.invalid", "host not found in syslog server \"nohost.invalid\""),
    ] {
        assert_eq!(location_fault(&line(parameters)), words, "{parameters}");
    }
}

#[test]
fn error_logs_are_inherited_as_a_whole() {
    let text = "error_log /main warn; error_log /main; http { error_log /http info; error_log stderr; \
                server { listen 1; location /a {} location /b { error_log /b debug_http debug_core; } } \
                server { listen 2; error_log syslog:server=127.0.0.1 crit; error_log /http; } }";
    let Generation { process, serving, .. } = generation(text);
    let file = |path: &str, level| ErrorLog { target: ErrorLogTarget::File(path.into()), level };
    assert_eq!(process.error_logs, [file("/main", LogLevel::Warn), file("/main", LogLevel::Error)]);
    let logs = |location: &Location| serving.error_logs[usize::from(location.error_log.unwrap().0)].to_vec();
    let server = |at: usize| Arc::clone(&serving.listeners[at].servers[0].root);
    let stderr = ErrorLog { target: ErrorLogTarget::Stderr, level: LogLevel::Error };
    assert_eq!(logs(&server(0)), [file("/http", LogLevel::Info), stderr]);
    assert_eq!(logs(&server(0).children[0]), logs(&server(0)));
    assert_eq!(logs(&server(0).children[1]), [file("/b", LogLevel::Debug)]);
    let of_second = logs(&server(1));
    assert!(matches!(of_second[0].target, ErrorLogTarget::Syslog(_)) && of_second[0].level == LogLevel::Crit);
    assert_eq!(of_second[1], file("/http", LogLevel::Error));
    let quiet = generation("error_log /main; http { server { listen 1; } }").serving;
    assert!(quiet.error_logs.is_empty() && quiet.listeners[0].servers[0].root.error_log.is_none());
}

#[test]
fn levels_of_error_logs_are_checked() {
    for (words_of_line, words) in [
        ("/a loud", "invalid log level \"loud\""),
        ("/a info info", "duplicate log level \"info\""),
        ("/a debug info", "duplicate log level \"info\""),
        ("/a debug debug_http", "invalid log level \"debug_http\""),
        ("/a debug_nothing", "invalid log level \"debug_nothing\""),
        ("syslog:server=1.1.1.1,foo info", "unknown syslog parameter \"foo\""),
        ("memory:32m debug", "logging to memory is not supported: no debugger reads it from here"),
    ] {
        assert_eq!(fault(&format!("error_log {words_of_line}; http {{ }}")), words);
        assert_eq!(location_fault(&format!("error_log {words_of_line};")), words);
    }
    assert_eq!(
        fault("error_log syslog:server=nohost.invalid; events {}"),
        "host not found in syslog server \"nohost.invalid\""
    );
}
