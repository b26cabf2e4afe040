//! The rewrite phase: `rewrite`, `if`, `set`, `break` and `return`, as written and as steps.
//!
//! Knows what a step says, and not how it is run. The settings of an `if` block are resolved with its location.

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawCondition, RawLevel, RawReturn, RawRewrite, RawStep};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::{AfterRewrite, Condition, FileTest, Return, Rewrite, Set, Template};

/// Where steps may stand.
const STEPS: Contexts = SERVER | LOCATION | IF_IN_SERVER | IF_IN_LOCATION;
const CONDITION_HELP: &str = "a condition is `($variable)`, `($variable = text)`, `($variable ~ expression)` or \
                              `(-f file)`, with `!=`, `!~`, `~*`, `!~*`, `!-f`, `-d`, `-e`, `-x`";

pub const TABLE: &[Directive] = &[
    supported(
        "rewrite",
        STEPS,
        TWO_OR_THREE,
        Setter::Level(rewrite),
        "Changes a path that an expression matches; `last`, `break`, `redirect`, `permanent`.",
    ),
    supported(
        "if",
        SERVER | LOCATION,
        block(ONE_OR_MORE),
        Setter::Block(Block::If),
        "Steps, and in a location settings, for requests that a condition holds for.",
    ),
    supported("set", STEPS | STREAM_SERVER, TWO, Setter::Level(set), "Gives a variable a value while a request runs."),
    supported("break", STEPS, NO_ARGS, Setter::Level(record_break), "Ends the steps of the location."),
    supported(
        "return",
        STEPS,
        ONE_OR_TWO,
        Setter::Level(record_return),
        "Answers with a status and a text or the URL of a redirect.",
    ),
    supported(
        "rewrite_log",
        HTTP_LEVELS | IF_IN_SERVER | IF_IN_LOCATION,
        FLAG,
        Setter::Flag(|level| &mut level.rewrite_log),
        "Whether the error log tells of each `rewrite`, as `notice` (off).",
    ),
    supported(
        "uninitialized_variable_warn",
        HTTP_LEVELS | IF_IN_SERVER | IF_IN_LOCATION,
        FLAG,
        Setter::Flag(|level| &mut level.uninitialized_variable_warn),
        "Whether the error log tells of a variable that is used before its `set` (on).",
    ),
];

fn is_url(text: &str) -> bool {
    ["http://", "https://", "$scheme"].iter().any(|start| text.starts_with(start))
}

fn rewrite(level: &mut RawLevel, line: &Line) -> Recorded {
    let (expression, replacement) = (line.arg(0), line.arg(1));
    let pattern = line.env.names.borrow_mut().pattern(&expression.text, false, expression.span)?;
    let then = match line.args().get(2) {
        None if is_url(&replacement.text) => AfterRewrite::Redirect { status: 302, has_args: false },
        None => AfterRewrite::Next,
        Some(word) => match word.text.as_str() {
            "redirect" => AfterRewrite::Redirect { status: 302, has_args: false },
            "permanent" => AfterRewrite::Redirect { status: 301, has_args: false },
            "last" | "break" if is_url(&replacement.text) => AfterRewrite::Redirect { status: 302, has_args: false },
            "last" => AfterRewrite::Last,
            "break" => AfterRewrite::Break,
            _ => return Err(line.invalid_parameter(word).help("`last`, `break`, `redirect` or `permanent`")),
        },
    };
    level.steps.push(RawStep::Rewrite(RawRewrite { pattern, replacement: replacement.clone(), then }));
    Ok(())
}

/// The name of the variable that a line gives a value.
pub fn set_name<'l>(line: &Line<'l>) -> Result<&'l str, Fault> {
    let target = line.arg(0);
    target.text.strip_prefix('$').filter(|name| !name.is_empty()).ok_or_else(|| {
        let fault = Fault::new(target.span, format!("invalid variable name \"{}\"", target.text));
        fault.help(format!("the first argument is the variable, as in `{} $name value;`", line.name()))
    })
}

fn set(level: &mut RawLevel, line: &Line) -> Recorded {
    let name = set_name(line)?;
    line.env.names.borrow_mut().add_set(name, line.arg(0).span)?;
    level.steps.push(RawStep::Set { name: name.to_owned(), value: line.arg(1).clone() });
    Ok(())
}

fn record_break(level: &mut RawLevel, _: &Line) -> Recorded {
    level.steps.push(RawStep::Break);
    Ok(())
}

fn record_return(level: &mut RawLevel, line: &Line) -> Recorded {
    let first = line.arg(0);
    let status = value::number(&first.text).filter(|status| *status <= 999);
    let given = match (status.and_then(|status| u16::try_from(status).ok()), line.args().get(1)) {
        (Some(status), text) => RawReturn { status, text: text.cloned() },
        (None, None) if is_url(&first.text) => RawReturn { status: 302, text: Some(first.clone()) },
        (None, _) => {
            let fault = Fault::new(first.span, format!("invalid return code \"{}\"", first.text));
            return Err(fault.help("a status as in `return 204;`, or a URL as in `return https://$host$request_uri;`"));
        }
    };
    level.steps.push(RawStep::Return(given));
    Ok(())
}

/// The condition of an `if`.
///
/// # Errors
/// It has none of the forms.
pub fn condition(line: &Line) -> Result<RawCondition, Fault> {
    let mut words: Vec<Word> = line.args().to_vec();
    let invalid =
        |word: &Word| Fault::new(word.span, format!("invalid condition \"{}\"", word.text)).help(CONDITION_HELP);
    let Some(first) = words.first_mut().filter(|word| word.text.starts_with('(')) else {
        return Err(invalid(line.arg(0)));
    };
    first.text.remove(0);
    if first.text.is_empty() {
        words.remove(0);
    }
    let Some(last) = words.last_mut().filter(|word| word.text.ends_with(')')) else {
        return Err(invalid(line.args().last().unwrap_or(line.arg(0))));
    };
    last.text.pop();
    if last.text.is_empty() {
        words.pop();
    }
    match words.as_slice() {
        [value] if is_variable(value) => Ok(RawCondition::IsTrue(value.clone())),
        [test, path] if !is_variable(test) => match file_test(&test.text) {
            Some((test, is_negated)) => Ok(RawCondition::File { test, path: path.clone(), is_negated }),
            None => Err(invalid(test)),
        },
        [value, operator, text] if is_variable(value) => {
            let (value, text, is_negated) = (value.clone(), text.clone(), operator.text.starts_with('!'));
            match operator.text.as_str() {
                "=" | "!=" => Ok(RawCondition::Equals { value, text, is_negated }),
                "~" | "~*" | "!~" | "!~*" => {
                    let ignores_case = operator.text.ends_with('*');
                    let pattern = line.env.names.borrow_mut().pattern(&text.text, ignores_case, text.span)?;
                    Ok(RawCondition::Matches { value, pattern, is_negated })
                }
                other => {
                    let message = format!("unexpected \"{other}\" in condition");
                    Err(Fault::new(operator.span, message).help(CONDITION_HELP))
                }
            }
        }
        [first, ..] => Err(invalid(first)),
        [] => Err(invalid(line.arg(0))),
    }
}

fn is_variable(word: &Word) -> bool {
    word.text.len() > 1 && word.text.starts_with('$')
}

fn file_test(text: &str) -> Option<(FileTest, bool)> {
    let (test, is_negated) = match text.strip_prefix('!') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let test = match test {
        "-f" => FileTest::File,
        "-d" => FileTest::Folder,
        "-e" => FileTest::Exists,
        "-x" => FileTest::Executable,
        _ => return None,
    };
    Some((test, is_negated))
}

/// The condition with its variables.
pub fn resolve_condition(raw: RawCondition, scope: &Scope<'_>) -> Condition {
    match raw {
        RawCondition::IsTrue(value) => Condition::IsTrue(scope.template(&value)),
        RawCondition::Equals { value, text, is_negated } => {
            Condition::Equals { value: scope.template(&value), text: scope.template(&text), is_negated }
        }
        RawCondition::Matches { value, pattern, is_negated } => {
            Condition::Matches { value: scope.template(&value), pattern, is_negated }
        }
        RawCondition::File { test, path, is_negated } => {
            Condition::File { test, path: scope.template(&path), is_negated }
        }
    }
}

/// `set` with its variables.
pub fn resolve_set(name: &str, value: &Word, scope: &Scope<'_>) -> Option<Set> {
    let Some(target) = scope.env.names.borrow().set_target(name) else {
        let fault = Fault::new(value.span, format!("the duplicate \"{name}\" variable"));
        scope.env.fault(fault.help(format!("`${name}` has a block that gives it its values: choose another name")));
        return None;
    };
    Some(Set { target, value: scope.template(value) })
}

/// `return` with its variables.
pub fn resolve_return(raw: &RawReturn, scope: &Scope<'_>) -> Return {
    Return { status: raw.status, text: raw.text.as_ref().map(|text| scope.template(text)) }
}

/// `rewrite` with its variables: the first `?` divides path and arguments, one at the very end keeps those of the
/// request away.
pub fn resolve_rewrite(raw: RawRewrite, scope: &Scope<'_>) -> Rewrite {
    let span = raw.replacement.span;
    let (text, keeps_args) = match raw.replacement.text.strip_suffix('?') {
        Some(text) => (text, false),
        None => (raw.replacement.text.as_str(), true),
    };
    let (path, args, then): (&str, Option<Template>, AfterRewrite) = match (raw.then, text.split_once('?')) {
        (AfterRewrite::Redirect { status, .. }, divided) => {
            (text, None, AfterRewrite::Redirect { status, has_args: divided.is_some() })
        }
        (then, Some((path, args))) => (path, Some(scope.template_of(args, span)), then),
        (then, None) => (text, None, then),
    };
    Rewrite { pattern: raw.pattern, path: scope.template_of(path, span), args, keeps_args, then }
}
