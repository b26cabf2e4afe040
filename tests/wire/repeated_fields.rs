//! Fields that stand more than once: how variables join them, what cookies are, and which requests are refused.

use super::support::{Longhaul, Peer, Setup, head};

/// The body of the answer to a request with these fields beside `Host`.
#[track_caller]
fn body(longhaul: &Longhaul, target: &str, fields: &str) -> String {
    let answer = longhaul.exchange(head(&format!("GET {target} HTTP/1.0\nHost: a\n{fields}")));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer)
}

#[test]
fn lines_of_one_name_are_one_value_of_a_variable() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; default_type text/plain;
             location /cookie { return 200 '$http_cookie|$cookie_one|$cookie_two|$cookie_three|$cookie_none'; }
             location /agents { return 200 '$http_user_agent|$http_referer'; }
             location / { return 200 '$http_x_forwarded_for|$http_via|$http_x_own|$content_type|$content_length'; } }",
    );
    for (target, fields, expected) in [
        ("/", "", "||||"),
        ("/", "X-Forwarded-For: 192.0.2.1\nX-Forwarded-For: 192.0.2.2", "192.0.2.1, 192.0.2.2||||"),
        ("/", "Via: 1.1 a\nX-Own: p\nVia: 1.1 b\nX-Own: q\nx-own: r", "|1.1 a, 1.1 b|p, q, r||"),
        ("/", "X-Own: p\nX-Own:\nX-Own: q", "||p, , q||"),
        ("/", "Content-Type: a/b\nContent-Type: c/d", "|||a/b, c/d|"),
        ("/", "Content-Length: 0", "||||0"),
        ("/agents", "User-Agent: a\nReferer: b\nUser-Agent: c\nReferer: d", "a, c|b, d"),
        ("/cookie", "Cookie: one=1\nCookie: two=2; three=3", "one=1; two=2; three=3|1|2|3|"),
        // A comma does not end a cookie.
        ("/cookie", "Cookie: one=1, three=0; two=2\nCookie: x", "one=1, three=0; two=2; x|1, three=0|2||"),
        ("/cookie", "Cookie: TWO=2;one =  1;one=3;three=3 ;x", "TWO=2;one =  1;one=3;three=3 ;x|1|2|3 |"),
    ] {
        assert_eq!(body(&longhaul, target, fields), expected, "{target} {fields}");
    }
}

#[test]
fn who_asks_and_for_whom() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; server_name first.example second.example; return 200 '$host|$http_host|$remote_user'; }",
    );
    for (request, expected) in [
        ("GET / HTTP/1.0", "first.example||"),
        ("GET / HTTP/1.0\nHost: OTHER.example:8080", "other.example|OTHER.example:8080|"),
        ("GET / HTTP/1.0\nHost: a\nAuthorization: Basic YW5uYTpzZWNyZXQ=", "a|a|anna"),
        ("GET / HTTP/1.0\nHost: a\nAuthorization: basic YW5uYTo=", "a|a|anna"),
        ("GET / HTTP/1.0\nHost: a\nAuthorization: Basic YW5uYQ==", "a|a|"),
        ("GET / HTTP/1.0\nHost: a\nAuthorization: Bearer YW5uYTpzZWNyZXQ=", "a|a|"),
    ] {
        let answer = longhaul.exchange(head(request));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{request}: {answer}");
    }
}

#[test]
fn added_lines_of_one_name_are_one_value_too() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location / {
             add_header Cache-Control no-store; add_header Link '</a>'; add_header Cache-Control private;
             add_header Link '</b>'; add_header Cache-Control max-age=9;
             add_header X-Seen $sent_http_cache_control|$sent_http_link|$sent_http_none; return 204; } }",
    );
    let answer = longhaul.get("/");
    let expected = "Cache-Control: no-store\r\nLink: </a>\r\nCache-Control: private\r\nLink: </b>\r\n\
                    Cache-Control: max-age=9\r\nX-Seen: no-store, private, max-age=9|</a>, </b>|\r\n\r\n";
    assert!(answer.ends_with(expected), "{answer}");
}

#[test]
fn lines_of_a_peer_are_one_value_and_its_cookies_known() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head(
            "HTTP/1.1 200 OK
             Set-Cookie: one=1; Path=/
             X-Own: p
             Set-Cookie: two=2
             X-Own: q
             Content-Length: 0",
        ));
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / { proxy_pass http://%peer%;
             add_header X-Seen $upstream_http_set_cookie|$upstream_http_x_own|$upstream_http_none;
             add_header X-Cookies $upstream_cookie_one|$upstream_cookie_two|$upstream_cookie_path; } }",
    );
    let answer = longhaul.get("/");
    assert!(answer.contains("\r\nX-Seen: one=1; Path=/, two=2|p, q|\r\n"), "{answer}");
    assert!(answer.contains("\r\nX-Cookies: 1|2|\r\n"), "{answer}");
}

#[test]
fn fields_that_stand_once_are_not_taken_twice() {
    let longhaul = Setup::new().start("server { listen %listen%; location / { return 204; } }");
    let status = |fields: String| {
        let answer = longhaul.exchange(head(&format!("GET / HTTP/1.1\n{fields}\nConnection: close")));
        String::from_utf8_lossy(&answer).chars().skip(9).take(3).collect::<String>()
    };
    for (name, value) in [
        ("Host", "a"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "x"),
        ("Authorization", "Basic YTpi"),
        ("If-Match", "\"a\""),
        ("If-None-Match", "\"a\""),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("If-Range", "\"a\""),
        ("Content-Range", "bytes 0-1/2"),
    ] {
        let host = if name == "Host" { "" } else { "Host: a\n" };
        assert_eq!(status(format!("{host}{name}: {value}\n{}: {value}", name.to_lowercase())), "400", "{name}");
    }
    for name in ["Accept", "Via", "Cookie", "User-Agent", "Referer", "X-Forwarded-For", "Content-Type", "Range"] {
        assert_eq!(status(format!("Host: a\n{name}: x\n{name}: x")), "204", "{name}");
    }
}
