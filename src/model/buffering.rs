//! How much of a peer's answer is held for a client that takes its time.

use std::path::PathBuf;
use std::sync::Arc;

/// `proxy_buffering` and what goes with it.
#[derive(Debug, Clone, Default)]
pub struct Buffering {
    /// Without it the peer waits while the client takes nothing.
    pub is_on: bool,
    /// `proxy_buffers`: what memory holds of one answer.
    pub buffer_count: usize,
    pub buffer_bytes: usize,
    /// `proxy_busy_buffers_size`.
    pub busy_bytes: Option<usize>,
    /// `proxy_max_temp_file_size`: what a file holds beyond that; 0 is no file.
    pub file_bytes_max: u64,
    /// `proxy_temp_path`: the folder of such files, and the lengths of the names of folders in it.
    pub temp_path: Arc<(PathBuf, Box<[usize]>)>,
}

impl Buffering {
    /// What memory holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.buffer_count.saturating_mul(self.buffer_bytes)
    }

    /// What of the file comes back into memory at once.
    #[must_use]
    pub fn read_back_bytes(&self) -> usize {
        self.busy_bytes.unwrap_or(self.buffer_bytes.saturating_mul(2)).max(1)
    }
}
