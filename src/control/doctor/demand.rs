//! What a configuration asks of the host: shards, connections, listeners, and the ways to peers.

use std::collections::HashMap;

use crate::limits::{PROCESS_IDLE_DESCRIPTORS, SHARD_IDLE_DESCRIPTORS};
use crate::model::{
    Content, Destination, ErrorLogTarget, Generation, ListenAddress, Location, Part, PeerAddress, Serving, Stream,
    StreamAnswer, Template, UpstreamId, Variable,
};
use crate::observe::access_log::AccessLogs;

/// All of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Demand {
    pub shard_count: u64,
    /// `worker_connections`; `None` where there is no configuration.
    pub worker_connections: Option<u64>,
    pub rlimit_nofile: Option<u64>,
    pub log_count: u64,
    pub listeners: Vec<Door>,
    /// `user`, when it is not root.
    pub user: Option<String>,
    /// Groups that a `proxy_pass` names.
    pub groups: Vec<Group>,
    /// A `proxy_pass` with variables, or a name that is followed (`resolve`): its peers are known while requests are served.
    pub has_evaluated: bool,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    pub address: String,
    pub is_unix: bool,
    pub backlog: u64,
}

/// An upstream, with the addresses that its connections may come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub name: String,
    pub peers: Vec<Way>,
    pub source: Source,
}

/// A peer that takes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub address: String,
    pub is_unix: bool,
    /// `max_conns`.
    pub connections_max: Option<u64>,
}

/// `proxy_bind`.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The system chooses: one address for each peer.
    System,
    /// This address, with any port.
    Address(String),
    /// This address and port: one connection for each peer.
    Port(String),
    /// A `split_clients` variable: so many addresses, and the largest part of all clients that one of them has.
    Split { name: String, count: u64, largest: f64 },
    /// Known with the request.
    Evaluated,
}

impl Demand {
    /// Of a host alone: a shard for each core, one peer.
    #[must_use]
    pub fn without_file(shard_count: usize) -> Self {
        let peer = Way { address: "each peer".to_owned(), is_unix: false, connections_max: None };
        let group = Group { name: "one peer".to_owned(), peers: vec![peer], source: Source::System };
        Self { shard_count: shard_count as u64, log_count: 1, groups: vec![group], ..Self::default() }
    }

    #[must_use]
    pub fn of(generation: &Generation, shard_count: usize) -> Self {
        let (process, serving) = (&generation.process, &generation.serving);
        let error_logs = process.error_logs.iter().chain(serving.error_logs.iter().flat_map(|logs| logs.iter()));
        // A file is open once, however many lines name it; so is the socket to a syslog server.
        let mut targets: Vec<&ErrorLogTarget> = Vec::new();
        for log in error_logs.filter(|log| log.target != ErrorLogTarget::Stderr) {
            if !targets.contains(&&log.target) {
                targets.push(&log.target);
            }
        }
        let access_count = AccessLogs::paths_of(generation).count() + serving.syslogs.len();
        let doors = serving.listeners.iter().map(|listener| Door {
            address: listener.address.to_string(),
            is_unix: matches!(listener.address, ListenAddress::Unix(_)),
            backlog: u64::from(listener.backlog),
        });
        let mut demand = Self {
            shard_count: shard_count as u64,
            worker_connections: Some(process.worker_connections as u64),
            rlimit_nofile: process.rlimit_nofile,
            log_count: (targets.len() + access_count) as u64,
            listeners: doors.collect(),
            user: process.user.as_ref().map(|(name, _)| name.to_string()).filter(|name| name != "root"),
            ..Self::default()
        };
        for server in serving.listeners.iter().flat_map(|listener| &listener.servers) {
            demand.walk(serving, &server.root);
            if let Some(Stream { answer: StreamAnswer::Pass(destination), .. }) = &server.stream {
                demand.note(serving, &server.root, destination);
            }
        }
        demand
    }

    fn walk(&mut self, serving: &Serving, location: &Location) {
        if let Content::Proxy(pass) = &location.content {
            self.note(serving, location, &pass.destination);
        }
        location.inner().for_each(|inner| self.walk(serving, inner));
    }

    fn note(&mut self, serving: &Serving, location: &Location, destination: &Destination) {
        match destination {
            Destination::Group { upstream, .. } => {
                let followed = &serving.upstreams[usize::from(upstream.0)].followed;
                self.has_evaluated |= followed.iter().any(|name| !name.is_backup);
                let source = source(serving, location.proxy.request.bind.as_ref());
                let group = group(serving, *upstream, source);
                if !self.groups.contains(&group) {
                    self.groups.push(group);
                }
            }
            Destination::Evaluated(_) => self.has_evaluated = true,
        }
    }

    /// Descriptors that are open before the first connection comes.
    #[must_use]
    pub fn own_descriptors(&self) -> u64 {
        let doors = self.listeners.len() as u64;
        PROCESS_IDLE_DESCRIPTORS + self.log_count + self.shard_count * (SHARD_IDLE_DESCRIPTORS + doors)
    }
}

fn group(serving: &Serving, id: UpstreamId, source: Source) -> Group {
    let upstream = &serving.upstreams[usize::from(id.0)];
    let usable = upstream.peers.iter().filter(|peer| !peer.down);
    let peers = usable.map(|peer| Way {
        address: peer.address.to_string(),
        is_unix: matches!(peer.address, PeerAddress::Unix(_)),
        connections_max: (peer.max_conns > 0).then_some(u64::from(peer.max_conns)),
    });
    Group { name: upstream.name.to_string(), peers: peers.collect(), source }
}

fn source(serving: &Serving, bind: Option<&Template>) -> Source {
    let Some(bind) = bind.filter(|bind| !bind.is_empty()) else { return Source::System };
    if let Some(text) = bind.as_text() {
        let text = String::from_utf8_lossy(text).into_owned();
        let has_port = text.parse::<std::net::SocketAddr>().is_ok_and(|address| address.port() != 0);
        return if has_port { Source::Port(text) } else { Source::Address(text) };
    }
    match &*bind.parts {
        [Part::Variable(Variable::Split(id))] => split(serving, usize::from(id.0)),
        _ => Source::Evaluated,
    }
}

/// Shares of a `split_clients` block by value; the ends of its parts are hashes of 32 bits.
fn split(serving: &Serving, id: usize) -> Source {
    let Some(split) = serving.splits.get(id) else { return Source::Evaluated };
    let mut shares: HashMap<&[u8], f64> = HashMap::new();
    let mut begin = 0;
    for part in &split.parts {
        let end = part.end.unwrap_or(u32::MAX);
        *shares.entry(&part.value).or_default() += f64::from(end.saturating_sub(begin)) / f64::from(u32::MAX);
        begin = end;
    }
    let largest = shares.values().copied().fold(0.0, f64::max);
    Source::Split { name: split.name.to_string(), count: shares.len() as u64, largest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Split, SplitPart};

    fn serving(splits: Vec<Split>) -> Serving {
        Serving { splits, ..Serving::default() }
    }

    #[test]
    fn the_source_of_connections_is_what_proxy_bind_says() {
        let serving = serving(Vec::new());
        let of = |text: &str| source(&serving, Some(&Template::text(text.as_bytes())));
        assert_eq!(source(&serving, None), Source::System);
        assert_eq!(of(""), Source::System);
        assert_eq!(of("10.0.0.1"), Source::Address("10.0.0.1".into()));
        assert_eq!(of("10.0.0.1:5000"), Source::Port("10.0.0.1:5000".into()));
        let variable = Template { parts: Box::new([Part::Variable(Variable::RemoteAddr)]) };
        assert_eq!(source(&serving, Some(&variable)), Source::Evaluated);
    }

    #[test]
    fn addresses_of_split_clients_are_counted_with_their_shares() {
        let part = |end, value: &str| SplitPart { end, value: value.as_bytes().into() };
        let half = u32::MAX / 2;
        let parts = [part(Some(half), "10.0.0.1"), part(None, "10.0.0.2")];
        let split = Split { name: "out".into(), source: Template::default(), parts: Box::new(parts) };
        let serving = serving(vec![split]);
        let variable = Template { parts: Box::new([Part::Variable(Variable::Split(crate::model::SplitId(0)))]) };
        let Source::Split { name, count, largest } = source(&serving, Some(&variable)) else {
            panic!("another source")
        };
        assert_eq!((name.as_str(), count), ("out", 2));
        assert!((largest - 0.5).abs() < 1e-6, "{largest}");
    }
}
