//! What the parser reads and what it says of text it cannot read.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::config::diagnostic::Severity;
use crate::config::source::MemoryFiles;

fn parse(files: &MemoryFiles) -> (Vec<Node>, Vec<String>) {
    let mut parser = Parser::new(files, PathBuf::from("/c"));
    let nodes = parser.read_file(Path::new("/c/l.conf"), None, 0);
    let messages = parser.faults.drain(..).collect::<Vec<_>>();
    let messages = messages.into_iter().map(|fault| fault.finish(Severity::Emerg, &parser.sources).message).collect();
    (nodes, messages)
}

fn main_file(text: &str) -> MemoryFiles {
    MemoryFiles::default().with("/c/l.conf", text)
}

/// A word as it must be written to be read back the same.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn print(nodes: &[Node], out: &mut String) {
    for node in nodes {
        write!(out, "{}", quote(&node.name.text)).unwrap();
        for arg in &node.args {
            write!(out, " {}", quote(&arg.text)).unwrap();
        }
        match &node.block {
            None => out.push_str(";\n"),
            Some(block) => {
                out.push_str(" {\n");
                print(block, out);
                out.push_str("}\n");
            }
        }
    }
}

fn printed(nodes: &[Node]) -> String {
    let mut out = String::new();
    print(nodes, &mut out);
    out
}

#[test]
fn blocks_nest() {
    let (nodes, messages) = parse(&main_file("a 1; b {c 'x y'{d;}}"));
    assert_eq!(printed(&nodes), "\"a\" \"1\";\n\"b\" {\n\"c\" \"x y\" {\n\"d\";\n}\n}\n");
    assert!(messages.is_empty());
}

#[test]
fn several_faults_are_told_and_reading_goes_on() {
    let (nodes, messages) = parse(&main_file("a { b }\n; c;\n}\nd;"));
    assert_eq!(
        messages,
        ["unexpected \"}\" in /c/l.conf:1", "unexpected \";\" in /c/l.conf:2", "unexpected \"}\" in /c/l.conf:3",]
    );
    assert_eq!(printed(&nodes), "\"a\" {\n}\n\"c\";\n\"d\";\n");
}

#[test]
fn an_end_too_early_is_named_as_nginx_does() {
    assert_eq!(parse(&main_file("a {\nb;\n")).1, ["unexpected end of file, expecting \"}\" in /c/l.conf:2"]);
    assert_eq!(parse(&main_file("a b")).1, ["unexpected end of file, expecting \";\" or \"}\" in /c/l.conf:1"]);
}

#[test]
fn patterns_include_all_files_sorted_and_none_is_fine() {
    let files =
        main_file("http { include d/*.conf; include none/*; }").with("/c/d/b.conf", "b;").with("/c/d/a.conf", "a;");
    let (nodes, messages) = parse(&files);
    assert_eq!(printed(&nodes), "\"http\" {\n\"a\";\n\"b\";\n}\n");
    assert!(messages.is_empty());
}

#[test]
fn a_missing_file_is_told_with_the_place_of_its_include() {
    let (_, messages) = parse(&main_file("a;\ninclude x.conf;"));
    assert_eq!(messages, ["open() \"/c/x.conf\" failed (2: No such file or directory) in /c/l.conf:2"]);
}

#[test]
fn a_file_cannot_include_itself() {
    let files = main_file("include x.conf;").with("/c/x.conf", "a;\ninclude l.conf;");
    assert_eq!(parse(&files).1, ["\"/c/l.conf\" includes itself in /c/x.conf:2"]);
}

#[test]
fn depth_is_bounded() {
    let messages = parse(&main_file(&"a{".repeat(100_000))).1;
    assert_eq!(messages, ["blocks are nested more than 32 deep in /c/l.conf:1"]);
    let mut files = main_file("include 0;");
    for number in 0..40 {
        files = files.with(format!("/c/{number}"), format!("include {};", number + 1));
    }
    assert_eq!(parse(&files).1, ["files are included more than 16 deep in /c/14:1"]);
}

#[test]
fn files_that_double_at_each_step_are_stopped() {
    let mut files = main_file("include 0;");
    for number in 0..14 {
        let next = number + 1;
        files = files.with(format!("/c/{number}"), format!("include {next}; include {next};include {next};"));
    }
    assert!(parse(&files.with("/c/14", "a;")).1[0].starts_with("more than 10000 files are included"));
}

#[test]
fn bytes_outside_utf8_are_refused_in_words_and_allowed_in_comments() {
    let files = MemoryFiles::default().with("/c/l.conf", b"# caf\xe9\na \xff;".to_vec());
    assert_eq!(parse(&files).1, ["invalid UTF-8 at byte offset 9 in /c/l.conf:2"]);
}

fn tree() -> impl Strategy<Value = Vec<Node>> {
    let word = "[^\0]{0,12}"
        .prop_filter("include reads files", |text| text != "include")
        .prop_map(|text| Word { text, span: empty_span() });
    let leaf = (word.clone(), prop::collection::vec(word.clone(), 0..4)).prop_map(|(name, args)| Node {
        name,
        args,
        block: None,
    });
    let node = leaf.prop_recursive(4, 24, 4, move |inner| {
        (word.clone(), prop::collection::vec(word.clone(), 0..3), prop::collection::vec(inner, 0..4))
            .prop_map(|(name, args, block)| Node { name, args, block: Some(block) })
    });
    prop::collection::vec(node, 0..5)
}

fn empty_span() -> Span {
    let mut sources = Sources::default();
    Span { file: sources.add(Origin::CommandLine, Vec::new()), start: 0, end: 0 }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&MemoryFiles::default().with("/c/l.conf", bytes));
    }

    #[test]
    fn any_mix_of_the_dialects_signs_is_read_without_panic(text in "[a${};\"'\\\\# \n\t é]{0,60}") {
        parse(&main_file(&text));
    }

    #[test]
    fn a_printed_tree_is_read_back_the_same(nodes in tree()) {
        let text = printed(&nodes);
        let (read, messages) = parse(&main_file(&text));
        prop_assert_eq!(messages, Vec::<String>::new());
        prop_assert_eq!(printed(&read), text);
    }
}
