//! Targets and methods: normal form, what is refused.

use super::support::Setup;

#[test]
fn the_path_in_its_normal_form() {
    let longhaul =
        Setup::new().start("server { listen %listen%; location / { return 200 '$uri|$args|$request_uri'; } }");
    for (target, path, args) in [
        ("/a/b", "/a/b", ""),
        ("/a/./b", "/a/b", ""),
        ("/a/.", "/a/", ""),
        ("/a/.?q", "/a/", "q"),
        ("/a/.#f", "/a/", ""),
        ("/a/b/..", "/a/", ""),
        ("/a/b/..?q", "/a/", "q"),
        ("/a/b/..#f", "/a/", ""),
        ("/a/../b", "/b", ""),
        ("/a//b///c", "/a/b/c", ""),
        ("/a%2fb", "/a/b", ""),
        ("/%41%7e", "/A~", ""),
        ("/a%2e%2e/b", "/a../b", ""),
        ("/a/%2e%2e/b", "/b", ""),
        ("/a%3Fb?c", "/a?b", "c"),
        ("/%02", "/\x02", ""),
        ("/a?b?c", "/a", "b?c"),
        ("http://localhost", "/", ""),
        ("http://localhost/", "/", ""),
        ("http://localhost?q", "/", "q"),
        ("http://localhost?q#f", "/", "q"),
        ("http://localhost:8080", "/", ""),
        ("http://localhost:8080/", "/", ""),
        ("http://localhost:8080?q", "/", "q"),
        ("http://localhost:8080?q#f", "/", "q"),
    ] {
        let answer = longhaul.get(target);
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let mut parts = body.split('|');
        assert_eq!((parts.next(), parts.next()), (Some(path), Some(args)), "for {target}: {answer}");
    }
}

#[test]
fn refused_targets() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200; } }");
    for target in ["/%", "/%1", "/%zz", "/%00", "/../x", "/a/../../b", "/ /", "/\x02", "/\x7f", "x", "ftp:/x", ""] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "for {target:?}: {answer}");
    }
}

#[test]
fn methods() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200 $request_method; } }");
    for (line, status) in [
        ("GET / HTTP/1.1", "200 OK"),
        ("PROPFIND / HTTP/1.1", "200 OK"),
        ("M-SEARCH / HTTP/1.1", "200 OK"),
        ("TRACE / HTTP/1.1", "405 Not Allowed"),
        ("CONNECT localhost:8080 HTTP/1.1", "405 Not Allowed"),
        ("CONNECT / HTTP/1.1", "400 Bad Request"),
        ("CONNECT localhost HTTP/1.1", "400 Bad Request"),
        ("get / HTTP/1.1", "400 Bad Request"),
        ("G@T / HTTP/1.1", "400 Bad Request"),
        ("GET / HTTP/2.0", "505 HTTP Version Not Supported"),
        ("GET / HTTP/1.x", "400 Bad Request"),
        ("GET / HTTQ/1.1", "400 Bad Request"),
    ] {
        let answer = longhaul.exchange(format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "for {line}: {answer}");
    }
}

#[test]
fn http_0_9_gets_the_body_alone() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200 hello; } }");
    assert_eq!(longhaul.exchange("GET /\r\n"), b"hello");
}

#[test]
fn empty_lines_before_a_request_are_no_request() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 200 hello; } }");
    let answer = longhaul.exchange("\r\n\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}
