//! Directives that change a request or an answer on its way: what is recorded, inherited and refused.

use super::*;
use crate::model::{BodyFile, Find, Redirect};

fn text(find: &Find) -> String {
    match find {
        Find::Text(template) => String::from_utf8(template.as_text().unwrap().to_vec()).unwrap(),
        Find::Pattern(pattern) => format!("~{}", pattern.text),
    }
}

#[test]
fn redirects_and_cookies_are_lists_in_order() {
    let lines = "proxy_redirect http://a/ /; proxy_redirect ~^b(.+) $1; proxy_redirect default;
                 proxy_cookie_domain .A.org .b.org; proxy_cookie_path ~*^/x /;
                 proxy_cookie_flags one secure $arg_x; proxy_cookie_flags ~two secure;";
    let location = location("", "", lines);
    let answer = &location.proxy.answer;
    let redirects = answer.redirect.iter().map(|one| match one {
        Redirect::Default => "default".to_owned(),
        Redirect::Replace(one) => text(&one.find),
    });
    assert_eq!(redirects.collect::<Vec<_>>(), ["http://a/", "~^b(.+)", "default"]);
    assert_eq!(text(&answer.cookie_domain[0].find), "A.org");
    assert_eq!(answer.cookie_domain[0].replacement.as_text(), Some(b"b.org".as_slice()));
    assert_eq!(text(&answer.cookie_path[0].find), "~^/x");
    assert_eq!((answer.cookie_flags.len(), answer.cookie_flags[0].flags.len()), (2, 2));
}

#[test]
fn off_ends_what_was_inherited() {
    let around = "proxy_redirect a b; proxy_cookie_path a b; proxy_cookie_flags a secure;";
    let inherited = location("", around, "proxy_read_timeout 1s;");
    assert_eq!((inherited.proxy.answer.redirect.len(), inherited.proxy.answer.cookie_path.len()), (1, 1));
    let off = location("", around, "proxy_redirect off; proxy_cookie_path off; proxy_cookie_flags off;");
    let answer = &off.proxy.answer;
    assert_eq!((answer.redirect.len(), answer.cookie_path.len(), answer.cookie_flags.len()), (0, 0, 0));
    assert!(matches!(*location("", "", "").proxy.answer.redirect, [Redirect::Default]));
}

#[test]
fn hidden_fields_are_nginx_s_own_and_those_of_a_level() {
    let hides = |location: &Location, name: &str| location.proxy.answer.hidden.iter().any(|n| **n == *name.as_bytes());
    let plain = location("", "", "");
    assert!(hides(&plain, "x-accel-redirect") && hides(&plain, "date") && !hides(&plain, "x-b"));
    let own = location("proxy_hide_header X-A;", "", "proxy_hide_header X-B; proxy_pass_header Date;");
    assert!(hides(&own, "x-b") && hides(&own, "server") && !hides(&own, "date") && !hides(&own, "x-a"));
    assert!(hides(&location("proxy_hide_header X-A;", "", ""), "x-a"));
    let ignoring = location("proxy_ignore_headers X-Accel-Redirect Vary;", "", "");
    assert!(ignoring.proxy.answer.ignores_accel_redirect && !ignoring.proxy.answer.ignores_accel_limit_rate);
}

#[test]
fn a_rate_of_0_is_none() {
    assert_eq!(location("", "", "proxy_limit_rate 2k;").proxy.answer.limit_rate.as_text(), Some(b"2k".as_slice()));
    assert_eq!(location("", "", "proxy_limit_rate $arg_r;").proxy.answer.limit_rate.as_text(), None);
    assert!(location("limit_rate 2k;", "", "limit_rate 0;").limit_rate.is_empty());
    assert_eq!(location("limit_rate 2k;", "", "").limit_rate.as_text(), Some(b"2k".as_slice()));
}

#[test]
fn values_are_checked() {
    for (lines, words) in [
        ("proxy_redirect sometimes;", "invalid parameter \"sometimes\""),
        ("proxy_redirect off; proxy_redirect a b;", "\"proxy_redirect\" directive is duplicate"),
        ("proxy_redirect a b; proxy_redirect off;", "\"proxy_redirect\" directive is duplicate"),
        ("proxy_redirect ~ b;", "invalid parameter \"~\""),
        ("proxy_cookie_path /a;", "invalid parameter \"/a\""),
        ("proxy_cookie_flags a;", "invalid parameter \"a\""),
        ("proxy_cookie_flags a bright;", "invalid parameter \"bright\""),
        ("proxy_ignore_headers X-Other;", "invalid value \"X-Other\""),
        ("proxy_bind nowhere;", "invalid address \"nowhere\""),
        ("proxy_bind 127.0.0.1 transparent;", "\"proxy_bind\" with \"transparent\" is refused: it is not built yet"),
        ("proxy_next_upstream http_418;", "invalid value \"http_418\""),
        ("proxy_next_upstream_tries few;", "\"proxy_next_upstream_tries\" directive invalid number"),
        ("client_body_temp_path a 4;", "\"client_body_temp_path\" directive invalid value"),
        ("client_body_in_file_only maybe;", "invalid value \"maybe\""),
        ("lingering_close never;", "invalid value \"never\""),
        ("proxy_limit_rate fast;", "\"proxy_limit_rate\" directive invalid value"),
    ] {
        assert_eq!(location_fault(lines), words, "{lines}");
    }
}

#[test]
fn requests_are_changed_and_tried_as_written() {
    let around =
        "proxy_bind 127.0.0.2; proxy_next_upstream http_404 error non_idempotent; proxy_request_buffering off;";
    let own = "proxy_bind off; proxy_next_upstream_tries 2; proxy_set_body x$uri; proxy_pass_request_body off;";
    let location = location("", around, own);
    let (request, retry) = (&location.proxy.request, &location.proxy.next_upstream);
    assert!(request.bind.is_none() && request.set_body.is_some() && request.drops_body && request.is_unbuffered);
    assert!(retry.on_error && !retry.on_timeout && retry.non_idempotent);
    assert_eq!((&*retry.on_status, retry.tries), ([404].as_slice(), 2));
    let off = self::location("", around, "proxy_next_upstream off;");
    assert!(!off.proxy.next_upstream.on_error && off.proxy.next_upstream.on_status.is_empty());
    assert_eq!(off.proxy.request.bind.as_ref().unwrap().as_text(), Some(b"127.0.0.2".as_slice()));
}

#[test]
fn bodies_have_their_folder_and_closing_connections_their_time() {
    let plain = location("", "", "");
    assert_eq!(plain.client.body_temp_path.0, path("/etc/l/client_body_temp"));
    assert_eq!((plain.client.lingering.close, plain.client.lingering.time.as_secs()), (Some(false), 30));
    let lines = "client_body_temp_path spool 1 2; client_body_in_file_only clean; lingering_timeout 1s;";
    let own = location("lingering_close off;", "", lines);
    assert_eq!(own.client.body_temp_path.0, path("/etc/l/spool"));
    assert_eq!(*own.client.body_temp_path.1, [1, 2]);
    assert_eq!((own.client.lingering.close, own.client.lingering.timeout.as_secs()), (None, 1));
    assert_eq!(own.client.body_in_file_only, BodyFile::Clean);
}
