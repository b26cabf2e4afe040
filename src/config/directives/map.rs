//! `map`: a variable that is a function of others.

use std::collections::HashMap;

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::parser::Node;
use crate::config::raw::{RawMap, RawMapEntry, RawMapKey, RawServing};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{Map, MapValue, Template};

pub const TABLE: &[Directive] = &[supported(
    "map",
    HTTP | STREAM,
    block(TWO),
    Setter::Serving(map),
    "A variable whose value depends on others: exact values, `hostnames`, expressions, `default`, `volatile`.",
)];

fn map(serving: &mut RawServing, line: &Line) -> Recorded {
    let target = line.arg(1);
    let Some(name) = target.text.strip_prefix('$').filter(|name| !name.is_empty()) else {
        let fault = Fault::new(target.span, format!("invalid variable name \"{}\"", target.text));
        return Err(fault.help("the second argument is the new variable, as in `map $http_upgrade $kind { … }`"));
    };
    line.env.names.borrow_mut().add_map(name, serving.first_map + serving.maps.len(), target.span)?;
    let mut map = RawMap {
        name: name.to_owned(),
        source: line.arg(0).clone(),
        is_hostnames: false,
        is_volatile: false,
        default: None,
        entries: Vec::new(),
    };
    for node in line.block() {
        if let Err(fault) = entry(&mut map, node, line) {
            line.env.fault(fault);
        }
    }
    serving.maps.push(map);
    Ok(())
}

fn entry(map: &mut RawMap, node: &Node, line: &Line) -> Recorded {
    if node.block.is_some() {
        return Err(Fault::new(node.span(), "unexpected \"{\"").help("an entry of a `map` ends with `;`"));
    }
    let key = &node.name;
    let value = match (node.args.as_slice(), key.text.as_str()) {
        ([], "hostnames") => {
            map.is_hostnames = true;
            return Ok(());
        }
        ([], "volatile") => {
            map.is_volatile = true;
            return Ok(());
        }
        ([value], _) => value,
        _ => {
            let fault = Fault::new(node.span(), "invalid number of the map parameters");
            return Err(fault.help("an entry has a value to look for and one to give, as in `websocket upgrade;`"));
        }
    };
    if key.text == "default" {
        if map.default.is_some() {
            return Err(Fault::new(node.span(), "duplicate default map parameter"));
        }
        map.default = Some(value.clone());
        return Ok(());
    }
    let key_of = map_key(key, map.is_hostnames, line)?;
    map.entries.push(RawMapEntry { key: key_of, span: key.span, value: value.clone() });
    Ok(())
}

fn map_key(key: &Word, is_hostnames: bool, line: &Line) -> Result<RawMapKey, Fault> {
    let text = key.text.as_str();
    if let Some(expression) = text.strip_prefix('~') {
        let (expression, ignores_case) = match expression.strip_prefix('*') {
            Some(rest) => (rest, true),
            None => (expression, false),
        };
        let pattern = line.env.names.borrow_mut().pattern(expression, ignores_case, key.span)?;
        return Ok(RawMapKey::Pattern(pattern));
    }
    let lower = text.strip_prefix('\\').unwrap_or(text).to_lowercase();
    if !is_hostnames || text.starts_with('\\') {
        return Ok(RawMapKey::Exact(lower));
    }
    let invalid = || Fault::new(key.span, format!("invalid hostname or wildcard \"{text}\""));
    let found = if let Some(rest) = lower.strip_prefix("*.") {
        RawMapKey::Suffix(rest.to_owned())
    } else if let Some(rest) = lower.strip_prefix('.') {
        RawMapKey::SuffixOrSelf(rest.to_owned())
    } else if let Some(rest) = lower.strip_suffix(".*") {
        RawMapKey::Prefix(rest.to_owned())
    } else {
        RawMapKey::Exact(lower)
    };
    match &found {
        RawMapKey::Exact(name) if !name.contains('*') => Ok(found),
        RawMapKey::Suffix(name) | RawMapKey::SuffixOrSelf(name) | RawMapKey::Prefix(name)
            if !name.is_empty() && !name.contains('*') =>
        {
            Ok(found)
        }
        _ => Err(invalid().help("`*` stands only for the first or the last part, as in `*.example.com`")),
    }
}

/// The map with its values.
pub fn resolve(raw: RawMap, scope: &Scope<'_>) -> Map {
    let mut map = Map {
        name: raw.name.into(),
        source: scope.template(&raw.source),
        hostnames: raw.is_hostnames,
        volatile: raw.is_volatile,
        exact: HashMap::new(),
        suffixes: HashMap::new(),
        prefixes: HashMap::new(),
        patterns: Vec::new(),
        default: raw.default.map_or_else(Template::default, |word| scope.template(&word)),
    };
    for RawMapEntry { key, span, value } in raw.entries {
        let value = scope.template(&value);
        let put = |table: &mut HashMap<Box<[u8]>, MapValue>, name: &str| {
            if table.insert(name.as_bytes().into(), value.clone()).is_some() {
                scope.env.fault(Fault::new(span, format!("conflicting parameter \"{name}\"")));
            }
        };
        match key {
            RawMapKey::Exact(name) => put(&mut map.exact, &name),
            RawMapKey::Suffix(name) => put(&mut map.suffixes, &name),
            RawMapKey::SuffixOrSelf(name) => {
                put(&mut map.exact, &name);
                put(&mut map.suffixes, &name);
            }
            RawMapKey::Prefix(name) => put(&mut map.prefixes, &name),
            RawMapKey::Pattern(pattern) => map.patterns.push((pattern, value)),
        }
    }
    map
}
