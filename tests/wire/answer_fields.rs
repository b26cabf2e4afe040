//! Fields of a peer's answer on their way to the client: redirects, cookies, what is hidden, what is said twice.

use super::support::{Peer, Setup, head, message};

/// The client's view of an answer with these fields, which the peer gives to `GET /app/x`.
#[track_caller]
fn client_sees(location: &str, fields: &str) -> String {
    let answer = head(&format!("HTTP/1.1 302 Found\nContent-Length: 0\n{fields}"));
    let peer = Peer::start(move |connections| {
        let mut socket = connections.accept();
        socket.read_head();
        // What the peer calls itself is known once it listens.
        let text = String::from_utf8_lossy(&answer).replace("%peer%", &socket.local_address().to_string());
        socket.send(text);
    });
    let longhaul =
        Setup::new().peer(&peer).start(&format!("server {{ listen %listen%; server_name a.example; {location} }}"));
    let mut client = longhaul.connect();
    client.send(head("GET /app/x HTTP/1.1\nHost: a.example"));
    let seen = client.read_answer();
    peer.join();
    let own = longhaul.setup().address("listen").port().to_string();
    seen.replace(&own, "%own%")
        .split_once("Connection: keep-alive\r\n")
        .expect("a kept connection")
        .1
        .replace("\r\n", "\n")
}

#[test]
fn a_redirect_to_the_peer_becomes_one_to_the_location() {
    let seen = client_sees(
        "location /app/ { proxy_pass http://%peer%/inner/; }",
        "Location: http://%peer%/inner/y?z\nRefresh: 5; URL=http://%peer%/inner/r",
    );
    assert_eq!(seen, "Location: http://a.example:%own%/app/y?z\nRefresh: 5; URL=/app/r\n\n");
}

#[test]
fn without_a_uri_part_the_peer_s_root_is_ours() {
    let seen = client_sees("location /app/ { proxy_pass http://%peer%; }", "Location: http://%peer%/app/y");
    assert_eq!(seen, "Location: http://a.example:%own%/app/y\n\n");
}

#[test]
fn a_redirect_elsewhere_and_a_relative_one_pass_as_they_are() {
    let location = "location /app/ { proxy_pass http://%peer%/inner/; }";
    assert_eq!(client_sees(location, "Location: http://b.example/inner/y"), "Location: http://b.example/inner/y\n\n");
    assert_eq!(client_sees(location, "Location: /inner/y"), "Location: /inner/y\n\n");
}

#[test]
fn off_passes_a_redirect_as_it_is() {
    let seen = client_sees(
        "location /app/ { proxy_pass http://b.example/inner/; proxy_redirect off; }"
            .replace("b.example", "%peer%")
            .as_str(),
        "Location: http://b.example/inner/y",
    );
    assert_eq!(seen, "Location: http://b.example/inner/y\n\n");
}

#[test]
fn the_first_rule_that_fits_replaces_the_begin_or_all_of_a_match() {
    let location = |rules: &str| format!("location / {{ proxy_pass http://%peer%; {rules} absolute_redirect off; }}");
    let rules = "proxy_redirect http://b.example/ /first/; proxy_redirect ~*^http://B.EXAMPLE/(.*)$ /second/$1;";
    assert_eq!(client_sees(&location(rules), "Location: http://b.example/y"), "Location: /first/y\n\n");
    assert_eq!(client_sees(&location(rules), "Location: http://b.Example/y"), "Location: /second/y\n\n");
    let variables = "proxy_redirect http://$arg_none$host/ https://$host/$request_method/;";
    assert_eq!(
        client_sees(&location(variables), "Location: http://a.example/y"),
        "Location: https://a.example/GET/y\n\n"
    );
}

#[test]
fn cookies_change_domain_path_and_flags() {
    let location = "location / { proxy_pass http://%peer%;
        proxy_cookie_domain inner.example outer.example; proxy_cookie_path ~^/app/([^/]*) /$1;
        proxy_cookie_path / /all/;
        proxy_cookie_flags sid secure samesite=strict; proxy_cookie_flags ~^T httponly nosecure; }";
    let seen = client_sees(
        location,
        "Set-Cookie: sid=1; Domain=.Inner.example; Path=/app/b
         Set-Cookie: track=2; Secure; path=/q
         Set-Cookie: other=3; Domain=x.inner.example;Secure",
    );
    assert_eq!(
        seen,
        "Set-Cookie: sid=1; Domain=.outer.example; Path=/b; Secure; SameSite=Strict
Set-Cookie: track=2; path=/all/q; HttpOnly
Set-Cookie: other=3; Domain=x.inner.example;Secure\n\n"
    );
}

#[test]
fn flags_of_cookies_are_set_and_taken_away() {
    let flags = "proxy_cookie_flags none secure httponly samesite=none; proxy_cookie_flags lax secure samesite=lax;
        proxy_cookie_flags strict httponly samesite=strict; proxy_cookie_flags bare nosecure nohttponly nosamesite;
        proxy_cookie_flags $host secure; proxy_cookie_flags ~EE$ httponly;
        set $one secure; set $two nohttponly; set $three samesite=lax; proxy_cookie_flags given $one $two $three;
        set $nothing ''; set $off nosecure; proxy_cookie_flags taken $off $nothing;";
    let seen = client_sees(
        &format!("{flags} location / {{ proxy_pass http://%peer%; }}"),
        "Set-Cookie: none=a=b=; Domain=x.example
         Set-Cookie: NONE=1; HttpOnly;secure; SameSite=Lax; Path=/
         Set-Cookie: lax=1; HTTPONLY; samesite=Strict
         Set-Cookie: strict=1
         Set-Cookie: bare=1; Secure; Path=/; HttpOnly; SameSite=None
         Set-Cookie: other=1; samesite=None;SECURE
         Set-Cookie: a.example=1
         Set-Cookie: TREE=1; Max-Age=5
         Set-Cookie: given=1; HttpOnly
         Set-Cookie: taken=1; Secure",
    );
    let expected = "Set-Cookie: none=a=b=; Domain=x.example; Secure; HttpOnly; SameSite=None
Set-Cookie: NONE=1; Path=/; Secure; HttpOnly; SameSite=None
Set-Cookie: lax=1; HTTPONLY; Secure; SameSite=Lax
Set-Cookie: strict=1; HttpOnly; SameSite=Strict
Set-Cookie: bare=1; Path=/
Set-Cookie: other=1; samesite=None;SECURE
Set-Cookie: a.example=1; Secure
Set-Cookie: TREE=1; Max-Age=5; HttpOnly
Set-Cookie: given=1; Secure; SameSite=Lax
Set-Cookie: taken=1\n\n";
    assert_eq!(seen, expected);
    let off = "proxy_cookie_flags a secure; location / { proxy_pass http://%peer%; proxy_cookie_flags off; }";
    assert_eq!(client_sees(off, "Set-Cookie: a=1"), "Set-Cookie: a=1\n\n");
}

#[test]
fn fields_are_hidden_and_passed() {
    let seen = client_sees(
        "proxy_hide_header X-Secret; location / { proxy_pass http://%peer%; }",
        "X-Secret: 1\nx-secret: 2\nX-Pad: 3\nX-Accel-Expires: 4\nX-Open: 5",
    );
    assert_eq!(seen, "X-Open: 5\n\n");
    let seen = client_sees(
        "location / { proxy_pass http://%peer%; proxy_pass_header X-Accel-Expires; }",
        "X-Pad: 3\nX-Accel-Expires: 4",
    );
    assert_eq!(seen, "X-Accel-Expires: 4\n\n");
}

#[test]
fn a_peer_s_server_is_passed_in_place_of_ours() {
    let peer = Peer::once("GET / HTTP/1.1\nHost: %peer%", head("HTTP/1.1 204 No Content\nServer: inner/1"));
    let longhaul = Setup::new()
        .peer(&peer)
        .start("server { listen %listen%; location / { proxy_pass http://%peer%; proxy_pass_header Server; } }");
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    let answer = client.read_head();
    assert_eq!(answer.matches("Server: ").count(), 1, "{answer}");
    assert!(answer.contains("\r\nServer: inner/1\r\n"), "{answer}");
}

#[test]
fn a_field_that_stands_once_is_passed_once() {
    let seen = client_sees(
        "location / { proxy_pass http://%peer%; }",
        "Expires: first\nETag: \"1\"\nExpires: second\nLink: a\nLink: b",
    );
    assert_eq!(seen, "Expires: first\nETag: *\nLink: a\nLink: b\n\n");
}

#[test]
fn fields_behind_a_body_pass_to_a_client_that_reads_them() {
    for (lines, te, wanted) in [
        ("proxy_pass_trailers on;", "TE: trailers", "0\r\nX-Sum: 7\r\n\r\n"),
        ("proxy_pass_trailers on;", "X: y", "0\r\n\r\n"),
        ("", "TE: trailers", "0\r\n\r\n"),
    ] {
        let peer = Peer::start(|connections| {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked"));
            socket.send("3\r\nabc\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n");
        });
        let text = format!("server {{ listen %listen%; location / {{ proxy_pass http://%peer%; {lines} }} }}");
        let longhaul = Setup::new().peer(&peer).start(&text);
        let mut client = longhaul.connect();
        client.send(head(&format!("GET / HTTP/1.1\nHost: a\n{te}")));
        client.read_head();
        client.expect(format!("3\r\nabc\r\n{wanted}"));
    }
}

#[test]
fn a_peer_is_read_at_the_rate_that_it_names() {
    let peer = Peer::once("GET / HTTP/1.1\nHost: %peer%", {
        let mut answer = head("HTTP/1.1 200 OK\nContent-Length: 3000\nX-Rate: 2000");
        answer.extend([b'x'; 3000]);
        answer
    });
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / {
             proxy_pass http://%peer%; proxy_limit_rate $upstream_http_x_rate; } }",
    );
    let mut client = longhaul.connect();
    let began = std::time::Instant::now();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    client.read_head();
    client.read_exact(3000);
    // Another request waits until the pause behind the last bytes is over.
    client.send(head("GET / HTTP/1.1\nHost: a\nConnection: close"));
    client.read_head();
    assert!(began.elapsed().as_millis() >= 500, "{:?}", began.elapsed());
}

#[test]
fn a_peer_that_names_no_rate_is_read_at_once() {
    for rate in ["X-Rate: 0", "X-Other: 1"] {
        let peer = Peer::start(move |connections| {
            let mut socket = connections.accept();
            socket.read_head();
            socket.send(message(&format!("HTTP/1.1 200 OK\nContent-Length: 40000\n{rate}"), &[b'x'; 40_000]));
        });
        let longhaul = Setup::new().peer(&peer).start(
            "server { listen %listen%; proxy_buffer_size 4k;
                 location / { proxy_limit_rate $upstream_http_x_rate; proxy_pass http://%peer%; } }",
        );
        // At one byte a second this would outlast every deadline.
        let answer = longhaul.get("/");
        assert!(answer.split_once("\r\n\r\n").is_some_and(|(_, body)| body == "x".repeat(40_000)), "{rate}");
    }
}

#[test]
fn fields_are_added_behind_a_body_in_chunks() {
    let longhaul = Setup::new().file("html/f", "abc").start(
        "add_trailer X-Sum 7; add_trailer X-Sum 8; add_trailer X-All $sent_trailer_x_sum;
         server { listen %listen%; location / { root html; } location /r { return 404 none; } }",
    );
    let mut client = longhaul.connect();
    client.send(head("GET /f HTTP/1.1\nHost: a"));
    let answer = client.read_head();
    assert!(answer.contains("\r\nTransfer-Encoding: chunked\r\n") && !answer.contains("Content-Length"), "{answer}");
    client.expect("3\r\nabc\r\n0\r\nX-Sum: 7\r\nX-Sum: 8\r\nX-All: 7, 8\r\n\r\n");
    client.send(head("GET /r HTTP/1.1\nHost: a"));
    assert!(client.read_answer().contains("\r\nContent-Length: 4\r\n"));
    assert!(longhaul.get("/f").ends_with("\r\n\r\nabc"));
}

#[test]
fn fields_behind_a_body_are_variables() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked"));
        socket.send("3\r\nabc\r\n0\r\nX-Sum: 7\r\nX-Sum: 8\r\n\r\n");
    });
    let longhaul = Setup::new().peer(&peer).start(
        "log_format trailer '$upstream_trailer_x_sum $upstream_trailer_none'; access_log %dir%/trailer.log trailer;
         server { listen %listen%; location / {
             proxy_pass http://%peer%; add_trailer X-Sums $upstream_trailer_x_sum; } }",
    );
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    client.read_head();
    client.expect("3\r\nabc\r\n0\r\nX-Sums: 7, 8\r\n\r\n");
    assert_eq!(longhaul.wait_for_lines("trailer.log", 1), "7, 8 -\n");
}

#[test]
fn a_field_that_is_the_peer_s_is_not_made_up() {
    let peer = Peer::once("GET / HTTP/1.1\r\nHost: %peer%\r\n\r\n", head("HTTP/1.1 200 OK\nContent-Length: 0"));
    let longhaul = Setup::new().peer(&peer).start(
        "server { listen %listen%; location / { proxy_pass_header Server; proxy_pass_header Date; proxy_pass http://%peer%; } }",
    );
    assert_eq!(longhaul.get("/"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

#[test]
fn redirects_and_refreshes_by_every_rule_and_where_it_stands() {
    let longhaul = Setup::new().start(
        r#"server { listen %listen2%; keepalive_timeout 0; absolute_redirect off;
               add_header Refresh "7; url=$arg_to"; return 302 $arg_to; }
           server { listen %listen%; absolute_redirect off; proxy_redirect http://b.test/of-server/ /server/;
               location /inherits/ { proxy_pass http://%listen2%; }
               location /implied/ { proxy_pass http://%listen2%/inner/; proxy_redirect default; }
               location /among/ { proxy_pass http://%listen2%/inner/; proxy_redirect http://b.test/ /among/b/;
                   proxy_redirect default; proxy_redirect http://%listen2%/ /late/; }
               location /variables/ { set $there b.test; set $here x/y; proxy_pass http://%listen2%;
                   proxy_redirect http://c.test/ /$here/; proxy_redirect http://$there/ http://d.test/; }
               location /patterns/ { proxy_pass http://%listen2%;
                   proxy_redirect ~^(http://[^/]+)/old-([a-z]+) $1/$2/new; proxy_redirect ~*/LEGACY+$ /modern; }
               location /off/ { proxy_pass http://%listen2%; proxy_redirect off;
                   location /off/own/ { proxy_pass http://%listen2%; proxy_redirect http://b.test/ /own/;
                       location /off/own/deep/ { proxy_pass http://%listen2%; } } } }"#,
    );
    let own = longhaul.setup().address("listen2").to_string();
    for (target, to, becomes) in [
        ("/inherits/", "http://b.test/of-server/x", "/server/x"),
        ("/implied/", "http://%own%/inner/x?y", "/implied/x?y"),
        ("/implied/", "http://b.test/of-server/x", "http://b.test/of-server/x"),
        ("/implied/", "http://%own%/other/", "http://%own%/other/"),
        ("/among/", "http://b.test/x", "/among/b/x"),
        ("/among/", "http://%own%/inner/x", "/among/x"),
        ("/among/", "http://%own%/x", "/late/x"),
        ("/variables/", "http://b.test/x", "http://d.test/x"),
        ("/variables/", "http://c.test/x", "/x/y/x"),
        ("/patterns/", "http://b.test/old-shop/x", "http://b.test/shop/new"),
        ("/patterns/", "http://b.test/legacYYY", "/modern"),
        ("/patterns/", "http://b.test/OLD-shop", "http://b.test/OLD-shop"),
        ("/off/", "http://b.test/of-server/x", "http://b.test/of-server/x"),
        ("/off/", "http://%own%/off/x", "http://%own%/off/x"),
        ("/off/own/", "http://b.test/x", "/own/x"),
        ("/off/own/deep/", "http://b.test/x", "/own/x"),
    ] {
        let answer = longhaul.get(&format!("{target}?to={}", to.replace("%own%", &own)));
        let becomes = becomes.replace("%own%", &own);
        assert!(answer.contains(&format!("\r\nLocation: {becomes}\r\n")), "{target} {to}: {answer}");
        assert!(answer.contains(&format!("\r\nRefresh: 7; url={becomes}\r\n")), "{target} {to}: {answer}");
    }
}
