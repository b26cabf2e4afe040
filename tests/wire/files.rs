//! Static files: found by `root` and `alias`, sent whole, in parts or not at all.

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

#[test]
fn an_alias_takes_the_place_of_what_matched() {
    let longhaul = Setup::new().file("other/a.txt", "a").file("other/sub/index.html", "sub").start(
        r#"server { listen %listen%;
           location /files/ { alias %dir%/other/; }
           location ~ ^/re/(.*)$ { alias %dir%/other/$1; }
           location = /one { alias %dir%/other/a.txt; }
           location /tried/ { alias %dir%/other/; try_files $uri =404; } }"#,
    );
    for (target, end) in
        [("/files/a.txt", "a"), ("/files/sub/", "sub"), ("/re/a.txt", "a"), ("/one", "a"), ("/tried/a.txt", "a")]
    {
        let answer = longhaul.get(target);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(end), "{target}: {answer}");
    }
    assert!(longhaul.get("/tried/b.txt").starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_client_that_has_the_file_or_wants_a_part_of_it() {
    let large: Vec<u8> = (0..500_000_u32).map(|n| (n % 251) as u8).collect();
    let longhaul = Setup::new()
        .file("html/a.txt", "0123456789")
        .file("html/large.bin", &large)
        .start("server { listen %listen%; root %dir%/html; location /whole/ { alias %dir%/html/; max_ranges 0; } }");
    let ask = |target: &str, fields: &str| {
        let answer = longhaul.exchange(format!("GET {target} HTTP/1.0\r\nHost: a\r\n{fields}\r\n"));
        String::from_utf8_lossy(&answer).into_owned()
    };
    let first = ask("/a.txt", "");
    assert!(first.contains("\r\nAccept-Ranges: bytes\r\n"), "{first}");
    let field =
        |name: &str| first.lines().find_map(|line| line.strip_prefix(name)).expect("the field").trim().to_owned();
    let (tag, date) = (field("ETag:"), field("Last-Modified:"));
    for fields in [format!("If-None-Match: {tag}\r\n"), format!("If-Modified-Since: {date}\r\n")] {
        let answer = ask("/a.txt", &fields);
        assert!(answer.starts_with("HTTP/1.1 304 ") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(!answer.contains("Content-Length") && answer.contains("ETag: "), "{answer}");
    }
    assert!(ask("/a.txt", "If-Match: \"x\"\r\n").starts_with("HTTP/1.1 412 "));
    let part = ask("/a.txt", "Range: bytes=2-4\r\n");
    assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\n234"), "{part}");
    assert!(part.contains("\r\nContent-Range: bytes 2-4/10\r\n") && part.contains("\r\nContent-Length: 3\r\n"));
    let beyond = ask("/a.txt", "Range: bytes=10-\r\n");
    assert!(beyond.starts_with("HTTP/1.1 416 ") && beyond.contains("\r\nContent-Range: bytes */10\r\n"), "{beyond}");
    assert!(ask("/whole/a.txt", "Range: bytes=2-4\r\n").starts_with("HTTP/1.1 200 "));
    let answer = longhaul.exchange("GET /large.bin HTTP/1.0\r\nHost: a\r\nRange: bytes=1000-400999\r\n\r\n");
    assert!(answer.ends_with(&large[1000..401_000]), "the part was changed on the way");
}

#[test]
fn several_ranges_are_parts_of_one_answer() {
    let large: Vec<u8> = (0..500_000_u32).map(|n| (n % 251) as u8).collect();
    let longhaul = Setup::new().file("html/a.txt", "0123456789").file("html/large.bin", &large).start(
        "server { listen %listen%; root %dir%/html; location /one/ { alias %dir%/html/; max_ranges 1; }
                  location /trailed/ { alias %dir%/html/; add_trailer X-End 1; } }",
    );
    let ask = |target: &str, fields: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n\r\n");
        let answer = longhaul.exchange(request);
        let at = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        (String::from_utf8_lossy(&answer[..at]).into_owned(), answer[at..].to_vec())
    };
    let boundary = |head: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix("Content-Type: multipart/byteranges; boundary="));
        line.expect("several parts").to_owned()
    };
    let (head, body) = ask("/a.txt", "Range: bytes=0-1, -2");
    let mark = boundary(&head);
    let part = |range: &str, bytes: &str| {
        format!("\r\n--{mark}\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}/10\r\n\r\n{bytes}")
    };
    let expected = format!("{}{}\r\n--{mark}--\r\n", part("0-1", "01"), part("8-9", "89"));
    assert!(head.starts_with("HTTP/1.1 206 Partial Content\r\n") && mark.len() == 20, "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", expected.len())), "{head}");
    assert!(!head.contains("\r\nContent-Range: "), "{head}");
    assert_eq!(String::from_utf8_lossy(&body), expected);
    let (head, body) = ask("/large.bin", "Range: bytes=10-200009,400000-");
    let mark = boundary(&head);
    assert!(body.windows(200_000).any(|window| *window == large[10..200_010]), "the first part");
    let end = [&large[400_000..], format!("\r\n--{mark}--\r\n").as_bytes()].concat();
    assert!(body.ends_with(&end), "the last part");
    assert!(ask("/one/a.txt", "Range: bytes=0-1, -2").0.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(ask("/a.txt", "Range: bytes=0-1, 0-").0.starts_with("HTTP/1.1 200 OK\r\n"), "more than the file");
    assert!(ask("/a.txt", "Range: bytes=0-1, x").0.starts_with("HTTP/1.1 416 "));
    let (head, body) = ask("/a.txt", "If-Range: \"other\"\r\nRange: bytes=0-1, -2");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body == b"0123456789", "{head}");
    let (head, body) = ask("/trailed/a.txt", "Range: bytes=0-1, -2");
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n") && body.ends_with(b"0\r\nX-End: 1\r\n\r\n"));
    let answer = longhaul.exchange("HEAD /a.txt HTTP/1.0\r\nHost: a\r\nRange: bytes=0-1, -2\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 206 ") && answer.ends_with(b"\r\n\r\n"));
}

#[test]
fn a_missing_file_is_told_unless_it_shall_not() {
    let longhaul = Setup::new().start("server { listen %listen%; root %dir%; location /quiet { log_not_found off; } }");
    longhaul.get("/quiet/x");
    longhaul.get("/loud");
    longhaul.wait_for_log("/loud\" failed (2: No such file or directory)");
    assert!(!longhaul.file("error.log").contains("/quiet/x\" failed"));
}

#[test]
fn a_folder_that_an_expression_names_has_an_index_or_is_forbidden() {
    let longhaul = Setup::new().file("html/one/index.html", "one").file("html/two/a.txt", "a").start(
        r"server { listen %listen%; location ~ ^/(\w+)/$ { alias %dir%/html/$1/; }
                   location ~ ^/(\w+)/index.html$ { alias %dir%/html/$1/index.html; } }",
    );
    assert!(longhaul.get("/one/").ends_with("\r\n\r\none"));
    assert!(longhaul.get("/two/").starts_with("HTTP/1.1 403 "));
    assert!(longhaul.get("/three/").starts_with("HTTP/1.1 404 "));
}
