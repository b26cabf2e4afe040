//! `set_real_ip_from`, `real_ip_header`, `real_ip_recursive`.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::parse_network;
use crate::config::address::Host;
use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawLevel, RawRealIp};
use crate::config::scope::{Scope, host_addresses};
use crate::config::table::*;
use crate::model::{Network, RealIp, RealIpHeader, Source};

pub const TABLE: &[Directive] = &[
    supported(
        "set_real_ip_from",
        HTTP_LEVELS | STREAM_LEVELS,
        ONE,
        Setter::Level(|level, line| {
            level.real_ip.from.push(line.arg(0).clone());
            Ok(())
        }),
        "A proxy whose word on the client's address is taken: an address, a network, a name or `unix:`.",
    ),
    supported(
        "real_ip_header",
        HTTP_LEVELS,
        ONE,
        Setter::Level(header),
        "Where that address stands: a field such as `X-Forwarded-For`, or `proxy_protocol` (`X-Real-IP`).",
    ),
    supported(
        "real_ip_recursive",
        HTTP_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut level.real_ip.recursive),
        "Passes over addresses that are trusted proxies themselves (off).",
    ),
];

fn header(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.real_ip.header, |line| match line.arg(0).text.as_str() {
        "proxy_protocol" => Ok(RealIpHeader::ProxyProtocol),
        name => Ok(RealIpHeader::Field(name.to_ascii_lowercase().into_bytes().into())),
    })
}

/// What is inherited, whether or not anybody is trusted.
#[derive(Debug, Clone)]
pub struct RealIpParts {
    from: Arc<[Source]>,
    header: RealIpHeader,
    recursive: bool,
    settings: Option<Arc<RealIp>>,
}

impl Default for RealIpParts {
    fn default() -> Self {
        let header = RealIpHeader::Field(b"x-real-ip".as_slice().into());
        Self { from: Arc::default(), header, recursive: false, settings: None }
    }
}

impl RealIpParts {
    /// Where connections have no fields.
    #[must_use]
    pub fn of_connections() -> Self {
        Self { header: RealIpHeader::ProxyProtocol, ..Self::default() }
    }

    #[must_use]
    pub fn settings(&self) -> Option<Arc<RealIp>> {
        self.settings.clone()
    }
}

/// A level's settings over those around it.
pub fn resolve(raw: &RawRealIp, around: &RealIpParts, scope: &Scope<'_>) -> RealIpParts {
    let RawRealIp { from, header, recursive } = raw;
    if from.is_empty() && header.is_none() && recursive.is_none() {
        return around.clone();
    }
    let from: Arc<[Source]> = match from.is_empty() {
        true => Arc::clone(&around.from),
        false => from.iter().flat_map(|word| sources(word, scope)).collect(),
    };
    let header = header.clone().unwrap_or_else(|| around.header.clone());
    let recursive = recursive.unwrap_or(around.recursive);
    let settings = RealIp { from: Arc::clone(&from), header: header.clone(), recursive };
    let settings = (!from.is_empty()).then(|| Arc::new(settings));
    RealIpParts { from, header, recursive, settings }
}

fn sources(word: &Word, scope: &Scope<'_>) -> Vec<Source> {
    if word.text == "unix:" {
        return vec![Source::Unix];
    }
    if let Some((network, is_exact)) = parse_network(&word.text) {
        if !is_exact {
            let message = format!("low address bits of {} are meaningless", word.text);
            scope.env.warn(Fault::new(word.span, message).help(format!("the network is {network}")));
        }
        return vec![Source::Network(network)];
    }
    let host = Host { name: word.text.clone(), port: None };
    match host_addresses(scope.resolver, &host, 0) {
        Ok(found) => found.iter().filter_map(|address| whole(address.ip())).map(Source::Network).collect(),
        Err(why) => {
            let message = format!("host not found in set_real_ip_from \"{}\"", word.text);
            scope.env.fault(Fault::new(word.span, message).label(why));
            Vec::new()
        }
    }
}

/// The network of one address.
fn whole(address: IpAddr) -> Option<Network> {
    Network::new(address, if address.is_ipv4() { 32 } else { 128 })
}
