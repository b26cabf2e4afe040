//! Which addresses are bound, kept and let go when a generation takes over.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::passed::Passed;
use super::report::Fatal;
use crate::limits;
use crate::model::{ListenAddress, Listener};
use crate::net::listener::{self, BindError, Bound, Listening};

/// The addresses of this process.
#[derive(Debug, Default)]
pub struct Listeners {
    held: HashSet<ListenAddress>,
    /// Kept while the process runs: a later generation may listen there again.
    passed: Passed,
}

/// What a generation changes. Nothing has happened to the running one until [`Listeners::keep`].
#[derive(Debug, Default)]
pub struct Change {
    /// New sockets of each shard, by its number.
    pub sockets: Vec<Vec<(ListenAddress, Listening)>>,
    addresses: HashSet<ListenAddress>,
    bound: Vec<ListenAddress>,
}

impl Listeners {
    /// With the sockets that the process was started with.
    #[must_use]
    pub fn with(passed: Passed) -> Self {
        Self { held: HashSet::new(), passed }
    }

    /// Whether the addresses could be bound, for `-t`. That somebody has them is no fault of the configuration.
    #[must_use]
    pub fn probe(wanted: &[Listener]) -> Vec<Fatal> {
        let errors = wanted.iter().filter_map(|listener| listener::probe(listener).err());
        errors.filter(|error| !error.is_in_use()).map(fatal).collect()
    }

    /// As [`Listeners::bind`], and waits a while for addresses that somebody has. For a start: of a process that has just
    /// ended the kernel closes the sockets only when it has taken the rings apart that they were watched by.
    ///
    /// # Errors
    /// Each address that could not be had.
    pub fn bind_when_free(&self, wanted: &[Listener], shard_count: usize) -> Result<Change, Vec<Fatal>> {
        self.bind_within(limits::LISTEN_PATIENCE, wanted, shard_count)
    }

    fn bind_within(&self, patience: Duration, wanted: &[Listener], shard_count: usize) -> Result<Change, Vec<Fatal>> {
        let until = Instant::now() + patience;
        loop {
            match self.try_bind(wanted, shard_count) {
                Ok(change) => return Ok(change),
                Err(errors) if !errors.iter().all(BindError::is_in_use) || Instant::now() >= until => {
                    return Err(errors.into_iter().map(fatal).collect());
                }
                Err(_) => std::thread::sleep(limits::LISTEN_RETRY_INTERVAL),
            }
        }
    }

    /// Binds what is new. All is probed before any is bound, so that a generation that cannot be has no effect.
    ///
    /// # Errors
    /// Each address that could not be had.
    pub fn bind(&self, wanted: &[Listener], shard_count: usize) -> Result<Change, Vec<Fatal>> {
        self.try_bind(wanted, shard_count).map_err(|errors| errors.into_iter().map(fatal).collect())
    }

    fn try_bind(&self, wanted: &[Listener], shard_count: usize) -> Result<Change, Vec<BindError>> {
        let new: Vec<&Listener> = wanted.iter().filter(|listener| !self.held.contains(&listener.address)).collect();
        // A port of ours, on another address, would answer the probe as in use.
        let probed = new.iter().filter(|listener| !self.holds_port(&listener.address));
        let errors: Vec<BindError> = probed.filter_map(|listener| listener::probe(listener).err()).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut change = Change {
            sockets: (0..shard_count).map(|_| Vec::new()).collect(),
            addresses: wanted.iter().map(|listener| listener.address.clone()).collect(),
            bound: Vec::new(),
        };
        let mut errors = Vec::new();
        for listener in new {
            match self.bind_one(listener, shard_count) {
                Ok(bound) => {
                    for (of_shard, socket) in change.sockets.iter_mut().zip(bound.sockets) {
                        of_shard.push((bound.address.clone(), socket));
                    }
                    if self.passed.of(&bound.address).is_none() {
                        change.bound.push(bound.address);
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            return Ok(change);
        }
        change.undo();
        Err(errors)
    }

    fn bind_one(&self, listener: &Listener, shard_count: usize) -> Result<Bound, BindError> {
        match self.passed.of(&listener.address) {
            Some(socket) => listener::adopt(listener, socket, shard_count),
            None => listener::bind(listener, shard_count),
        }
    }

    fn holds_port(&self, address: &ListenAddress) -> bool {
        let ListenAddress::Ip(wanted) = address else { return false };
        self.held
            .iter()
            .chain(self.passed.addresses())
            .any(|held| matches!(held, ListenAddress::Ip(held) if held.port() == wanted.port()))
    }

    /// The change has become the state of the process. Files of sockets that are gone are removed.
    pub fn keep(&mut self, change: &Change) {
        let gone = self.held.difference(&change.addresses);
        remove_files(gone.filter(|address| self.passed.of(address).is_none()));
        self.held.clone_from(&change.addresses);
    }

    /// Removes the files of all unix sockets: the process leaves.
    pub fn leave(&self) {
        remove_files(self.held.iter().filter(|address| self.passed.of(address).is_none()));
    }
}

impl Change {
    /// Lets go what was bound: the generation does not take over.
    pub fn undo(self) {
        remove_files(self.bound.iter());
    }
}

fn remove_files<'a>(addresses: impl Iterator<Item = &'a ListenAddress>) {
    let files = addresses.filter_map(|address| match address {
        ListenAddress::Unix(path) => Some(path),
        ListenAddress::Ip(_) => None,
    });
    // Somebody else may have removed it, which is what is wanted.
    files.map(PathBuf::as_path).for_each(|path| drop(std::fs::remove_file(path)));
}

fn fatal(error: BindError) -> Fatal {
    Fatal(format!("{error}: {}", error.remedy()))
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use super::*;

    fn free_address() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[test]
    fn one_port_in_use_leaves_nothing_bound_and_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let (free, taken_address) = (free_address(), taken.local_addr().unwrap());
        let addresses = [ListenAddress::Ip(free), ListenAddress::Unix(path.clone()), ListenAddress::Ip(taken_address)];
        let wanted: Vec<Listener> = addresses.into_iter().map(Listener::bare).collect();
        let errors = Listeners::default().bind(&wanted, 2).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].0.contains("98: Address already in use"), "{}", errors[0]);
        assert!(!path.exists());
        TcpListener::bind(free).unwrap();
    }

    #[test]
    fn an_address_is_waited_for_until_its_owner_has_let_it_go() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = [Listener::bare(ListenAddress::Ip(taken.local_addr().unwrap()))];
        let (listeners, minute) = (Listeners::default(), Duration::from_secs(60));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| listeners.bind_within(minute, &wanted, 2).map(|change| change.sockets.len()));
            assert!(listeners.bind(&wanted, 2).is_err());
            drop(taken);
            assert_eq!(waiting.join().unwrap().unwrap(), 2);
        });
    }

    #[test]
    fn a_reload_keeps_binds_and_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (first, second) = (free_address(), free_address());
        let old = [Listener::bare(ListenAddress::Ip(first)), Listener::bare(ListenAddress::Unix(path.clone()))];
        let mut listeners = Listeners::default();
        let change = listeners.bind(&old, 2).unwrap();
        listeners.keep(&change);
        assert_eq!(change.sockets.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        // The same port on all addresses: in use, but by ourselves.
        let everywhere = SocketAddr::from(([0, 0, 0, 0], first.port()));
        let new = [
            Listener::bare(ListenAddress::Ip(first)),
            Listener::bare(ListenAddress::Ip(everywhere)),
            Listener::bare(ListenAddress::Ip(second)),
        ];
        let next = listeners.bind(&new, 2).unwrap();
        listeners.keep(&next);
        assert_eq!(next.sockets.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert!(!path.exists());
    }
}
