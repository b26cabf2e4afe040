//! Holds the tables to their form, and to a sample of facts about nginx.

use super::TABLES;
use crate::config::table::*;

fn entries() -> impl Iterator<Item = &'static Directive> {
    TABLES.iter().copied().flatten()
}

fn entry(name: &str, context: Contexts) -> &'static Directive {
    let found = entries().find(|entry| entry.name == name && entry.contexts & context != 0);
    found.unwrap_or_else(|| panic!("no entry for {name} in {}", context_names(context)))
}

fn is_accepted(name: &str, context: Contexts, arguments: &str) -> bool {
    match entry(name, context).class {
        Class::Accepted { .. } => true,
        Class::ByValue { harmless, .. } => is_harmless(harmless, arguments),
        Class::Refused { .. } => false,
        Class::Supported(_) => panic!("{name} is supported and stands here"),
    }
}

#[test]
fn the_whole_dialect_is_there() {
    // What is supported leaves these tables, but never the dialect.
    let count: u32 = crate::config::directives::all().map(|entry| entry.contexts.count_ones()).sum();
    assert!(count >= 2000, "{count} entries");
}

#[test]
fn nothing_supported_stands_here() {
    for entry in entries() {
        assert!(!matches!(entry.class, Class::Supported(_)), "{} belongs to the topic's own file", entry.name);
    }
}

#[test]
fn reasons_are_halves_of_sentences_and_ways_out_are_sentences() {
    for entry in entries() {
        let (halves, way_out) = match entry.class {
            Class::Supported(_) => continue,
            Class::Accepted { why } => (vec![why], None),
            Class::Refused { reason, instead } => (vec![reason], Some(instead)),
            Class::ByValue { why, reason, instead, .. } => (vec![why, reason], Some(instead)),
        };
        for half in halves {
            assert!(half.len() > 10 && !half.ends_with('.'), "{}: {half}", entry.name);
        }
        if let Some(sentence) = way_out {
            let begins_well = sentence.starts_with(|first: char| first.is_uppercase());
            assert!(begins_well && sentence.ends_with('.'), "{}: {sentence}", entry.name);
        }
    }
}

#[test]
fn values_by_which_a_directive_is_accepted_have_its_arity() {
    for entry in entries() {
        let Class::ByValue { harmless, .. } = entry.class else { continue };
        assert!(!harmless.is_empty(), "{}", entry.name);
        for value in harmless {
            // An empty value is one argument: `""`.
            let count = value.split(' ').count();
            assert!(entry.arity.allows(count), "{} {value}", entry.name);
            assert!(!entry.arity.flag || ["on", "off"].contains(value), "{} {value}", entry.name);
        }
    }
}

#[test]
fn what_debian_and_websocket_guides_write_is_accepted() {
    let lines = [
        ("use", EVENTS, "epoll"),
        ("multi_accept", EVENTS, "on"),
        ("sendfile", HTTP, "on"),
        ("tcp_nopush", HTTP, "on"),
        ("types_hash_max_size", HTTP, "2048"),
        ("server_names_hash_bucket_size", HTTP, "64"),
        ("ssl_stapling", HTTP, "on"),
        ("ssl_dhparam", HTTP, "dh.pem"),
        ("brotli", HTTP, "on"),
        ("gzip_window", HTTP, "16k"),
        ("proxy_cache_bypass", LOCATION, "$http_upgrade"),
        ("proxy_cache", LOCATION, "off"),
        ("fastcgi_param", HTTP, "SCRIPT_FILENAME $document_root"),
        ("load_module", MAIN, "modules/ngx_http_image_filter_module.so"),
    ];
    for (name, context, value) in lines {
        assert!(is_accepted(name, context, value), "{name} {value}");
    }
}

#[test]
fn what_guards_or_changes_answers_is_refused() {
    let lines = [
        ("valid_referers", LOCATION, "none"),
        ("ssl_ocsp", SERVER, "on"),
        ("ssl_early_data", SERVER, "on"),
        ("ssl", SERVER, "on"),
        ("proxy_ssl_conf_command", LOCATION, "Options -SessionTicket"),
        ("proxy_cache", LOCATION, "one"),
        ("ip_hash", UPSTREAM, ""),
        ("random", UPSTREAM, ""),
        ("check", UPSTREAM, "interval=3000"),
        ("check_status", LOCATION, ""),
        ("http2", SERVER, "on"),
        ("tcp", MAIN, ""),
        ("fastcgi_pass", LOCATION, "unix:/run/php.sock"),
    ];
    for (name, context, value) in lines {
        assert!(!is_accepted(name, context, value), "{name} {value}");
    }
}

#[test]
fn a_value_decides_where_only_one_is_harmless() {
    assert!(is_accepted("disable_symlinks", LOCATION, "off"));
    assert!(!is_accepted("disable_symlinks", LOCATION, "on"));
}

#[test]
fn shapes_are_those_of_nginx() {
    assert_eq!(entry("ssl_certificate_cache", SERVER).arity, ONE_TO_THREE);
    assert_eq!(entry("sendfile", IF_IN_LOCATION).arity, FLAG);
    assert_eq!(entry("ssl_stapling", SERVER).contexts, HTTP | SERVER | STREAM_LEVELS);
    assert_eq!(entry("preread_timeout", STREAM_SERVER).contexts, STREAM_LEVELS);
    assert_eq!(entry("proxy_cache_path", HTTP).contexts, HTTP);
}
