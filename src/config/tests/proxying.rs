//! `proxy_pass`, `upstream`, `map`, `log_format`, `return` and locations.

use std::time::Duration;

use super::*;
use crate::model::*;

fn pass(lines: &str) -> (ProxyPass, Vec<Arc<Upstream>>) {
    let text = format!("http {{ upstream Group {{ server 10.0.0.1; }} server {{ location /a/ {{ {lines} }} }} }}");
    let serving = generation(&text).serving;
    let mut servers = serving.listeners.into_iter().flat_map(|listener| listener.servers);
    let server = Arc::into_inner(servers.next().unwrap()).unwrap();
    let location = Arc::into_inner(server.root).unwrap().children.remove(0);
    match Arc::into_inner(location).unwrap().content {
        Content::Proxy(pass) => (pass, serving.upstreams),
        Content::Files | Content::StubStatus => panic!("no proxy_pass"),
    }
}

/// `$proxy_host`, `$proxy_port` and the URI.
fn parts(pass: &ProxyPass) -> (String, String, Option<String>) {
    let Destination::Group { host, port, .. } = &pass.destination else { panic!("{pass:?}") };
    let uri = pass.uri.as_ref().map(|uri| String::from_utf8(uri.as_text().unwrap().to_vec()).unwrap());
    (host.to_string(), port.to_string(), uri)
}

fn owned(host: &str, port: &str, uri: Option<&str>) -> (String, String, Option<String>) {
    (host.to_owned(), port.to_owned(), uri.map(str::to_owned))
}

#[test]
fn a_destination_is_a_group_a_host_or_a_socket() {
    assert_eq!(parts(&pass("proxy_pass http://group;").0), owned("group", "80", None));
    assert_eq!(parts(&pass("proxy_pass http://localhost:81/b/;").0), owned("localhost:81", "81", Some("/b/")));
    assert_eq!(parts(&pass("proxy_pass http://[::1]:80;").0), owned("[::1]", "80", None));
    assert_eq!(parts(&pass("proxy_pass http://unix:/s:/x;").0), owned("localhost", "", Some("/x")));
    let (_, groups) = pass("proxy_pass http://two.example:9;");
    assert_eq!((groups.len(), groups[1].peers.len(), groups[1].is_block), (2, 2, false));
    assert_eq!(groups[1].peers[1].address.to_string(), "10.0.0.2:9");
    assert_eq!(pass("proxy_pass http://group/;").0.replaces_bytes, 3);
}

#[test]
fn a_value_with_variables_is_kept_for_each_request() {
    for lines in ["proxy_pass http://$host:81$request_uri;", "proxy_pass http://group/$arg_x;", "proxy_pass $arg_to;"] {
        let (pass, _) = pass(lines);
        assert!(matches!(pass.destination, Destination::Evaluated(_)) && pass.uri.is_none(), "{lines}");
    }
}

#[test]
fn the_same_address_is_one_group() {
    let text = "http { server { location /a { proxy_pass http://localhost:81; }
                location /b { proxy_pass http://LOCALHOST:81/x; } location /c { proxy_pass http://localhost; } } }";
    assert_eq!(generation(text).serving.upstreams.len(), 2);
}

#[test]
fn destinations_are_checked() {
    for (lines, words) in [
        ("proxy_pass 127.0.0.1;", "invalid URL prefix"),
        ("proxy_pass http://;", "no host in upstream \"\""),
        ("proxy_pass http://localhost:PORT/;", "invalid port in upstream \"localhost:PORT/\""),
        ("proxy_pass http://nowhere.example;", "host not found in upstream \"nowhere.example\""),
        ("proxy_pass https://;", "no host in upstream \"\""),
        ("proxy_pass http://localhost; proxy_pass http://localhost;", "\"proxy_pass\" directive is duplicate"),
        ("proxy_http_version 3;", "invalid value \"3\""),
        ("proxy_set_header \"a b\" c;", "invalid field name \"a b\""),
        ("proxy_read_timeout soon;", "\"proxy_read_timeout\" directive invalid value"),
    ] {
        assert_eq!(location_fault(lines), words, "{lines}");
    }
    let uri_in = |location: &str| {
        fault(&format!("http {{ server {{ location {location} {{ proxy_pass http://localhost/; }} }} }}"))
    };
    for location in ["~ x", "@x"] {
        assert!(uri_in(location).starts_with("\"proxy_pass\" cannot have URI part in location given by regular"));
    }
    let text = "http { upstream u { server 10.0.0.1; } server { location / { proxy_pass http://u:81; } } }";
    assert_eq!(fault(text), "upstream \"u\" may not have port 81");
    let told =
        try_load("http { upstream chat { server 10.0.0.1; } server { location / { proxy_pass http://caht; } } }");
    assert!(told.unwrap_err()[0].detail.contains("did you mean the upstream `chat`?"));
}

#[test]
fn peers_have_their_parameters() {
    let text = "http { upstream u { server 10.0.0.1:81 weight=5 max_fails=0 fail_timeout=3s max_conns=7 down;
                server unix:/s backup; server two.example; zone z 64k; keepalive 4; keepalive_timeout 5s; } }";
    let group = Arc::clone(&generation(text).serving.upstreams[0]);
    let first = &group.peers[0];
    assert_eq!((first.weight, first.max_fails, first.max_conns, first.down), (5, 0, 7, true));
    assert_eq!(first.fail_timeout, Duration::from_secs(3));
    assert_eq!((group.peers.len(), &*group.peers[2].name), (3, "10.0.0.2:80"));
    assert_eq!(group.backups[0].address.to_string(), "unix:/s");
    assert_eq!((group.keepalive.connections, group.keepalive.timeout), (4, Duration::from_secs(5)));
    assert_eq!(group.keepalive.requests, 1000);
}

#[test]
fn groups_are_checked() {
    let in_group = |lines: &str| fault(&format!("http {{ upstream u {{ {lines} }} }}"));
    for (lines, words) in [
        ("", "no servers are inside upstream"),
        ("server 10.0.0.1 backup;", "no servers in upstream \"u\""),
        ("server a:b;", "invalid port in upstream \"a:b\""),
        ("server nowhere.example:1;", "host not found in upstream \"nowhere.example:1\""),
        ("server 10.0.0.1 weight=0;", "invalid parameter \"weight=0\""),
        ("server 10.0.0.1 slow_start=3s;", "the \"slow_start=3s\" parameter is not supported yet"),
        ("server 10.0.0.1; keepalive x;", "invalid value \"x\" in \"keepalive\" directive"),
        ("server 10.0.0.1; keepalive 1; keepalive 2;", "\"keepalive\" directive is duplicate"),
    ] {
        assert_eq!(in_group(lines), words, "{lines}");
    }
    assert_eq!(fault("http { upstream u { server a:1; } upstream U { server a:1; } }"), "duplicate upstream \"U\"");
}

#[test]
fn maps_keep_their_kinds_of_keys() {
    let text = "http { map $host$uri $x { hostnames; volatile; default d; Exact e; *.a.com s; .b.com both; c.* p;
                ~^(?<n>.+)$ $n; ~*X y; \\~tilde t; \\default own; include more; } server { return 200 $x$n; } }";
    let files = MemoryFiles::default().with("/etc/l/l.conf", text).with("/etc/l/more", "included i;");
    let map = load_with(&files, None).unwrap().generation.serving.maps.remove(0);
    assert!(map.hostnames && map.volatile);
    let exact: std::collections::BTreeSet<_> =
        map.exact.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
    assert_eq!(exact.into_iter().collect::<Vec<_>>(), ["b.com", "default", "exact", "included", "~tilde"]);
    assert!(map.suffixes.contains_key(&b"a.com"[..]) && map.suffixes.contains_key(&b"b.com"[..]));
    assert!(map.prefixes.contains_key(&b"c"[..]));
    assert_eq!(map.patterns.len(), 2);
    assert_eq!(&*map.patterns[0].1.parts, [Part::Variable(Variable::Slot(SlotId(0)))]);
}

#[test]
fn maps_are_checked() {
    for (text, words) in [
        ("map $host x { }", "invalid variable name \"x\""),
        ("map $host $x { a; }", "invalid number of the map parameters"),
        ("map $host $x { default 1; default 2; }", "duplicate default map parameter"),
        ("map $host $x { a 1; A 2; }", "conflicting parameter \"a\""),
        ("map $host $x { hostnames; a.*.b 1; }", "invalid hostname or wildcard \"a.*.b\""),
        ("map $host $host { a 1; }", "the duplicate \"host\" variable"),
        ("map $nothing $x { a 1; }", "unknown \"nothing\" variable"),
    ] {
        assert_eq!(fault(&format!("http {{ {text} }}")), words, "{text}");
    }
}

#[test]
fn locations_have_their_kinds() {
    let found = locations(
        "http { server { location = /a {} location ^~ /b { location /b/c {} } location ~* \\.X$ {} location @n {} location =/d {} } }",
    );
    assert!(matches!(&found[0].matching, Matching::Exact(path) if **path == *b"/a"));
    assert!(matches!(&found[1].matching, Matching::Prefix { wins_over_regex: true, .. }));
    assert!(matches!(&found[1].children[0].matching, Matching::Prefix { wins_over_regex: false, .. }));
    assert!(matches!(&found[2].matching, Matching::Regex(pattern) if pattern.regex.is_match("a.x").unwrap()));
    assert!(matches!(&found[3].matching, Matching::Named(name) if &**name == "n"));
    assert!(matches!(&found[4].matching, Matching::Exact(path) if **path == *b"/d"));
}

#[test]
fn locations_are_checked() {
    for (lines, words) in [
        ("location /a {} location ^~ /a {}", "duplicate location \"/a\""),
        ("location ~ a { location ~ b {} location /a {} }", "location \"/a\" is outside location \"a\""),
        ("location /a { location /b {} }", "location \"/b\" is outside location \"/a\""),
        ("location = /a { location /a {} }", "location \"/a\" cannot be inside the exact location \"/a\""),
        ("location @a { location /a {} }", "location \"/a\" cannot be inside the named location \"@a\""),
        ("location /a { location @b {} }", "named location \"@b\" can be on the server level only"),
        ("location ! /a {}", "invalid location modifier \"!\""),
        ("location /a { location /a/b {} location /a/b {} }", "duplicate location \"/a/b\""),
    ] {
        assert_eq!(fault(&format!("http {{ server {{ {lines} }} }}")), words, "{lines}");
    }
}

#[test]
fn line_breaks_in_fields_become_spaces() {
    let found = location("", "", "add_header Policy \"default\n   self;\n\"; proxy_set_header A \"b\\n\";");
    assert_eq!(found.added.headers[0].value, Template::text(b"default self;"));
    assert_eq!(found.proxy.set_headers[0].value, Template::text(b"b"));
}

#[test]
fn a_group_says_how_a_peer_is_chosen() {
    let balance = |lines: &str| {
        let text = format!("http {{ upstream u {{ {lines} server 127.0.0.1:1; }} }}");
        generation(&text).serving.upstreams[0].balance
    };
    assert_eq!(balance(""), Balance::RoundRobin);
    assert_eq!(balance("least_conn; zone u 64k;"), Balance::LeastConn);
    let in_stream = generation("stream { upstream u { zone u; least_conn; server 127.0.0.1:1; } }").serving;
    assert_eq!(in_stream.upstreams[0].balance, Balance::LeastConn);
    let group_fault = |line: &str| fault(&format!("http {{ upstream u {{ {line} server 127.0.0.1:1; }} }}"));
    assert_eq!(group_fault("zone u x;"), "invalid zone size \"x\"");
    assert_eq!(group_fault("zone u 1k;"), "zone \"u\" is too small");
    assert_eq!(
        warnings("http { upstream u { least_conn; least_conn; server 127.0.0.1:1; } }"),
        ["load balancing method redefined at 1"]
    );
}
