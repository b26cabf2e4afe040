//! `auth_request`: another service is asked first, and what it says decides.

use super::support::{ACCEPT, Peer, Setup, Socket, head, message, upgrade};

const ASKS: &str = "server { listen %listen%; auth_request /auth;
    location / { proxy_pass http://%peer%; }
    location = /auth { internal; proxy_pass http://%auth%; } }";

/// A service that gives these answers in turn, over one connection as long as that stays open.
fn service(answers: Vec<Vec<u8>>) -> Peer {
    Peer::start(move |connections| {
        let mut socket = connections.accept();
        for answer in answers {
            socket.read_head();
            socket.send(answer);
        }
        socket.expect_no_bytes();
    })
}

fn setup(auth: &Peer) -> Setup {
    // Nobody listens there: what is passed on without leave is a 502.
    Setup::new().with("auth", &auth.name).with("peer", Peer::refusing())
}

fn ask(client: &mut Socket, target: &str) -> String {
    client.send(head(&format!("GET {target} HTTP/1.1\nHost: a")));
    client.read_answer()
}

#[test]
fn the_service_gets_a_get_without_body_and_the_peer_the_request() {
    let auth = Peer::start(|connections| {
        let mut socket = connections.accept();
        for _ in 0..2 {
            socket.expect_head(
                "GET /auth HTTP/1.1
                 Host: %peer%
                 X-Uri: /a?b=c
                 X-Method: POST
                 Content-Type: text/plain
                 Cookie: id=7",
            );
            socket.send(message("HTTP/1.1 200 OK\nContent-Length: 5", b"fine!"));
        }
    });
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        for _ in 0..2 {
            socket.expect_head(
                "POST /a?b=c HTTP/1.1\nHost: %peer%\nContent-Length: 4\nContent-Type: text/plain\nCookie: id=7",
            );
            socket.expect("body");
            socket.send(message("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"));
        }
    });
    let longhaul = Setup::new().with("auth", &auth.name).peer(&peer).start(
        "server { listen %listen%; auth_request /auth;
             location / { proxy_pass http://%peer%; }
             location = /auth { internal; proxy_pass http://%auth%;
                 proxy_set_header X-Uri $request_uri; proxy_set_header X-Method $request_method; } }",
    );
    let mut client = longhaul.connect();
    for _ in 0..2 {
        client.send(message(
            "POST /a?b=c HTTP/1.1\nHost: a\nContent-Type: text/plain\nContent-Length: 4\nTE: trailers\nCookie: id=7",
            b"body",
        ));
        assert!(client.read_answer().ends_with("\r\n\r\nok"));
    }
}

#[test]
fn a_no_is_passed_on_and_everything_else_is_a_500() {
    let empty = |head_lines: &str| head(&format!("{head_lines}\nContent-Length: 0"));
    let auth = service(vec![
        empty(
            "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"x\"\nWWW-Authenticate: Bearer\nSet-Cookie: no=1",
        ),
        empty("HTTP/1.1 403 Forbidden\nWWW-Authenticate: Bearer"),
        empty("HTTP/1.1 302 Found\nLocation: /login"),
        empty("HTTP/1.1 404 Not Found"),
        empty("HTTP/1.1 503 Service Unavailable"),
    ]);
    let longhaul = setup(&auth).start(ASKS);
    let mut client = longhaul.connect();
    let answer = ask(&mut client, "/");
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    assert!(answer.contains("\r\nWWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Bearer\r\n"), "{answer}");
    assert!(!answer.contains("Set-Cookie"), "{answer}");
    let answer = ask(&mut client, "/");
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && !answer.contains("WWW-Authenticate"), "{answer}");
    for status in [302, 404, 503] {
        let answer = ask(&mut longhaul.connect(), "/");
        assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
        longhaul.wait_for_log(&format!("auth request unexpected status: {status} while sending to client, client: "));
    }
}

#[test]
fn a_service_that_cannot_be_reached_is_a_500() {
    let longhaul = Setup::new().with("peer", Peer::refusing()).with("auth", Peer::refusing()).start(ASKS);
    let answer = longhaul.get("/");
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    let line = longhaul.wait_for_log("connect() failed (111: Connection refused) while connecting to upstream");
    assert!(line.contains(", request: \"GET / HTTP/1.0\", subrequest: \"/auth\", upstream: \"http://"), "{line}");
}

#[test]
fn variables_take_values_of_the_answer() {
    let auth = service(vec![
        message("HTTP/1.1 204 No Content\nX-User: anna\nSet-Cookie: s=1", b""),
        message("HTTP/1.1 403 Forbidden\nX-User: bert\nContent-Length: 0", b""),
    ]);
    let peer = Peer::once("GET /x HTTP/1.1\nHost: %peer%\nX-User: anna", head("HTTP/1.1 200 OK\nContent-Length: 0"));
    let longhaul = Setup::new().with("auth", &auth.name).peer(&peer).start(
        "map $user $shouted { default none; anna ANNA; bert BERT; }
         server { listen %listen%; auth_request /auth; auth_request_set $user $upstream_http_x_user;
             auth_request_set $answered $upstream_status;
             add_header X-Seen \"$user $shouted $answered $upstream_status\" always;
             error_page 403 = @no;
             location / { proxy_pass http://%peer%; proxy_set_header X-User $user; }
             location @no { auth_request off; return 200 \"no, $user\"; }
             location = /auth { internal; proxy_pass http://%auth%; } }",
    );
    let mut client = longhaul.connect();
    let answer = ask(&mut client, "/x");
    assert!(answer.contains("\r\nX-Seen: anna ANNA 204 200\r\n"), "{answer}");
    let answer = ask(&mut client, "/x");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nno, bert"), "{answer}");
}

#[test]
fn a_handshake_is_asked_for_without_its_upgrade() {
    let auth = Peer::start(|connections| {
        let mut socket = connections.accept();
        for status in ["403 Forbidden", "204 No Content"] {
            let request = socket.read_head();
            assert!(request.starts_with("GET /auth HTTP/1.1\r\n"), "{request}");
            assert!(!request.contains("Upgrade") && !request.contains("upgrade"), "{request}");
            assert!(request.contains("\r\nX-Origin: /chat\r\n"), "{request}");
            socket.send(head(&format!("HTTP/1.1 {status}\nContent-Length: 0")));
        }
    });
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        assert!(socket.read_head().contains("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
        socket.send(head(&format!(
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: {ACCEPT}"
        )));
        socket.expect("early");
        socket.send("late");
    });
    let longhaul = Setup::new().with("auth", &auth.name).peer(&peer).start(
        "server { listen %listen%; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
             proxy_set_header X-Origin $request_uri; tunnel_frames off;
             location / { auth_request /auth; proxy_pass http://%peer%; }
             location = /auth { internal; proxy_pass http://%auth%; } }",
    );
    let mut refused = longhaul.connect();
    refused.send([upgrade("/chat", ""), head("GET /admin HTTP/1.1\nHost: a")].concat());
    let answer = refused.read_answer();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    refused.expect_gone();
    let mut client = longhaul.connect();
    client.send([upgrade("/chat", ""), b"early".to_vec()].concat());
    assert!(client.read_head().starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    client.expect("late");
}

#[test]
fn with_satisfy_any_one_yes_is_enough() {
    let no = || head("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer\nContent-Length: 0");
    let auth = service(vec![head("HTTP/1.1 204 No Content"), no()]);
    let longhaul = setup(&auth).file("open", "open").start(
        "server { listen %listen%; root .; satisfy any; auth_request /auth;
             location /open { deny all; }
             location /address/ { allow 127.0.0.0/8; deny all; alias ./; }
             location = /auth { internal; proxy_pass http://%auth%; } }",
    );
    // Let in by the service, although the address is not.
    assert!(longhaul.get("/open").ends_with("open"));
    // By neither.
    let answer = longhaul.get("/open");
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("\r\nWWW-Authenticate: Bearer\r\n"), "{answer}");
    // The address is enough: the service is not asked.
    assert!(longhaul.get("/address/open").ends_with("open"));
}

#[test]
fn a_location_of_its_own_may_give_leave() {
    let longhaul = Setup::new().file("open", "open").file("leave/yes", "").start(
        "server { listen %listen%; root .;
             location /given { auth_request /leave/yes; alias %dir%/open; }
             location /missing { auth_request /leave/no; }
             location /refused { auth_request /no; }
             location /unauthorized { auth_request /pass; }
             location /paged { auth_request /page; alias %dir%/open; }
             location /looped { auth_request /looped; alias %dir%/open; }
             location /no { return 403; }
             location /pass { auth_basic closed; auth_basic_user_file users; alias %dir%/open; }
             location /page { error_page 403 =204 @empty; return 403; }
             location @empty { return 204; } }",
    );
    assert!(longhaul.get("/given").ends_with("open"));
    // An error of a file is none of leave.
    assert!(longhaul.get("/missing").starts_with("HTTP/1.1 500 "));
    assert!(longhaul.get("/refused").starts_with("HTTP/1.1 403 "));
    // Rules of the asked location do not act, as in nginx: a file that is not there would be 403.
    assert!(longhaul.get("/unauthorized").starts_with("HTTP/1.1 404 "));
    assert!(longhaul.get("/paged").ends_with("open"));
    assert!(longhaul.get("/looped").ends_with("open"));
}

#[test]
fn a_long_answer_of_the_service_is_not_waited_for() {
    let auth = Peer::start(|connections| {
        let mut first = connections.accept();
        first.read_head();
        first.send(message("HTTP/1.1 403 Forbidden\nContent-Length: 1000000", b"begun"));
        first.expect_gone();
        let mut second = connections.accept();
        second.read_head();
        second.send(message("HTTP/1.1 403 Forbidden\nTransfer-Encoding: chunked", b"2\r\nno\r\n0\r\n\r\n"));
        second.read_head();
        second.send(head("HTTP/1.1 403 Forbidden\nContent-Length: 0"));
    });
    let longhaul = setup(&auth).start(ASKS);
    for _ in 0..3 {
        assert!(longhaul.get("/").starts_with("HTTP/1.1 403 "));
    }
}

#[test]
fn a_client_that_waits_for_100_and_gets_no_leave_is_not_asked_for_its_body() {
    let auth = service(vec![head("HTTP/1.1 403 Forbidden\nContent-Length: 0")]);
    let longhaul = setup(&auth).start(ASKS);
    let mut client = longhaul.connect();
    client.send(head("POST / HTTP/1.1\nHost: a\nContent-Length: 4\nExpect: 100-continue"));
    assert!(client.read_answer().starts_with("HTTP/1.1 403 Forbidden\r\n"));
}

#[test]
fn limits_of_the_asked_location_count_where_the_request_had_none() {
    let longhaul = Setup::new().file("open", "open").start(
        "limit_req_zone $binary_remote_addr zone=z:64k rate=1r/m;
         server { listen %listen%; root .; limit_req_status 403;
             location / { auth_request /leave; }
             location /leave { limit_req zone=z; alias %dir%/open; } }",
    );
    assert!(longhaul.get("/open").ends_with("open"));
    assert!(longhaul.get("/open").starts_with("HTTP/1.1 403 "));
}

#[test]
fn requests_made_inside_have_log_lines_on_demand() {
    let longhaul = Setup::new().start(
        "log_format u '$uri $status $request_uri'; access_log %dir%/access.log u;
         server { listen %listen%; location / { auth_request /auth; }
             location /logged { auth_request /logged/auth; }
             location = /auth { internal; return 403; }
             location = /logged/auth { internal; log_subrequest on; return 401; } }",
    );
    ["/x", "/logged/x"].into_iter().for_each(|target| drop(longhaul.get(target)));
    let lines = "/x 403 /x\n/logged/auth 401 /logged/x\n/logged/x 401 /logged/x\n";
    assert_eq!(longhaul.wait_for_lines("access.log", 3), lines);
}
