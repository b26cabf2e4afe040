//! The client's address as a trusted proxy tells it: `set_real_ip_from`, `real_ip_header`, `real_ip_recursive`.

use std::net::IpAddr;

use super::exchange::Exchange;
use crate::http::forwarded;
use crate::model::{RealIp, RealIpHeader, Source};
use crate::net::accept::ClientAddress;

/// Takes the address that the connection's other end tells for the client's, if it is trusted to; once for each
/// request.
#[inline]
pub fn apply(exchange: &mut Exchange<'_>) {
    if let Some(settings) = &exchange.location.real_ip {
        apply_settings(exchange, settings);
    }
}

#[inline(never)]
fn apply_settings(exchange: &mut Exchange<'_>, settings: &RealIp) {
    if exchange.has_real_ip || !is_trusted(settings, exchange.client.remote) {
        return;
    }
    if let Some(told) = told(exchange, settings) {
        exchange.remote = ClientAddress::Ip(told);
        exchange.has_real_ip = true;
    }
}

fn told(exchange: &Exchange<'_>, settings: &RealIp) -> Option<std::net::SocketAddr> {
    match &settings.header {
        RealIpHeader::ProxyProtocol => exchange.client.proxy_header.as_deref().map(|header| header.source),
        RealIpHeader::Field(name) => {
            let values: Vec<&[u8]> = exchange.head.fields.all_named(name).collect();
            let trusts = |address: IpAddr| is_trusted(settings, ClientAddress::Ip((address, 0).into()));
            forwarded::client(values.into_iter(), trusts, settings.recursive)
        }
    }
}

fn is_trusted(settings: &RealIp, remote: ClientAddress) -> bool {
    settings.from.iter().any(|source| match (source, remote) {
        (Source::All, _) | (Source::Unix, ClientAddress::Unix) => true,
        (Source::Network(network), ClientAddress::Ip(address)) => network.contains(address.ip()),
        (Source::Network(_), ClientAddress::Unix) | (Source::Unix, ClientAddress::Ip(_)) => false,
    })
}
