//! Addresses of names that the configuration leaves to be asked for while it serves: `resolver`.
//!
//! One thread of the process asks name servers; shards wait at [`Resolver::lookup`] without blocking, and the answer is
//! known to all of them as long as it is valid. Everything has a bound: names that are known, names that are asked for,
//! and how long that takes. Knows no message, no group and no log: what came of a question is the caller's to tell.

mod ask;
mod book;
mod resolver;
#[cfg(test)]
mod tests;
mod thread;
mod unresolved;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::resolver::{Addresses, Resolver};
pub use self::thread::stop;
pub use self::unresolved::Unresolved;
pub use self::watch::{Told, Watch};
use crate::model::{ResolverId, Serving};

/// The resolvers of one generation, and the names that it follows.
#[derive(Debug)]
pub struct Names {
    resolvers: Box<[Arc<Resolver>]>,
    watches: Vec<Watch>,
}

impl Names {
    /// A resolver with the same settings in the generation before goes on with what it knows.
    #[must_use]
    pub fn new(serving: &Serving, previous: Option<&Self>) -> Self {
        let known = |settings: &_| previous?.resolvers.iter().find(|known| known.settings() == settings).cloned();
        let resolver = |settings| known(settings).unwrap_or_else(|| Arc::new(Resolver::new(settings)));
        Self { resolvers: serving.resolvers.iter().map(resolver).collect(), watches: Vec::new() }
    }

    /// `None` only for an id of another generation.
    #[must_use]
    pub fn resolver(&self, id: ResolverId) -> Option<&Arc<Resolver>> {
        self.resolvers.get(usize::from(id.0))
    }

    /// Asks for a name now and whenever the answer is not valid any more, as long as this lives.
    pub fn follow(&mut self, id: ResolverId, name: &str, timeout: Duration, told: Told) {
        if let Some(resolver) = self.resolver(id) {
            let watch = Watch::new(Arc::clone(resolver), name.into(), timeout, told);
            self.watches.push(watch);
        }
    }

    /// Waits until each name that is followed was answered once, or the time is over. Blocks: not for shards.
    pub fn wait_first(&self, time: Duration) {
        let deadline = Instant::now() + time;
        self.watches.iter().for_each(|watch| watch.wait_first(deadline));
    }
}
