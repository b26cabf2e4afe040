//! Directives that change a request or an answer on its way: what is recorded, inherited and refused.

use super::*;
use crate::model::{Find, Redirect};

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
                 proxy_cookie_flags one secure $arg_x; proxy_cookie_flags ~two;";
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
fn a_rate_is_written_out_in_bytes() {
    assert_eq!(location("", "", "proxy_limit_rate 2k;").proxy.answer.limit_rate.as_text(), Some(b"2048".as_slice()));
    assert_eq!(location("", "", "proxy_limit_rate $arg_r;").proxy.answer.limit_rate.as_text(), None);
}

#[test]
fn values_are_checked() {
    for (lines, words) in [
        ("proxy_redirect sometimes;", "invalid parameter \"sometimes\""),
        ("proxy_redirect off; proxy_redirect a b;", "\"proxy_redirect\" directive is duplicate"),
        ("proxy_redirect a b; proxy_redirect off;", "\"proxy_redirect\" directive is duplicate"),
        ("proxy_redirect ~ b;", "invalid parameter \"~\""),
        ("proxy_cookie_path /a;", "invalid parameter \"/a\""),
        ("proxy_cookie_flags a bright;", "invalid parameter \"bright\""),
        ("proxy_ignore_headers X-Other;", "invalid value \"X-Other\""),
        ("proxy_limit_rate fast;", "\"proxy_limit_rate\" directive invalid value"),
    ] {
        assert_eq!(location_fault(lines), words, "{lines}");
    }
}
