//! Where a `proxy_pass` leads for one exchange: a group of peers, or one address that a variable gave.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::exchange::Exchange;
use super::failure::{Cause, Failure, Phase};
use crate::model::{self, PeerAddress, ProxyPass, UpstreamId};
use crate::upstream::{Group, Lease, Tried};

/// Port of `http://` without a port.
const HTTP_PORT: u16 = 80;

/// A resolved `proxy_pass`.
pub struct Destination {
    pub group: Arc<Group>,
    /// Where its idle connections are kept; `None` for an address that no configuration names.
    pub id: Option<UpstreamId>,
    /// The URI part of a value with variables: it is passed as it is.
    pub uri: Option<Vec<u8>>,
}

/// Finds the destination and sets `$proxy_host` and `$proxy_port`.
///
/// # Errors
/// When the value is neither a group nor an address.
pub fn of(exchange: &mut Exchange<'_>, to: &ProxyPass) -> Result<Destination, Failure> {
    match &to.destination {
        model::Destination::Group { upstream, host, port } => {
            exchange.proxy_host = Some(host.as_bytes().into());
            exchange.proxy_port = Some(port.as_bytes().into());
            match exchange.shard.groups.group(*upstream) {
                Some(group) => Ok(Destination { group: Arc::clone(group), id: Some(*upstream), uri: None }),
                None => Err(Failure::new(Phase::Connecting, Cause::NoPeer)),
            }
        }
        model::Destination::Evaluated(template) => {
            let value = exchange.evaluate(template);
            evaluated(exchange, &value)
        }
    }
}

fn evaluated(exchange: &mut Exchange<'_>, value: &[u8]) -> Result<Destination, Failure> {
    let refused = |words: String| Failure::new(Phase::ProcessingRequest, Cause::NoSuchPeer(words));
    let text = String::from_utf8_lossy(value);
    let text = text.strip_prefix("http://").unwrap_or(&text);
    if let Some(rest) = text.strip_prefix("unix:") {
        let (path, uri) = rest.split_once(':').unwrap_or((rest, ""));
        exchange.proxy_host = Some(b"localhost".as_slice().into());
        exchange.proxy_port = Some(b"".as_slice().into());
        let uri = (!uri.is_empty()).then(|| uri.as_bytes().to_vec());
        return Ok(single(PeerAddress::Unix(PathBuf::from(path)), text, uri));
    }
    let at = text.find(['/', '?']).unwrap_or(text.len());
    let (authority, uri) = text.split_at(at);
    let uri = (!uri.is_empty()).then(|| uri.as_bytes().to_vec());
    if authority.is_empty() {
        return Err(refused(format!("no host in upstream \"{text}\"")));
    }
    let (host, port) = split_port(authority).ok_or_else(|| refused(format!("invalid port in upstream \"{text}\"")))?;
    exchange.proxy_host = Some(authority.as_bytes().into());
    exchange.proxy_port = Some(port.unwrap_or(HTTP_PORT).to_string().as_bytes().into());
    let groups = &exchange.shard.groups;
    if let Some(id) = groups.by_name(authority.as_bytes())
        && let Some(group) = groups.group(id)
    {
        return Ok(Destination { group: Arc::clone(group), id: Some(id), uri });
    }
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) => {
            let address = PeerAddress::Ip(SocketAddr::new(ip, port.unwrap_or(HTTP_PORT)));
            Ok(single(address, authority, uri))
        }
        Err(_) => Err(refused(format!("no resolver defined to resolve {host}"))),
    }
}

/// An address that belongs to no group of the configuration.
fn single(address: PeerAddress, name: &str, uri: Option<Vec<u8>>) -> Destination {
    Destination { group: Group::of_address(address, name), id: None, uri }
}

/// Host and port of an authority; `None` when the port is none.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after_brackets..].rfind(':') {
        Some(colon) => {
            let colon = after_brackets + colon;
            let port = authority[colon + 1..].parse().ok().filter(|port| *port > 0)?;
            Some((&authority[..colon], Some(port)))
        }
        None => Some((authority, None)),
    }
}

impl Destination {
    /// The next peer.
    ///
    /// # Errors
    /// `NoPeer` when none is left that may be used.
    pub fn pick(&self, tried: &mut Tried) -> Result<Lease, Failure> {
        let lease = self.group.pick(tried, Instant::now());
        lease.ok_or_else(|| Failure::new(Phase::Connecting, Cause::NoPeer))
    }
}

#[cfg(test)]
mod tests {
    use super::split_port;

    #[test]
    fn ports_are_split_off() {
        assert_eq!(split_port("a:80"), Some(("a", Some(80))));
        assert_eq!(split_port("a"), Some(("a", None)));
        assert_eq!(split_port("[::1]"), Some(("[::1]", None)));
        assert_eq!(split_port("[::1]:8080"), Some(("[::1]", Some(8080))));
        assert_eq!(split_port("a:0"), None);
        assert_eq!(split_port("a:x"), None);
        assert_eq!(split_port("a:99999"), None);
    }
}
