//! The list of directives for the README, made from the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::directives;
use super::table::{Class, context_names};

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
