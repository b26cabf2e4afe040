//! Which location a request is given to.

use super::support::{Longhaul, Setup};

/// The value of `X-Location` in the answer.
#[track_caller]
fn location_of(longhaul: &Longhaul, target: &str) -> String {
    let answer = longhaul.get(target);
    let line = answer.lines().find_map(|line| line.strip_prefix("X-Location: "));
    line.unwrap_or_else(|| panic!("no location for {target}: {answer}")).to_owned()
}

#[test]
fn exact_then_longest_prefix_then_first_expression() {
    let longhaul = Setup::new().start(
        "server { listen %listen%;
             location = / { add_header X-Location exact-root; return 204; }
             location / { add_header X-Location root; return 204; }
             location ^~ /static/ { add_header X-Location static; return 204; }
             location ~* \\.(png|svg)$ { add_header X-Location picture; return 204; }
             location ~ Camel { add_header X-Location camel; return 204; }
             location = /a { add_header X-Location '= a'; return 204; }
             location /a { add_header X-Location a; return 204; }
             location = /a/ { add_header X-Location '= a/'; return 204; }
             location /a/ { add_header X-Location a/; return 204; }
             location /lower { add_header X-Location lower; return 204; }
             location /UPPER { add_header X-Location UPPER; return 204; }
         }",
    );
    for (target, location) in [
        ("/", "exact-root"),
        ("/?x", "exact-root"),
        ("/b", "root"),
        ("/static/logo.png", "static"),
        ("/logo.png", "picture"),
        ("/logo.PNG", "picture"),
        ("/Camel/logo.png", "picture"),
        ("/Camel/", "camel"),
        ("/camel/", "root"),
        ("/a", "= a"),
        ("/ab", "a"),
        ("/a/", "= a/"),
        ("/a/b", "a/"),
        ("/a/../a", "= a"),
        ("/%61", "= a"),
        ("//a//b", "a/"),
        ("/lower", "lower"),
        ("/LOWER", "root"),
        ("/UPPER", "UPPER"),
        ("/upper", "root"),
    ] {
        assert_eq!(location_of(&longhaul, target), location, "for {target}");
    }
}

#[test]
fn nested_locations_are_searched_inside_the_one_found() {
    let longhaul = Setup::new().start(
        "server { listen %listen%;
             location / { add_header X-Location outer; return 204; }
             location /in/ { add_header X-Location in; return 204;
                 location /in/ner/ { add_header X-Location inner; return 204; }
                 location ~ \\.js$ { add_header X-Location script; return 204; }
             }
             location ~ \\.js$ { add_header X-Location outer-script; return 204; }
         }",
    );
    for (target, location) in
        [("/x", "outer"), ("/in/x", "in"), ("/in/ner/x", "inner"), ("/in/a.js", "script"), ("/a.js", "outer-script")]
    {
        assert_eq!(location_of(&longhaul, target), location, "for {target}");
    }
}

#[test]
fn a_proxied_location_with_a_slash_redirects_the_path_without() {
    let longhaul = Setup::new().start("server { listen %listen%; location /app/ { proxy_pass http://127.0.0.1:1; } }");
    let answer = longhaul.get("/app?x=1");
    assert!(answer.starts_with("HTTP/1.1 301 Moved Permanently\r\n"), "{answer}");
    let port = longhaul.setup().address("listen").port();
    assert!(answer.contains(&format!("\r\nLocation: http://localhost:{port}/app/?x=1\r\n")), "{answer}");
}

#[test]
fn captures_of_the_expression_are_variables() {
    let longhaul = Setup::new().start(
        "server { listen %listen%;
             location ~ ^/(?<user>[a-z]+)/([0-9]+)$ { return 200 '$user $2 $1'; }
         }",
    );
    let answer = longhaul.get("/ann/42");
    assert!(answer.ends_with("\r\n\r\nann 42 ann"), "{answer}");
}

#[test]
fn virtual_servers_are_found_by_exact_name_wildcard_and_expression() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; server_name plain; return 200 first; }
         server { listen %listen%; server_name exact.example; return 200 exact; }
         server { listen %listen%; server_name *.example; return 200 suffix; }
         server { listen %listen%; server_name .both.test; return 200 both; }
         server { listen %listen%; server_name mail.*; return 200 prefix; }
         server { listen %listen%; server_name ~^(?<user>[a-z]+)\\.users\\.test$; return 200 'user $user'; }
         server { listen %listen% default_server; server_name _; return 200 default; }
         server { listen %listen2%; server_name exact.example; return 200 'other listener'; }",
    );
    for (host, body) in [
        ("exact.example", "exact"),
        ("EXACT.example:99", "exact"),
        ("exact.example.", "exact"),
        ("a.b.example", "suffix"),
        ("both.test", "both"),
        ("x.both.test", "both"),
        ("mail.anything", "prefix"),
        ("ann.users.test", "user ann"),
        ("nobody", "default"),
        ("plain", "first"),
    ] {
        let answer = longhaul.exchange(format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "for {host}: {answer}");
    }
    let mut client = longhaul.connect_to("listen2");
    client.send("GET / HTTP/1.0\r\nHost: nobody\r\n\r\n");
    assert!(client.read_to_end().ends_with(b"other listener"));
}

#[test]
fn a_slash_is_added_whatever_begins_alike() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location /in/ { proxy_pass http://127.0.0.1:1/; }
             location /in-b { add_header X-Location in-b; return 204; }
             location /in.c { add_header X-Location in.c; return 204; }
             location /in-a { add_header X-Location in-a; return 204; }
             location /ina { add_header X-Location ina; return 204; } }",
    );
    for target in ["/in-a", "/in-b", "/in.c", "/ina"] {
        assert_eq!(location_of(&longhaul, target), target[1..]);
    }
    for (target, status) in [("/in", 301), ("/in/", 502), ("/in/x", 502), ("/in-", 404), ("/inb", 404), ("/i", 404)] {
        let answer = longhaul.get(target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    }
}
