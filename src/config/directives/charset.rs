//! The character set that answers are said to be in. None is changed into another.

use super::media_types;
use crate::config::lexer::Word;
use crate::config::names::has_variables;
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{MediaTypes, Template};

/// nginx's list.
const TYPES: [&[u8]; 6] =
    [b"text/html", b"text/xml", b"text/plain", b"text/vnd.wap.wml", b"application/javascript", b"application/rss+xml"];

pub const TABLE: &[Directive] = &[
    supported(
        "charset",
        HTTP_LEVELS | IF_IN_LOCATION,
        ONE,
        Setter::Level(|level, line| line.once(&mut level.charset, |line| Ok(line.arg(0).clone()))),
        "Character set that `Content-Type` names where it has no parameters, but for 301 and 302 (off).",
    ),
    supported(
        "charset_types",
        HTTP_LEVELS,
        ONE_OR_MORE,
        Setter::Level(|level, line| media_types::record(&mut level.charset_types, line)),
        "Types that `charset` acts on besides `text/html`; `*` is every type (text/xml text/plain text/vnd.wap.wml \
         application/javascript application/rss+xml).",
    ),
];

/// Types that are labelled where the user lists none.
#[must_use]
pub fn types() -> MediaTypes {
    MediaTypes(Some(TYPES.iter().map(|name| (*name).into()).collect()))
}

/// A level's character set over the one around it; empty for none.
#[must_use]
pub fn resolve(word: Option<&Word>, around: &Template, scope: &mut Scope<'_>) -> Template {
    match word {
        None => around.clone(),
        Some(word) if word.text == "off" => Template::default(),
        Some(word) => {
            if !has_variables(word) && !scope.charsets.iter().any(|known| **known == *word.text) {
                scope.charsets.push(word.text.as_str().into());
            }
            scope.template(word)
        }
    }
}
