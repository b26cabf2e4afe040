//! `gzip` and what goes with it.

use super::*;
use crate::model::{Gzip, GzipProxied};

fn types(rules: &Gzip) -> String {
    let names = rules.types.0.as_ref().map(|names| names.iter().map(|name| String::from_utf8_lossy(name)).collect());
    names.map_or("*".to_owned(), |names: Vec<_>| names.join(" "))
}

#[test]
fn levels_take_what_they_do_not_say_from_around() {
    assert!(location("gzip_types *;", "", "").gzip.is_none());
    assert!(location("gzip on;", "", "gzip off;").gzip.is_none());
    let plain = location("", "", "gzip on;").gzip.clone().expect("on");
    assert_eq!((types(&plain).as_str(), plain.comp_level, plain.min_length), ("text/html", 1, 20));
    assert!(plain.proxied.off && !plain.http_1_0 && !plain.vary && plain.piece_bytes() == 32 << 10);
    let http = "gzip on; gzip_types text/css Text/CSV; gzip_types x/y; gzip_proxied any; gzip_disable msie6 'a.c';";
    let server = "gzip_comp_level 9; gzip_http_version 1.0; gzip_min_length 1k; gzip_buffers 2 4k; gzip_vary on;";
    let found = location(http, server, "gzip_proxied expired auth; gzip_proxied no_etag;").gzip.clone().expect("on");
    assert_eq!(types(&found), "text/html text/css text/csv x/y");
    assert_eq!((found.comp_level, found.min_length, found.piece_bytes()), (9, 1024, 8192));
    assert!(found.http_1_0 && found.vary && found.disable_msie6 && found.disable.len() == 1);
    let proxied = GzipProxied { expired: true, auth: true, no_etag: true, ..GzipProxied::default() };
    assert_eq!(found.proxied, proxied);
    let any = location(http, "gzip_types text/css *;", "gzip_buffers 1 1; gzip_disable b;").gzip.clone().expect("on");
    assert_eq!((types(&any).as_str(), any.piece_bytes()), ("*", 512));
    assert!(any.disable_msie6 && &*any.disable[0].text == "b");
}

#[test]
fn values_are_checked_in_the_words_of_nginx() {
    for (line, words) in [
        ("gzip_comp_level 0;", "value must be between 1 and 9"),
        ("gzip_comp_level 10;", "value must be between 1 and 9"),
        ("gzip_comp_level x;", "\"gzip_comp_level\" directive invalid number"),
        ("gzip_http_version 2;", "invalid value \"2\""),
        ("gzip_proxied some;", "invalid value \"some\""),
        ("gzip_buffers 0 4k;", "\"gzip_buffers\" directive invalid value"),
        ("gzip_buffers 4 0;", "\"gzip_buffers\" directive invalid value"),
        ("gzip_min_length -1;", "\"gzip_min_length\" directive invalid value"),
        ("gzip on; gzip on;", "\"gzip\" directive is duplicate"),
        ("gzip maybe;", "invalid value \"maybe\" in \"gzip\" directive, it must be \"on\" or \"off\""),
    ] {
        assert_eq!(location_fault(line), words, "{line}");
    }
    assert!(location_fault("gzip_disable (;").starts_with("pcre2_compile() failed: "));
    assert_eq!(warnings("http { gzip_types text/html a/b a/b; gzip_proxied any any; server { } }").len(), 3);
}
