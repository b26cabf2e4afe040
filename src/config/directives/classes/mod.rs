//! Directives that are accepted without meaning or refused, by nginx's modules: data only.

use crate::config::table::Directive;

/// One slice for each file of this folder.
pub const TABLES: &[&[Directive]] = &[];
