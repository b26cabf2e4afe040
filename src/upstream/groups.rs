//! All groups of one generation.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::changing::Changing;
use super::group::{Group, Lease, Tried};
use crate::model::{Protocol, Serving, UpstreamId};

/// Groups by id and by name, shared by all shards.
#[derive(Debug)]
pub struct Groups {
    groups: Box<[Kind]>,
    /// Blocks by their names; what a `proxy_pass` names by host and port. Lower case.
    by_name: HashMap<Protocol, HashMap<Box<[u8]>, UpstreamId>>,
}

/// A group's place.
#[derive(Debug)]
enum Kind {
    Fixed(Arc<Group>),
    Changing(Changing),
}

impl Kind {
    fn current(&self) -> Arc<Group> {
        match self {
            Self::Fixed(group) => Arc::clone(group),
            Self::Changing(changing) => changing.current(),
        }
    }
}

impl Groups {
    /// `previous` is the generation before: a peer with the same address in a group of the same name keeps its health,
    /// and its connections of both generations count together against `max_conns`.
    #[must_use]
    pub fn new(serving: &Serving, previous: Option<&Self>) -> Self {
        let known: Vec<(Arc<Group>, &Kind)> =
            previous.iter().flat_map(|previous| &previous.groups).map(|kind| (kind.current(), kind)).collect();
        let known: HashMap<(Protocol, &str, bool), &(Arc<Group>, &Kind)> =
            known.iter().map(|entry| (identity(entry.0.model()), entry)).collect();
        let mut by_name: HashMap<Protocol, HashMap<_, _>> = HashMap::new();
        let build = |(number, model): (usize, &Arc<crate::model::Upstream>)| {
            // The configuration refuses more groups than ids can number.
            by_name.entry(model.protocol).or_default().entry(key_of(model)).or_insert(UpstreamId(number as u16));
            let known = known.get(&identity(model));
            let group = known.map(|(group, _)| &**group);
            if model.followed.is_empty() {
                return Kind::Fixed(Arc::new(Group::new(model, group)));
            }
            let changing = known.and_then(|(_, kind)| match kind {
                Kind::Changing(changing) => Some(changing),
                Kind::Fixed(_) => None,
            });
            Kind::Changing(Changing::new(model, changing, group))
        };
        let groups = serving.upstreams.iter().enumerate().map(build).collect();
        Self { groups, by_name }
    }

    /// A group that a `proxy_pass` refers to, as it is now. `None` only for an id of another generation.
    #[must_use]
    pub fn group(&self, id: UpstreamId) -> Option<Arc<Group>> {
        self.groups.get(usize::from(id.0)).map(Kind::current)
    }

    /// What a `proxy_pass` with variables means: an `upstream` block by its name, or the group of another `proxy_pass`
    /// to the same host and port. Compared without case.
    #[must_use]
    pub fn by_name(&self, protocol: Protocol, host: &[u8], port: Option<u16>) -> Option<UpstreamId> {
        let by_name = self.by_name.get(&protocol)?;
        let mut key = host.to_ascii_lowercase();
        if port.is_none()
            && let Some(id) = by_name.get(&*key)
        {
            return Some(*id);
        }
        key.extend_from_slice(format!(":{}", port.unwrap_or(DEFAULT_PORT)).as_bytes());
        by_name.get(&*key).copied()
    }

    /// Takes on what a followed name of a group means now, by the name's place in the group.
    pub fn change(&self, id: UpstreamId, at: usize, addresses: &[IpAddr]) {
        if let Some(Kind::Changing(changing)) = self.groups.get(usize::from(id.0)) {
            changing.change(at, addresses);
        }
    }

    /// See [`Group::pick`].
    #[must_use]
    pub fn pick(&self, id: UpstreamId, tried: &mut Tried, now: Instant) -> Option<Lease> {
        self.group(id)?.pick(tried, now)
    }
}

/// What a group is known by over generations.
fn identity(model: &crate::model::Upstream) -> (Protocol, &str, bool) {
    (model.protocol, &model.name, model.is_block)
}

/// A block's name; what stands in a `proxy_pass`, with its port.
fn key_of(model: &crate::model::Upstream) -> Box<[u8]> {
    let name = model.name.to_ascii_lowercase();
    let has_port = name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match model.is_block || has_port || name.starts_with("unix:") {
        true => name.into_bytes().into(),
        false => format!("{name}:{DEFAULT_PORT}").into_bytes().into(),
    }
}

/// Port of `http://` without a port.
const DEFAULT_PORT: u16 = 80;
