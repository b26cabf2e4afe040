//! The configuration dialect: text -> model.
//!
//! Knows no socket and no runtime: files and names are reached through traits that the caller implements.

pub mod directives;
pub mod table;
