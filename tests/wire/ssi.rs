//! Server side includes: what commands leave in a document. The cases were run through nginx 1.22, which says the same.

use super::support::{Longhaul, Setup, head, stable};

const ERROR: &str = "[an error occurred while processing the directive]";

/// An answer's head, without what is other each time, and its body.
pub fn ask(longhaul: &Longhaul, request: &str) -> (String, String) {
    let mut client = longhaul.connect();
    client.send(head(&format!("{request}\nHost: a\nConnection: close")));
    let head = client.read_head();
    let is_chunked = head.contains("\r\nTransfer-Encoding: chunked\r\n");
    let body = if is_chunked { client.read_chunked() } else { client.read_to_end() };
    (stable(head.as_bytes()), String::from_utf8(body).expect("text"))
}

pub fn body_of(longhaul: &Longhaul, target: &str) -> String {
    ask(longhaul, &format!("GET {target} HTTP/1.1")).1
}

/// Checks what documents become, each the file of its number below `/c/`; `@` stands for the message of an error.
#[track_caller]
pub fn expect_all(setup: Setup, configuration: &str, cases: &[(&str, &str)]) -> Longhaul {
    let setup = cases
        .iter()
        .enumerate()
        .fold(setup, |setup, (at, (document, _))| setup.file(&format!("html/c/{at}.html"), document));
    let longhaul = setup.start(&format!("server {{ listen %listen%; root %dir%/html; ssi on; {configuration} }}"));
    for (at, (document, expected)) in cases.iter().enumerate() {
        let body = body_of(&longhaul, &format!("/c/{at}.html?a=<b>&c=1"));
        assert_eq!(body, expected.replace('@', ERROR), "{document}");
    }
    longhaul
}

#[test]
fn echo_shows_variables_as_entities_unless_told_otherwise() {
    const LINK: &str = r#"<!--#set var="v" value="<a href='x y'>&\"%^`{|}~" -->"#;
    let chosen = format!(
        r#"{LINK}<!--#echo var="v" encoding="none" -->|<!--#echo var="v" -->|<!--#echo var="v" encoding="url" -->|<!--#echo
        var="v" encoding="x" -->"#
    );
    let cases = [
        ("no command", "no command"),
        (r#"a<!--#echo var="uri" -->b"#, "a/c/1.htmlb"),
        (r#"<!--#echo var="ARG_A"--><!--#echo var='Query_String' -->"#, "&lt;b&gt;a=&lt;b&gt;&amp;c=1"),
        (r#"<!--#echo var="none" -->|<!--#echo var="http_x" -->|<!--#echo var="http_host" -->"#, "(none)|(none)|a"),
        (r#"<!--#echo var="none" default="<d>" -->|<!--#echo var="none" default="" -->"#, "&lt;d&gt;|"),
        (r#"<!--#echo var="mapped" -->|<!--#echo var="set_one" -->|<!--#echo var="unset" -->"#, "map/c/5.html|one|"),
        (r#"<!--#echo var="status" --> <!--#echo var="sent_http_content_type" -->"#, "200 text/html"),
        (r#"<!--#set var="v" value="<" --><!--#echo var="v" -->"#, "&lt;"),
        (
            &chosen,
            "<a href='x y'>&\"%^`{|}~|<a href='x y'>&\"%^`{|}~|%3Ca%20href=%27x%20y%27%3E&%22%25%5E%60%7B%7C%7D~|%3Ca%20href=%27x%20y%27%3E&%22%25%5E%60%7B%7C%7D~",
        ),
        // An empty value is gone before its encoding is looked at.
        (r#"<!--#set var="v" value="" --><!--#echo var="v" encoding="none" --><!--#echo var="arg_a" -->"#, "&lt;b&gt;"),
        (r#"<!--#echo -->|<!--#echo var="" -->|<!--#echo var="uri" var="uri" -->"#, "@|(none)|@"),
    ];
    let setup = Setup::new();
    let configuration = "set $set_one one; location /x { set $unset x; }";
    let with_map = format!("{configuration} }} map $uri $mapped {{ default map$uri; }} server {{ listen %listen2%;");
    expect_all(setup, &with_map, &cases);
}

#[test]
fn set_gives_variables_that_later_commands_see() {
    let cases = [
        (r#"<!--#set var="v" value="1$uri ${v}b $none" --><!--#echo var="v" -->"#, "1/c/0.html b "),
        (r#"<!--#set var="v" value="1" --><!--#set var="V" value="${v}2" --><!--#echo var="v" -->"#, "12"),
        (r#"<!--#set var="uri" value="own" --><!--#echo var="uri" -->$uri"#, "own$uri"),
        (r#"<!--#set var="v" value="\$uri \\ \" \d" --><!--#echo var="v" encoding="none" -->"#, "$uri \\ \" \\d"),
        (r#"<!--#set var="v" value='x\'y"z\\' --><!--#echo var="v" encoding="none" -->"#, "x'y\"z\\"),
        (
            r#"<!--#set var="v" value="$" -->|<!--#set var="v" value="${b" -->|<!--#set var="v" value="${}" -->"#,
            "@|@|@",
        ),
        (r#"<!--#set var="v" -->|<!--#set value="v" -->|<!--#set var="v" value="a$-" -->"#, "@|@|@"),
        (r#"<!--#set var="v" value="$arg_a" --><!--#echo var="v" encoding="none" -->"#, "<b>"),
    ];
    expect_all(Setup::new(), "", &cases);
}

#[test]
fn conditions_choose_one_of_their_branches() {
    let cases = [
        (
            r#"<!--#if expr="$none" -->1<!--#elif expr="$uri" -->2<!--#elif expr="$uri" -->3<!--#else -->4<!--#endif -->5"#,
            "25",
        ),
        (r#"<!--#if expr="$none" -->1<!--#else -->2<!--#endif -->|<!--#if expr="$uri" -->3<!--#endif -->"#, "2|3"),
        (r#"<!--#if expr="$uri = /c/2.html" -->y<!--#else -->n<!--#endif -->"#, "@y@n@"),
        (r#"<!--#if expr="$uri = \/c/3.html" -->y<!--#else -->n<!--#endif -->"#, "y"),
        // As in nginx an `if` in a branch that is not taken is not read, and its `endif` ends the branch.
        (r#"<!--#if expr="$none" -->a<!--#if expr="$uri" -->b<!--#endif -->c<!--#endif -->d"#, "c@d"),
        (r#"<!--#if expr="$uri" -->a<!--#if expr="$uri" -->b<!--#endif -->c<!--#endif -->d"#, "a@bc@d"),
        (r#"<!--#else -->|<!--#endif -->|<!--#elif expr="a" -->"#, "@|@|@"),
        (r#"<!--#if expr="$uri" -->x<!--#else -->y<!--#else -->z<!--#endif -->w"#, "x@w"),
        // What cannot be read is told wherever it stands, what cannot be carried out only where it would be.
        (r#"<!--#if expr="$none" --><!--#bad --><!--#echo -->x<!--#echo var=z -->y<!--#endif -->z"#, "@z"),
    ];
    expect_all(Setup::new(), "", &cases);
}

#[test]
fn comparisons_and_expressions() {
    let holds = |expression: &str| {
        format!(r#"<!--#set var="v" value="aB" --><!--#if expr="{expression}" -->T<!--#else -->F<!--#endif -->"#)
    };
    let cases = [
        ("$v = aB", "T"),
        ("$v=aB", "T"),
        ("$V = aB", "T"),
        ("$v = ab", "F"),
        ("$v != ab", "T"),
        ("ab = ab", "T"),
        ("AB = AB", "F"),
        ("$none =", "T"),
        ("", "F"),
        ("text", "T"),
        ("${v}c = aBc", "T"),
        ("$v = /B/", "T"),
        ("$v = /b/", "F"),
        ("$v != /b/", "T"),
        ("$v = /^aB\\$/", "T"),
        ("$v = //", "T"),
        ("$v = /", "F"),
        ("$v = /(/", "@T@F@"),
        ("$v = /a\\$/", "F"),
        ("$v == aB", "F"),
        ("$v - aB", "@T@F@"),
        ("$v = /B", "@T@F@"),
    ];
    let documents: Vec<(String, &str)> = cases.iter().map(|(expression, is)| (holds(expression), *is)).collect();
    let documents: Vec<(&str, &str)> = documents.iter().map(|(document, is)| (document.as_str(), *is)).collect();
    expect_all(Setup::new(), "", &documents);
}

#[test]
fn groups_of_an_expression_are_variables() {
    let show = r#"<!--#echo var="0" -->,<!--#echo var="1" -->,<!--#echo var="2" -->,<!--#echo var="3" -->,<!--#echo var="first" -->"#;
    let matched = format!(r#"<!--#if expr="$arg_a = /<(?P<first>b)(>)(z)?/" -->{show}<!--#endif -->"#);
    let then_not = format!(
        r#"{matched};<!--#if expr="$arg_a = /none/" --><!--#endif --><!--#set var="c" value="$1$2" --><!--#echo var="c" -->"#
    );
    let cases = [(matched.as_str(), "&lt;b&gt;,b,&gt;,(none),b"), (&then_not, "&lt;b&gt;,b,&gt;,(none),b;b&gt;")];
    expect_all(Setup::new(), "", &cases);
}

#[test]
fn what_is_wrong_leaves_a_message_and_a_line_in_the_log() {
    let cases = [
        ("<!--#bad -->|<!--#a-b-->|<!--#ECHO var='uri' -->", "@|@|@"),
        (
            "<!--#echo var -->|<!--#echo var= -->|<!--#echo var=x -->|<!--#echo var='uri'x -->|<!--#echo VAR='a' -->",
            "@|@|@|@|@",
        ),
        ("<!--#echo\nvar\t=\r'uri' -->", "/c/2.html"),
        ("<!--#config errmsg='E<r>' --><!--#bad -->", "E<r>"),
        ("<!--#echo var='a'- --><!--#bad -->|", "@@|"),
        (
            "<<!--#echo var='uri' --><!<!--#echo var='uri' --><!--<!--#echo var='uri' --><!-- c -->",
            "</c/5.html<!/c/5.html<!--/c/5.html<!-- c -->",
        ),
        ("a<!--#echo var='uri", "a"),
        ("<!--#-->|<!--# -->|", "@|"),
    ];
    let quiet = "location /quiet/ { alias %dir%/html/c/; ssi_silent_errors on; }";
    let longhaul = expect_all(Setup::new(), quiet, &cases);
    assert_eq!(body_of(&longhaul, "/quiet/1.html"), "||||");
    for words in [
        "unexpected \"-\" symbol after \"var\" parameter in \"echo\" SSI command while sending response to client, client:",
        "unexpected \"x\" symbol before value of \"var\" parameter in \"echo\" SSI command",
        "unexpected \"x\" symbol after \"uri\" value of \"var\" parameter in \"echo\" SSI command",
        "invalid parameter name: \"VAR\" in \"echo\" SSI command",
        "invalid SSI command: \"bad\"",
    ] {
        longhaul.wait_for_log(words);
    }
}

#[test]
fn an_opening_at_the_very_end_is_text() {
    // nginx drops it.
    let cases = [("text<", "text<"), ("text<!--", "text<!--"), ("text<!--#", "text")];
    expect_all(Setup::new(), "", &cases);
}

#[test]
fn values_are_as_long_as_the_location_says() {
    let value = |length: usize| {
        format!("<!--#set var='v' value='{}' -->x<!--#echo var='v' default='-' -->", "v".repeat(length))
    };
    let longhaul = Setup::new()
        .file("html/255.html", value(255))
        .file("html/256.html", value(256))
        .file("html/short/4.html", value(4))
        .file("html/short/5.html", value(5))
        .start("server { listen %listen%; root %dir%/html; ssi on; location /short/ { ssi_value_length 4; } }");
    assert_eq!(body_of(&longhaul, "/255.html"), format!("x{}", "v".repeat(255)));
    assert_eq!(body_of(&longhaul, "/256.html"), format!("{ERROR}x-"));
    assert_eq!(body_of(&longhaul, "/short/4.html"), "xvvvv");
    assert_eq!(body_of(&longhaul, "/short/5.html"), format!("{ERROR}x-"));
    longhaul.wait_for_log("too long \"vvvvv...\" value of \"value\" parameter in \"set\" SSI command");
}

#[test]
fn dates_have_the_form_that_the_page_gives() {
    let cases = [
        ("<!--#config timefmt='x%%' --><!--#echo var='date_gmt' -->|<!--#echo var='DATE_LOCAL' -->", "x%|x%"),
        ("<!--#config timefmt='y' --><!--#set var='v' value='$date_gmt' --><!--#echo var='v' -->", "y"),
        ("<!--#config timefmt='' --><!--#echo var='date_gmt' -->", "@"),
        ("<!--#config timefmt='%z' --><!--#echo var='date_gmt' -->", "+0000"),
        ("<!--#set var='date_gmt' value='own' --><!--#echo var='date_gmt' -->", "own"),
    ];
    let longhaul = cases
        .iter()
        .enumerate()
        .fold(Setup::new(), |setup, (at, (document, _))| setup.file(&format!("html/{at}.html"), document));
    let longhaul = longhaul
        .file("html/usual.html", "<!--#echo var='date_gmt' -->")
        .file("html/seconds.html", "<!--#config timefmt='%s' --><!--#echo var='date_gmt' -->")
        .start("server { listen %listen%; root %dir%/html; ssi on; location /d { return 200 $date_gmt; } }");
    for (at, (document, expected)) in cases.iter().enumerate() {
        assert_eq!(body_of(&longhaul, &format!("/{at}.html")), expected.replace('@', ERROR), "{document}");
    }
    for target in ["/usual.html", "/d"] {
        let usual = body_of(&longhaul, target);
        assert!(usual.contains("day, ") && usual.ends_with(" GMT"), "{usual}");
    }
    assert!(body_of(&longhaul, "/seconds.html").parse::<u64>().is_ok_and(|seconds| seconds > 1_700_000_000));
}

#[test]
fn heads_say_that_the_body_is_made() {
    let longhaul = Setup::new().file("html/a.html", "<!--#echo var='uri' -->").file("html/a.txt", "<!--#a").start(
        "server { listen %listen%; root %dir%/html; ssi on;
             location /kept/ { alias %dir%/html/; ssi_last_modified on; }
             location /any/ { alias %dir%/html/; ssi_types *; }
             location /if/ { alias %dir%/html/; ssi off; if ($arg_on) { ssi on; } } }",
    );
    let fixed = |head: &str| head.contains("\r\nContent-Length: ") && head.contains("\r\nAccept-Ranges: ");
    let lines = "HTTP/1.1 200 OK\r\nServer: *\r\nDate: *\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(&longhaul, "GET /a.html HTTP/1.1"), (lines.into(), "/a.html".into()));
    let lines = lines.replace("Transfer-Encoding: chunked\r\n", "");
    assert_eq!(ask(&longhaul, "HEAD /a.html HTTP/1.1"), (lines.clone(), String::new()));
    assert_eq!(ask(&longhaul, "GET /a.html HTTP/1.0"), (lines, "/a.html".into()));
    for (target, body, is_read) in [
        ("/a.txt", "<!--#a", false),
        ("/any/a.txt", "", true),
        ("/if/a.html", "<!--#echo var='uri' -->", false),
        ("/if/a.html?on=1", "/if/a.html", true),
    ] {
        let (head, found) = ask(&longhaul, &format!("GET {target} HTTP/1.1"));
        assert_eq!((found.as_str(), fixed(&head)), (body, !is_read), "{target}: {head}");
    }
    let (head, _) = ask(&longhaul, "GET /kept/a.html HTTP/1.1");
    assert!(head.contains("\r\nLast-Modified: ") && head.contains("\r\nETag: ") && !fixed(&head), "{head}");
    let (head, body) = ask(&longhaul, "GET /a.html HTTP/1.1\nRange: bytes=0-2");
    assert!(head.starts_with("HTTP/1.1 200 ") && body == "/a.html", "{head}{body}");
    let (head, _) = ask(&longhaul, "GET /a.html HTTP/1.1\nIf-Modified-Since: Thu, 01 Jan 2037 00:00:00 GMT");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    // An error page is an answer too.
    let (head, _) = ask(&longhaul, "GET /none HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 404 ") && head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
}

#[test]
fn long_documents_are_read_in_pieces() {
    let document = |before: usize, between: usize| {
        let (before, between) = ("x".repeat(before), "y".repeat(between));
        (
            format!("{before}<!--#echo var='uri' -->{between}<!--#include virtual='/b' -->z"),
            format!("{before}/N{between}Bz"),
        )
    };
    // Each byte of a command is the first of a piece once.
    let sizes: Vec<usize> = (32_740..32_775).chain([5, 70_000]).collect();
    let setup = sizes
        .iter()
        .fold(Setup::new(), |setup, size| setup.file(&format!("html/{size}.html"), document(*size, 40_000).0));
    let longhaul = setup.start("server { listen %listen%; root %dir%/html; ssi on; location /b { return 200 B; } }");
    for size in sizes {
        let expected = document(size, 40_000).1.replacen("/N", &format!("/{size}.html"), 1);
        assert!(body_of(&longhaul, &format!("/{size}.html")) == expected, "{size}");
    }
}
