//! Targets: forms, normalization, escapes.

use proptest::prelude::*;

use super::*;
use crate::http::{Fields, Version};

fn head(method: &str, target: &[u8]) -> RequestHead {
    RequestHead {
        method: Method::of(method.as_bytes()),
        target_at: 0..target.len(),
        version: Version::Http10,
        fields: Fields::new(),
        line: target.into(),
    }
}

fn get(target: &str) -> Result<Target, TargetError> {
    parse(&head("GET", target.as_bytes()), true)
}

fn path(target: &str) -> Result<String, TargetError> {
    get(target).map(|target| target.path.escape_ascii().to_string())
}

fn is(text: &str) -> Result<String, TargetError> {
    Ok(text.to_string())
}

#[test]
fn paths_are_normalized() {
    let cases = [
        ("/", "/"),
        ("/foo", "/foo"),
        ("/foo/bar/.?args", "/foo/bar/"),
        ("/foo/bar/.#frag", "/foo/bar/"),
        ("/foo/bar/..?args", "/foo/"),
        ("/foo/bar/..#frag", "/foo/"),
        ("/foo/bar/.", "/foo/bar/"),
        ("/foo/bar/..", "/foo/"),
        ("/foo/../bar", "/bar"),
        ("/foo/./bar", "/foo/bar"),
        ("/foo//bar///baz", "/foo/bar/baz"),
        ("/.", "/"),
        ("/./", "/"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/b/../../c", "/c"),
        ("/a//../b", "/b"),
        ("/...", "/..."),
        ("/.../", "/.../"),
        ("/..a", "/..a"),
        ("/.a", "/.a"),
        ("/a.", "/a."),
        ("/a..", "/a.."),
        ("/%66oo", "/foo"),
        ("/%2e", "/"),
        ("/a/%2E%2e/b", "/b"),
        ("/a/.%2e/b", "/b"),
        ("/a%2fb", "/a/b"),
        ("/a%2f..%2fb", "/b"),
        ("/a/%2f/b", "/a/b"),
        ("/%25", "/%"),
        ("/%2525", "/%25"),
        ("/%252e%252e/x", "/%2e%2e/x"),
        ("/%3Fa", "/?a"),
        ("/%23a", "/#a"),
        ("/.%3f", "/.?"),
        ("/..%3f", "/..?"),
        ("/%02", "/\\x02"),
        ("/%0d%0a", "/\\r\\n"),
        ("/%20", "/ "),
        ("/%ff", "/\\xff"),
        ("/a+b", "/a+b"),
        ("/a;b=c", "/a;b=c"),
        ("/\"<>\\^`{|}", "/\\\"<>\\\\^`{|}"),
    ];
    for (target, expected) in cases {
        assert_eq!(path(target), is(expected), "{target}");
    }
}

#[test]
fn slashes_stay_when_they_are_not_to_be_merged() {
    let unmerged = |target: &str| {
        parse(&head("GET", target.as_bytes()), false).map(|target| String::from_utf8(target.path).unwrap())
    };
    assert_eq!(unmerged("//a//b"), is("//a//b"));
    assert_eq!(unmerged("/a//../b"), is("/a/b"));
    assert_eq!(unmerged("//.."), is("/"));
    assert_eq!(unmerged("//../.."), Err(TargetError::AboveRoot));
}

#[test]
fn bad_targets() {
    let cases = [
        ("/foo/bar%", TargetError::Escape),
        ("/foo/bar%1", TargetError::Escape),
        ("/foo/bar%1?23", TargetError::Escape),
        ("/%zz", TargetError::Escape),
        ("/%+1", TargetError::Escape),
        ("/%00", TargetError::Escape),
        ("/a%00b", TargetError::Escape),
        ("/ /", TargetError::Byte),
        ("/\x02", TargetError::Byte),
        ("/a?\x7f", TargetError::Byte),
        ("/a?b c", TargetError::Byte),
        ("/..", TargetError::AboveRoot),
        ("/../", TargetError::AboveRoot),
        ("/../a", TargetError::AboveRoot),
        ("/a/../../b", TargetError::AboveRoot),
        ("/%2e%2e/", TargetError::AboveRoot),
        ("/..?a", TargetError::AboveRoot),
        ("/..#a", TargetError::AboveRoot),
        ("", TargetError::Form),
        ("*", TargetError::Form),
        ("?a", TargetError::Form),
        ("#a", TargetError::Form),
        ("foo", TargetError::Form),
        ("foo/bar", TargetError::Form),
        ("localhost:80", TargetError::Form),
        ("http:/a/", TargetError::Form),
        ("http:a/", TargetError::Form),
        ("://a/", TargetError::Form),
        ("http://a#frag", TargetError::Form),
        ("http://u@a/", TargetError::Form),
        ("http://a_b/", TargetError::Form),
        ("http://a%20b/", TargetError::Form),
        ("http:///", TargetError::Host),
        ("http://", TargetError::Host),
        ("http://:80/", TargetError::Host),
    ];
    for (target, expected) in cases {
        assert_eq!(get(target), Err(expected), "{target}");
    }
    assert_eq!(parse(&head("OPTIONS", b"*"), true), Err(TargetError::Form));
}

#[test]
fn absolute_forms() {
    let cases = [
        ("http://localhost", "/", None, "localhost", None),
        ("http://localhost/", "/", None, "localhost", None),
        ("http://localhost?args", "/", Some("args"), "localhost", None),
        ("http://localhost?args#frag", "/", Some("args"), "localhost", None),
        ("http://localhost:8080", "/", None, "localhost", Some(8080)),
        ("http://localhost:8080/", "/", None, "localhost", Some(8080)),
        ("http://localhost:8080?args", "/", Some("args"), "localhost", Some(8080)),
        ("http://localhost:8080?args#frag", "/", Some("args"), "localhost", Some(8080)),
        ("HTTPS://LocalHost./a/../b?c?d", "/b", Some("c?d"), "localhost", None),
        ("http://[::1]:80/x", "/x", None, "[::1]", Some(80)),
        ("a+b-c.1://h/x", "/x", None, "h", None),
    ];
    for (target, path, args, name, port) in cases {
        let target = get(target).unwrap();
        let host = target.authority.unwrap();
        assert_eq!(target.path, path.as_bytes());
        assert_eq!(target.args.as_deref(), args.map(str::as_bytes));
        assert_eq!((&*host.name, host.port), (name.as_bytes(), port));
    }
}

/// Hosts of request lines, beside those that `authority` tests for both places.
#[test]
fn hosts_in_the_request_line() {
    for good in ["l", "L", "abcd-ef.g02.xyz:", "www.a.b.:2", "[v1.!$&'()*+,;=-._~:]", "[::123.45.67.89]:4321"] {
        assert!(get(&format!("http://{good}/")).is_ok(), "{good}");
    }
    let bad = [
        "",
        ".",
        "example.com.:1.2",
        "123.40.56.78:123456",
        "123.40.56.78:9000:80",
        "\\e/xample.com",
        "com.exa-m.45..:",
        "[abcd\\::ef98:0:7654:321/]:12",
        "[abcd::ef98:0:7654:321].",
        "[abcd::ef98:0:7654:321].:98",
        "[ab..cd::ef98:0:7654:321]",
        "extra[abcd::ef98:0:7654:321]",
        "[abcd::ef98:0:7654:321",
    ];
    for bad in bad {
        assert!(get(&format!("http://{bad}/")).is_err(), "{bad}");
    }
}

#[test]
fn arguments_stay_as_received() {
    let args = |target: &str| get(target).unwrap().args.map(|args| String::from_utf8(args).unwrap());
    assert_eq!(args("/a"), None);
    assert_eq!(args("/a?"), Some(String::new()));
    assert_eq!(args("/a?b=%zz/../%00"), Some("b=%zz/../%00".to_string()));
    assert_eq!(args("/a?b?c#d"), Some("b?c".to_string()));
    assert_eq!(args("/a#b?c"), None);
    assert_eq!(args("/a%3fb"), None);
}

#[test]
fn raw_paths_stay_as_received() {
    let raw = |target: &'static str| get(target).unwrap().raw_path.map(|at| &target[at]);
    assert_eq!(raw("/a/./%62//?x#y"), Some("/a/./%62//"));
    assert_eq!(raw("/a#y"), Some("/a"));
    assert_eq!(raw("http://h/a%20b?x"), Some("/a%20b"));
    assert_eq!(raw("http://h?x"), None);
}

#[test]
fn request_uri_is_what_follows_the_authority() {
    assert_eq!(unparsed(b"/a?b#c"), b"/a?b#c");
    assert_eq!(unparsed(b"http://h:1/a?b"), b"/a?b");
    assert_eq!(unparsed(b"http://h?b"), b"?b");
    assert_eq!(unparsed(b"http://h"), b"/");
    assert_eq!(unparsed(b"*"), b"*");
}

#[test]
fn connect_names_a_host_and_a_port() {
    let connect = |target: &str| parse(&head("CONNECT", target.as_bytes()), true);
    assert_eq!(connect("localhost:8080").unwrap().authority.unwrap().port, Some(8080));
    assert!(connect("[::1]:443").is_ok());
    for bad in ["/", "localhost", "localhost:", "http://localhost/", "localhost:80/", "localhost:80?x", ":80", "*", ""]
    {
        assert_eq!(connect(bad), Err(TargetError::Form), "{bad}");
    }
}

#[test]
fn escaping_is_nginxs() {
    assert_eq!(
        escape(b"/a b%?#\"<>\\^`{|}\x7f\x01\xc3\xa9"),
        b"/a%20b%25%3F%23%22%3C%3E%5C%5E%60%7B%7C%7D%7F%01%C3%A9"
    );
    let plain = b"/abc-._~:@!$&'()*+,;=[]/9";
    assert_eq!(escape(plain), plain);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(target: Vec<u8>, merge: bool) {
        for method in ["GET", "CONNECT"] {
            let _ = parse(&head(method, &target), merge);
        }
        let _ = unparsed(&target);
    }

    #[test]
    fn a_normal_path_is_below_the_root(raw in "/[a-c/.%2eEfF5]{0,30}", merge: bool) {
        if let Ok(path) = normalize(raw.as_bytes(), merge) {
            prop_assert!(path.starts_with(b"/"));
            prop_assert!(!path.split(|byte| *byte == b'/').any(|segment| segment == b".." ));
            prop_assert!(!merge || !path.windows(2).any(|pair| pair == b"//"));
        }
    }

    #[test]
    fn an_escaped_path_means_the_same(raw in "/[ -~]{0,40}") {
        if let Ok(path) = normalize(raw.as_bytes(), true) {
            let escaped = escape(&path);
            prop_assert!(escaped.iter().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(normalize(&escaped, true), Ok(path));
        }
    }

    #[test]
    fn the_fast_way_and_the_slow_way_agree(raw in "/[a-c/.]{0,20}") {
        // An escaped `a` forces the slow way.
        let slow = raw.replace('a', "%61");
        prop_assert_eq!(normalize(raw.as_bytes(), true), normalize(slow.as_bytes(), true));
    }
}
