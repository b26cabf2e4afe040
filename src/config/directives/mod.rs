//! The table of all directives, by topic: one entry each, and nothing else knows their names.

mod classes;

use super::table::Directive;

pub use classes::{UNBUILT_VARIABLES, unbuilt_variable};

/// Which field of the raw configuration a supported directive is recorded in.
#[derive(Debug, Clone, Copy)]
pub enum Setter {}

/// Every directive.
pub fn all() -> impl Iterator<Item = &'static Directive> {
    classes::TABLES.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::context_names;

    #[test]
    fn no_directive_is_defined_twice_for_a_context() {
        let entries: Vec<_> = all().collect();
        for (at, one) in entries.iter().enumerate() {
            for other in &entries[at + 1..] {
                let shared = one.contexts & other.contexts;
                assert!(one.name != other.name || shared == 0, "{} twice in {}", one.name, context_names(shared));
            }
        }
    }
}
