//! What the exchanges of one generation share on one shard.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::client::Client;
use crate::model::{Generation, Server};
use crate::net::stream::Stream;
use crate::observe::access_log::AccessLogs;
use crate::observe::metrics::{Metrics, ShardMetrics};
use crate::route::Router;
use crate::upstream::Groups;
use crate::upstream::idle::Pool;
use crate::zones::Zones;

/// Serial numbers of connections, over all shards and generations: `$connection`.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// What [`Shard::new`] needs.
pub struct ShardParts {
    /// Number of the shard, from 0.
    pub number: usize,
    pub generation: Arc<Generation>,
    /// By index of the generation's listeners.
    pub routers: Arc<[Router]>,
    pub groups: Arc<Groups>,
    pub zones: Arc<Zones>,
    pub logs: Arc<AccessLogs>,
    pub metrics: Arc<Metrics>,
    pub hostname: Arc<str>,
}

/// One generation on one shard.
pub struct Shard {
    pub number: usize,
    pub generation: Arc<Generation>,
    pub groups: Arc<Groups>,
    pub zones: Arc<Zones>,
    pub logs: Arc<AccessLogs>,
    pub metrics: Arc<Metrics>,
    pub hostname: Arc<str>,
    pub idle: Rc<Pool<Stream>>,
    routers: Arc<[Router]>,
    is_draining: Cell<bool>,
    /// Connections that wait for a request, by their number.
    waiting: RefCell<HashMap<u64, Rc<Stream>>>,
}

/// A connection that waits for a request. Until this is dropped, [`Shard::close_idle`] ends it.
pub struct Waiting<'s> {
    shard: &'s Shard,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shard.waiting.borrow_mut().remove(&self.number);
        self.shard.own_metrics().waiting.lower();
    }
}

impl Shard {
    #[must_use]
    pub fn new(parts: ShardParts) -> Rc<Self> {
        let ShardParts { number, generation, routers, groups, zones, logs, metrics, hostname } = parts;
        let idle = Pool::new(&generation.http);
        Rc::new(Self {
            number,
            generation,
            groups,
            zones,
            logs,
            metrics,
            hostname,
            idle,
            routers,
            is_draining: Cell::new(false),
            waiting: RefCell::default(),
        })
    }

    /// The server that answers while the host is not known.
    #[must_use]
    pub fn default_server(&self, listener: usize) -> &Arc<Server> {
        let listener = &self.generation.http.listeners[listener];
        &listener.servers[listener.default_server]
    }

    #[must_use]
    pub fn router(&self, listener: usize) -> &Router {
        &self.routers[listener]
    }

    pub fn next_connection_number(&self) -> u64 {
        CONNECTIONS.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether connections end with the answer they are at: the generation is replaced, or the process stops.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Begins the drain: connections that wait for a request end now, the others after their answer. Tunnels stay.
    pub fn close_idle(&self) {
        self.is_draining.set(true);
        self.idle.close();
        for stream in self.waiting.borrow().values() {
            stream.shutdown_both();
        }
    }

    /// Marks a connection as waiting.
    pub fn wait(&self, client: &Client) -> Waiting<'_> {
        self.waiting.borrow_mut().insert(client.number, Rc::clone(&client.stream));
        self.own_metrics().waiting.raise();
        Waiting { shard: self, number: client.number }
    }

    /// The cells of this shard.
    #[must_use]
    pub fn own_metrics(&self) -> &ShardMetrics {
        self.metrics.shard(self.number)
    }

    /// How long a connection may wait for its next request.
    #[must_use]
    pub fn wait_time(&self, client: &Client) -> Duration {
        match client.keepalive_timeout.get() {
            Some(timeout) => timeout,
            None => self.default_server(client.listener).client_head.timeout,
        }
    }
}
