//! Limits of the network: ports towards peers, tracked connections, queues and buffers.

use std::collections::HashMap;

use super::demand::{Demand, Group, Source, Way};
use super::facts::Facts;
use super::figures::Ports;
use super::finding::{Bound, Finding, Remedy, counted, grouped};
use crate::limits::{SHARD_ACCEPTS_PER_SECOND, TUNNEL_TRACKED};

/// The widest range that leaves privileged ports alone.
const WIDEST: Ports = Ports { low: 1024, high: 65_535, reserved_count: 0, listening_count: 0 };

/// The most that `listen(2)` and `somaxconn` are worth setting to: longer queues answer later than clients wait.
const QUEUE_MAX: u64 = 65_535;

/// All of them, for so many tunnels.
pub fn findings(facts: &Facts, demand: &Demand, target: u64) -> Vec<Finding> {
    let mut findings = vec![ports(facts, demand, target), tracked(facts, demand, target)];
    findings.extend(queue(facts, demand, target));
    findings.push(buffers(facts, target));
    findings
}

/// Connections that a group's peers can be given: `None` is no limit.
fn capacity(group: &Group, ports: u64) -> Option<u64> {
    group.peers.iter().map(|peer| of_way(peer, &group.source, ports)).sum()
}

fn of_way(peer: &Way, source: &Source, ports: u64) -> Option<u64> {
    let by_ports = match source {
        _ if peer.is_unix => None,
        Source::System | Source::Address(_) | Source::Evaluated => Some(ports),
        Source::Port(_) => Some(1),
        // The address with the largest part is the first to have no port left.
        Source::Split { count, largest, .. } => {
            let until_first = if *largest > 0.0 { (ports as f64 / largest) as u64 } else { ports };
            Some(until_first.min(ports.saturating_mul(*count)))
        }
    };
    match (by_ports, peer.connections_max) {
        (Some(ports), Some(max)) => Some(ports.min(max)),
        (ports, max) => ports.or(max),
    }
}

/// Of all groups together, each way to a peer once.
fn together(demand: &Demand, ports: u64) -> Option<u64> {
    let mut ways: HashMap<(&str, String), Option<u64>> = HashMap::new();
    for group in &demand.groups {
        for peer in &group.peers {
            let way = of_way(peer, &group.source, ports);
            let known = ways.entry((&peer.address, format!("{:?}", group.source))).or_insert(Some(0));
            *known = known.zip(way).map(|(known, way)| known.max(way));
        }
    }
    ways.into_values().sum()
}

fn ports(facts: &Facts, demand: &Demand, target: u64) -> Finding {
    const NAME: &str = "ports";
    let Some(range) = facts.ports else { return Finding::unknown(NAME) };
    let of_pair = range.count();
    let span = match range.reserved_count + range.listening_count {
        0 => format!("{}-{}", range.low, range.high),
        taken => format!("{}-{} less {}, reserved or listened on", range.low, range.high, grouped(taken)),
    };
    let each = format!("{} for each peer and local address ({span})", grouped(of_pair));
    if demand.has_evaluated {
        let stands = format!("{each}; peers by variables or `resolve` are known while requests are served");
        return Finding::held(NAME, Bound::None, stands);
    }
    let least = demand.groups.iter().filter_map(|group| Some((capacity(group, of_pair)?, group)));
    let least = least.min_by_key(|(most, _)| *most);
    let (bound, stands) = match (together(demand, of_pair), least) {
        (_, None) if demand.groups.is_empty() => (Bound::None, "nothing is proxied".to_owned()),
        (_, None) => (Bound::None, "all peers are unix sockets".to_owned()),
        (Some(most), Some((_, group))) if demand.groups.len() == 1 => (Bound::At(most), stands(group, &each)),
        (most, Some((least, group))) => {
            let groups = counted(demand.groups.len() as u64, "group");
            let text = format!("{each}; of {groups} \"{}\" has the fewest: {}", group.name, grouped(least));
            (most.map_or(Bound::None, Bound::At), text)
        }
    };
    let finding = Finding::held(NAME, bound, stands);
    let is_short = finding.is_short_of(target);
    finding.with(is_short.then(|| more_ports(range, demand, target)).into_iter().flatten())
}

fn stands(group: &Group, each: &str) -> String {
    let peers = counted(group.peers.len() as u64, "peer");
    let source = match &group.source {
        Source::System => String::new(),
        Source::Address(address) => format!(", from {address}"),
        Source::Port(address) => format!(", but proxy_bind {address} fixes the port: 1 for each peer"),
        Source::Split { name, count, .. } => format!(", from the {} of ${name}", counted(*count, "address")),
        Source::Evaluated => ", from addresses that are known with the request: one of them is counted".to_owned(),
    };
    let is_capped = group.peers.iter().any(|peer| peer.connections_max.is_some());
    let capped = if is_capped { ", no more than max_conns" } else { "" };
    format!("\"{}\" has {peers}; {each}{source}{capped}", group.name)
}

fn more_ports(range: Ports, demand: &Demand, target: u64) -> Vec<Remedy> {
    let mut remedies = Vec::new();
    if (range.low, range.high) != (WIDEST.low, WIDEST.high) && range.count() < WIDEST.count() {
        let value = format!("{} {}", WIDEST.low, WIDEST.high);
        remedies.push(Remedy::sysctl("net.ipv4.ip_local_port_range", value));
    }
    if together(demand, WIDEST.count()).is_some_and(|most| most < target) {
        let text = format!(
            "{} of a peer and a local address: more `server` lines (or ports) of the upstream, a unix socket, or \
             `split_clients $remote_addr$remote_port $source {{ … }}` with `proxy_bind $source;`",
            counted(pairs_needed(target), "pair")
        );
        remedies.push(Remedy::directive(text));
    }
    remedies
}

/// Pairs of a peer and a local address that so many tunnels need, with the widest range of ports.
#[must_use]
pub fn pairs_needed(tunnels: u64) -> u64 {
    tunnels.div_ceil(WIDEST.count())
}

fn tracked(facts: &Facts, demand: &Demand, target: u64) -> Finding {
    const NAME: &str = "conntrack";
    let Some(share) = facts.tracked else {
        return Finding::held(NAME, Bound::None, "connections are not tracked".to_owned());
    };
    if share.used == 0 {
        let text = format!("room for {}, but nothing is tracked: no firewall asks for it", grouped(share.max));
        return Finding::held(NAME, Bound::None, text);
    }
    let peers = || demand.groups.iter().flat_map(|group| &group.peers);
    let is_unix = !demand.has_evaluated && peers().next().is_some() && peers().all(|peer| peer.is_unix);
    let of_tunnel = if is_unix { 1 } else { TUNNEL_TRACKED };
    let bound = facts.tunnels_open + share.left() / of_tunnel;
    let stands =
        format!("nf_conntrack_max {}, {} in use; {of_tunnel} for each tunnel", grouped(share.max), grouped(share.used));
    let finding = Finding::held(NAME, Bound::At(bound), stands);
    let is_short = finding.is_short_of(target);
    let mut exempt = Remedy::sysctl("net.netfilter.nf_conntrack_max", share.used + target * of_tunnel);
    exempt.action.push_str("  (better: `notrack` for the proxy's ports, see tuning/README.md)");
    finding.with(is_short.then_some(exempt))
}

/// Connections that wait to be accepted: the kernel takes one more than the queue is long.
fn queue(facts: &Facts, demand: &Demand, target: u64) -> Option<Finding> {
    const NAME: &str = "accept queue";
    let door = demand.listeners.iter().min_by_key(|door| door.backlog)?;
    let Some(most) = facts.somaxconn else {
        return Some(Finding::moment(NAME, Bound::Unknown, "could not be read".to_owned()));
    };
    let length = door.backlog.min(most);
    // Each shard has a queue of its own; that of a unix socket is shared.
    let queues = if door.is_unix { 1 } else { demand.shard_count };
    let bound = (length + 1).saturating_mul(queues);
    let stands = format!(
        "{} in {} of {} (backlog={}, somaxconn {}): more arrivals at once wait a second and try again",
        grouped(length + 1),
        if queues == 1 { "the queue".to_owned() } else { format!("each of the {queues} queues") },
        door.address,
        grouped(door.backlog),
        grouped(most)
    );
    let finding = Finding::moment(NAME, Bound::At(bound), stands);
    let wanted = target.div_ceil(queues).min(SHARD_ACCEPTS_PER_SECOND).next_power_of_two().min(QUEUE_MAX);
    let kernel = (most < wanted.max(door.backlog)).then(|| Remedy::sysctl("net.core.somaxconn", QUEUE_MAX));
    let listen = (door.backlog < wanted)
        .then(|| Remedy::directive(format!("listen {} backlog={wanted};  (with a restart)", door.address)));
    Some(finding.with(kernel.into_iter().chain(listen)))
}

/// `tcp_mem`: a socket with bytes that nobody has read yet holds a page at least.
fn buffers(facts: &Facts, target: u64) -> Finding {
    const NAME: &str = "tcp_mem";
    let Some(pages) = facts.tcp_pages else {
        return Finding::moment(NAME, Bound::Unknown, "could not be read".to_owned());
    };
    let stands = format!(
        "{} pages for the buffers of all sockets, {} in use: quiet tunnels use none, one with bytes under way a page or \
         more",
        grouped(pages.max),
        grouped(pages.used)
    );
    let finding = Finding::moment(NAME, Bound::At(pages.left()), stands);
    let value = format!("{target} {} {}", target + target / 2, target * 2);
    finding.with((pages.left() < target).then(|| Remedy::sysctl("net.ipv4.tcp_mem", value)))
}
