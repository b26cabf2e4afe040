//! The words of each error that any directive can meet, as nginx has them.

use proptest::prelude::*;

use super::*;

#[test]
fn names_contexts_and_arguments_are_checked() {
    for (text, words) in [
        ("proxi_pass x;", "unknown directive \"proxi_pass\""),
        ("server { listen 80; }", "\"server\" directive is not allowed here"),
        ("http { pid x; }", "\"pid\" directive is not allowed here"),
        ("pid;", "invalid number of arguments in \"pid\" directive"),
        ("pid a b;", "invalid number of arguments in \"pid\" directive"),
        ("http;", "directive \"http\" has no opening \"{\""),
        ("pid x {}", "directive \"pid\" is not terminated by \";\""),
        ("daemon maybe;", "invalid value \"maybe\" in \"daemon\" directive, it must be \"on\" or \"off\""),
        ("pid a; pid b;", "\"pid\" directive is duplicate"),
        ("http {} http {}", "\"http\" directive is duplicate"),
        ("events {} events {}", "\"events\" directive is duplicate"),
        ("worker_processes none;", "\"worker_processes\" directive invalid value"),
        ("worker_cpu_affinity 01x;", "invalid character \"x\" in \"worker_cpu_affinity\""),
        ("events { worker_connections x; }", "\"worker_connections\" directive invalid number"),
        ("error_log x loud;", "invalid log level \"loud\""),
        ("http { keepalive_timeout x; }", "\"keepalive_timeout\" directive invalid value"),
        ("http { client_max_body_size 1x; }", "\"client_max_body_size\" directive invalid value"),
        ("http { server_tokens perhaps; }", "invalid value \"perhaps\""),
    ] {
        assert_eq!(fault(text), words, "{text}");
    }
}

#[test]
fn refusals_say_why_once_and_what_to_do() {
    let text = "http { server { ssl_ech_file a; ssl_ech_file b; } }\nmail { anything { at all; } }\n";
    let told = try_load(text).unwrap_err();
    assert_eq!(told.len(), 2);
    assert!(told[0].message.starts_with("\"ssl_ech_file\" directive is refused: "));
    assert!(told[1].message.starts_with("\"mail\" directive is refused: "));
    assert!(told.iter().all(|fault| fault.detail.contains("= help: ")));
}

#[test]
fn all_errors_of_a_file_are_told_up_to_twenty() {
    assert_eq!(
        faults("pidd x;\nhttp { lisen 80; }\nuser;"),
        [
            "unknown directive \"pidd\" at 1",
            "unknown directive \"lisen\" at 2",
            "invalid number of arguments in \"user\" directive at 3",
        ]
    );
    for line in ["x;\n", ";\n", "}\n", "'a'b\n", "include nothing;\n"] {
        assert_eq!(faults(&line.repeat(10_000)).len(), 20, "{line}");
    }
    let entries = "a 1;".repeat(10_000);
    assert_eq!(faults(&format!("http {{ map $host $x {{ {entries} }} }}")).len(), 20);
}

#[test]
fn nearest_names_places_and_carets_stand_below() {
    let told = try_load("http {\n    serverr {\n    }\n}\n").unwrap_err()[0].to_string();
    assert!(told.starts_with("longhaul: [emerg] unknown directive \"serverr\" in /etc/l/l.conf:2\n"), "{told}");
    assert!(told.contains("^^^^^^^"), "{told}");
    assert!(told.ends_with("= help: did you mean `server`?"), "{told}");
}

#[test]
fn a_forgotten_semicolon_is_shown() {
    let told = try_load("http { server {\n listen 80\n server_name x;\n} }").unwrap_err()[0].to_string();
    assert!(told.starts_with("longhaul: [emerg] invalid parameter \"server_name\" in /etc/l/l.conf:3"), "{told}");
    assert!(told.contains("a `;` seems to be missing before `server_name`"), "{told}");
}

#[test]
fn an_unreadable_file_is_named() {
    let told = load_with(&MemoryFiles::default(), None).unwrap_err();
    assert_eq!(told[0].message, "open() \"/etc/l/l.conf\" failed (2: No such file or directory)");
}

#[test]
fn variables_are_checked() {
    assert_eq!(location_fault("return 200 $nothing;"), "unknown \"nothing\" variable");
    assert_eq!(location_fault("return 200 $;"), "invalid variable name");
    let told = try_load("http { server { return 200 $ssl_sigalg; } }").unwrap_err()[0].to_string();
    assert!(told.contains("`$ssl_sigalg` cannot be used: what it tells is not known of TLS here"), "{told}");
    let told = try_load("http { server { return 200 $http_hots$hots; } }").unwrap_err()[0].to_string();
    assert!(told.contains("did you mean `$host`?"), "{told}");
}

/// A file that holds most of the dialect, to be damaged.
const FILE: &str = r#"
worker_processes auto; events { worker_connections 10; }
http {
    log_format main escape=json '$remote_addr "$request"';
    map $http_upgrade $kind { hostnames; default upgrade; *.a.b x; '' close; ~^(?<k>x)$ $k; }
    upstream u { server 127.0.0.1:1 weight=2 max_fails=3 fail_timeout=4s; server unix:/s backup; keepalive 8; }
    server {
        listen [::1]:80 default_server so_keepalive=1m::3; server_name a *.b c.* ~^d(?<e>.+)$ "";
        access_log /a main buffer=1k flush=2s if=$kind; large_client_header_buffers 4 8k;
        location ~* \.(a|b)$ { proxy_pass http://u; proxy_set_header X "$k ${host}"; return 200 'x'; }
        location ^~ /x { location /x/y { root /r/$host/; } add_header A b always; keepalive_timeout 1m 2s; }
    }
}
"#;

#[test]
fn the_file_to_be_damaged_is_whole() {
    assert_eq!(faults(FILE), Vec::<String>::new());
}

proptest! {
    // Each case compiles all expressions of the file.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_damaged_file_never_panics(at in 0..FILE.len(), length in 0_usize..8, put in "[{};\"'$~ =:\\\\0-9a-z]{0,6}") {
        let end = (at + length).min(FILE.len());
        let text = format!("{}{put}{}", &FILE[..at], &FILE[end..]);
        if let Err(told) = try_load(&text) {
            prop_assert!(!told.is_empty() && told.len() <= 20);
        }
    }
}

proptest! {
    // Each case loads every directive in every context.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn any_argument_of_any_directive_is_answered(args in prop::collection::vec("[^\0]{0,8}", 0..4)) {
        let words: Vec<String> = args.iter().map(|arg| format!("\"{}\"", arg.replace(['"', '\\'], "."))).collect();
        let words = words.join(" ");
        for table in crate::config::directives::SUPPORTED {
            for directive in *table {
                let line = if directive.arity.block {
                    format!("{} {words} {{}}", directive.name)
                } else {
                    format!("{} {words};", directive.name)
                };
                let _ = try_load(&format!("{line} events {{ {line} }} http {{ {line} upstream u {{ {line} }} }}"));
                let _ = try_load(&format!("http {{ server {{ {line} location / {{ {line} }} }} }}"));
            }
        }
    }
}
