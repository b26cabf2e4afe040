//! Regular expressions of the configuration.

use super::SlotId;

/// A compiled expression with the variables that its named groups set.
#[derive(Debug)]
pub struct Pattern {
    /// As it stands in the file.
    pub text: Box<str>,
    pub regex: fancy_regex::Regex,
    pub named: Box<[NamedCapture]>,
}

/// `(?<name>…)` sets `$name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedCapture {
    /// Number of the group in the expression.
    pub group: usize,
    pub slot: SlotId,
}
