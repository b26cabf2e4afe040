//! What a level takes from the one around it.

use std::time::Duration;

use super::*;
use crate::model::{AccessLogTarget, AddHeader, Expires, Expiry};

fn set_headers(location: &Location) -> Vec<String> {
    let name = |field: &crate::model::SetHeader| String::from_utf8(field.name.to_vec()).unwrap();
    location.proxy.set_headers.iter().map(name).collect()
}

/// Places of the files among all that are named; the default is the first.
fn logs(location: &Location) -> Vec<u16> {
    let target = |log: &crate::model::AccessLog| match &log.target {
        AccessLogTarget::File(id) => id.0,
        other => panic!("{other:?}"),
    };
    location.access_logs.iter().map(target).collect()
}

#[test]
fn single_values_come_from_the_nearest_level() {
    let found =
        location("keepalive_timeout 1s; send_timeout 1s; etag off;", "keepalive_timeout 2s;", "send_timeout 3s;");
    assert_eq!(found.client.keepalive_timeout, Duration::from_secs(2));
    assert_eq!(found.client.send_timeout, Duration::from_secs(3));
    assert_eq!(found.tunnel.client_send_timeout, Some(Duration::from_secs(3)));
    assert!(!found.client.etag);
    assert_eq!(found.client.keepalive_requests, 1000);
}

#[test]
fn proxy_set_header_is_inherited_only_where_a_level_has_none() {
    assert_eq!(set_headers(&location("proxy_set_header A 1;", "proxy_set_header B 1;", "")), ["B"]);
    assert_eq!(set_headers(&location("proxy_set_header A 1;", "", "proxy_read_timeout 1s;")), ["A"]);
    assert_eq!(set_headers(&location("proxy_set_header A 1;", "", "proxy_set_header C 1;")), ["C"]);
}

#[test]
fn add_header_is_inherited_only_where_a_level_has_none() {
    assert_eq!(location("add_header A 1; add_header B 1;", "", "").added.headers.len(), 2);
    assert_eq!(location("add_header A 1; add_header B 1;", "", "add_header C 1 always;").added.headers.len(), 1);
}

#[test]
fn add_header_inherit_says_otherwise() {
    let names = |http: &str, server: &str, inside: &str| {
        let found = location(http, server, inside);
        let of =
            |lines: &[AddHeader]| lines.iter().map(|line| String::from_utf8_lossy(&line.name).into_owned()).collect();
        let (headers, trailers): (Vec<String>, Vec<String>) = (of(&found.added.headers), of(&found.added.trailers));
        (headers.join(" "), trailers.join(" "))
    };
    let merged = names("add_header A 1; add_header_inherit merge;", "add_header B 1;", "add_header C 1;");
    assert_eq!(merged.0, "C B A");
    assert_eq!(names("add_header A 1; add_header_inherit merge;", "", "").0, "A");
    assert_eq!(names("add_header A 1;", "add_header_inherit off;", "").0, "");
    assert_eq!(names("add_header A 1;", "add_header_inherit off; add_header B 1;", "").0, "");
    assert_eq!(names("add_trailer A 1; add_header_inherit off;", "", "add_trailer B 1;").1, "B");
    assert_eq!(names("add_trailer A 1;", "add_trailer_inherit merge;", "add_trailer B 1;").1, "B A");
}

#[test]
fn expires_is_inherited_until_a_level_has_its_own() {
    let expires = |http: &str, inside: &str| location(http, "", inside).added.expires.clone();
    assert_eq!(expires("expires 1h;", ""), Expires::At(Expiry::AfterAccess(3600)));
    assert_eq!(expires("expires 1h;", "expires off;"), Expires::Off);
    assert_eq!(expires("", "expires modified -1d;"), Expires::At(Expiry::AfterChange(-86_400)));
    assert!(matches!(expires("", "expires modified $arg_e;"), Expires::Evaluated { after_change: true, .. }));
}

#[test]
fn access_log_is_inherited_only_where_a_level_has_none() {
    assert_eq!(logs(&location("access_log a;", "", "")), [1]);
    assert_eq!(logs(&location("access_log a;", "access_log b; access_log /c;", "")), [2, 3]);
    assert!(logs(&location("access_log a;", "", "access_log off;")).is_empty());
    assert_eq!(logs(&location("", "", "")), [0]);
}

#[test]
fn explicit_timeouts_act_on_tunnels_and_defaults_do_not() {
    let quiet = location("", "", "");
    assert_eq!((quiet.tunnel.read_timeout, quiet.proxy.read_timeout), (None, Duration::from_secs(60)));
    let set = location("proxy_read_timeout 9s;", "", "proxy_send_timeout 60s;");
    assert_eq!(set.tunnel.read_timeout, Some(Duration::from_secs(9)));
    assert_eq!(set.tunnel.send_timeout, Some(Duration::from_secs(60)));
}

#[test]
fn levels_that_change_nothing_share_their_settings() {
    let found = locations("http { server { location /a { proxy_read_timeout 1s; location /a/b {} } location /c {} } }");
    assert!(Arc::ptr_eq(&found[0].proxy, &found[0].children[0].proxy));
    assert!(!Arc::ptr_eq(&found[0].proxy, &found[1].proxy));
}

#[test]
fn folders_and_indexes_are_inherited() {
    let found = location("root /a/;", "index x y; index z;", "");
    assert_eq!(found.root.as_text(), Some(&b"/a"[..]));
    assert_eq!(found.index.iter().map(|name| name.as_text().unwrap()).collect::<Vec<_>>(), [b"x", b"y", b"z"]);
    let found = location("root /a;", "", "root b/$host; index one;");
    assert_eq!(found.root.parts.len(), 2);
    assert_eq!(found.index.len(), 1);
}

#[test]
fn proxy_pass_and_return_are_not_inherited() {
    let found = locations(
        "http { server { return 404; location / { internal; proxy_pass http://localhost; location /a {} } } }",
    );
    assert!(matches!(found[0].content, crate::model::Content::Proxy(_)));
    assert!(matches!(found[0].children[0].content, crate::model::Content::Files));
    assert!(found[0].steps.is_empty());
}
