//! Server side includes.

use std::sync::Arc;

use super::media_types;
use crate::config::raw::RawSsi;
use crate::config::table::*;
use crate::model::Ssi;

/// nginx's: a page of memory.
const SUBREQUEST_BUFFER_BYTES: usize = 4 << 10;

pub const TABLE: &[Directive] = &[
    supported(
        "ssi",
        HTTP_LEVELS | IF_IN_LOCATION,
        FLAG,
        Setter::Flag(|level| &mut level.ssi.is_on),
        "Commands in answers, as in `<!--#include virtual=\"/path\" -->`, are carried out (off).",
    ),
    level(
        "ssi_types",
        ONE_OR_MORE,
        |level, line| media_types::record(&mut level.ssi.types, line),
        "Types that are read for commands besides `text/html`; `*` is every type.",
    ),
    level_flag(
        "ssi_silent_errors",
        |level| &mut level.ssi.silent_errors,
        "A command that cannot be carried out leaves nothing in the answer, in place of a message (off).",
    ),
    level_size(
        "ssi_value_length",
        |level| &mut level.ssi.value_bytes,
        "The longest value of a parameter of a command (255).",
    ),
    level_flag(
        "ssi_last_modified",
        |level| &mut level.ssi.last_modified,
        "`Last-Modified` stays, and `ETag` as a weak one (off).",
    ),
    level_size(
        "subrequest_output_buffer_size",
        |level| &mut level.subrequest_buffer_bytes,
        "The longest answer that `set` of an `include` can keep (4k).",
    ),
];

/// Settings of a level, with what levels inside it need to know.
#[derive(Debug, Clone)]
pub struct SsiParts {
    is_on: bool,
    rules: Arc<Ssi>,
    pub subrequest_buffer_bytes: usize,
}

impl Default for SsiParts {
    fn default() -> Self {
        Self { is_on: false, rules: Arc::default(), subrequest_buffer_bytes: SUBREQUEST_BUFFER_BYTES }
    }
}

impl SsiParts {
    /// What acts in the level; `None` where nothing is read for commands.
    #[must_use]
    pub fn settings(&self) -> Option<Arc<Ssi>> {
        self.is_on.then(|| Arc::clone(&self.rules))
    }
}

/// A level's settings over those around it.
#[must_use]
pub fn resolve(raw: &RawSsi, subrequest_buffer_bytes: Option<usize>, around: &SsiParts) -> SsiParts {
    let is_on = raw.is_on.unwrap_or(around.is_on);
    let subrequest_buffer_bytes = subrequest_buffer_bytes.unwrap_or(around.subrequest_buffer_bytes);
    let outer = &around.rules;
    if raw.has_no_rules() {
        return SsiParts { is_on, rules: Arc::clone(outer), subrequest_buffer_bytes };
    }
    let rules = Ssi {
        types: media_types::resolve(raw.types.as_ref(), &outer.types),
        silent_errors: raw.silent_errors.unwrap_or(outer.silent_errors),
        value_bytes: raw.value_bytes.unwrap_or(outer.value_bytes),
        last_modified: raw.last_modified.unwrap_or(outer.last_modified),
    };
    SsiParts { is_on, rules: Arc::new(rules), subrequest_buffer_bytes }
}
