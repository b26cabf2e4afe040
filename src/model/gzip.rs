//! Which answers leave compressed.

use std::sync::Arc;

use super::{MediaTypes, Pattern};
use crate::limits::{BODY_BUFFER_BYTES, GZIP_PIECE_BYTES_MIN};

/// `gzip` and what goes with it.
#[derive(Debug, Clone)]
pub struct Gzip {
    /// From 1 to 9.
    pub comp_level: u8,
    /// `gzip_types`.
    pub types: MediaTypes,
    /// Answers that are known to be shorter leave as they are.
    pub min_length: u64,
    /// `gzip_http_version 1.0`.
    pub http_1_0: bool,
    pub proxied: GzipProxied,
    pub vary: bool,
    /// `gzip_disable`: clients that get plain answers by their `User-Agent`.
    pub disable: Arc<[Pattern]>,
    /// `gzip_disable msie6`.
    pub disable_msie6: bool,
    /// `gzip_buffers`, number times size.
    pub buffers_bytes: usize,
}

impl Default for Gzip {
    /// nginx's defaults.
    fn default() -> Self {
        Self {
            comp_level: 1,
            types: MediaTypes::default(),
            min_length: 20,
            http_1_0: false,
            proxied: GzipProxied { off: true, ..GzipProxied::default() },
            vary: false,
            disable: Arc::new([]),
            disable_msie6: false,
            buffers_bytes: 128 << 10,
        }
    }
}

impl Gzip {
    /// Compressed bytes that are made before they leave.
    #[must_use]
    pub fn piece_bytes(&self) -> usize {
        self.buffers_bytes.clamp(GZIP_PIECE_BYTES_MIN, BODY_BUFFER_BYTES)
    }
}

/// `gzip_proxied`: which answers are compressed for requests that came through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GzipProxied {
    pub off: bool,
    pub expired: bool,
    pub no_cache: bool,
    pub no_store: bool,
    pub private: bool,
    pub no_last_modified: bool,
    pub no_etag: bool,
    pub auth: bool,
    pub any: bool,
}
