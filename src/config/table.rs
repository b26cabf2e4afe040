//! What a directive is: name, contexts, arity, class and documentation, as one line of data each.
//!
//! Three classes (and nothing else: no directive is ignored in silence): *supported* ones say which setter records
//! them; *accepted* ones change nothing here and say why, as one warning; *refused* ones are an error that says why and
//! what to do instead. Some are accepted or refused by their value (`off`). Knows neither the tree nor the model.

use std::time::Duration;

use super::line::{Line, Recorded};
use super::raw::{RawLevel, RawLocation, RawProcess, RawServer, RawServing, RawUpstream};

/// A set of contexts, as bits.
pub type Contexts = u32;

pub const MAIN: Contexts = 1;
pub const EVENTS: Contexts = 1 << 1;
pub const HTTP: Contexts = 1 << 2;
pub const SERVER: Contexts = 1 << 3;
pub const LOCATION: Contexts = 1 << 4;
/// `upstream` in `http`.
pub const UPSTREAM: Contexts = 1 << 5;
/// `if` in `server`.
pub const IF_IN_SERVER: Contexts = 1 << 6;
/// `if` in `location`.
pub const IF_IN_LOCATION: Contexts = 1 << 7;
pub const LIMIT_EXCEPT: Contexts = 1 << 8;
pub const STREAM: Contexts = 1 << 9;
pub const STREAM_SERVER: Contexts = 1 << 10;
pub const STREAM_UPSTREAM: Contexts = 1 << 11;
pub const MAIL: Contexts = 1 << 12;
pub const MAIL_SERVER: Contexts = 1 << 13;
/// `types { … }`: any name, one or more extensions.
pub const TYPES: Contexts = 1 << 14;
/// `map … { … }`.
pub const MAP: Contexts = 1 << 15;

/// `http`, `server` and `location`: where most settings may stand.
pub const HTTP_LEVELS: Contexts = HTTP | SERVER | LOCATION;
/// The same in `stream`.
pub const STREAM_LEVELS: Contexts = STREAM | STREAM_SERVER;

/// Contexts in the order in which documentation names them.
const CONTEXT_NAMES: &[(Contexts, &str)] = &[
    (MAIN, "main"),
    (EVENTS, "events"),
    (HTTP, "http"),
    (SERVER, "server"),
    (LOCATION, "location"),
    (UPSTREAM, "upstream"),
    (IF_IN_SERVER, "if in server"),
    (IF_IN_LOCATION, "if in location"),
    (LIMIT_EXCEPT, "limit_except"),
    (STREAM, "stream"),
    (STREAM_SERVER, "stream server"),
    (STREAM_UPSTREAM, "stream upstream"),
    (MAIL, "mail"),
    (MAIL_SERVER, "mail server"),
    (TYPES, "types"),
    (MAP, "map"),
];

/// The names of a set of contexts: `http, server, location`.
#[must_use]
pub fn context_names(contexts: Contexts) -> String {
    let names: Vec<&str> = CONTEXT_NAMES.iter().filter(|(bit, _)| contexts & bit != 0).map(|(_, name)| *name).collect();
    names.join(", ")
}

/// How many arguments a directive takes, whether they are `on`/`off`, and whether a block follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arity {
    pub min: usize,
    pub max: usize,
    /// Counts between `min` and `max` that are not allowed (nginx's TAKE13), as bits.
    pub except: u32,
    /// The one argument is `on` or `off`.
    pub flag: bool,
    /// A `{ … }` follows.
    pub block: bool,
}

pub const NO_ARGS: Arity = between(0, 0);
pub const ONE: Arity = between(1, 1);
pub const TWO: Arity = between(2, 2);
pub const THREE: Arity = between(3, 3);
pub const NONE_OR_ONE: Arity = between(0, 1);
pub const ONE_OR_TWO: Arity = between(1, 2);
pub const ONE_TO_THREE: Arity = between(1, 3);
pub const ONE_TO_FOUR: Arity = between(1, 4);
pub const ONE_OR_THREE: Arity = Arity { except: 1 << 2, ..between(1, 3) };
pub const TWO_OR_THREE: Arity = between(2, 3);
pub const ONE_OR_MORE: Arity = between(1, usize::MAX);
pub const TWO_OR_MORE: Arity = between(2, usize::MAX);
pub const ANY: Arity = between(0, usize::MAX);
/// Exactly `on` or `off`.
pub const FLAG: Arity = Arity { flag: true, ..between(1, 1) };

/// From `min` to `max` arguments.
#[must_use]
pub const fn between(min: usize, max: usize) -> Arity {
    Arity { min, max, except: 0, flag: false, block: false }
}

/// The same with a block after the arguments.
#[must_use]
pub const fn block(arity: Arity) -> Arity {
    Arity { block: true, ..arity }
}

impl Arity {
    /// Whether that many arguments are right.
    #[must_use]
    pub fn allows(&self, count: usize) -> bool {
        let excepted = count < 32 && self.except & (1 << count) != 0;
        count >= self.min && count <= self.max && !excepted
    }
}

/// One directive in some contexts. The same name may stand in several entries if their contexts differ.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    pub name: &'static str,
    pub contexts: Contexts,
    pub arity: Arity,
    pub class: Class,
    /// One line for the generated list; empty for classes whose reason says it all.
    pub doc: &'static str,
}

/// What records a supported directive, by what it is recorded in.
#[derive(Debug, Clone, Copy)]
pub enum Setter {
    /// In the main context and in `events`.
    Process(fn(&mut RawProcess, &Line) -> Recorded),
    /// In `http`, `server` or `location`, in `if` and `limit_except`, and in `stream` and its servers.
    Level(fn(&mut RawLevel, &Line) -> Recorded),
    /// The same for a field of such a level that holds the one argument as it is.
    Time(fn(&mut RawLevel) -> &mut Option<Duration>),
    Size(fn(&mut RawLevel) -> &mut Option<usize>),
    Number(fn(&mut RawLevel) -> &mut Option<u64>),
    Flag(fn(&mut RawLevel) -> &mut Option<bool>),
    /// In `http` or `stream` itself.
    Serving(fn(&mut RawServing, &Line) -> Recorded),
    Server(fn(&mut RawServer, &Line) -> Recorded),
    Location(fn(&mut RawLocation, &Line) -> Recorded),
    Upstream(fn(&mut RawUpstream, &Line) -> Recorded),
    Block(Block),
    /// `include`: the parser has put the files in its place.
    Include,
}

/// A block whose directives have entries of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    Events,
    Http,
    Stream,
    Server,
    Location,
    Upstream,
    If,
    LimitExcept,
}

/// What becomes of a directive.
#[derive(Debug, Clone, Copy)]
pub enum Class {
    Supported(Setter),
    /// Nothing changes; `why` completes "`name` changes nothing here: …".
    Accepted {
        why: &'static str,
    },
    /// `reason` completes "`name` is refused: …"; `instead` is the way out, a sentence.
    Refused {
        reason: &'static str,
        instead: &'static str,
    },
    /// Accepted with `why` for the `harmless` values (see [`is_harmless`]), refused with the other two for the rest.
    ByValue {
        harmless: &'static [&'static str],
        why: &'static str,
        reason: &'static str,
        instead: &'static str,
    },
}

/// Whether the arguments of a line, joined by one space, are one of the values that change nothing.
#[must_use]
pub fn is_harmless(harmless: &[&str], arguments: &str) -> bool {
    harmless.iter().any(|value| value.eq_ignore_ascii_case(arguments))
}

/// A directive that is recorded by `setter`.
#[must_use]
pub const fn supported(
    name: &'static str,
    contexts: Contexts,
    arity: Arity,
    setter: Setter,
    doc: &'static str,
) -> Directive {
    Directive { name, contexts, arity, class: Class::Supported(setter), doc }
}

impl Directive {
    /// The same in further contexts.
    #[must_use]
    pub const fn also(self, contexts: Contexts) -> Self {
        Self { contexts: self.contexts | contexts, ..self }
    }
}

/// A directive of `http`, `server` and `location`.
#[must_use]
pub const fn level(
    name: &'static str,
    arity: Arity,
    set: fn(&mut RawLevel, &Line) -> Recorded,
    doc: &'static str,
) -> Directive {
    supported(name, HTTP_LEVELS, arity, Setter::Level(set), doc)
}

/// The same with a time as its value.
#[must_use]
pub const fn level_time(
    name: &'static str,
    field: fn(&mut RawLevel) -> &mut Option<Duration>,
    doc: &'static str,
) -> Directive {
    supported(name, HTTP_LEVELS, ONE, Setter::Time(field), doc)
}

/// With a number of bytes.
#[must_use]
pub const fn level_size(
    name: &'static str,
    field: fn(&mut RawLevel) -> &mut Option<usize>,
    doc: &'static str,
) -> Directive {
    supported(name, HTTP_LEVELS, ONE, Setter::Size(field), doc)
}

/// With a number.
#[must_use]
pub const fn level_number(
    name: &'static str,
    field: fn(&mut RawLevel) -> &mut Option<u64>,
    doc: &'static str,
) -> Directive {
    supported(name, HTTP_LEVELS, ONE, Setter::Number(field), doc)
}

/// With `on` or `off`.
#[must_use]
pub const fn level_flag(
    name: &'static str,
    field: fn(&mut RawLevel) -> &mut Option<bool>,
    doc: &'static str,
) -> Directive {
    supported(name, HTTP_LEVELS, FLAG, Setter::Flag(field), doc)
}

/// A directive that may stand in a file and changes nothing. A block that belongs to it is not read.
#[must_use]
pub const fn accepted(name: &'static str, contexts: Contexts, arity: Arity, why: &'static str) -> Directive {
    Directive { name, contexts, arity, class: Class::Accepted { why }, doc: "" }
}

/// A directive whose silent absence would change what a file means. A block that belongs to it is not read.
#[must_use]
pub const fn refused(
    name: &'static str,
    contexts: Contexts,
    arity: Arity,
    reason: &'static str,
    instead: &'static str,
) -> Directive {
    Directive { name, contexts, arity, class: Class::Refused { reason, instead }, doc: "" }
}

/// A directive that changes nothing with the `harmless` values, such as `off`, and is refused with any other.
#[must_use]
pub const fn by_value(
    name: &'static str,
    contexts: Contexts,
    arity: Arity,
    harmless: &'static [&'static str],
    why: &'static str,
    reason: &'static str,
    instead: &'static str,
) -> Directive {
    Directive { name, contexts, arity, class: Class::ByValue { harmless, why, reason, instead }, doc: "" }
}
