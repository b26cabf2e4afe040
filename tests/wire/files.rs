//! Static files: enough for a page beside a WebSocket.

use super::support::{Setup, message};

#[test]
fn a_file_and_the_index_of_a_folder() {
    let longhaul = Setup::new()
        .file("html/index.html", "<h1>start</h1>")
        .file("html/sub/start.htm", "sub")
        .file("html/app.js", "let a;")
        .start(
            "server { listen %listen%; root %dir%/html;
                 location / { index index.html; }
                 location /sub/ { index none.html start.htm; } }",
        );
    let index = longhaul.get("/");
    assert!(index.starts_with("HTTP/1.1 200 OK\r\n"), "{index}");
    assert!(index.contains("\r\nContent-Type: text/html\r\nContent-Length: 14\r\n"), "{index}");
    assert!(index.contains("\r\nLast-Modified: *\r\n"), "{index}");
    assert!(index.ends_with("\r\n\r\n<h1>start</h1>"), "{index}");
    assert!(longhaul.get("/sub/").ends_with("\r\n\r\nsub"));
    let script = longhaul.get("/app.js");
    assert!(script.contains("javascript\r\n"), "{script}");
}

#[test]
fn what_is_not_there_and_what_must_not_be_read() {
    let longhaul = Setup::new()
        .file("html/a.txt", "a")
        .file("html/sub/b.txt", "b")
        .file("secret.txt", "secret")
        .start("server { listen %listen%; root %dir%/html; }");
    for (target, status) in [
        ("/none", "404 Not Found"),
        ("/a.txt/x", "404 Not Found"),
        ("/sub/", "403 Forbidden"),
        ("/", "403 Forbidden"),
        ("/../secret.txt", "400 Bad Request"),
        ("/%2e%2e/secret.txt", "400 Bad Request"),
    ] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "for {target}: {answer}");
    }
    let port = longhaul.setup().address("listen").port();
    let folder = longhaul.get("/sub");
    assert!(folder.starts_with("HTTP/1.1 301 "), "{folder}");
    assert!(folder.contains(&format!("\r\nLocation: http://localhost:{port}/sub/\r\n")), "{folder}");
}

#[test]
fn head_has_the_fields_and_post_is_not_allowed() {
    let longhaul = Setup::new().file("html/a.txt", "abc").start("server { listen %listen%; root %dir%/html; }");
    let answer = longhaul.exchange("HEAD /a.txt HTTP/1.0\r\nHost: a\r\n\r\n");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("\r\nContent-Length: 3\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let post = message("POST /a.txt HTTP/1.1\nHost: a\nConnection: close\nContent-Length: 2", b"xy");
    assert!(longhaul.exchange(post).starts_with(b"HTTP/1.1 405 Not Allowed\r\n"));
}

#[test]
fn a_large_file_is_byte_exact_and_an_empty_one_is_empty() {
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|n| ((n * 7) >> 3) as u8).collect();
    let longhaul = Setup::new()
        .file("html/large.bin", &bytes)
        .file("html/empty.bin", "")
        .start("server { listen %listen%; root %dir%/html; }");
    let mut client = longhaul.connect();
    client.send("GET /large.bin HTTP/1.0\r\nHost: a\r\n\r\n");
    client.read_head();
    assert!(client.read_to_end() == bytes, "the file was changed on the way");
    assert!(longhaul.get("/empty.bin").contains("\r\nContent-Length: 0\r\n"));
}
