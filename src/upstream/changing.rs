//! A group some of whose peers come from names: when the addresses of one change, a new group takes the place of the old
//! one, and peers that stay keep what is known of them. Requests that are under way keep the group they began with.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::group::Group;
use crate::model::{self, Followed, Peer, PeerAddress};

/// A group that changes.
#[derive(Debug)]
pub(super) struct Changing {
    /// As configured: without the peers of names.
    model: Arc<model::Upstream>,
    current: RwLock<Arc<Group>>,
    /// The addresses of each name, in the order of the names. Changes are made one at a time under this lock.
    found: Mutex<Vec<Vec<IpAddr>>>,
}

impl Changing {
    /// `previous` is the group of that name in the generation before: what names meant there they mean until they are
    /// answered anew.
    pub(super) fn new(model: &Arc<model::Upstream>, previous: Option<&Self>, known: Option<&Group>) -> Self {
        let found_before = |followed: &Followed| {
            let previous = previous?;
            let is_same = |other: &Followed| (&other.host, other.port) == (&followed.host, followed.port);
            let at = previous.model.followed.iter().position(is_same)?;
            previous.found.lock().unwrap_or_else(PoisonError::into_inner).get(at).cloned()
        };
        let found: Vec<Vec<IpAddr>> =
            model.followed.iter().map(|followed| found_before(followed).unwrap_or_default()).collect();
        let group = Group::new(&with_found(model, &found), known);
        Self { model: Arc::clone(model), current: RwLock::new(Arc::new(group)), found: Mutex::new(found) }
    }

    pub(super) fn current(&self) -> Arc<Group> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes on the addresses of a name, by its place among the names.
    pub(super) fn change(&self, at: usize, addresses: &[IpAddr]) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = found.get_mut(at) else { return };
        // Servers turn the order with each answer; that alone is no change.
        let mut sorted = addresses.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if *known == sorted {
            return;
        }
        *known = sorted;
        let group = Group::new(&with_found(&self.model, &found), Some(&self.current()));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(group);
    }
}

/// The configured group with the peers of its names.
fn with_found(model: &model::Upstream, found: &[Vec<IpAddr>]) -> Arc<model::Upstream> {
    let mut whole = model.clone();
    for (followed, addresses) in model.followed.iter().zip(found) {
        let peer = |ip: &IpAddr| {
            let address = SocketAddr::new(*ip, followed.port);
            Peer { address: PeerAddress::Ip(address), name: address.to_string().into(), ..followed.peer.clone() }
        };
        let peers = if followed.is_backup { &mut whole.backups } else { &mut whole.peers };
        peers.extend(addresses.iter().map(peer));
    }
    Arc::new(whole)
}
