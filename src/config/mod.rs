//! The configuration dialect: text -> model.
//!
//! Knows no socket and no runtime: files and names are reached through traits that the caller implements.

pub mod directives;
mod features;
pub mod table;

pub use features::configure_arguments;
