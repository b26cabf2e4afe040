//! Source files as the tidiness rules see them: code, comments and texts told apart, tests told from the rest.
//!
//! Knows the lexical form of Rust and nothing of any rule.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file.
pub struct Source {
    /// From the root of the repository.
    pub path: String,
    pub text: String,
    /// `text` with comments, strings and characters blanked: same length, same lines.
    pub code: String,
    /// `text` with everything but comments blanked.
    pub comments: String,
    /// For each line, whether it stands under `#[cfg(test)]` or the whole file is a test.
    test_lines: Vec<bool>,
}

/// A broken rule.
#[derive(Debug)]
pub struct Complaint {
    pub path: String,
    pub line: usize,
    pub text: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (code, comments) = separate(text);
        let whole = path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/");
        let test_lines = test_lines(&code, whole);
        Self { path: path.to_owned(), text: text.to_owned(), code, comments, test_lines }
    }

    /// The line of a byte, from 1.
    pub fn line_of(&self, at: usize) -> usize {
        self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    pub fn is_test(&self, line: usize) -> bool {
        self.test_lines.get(line - 1).copied().unwrap_or(false)
    }

    pub fn complain(&self, line: usize, text: String) -> Complaint {
        Complaint { path: self.path.clone(), line, text }
    }

    /// Identifiers of the code with their places.
    pub fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        words(&self.code)
    }
}

/// All Rust files under the folders, in order of their paths.
pub fn read(root: &Path, folders: &[&str]) -> Vec<Source> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let relative = |file: &PathBuf| file.strip_prefix(root).expect("collected under the root").display().to_string();
    files.iter().map(|file| Source::new(&relative(file), &fs::read_to_string(file).expect("readable"))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let skipped = path.ends_with("target") || path.ends_with("node_modules");
        if path.is_dir() && !skipped {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Identifiers and keywords of a text with the byte each begins at.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = code.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !is_word(&bytes[at]) {
            at += 1;
        }
        let start = at;
        at += bytes[at..].iter().take_while(|byte| is_word(byte)).count();
        (start < at).then(|| (start, &code[start..at]))
    })
}

/// Splits a text into its code and its comments; each has blanks where the other, or a literal, stands.
fn separate(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let blank: Vec<u8> = bytes.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }).collect();
    let (mut code, mut comments) = (blank.clone(), blank);
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let (length, kept_in) = match rest {
            [b'/', b'/', ..] => (until(rest, b"\n"), Some(&mut comments)),
            [b'/', b'*', ..] => (until(rest, b"*/") + 2, Some(&mut comments)),
            [b'r', b'"' | b'#', ..] if !after_word => (raw_length(rest), None),
            [b'"', ..] => (quoted_length(rest), None),
            [b'\'', ..] => (character_length(rest), None),
            _ => (1, Some(&mut code)),
        };
        let end = bytes.len().min(at + length);
        if let Some(kept_in) = kept_in {
            kept_in[at..end].copy_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    (String::from_utf8_lossy(&code).into_owned(), String::from_utf8_lossy(&comments).into_owned())
}

fn until(bytes: &[u8], mark: &[u8]) -> usize {
    bytes.windows(mark.len()).position(|window| window == mark).unwrap_or(bytes.len())
}

fn quoted_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// `r"…"`, `r#"…"#`; a raw identifier such as `r#type` is one byte of code-free text, which no rule minds.
fn raw_length(bytes: &[u8]) -> usize {
    let hashes = bytes[1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(1 + hashes) != Some(&b'"') {
        return 1;
    }
    let mark: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    2 + hashes + until(&bytes[2 + hashes..], &mark) + mark.len()
}

/// A character, or only the quote of a lifetime.
fn character_length(bytes: &[u8]) -> usize {
    if bytes.get(1) == Some(&b'\\') {
        return 3 + until(&bytes[3.min(bytes.len())..], b"'") + 1;
    }
    let width = std::str::from_utf8(&bytes[1..bytes.len().min(5)])
        .or_else(|error| std::str::from_utf8(&bytes[1..1 + error.valid_up_to()]))
        .ok()
        .and_then(|text| text.chars().next())
        .map_or(1, char::len_utf8);
    if bytes.get(1 + width) == Some(&b'\'') { 2 + width } else { 1 }
}

/// The byte after the bracket that closes the one at `open`.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return offset + 1;
        }
    }
    code.len()
}

fn test_lines(code: &str, whole: bool) -> Vec<bool> {
    let mut lines = vec![whole; code.lines().count() + 1];
    for (start, mark) in code.match_indices("#[cfg(test)]") {
        let after = start + mark.len();
        let Some(end) = code[after..].find(['{', ';']).map(|offset| after + offset) else { continue };
        let end = if code.as_bytes()[end] == b'{' { closing(code, end) } else { end };
        let line = |at: usize| code[..at].matches('\n').count();
        lines[line(start)..=line(end)].fill(true);
    }
    lines
}
