//! `Host` and the authority of an absolute target: what is accepted, and what `$host` is then.

use super::support::{Longhaul, Setup};

const ECHO_HOST: &str = "server { listen %listen%; server_name localhost; location / { return 200 $host; } }";

const ALL_FUTURE: &str = "[v1F.abc-._~!$&'()*+,;=:]";

/// Hosts and their `$host`.
const GOOD: &[(&str, &str)] = &[
    ("x", "x"),
    ("X", "x"),
    ("ab-cd.e01.example", "ab-cd.e01.example"),
    ("ab-cd.e01.example:", "ab-cd.e01.example"),
    ("ab-cd.e01.example:8080", "ab-cd.e01.example"),
    ("ab-cd.e01.example.", "ab-cd.e01.example"),
    ("ab-cd.e01.example.:81", "ab-cd.e01.example"),
    ("MiXed.Example:1", "mixed.example"),
    ("10.20.30.40", "10.20.30.40"),
    ("10.20.30.40:", "10.20.30.40"),
    ("10.20.30.40:65535", "10.20.30.40"),
    ("[2001:db8::1]", "[2001:db8::1]"),
    ("[2001:DB8::1]:80", "[2001:db8::1]"),
    ("[::ffff:10.2.3.4]", "[::ffff:10.2.3.4]"),
    ("[::10.2.3.4]:4040", "[::10.2.3.4]"),
    (ALL_FUTURE, "[v1f.abc-._~!$&'()*+,;=:]"),
];

const BAD: &[&str] = &[
    "",
    ".",
    "a..b",
    "..a",
    "a.b..:",
    "a/b",
    "a\\b",
    "a.example.:1.2",
    "10.20.30.40:98765",
    "10.20.30.40:123456",
    "10.20.30.40:80:80",
    "[2001:db8::1",
    "[2001:db8::1].",
    "[2001:db8::1].:80",
    "[2001:db8::1]..:80",
    "[2001:db8::/1]",
    "[2001:db8::\\1]:80",
    "[ab..cd::1]",
    "x[2001:db8::1]",
];

#[track_caller]
fn check(longhaul: &Longhaul, what: &str, request: &str, host: Option<&str>) {
    let answer = longhaul.exchange(request);
    let answer = String::from_utf8_lossy(&answer);
    match host {
        Some(host) => assert!(answer.ends_with(&format!("\r\n\r\n{host}")), "{what}: {answer}"),
        None => assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{what}: {answer}"),
    }
}

#[test]
fn the_field() {
    let longhaul = Setup::new().start(ECHO_HOST);
    let cases = GOOD.iter().map(|(sent, host)| (sent, Some(*host))).chain(BAD.iter().map(|sent| (sent, None)));
    for (sent, host) in cases {
        check(&longhaul, &format!("Host: {sent}"), &format!("GET / HTTP/1.0\nHost: {sent}\n\n"), host);
    }
}

#[test]
fn the_absolute_target() {
    let longhaul = Setup::new().start(ECHO_HOST);
    let cases = GOOD.iter().map(|(sent, host)| (sent, Some(*host))).chain(BAD.iter().map(|sent| (sent, None)));
    for (sent, host) in cases.filter(|(sent, _)| !sent.contains('/')) {
        check(&longhaul, sent, &format!("GET http://{sent}/ HTTP/1.0\nHost: localhost\n\n"), host);
    }
}

#[test]
fn none_or_several() {
    let longhaul = Setup::new().start(ECHO_HOST);
    for (what, request, host) in [
        ("HTTP/1.1 needs one", "GET / HTTP/1.1\r\n\r\n", None),
        ("HTTP/1.0 does not", "GET / HTTP/1.0\r\n\r\n", Some("localhost")),
        ("another than the target's", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ("two", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", None),
        ("a control byte", "GET / HTTP/1.0\r\nHost: a\x02\r\n\r\n", None),
        ("an empty one", "GET / HTTP/1.1\r\nHost:\r\n\r\n", None),
    ] {
        check(&longhaul, what, request, host);
    }
}
