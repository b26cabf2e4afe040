//! The configuration dialect: text -> model.
//!
//! In this order: `source` and `lexer` (text, words), `parser` (tree, `include`), `table` and `directives` (what each
//! directive is), `record` (tree -> `raw`, what the user wrote), `resolve` and `listeners` (raw -> model, with
//! inheritance and defaults); `load` runs them, `diagnostic` tells what is wrong. A new directive is one entry in
//! `directives`, one field in `raw`, and one line where its topic is resolved.
//!
//! Knows no socket and no runtime: files and names are reached through traits that the caller implements.

mod address;
mod diagnostic;
mod directives;
mod features;
mod lexer;
mod line;
mod list;
mod listeners;
mod load;
mod names;
mod parser;
mod raw;
mod record;
mod resolve;
mod scope;
mod source;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Severity};
pub use features::configure_arguments;
pub use list::{directive_list_markdown, variable_list_markdown};
pub use load::{Loaded, Request, Text, load};
pub use scope::Resolve;
pub use source::{DiskFiles, Files, MemoryFiles};
