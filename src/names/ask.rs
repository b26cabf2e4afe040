//! One question to the name servers of a resolver, through the library: A and AAAA beside each other.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::unresolved::Unresolved;
use crate::limits::{NAME_ADDRESSES_MAX, NAME_ASK_TIME, NAME_RESEND_TIME, NAME_RESENDS_MAX};
use crate::model;

/// Addresses of a name, and when they stop being its.
pub(super) struct Found {
    pub addresses: Arc<[IpAddr]>,
    pub until: Instant,
}

/// Asks the servers of one resolver.
pub(super) struct Asker {
    settings: model::Resolver,
    /// One for each server, made on the thread that uses them: which server is asked is decided here. Without those
    /// whose settings the library refuses.
    servers: OnceLock<Box<[TokioResolver]>>,
    /// Counts names: the servers take turns, and both kinds of addresses are asked for at the same.
    turn: AtomicUsize,
}

impl Asker {
    pub(super) fn new(settings: &model::Resolver) -> Self {
        Self { settings: settings.clone(), servers: OnceLock::new(), turn: AtomicUsize::new(0) }
    }

    pub(super) fn settings(&self) -> &model::Resolver {
        &self.settings
    }

    /// Asks until there is an answer or the time is over.
    pub(super) async fn ask(&self, name: &str) -> Result<Found, Unresolved> {
        match tokio::time::timeout(NAME_ASK_TIME, self.ask_both(name)).await {
            Ok(result) => result,
            Err(_) => Err(Unresolved::TimedOut),
        }
    }

    async fn ask_both(&self, name: &str) -> Result<Found, Unresolved> {
        let mut name = Name::from_ascii(name).map_err(|_| Unresolved::NotFound)?;
        // Otherwise the library tries other ends for it.
        name.set_fqdn(true);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (v4, v6) = tokio::join!(
            self.ask_one(&name, RecordType::A, self.settings.ipv4, turn),
            self.ask_one(&name, RecordType::AAAA, self.settings.ipv6, turn),
        );
        // A name may have one kind of address only. What went wrong with one kind went wrong with the name, as in nginx.
        let (mut addresses, mut until) = (Vec::new(), None::<Instant>);
        for result in [v4, v6].into_iter().flatten() {
            match result {
                Ok((found, valid)) => {
                    addresses.extend(found);
                    until = Some(until.map_or(valid, |until| until.min(valid)));
                }
                Err(Unresolved::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        addresses.truncate(NAME_ADDRESSES_MAX);
        let until = match self.settings.valid {
            Some(valid) => Instant::now() + valid,
            None => until.unwrap_or_else(Instant::now),
        };
        if addresses.is_empty() { Err(Unresolved::NotFound) } else { Ok(Found { addresses: addresses.into(), until }) }
    }

    /// Asks one server after the other, from `first` on, as long as none answers.
    async fn ask_one(
        &self,
        name: &Name,
        kind: RecordType,
        wanted: bool,
        first: usize,
    ) -> Option<Result<Answer, Unresolved>> {
        if !wanted {
            return None;
        }
        let mut result = Err(Unresolved::ServerFailure);
        for resent in 0..=NAME_RESENDS_MAX {
            result = self.ask_server(name, kind, first.wrapping_add(resent)).await;
            if !matches!(result, Err(Unresolved::TimedOut)) {
                break;
            }
        }
        Some(result)
    }

    async fn ask_server(&self, name: &Name, kind: RecordType, turn: usize) -> Result<Answer, Unresolved> {
        let servers = self.servers.get_or_init(|| self.settings.servers.iter().filter_map(library).collect());
        let server = servers.get(turn % servers.len().max(1)).ok_or(Unresolved::ServerFailure)?;
        let lookup = server.lookup(name.clone(), kind).await.map_err(|error| Unresolved::of(&error))?;
        let address = |data: &RData| match data {
            RData::A(v4) => Some(IpAddr::V4(v4.0)),
            RData::AAAA(v6) => Some(IpAddr::V6(v6.0)),
            _ => None,
        };
        let addresses: Vec<IpAddr> = lookup.answers().iter().filter_map(|record| address(&record.data)).collect();
        Ok((addresses, lookup.valid_until()))
    }
}

type Answer = (Vec<IpAddr>, Instant);

fn library(server: &SocketAddr) -> Option<TokioResolver> {
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server(server)]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options();
    builder.build().ok()
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    (udp.port, tcp.port) = (address.port(), address.port());
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

/// As nginx asks: no file of hosts, no extensions. What is known is kept in the book and not in the library.
fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.use_hosts_file = ResolveHosts::Never;
    options.edns0 = false;
    options.cache_size = 0;
    options.timeout = NAME_RESEND_TIME;
    options.attempts = 0;
    options.num_concurrent_reqs = 1;
    options
}
