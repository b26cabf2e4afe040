//! `proxy_set_header` with its inheritance, URI replacement, and variables on the way to the peer.

use super::support::{Peer, Setup, head};

/// Starts on the body, sends the request, and checks the head the peer sees.
#[track_caller]
fn peer_sees(body: &str, request: &str, seen: &'static str) {
    let peer = Peer::once(seen, head("HTTP/1.1 204 No Content"));
    let longhaul = Setup::new().peer(&peer).start(body);
    let mut client = longhaul.connect();
    client.send(head(request));
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    peer.join();
}

#[test]
fn set_headers_take_the_place_of_the_client_s() {
    peer_sees(
        "server { listen %listen%; location / {
             proxy_pass http://%peer%;
             proxy_set_header Host $host;
             proxy_set_header X-Real-IP $remote_addr;
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
             proxy_set_header Accept-Encoding '';
         } }",
        "GET / HTTP/1.1\nHost: Example.COM:8080\nAccept-Encoding: gzip\nX-Real-IP: 9.9.9.9\nX-Forwarded-For: 1.2.3.4",
        "GET / HTTP/1.1\nHost: example.com\nX-Real-IP: 127.0.0.1\nX-Forwarded-For: 1.2.3.4, 127.0.0.1",
    );
}

#[test]
fn http_host_keeps_the_port_and_the_spelling() {
    peer_sees(
        "server { listen %listen%; location / { proxy_pass http://%peer%; proxy_set_header Host $http_host; } }",
        "GET / HTTP/1.1\nHost: Example.COM:8080",
        "GET / HTTP/1.1\nHost: Example.COM:8080",
    );
}

#[test]
fn a_location_without_lines_of_its_own_inherits() {
    peer_sees(
        "proxy_set_header X-Level http;
         server { listen %listen%; location / { proxy_pass http://%peer%; } }",
        "GET / HTTP/1.1\nHost: a",
        "GET / HTTP/1.1\nHost: %peer%\nX-Level: http",
    );
}

#[test]
fn one_line_of_its_own_ends_the_inheritance() {
    peer_sees(
        "proxy_set_header X-Level http;
         server { listen %listen%; proxy_set_header X-Server 1;
             location / { proxy_pass http://%peer%; proxy_set_header X-Location 1; } }",
        "GET / HTTP/1.1\nHost: a",
        "GET / HTTP/1.1\nHost: %peer%\nX-Location: 1",
    );
}

#[test]
fn a_uri_takes_the_place_of_what_the_location_matched() {
    peer_sees(
        "server { listen %listen%; location /app/ { proxy_pass http://%peer%/inner/; } }",
        "GET /app/a%20b/../c?d=%20 HTTP/1.1\nHost: a",
        "GET /inner/c?d=%20 HTTP/1.1\nHost: %peer%",
    );
}

#[test]
fn a_slash_alone_is_a_uri() {
    peer_sees(
        "server { listen %listen%; location /ws/ { proxy_pass http://%peer%/; } }",
        "GET /ws/chat HTTP/1.1\nHost: a",
        "GET /chat HTTP/1.1\nHost: %peer%",
    );
}

#[test]
fn without_a_uri_the_target_goes_on_as_it_came() {
    peer_sees(
        "server { listen %listen%; location / { proxy_pass http://%peer%; } }",
        "GET //a/%7Eb/./c?x=%41 HTTP/1.1\nHost: a",
        "GET //a/%7Eb/./c?x=%41 HTTP/1.1\nHost: %peer%",
    );
}

#[test]
fn an_absolute_target_goes_on_as_a_path() {
    peer_sees(
        "server { listen %listen%; location / { proxy_pass http://%peer%; proxy_set_header Host $host; } }",
        "GET http://b.example/x?y HTTP/1.1\nHost: b.example",
        "GET /x?y HTTP/1.1\nHost: b.example",
    );
}

#[test]
fn variables_make_the_whole_target() {
    peer_sees(
        "server { listen %listen%; location ~ ^/v(?<version>[0-9])/(.*)$ {
             proxy_pass http://%peer%/$2/by/$version?$args; } }",
        "GET /v2/x/y?q=1 HTTP/1.1\nHost: a",
        "GET /x/y/by/2?q=1 HTTP/1.1\nHost: %peer%",
    );
}

#[test]
fn an_upstream_may_be_named_by_a_variable() {
    peer_sees(
        "upstream chat { server %peer%; }
         map $arg_to $group { default none; chat chat; }
         server { listen %listen%; location / { proxy_pass http://$group; } }",
        "GET /x?to=chat HTTP/1.1\nHost: a",
        "GET /x?to=chat HTTP/1.1\nHost: chat",
    );
}

#[test]
fn every_kind_of_variable_has_its_value() {
    peer_sees(
        "server { listen %listen%; server_name first.example second.example; location / {
             proxy_pass http://%peer%;
             proxy_set_header X-Request '$request_method $request_uri $server_protocol';
             proxy_set_header X-Uri $uri;
             proxy_set_header X-Args '$is_args|$args|$query_string|$arg_a';
             proxy_set_header X-Names '$host|$server_name|$scheme|$https';
             proxy_set_header X-Fields '$http_x_one|$content_type|$content_length|$cookie_id';
             proxy_set_header X-Peer $proxy_port;
             proxy_set_header X-Braces '${scheme}s';
             proxy_set_header X-One '';
             proxy_set_header Cookie '';
             proxy_set_header Content-Type '';
         } }",
        "GET /p%61th/?A=1&b=2 HTTP/1.1\nHost: SECOND.example\nX-One: 1\nCookie: x=y; id=7\nContent-Type: t/x",
        "GET /p%61th/?A=1&b=2 HTTP/1.1
         Host: %peer%
         X-Request: GET /p%61th/?A=1&b=2 HTTP/1.1
         X-Uri: /path/
         X-Args: ?|A=1&b=2|A=1&b=2|1
         X-Names: second.example|first.example|http|
         X-Fields: 1|t/x||7
         X-Peer: %port%
         X-Braces: https",
    );
}

#[test]
fn several_fields_of_one_name_all_go_on() {
    peer_sees(
        "server { listen %listen%; location / { proxy_pass http://%peer%; } }",
        "GET / HTTP/1.1\nHost: a\nCookie: a=1\nCookie: b=2\nX: 1\nX: 2",
        "GET / HTTP/1.1\nHost: %peer%\nCookie: a=1\nCookie: b=2\nX: 1\nX: 2",
    );
}

#[test]
fn the_peer_s_server_and_date_do_not_reach_the_client_twice() {
    let peer = Peer::once(
        "GET / HTTP/1.1\nHost: %peer%",
        head("HTTP/1.1 200 Fine\nServer: theirs\nDate: then\nSet-Cookie: a=1\nSet-Cookie: b=2\nContent-Length: 0"),
    );
    let longhaul =
        Setup::new().peer(&peer).start("server { listen %listen%; location / { proxy_pass http://%peer%; } }");
    let mut client = longhaul.connect();
    client.send(head("GET / HTTP/1.1\nHost: a"));
    let answer = client.read_head();
    assert!(answer.starts_with("HTTP/1.1 200 Fine\r\n"), "{answer}");
    assert!(!answer.contains("theirs") && !answer.contains("then"), "{answer}");
    assert!(answer.contains("\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"), "{answer}");
}
