//! Configurations as they are found in the wild.

use super::*;
use crate::model::*;

/// What the public test suite of nginx puts around each of its files.
const SUITE: &str = "
pid /t/nginx.pid;
error_log /t/error.log debug;
worker_processes 1;
user root;
daemon off;

events {
    use epoll;
    multi_accept off;
    worker_connections 256;
}

http {
    root /t;
    access_log /t/access.log;
    client_body_temp_path /t/client_body_temp;
    proxy_temp_path /t/proxy_temp;
    fastcgi_temp_path /t/fastcgi_temp;
    scgi_temp_path /t/scgi_temp;
    uwsgi_temp_path /t/uwsgi_temp;

    server {
        listen 127.0.0.1:8080;
        server_name localhost;
        location / { proxy_pass http://127.0.0.1:8081; }
    }
}
";

#[test]
fn the_frame_of_the_public_suite_is_loaded() {
    let Generation { number, process, serving } = generation(SUITE);
    assert_eq!(number, 7);
    assert_eq!(process.workers, Workers::Count(1));
    assert_eq!(process.worker_connections, 256);
    assert_eq!(process.pid, path("/t/nginx.pid"));
    assert!(!process.daemon);
    let log = ErrorLog { target: ErrorLogTarget::File("/t/error.log".into()), level: LogLevel::Debug };
    assert_eq!(process.error_logs, [log]);
    assert_eq!(serving.listeners[0].address.to_string(), "127.0.0.1:8080");
    assert_eq!(serving.upstreams[0].peers[0].address.to_string(), "127.0.0.1:8081");
}

#[test]
fn what_changes_nothing_is_told_once() {
    let told = warnings(SUITE);
    assert!(told.iter().any(|line| line.starts_with("\"use\" changes nothing here: ")), "{told:?}");
    assert_eq!(told.iter().filter(|line| line.contains("_temp_path")).count(), 3);
}

#[test]
fn global_directives_act_as_if_they_stood_before_the_file() {
    let files = MemoryFiles::default().with("/etc/l/l.conf", "events {}\nhttp {}\n");
    let globals = "pid /t/p; error_log /t/e debug; daemon off;";
    let process = load_with(&files, Some(globals)).unwrap().generation.process;
    assert_eq!(process.pid, path("/t/p"));
    assert!(!process.daemon);
    let files = MemoryFiles::default().with("/etc/l/l.conf", "pid /t/q;\nevents {}\n");
    let told = load_with(&files, Some(globals)).unwrap_err();
    assert_eq!(told[0].message, "\"pid\" directive is duplicate in /etc/l/l.conf:1");
    let told = load_with(&files, Some("pidd /x;")).unwrap_err();
    assert_eq!(told[0].message, "unknown directive \"pidd\" in command line");
    let told = load_with(&files, Some("user x")).unwrap_err();
    assert_eq!(told[0].message, "unexpected end of parameter, expecting \";\" in command line");
}

#[test]
fn a_map_for_upgrades_with_a_group_is_loaded() {
    let serving = generation(
        "http {
            map $http_upgrade $connection_upgrade { default upgrade; '' close; }
            upstream websocket { server 192.168.100.10:8010; }
            server {
                listen 8020;
                location / {
                    proxy_pass http://websocket;
                    proxy_http_version 1.1;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $connection_upgrade;
                }
            }
        }",
    )
    .serving;
    let root = &serving.listeners[0].servers[0].root;
    let Content::Proxy(pass) = &root.children[0].content else { panic!("{root:?}") };
    let Destination::Group { upstream, host, port } = &pass.destination else { panic!("{pass:?}") };
    assert_eq!((upstream.0, &**host, &**port), (0, "websocket", "80"));
    let fields = &root.children[0].proxy.set_headers;
    assert_eq!(&*fields[1].value.parts, [Part::Variable(Variable::Map(MapId(0)))]);
    assert_eq!(serving.maps[0].default.as_text(), Some(&b"upgrade"[..]));
    assert_eq!(serving.maps[0].exact[&b""[..]].as_text(), Some(&b"close"[..]));
}

#[test]
fn a_group_and_a_map_may_stand_behind_their_use() {
    let serving = generation(
        "http {
            server { location / { proxy_pass http://later; proxy_set_header X $later; } }
            upstream later { server 127.0.0.1:1; }
            map $host $later { default 1; }
        }",
    )
    .serving;
    assert_eq!(serving.upstreams.len(), 1);
    assert!(serving.upstreams[0].is_block);
}

#[test]
fn socket_io_and_mixed_paths_are_loaded() {
    let found = locations(
        "http {
            log_format main '$remote_addr $request';
            server {
                server_name chat.example.net;
                access_log /var/log/nginx/chat.log main;
                error_log /var/log/nginx/chat-error.log;
                location / { proxy_pass http://localhost:3001/; }
                location /ws/ {
                    proxy_pass http://localhost:3001/;
                    proxy_http_version 1.1;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection \"Upgrade\";
                    proxy_set_header Host $host;
                    proxy_read_timeout 1h;
                }
            }
        }",
    );
    let Content::Proxy(pass) = &found[1].content else { panic!("{found:?}") };
    assert_eq!(pass.uri, Some(Template::text(b"/")));
    assert_eq!(pass.replaces_bytes, 4);
    assert_eq!(found[1].tunnel.read_timeout, Some(std::time::Duration::from_secs(3600)));
    assert_eq!(found[0].tunnel.read_timeout, None);
}

#[test]
fn types_are_read_from_an_included_file() {
    let files = MemoryFiles::default()
        .with("/etc/l/l.conf", "http { include mime.types; default_type application/octet-stream; server {} }")
        .with("/etc/l/mime.types", "types { text/html html HTM; image/png png; }");
    let loaded = load_with(&files, None).unwrap();
    let root = &loaded.generation.serving.listeners[0].servers[0].root;
    let types = root.types.as_ref().unwrap();
    assert_eq!((&*types[1].extension, &*types[1].content_type), ("htm", "text/html"));
    assert_eq!(&*root.default_type, "application/octet-stream");
    let names: Vec<_> = loaded.files.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(names, [path("/etc/l/l.conf"), path("/etc/l/mime.types")]);
}

#[test]
fn generated_text_and_defaults_are_loaded() {
    let files = MemoryFiles::default();
    let request = |error_log: Option<&str>| Request {
        text: Text::Generated { name: "demo".to_owned(), text: "http { server { listen 1; } }".to_owned() },
        prefix: Some("/p".into()),
        global_directives: None,
        error_log: error_log.map(PathBuf::from),
        hostname: String::new(),
        is_privileged: false,
        number: 1,
        files: &files,
        resolver: &Names,
    };
    let Generation { process, serving, .. } = load(&request(None)).unwrap().generation;
    assert_eq!(process.workers, Workers::Auto);
    assert_eq!((process.pid, process.daemon), (path("/p/logs/nginx.pid"), true));
    assert_eq!(process.error_logs[0].target, ErrorLogTarget::File("/p/logs/error.log".into()));
    assert_eq!(serving.listeners[0].servers[0].root.access_logs[0].target, AccessLogTarget::File(AccessFileId(0)));
    assert_eq!(serving.access_files[0].path, path("/p/logs/access.log"));
    let root = &serving.listeners[0].servers[0].root.root;
    assert_eq!(root.as_text(), Some(&b"/p/html"[..]));
    let process = load(&request(Some("e.log"))).unwrap().generation.process;
    assert_eq!(process.error_logs[0].target, ErrorLogTarget::File("/p/e.log".into()));
    let process = load(&request(Some("stderr"))).unwrap().generation.process;
    assert_eq!(process.error_logs[0].target, ErrorLogTarget::Stderr);
}

#[test]
fn the_list_names_each_supported_directive() {
    let list = directive_list_markdown();
    for name in ["worker_processes", "listen", "location", "proxy_pass", "map", "access_log"] {
        assert!(list.contains(&format!("| `{name}` | ")), "{name}");
    }
    assert!(list.contains("| `proxy_pass` | location, if in location, limit_except | "), "{list}");
}
