//! The table of all directives, by topic: one entry each, and nothing else knows their names.

pub mod access;
pub mod added_fields;
pub mod body;
pub mod buffering;
pub mod charset;
mod classes;
pub mod client;
pub mod content;
pub mod core;
pub mod error_log;
pub mod error_page;
pub mod geo;
pub mod gzip;
pub mod limit;
pub mod location;
pub mod log;
pub mod map;
pub mod media_types;
pub mod proxy;
pub mod proxy_answer;
pub mod proxy_request;
pub mod proxy_tls;
pub mod ranges;
pub mod rate;
pub mod real_ip;
pub mod resolver;
pub mod rewrite;
pub mod server;
pub mod ssi;
pub mod stream;
mod syslog;
pub mod tls;
mod tls_names;
pub mod tunnel;
pub mod upstream;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::table::{Contexts, Directive};

pub use classes::{UNBUILT_VARIABLES, unbuilt_variable};

/// What is supported, by topic, in the order of the generated list.
pub const SUPPORTED: &[&[Directive]] = &[
    core::TABLE,
    server::TABLE,
    location::TABLE,
    proxy::TABLE,
    proxy_request::TABLE,
    proxy_answer::TABLE,
    proxy_tls::TABLE,
    tls::TABLE,
    buffering::TABLE,
    tunnel::TABLE,
    upstream::TABLE,
    resolver::TABLE,
    map::TABLE,
    geo::TABLE,
    content::TABLE,
    added_fields::TABLE,
    gzip::TABLE,
    ssi::TABLE,
    charset::TABLE,
    rate::TABLE,
    rewrite::TABLE,
    error_page::TABLE,
    client::TABLE,
    body::TABLE,
    access::TABLE,
    limit::TABLE,
    real_ip::TABLE,
    log::TABLE,
    error_log::TABLE,
    stream::TABLE,
];

/// Every directive.
pub fn all() -> impl Iterator<Item = &'static Directive> {
    SUPPORTED.iter().chain(classes::TABLES).copied().flatten()
}

/// All entries of a name.
#[must_use]
pub fn named(name: &str) -> &'static [&'static Directive] {
    static BY_NAME: OnceLock<HashMap<&str, Vec<&'static Directive>>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let mut by_name: HashMap<&str, Vec<&'static Directive>> = HashMap::new();
        for directive in all() {
            by_name.entry(directive.name).or_default().push(directive);
        }
        by_name
    });
    by_name.get(name).map(Vec::as_slice).unwrap_or_default()
}

/// The names that may stand in some contexts.
pub fn names_in(contexts: Contexts) -> impl Iterator<Item = &'static str> {
    all().filter(move |directive| directive.contexts & contexts != 0).map(|directive| directive.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::*;

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

    #[test]
    fn setters_belong_to_the_contexts_of_their_entry() {
        for directive in all() {
            let Class::Supported(setter) = directive.class else { continue };
            let contexts = match setter {
                Setter::Process(_) => MAIN | EVENTS,
                Setter::Level(_) | Setter::Time(_) | Setter::Size(_) | Setter::Number(_) | Setter::Flag(_) => {
                    HTTP_LEVELS | IF_IN_SERVER | IF_IN_LOCATION | LIMIT_EXCEPT | STREAM_LEVELS
                }
                Setter::Serving(_) => HTTP | STREAM,
                Setter::Server(_) => SERVER | STREAM_SERVER,
                Setter::Location(_) => LOCATION | IF_IN_LOCATION | LIMIT_EXCEPT,
                Setter::Upstream(_) => UPSTREAM | STREAM_UPSTREAM,
                Setter::Block(_) | Setter::Include => continue,
            };
            assert_eq!(directive.contexts & !contexts, 0, "{}", directive.name);
            assert!(!directive.doc.is_empty(), "{}", directive.name);
        }
    }
}
