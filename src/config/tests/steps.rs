//! The rewrite phase, error pages and `try_files` as they are read.

use super::*;
use crate::model::{
    AfterRewrite, Alias, Condition, Content, FileTest, LastResort, PageStatus, Return, Rewrite, SetTarget, SlotId,
    Step, Target, Template,
};

fn returned(lines: &str) -> Return {
    match &location("", "", lines).steps[0] {
        Step::Return(given) => given.clone(),
        other => panic!("{other:?}"),
    }
}

/// What becomes of the only rewrite of a location.
fn rewritten<T>(lines: &str, take: impl FnOnce(&Rewrite) -> T) -> T {
    match &location("", "", lines).steps[0] {
        Step::Rewrite(rewrite) => take(rewrite),
        other => panic!("{other:?}"),
    }
}

#[test]
fn return_takes_a_status_or_a_url() {
    assert_eq!((returned("return 204;").status, returned("return 204;").text), (204, None));
    assert_eq!(returned("return 200 ok;").text, Some(Template::text(b"ok")));
    assert_eq!(returned("return https://x/;").status, 302);
    assert_eq!(returned("return $scheme://x/;").text.unwrap().parts.len(), 2);
    assert_eq!(location_fault("return 1000;"), "invalid return code \"1000\"");
    assert_eq!(location_fault("return x y;"), "invalid return code \"x\"");
}

#[test]
fn flags_and_urls_say_what_follows_a_rewrite() {
    let then = |lines: &str| rewritten(lines, |rewrite| rewrite.then);
    assert_eq!(then("rewrite ^ /a;"), AfterRewrite::Next);
    assert_eq!(then("rewrite ^ /a last;"), AfterRewrite::Last);
    assert_eq!(then("rewrite ^ /a break;"), AfterRewrite::Break);
    assert_eq!(then("rewrite ^ /a?b redirect;"), AfterRewrite::Redirect { status: 302, has_args: true });
    assert_eq!(then("rewrite ^ /a permanent;"), AfterRewrite::Redirect { status: 301, has_args: false });
    assert_eq!(then("rewrite ^ https://x/;"), AfterRewrite::Redirect { status: 302, has_args: false });
    assert_eq!(location_fault("rewrite ^ /a first;"), "invalid parameter \"first\"");
    assert!(location_fault("rewrite ( /a;").starts_with("pcre2_compile() failed"));
}

#[test]
fn the_arguments_of_a_rewrite_stand_apart() {
    let parts = |lines: &str| rewritten(lines, |r| (r.path.clone(), r.args.clone(), r.keeps_args));
    let text = |text: &str| Template::text(text.as_bytes());
    assert_eq!(parts("rewrite ^ /a;"), (text("/a"), None, true));
    assert_eq!(parts("rewrite ^ /a?;"), (text("/a"), None, false));
    assert_eq!(parts("rewrite ^ /a?b=c;"), (text("/a"), Some(text("b=c")), true));
    assert_eq!(parts("rewrite ^ /a?b=c?;"), (text("/a"), Some(text("b=c")), false));
}

#[test]
fn conditions_have_their_forms() {
    let condition = |text: &str| {
        let found = location("", "", &format!("set $a 1; if {text} {{ break; }}"));
        match &found.steps[1] {
            Step::If(block) => format!("{:?}", block.condition),
            other => panic!("{other:?}"),
        }
    };
    assert!(condition("($a)").starts_with("IsTrue"));
    assert!(condition("( $a )").starts_with("IsTrue"));
    for (text, is_negated) in [("($a = x)", false), ("($a != \"x\")", true), ("( $a = 'x' )", false)] {
        let found = condition(text);
        assert!(found.starts_with("Equals") && found.contains(&format!("is_negated: {is_negated}")), "{found}");
    }
    for text in ["($a ~ x)", "($a ~* x)", "($a !~ x)", "($a !~* \"^x (y)\")"] {
        assert!(condition(text).starts_with("Matches"), "{text}");
    }
    let found = location("", "", "if (!-d /x$uri) { break; }");
    let Step::If(block) = &found.steps[0] else { panic!("{found:?}") };
    assert!(matches!(block.condition, Condition::File { test: FileTest::Folder, is_negated: true, .. }));
    for text in ["$host", "($host", "(x = y)", "(-z /x)", "($host =)", "()", "(-f)"] {
        assert!(location_fault(&format!("if {text} {{ }}")).starts_with("invalid condition"), "{text}");
    }
    assert_eq!(location_fault("if ($host == x) { }"), "unexpected \"==\" in condition");
}

#[test]
fn variables_of_set_are_known_everywhere() {
    let found =
        generation("http { server { return 200 $a$b; set $a 1; location / { set $b 2; set $args x; } } }").serving;
    let names: Vec<_> = found.slots.iter().map(|slot| (&*slot.name, slot.is_set)).collect();
    assert_eq!(names, [("a", true), ("b", true)]);
    let steps = &found.listeners[0].servers[0].root.children[0].steps;
    let targets: Vec<_> = steps
        .iter()
        .map(|step| match step {
            Step::Set(set) => set.target,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(targets, [SetTarget::Slot(SlotId(1)), SetTarget::Args]);
    assert_eq!(location_fault("set $host x;"), "the duplicate \"host\" variable");
    assert_eq!(location_fault("set host x;"), "invalid variable name \"host\"");
}

#[test]
fn an_if_takes_settings_and_content_of_its_location() {
    let found = location("", "", "proxy_pass http://127.0.0.1:1; add_header A 1; if ($host) { add_header B 2; }");
    let inner = found.inner().next().unwrap();
    assert!(matches!(inner.content, Content::Proxy(_)));
    assert_eq!(&*inner.added.headers[0].name, b"B");
    let found = location("", "", "if ($host) { proxy_pass http://127.0.0.1:1; }");
    assert!(matches!(found.content, Content::Files));
    assert!(matches!(found.inner().next().unwrap().content, Content::Proxy(_)));
    let told = location_fault("if ($host) { proxy_pass http://127.0.0.1:1/x; }");
    assert!(told.starts_with("\"proxy_pass\" cannot have URI part"), "{told}");
    assert_eq!(fault("http { server { if ($host) { root /x; } } }"), "\"root\" directive is not allowed here");
    assert_eq!(location_fault("if ($host) { if ($host) { } }"), "\"if\" directive is not allowed here");
}

#[test]
fn limit_except_keeps_head_beside_get() {
    let found = location("", "", "limit_except GET post { access_log off; }");
    let limit = found.limit_except.as_ref().unwrap();
    let methods: Vec<_> = limit.methods.iter().map(|name| String::from_utf8_lossy(name)).collect();
    assert_eq!(methods, ["HEAD", "GET", "POST"]);
    assert!(limit.location.access_logs.is_empty() && !found.access_logs.is_empty());
    assert_eq!(location_fault("limit_except FETCH { }"), "invalid method \"FETCH\"");
}

#[test]
fn error_pages_have_statuses_and_targets() {
    let found = location("", "", "error_page 404 /a.html; error_page 500 502 = @b; error_page 403 =200 http://x/;");
    let pages: Vec<_> = found.error_pages.pages.iter().map(|page| (page.status, page.answers_with)).collect();
    let same = PageStatus::Same;
    assert_eq!(pages, [(404, same), (500, PageStatus::OfPage), (502, PageStatus::OfPage), (403, PageStatus::Is(200))]);
    assert!(matches!(&found.error_pages.pages[1].target, Target::Named(name) if &**name == "b"));
    assert_eq!(location("error_page 404 /a;", "error_page 403 /b;", "").error_pages.pages[0].status, 403);
    assert_eq!(location("error_page 404 /a;", "", "root /x;").error_pages.pages.len(), 1);
    assert_eq!(location("error_page 497 /a;", "", "").error_pages.pages[0].answers_with, PageStatus::Is(400));
    assert_eq!(location_fault("error_page 200 /a;"), "value \"200\" must be between 300 and 599");
    assert_eq!(location_fault("error_page x /a;"), "invalid value \"x\"");
    assert_eq!(location_fault("error_page 499 /a;"), "invalid value \"499\"");
    assert_eq!(location_fault("error_page =200 /a;"), "invalid value \"=200\"");
    assert_eq!(location_fault("error_page 404 =x /a;"), "invalid value \"=x\"");
}

#[test]
fn try_files_end_in_a_status_a_name_or_a_path() {
    let last = |lines: &str| format!("{:?}", location("", "", lines).try_files.as_ref().unwrap().last);
    assert_eq!(last("try_files $uri =404;"), "Status(404)");
    assert!(last("try_files $uri @b;").contains("Named"));
    assert!(last("try_files $uri /index.html?$args;").contains("Uri"));
    let found = location("", "", "try_files $uri $uri/ /x;");
    let folders: Vec<_> = found.try_files.as_ref().unwrap().files.iter().map(|file| file.is_folder).collect();
    assert_eq!(folders, [false, true]);
    assert!(matches!(found.try_files.as_ref().unwrap().last, LastResort::Target(_)));
    assert!(location("", "try_files $uri =404;", "").try_files.is_none());
    assert_eq!(location_fault("try_files $uri =x;"), "invalid code \"=x\"");
    assert_eq!(location_fault("try_files $uri =404; try_files $uri =404;"), "\"try_files\" directive is duplicate");
}

#[test]
fn alias_and_root_exclude_each_other() {
    let found = locations(
        "http { root /r/; server { location /a/ { alias /b/; location /a/c { } } location ~ x { alias /y; } } }",
    );
    assert_eq!((found[0].alias, found[0].root.as_text()), (Alias::Path(3), Some(b"/b/".as_slice())));
    assert_eq!(found[0].children[0].alias, Alias::Path(3));
    assert_eq!(found[1].alias, Alias::Whole);
    assert_eq!(location("root /r/;", "", "").root.as_text(), Some(b"/r".as_slice()));
    let words = "\"alias\" directive is duplicate, \"root\" directive was specified earlier";
    assert_eq!(location_fault("root /a; alias /b;"), words);
    assert_eq!(location_fault("alias /a; alias /b;"), "\"alias\" directive is duplicate");
    let told = fault("http { server { location @x { alias /a; } } }");
    assert_eq!(told, "the \"alias\" directive cannot be used inside the named location");
}

#[test]
fn internal_acts_on_nested_locations_too() {
    let found = location("", "", "internal; location /x { }");
    assert!(found.internal && found.children[0].internal);
}
