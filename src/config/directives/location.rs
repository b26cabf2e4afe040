//! `location`: what it matches, where it may stand, and `internal`.

use std::collections::HashMap;

use crate::config::diagnostic::Fault;
use crate::config::line::{Env, Line};
use crate::config::raw::{RawLocation, RawMatching};
use crate::config::source::{Sources, Span};
use crate::config::table::*;

pub const TABLE: &[Directive] = &[
    supported(
        "location",
        SERVER | LOCATION,
        block(ONE_OR_TWO),
        Setter::Block(Block::Location),
        "Settings for paths: prefix, `=`, `^~`, `~`, `~*`, `@name`; may be nested.",
    ),
    supported(
        "internal",
        LOCATION,
        NO_ARGS,
        Setter::Location(|location, line| line.once(&mut location.internal, |_| Ok(true))),
        "Requests from outside get 404 here.",
    ),
    supported(
        "limit_except",
        LOCATION,
        block(ONE_OR_MORE),
        Setter::Block(Block::LimitExcept),
        "Settings for all methods but these.",
    ),
];

/// The head of a `location`: modifier and name.
///
/// # Errors
/// nginx's, for the modifier or the expression.
pub fn head(line: &Line) -> Result<RawLocation, Fault> {
    const MODIFIERS: [&str; 4] = ["=", "^~", "~*", "~"];
    let first = line.arg(0);
    let (modifier, name, span) = match line.args().get(1) {
        Some(second) => {
            let Some(modifier) = MODIFIERS.iter().find(|known| **known == first.text) else {
                let fault = Fault::new(first.span, format!("invalid location modifier \"{}\"", first.text));
                return Err(fault.help("`=`, `^~`, `~` or `~*`"));
            };
            (*modifier, second.text.as_str(), second.span)
        }
        None => match MODIFIERS.iter().find_map(|known| Some((*known, first.text.strip_prefix(known)?))) {
            Some((modifier, name)) => (modifier, name, first.span),
            None => ("", first.text.as_str(), first.span),
        },
    };
    let matching = match modifier {
        "=" => RawMatching::Exact,
        "^~" => RawMatching::PrefixBeforeRegex,
        "~" | "~*" => RawMatching::Regex(line.env.names.borrow_mut().pattern(name, modifier == "~*", span)?),
        _ if name.starts_with('@') => RawMatching::Named,
        _ => RawMatching::Prefix,
    };
    Ok(RawLocation::new(line.span(), name.to_owned(), matching))
}

/// The methods of a `limit_except`.
///
/// # Errors
/// One is no method.
pub fn limited_methods(line: &Line) -> Result<Vec<String>, Fault> {
    const METHODS: [&str; 15] = [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "MKCOL",
        "COPY",
        "MOVE",
        "OPTIONS",
        "PROPFIND",
        "PROPPATCH",
        "LOCK",
        "UNLOCK",
        "PATCH",
        "CONNECT",
    ];
    let mut methods = Vec::new();
    for word in line.args() {
        let name = word.text.to_ascii_uppercase();
        if !METHODS.contains(&name.as_str()) {
            return Err(Fault::new(word.span, format!("invalid method \"{}\"", word.text)));
        }
        if name == "GET" {
            methods.push("HEAD".to_owned());
        }
        methods.push(name);
    }
    Ok(methods)
}

/// Whether `inner` may stand in `outer`, by nginx's rules.
///
/// # Errors
/// It may not.
pub fn check_nested(inner: &RawLocation, outer: &RawLocation) -> Result<(), Fault> {
    let (name, around) = (&inner.name, &outer.name);
    let inside = |what: &str| {
        Fault::new(inner.span, format!("location \"{name}\" cannot be inside the {what} location \"{around}\""))
            .also(outer.span, "the outer one")
    };
    match outer.matching {
        RawMatching::Exact => return Err(inside("exact")),
        RawMatching::Named => return Err(inside("named")),
        RawMatching::Prefix | RawMatching::PrefixBeforeRegex | RawMatching::Regex(_) | RawMatching::Inner => {}
    }
    match inner.matching {
        RawMatching::Named => {
            let message = format!("named location \"{name}\" can be on the server level only");
            Err(Fault::new(inner.span, message).help("move it out to the `server`"))
        }
        RawMatching::Exact | RawMatching::Prefix | RawMatching::PrefixBeforeRegex if !name.starts_with(around) => {
            let fault = Fault::new(inner.span, format!("location \"{name}\" is outside location \"{around}\""));
            Err(fault.also(outer.span, "the outer one").help("a nested location begins with the path of the outer one"))
        }
        RawMatching::Exact
        | RawMatching::Prefix
        | RawMatching::PrefixBeforeRegex
        | RawMatching::Regex(_)
        | RawMatching::Inner => Ok(()),
    }
}

/// Notes locations of one level that match the same.
pub fn check_duplicates(locations: &[RawLocation], env: &Env, sources: &Sources) {
    let mut seen: HashMap<(&str, &str), Span> = HashMap::new();
    for location in locations {
        let kind = match location.matching {
            RawMatching::Exact => "exact",
            RawMatching::Prefix | RawMatching::PrefixBeforeRegex => "prefix",
            RawMatching::Named => "named",
            // The first expression that matches wins, and nginx takes the same one twice.
            RawMatching::Regex(_) | RawMatching::Inner => continue,
        };
        if let Some(earlier) = seen.insert((kind, &location.name), location.span) {
            let message = format!("duplicate location \"{}\"", location.name);
            let earlier_place = format!("the first one is{}", sources.place(earlier));
            env.fault(Fault::new(location.span, message).also(earlier, "the first one").help(earlier_place));
        }
        check_duplicates(&location.children, env, sources);
    }
    for location in locations.iter().filter(|location| matches!(location.matching, RawMatching::Regex(_))) {
        check_duplicates(&location.children, env, sources);
    }
}
