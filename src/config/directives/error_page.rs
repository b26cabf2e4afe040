//! `error_page` and `try_files`: where a request goes on inside.

use std::sync::Arc;

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawErrorPage, RawLevel, RawTryFiles};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::{ErrorPage, ErrorPages, LastResort, PageStatus, Target, TryFile, TryFiles};

pub const TABLE: &[Directive] = &[
    supported(
        "error_page",
        HTTP_LEVELS | IF_IN_LOCATION,
        TWO_OR_MORE,
        Setter::Level(error_page),
        "Path, `@name` or URL for statuses, with `=` or `=CODE` for another status. Inherited only by levels that \
         have none.",
    ),
    supported(
        "recursive_error_pages",
        HTTP_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut level.recursive_error_pages),
        "Whether the answer of an error page may have an error page again (off).",
    ),
    supported(
        "try_files",
        SERVER | LOCATION,
        TWO_OR_MORE,
        Setter::Level(try_files),
        "The first of several files or folders that exists, else a path, `@name` or `=CODE`.",
    ),
];

fn error_page(level: &mut RawLevel, line: &Line) -> Recorded {
    let [words @ .., target] = line.args() else { return Err(line.fault("has no target")) };
    let (codes, answers_with) = match words {
        [codes @ .., word] if word.text.starts_with('=') => {
            let status = match &word.text[1..] {
                "" => PageStatus::OfPage,
                text => {
                    let code = value::number(text).and_then(|code| u16::try_from(code).ok());
                    PageStatus::Is(code.filter(|code| *code <= 999).ok_or_else(|| line.unknown_value(word))?)
                }
            };
            if codes.is_empty() {
                return Err(line
                    .unknown_value(word)
                    .help("the statuses come first, as in `error_page 404 =200 /empty.html;`"));
            }
            (codes, status)
        }
        codes => (codes, PageStatus::Same),
    };
    let pages = level.error_pages.get_or_insert_default();
    for word in codes {
        let code = value::number(&word.text).and_then(|code| u16::try_from(code).ok()).filter(|code| *code != 499);
        let status = code.ok_or_else(|| line.unknown_value(word).help("a status from 300 to 599"))?;
        if !(300..=599).contains(&status) {
            let message = format!("value \"{}\" must be between 300 and 599", word.text);
            return Err(Fault::new(word.span, message));
        }
        // The numbers that only nginx has are shown as what they are.
        let answers_with = match (answers_with, status) {
            (PageStatus::Same, 494..=497) => PageStatus::Is(400),
            (answers_with, _) => answers_with,
        };
        pages.push(RawErrorPage { status, answers_with, target: target.clone() });
    }
    Ok(())
}

fn try_files(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.try_files, |line| {
        let [files @ .., last] = line.args() else { return Err(line.fault("has no last parameter")) };
        let status = match last.text.strip_prefix('=') {
            Some(text) => {
                let code = value::number(text).and_then(|code| u16::try_from(code).ok()).filter(|code| *code <= 999);
                let invalid = || Fault::new(last.span, format!("invalid code \"{}\"", last.text));
                Some(code.ok_or_else(|| invalid().help("a status, as in `try_files $uri $uri/ =404;`"))?)
            }
            None => None,
        };
        Ok(RawTryFiles { files: files.to_vec(), last: last.clone(), status })
    })
}

fn target(word: &Word, scope: &Scope<'_>) -> Target {
    match word.text.strip_prefix('@') {
        Some(name) => Target::Named(name.into()),
        None => Target::Uri(scope.template(word)),
    }
}

/// A level's settings over those around it.
pub fn resolve(raw: &RawLevel, around: &ErrorPages, scope: &Scope<'_>) -> ErrorPages {
    let one = |page: &RawErrorPage| ErrorPage {
        status: page.status,
        answers_with: page.answers_with,
        target: target(&page.target, scope),
    };
    ErrorPages {
        pages: match &raw.error_pages {
            Some(pages) => pages.iter().map(one).collect(),
            None => Arc::clone(&around.pages),
        },
        recursive: raw.recursive_error_pages.unwrap_or(around.recursive),
    }
}

/// A level's `try_files`, which no level inherits.
pub fn resolve_try_files(raw: &RawTryFiles, scope: &Scope<'_>) -> TryFiles {
    let one = |word: &Word| {
        let (text, is_folder) = match word.text.strip_suffix('/') {
            Some(text) => (text, true),
            None => (word.text.as_str(), false),
        };
        TryFile { name: scope.template_of(text, word.span), is_folder }
    };
    let last = match raw.status {
        Some(status) => LastResort::Status(status),
        None => LastResort::Target(target(&raw.last, scope)),
    };
    TryFiles { files: raw.files.iter().map(one).collect(), last }
}
