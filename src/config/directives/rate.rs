//! How fast an answer may leave, and the values that such directives share.

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::Line;
use crate::config::names::has_variables;
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::Template;

pub const TABLE: &[Directive] = &[
    supported(
        "limit_rate",
        HTTP_LEVELS | IF_IN_LOCATION,
        ONE,
        Setter::Level(|level, line| line.once(&mut level.limit_rate, size)),
        "Bytes a second that an answer leaves with; `$limit_rate` and `X-Accel-Limit-Rate` take its place (0, no limit).",
    ),
    supported(
        "limit_rate_after",
        HTTP_LEVELS | IF_IN_LOCATION,
        ONE,
        Setter::Level(|level, line| line.once(&mut level.limit_rate_after, size)),
        "Bytes of an answer that leave before `limit_rate` acts (0).",
    ),
];

/// A number of bytes, or what has variables in it.
pub(super) fn size(line: &Line) -> Result<Word, Fault> {
    let word = line.arg(0);
    if !has_variables(word) && value::size(&word.text).is_none() {
        return Err(line.invalid_value(word).help(value::SIZE_HELP));
    }
    Ok(word.clone())
}

/// A level's value over the one around it; empty for 0.
#[must_use]
pub fn resolve(word: Option<&Word>, around: &Template, scope: &Scope<'_>) -> Template {
    match word {
        None => around.clone(),
        Some(word) if value::size(&word.text) == Some(0) => Template::default(),
        Some(word) => scope.template(word),
    }
}
