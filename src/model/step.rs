//! The rewrite phase of a `server` or `location`: its directives in the order of the file.

use super::{MapId, Pattern, SlotId, Template};

/// One directive of the rewrite phase.
#[derive(Debug)]
pub enum Step {
    Set(Set),
    Rewrite(Rewrite),
    If(Box<If>),
    Return(Return),
    Break,
}

/// `set`.
#[derive(Debug, Clone)]
pub struct Set {
    pub target: SetTarget,
    pub value: Template,
}

/// What `set` gives a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetTarget {
    Slot(SlotId),
    /// The variable of a `map`: from then on it has this value.
    Map(MapId),
    /// `$args`.
    Args,
    /// `$limit_rate`.
    LimitRate,
}

/// `rewrite`.
#[derive(Debug)]
pub struct Rewrite {
    /// Compared with the path.
    pub pattern: Pattern,
    /// The new path; for a redirect the whole URL.
    pub path: Template,
    /// What stands behind the `?`, if there is one. Part of `path` for a redirect.
    pub args: Option<Template>,
    /// The arguments of the request are added: there is no `?` at the very end.
    pub keeps_args: bool,
    pub then: AfterRewrite,
}

/// The flag of a `rewrite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRewrite {
    /// No flag: the next step.
    Next,
    /// `last`: no further step, and the location is looked up anew.
    Last,
    /// `break`: no further step, and the location stays.
    Break,
    /// `redirect` (302), `permanent` (301) or a replacement that is a URL.
    Redirect { status: u16, has_args: bool },
}

/// `if`.
#[derive(Debug)]
pub struct If {
    pub condition: Condition,
    pub steps: Vec<Step>,
    /// In a location: which of its `if_blocks` has the settings that act from then on.
    pub block: Option<usize>,
}

/// What an `if` asks.
#[derive(Debug)]
pub enum Condition {
    /// Neither empty nor `0`.
    IsTrue(Template),
    Equals {
        value: Template,
        text: Template,
        is_negated: bool,
    },
    Matches {
        value: Template,
        pattern: Pattern,
        is_negated: bool,
    },
    File {
        test: FileTest,
        path: Template,
        is_negated: bool,
    },
}

/// `-f`, `-d`, `-e` and `-x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTest {
    File,
    Folder,
    Exists,
    Executable,
}

/// `return`.
#[derive(Debug, Clone)]
pub struct Return {
    /// 444 closes the connection without an answer.
    pub status: u16,
    /// Body, or for 301, 302, 303, 307 and 308 the `Location`.
    pub text: Option<Template>,
}
