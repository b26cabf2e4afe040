//! Fields added to answers: `add_header`, `add_trailer`, `expires`.

use std::sync::Arc;

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::names::has_variables;
use crate::config::raw::{RawAddHeader, RawAdded, RawExpires, RawInherit, RawLevel};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::{AddHeader, AddedFields, Expires, Expiry};

const fn level(
    name: &'static str,
    arity: Arity,
    set: fn(&mut RawLevel, &Line) -> Recorded,
    doc: &'static str,
) -> Directive {
    supported(name, HTTP_LEVELS | IF_IN_LOCATION, arity, Setter::Level(set), doc)
}

pub const TABLE: &[Directive] = &[
    level(
        "add_header",
        TWO_OR_THREE,
        |level, line| added(line).map(|field| level.added.headers.push(field)),
        "Adds a field to answers; `always` also to errors. Inherited only by levels that have none.",
    ),
    level(
        "add_header_inherit",
        ONE,
        |level, line| inherit(&mut level.added.header_inherit, line),
        "Whether a level has the `add_header` lines around it: `off`, `on` (if it has none), `merge` (on).",
    ),
    level(
        "add_trailer",
        TWO_OR_THREE,
        |level, line| added(line).map(|field| level.added.trailers.push(field)),
        "Adds a field behind the body of answers, for HTTP/1.1; inherited as `add_header` is.",
    ),
    level(
        "add_trailer_inherit",
        ONE,
        |level, line| inherit(&mut level.added.trailer_inherit, line),
        "The same for `add_trailer` (on).",
    ),
    level(
        "expires",
        ONE_OR_TWO,
        expires,
        "`Expires` and `Cache-Control` by a time, `modified` and a time, `@TIME`, `epoch` or `max` (off).",
    ),
];

fn added(line: &Line) -> Result<RawAddHeader, Fault> {
    let always = match line.args().get(2) {
        None => false,
        Some(word) if word.text == "always" => true,
        Some(word) => return Err(line.invalid_parameter(word).help("the third argument can only be `always`")),
    };
    let (name, value) = field(line)?;
    Ok(RawAddHeader { name, value, always })
}

/// A name and a value that are written into a head. nginx writes a line break as it is; here it becomes the space that
/// RFC 9112 5.2 puts in its place, for another byte would begin a field or end the head.
pub(super) fn field(line: &Line) -> Result<(Word, Word), Fault> {
    let (name, mut value) = (line.arg(0).clone(), line.arg(1).clone());
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.text.is_empty() || !name.text.bytes().all(is_token) {
        let fault = Fault::new(name.span, format!("invalid field name \"{}\"", name.text.escape_debug()));
        return Err(fault.help("a name has letters, digits and `-`, as in `X-Forwarded-For`"));
    }
    if value.text.contains(['\r', '\n']) {
        let message = format!("line breaks in the value of \"{}\" become spaces", name.text);
        line.env.warn(Fault::new(value.span, message));
        let parts: Vec<&str> = value.text.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect();
        value.text = parts.join(" ");
    }
    Ok((name, value))
}

fn inherit(field: &mut Option<RawInherit>, line: &Line) -> Recorded {
    line.once(field, |line| match line.arg(0).text.to_ascii_lowercase().as_str() {
        "off" => Ok(RawInherit::Off),
        "on" => Ok(RawInherit::On),
        "merge" => Ok(RawInherit::Merge),
        other => {
            let fault = Fault::new(line.arg(0).span, format!("invalid value \"{other}\""));
            Err(fault.help("`off`, `on` or `merge`"))
        }
    })
}

fn expires(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.added.expires, |line| {
        let (word, after_change) = match line.args() {
            [modified, word] if modified.text == "modified" => (word, true),
            [other, _] => return Err(line.invalid_value(other).help("before a time there can only be `modified`")),
            _ => (line.arg(0), false),
        };
        if has_variables(word) {
            return Ok(RawExpires::Evaluated { after_change, value: word.clone() });
        }
        Expiry::parse(&word.text, after_change).map(RawExpires::At).map_err(|error| {
            Fault::new(word.span, format!("\"{}\" directive {}", line.name(), error.phrase())).help(value::TIME_HELP)
        })
    })
}

/// Settings of a level, with what levels inside it need to know.
#[derive(Debug, Clone, Default)]
pub struct AddedParts {
    pub fields: AddedFields,
    header_inherit: RawInherit,
    trailer_inherit: RawInherit,
}

/// A level's settings over those around it.
pub fn resolve(raw: &RawAdded, around: &AddedParts, scope: &Scope<'_>) -> AddedParts {
    let header_inherit = raw.header_inherit.unwrap_or(around.header_inherit);
    let trailer_inherit = raw.trailer_inherit.unwrap_or(around.trailer_inherit);
    let fields = AddedFields {
        headers: lines(&raw.headers, &around.fields.headers, header_inherit, scope),
        trailers: lines(&raw.trailers, &around.fields.trailers, trailer_inherit, scope),
        expires: match &raw.expires {
            None => around.fields.expires.clone(),
            Some(RawExpires::At(None)) => Expires::Off,
            Some(RawExpires::At(Some(expiry))) => Expires::At(*expiry),
            Some(RawExpires::Evaluated { after_change, value }) => {
                Expires::Evaluated { after_change: *after_change, value: scope.template(value) }
            }
        },
    };
    AddedParts { fields, header_inherit, trailer_inherit }
}

fn lines(raw: &[RawAddHeader], around: &Arc<[AddHeader]>, inherit: RawInherit, scope: &Scope<'_>) -> Arc<[AddHeader]> {
    let one = |given: &RawAddHeader| AddHeader {
        name: given.name.text.as_bytes().into(),
        value: scope.template(&given.value),
        always: given.always,
    };
    match inherit {
        RawInherit::On | RawInherit::Merge if raw.is_empty() => Arc::clone(around),
        RawInherit::Off | RawInherit::On => raw.iter().map(one).collect(),
        RawInherit::Merge => raw.iter().map(one).chain(around.iter().cloned()).collect(),
    }
}
