//! `map`: a variable that is a function of others.

use std::collections::HashMap;

use super::{Pattern, Template};

/// One `map` block. Looked up in the order of the fields, the longest key of a field first; keys are
/// lower case.
#[derive(Debug)]
pub struct Map {
    /// Name of the variable, without `$`.
    pub name: Box<str>,
    pub source: Template,
    /// The source is a host name: one trailing dot is ignored (`hostnames`).
    pub hostnames: bool,
    /// The value is found anew at each use (`volatile`).
    pub volatile: bool,
    pub exact: HashMap<Box<[u8]>, MapValue>,
    /// `*.example.com` and `.example.com` as `example.com` (with `hostnames`): names below it. The name itself, which
    /// `.example.com` stands for too, is in `exact`.
    pub suffixes: HashMap<Box<[u8]>, MapValue>,
    /// `example.*` as `example` (with `hostnames`).
    pub prefixes: HashMap<Box<[u8]>, MapValue>,
    /// In the order of the file; the first that matches wins.
    pub patterns: Vec<(Pattern, MapValue)>,
    pub default: MapValue,
}

/// What a source maps to.
pub type MapValue = Template;
