//! Access log lines and the form of the error log.

use super::support::{Peer, Setup, head, message};

#[test]
fn variables_of_a_line() {
    let longhaul = Setup::new().start(
        "log_format all '$uri|$status|$request_length|$body_bytes_sent|$remote_addr|$remote_user|$request|'
                        '$http_user_agent|$http_none|$host|$server_port|$pipe|$connection_requests';
         server { listen %listen%; server_name a; access_log %dir%/access.log all; location / { return 200 hello; } }",
    );
    longhaul.exchange("GET /x?y HTTP/1.0\r\nHost: b\r\nUser-Agent: q\"\\\u{e9}\r\n\r\n");
    let port = longhaul.setup().address("listen").port();
    let expected = format!("/x|200|49|5|127.0.0.1|-|GET /x?y HTTP/1.0|q\\x22\\x5C\\xC3\\xA9|-|b|{port}|.|1\n");
    assert_eq!(longhaul.wait_for_lines("access.log", 1), expected);
}

#[test]
fn times_and_counts_have_their_forms() {
    let longhaul = Setup::new().start(
        "log_format t '$time_iso8601 $time_local $msec $request_time $bytes_sent';
         server { listen %listen%; access_log %dir%/access.log t; location / { return 200 OK; } }",
    );
    let sent = longhaul.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n").len();
    let line = longhaul.wait_for_lines("access.log", 1);
    let form: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let form: Vec<&str> = form.split_ascii_whitespace().collect();
    let is_zone = |text: &str| matches!(text, "+0000" | "-0000");
    assert_eq!(form[0].replace('-', "+"), "0000+00+00T00:00:00+00:00");
    assert_eq!((&form[1][..3], &form[1][6..]), ("00/", "/0000:00:00:00"));
    assert!(is_zone(form[2]), "{line}");
    assert_eq!((form[3], form[4]), ("0000000000.000", "0.000"));
    assert!(line.ends_with(&format!(" {sent}\n")), "{line}");
}

#[test]
fn combined_is_the_default_format() {
    let longhaul =
        Setup::new().start("access_log %dir%/access.log; server { listen %listen%; location / { return 404; } }");
    longhaul.exchange("GET /missing HTTP/1.0\r\nHost: a\r\nReferer: r\r\nUser-Agent: u\r\n\r\n");
    let line = longhaul.wait_for_lines("access.log", 1);
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(line.contains("] \"GET /missing HTTP/1.0\" 404 "), "{line}");
    assert!(line.ends_with(" \"r\" \"u\"\n"), "{line}");
}

#[test]
fn pipelined_requests_are_marked() {
    let longhaul = Setup::new().start(
        "log_format p '$pipe'; access_log %dir%/access.log p;
         server { listen %listen%; location / { return 200 x; } }",
    );
    let two = [head("GET / HTTP/1.1\nHost: a"), head("GET / HTTP/1.1\nHost: a\nConnection: close")].concat();
    longhaul.exchange(two);
    assert_eq!(longhaul.wait_for_lines("access.log", 2), ".\np\n");
}

#[test]
fn what_the_peer_did_is_known() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 201 Created\nContent-Length: 4\nX-Kind: k", b"body"));
    });
    let setup = Setup::new().with("gone", Peer::refusing()).peer(&peer);
    let expected = setup.fill("%gone%, %peer%|502, 201|4|k|k|group|-\n");
    let longhaul = setup.start(
        "log_format u '$upstream_addr|$upstream_status|$upstream_response_length|$upstream_http_x_kind|'
                      '$sent_http_x_kind|$proxy_host|$upstream_cache_status';
         upstream group { server %gone%; server %peer%; }
         server { listen %listen%; access_log %dir%/access.log u; location / { proxy_pass http://group; } }",
    );
    longhaul.get("/");
    let line = longhaul.wait_for_lines("access.log", 1);
    assert_eq!(line.replacen("|0, 4|", "|4|", 1), expected);
}

#[test]
fn conditions_formats_and_off() {
    let longhaul = Setup::new().start(
        "map $uri $wanted { default 1; /quiet 0; }
         log_format json escape=json '{\"u\":\"$uri\",\"a\":\"$http_user_agent\"}';
         log_format raw escape=none '$http_user_agent';
         server { listen %listen%;
             access_log %dir%/some.log combined if=$wanted;
             location / { return 200 x; location /in/off { access_log off; return 200 x; } }
             location /off { access_log off; return 200 x; }
             location /json { access_log %dir%/json.log json; access_log %dir%/raw.log raw; return 200 x; } }",
    );
    for target in ["/loud", "/quiet", "/off", "/in/off"] {
        longhaul.get(target);
    }
    longhaul.exchange("GET /json HTTP/1.0\r\nHost: a\r\nUser-Agent: a\"b\\\r\n\r\n");
    assert_eq!(longhaul.wait_for_lines("json.log", 1), "{\"u\":\"/json\",\"a\":\"a\\\"b\\\\\"}\n");
    assert_eq!(longhaul.wait_for_lines("raw.log", 1), "a\"b\\\n");
    let some = longhaul.wait_for_lines("some.log", 1);
    assert!(some.contains("\"GET /loud ") && some.lines().count() == 1, "{some}");
}

#[test]
fn a_buffered_log_is_complete_after_the_end() {
    let longhaul = Setup::new().start(
        "log_format n '$arg_n'; access_log %dir%/access.log n buffer=64k;
         server { listen %listen%; location / { return 200 x; } }",
    );
    for n in 0..50 {
        longhaul.get(&format!("/?n={n}"));
    }
    let path = longhaul.dir().join("access.log");
    let kept = longhaul.dir().parent().expect("a parent").join(format!("longhaul-test-{}.log", longhaul.pid()));
    std::fs::hard_link(path, &kept).expect("a second name");
    longhaul.stop();
    let text = std::fs::read_to_string(&kept).expect("readable");
    std::fs::remove_file(&kept).expect("ours");
    assert_eq!(text.lines().count(), 50);
}

#[test]
fn an_error_line_in_nginx_s_form() {
    let longhaul = Setup::new()
        .with("peer", Peer::refusing())
        .start("server { listen %listen%; server_name s; location / { proxy_pass http://%peer%/in; } }");
    longhaul.get("/x?y");
    let line = longhaul.wait_for_log("[error]");
    let form: String = line.chars().take(20).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000/00/00 00:00:00 ", "{line}");
    let pid = format!(" [error] {}#", longhaul.pid());
    assert!(line.contains(&pid), "{line}");
    let tail = longhaul.setup().fill(
        "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: s, \
         request: \"GET /x?y HTTP/1.0\", upstream: \"http://%peer%/inx?y\", host: \"localhost\"",
    );
    assert!(line.ends_with(&tail), "{line}");
    assert!(line.contains(": *"), "no connection number in {line}");
}

#[test]
fn an_error_log_above_the_level_stays_silent() {
    let longhaul = Setup::new().with("peer", Peer::refusing()).file("x", "").start_file(
        "daemon off; worker_processes 1; %user% error_log %dir%/error.log crit; pid pid; events { }
         http { access_log off; server { listen %listen%; location / { proxy_pass http://%peer%; } } }",
    );
    assert!(longhaul.get("/").starts_with("HTTP/1.1 502 "));
    assert!(!longhaul.file("error.log").contains("[error]"));
}

#[test]
fn addresses_and_their_bytes_and_every_form_of_escaping() {
    let longhaul = Setup::new().start(
        "log_format addr '$remote_addr:$remote_port:$server_addr:$server_port'; log_format binary $binary_remote_addr;
         log_format d escape=default $uri$arg_b$arg_c; log_format n escape=none $uri$arg_b$arg_c;
         log_format j escape=json $uri$arg_b$arg_c;
         server { listen %listen%; return 200 x;
             access_log %dir%/addr addr; access_log %dir%/binary binary;
             access_log %dir%/default d; access_log %dir%/none n; access_log %dir%/json j; }",
    );
    let mut client = longhaul.connect();
    let (near, far) = (client.local_address(), longhaul.setup().address("listen"));
    client.send("GET /%5C%22%07a%C3%BC?c=2 HTTP/1.0\r\nHost: a\r\n\r\n");
    client.read_to_end();
    assert_eq!(longhaul.wait_for_lines("json", 1), "/\\\\\\\"\\u0007a\u{fc}2\n");
    assert_eq!(longhaul.file("addr"), format!("{}:{}:{}:{}\n", near.ip(), near.port(), far.ip(), far.port()));
    assert_eq!(longhaul.file("binary"), "\\x7F\\x00\\x00\\x01\n");
    assert_eq!(longhaul.file("default"), "/\\x5C\\x22\\x07a\\xC3\\xBC-2\n");
    assert_eq!(longhaul.file("none"), "/\\\"\u{7}a\u{fc}2\n");
}

#[test]
fn a_request_has_one_id_wherever_it_stands() {
    let longhaul = Setup::new().start(
        "log_format id $request_id; add_header X-Id $request_id;
         server { listen %listen%; access_log %dir%/access.log id; location / { return 200 $request_id; } }",
    );
    let ids = [(), ()].map(|()| {
        let answer = longhaul.get("/");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("X-Id: {body}")), "{answer}");
        assert!(body.len() == 32 && body.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{body}");
        body.to_owned()
    });
    assert_ne!(ids[0], ids[1]);
    assert_eq!(longhaul.wait_for_lines("access.log", 2), format!("{}\n{}\n", ids[0], ids[1]));
}

#[test]
fn the_port_of_a_request_and_figures_of_its_connection() {
    let longhaul = Setup::new().start(
        "server { listen %listen%; location / { return 200 '$request_port$is_request_port|$tcpinfo_rtt
             $tcpinfo_rttvar $tcpinfo_snd_cwnd $tcpinfo_rcv_space'; } }",
    );
    let ask = |host: &str| {
        let answer = longhaul.exchange(format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let body = answer.split("\r\n\r\n").nth(1).expect("a body").to_owned();
        let (port, figures) = body.split_once('|').expect("both parts");
        let figures: Vec<u32> = figures.split_whitespace().map(|figure| figure.parse().expect("a number")).collect();
        assert!(figures.len() == 4 && figures[2] > 0 && figures[3] > 0, "{body}");
        port.to_owned()
    };
    assert_eq!(ask("a.example:8080"), "8080:");
    assert_eq!(ask("a.example"), "");
}

#[test]
fn half_a_request_is_a_bad_one_and_a_gathered_body_has_a_length() {
    let peer = Peer::start(|connections| {
        let mut socket = connections.accept();
        socket.read_head();
        socket.send(message("HTTP/1.1 200 OK\nContent-Length: 0", b""));
    });
    let longhaul = Setup::new().peer(&peer).start(
        "log_format l '$status $content_length'; server { listen %listen%; access_log %dir%/access.log l;
             location / { proxy_pass http://%peer%; } }",
    );
    let chunked = "POST / HTTP/1.1\nHost: a\nConnection: close\nTransfer-Encoding: chunked";
    longhaul.exchange(message(chunked, b"3\r\nabc\r\n0\r\n\r\n"));
    let mut half = longhaul.connect();
    half.send("GET / HTTP/1.1\r\nHos");
    drop(half);
    assert_eq!(longhaul.wait_for_lines("access.log", 2), "200 3\n400 -\n");
}

#[test]
fn lines_of_refused_and_of_rewritten_answers() {
    let longhaul = Setup::new().start(
        "log_format l '[$uri]$status|$sent_http_cache_control|$arg_x|$arg_';
         server { listen %listen%; access_log %dir%/access.log l; keepalive_timeout 0;
             location / { return 200 x; }
             location /several { add_header Cache-Control max-age=9; add_header Cache-Control private; return 200 x; }
             location /replaced { expires epoch; proxy_pass http://%listen%/several; } }",
    );
    for target in ["/", "/../up", "/?x=1&=2", "/replaced"] {
        longhaul.get(target);
    }
    let lines = longhaul.wait_for_lines("access.log", 5);
    let expected = "[/]200|-|-|-\n[]400|-|-|-\n[/]200|-|1|-\n[/several]200|max-age=9, private|-|-\n\
                    [/replaced]200|no-cache|-|-\n";
    assert_eq!(lines, expected);
}
