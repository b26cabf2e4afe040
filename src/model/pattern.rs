//! Regular expressions of the configuration.
//!
//! They match bytes and not characters: paths, hosts and field values need not be UTF-8, and PCRE in nginx works so too.

mod pcre;

use fancy_regex::{BytesMode, Regex, RegexBuilder};

use super::SlotId;

/// A compiled expression with the variables that its named groups set.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As it stands in the file.
    pub text: Box<str>,
    /// Made by [`Pattern::compile`]: only then does it match any bytes.
    pub regex: Regex,
    pub named: Box<[NamedCapture]>,
}

/// `(?<name>…)` sets `$name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedCapture {
    /// Number of the group in the expression.
    pub group: usize,
    pub slot: SlotId,
}

impl Pattern {
    /// Compiles an expression as all of the dialect are: `.` is any byte but a line feed, `\w` and the like are ASCII.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn compile(text: &str, ignores_case: bool) -> Result<Regex, Box<fancy_regex::Error>> {
        let text = pcre::translated(text);
        RegexBuilder::new(&text).bytes_mode(BytesMode::Ascii).case_insensitive(ignores_case).build().map_err(Box::new)
    }
}
