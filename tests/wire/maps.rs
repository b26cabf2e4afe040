//! `map` in all its forms.

use super::support::{Peer, Setup, head};

#[test]
fn values_and_their_keys() {
    let longhaul = Setup::new().file("more.conf", "included yes;\n").start(
        r"
        map $arg_k $plain { default none; one 1; ONE-MORE 2; '' empty; include more.conf; }
        map $arg_k $host_like {
            hostnames; default none;
            exact.example e; *.example suffix; .both.test both; mail.* prefix;
            ~^CASE\.test$ sensitive; ~*^any\.(?<zone>[a-z]+)$ zone-$zone;
            \default escaped; \hostnames word; to-other $plain; server $server_name;
        }
        server { listen %listen%; server_name first; location / { return 200 '$plain,$host_like'; } }",
    );
    for (key, value) in [
        ("one", "1,none"),
        ("ONE", "1,none"),
        ("one-more", "2,none"),
        ("", "empty,none"),
        ("included", "yes,none"),
        ("exact.example", "none,e"),
        ("EXACT.EXAMPLE", "none,e"),
        ("exact.example.", "none,e"),
        ("a.b.example", "none,suffix"),
        ("A.B.Example.", "none,suffix"),
        ("example", "none,none"),
        ("both.test", "none,both"),
        ("www.both.test", "none,both"),
        ("mail.x.y", "none,prefix"),
        ("CASE.test", "none,sensitive"),
        ("case.test", "none,none"),
        ("ANY.org", "none,zone-org"),
        ("default", "none,escaped"),
        ("hostnames", "none,word"),
        ("to-other", "none,none"),
        ("server", "none,first"),
        ("unknown", "none,none"),
    ] {
        let answer = longhaul.get(&format!("/?k={key}"));
        assert!(answer.ends_with(&format!("\r\n\r\n{value}")), "for {key}: {answer}");
    }
}

#[test]
fn the_connection_map_of_websocket_write_ups() {
    const BODY: &str = "
        map $http_upgrade $connection_upgrade { default upgrade; '' close; }
        server { listen %listen%; location / {
            proxy_pass http://%peer%;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        } }";
    let peer = Peer::once("GET / HTTP/1.1\nHost: %peer%\nConnection: close", head("HTTP/1.1 204 No Content"));
    let longhaul = Setup::new().peer(&peer).start(BODY);
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    assert!(client.read_head().starts_with("HTTP/1.1 204 No Content\r\n"));
}

#[test]
fn values_are_texts_with_variables() {
    let longhaul = Setup::new().start(
        "map $arg_k $outer { before '<$inner'; after $inner>; both $inner-$arg_k-${inner}; default [$inner]; '' $arg_none; }
         map $arg_k $inner { default else; special own; both $host; }
         server { listen %listen%; return 200 '$outer'; }",
    );
    for (key, value) in [
        ("before", "<else"),
        ("after", "else>"),
        ("both", "localhost-both-localhost"),
        ("special", "[own]"),
        ("unknown", "[else]"),
        ("", ""),
    ] {
        let answer = longhaul.get(&format!("/?k={key}"));
        assert!(answer.ends_with(&format!("\r\n\r\n{value}")), "for {key}: {answer}");
    }
}

#[test]
fn a_value_holds_for_the_whole_request_unless_it_is_volatile() {
    let longhaul = Setup::new().start(
        "map $uri $kept { /a first; /b second; } map $uri $fresh { volatile; /a first; /b second; }
         server { listen %listen%;
             location /a { set $x $kept$fresh; error_page 404 /b; return 404; }
             location /b { return 200 $kept,$fresh; } }",
    );
    assert!(longhaul.get("/a").ends_with("\r\n\r\nfirst,second"));
    assert!(longhaul.get("/b").ends_with("\r\n\r\nsecond,second"));
}

#[test]
fn an_index_that_a_variable_names_is_asked_for_with_the_value_it_had() {
    let longhaul = Setup::new().file("html/v/b-1.html", "one").start(
        "map $uri $kept { default later; /k/ /k/in; } map $uri $fresh { volatile; default later; /f/ /f/in; }
         server { listen %listen%; root %dir%/html;
             location /k { index $kept; } location = /k/in { return 200 $kept; }
             location /f { index $fresh; } location = /f/in { return 200 $fresh; }
             location /v { index a-$arg_n.html b-$arg_n.html; } }",
    );
    for (target, body) in [("/k/", "/k/in"), ("/f/", "later"), ("/v/?n=1", "one")] {
        let answer = longhaul.get(target);
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{target}: {answer}");
    }
}
