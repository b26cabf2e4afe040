//! nginx's rules for virtual servers and locations, each as a small configuration in model form.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{
    self, AddedFields, Alias, Client, ClientHead, Content, Destination, ErrorPages, ListenAddress, Listener, Location,
    Matching, NamedCapture, Pattern, ProxyPass, Scheme, ServerName, SlotId, Template, Tunnel, UpstreamId,
};

fn place(matching: Matching, content: Content, children: Vec<Arc<Location>>) -> Arc<Location> {
    Arc::new(Location {
        matching,
        children,
        steps: Vec::new(),
        if_blocks: Vec::new(),
        content,
        access: Arc::default(),
        limits: Arc::default(),
        real_ip: None,
        client: Client::default(),
        proxy: Arc::default(),
        tls_peer: None,
        tunnel: Arc::new(Tunnel::default()),
        access_logs: Arc::new([]),
        log_cache: None,
        error_log: None,
        added: AddedFields::default(),
        gzip: None,
        charset: Template::default(),
        charset_types: crate::model::MediaTypes::default(),
        ssi: None,
        subrequest_buffer_bytes: 0,
        limit_rate: Template::default(),
        limit_rate_after: Template::default(),
        error_pages: ErrorPages::default(),
        try_files: None,
        limit_except: None,
        root: Template::default(),
        alias: Alias::No,
        index: Arc::new([]),
        default_type: "".into(),
        types: None,
        internal: false,
        admits_all: true,
        rewrite_log: false,
        uninitialized_variable_warn: false,
        log_not_found: false,
        log_subrequest: false,
        resolver: None,
        resolver_timeout: std::time::Duration::ZERO,
    })
}

/// A location as in the file: `= /x`, `^~ /x`, `~ x`, `~* x`, `@x`, `/x`.
fn matching(text: &str) -> Matching {
    let pattern = |text: &str, ignores_case| {
        let regex = Pattern::compile(text, ignores_case).unwrap();
        let group = regex.capture_names().position(|name| name.is_some());
        let named = group.map(|group| NamedCapture { group, slot: SlotId(0) }).into_iter().collect();
        Matching::Regex(Pattern { text: text.into(), regex, named })
    };
    let prefix = |path: &str, wins_over_regex| Matching::Prefix { path: path.as_bytes().into(), wins_over_regex };
    match text.split_once(' ') {
        Some(("=", path)) => Matching::Exact(path.as_bytes().into()),
        Some(("^~", path)) => prefix(path, true),
        Some(("~", text)) => pattern(text, false),
        Some(("~*", text)) => pattern(text, true),
        _ => match text.strip_prefix('@') {
            Some(name) => Matching::Named(name.into()),
            None => prefix(text, false),
        },
    }
}

fn location(text: &str, children: Vec<Arc<Location>>) -> Arc<Location> {
    place(matching(text), Content::Files, children)
}

fn proxying(text: &str) -> Arc<Location> {
    let destination = Destination::Group { upstream: UpstreamId(0), host: "x".into(), port: "80".into() };
    let pass = ProxyPass { scheme: Scheme::Http, destination, uri: None, replaces_bytes: 0, redirect: None };
    place(matching(text), Content::Proxy(pass), Vec::new())
}

fn model_server(name: &str, names: Vec<ServerName>, locations: Vec<Arc<Location>>) -> Arc<model::Server> {
    Arc::new(model::Server {
        stream: None,
        names,
        name: name.into(),
        client_head: ClientHead::default(),
        tls: None,
        verify_client: crate::model::VerifyClient::Off,
        root: place(Matching::Server, Content::Files, locations),
    })
}

fn server(locations: Vec<Arc<Location>>) -> Server {
    Server::new(&model_server("localhost", Vec::new(), locations))
}

fn flat(texts: &[&str]) -> Server {
    server(texts.iter().map(|text| location(text, Vec::new())).collect())
}

/// The location as it was written.
fn text_of(location: &Location) -> String {
    let path = |path: &[u8]| String::from_utf8(path.to_vec()).unwrap();
    match &location.matching {
        Matching::Server => "server".to_owned(),
        Matching::Inner => "inner".to_owned(),
        Matching::Exact(exact) => format!("= {}", path(exact)),
        Matching::Prefix { path: prefix, wins_over_regex: true } => format!("^~ {}", path(prefix)),
        Matching::Prefix { path: prefix, wins_over_regex: false } => path(prefix),
        Matching::Regex(pattern) => format!("~ {}", pattern.text),
        Matching::Named(name) => format!("@{name}"),
    }
}

fn chosen(server: &Server, path: &str) -> String {
    let located = locate(server, path.as_bytes()).unwrap();
    format!("{}{}", text_of(located.location), if located.add_slash { " +slash" } else { "" })
}

fn listener(servers: Vec<Arc<model::Server>>, default_server: usize) -> Listener {
    Listener { servers, default_server, ..Listener::bare(ListenAddress::Ip("127.0.0.1:80".parse().unwrap())) }
}

#[test]
fn exact_then_longest_prefix_then_expressions_in_order() {
    let server = flat(&[
        "= /",
        "/",
        "^~ /images/",
        r"~* \.(gif|jpg|jpeg)$",
        "~ casefull",
        "= /foo",
        "/foo",
        "= /foo/",
        "/foo/",
        "/lowercase",
        "/UPPERCASE",
    ]);
    let regex = r"~ \.(gif|jpg|jpeg)$";
    for (path, expected) in [
        ("/", "= /"),
        ("/x", "/"),
        ("/images/t.gif", "^~ /images/"),
        ("/t.gif", regex),
        ("/t.GIF", regex),
        ("/casefull/t.gif", regex),
        ("/casefull/", "~ casefull"),
        ("/foo", "= /foo"),
        ("/foobar", "/foo"),
        ("/foo/", "= /foo/"),
        ("/foo/bar", "/foo/"),
        ("/CASEFULL/", "/"),
        ("/lowercase", "/lowercase"),
        ("/UPPERCASE", "/UPPERCASE"),
    ] {
        assert_eq!(chosen(&server, path), expected, "{path}");
    }
}

#[test]
fn what_nothing_matches_is_the_servers_own() {
    let server = flat(&["/a", "= /b", "~ c", "@named"]);
    assert_eq!(chosen(&server, "/x"), "server");
    assert_eq!(chosen(&server, "/bb"), "server");
}

#[test]
fn nested_locations_come_before_the_expressions_of_their_level() {
    let server = server(vec![
        location(
            "/a/",
            vec![
                location("/a/b/", vec![location("~ deep$", vec![])]),
                location("= /a/exact.php", vec![]),
                location(r"~ inner\.php$", vec![]),
            ],
        ),
        location("^~ /quiet/", vec![location("~ loud$", vec![])]),
        location(r"~ \.php$", vec![location("/a/special", vec![])]),
    ]);
    assert_eq!(chosen(&server, "/a/x"), "/a/");
    assert_eq!(chosen(&server, "/a/exact.php"), "= /a/exact.php");
    assert_eq!(chosen(&server, "/a/inner.php"), r"~ inner\.php$");
    assert_eq!(chosen(&server, "/a/b/deep"), "~ deep$");
    assert_eq!(chosen(&server, "/a/b/inner.php"), r"~ inner\.php$");
    assert_eq!(chosen(&server, "/a/b/x.php"), r"~ \.php$");
    assert_eq!(chosen(&server, "/a/special.php"), "/a/special");
    assert_eq!(chosen(&server, "/quiet/x.php"), "^~ /quiet/");
    assert_eq!(chosen(&server, "/quiet/loud"), "~ loud$");
}

#[test]
fn proxied_prefixes_redirect_the_path_without_its_slash() {
    let server = server(vec![
        location("/", vec![]),
        proxying("/app/"),
        proxying("= /one/"),
        proxying("/none"),
        location("/files/", vec![]),
        proxying("/both/"),
        location("= /both", vec![]),
        location("/app!", vec![]),
        location("~ app$", vec![]),
    ]);
    assert_eq!(chosen(&server, "/app"), "/app/ +slash");
    assert_eq!(chosen(&server, "/app/"), "/app/");
    assert_eq!(chosen(&server, "/one"), "= /one/ +slash");
    assert_eq!(chosen(&server, "/one/x"), "/");
    assert_eq!(chosen(&server, "/files"), "/");
    assert_eq!(chosen(&server, "/both"), "= /both");
    assert_eq!(chosen(&server, "/app!x"), "/app!");
}

#[test]
fn redirect_in_an_expression_is_not_made() {
    let server = server(vec![location("~ ^/app", vec![proxying("/app/")])]);
    assert_eq!(chosen(&server, "/app"), "/app/");
}

#[test]
fn captures_are_of_the_last_expression_and_names_of_all() {
    let inner = location("~ /(x)(y)?$", vec![]);
    let server = server(vec![location("~ ^/(?<user>[a-z]+)/", vec![inner]), location("/p", vec![])]);
    let located = locate(&server, b"/ann/x").unwrap();
    let captures = located.captures.unwrap();
    assert_eq!(captures.group(1), Some(&b"x"[..]));
    assert_eq!(captures.group(2), Some(&b""[..]));
    assert_eq!(captures.named().collect::<Vec<_>>(), [(SlotId(0), &b"ann"[..])]);
    assert!(locate(&server, b"/p").unwrap().captures.is_none());
    let plain = flat(&["~ ^/x"]);
    assert_eq!(locate(&plain, b"/x").unwrap().captures.unwrap().group(1), None);
}

#[test]
fn an_expression_that_gives_up_fails_the_request() {
    let server = flat(&["/", r"~ ^/(a|a)*(?=b)\1$"]);
    let path = [&b"/"[..], &b"a".repeat(40), b"!"].concat();
    assert!(locate(&server, &path).is_err());
}

#[test]
fn named_locations_are_found_by_name_only() {
    let server = flat(&["/", "@fallback"]);
    assert_eq!(text_of(named(&server, "fallback").unwrap()), "@fallback");
    assert!(named(&server, "other").is_none());
    assert_eq!(chosen(&server, "@fallback"), "server");
}

fn server_name(text: &str) -> ServerName {
    if let Some(text) = text.strip_prefix('~') {
        let regex = Pattern::compile(text, true).unwrap();
        return ServerName::Regex(Pattern { text: text.into(), regex, named: Box::default() });
    }
    if let Some(rest) = text.strip_prefix("*.") {
        return ServerName::Suffix(rest.into());
    }
    if let Some(rest) = text.strip_suffix(".*") {
        return ServerName::Prefix(rest.into());
    }
    match text.strip_prefix('.') {
        Some(rest) => ServerName::SuffixOrSelf(rest.into()),
        None => ServerName::Exact(text.into()),
    }
}

fn router(servers: &[&[&str]], default: usize) -> Router {
    let build = |(number, names): (usize, &&[&str])| {
        model_server(&number.to_string(), names.iter().map(|name| server_name(name)).collect(), Vec::new())
    };
    Router::new(&listener(servers.iter().enumerate().map(build).collect(), default))
}

fn number_of(router: &Router, host: &str) -> String {
    router.server(Some(host.as_bytes())).unwrap().server.name.to_string()
}

#[test]
fn names_by_nginx_precedence() {
    let router = router(
        &[
            &["_"],
            &["~^(.+)\\.example\\.com$"],
            &["*.com", "www.*"],
            &["*.b.example.com"],
            &["a.b.example.com"],
            &[".dot.org"],
            &["www.dot.*"],
            &["~^www"],
        ],
        0,
    );
    for (host, expected) in [
        ("a.b.example.com", "4"),
        ("c.b.example.com", "3"),
        ("b.example.com", "2"),
        ("com", "0"),
        ("dot.org", "5"),
        ("a.dot.org", "5"),
        ("xdot.org", "0"),
        ("www.dot.net", "6"),
        ("www.net", "2"),
        ("www", "7"),
        ("", "0"),
    ] {
        assert_eq!(number_of(&router, host), expected, "{host}");
    }
    assert_eq!(&*router.server(None).unwrap().server.name, "0");
}

#[test]
fn expressions_of_names_come_in_order_with_captures() {
    let router = router(&[&["a"], &["b", "~^(.+)\\.example$"], &["~example"]], 2);
    let found = router.server(Some(b"Joe.example")).unwrap();
    assert_eq!(&*found.server.name, "1");
    assert_eq!(found.captures.unwrap().group(1), Some(&b"Joe"[..]));
    assert_eq!(&*router.default_server().name, "2");
    assert_eq!(number_of(&router, "unknown"), "2");
}

#[test]
fn the_empty_name_takes_requests_without_a_host() {
    let router = router(&[&["a"], &["b", ""], &[]], 0);
    assert_eq!(&*router.server(None).unwrap().server.name, "1");
}

#[test]
fn the_first_server_with_a_name_keeps_it() {
    let router = router(&[&["a", "*.x"], &["a", ".x"]], 1);
    assert_eq!(number_of(&router, "a"), "0");
    assert_eq!(number_of(&router, "y.x"), "0");
    assert_eq!(number_of(&router, "x"), "1");
}

#[test]
fn a_server_of_two_listeners_is_indexed_once() {
    let server = model_server("s", Vec::new(), Vec::new());
    let listeners = vec![listener(vec![Arc::clone(&server)], 0), listener(vec![server], 0)];
    let routers = build(&model::Serving { listeners, ..model::Serving::default() });
    assert!(Arc::ptr_eq(routers[0].default_server(), routers[1].default_server()));
}

/// The rules again, without any index.
fn slow(texts: &[String], path: &str) -> String {
    let of_kind = |kind: &str| texts.iter().filter_map(|text| text.strip_prefix(kind)).collect::<Vec<_>>();
    if of_kind("= ").contains(&path) {
        return format!("= {path}");
    }
    let prefixes = texts.iter().filter(|text| text.starts_with('/') && path.starts_with(text.as_str()));
    prefixes.max_by_key(|text| text.len()).cloned().unwrap_or_else(|| "server".to_owned())
}

proptest! {
    #[test]
    fn the_index_agrees_with_the_rules(
        texts in proptest::collection::vec("(= )?/[ab/!]{0,5}", 0..40),
        paths in proptest::collection::vec("/[ab/!]{0,6}", 1..20),
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let server = flat(&texts);
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        for path in &paths {
            prop_assert_eq!(chosen(&server, path), slow(&texts, path));
        }
    }
}
