//! Directives that are accepted without meaning or refused, by nginx's modules: data only.
//!
//! The rule: what a client would notice, or what guards something, is refused; what only tunes nginx, restates what
//! happens anyway, or acts only together with something refused is accepted, so that one mistake is one error.

mod access;
mod compression;
mod core;
mod fastcgi;
mod grpc;
mod mail;
mod memcached;
mod monitoring;
mod process;
mod protocols;
mod proxy;
mod rewriting;
mod scgi;
mod stream;
mod tls;
mod upstream;
mod uwsgi;
mod values;
mod variables;

#[cfg(test)]
mod tests;

use crate::config::table::Directive;

pub use variables::{UNBUILT_VARIABLES, unbuilt_variable};

/// One slice for each file of this folder.
pub const TABLES: &[&[Directive]] = &[
    process::TABLE,
    core::TABLE,
    access::TABLE,
    rewriting::TABLE,
    compression::TABLE,
    proxy::TABLE,
    upstream::TABLE,
    tls::TABLE,
    protocols::TABLE,
    monitoring::TABLE,
    values::TABLE,
    fastcgi::TABLE,
    uwsgi::TABLE,
    scgi::TABLE,
    grpc::TABLE,
    memcached::TABLE,
    stream::TABLE,
    mail::TABLE,
];
