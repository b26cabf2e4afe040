//! `upstream`: a group of peers.

use std::time::Duration;

use super::proxy::keepalive_defaults;
use super::resolver;
use crate::config::address::{self, Address, Host};
use crate::config::diagnostic::Fault;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawPeer, RawUpstream};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::{Balance, Followed, Peer, PeerAddress, ResolverId, Upstream, UpstreamKeepalive};

pub const TABLE: &[Directive] = &[
    supported(
        "upstream",
        HTTP | STREAM,
        block(ONE),
        Setter::Block(Block::Upstream),
        "A group of peers, chosen by round robin.",
    ),
    supported(
        "server",
        UPSTREAM | STREAM_UPSTREAM,
        ONE_OR_MORE,
        Setter::Upstream(server),
        "A peer: address and `weight=`, `max_fails=`, `fail_timeout=`, `max_conns=`, `resolve`, `backup`, `down`.",
    ),
    supported(
        "least_conn",
        UPSTREAM | STREAM_UPSTREAM,
        NO_ARGS,
        Setter::Upstream(least_conn),
        "Chooses the peer with the fewest connections for its weight, over all shards.",
    ),
    supported(
        "zone",
        UPSTREAM | STREAM_UPSTREAM,
        ONE_OR_TWO,
        Setter::Upstream(zone),
        "Shares the state of the peers among all shards, which it is in any case.",
    ),
    supported(
        "keepalive",
        UPSTREAM,
        ONE_OR_TWO,
        Setter::Upstream(keepalive),
        "Idle connections that each shard keeps for the group (32).",
    ),
    supported(
        "keepalive_requests",
        UPSTREAM,
        ONE,
        Setter::Upstream(|upstream, line| line.number(&mut upstream.keepalive_requests)),
        "Requests of one connection before it is closed (1000).",
    ),
    supported(
        "keepalive_time",
        UPSTREAM,
        ONE,
        Setter::Upstream(|upstream, line| line.time(&mut upstream.keepalive_time)),
        "Age of a connection at which it takes no further request (1h).",
    ),
    supported(
        "keepalive_timeout",
        UPSTREAM,
        ONE,
        Setter::Upstream(|upstream, line| line.time(&mut upstream.keepalive_timeout)),
        "How long an idle connection is kept (60s).",
    ),
];

fn least_conn(upstream: &mut RawUpstream, line: &Line) -> Recorded {
    if upstream.balance.is_some() {
        line.env.warn(Fault::new(line.span(), "load balancing method redefined"));
    }
    upstream.balance = Some(Balance::LeastConn);
    Ok(())
}

/// Its size bounds a memory that is not needed here; what is none is still told.
fn zone(_: &mut RawUpstream, line: &Line) -> Recorded {
    let name = line.arg(0);
    if name.text.is_empty() {
        return Err(Fault::new(name.span, "invalid zone name \"\""));
    }
    let Some(size) = line.args().get(1) else { return Ok(()) };
    match value::size(&size.text) {
        None | Some(0) => {
            let fault = Fault::new(size.span, format!("invalid zone size \"{}\"", size.text));
            Err(fault.help(value::SIZE_HELP))
        }
        Some(bytes) if bytes < ZONE_BYTES_MIN => {
            Err(Fault::new(size.span, format!("zone \"{}\" is too small", name.text)).help("at least 32k"))
        }
        Some(_) => Ok(()),
    }
}

/// The smallest zone, as in nginx: eight pages.
const ZONE_BYTES_MIN: u64 = 32 << 10;

fn keepalive(upstream: &mut RawUpstream, line: &Line) -> Recorded {
    if let Some(word) = line.args().get(1)
        && word.text != "local"
    {
        return Err(line.invalid_parameter(word));
    }
    line.once(&mut upstream.keepalive, |line| {
        let word = line.arg(0);
        let fault = || {
            let message = format!("invalid value \"{}\" in \"keepalive\" directive", word.text);
            Fault::new(word.span, message).help(value::NUMBER_HELP)
        };
        value::number(&word.text).filter(|count| *count <= 1 << 20).ok_or_else(fault)
    })
}

fn server(upstream: &mut RawUpstream, line: &Line) -> Recorded {
    let mut peer = RawPeer {
        address: line.arg(0).clone(),
        weight: 1,
        max_fails: 1,
        fail_timeout: Duration::from_secs(10),
        max_conns: 0,
        is_down: false,
        is_backup: false,
        is_followed: false,
    };
    for word in &line.args()[1..] {
        let number = |text: &str| value::number(text).and_then(|number| u32::try_from(number).ok());
        let invalid = || line.invalid_parameter(word);
        let later = |help: &str| {
            let message = format!("the \"{}\" parameter is not supported yet", word.text);
            Err(Fault::new(word.span, message).help(help))
        };
        match word.text.split_once('=').map_or((word.text.as_str(), None), |(name, text)| (name, Some(text))) {
            ("weight", Some(text)) => {
                let weight = number(text).filter(|weight| (1..=65_535).contains(weight));
                peer.weight = weight.ok_or_else(|| invalid().help("a weight from 1 to 65535, as in `weight=5`"))?;
            }
            ("max_fails", Some(text)) => peer.max_fails = number(text).ok_or_else(invalid)?,
            ("max_conns", Some(text)) => peer.max_conns = number(text).ok_or_else(invalid)?,
            ("fail_timeout", Some(text)) => {
                let time = value::time_seconds(text);
                peer.fail_timeout = time.ok_or_else(|| invalid().help("whole seconds, as in `fail_timeout=10s`"))?;
            }
            ("backup", None) => peer.is_backup = true,
            ("down", None) => peer.is_down = true,
            ("slow_start", Some(_)) => return later("remove it: a peer gets its full share at once"),
            ("route", Some(_)) => return later("remove it: peers are chosen by round robin"),
            ("resolve", None) => peer.is_followed = true,
            ("service", Some(_)) => return later("name the port, and follow the name with `resolve`"),
            ("drain", None) => return later("use `down` to leave a peer alone"),
            _ => return Err(invalid().help("weight=, max_fails=, fail_timeout=, max_conns=, resolve, backup or down")),
        }
    }
    upstream.servers.push(peer);
    Ok(())
}

/// Adds the group to the model.
///
/// `resolver` and `timeout` are those around it.
pub fn resolve(raw: &RawUpstream, resolver: Option<ResolverId>, timeout: Duration, scope: &mut Scope<'_>) {
    let resolver = resolver::resolve(raw.resolver.as_ref(), resolver, scope);
    let timeout = raw.resolver_timeout.unwrap_or(timeout);
    let mut peers = Vec::new();
    let mut backups = Vec::new();
    let mut followed = Vec::new();
    for server in &raw.servers {
        if let Some(host) = followed_host(server) {
            match resolver {
                Some(resolver) => match follow(server, &host, resolver, timeout, scope) {
                    Ok(one) => followed.push(one),
                    Err(fault) => scope.env.fault(fault),
                },
                None => scope.env.fault(no_resolver(server, raw)),
            }
            continue;
        }
        match resolve_peer(server, scope) {
            Ok(found) if server.is_backup => backups.extend(found),
            Ok(found) => peers.extend(found),
            Err(fault) => scope.env.fault(fault),
        }
    }
    if peers.is_empty() && raw.servers.iter().all(|server| server.is_backup) {
        let fault = Fault::new(raw.name.span, format!("no servers in upstream \"{}\"", raw.name.text));
        scope.env.fault(fault.help("a group needs a `server` that is not `backup`"));
    }
    let count = |number: Option<u64>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    let defaults = keepalive_defaults();
    let keepalive = UpstreamKeepalive {
        connections: count(raw.keepalive).unwrap_or(defaults.connections),
        requests: raw.keepalive_requests.unwrap_or(defaults.requests),
        time: raw.keepalive_time.unwrap_or(defaults.time),
        timeout: raw.keepalive_timeout.unwrap_or(defaults.timeout),
    };
    let name = raw.name.text.as_str();
    let upstream = Upstream {
        name: name.into(),
        protocol: scope.protocol,
        is_block: true,
        balance: raw.balance.unwrap_or(Balance::RoundRobin),
        peers,
        backups,
        followed,
        keepalive,
    };
    if let Err(fault) = scope.add_upstream(name.to_ascii_lowercase(), upstream, raw.name.span) {
        scope.env.fault(fault);
    }
}

/// The host of a `server … resolve` that is a name.
fn followed_host(raw: &RawPeer) -> Option<Host> {
    match address::peer(&raw.address.text) {
        Ok(Address::Inet(host)) if raw.is_followed && host.ip().is_none() => Some(host),
        _ => None,
    }
}

fn follow(
    raw: &RawPeer,
    host: &Host,
    resolver: ResolverId,
    timeout: Duration,
    scope: &Scope<'_>,
) -> Result<Followed, Fault> {
    let port = scope.port(host, &raw.address.text, raw.address.span)?;
    let nowhere = PeerAddress::Ip((std::net::Ipv4Addr::UNSPECIFIED, port).into());
    let peer = peer(raw, nowhere, &raw.address.text);
    Ok(Followed { resolver, timeout, host: host.name.as_str().into(), port, peer, is_backup: raw.is_backup })
}

fn no_resolver(raw: &RawPeer, group: &RawUpstream) -> Fault {
    let name = &group.name.text;
    let message = format!("no resolver defined to resolve names at run time in upstream \"{name}\"");
    Fault::new(raw.address.span, message).help("name a server to ask, as in `resolver 127.0.0.1;` in `http`")
}

fn peer(raw: &RawPeer, address: PeerAddress, name: &str) -> Peer {
    Peer {
        address,
        name: name.into(),
        weight: raw.weight,
        max_fails: raw.max_fails,
        fail_timeout: raw.fail_timeout,
        max_conns: raw.max_conns,
        down: raw.is_down,
    }
}

fn resolve_peer(raw: &RawPeer, scope: &Scope<'_>) -> Result<Vec<Peer>, Fault> {
    let text = raw.address.text.as_str();
    let address =
        address::peer(text).map_err(|words| Fault::new(raw.address.span, format!("{words} in upstream \"{text}\"")))?;
    let found = scope.addresses(&address, text, raw.address.span)?;
    Ok(found.into_iter().map(|(address, name)| peer(raw, address, &name)).collect())
}
