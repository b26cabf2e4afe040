//! Variables that are computed from an address or a hash (`geo` and `split_clients`), and those of the PROXY protocol.

use std::net::IpAddr;

use super::exchange::Exchange;
use super::facts::Computed;
use super::variables::put;
use crate::http::{Name, forwarded};
use crate::limits::MAP_DEPTH_MAX;
use crate::model::{Geo, GeoId, Network, SplitId, TcpFigure, Variable};
use crate::net::accept::ClientAddress;
use crate::route;

impl Exchange<'_> {
    /// The value that a `geo` block gives.
    pub(super) fn append_geo(&self, id: GeoId, out: &mut Vec<u8>) -> bool {
        let generation = &self.shard.generation;
        let Some(geo) = generation.serving.geos.get(usize::from(id.0)) else { return false };
        self.append_kept(Computed::Geo(id), geo.volatile, out, || route::geo::lookup(geo, self.geo_address(geo)))
    }

    /// The value that a `split_clients` block gives.
    pub(super) fn append_split(&self, id: SplitId, out: &mut Vec<u8>) -> bool {
        let generation = &self.shard.generation;
        let Some(split) = generation.serving.splits.get(usize::from(id.0)) else { return false };
        self.append_kept(Computed::Split(id), false, out, || route::split::lookup(split, &self.evaluate(&split.source)))
    }

    /// The value that was looked up before, or looks it up.
    fn append_kept<'v>(
        &self,
        variable: Computed,
        is_volatile: bool,
        out: &mut Vec<u8>,
        lookup: impl FnOnce() -> &'v [u8],
    ) -> bool {
        if let Some(value) = self.facts.borrow().computed(variable) {
            return put(out, &value);
        }
        let Some(value) = self.deeper(lookup) else { return false };
        if !is_volatile {
            self.facts.borrow_mut().remember(variable, value.into());
        }
        put(out, value)
    }

    /// What the proxy in front told when it connected.
    pub(super) fn append_of_proxy_header(&self, variable: &Variable, out: &mut Vec<u8>) -> bool {
        let Some(header) = &self.client.proxy_header else { return false };
        let text = match variable {
            Variable::ProxyProtocolAddr => header.source.ip().to_string(),
            Variable::ProxyProtocolPort => header.source.port().to_string(),
            Variable::ProxyProtocolServerAddr => header.destination.ip().to_string(),
            Variable::ProxyProtocolServerPort => header.destination.port().to_string(),
            Variable::ProxyProtocolTlv(name) => {
                let value = std::str::from_utf8(name).ok().and_then(|name| header.value(name));
                out.extend_from_slice(value.as_deref().unwrap_or_default());
                return value.is_some();
            }
            _ => return false,
        };
        out.extend_from_slice(text.as_bytes());
        true
    }

    /// What the kernel knows of the client's connection; nothing of one that is not TCP.
    pub(super) fn append_tcp_figure(&self, figure: TcpFigure, out: &mut Vec<u8>) -> bool {
        if let ClientAddress::Unix = self.client.remote {
            return false;
        }
        let Some(known) = self.client.stream.tcp_info() else { return false };
        let number = match figure {
            TcpFigure::RoundTripTime => known.round_trip_us,
            TcpFigure::RoundTripVariance => known.round_trip_variance_us,
            TcpFigure::CongestionWindow => known.congestion_window_packets,
            TcpFigure::ReceiveSpace => known.receive_space_bytes,
        };
        out.extend_from_slice(number.to_string().as_bytes());
        true
    }

    /// Runs what may evaluate variables again, unless that has gone too deep: then they use each other in a ring.
    fn deeper<T>(&self, run: impl FnOnce() -> T) -> Option<T> {
        let depth = self.map_depth.get();
        if depth >= MAP_DEPTH_MAX {
            return None;
        }
        self.map_depth.set(depth + 1);
        let found = run();
        self.map_depth.set(depth);
        Some(found)
    }

    fn geo_address(&self, geo: &Geo) -> Option<IpAddr> {
        let address = match &geo.source {
            Some(source) => forwarded::address(&self.evaluate(source))?.ip(),
            None => match self.remote {
                ClientAddress::Ip(address) => address.ip(),
                ClientAddress::Unix => return None,
            },
        };
        let trusts = |address| is_in(&geo.proxies, address);
        if !trusts(address) {
            return Some(address);
        }
        let values: Vec<&[u8]> = self.head.fields.all(Name::XForwardedFor).collect();
        let forwarded = forwarded::client(values.into_iter(), trusts, geo.proxy_recursive);
        Some(forwarded.map_or(address, |forwarded| forwarded.ip()))
    }
}

fn is_in(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}
