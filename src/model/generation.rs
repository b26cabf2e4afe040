//! One loaded configuration.

use std::sync::Arc;

use super::{Listener, Map, Process, Upstream};

/// Everything one configuration says. Built once, shared by all shards, replaced as a whole on reload.
#[derive(Debug)]
pub struct Generation {
    /// Counts up from 1 with each successful load.
    pub number: u64,
    pub process: Process,
    pub http: Http,
}

/// The `http` block.
#[derive(Debug, Default)]
pub struct Http {
    pub listeners: Vec<Listener>,
    /// Indexed by [`super::UpstreamId`]: the `upstream` blocks and one group for each address or name in a `proxy_pass`.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Indexed by [`super::MapId`].
    pub maps: Vec<Map>,
    /// How many [`super::SlotId`] there are: variables that a request gives a value (named captures).
    pub slot_count: usize,
}
