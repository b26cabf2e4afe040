//! What the exchanges of one generation share on one shard.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::client::Client;
use super::seats::Seats;
use crate::limits::{CLIENT_PARK_COUNT, CLIENT_PARK_COUNT_TIME, LOG_SCRATCH_BYTES_MAX};
use crate::model::{Generation, LogCacheId, LogLevel, Server};
use crate::names::Names;
use crate::observe::logs::Logs;
use crate::observe::metrics::{Metrics, ShardMetrics};
use crate::observe::path_logs::{Failed, PathLogs};
use crate::observe::words::Words;
use crate::route::Router;
use crate::tls::Tls;
use crate::transport::Transport;
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
    pub names: Arc<Names>,
    pub tls: Arc<Tls>,
    pub logs: Arc<Logs>,
    pub metrics: Arc<Metrics>,
    pub hostname: Arc<str>,
}

/// One generation on one shard.
pub struct Shard {
    pub number: usize,
    pub generation: Arc<Generation>,
    pub groups: Arc<Groups>,
    pub zones: Arc<Zones>,
    pub names: Arc<Names>,
    pub tls: Arc<Tls>,
    pub logs: Arc<Logs>,
    pub metrics: Arc<Metrics>,
    pub hostname: Arc<str>,
    pub idle: Rc<Pool<Transport>>,
    /// Access logs with variables in their path.
    path_logs: RefCell<PathLogs>,
    /// Parts of access log lines that tunnels share.
    pub words: RefCell<Words>,
    /// For the access log line that is being made: the line and a value of it.
    scratch: Cell<(Vec<u8>, Vec<u8>)>,
    routers: Arc<[Router]>,
    is_draining: Cell<bool>,
    /// Connections that wait for a request.
    waiting: RefCell<Seats<Rc<Transport>>>,
    /// Since when, and how many connections were parked.
    parked: Cell<(Instant, usize)>,
}

/// A connection that waits for a request. Until this is dropped, [`Shard::close_idle`] ends it.
pub struct Waiting<'s> {
    shard: &'s Shard,
    seat: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shard.waiting.borrow_mut().leave(self.seat);
        self.shard.own_metrics().waiting.lower();
    }
}

impl Shard {
    #[must_use]
    pub fn new(parts: ShardParts) -> Rc<Self> {
        let ShardParts { number, generation, routers, groups, zones, names, tls, logs, metrics, hostname } = parts;
        let idle = Pool::new(&generation.serving);
        let path_logs = RefCell::new(PathLogs::new(&generation.serving.log_caches));
        Rc::new(Self {
            number,
            generation,
            groups,
            zones,
            names,
            tls,
            logs,
            metrics,
            hostname,
            idle,
            path_logs,
            words: RefCell::default(),
            scratch: Cell::default(),
            routers,
            is_draining: Cell::new(false),
            waiting: RefCell::default(),
            parked: Cell::new((Instant::now(), 0)),
        })
    }

    /// The server that answers while the host is not known.
    #[must_use]
    pub fn default_server(&self, listener: usize) -> &Arc<Server> {
        let listener = &self.generation.serving.listeners[listener];
        &listener.servers[listener.default_server]
    }

    #[must_use]
    pub fn router(&self, listener: usize) -> &Router {
        &self.routers[listener]
    }

    /// Writes a line of a connection of which no request is known, to the error log of its listener's default server.
    pub fn report(&self, client: &Client, level: LogLevel, message: fmt::Arguments<'_>) {
        let id = self.default_server(client.listener).root.error_log;
        let (remote, listener) = (client.remote, &self.generation.serving.listeners[client.listener].address);
        let text = format_args!("{message}, client: {remote}, server: {listener}");
        self.logs.error.write(id, level, Some(client.number), text);
    }

    /// Writes a line to an access log whose path is made of variables. The line ends in a line feed.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub fn write_to_path(&self, cache: Option<LogCacheId>, path: &[u8], line: &[u8]) -> Result<(), Failed> {
        let openings = self.logs.access.openings();
        self.path_logs.borrow_mut().write(cache, path, line, openings, Instant::now())
    }

    /// Calls `make` with two empty buffers that no line allocates anew.
    pub fn with_scratch(&self, make: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) {
        let (mut line, mut value) = self.scratch.take();
        line.clear();
        value.clear();
        make(&mut line, &mut value);
        // A line of great length is rare, and so are shards that would be better off with its buffer.
        if line.capacity() + value.capacity() <= LOG_SCRATCH_BYTES_MAX {
            self.scratch.set((line, value));
        }
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
        self.waiting.borrow().taken().for_each(|stream| stream.end());
    }

    /// Marks a connection as waiting.
    pub fn wait(&self, client: &Client) -> Waiting<'_> {
        let seat = self.waiting.borrow_mut().take(Rc::clone(&client.stream));
        self.own_metrics().waiting.raise();
        Waiting { shard: self, seat }
    }

    /// Whether one more connection may be parked now.
    pub fn may_park(&self) -> bool {
        let (since, count) = self.parked.get();
        let (since, count) =
            if since.elapsed() < CLIENT_PARK_COUNT_TIME { (since, count) } else { (Instant::now(), 0) };
        self.parked.set((since, count + 1));
        count < CLIENT_PARK_COUNT && !self.is_draining()
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
