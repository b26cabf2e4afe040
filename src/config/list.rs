//! The lists of directives and variables for the README, made from the tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::directives;
use super::names;
use super::table::{Class, context_names};
use crate::model::Protocol;

/// Supported directives with their contexts and meaning, then the names that are accepted and those that are refused.
#[must_use]
pub fn directive_list_markdown() -> String {
    let mut out = String::from("| directive | where | meaning (default) |\n|---|---|---|\n");
    for directive in directives::SUPPORTED.iter().copied().flatten() {
        let Class::Supported(_) = directive.class else { continue };
        let doc = directive.doc.replace('|', "\\|");
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| `{}` | {} | {doc} |", directive.name, context_names(directive.contexts));
    }
    let mut accepted = BTreeMap::new();
    let mut refused = BTreeMap::new();
    for directive in directives::all() {
        match directive.class {
            Class::Supported(_) => {}
            Class::Accepted { .. } => drop(accepted.insert(directive.name, ())),
            Class::Refused { .. } | Class::ByValue { .. } => drop(refused.insert(directive.name, ())),
        }
    }
    let _ = write!(
        out,
        "\nAccepted with a warning that says why nothing changes: {} directives. Refused with the reason and the way \
         out, at least with some of their values: {} directives.\n",
        accepted.len(),
        refused.len()
    );
    out
}

/// Supported variables, then nginx's others with the reason why they are none here.
#[must_use]
pub fn variable_list_markdown() -> String {
    let supported: Vec<String> = names::variable_names(Protocol::Http).map(|name| format!("`${name}`")).collect();
    let in_stream: Vec<String> = names::variable_names(Protocol::Stream).map(|name| format!("`${name}`")).collect();
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, why) in directives::UNBUILT_VARIABLES {
        let rest = if name.ends_with('_') { "NAME" } else { "" };
        reasons.entry(why).or_default().push(format!("`${name}{rest}`"));
    }
    let mut out = format!("In `stream`: {}.\n\nIn `http`: {}", in_stream.join(", "), supported.join(", "))
        + "; `$1` to `$9`, and those that `map`, `geo`, `split_clients`, `set` and named \
         groups of expressions make.\n\n| refused | why |\n|---|---|\n";
    for (why, names) in reasons {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| {} | {why} |", names.join(", "));
    }
    out
}
