//! What the user wrote of compressed answers.

use crate::model::{GzipProxied, Pattern};

/// `gzip` and what goes with it.
#[derive(Debug, Default)]
pub struct RawGzip {
    pub is_on: Option<bool>,
    pub comp_level: Option<u8>,
    /// In lower case; empty for `*`.
    pub types: Option<Vec<String>>,
    pub min_length: Option<usize>,
    pub http_1_0: Option<bool>,
    pub proxied: Option<GzipProxied>,
    pub vary: Option<bool>,
    pub disable: Vec<Pattern>,
    pub disable_msie6: bool,
    pub buffers: Option<(usize, usize)>,
}

impl RawGzip {
    /// Whether nothing was written of what `gzip` goes by.
    #[must_use]
    pub fn has_no_rules(&self) -> bool {
        let Self { is_on: _, comp_level, types, min_length, http_1_0, proxied, vary, disable, disable_msie6, buffers } =
            self;
        comp_level.is_none()
            && types.is_none()
            && min_length.is_none()
            && http_1_0.is_none()
            && proxied.is_none()
            && vary.is_none()
            && disable.is_empty()
            && !disable_msie6
            && buffers.is_none()
    }
}
