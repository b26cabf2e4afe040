//! The layers: which module may import which, and that no modules import each other in a ring.
//!
//! Reads paths that begin with `crate`, `super`, `self` or, in the binary, `longhaul`. Tests inside `src` may import
//! anything: they never run in the process.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Complaint, Source, words};

/// Rows from the top; a module imports from rows below its own.
const ROWS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["control"],
    &["shard"],
    &["proxy", "tunnel"],
    &["transport"],
    &["upstream", "zones", "names", "route", "observe", "tls", "net"],
    &["http", "model"],
    &["limits", "sys"],
];

/// Arrows within a row.
const ACROSS: &[(&str, &str, &str)] = &[
    ("proxy", "tunnel", "an upgraded exchange gives both its sockets away; the tunnel knows no exchange"),
    ("upstream", "net", "idle connections are streams"),
];

/// One import.
struct Arrow {
    from: String,
    to: String,
    path: String,
    line: usize,
}

pub fn check(sources: &[Source]) -> Vec<Complaint> {
    let modules: BTreeMap<String, &Source> =
        sources.iter().filter(|source| source.path.starts_with("src/")).map(|s| (module_of(&s.path), s)).collect();
    let mut complaints = Vec::new();
    let mut arrows = Vec::new();
    for (module, source) in &modules {
        if source.is_test(1) {
            continue;
        }
        for (line, segments) in imports(source, module, &modules) {
            let to = resolve(&segments, &modules);
            arrows.push(Arrow { from: module.clone(), to, path: source.path.clone(), line });
        }
    }
    for arrow in &arrows {
        complaints.extend(against_layers(arrow));
    }
    complaints.extend(rings(&arrows));
    complaints
}

/// What src/lib.rs says of the modules: the line of the layers, and a row for each module.
pub fn check_map(sources: &[Source]) -> Vec<Complaint> {
    let Some(map) = sources.iter().find(|source| source.path == "src/lib.rs") else { return Vec::new() };
    let mut tops: BTreeSet<String> = BTreeSet::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        tops.insert(top(&module_of(&source.path)).to_owned());
    }
    let there = |row: &&[&str]| row.iter().copied().filter(|name| tops.contains(*name)).collect::<Vec<_>>().join(", ");
    let line = ROWS.iter().map(there).filter(|row| !row.is_empty()).collect::<Vec<_>>().join(" > ");
    let mut complaints = Vec::new();
    if !map.text.contains(&format!("//! `{line}`\n")) {
        complaints.push(map.complain(1, format!("the layers are now `{line}`: say so")));
    }
    for name in tops.iter().filter(|name| !matches!(name.as_str(), "" | "main")) {
        if !map.text.contains(&format!("//! | [`{name}`] |")) {
            complaints.push(map.complain(1, format!("`{name}` has no row in the table of modules: say what it owns")));
        }
    }
    complaints
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or("")
}

fn against_layers(arrow: &Arrow) -> Option<Complaint> {
    let (from, to) = (top(&arrow.from), top(&arrow.to));
    if from == to || to.is_empty() || from.is_empty() {
        return None;
    }
    let complain = |text: String| Some(Complaint { path: arrow.path.clone(), line: arrow.line, text });
    if to == "config" {
        let reason = "only `control` imports `config`: take what you need from `model`, or have control pass it down";
        return if from == "control" { None } else { complain(format!("`{from}` imports `config`; {reason}")) };
    }
    if from == "config" {
        let allowed = matches!(to, "model" | "limits");
        let reason = "config sees only `model` and `limits`: it turns text into a model and touches nothing else";
        return if allowed { None } else { complain(format!("`config` imports `{to}`; {reason}")) };
    }
    let row = |name: &str| ROWS.iter().position(|row| row.contains(&name));
    let (Some(from_row), Some(to_row)) = (row(from), row(to)) else {
        let unknown = if row(from).is_none() { from } else { to };
        return complain(format!("module `{unknown}` has no row: give it one in tests/tidy/layers.rs and src/lib.rs"));
    };
    if from_row < to_row || ACROSS.iter().any(|(a, b, _)| (*a, *b) == (from, to)) {
        return None;
    }
    let remedy = "move the shared part to a row below both, or hand it down as an argument";
    complain(format!("`{from}` imports `{to}`, which is not below it; {remedy}"))
}

/// The first ring found among the modules, as one complaint.
fn rings(arrows: &[Arrow]) -> Option<Complaint> {
    let mut next: BTreeMap<&str, BTreeMap<&str, &Arrow>> = BTreeMap::new();
    for arrow in arrows.iter().filter(|arrow| arrow.from != arrow.to && !arrow.to.is_empty()) {
        next.entry(&arrow.from).or_default().entry(&arrow.to).or_insert(arrow);
    }
    let mut done = BTreeSet::new();
    for start in next.keys() {
        let mut way: Vec<&Arrow> = Vec::new();
        if let Some(ring) = walk(start, &next, &mut way, &mut done) {
            let steps: Vec<String> =
                ring.iter().map(|a| format!("{} -> {} ({}:{})", a.from, a.to, a.path, a.line)).collect();
            let text = format!("modules import each other: {}; move what both need to a third", steps.join(", "));
            return Some(Complaint { path: ring[0].path.clone(), line: ring[0].line, text });
        }
    }
    None
}

fn walk<'a>(
    module: &'a str,
    next: &BTreeMap<&'a str, BTreeMap<&'a str, &'a Arrow>>,
    way: &mut Vec<&'a Arrow>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a Arrow>> {
    if let Some(begin) = way.iter().position(|arrow| arrow.from == module) {
        return Some(way[begin..].to_vec());
    }
    if done.contains(module) {
        return None;
    }
    for (to, arrow) in next.get(module).into_iter().flatten() {
        way.push(arrow);
        if let Some(ring) = walk(to, next, way, done) {
            return Some(ring);
        }
        way.pop();
    }
    done.insert(module);
    None
}

/// `src/proxy/forward.rs` is `proxy::forward`, `src/proxy/mod.rs` is `proxy`, `src/lib.rs` is empty.
fn module_of(path: &str) -> String {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    if inner == "lib" { String::new() } else { inner.replace('/', "::") }
}

/// The file a path leads to: the longest prefix that is a module, seen through the re-exports of that module.
fn resolve(segments: &[String], modules: &BTreeMap<String, &Source>) -> String {
    let found = (0..=segments.len())
        .rev()
        .map(|count| (segments[..count].join("::"), &segments[count..]))
        .find(|(module, _)| module.is_empty() || modules.contains_key(module));
    let Some((module, rest)) = found else { return String::new() };
    let (Some(name), Some(source)) = (rest.first(), modules.get(&module)) else { return module };
    for (child, names) in exports(source) {
        let full = if module.is_empty() { child.clone() } else { format!("{module}::{child}") };
        if names.contains(name) && modules.contains_key(&full) {
            return full;
        }
    }
    module
}

/// `pub use child::{A, B}` as (child, names).
fn exports(source: &Source) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, mark) in source.code.match_indices("pub use ") {
        for mut path in tree(&source.code[at + mark.len()..]) {
            if path.first().is_some_and(|first| first == "self") {
                path.remove(0);
            }
            if let [child, .., name] = &path[..] {
                found.push((child.clone(), vec![name.clone()]));
            }
        }
    }
    found
}

/// Every path of the file that leads to another module of the crate, from the root of the crate.
fn imports(source: &Source, module: &str, modules: &BTreeMap<String, &Source>) -> Vec<(usize, Vec<String>)> {
    let own: Vec<String> = module.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let is_child = |word: &str| modules.contains_key(&[module, word].join("::")) && !module.is_empty();
    let mut found = Vec::new();
    for (at, word) in words(&source.code) {
        let before = source.code[..at].trim_end();
        let goes_on = source.code[at + word.len()..].starts_with("::");
        if !goes_on || before.ends_with("::") || before.ends_with("pub use") {
            continue;
        }
        let prefix = match word {
            "crate" => Vec::new(),
            "longhaul" if module == "main" => Vec::new(),
            "self" => own.clone(),
            "super" => own[..own.len().saturating_sub(1)].to_vec(),
            child if is_child(child) => own.iter().cloned().chain([child.to_owned()]).collect(),
            _ => continue,
        };
        let line = source.line_of(at);
        if source.is_test(line) {
            continue;
        }
        for path in tree(&source.code[at + word.len() + 2..]) {
            let mut full = prefix.clone();
            for part in path {
                match part.as_str() {
                    "super" => drop(full.pop()),
                    "self" => {}
                    _ => full.push(part),
                }
            }
            found.push((line, full));
        }
    }
    found
}

/// The paths of a use tree, or the one path of an expression.
fn tree(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(inner) = text.strip_prefix('{') {
        let inner = &inner[..crate::source::closing(text, 0) - 2];
        return split(inner).iter().flat_map(|part| tree(part)).collect();
    }
    let length = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if length == 0 {
        return vec![Vec::new()];
    }
    let (word, rest) = text.split_at(length);
    let ends = match rest.strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => tree(rest),
        _ => vec![Vec::new()],
    };
    ends.into_iter().map(|end| std::iter::once(word.to_owned()).chain(end).collect()).collect()
}

/// Splits at the commas outside of braces.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0usize;
    let is_border = |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.split(is_border).filter(|part| !part.trim().is_empty()).collect()
}
