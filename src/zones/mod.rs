//! What `limit_conn` and `limit_req` know of keys, shared by all shards and kept over reloads, so that limits are exact.
//!
//! A key lives in one lane of its zone, behind a short lock; a zone never takes more memory than it may. Knows no
//! request: a key is bytes, and time is an argument.

mod connections;
mod lru;
mod requests;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

pub use connections::{Connections, Place};
pub use requests::Requests;

use crate::limits::{ZONE_LANE_BYTES, ZONE_LANES_MAX};
use crate::model::{self, Counts, Serving, ZoneId};

/// All zones of one generation.
pub struct Zones(Box<[Zone]>);

struct Zone {
    protocol: model::Protocol,
    name: Box<str>,
    key_text: Box<str>,
    bytes_max: usize,
    memory: Memory,
}

#[derive(Clone)]
enum Memory {
    Connections(Arc<Connections>),
    Requests(Arc<Requests>),
}

/// Why a key was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its limit is reached; for requests, how far above its rate it would be.
    Limit { excess: u64 },
    /// The zone has no memory for one more key.
    Full,
}

impl Zones {
    /// `previous` is the generation before: a zone of the same name, key, size and kind goes on as it is.
    #[must_use]
    pub fn new(serving: &Serving, previous: Option<&Self>) -> Self {
        let build = |zone: &model::Zone| {
            let known = previous.into_iter().flat_map(|previous| &*previous.0).find(|known| known.goes_on_as(zone));
            let memory = known.map_or_else(|| Memory::new(zone), |known| known.memory.clone());
            Zone {
                protocol: zone.protocol,
                name: zone.name.clone(),
                key_text: zone.key_text.clone(),
                bytes_max: zone.bytes_max,
                memory,
            }
        };
        Self(serving.zones.iter().map(build).collect())
    }

    /// A zone of `limit_conn_zone`; `None` for one of another kind or generation.
    #[must_use]
    pub fn connections(&self, id: ZoneId) -> Option<&Arc<Connections>> {
        match &self.0.get(usize::from(id.0))?.memory {
            Memory::Connections(connections) => Some(connections),
            Memory::Requests(_) => None,
        }
    }

    /// A zone of `limit_req_zone`; `None` for one of another kind or generation.
    #[must_use]
    pub fn requests(&self, id: ZoneId) -> Option<&Requests> {
        match &self.0.get(usize::from(id.0))?.memory {
            Memory::Requests(requests) => Some(requests),
            Memory::Connections(_) => None,
        }
    }
}

impl Zone {
    fn goes_on_as(&self, zone: &model::Zone) -> bool {
        let same_kind = match (&self.memory, zone.counts) {
            (Memory::Connections(_), Counts::Connections) | (Memory::Requests(_), Counts::Requests { .. }) => true,
            (Memory::Connections(_), Counts::Requests { .. }) | (Memory::Requests(_), Counts::Connections) => false,
        };
        same_kind
            && self.protocol == zone.protocol
            && (&self.name, &self.key_text, self.bytes_max) == (&zone.name, &zone.key_text, zone.bytes_max)
    }
}

impl Memory {
    fn new(zone: &model::Zone) -> Self {
        match zone.counts {
            Counts::Connections => Self::Connections(Arc::new(Connections::new(zone.bytes_max))),
            Counts::Requests { .. } => Self::Requests(Arc::new(Requests::new(zone.bytes_max))),
        }
    }
}

/// How many locks a zone of that size has: a small one has one, so that its memory is used in full.
fn lane_count(bytes_max: usize) -> usize {
    (bytes_max / ZONE_LANE_BYTES).clamp(1, ZONE_LANES_MAX)
}

fn lane_of(hasher: &RandomState, key: &[u8], count: usize) -> usize {
    // The count is far below 2^32.
    (hasher.hash_one(key) >> 32) as usize % count
}

#[cfg(test)]
mod tests;
