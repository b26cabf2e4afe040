//! All groups of one generation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::group::{Group, Lease, Tried};
use crate::model::{Http, UpstreamId};

/// Groups by id and by name, shared by all shards.
#[derive(Debug)]
pub struct Groups {
    groups: Box<[Arc<Group>]>,
    /// Blocks only, lower case.
    by_name: HashMap<Box<[u8]>, UpstreamId>,
}

impl Groups {
    /// `previous` is the generation before: a peer with the same address in a group of the same name keeps its health,
    /// and its connections of both generations count together against `max_conns`.
    #[must_use]
    pub fn new(http: &Http, previous: Option<&Self>) -> Self {
        let known: HashMap<(&str, bool), &Arc<Group>> = previous
            .iter()
            .flat_map(|previous| &previous.groups)
            .map(|group| ((&*group.model().name, group.model().is_block), group))
            .collect();
        let mut by_name = HashMap::new();
        let build = |(number, model): (usize, &Arc<crate::model::Upstream>)| {
            if model.is_block {
                // The configuration refuses more groups than ids can number.
                by_name.entry(model.name.as_bytes().to_ascii_lowercase().into()).or_insert(UpstreamId(number as u16));
            }
            Arc::new(Group::new(model, known.get(&(&*model.name, model.is_block)).map(|group| &***group)))
        };
        let groups = http.upstreams.iter().enumerate().map(build).collect();
        Self { groups, by_name }
    }

    /// A group that a `proxy_pass` refers to. `None` only for an id of another generation.
    #[must_use]
    pub fn group(&self, id: UpstreamId) -> Option<&Arc<Group>> {
        self.groups.get(usize::from(id.0))
    }

    /// An `upstream` block by name, compared without case: for `proxy_pass` with variables.
    #[must_use]
    pub fn by_name(&self, name: &[u8]) -> Option<UpstreamId> {
        self.by_name.get(&*name.to_ascii_lowercase()).copied()
    }

    /// See [`Group::pick`].
    #[must_use]
    pub fn pick(&self, id: UpstreamId, tried: &mut Tried, now: Instant) -> Option<Lease> {
        self.group(id)?.pick(tried, now)
    }
}
