//! Reads the source and holds what no compiler does: layers, lengths, where `unsafe` may stand, heads, words.
//!
//! Each failure names file, line and remedy. The rules themselves are tested at the end: each must be able to fail.

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/source.rs"]
mod source;

use std::path::Path;

use source::{Complaint, Source, closing, words};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Words that stand for several things, and what to write in their place.
const BANNED: &[(&str, &str)] = &[
    ("backend", "`upstream` for the group, `peer` for one address"),
    ("common", "the name of the thing that is shared"),
    ("context", "the name of what is passed, or `Contexts` of a directive in config"),
    ("downstream", "`client`, or the direction `to_client`"),
    ("frontend", "`listener`, or `virtual server`"),
    ("handler", "a verb for what it does"),
    ("helper", "a verb for what it does"),
    ("manager", "the noun for what it owns"),
    ("misc", "one file for each thing"),
    ("session", "`exchange`, `connection` or `tunnel`"),
    ("util", "the noun for what it works on"),
];

/// Where a banned word is somebody else's name.
const FOREIGN: &[(&str, &str, &str)] = &[
    ("common", "loadtest/src/ends/http.rs", "a module of monoio-http"),
    ("context", "src/config/", "the blocks a directive may stand in are its contexts in the dialect"),
    ("context", "src/observe/error_log/", "tracing's word for where a layer stands"),
    ("context", "src/tunnel/", "std's word for who wakes a future"),
    ("context", "src/upstream/", "std's word for who wakes a future"),
    ("session", "src/config/directives/tls.rs", "the directives' own names"),
    ("session", "src/config/directives/proxy_tls.rs", "the directives' own names"),
    ("session", "src/config/raw/tls.rs", "the directives' own names"),
    ("session", "src/config/tests/tls.rs", "the directives' own names"),
    ("session", "src/model/tls.rs", "the directives' own names"),
    ("context", "src/tls/", "rustls' names of errors that say more"),
    ("common", "tests/support/tls.rs", "the common name of a certificate"),
    ("session", "src/tls/", "TLS sessions and tickets (RFC 8446)"),
    ("common", "src/tls/", "rustls' name for what its connections know"),
];

fn sources() -> Vec<Source> {
    source::read(Path::new(env!("CARGO_MANIFEST_DIR")), &["src", "tests", "benches", "loadtest"])
}

fn assert_none(complaints: &[Complaint]) {
    let lines: Vec<String> = complaints.iter().map(|c| format!("{}:{}: {}", c.path, c.line, c.text)).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

fn over<F: Fn(&Source) -> Vec<Complaint>>(rule: F) {
    let complaints: Vec<Complaint> = sources().iter().flat_map(rule).collect();
    assert_none(&complaints);
}

#[test]
fn imports_go_down_only_and_in_no_ring() {
    assert_none(&layers::check(&sources()));
}

#[test]
fn the_architecture_page_names_what_is_there() {
    assert_none(&layers::check_map(&sources()));
}

#[test]
fn files_are_short() {
    over(long_file);
}

#[test]
fn functions_are_short() {
    over(long_functions);
}

#[test]
fn unsafe_stands_only_in_sys() {
    over(misplaced_unsafe);
}

#[test]
fn every_file_says_what_it_owns() {
    over(missing_head);
}

#[test]
fn nothing_unwraps_outside_tests() {
    over(unwraps);
}

#[test]
fn unfinished_marks_name_an_issue() {
    over(unfinished);
}

#[test]
fn one_word_for_each_thing() {
    over(banned_words);
}

fn long_file(source: &Source) -> Vec<Complaint> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    let text = format!("{lines} lines, at most {FILE_LINES_MAX}: split it by what its parts own");
    vec![source.complain(lines, text)]
}

fn long_functions(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut all = words(&source.code).peekable();
    while let Some((at, word)) = all.next() {
        let Some((name_at, name)) = all.peek().copied() else { break };
        if word != "fn" || name_at != at + 3 {
            continue;
        }
        let Some(lines) = function_lines(&source.code, name_at) else { continue };
        if lines > FUNCTION_LINES_MAX {
            let text = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}: name its steps as functions");
            complaints.push(source.complain(source.line_of(at), text));
        }
    }
    complaints
}

/// Lines from the name to the closing brace; `None` for a declaration without a body.
fn function_lines(code: &str, name_at: usize) -> Option<usize> {
    let mut at = name_at;
    loop {
        match code.as_bytes().get(at)? {
            b'(' | b'[' => at = closing(code, at),
            b'{' => break,
            b';' => return None,
            _ => at += 1,
        }
    }
    Some(code[name_at..closing(code, at)].lines().count())
}

fn misplaced_unsafe(source: &Source) -> Vec<Complaint> {
    if source.path.starts_with("src/sys/") {
        return Vec::new();
    }
    let found = source.words().filter(|(_, word)| *word == "unsafe");
    let text = "`unsafe` outside src/sys: put the call behind a safe function there";
    found.map(|(at, _)| source.complain(source.line_of(at), text.to_owned())).collect()
}

fn missing_head(source: &Source) -> Vec<Complaint> {
    let first = source.text.lines().next().unwrap_or("");
    if first.strip_prefix("//! ").is_some_and(|text| text.len() > 10) {
        return Vec::new();
    }
    let text = "begins without `//!`: say in two to ten lines what the file owns and what it must not know";
    vec![source.complain(1, text.to_owned())]
}

fn unwraps(source: &Source) -> Vec<Complaint> {
    let places = source.code.match_indices(".unwrap()").map(|(at, _)| source.line_of(at));
    let text = "`unwrap` outside tests: return the error, or `expect` with why it cannot happen";
    places.filter(|line| !source.is_test(*line)).map(|line| source.complain(line, text.to_owned())).collect()
}

fn unfinished(source: &Source) -> Vec<Complaint> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut complaints = Vec::new();
    for (index, line) in source.comments.lines().enumerate() {
        let numbered = line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let Some((_, mark)) = words(line).find(|(_, word)| marks.contains(word)) else { continue };
        if !numbered {
            let text = format!("{mark} without an issue's number: write `{mark}(#12)`, or do it now");
            complaints.push(source.complain(index + 1, text));
        }
    }
    complaints
}

fn banned_words(source: &Source) -> Vec<Complaint> {
    // Only the names of the project: a file of tests may speak of what it refuses in texts and comments.
    let file = Path::new(&source.path).with_extension("");
    let of_path = file.iter().filter_map(|part| part.to_str()).map(|part| (0, part));
    let of_code = source.words().filter(|(at, _)| !source.code[..*at].ends_with("task::"));
    let mut complaints: Vec<Complaint> = Vec::new();
    for (at, identifier) in of_path.chain(of_code) {
        for (word, instead) in BANNED {
            let foreign = FOREIGN.iter().any(|(w, folder, _)| w == word && source.path.starts_with(folder));
            if foreign || !parts(identifier).iter().any(|part| part == word || *part == format!("{word}s")) {
                continue;
            }
            complaints
                .push(source.complain(source.line_of(at), format!("`{identifier}`: not `{word}`; write {instead}")));
        }
    }
    complaints
}

/// The words of an identifier, in lower case.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut after_lower = false;
    for c in identifier.chars() {
        if c == '_' || c == '-' || (c.is_ascii_uppercase() && after_lower) {
            parts.push(String::new());
        }
        if c != '_' && c != '-' {
            parts.last_mut().expect("never empty").push(c.to_ascii_lowercase());
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    parts
}

mod rules {
    //! Each rule on a source that breaks it, and on the nearest one that does not.

    use super::*;

    fn texts(complaints: &[Complaint]) -> String {
        complaints.iter().map(|c| format!("{}:{}: {}\n", c.path, c.line, c.text)).collect()
    }

    fn layers_of(files: &[(&str, &str)]) -> String {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        texts(&layers::check(&sources))
    }

    #[test]
    fn an_arrow_upward_is_seen_in_every_form() {
        let target = ("src/proxy/mod.rs", "pub mod exchange;\n");
        for code in ["\nuse crate::proxy::X;", "\nuse crate::{limits, proxy};", "\nfn f() { crate::proxy::g() }"] {
            let found = layers_of(&[target, ("src/http/mod.rs", code)]);
            assert!(found.contains("src/http/mod.rs:2: `http` imports `proxy`, which is not below it"), "{found}");
        }
        assert_eq!(
            layers_of(&[target, ("src/http/mod.rs", "// use crate::proxy\nconst A: &str = \"crate::proxy\";")]),
            ""
        );
        assert_eq!(layers_of(&[("src/proxy/mod.rs", "use crate::http::X;"), ("src/http/mod.rs", "")]), "");
    }

    #[test]
    fn a_module_without_a_row_on_the_page_is_named() {
        let page = "//! `net > http`\n//! | [`net`] | x |\n//! | [`http`] | x |\n";
        let files = |page| [("src/lib.rs", page), ("src/net/mod.rs", ""), ("src/http/mod.rs", "")];
        let found = |page| {
            let sources: Vec<Source> = files(page).iter().map(|(path, text)| Source::new(path, text)).collect();
            texts(&layers::check_map(&sources))
        };
        assert_eq!(found(page), "");
        assert!(found("//! `net > http`\n//! | [`net`] | x |\n").contains("`http` has no row"));
        assert!(found("//! `http`\n//! | [`net`] | x |\n//! | [`http`] | x |\n").contains("now `net > http`"));
    }

    #[test]
    fn config_is_control_s_alone() {
        let config = ("src/config/mod.rs", "use crate::model::A; use crate::limits;");
        let others = [("src/model/mod.rs", ""), ("src/limits.rs", "")];
        let with = |path, text| layers_of(&[config, others[0], others[1], (path, text)]);
        assert_eq!(with("src/control/mod.rs", "use crate::config::load;"), "");
        assert!(with("src/cli.rs", "use crate::config::load;").contains("only `control` imports `config`"));
        assert!(
            layers_of(&[("src/config/a.rs", "use crate::net;"), ("src/net/mod.rs", "")]).contains("config sees only")
        );
    }

    #[test]
    fn a_ring_is_seen_through_re_exports() {
        let files = [
            ("src/model/mod.rs", "mod a;\nmod b;\npub use a::A;\npub use b::{B, C};\n"),
            ("src/model/a.rs", "use super::B;\n"),
            ("src/model/b.rs", "\nuse super::A;\n"),
        ];
        let found = layers_of(&files);
        assert!(
            found.contains("model::a -> model::b (src/model/a.rs:1), model::b -> model::a (src/model/b.rs:2)"),
            "{found}"
        );
        assert_eq!(layers_of(&files[..2]), "");
    }

    #[test]
    fn a_parent_that_calls_its_child_is_no_ring_unless_the_child_calls_back() {
        let parent = ("src/net/mod.rs", "pub mod a;\npub struct P;\nfn f() { a::g() }\n");
        assert_eq!(layers_of(&[parent, ("src/net/a.rs", "pub fn g() {}")]), "");
        assert!(layers_of(&[parent, ("src/net/a.rs", "use super::P;")]).contains("import each other"));
        assert_eq!(layers_of(&[parent, ("src/net/a.rs", "#[cfg(test)]\nmod tests { use super::super::P; }")]), "");
    }

    #[test]
    fn lengths_are_counted_over_strings_and_comments() {
        let body = "    // }\n".repeat(69);
        let short = Source::new("src/a.rs", &format!("fn f(a: [u8; 4]) {{\n{}}}\n", &body[9..]));
        let long = Source::new("src/a.rs", &format!("fn f() {{\n{body}}}\n"));
        assert_eq!(texts(&long_functions(&short)), "");
        assert!(texts(&long_functions(&long)).contains("src/a.rs:1: `f` has 71 lines"));
        assert!(!long_file(&Source::new("src/a.rs", &"\n".repeat(601))).is_empty());
        assert!(long_file(&Source::new("src/a.rs", &"\n".repeat(600))).is_empty());
    }

    #[test]
    fn unsafe_unwrap_and_marks_are_seen_in_code_only() {
        let bad = Source::new("src/a.rs", "fn f() {\n unsafe { g().unwrap() } // TODO later\n}");
        assert_eq!(texts(&misplaced_unsafe(&bad)).lines().count(), 1);
        assert_eq!(texts(&unwraps(&bad)).lines().count(), 1);
        assert_eq!(texts(&unfinished(&bad)).lines().count(), 1);
        let good = "// unsafe .unwrap()\nconst A: &str = \"unsafe .unwrap() TODO\"; // TODO(#4)\n#[cfg(test)]\nmod tests {\n fn f() { g().unwrap() }\n}";
        let good = Source::new("src/a.rs", good);
        assert_eq!(texts(&misplaced_unsafe(&good)) + &texts(&unwraps(&good)) + &texts(&unfinished(&good)), "");
        assert!(misplaced_unsafe(&Source::new("src/sys/a.rs", "unsafe {}")).is_empty());
    }

    #[test]
    fn characters_lifetimes_and_raw_strings_do_not_confuse() {
        let text = "fn f<'a>(x: &'a str) { let q = ['\"', '\\'', 'é']; let r = r#\"unsafe \" \"#; h(q, r) }";
        let source = Source::new("src/a.rs", text);
        let seen: Vec<&str> = source.words().map(|(_, word)| word).collect();
        assert_eq!(seen, ["fn", "f", "a", "x", "a", "str", "let", "q", "let", "r", "h", "q", "r"]);
    }

    #[test]
    fn banned_words_are_seen_in_names_and_paths() {
        let found = |path, text| texts(&banned_words(&Source::new(path, text)));
        assert!(found("src/a.rs", "struct RequestHandler;").contains("not `handler`; write a verb"));
        assert!(found("src/a.rs", "fn pick_backends() {}").contains("`peer` for one address"));
        assert!(found("src/http_utils.rs", "").contains("not `util`"));
        assert_eq!(found("src/a.rs", "// the backend\nfn f(c: &mut std::task::Context) -> Utility {}"), "");
        assert_eq!(found("src/config/table.rs", "type Contexts = u32;"), "");
    }

    #[test]
    fn a_head_says_something() {
        assert_eq!(missing_head(&Source::new("src/a.rs", "use b;\n")).len(), 1);
        assert_eq!(missing_head(&Source::new("src/a.rs", "//! What is listened on.\n")).len(), 0);
    }
}
