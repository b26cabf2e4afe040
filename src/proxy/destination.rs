//! Where a `proxy_pass` leads for one exchange: a group of peers, or one address that a variable gave.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use super::exchange::Exchange;
use super::failure::{Cause, Failure, Phase};
use crate::model::{self, PeerAddress, Protocol, ProxyPass, Scheme, Stream, UpstreamId};
use crate::names::Unresolved;
use crate::net::moment;
use crate::net::timer::limited;
use crate::transport::Purpose;
use crate::upstream::{Group, Lease, Tried};

/// A resolved `proxy_pass`.
pub struct Destination {
    pub group: Arc<Group>,
    /// Where its idle connections are kept; `None` for an address that no configuration names.
    pub id: Option<UpstreamId>,
    /// The URI part of a value with variables: it is passed as it is.
    pub uri: Option<Vec<u8>>,
    pub scheme: Scheme,
    /// What connections have to be made for; `None` where they are plain.
    pub purpose: Option<Box<Purpose>>,
}

/// What a `proxy_pass` says.
pub enum Said {
    Leads(Destination),
    /// To a name, which has to be asked for.
    Names(Named),
}

/// A name in the value of a `proxy_pass`.
pub struct Named {
    host: Box<str>,
    port: u16,
    /// Host and port as they stand there.
    authority: Box<str>,
    uri: Option<Vec<u8>>,
    scheme: Scheme,
}

/// Finds the destination, asking for its name if it has one.
///
/// # Errors
/// As [`of`], when the name has no address, and when there is no TLS where it is wanted.
pub async fn find<'c>(exchange: &mut Exchange<'c>, to: &'c ProxyPass) -> Result<Destination, Failure> {
    match &to.destination {
        model::Destination::Group { upstream, host, port } if to.scheme == Scheme::Http => {
            of_group(exchange, *upstream, (host, port), to.scheme)
        }
        // Boxed: few are evaluated, and all others would carry the room for it.
        model::Destination::Group { .. } | model::Destination::Evaluated(_) => Box::pin(evaluate(exchange, to)).await,
    }
}

async fn evaluate<'c>(exchange: &mut Exchange<'c>, to: &'c ProxyPass) -> Result<Destination, Failure> {
    let mut destination = match of(exchange, to)? {
        Said::Leads(destination) => destination,
        Said::Names(named) => named.resolve(exchange).await?,
    };
    if destination.scheme == Scheme::Https {
        destination.purpose = Some(Box::new(purpose(exchange, exchange.proxy_host.as_deref().unwrap_or_default())?));
    }
    Ok(destination)
}

/// Reads the destination and sets `$proxy_host` and `$proxy_port`.
///
/// # Errors
/// When the value is neither a group nor an address nor a name.
pub fn of<'c>(exchange: &mut Exchange<'c>, to: &'c ProxyPass) -> Result<Said, Failure> {
    match &to.destination {
        model::Destination::Group { upstream, host, port } => {
            of_group(exchange, *upstream, (host, port), to.scheme).map(Said::Leads)
        }
        model::Destination::Evaluated(template) => {
            let value = exchange.evaluate(template);
            evaluated(exchange, &value, to.scheme)
        }
    }
}

fn of_group<'c>(
    exchange: &mut Exchange<'c>,
    id: UpstreamId,
    (host, port): (&'c str, &'c str),
    scheme: Scheme,
) -> Result<Destination, Failure> {
    exchange.proxy_host = Some(Cow::Borrowed(host));
    exchange.proxy_port = Some(Cow::Borrowed(port));
    let group = exchange.shard.groups.group(id).ok_or_else(|| Failure::new(Phase::Connecting, Cause::NoPeer))?;
    Ok(Destination { group, id: Some(id), uri: None, scheme, purpose: None })
}

/// What an encrypted connection to a peer has to be made for. `host` is its name where none is set.
fn purpose(exchange: &Exchange<'_>, host: &str) -> Result<Purpose, Failure> {
    let location = &exchange.location;
    let Some(settings) = location.tls_peer else {
        let words = "https protocol requires SSL support".to_owned();
        return Err(Failure::new(Phase::ProcessingRequest, Cause::NoSuchPeer(words)));
    };
    let name = match &location.proxy.ssl_name {
        Some(name) => String::from_utf8_lossy(&exchange.evaluate(name)).into(),
        None => host.into(),
    };
    Ok(Purpose { settings, name })
}

/// Finds where a connection of `stream` goes.
///
/// # Errors
/// As [`find`]; there is no port but the one that is written.
pub async fn of_stream(
    exchange: &Exchange<'_>,
    stream: &Stream,
    to: &model::Destination,
) -> Result<Destination, Failure> {
    let mut destination = of_connection(exchange, to).await?;
    if stream.ssl {
        // A group is known by its name, and addresses by what stands in the file.
        destination.purpose = Some(Box::new(purpose(exchange, &destination.group.model().name)?));
    }
    Ok(destination)
}

async fn of_connection(exchange: &Exchange<'_>, to: &model::Destination) -> Result<Destination, Failure> {
    let groups = &exchange.shard.groups;
    let template = match to {
        model::Destination::Group { upstream, .. } => {
            let group = groups.group(*upstream).ok_or_else(|| Failure::new(Phase::Connecting, Cause::NoPeer))?;
            return Ok(Destination { group, id: None, uri: None, scheme: Scheme::Http, purpose: None });
        }
        model::Destination::Evaluated(template) => template,
    };
    let refused = |words: String| Failure::new(Phase::ProcessingRequest, Cause::NoSuchPeer(words));
    let value = exchange.evaluate(template);
    let text = String::from_utf8_lossy(&value);
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(unnamed([PeerAddress::Unix(PathBuf::from(path))].into_iter(), &text, None, Scheme::Http));
    }
    if text.is_empty() {
        return Err(refused(format!("no host in upstream \"{text}\"")));
    }
    let (host, port) = split_port(&text).ok_or_else(|| refused(format!("invalid port in upstream \"{text}\"")))?;
    if let Some(group) = groups.by_name(Protocol::Stream, host.as_bytes(), port).and_then(|id| groups.group(id)) {
        return Ok(Destination { group, id: None, uri: None, scheme: Scheme::Http, purpose: None });
    }
    let port = port.ok_or_else(|| refused(format!("no port in upstream \"{text}\"")))?;
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) => Ok(unnamed([PeerAddress::Ip((ip, port).into())].into_iter(), &text, None, Scheme::Http)),
        Err(_) => {
            let named =
                Named { host: host.into(), port, authority: text.as_ref().into(), uri: None, scheme: Scheme::Http };
            Box::pin(named.resolve(exchange)).await
        }
    }
}

fn evaluated(exchange: &mut Exchange<'_>, value: &[u8], scheme: Scheme) -> Result<Said, Failure> {
    let refused = |words: String| Failure::new(Phase::ProcessingRequest, Cause::NoSuchPeer(words));
    let text = String::from_utf8_lossy(value);
    let (scheme, text) = match text.strip_prefix("https://") {
        Some(rest) => (Scheme::Https, rest),
        None => (scheme, text.strip_prefix("http://").unwrap_or(&text)),
    };
    if let Some(rest) = text.strip_prefix("unix:") {
        let (path, uri) = rest.split_once(':').unwrap_or((rest, ""));
        exchange.proxy_host = Some("localhost".into());
        exchange.proxy_port = Some("".into());
        let uri = (!uri.is_empty()).then(|| uri.as_bytes().to_vec());
        return Ok(Said::Leads(unnamed([PeerAddress::Unix(PathBuf::from(path))].into_iter(), text, uri, scheme)));
    }
    let at = text.find(['/', '?']).unwrap_or(text.len());
    let (authority, uri) = text.split_at(at);
    let uri = (!uri.is_empty()).then(|| uri.as_bytes().to_vec());
    if authority.is_empty() {
        return Err(refused(format!("no host in upstream \"{text}\"")));
    }
    let (host, port) = split_port(authority).ok_or_else(|| refused(format!("invalid port in upstream \"{text}\"")))?;
    exchange.proxy_host = Some(authority.to_owned().into());
    exchange.proxy_port = Some(port.unwrap_or(scheme.port()).to_string().into());
    let groups = &exchange.shard.groups;
    if let Some(id) = groups.by_name(Protocol::Http, host.as_bytes(), port)
        && let Some(group) = groups.group(id)
    {
        return Ok(Said::Leads(Destination { group, id: Some(id), uri, scheme, purpose: None }));
    }
    let port = port.unwrap_or(scheme.port());
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) => Ok(Said::Leads(unnamed([PeerAddress::Ip((ip, port).into())].into_iter(), authority, uri, scheme))),
        Err(_) => Ok(Said::Names(Named { host: host.into(), port, authority: authority.into(), uri, scheme })),
    }
}

impl Named {
    /// Has the location's `resolver` ask for the name, and waits while the client does.
    async fn resolve(self, exchange: &Exchange<'_>) -> Result<Destination, Failure> {
        let Self { host, port, authority, uri, scheme } = self;
        let unresolved = |words: String| Failure::new(Phase::ProcessingRequest, Cause::Unresolved(words));
        let location = &exchange.location;
        let Some(resolver) = location.resolver.and_then(|id| exchange.shard.names.resolver(id)) else {
            return Err(unresolved(format!("no resolver defined to resolve {host}")));
        };
        let asked = pin!(resolver.lookup(&host));
        let found = monoio::select! {
            asked = limited(location.resolver_timeout, asked) => asked.unwrap_or(Err(Unresolved::TimedOut)),
            () = exchange.client.stream.gone() => {
                return Err(Failure::new(Phase::ProcessingRequest, Cause::ClientGone));
            }
        };
        let addresses = found.map_err(|error| unresolved(format!("{host} could not be resolved ({error})")))?;
        let with_port = |ip: &IpAddr| PeerAddress::Ip(SocketAddr::new(*ip, port));
        Ok(unnamed(addresses.iter().map(with_port), &authority, uri, scheme))
    }
}

/// Addresses that belong to no group of the configuration.
fn unnamed(
    addresses: impl Iterator<Item = PeerAddress>,
    name: &str,
    uri: Option<Vec<u8>>,
    scheme: Scheme,
) -> Destination {
    Destination { group: Group::of_addresses(addresses, name), id: None, uri, scheme, purpose: None }
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
        let lease = self.group.pick(tried, moment::now());
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
