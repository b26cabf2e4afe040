//! Lookup in a `geo` block.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{Geo, GeoRange};

/// The value for an address. What is no address counts as 255.255.255.255, as in nginx.
#[must_use]
pub fn lookup(geo: &Geo, address: Option<IpAddr>) -> &[u8] {
    let found = match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(v4)) => find(&geo.v4, v4.into()),
        Some(IpAddr::V6(v6)) if !geo.uses_ranges => find(&geo.v6, v6.into()),
        Some(IpAddr::V6(_)) | None => find(&geo.v4, Ipv4Addr::BROADCAST.into()),
    };
    found.unwrap_or(&geo.default)
}

fn find<A: Copy + Ord>(ranges: &[GeoRange<A>], address: A) -> Option<&[u8]> {
    let at = ranges.partition_point(|range| range.last < address);
    ranges.get(at).filter(|range| range.first <= address).map(|range| &*range.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geo(uses_ranges: bool) -> Geo {
        let v4 = |first: &str, last: &str, value: &str| GeoRange {
            first: first.parse::<Ipv4Addr>().unwrap().into(),
            last: last.parse::<Ipv4Addr>().unwrap().into(),
            value: value.as_bytes().into(),
        };
        Geo {
            name: "geo".into(),
            source: None,
            proxies: Box::default(),
            proxy_recursive: false,
            uses_ranges,
            volatile: false,
            v4: [v4("10.0.0.0", "10.0.0.9", "a"), v4("10.0.0.11", "10.1.0.0", "b")].into(),
            v6: [GeoRange { first: 1, last: 5, value: b"six".as_slice().into() }].into(),
            default: b"default".as_slice().into(),
        }
    }

    fn of(geo: &Geo, address: &str) -> String {
        String::from_utf8(lookup(geo, address.parse().ok()).to_vec()).unwrap()
    }

    #[test]
    fn an_address_is_found_in_its_range_alone() {
        let geo = geo(false);
        for (address, value) in [
            ("9.255.255.255", "default"),
            ("10.0.0.0", "a"),
            ("10.0.0.9", "a"),
            ("10.0.0.10", "default"),
            ("10.1.0.0", "b"),
            ("10.1.0.1", "default"),
            ("::ffff:10.0.0.1", "a"),
            ("::1", "six"),
            ("::6", "default"),
            ("none", "default"),
        ] {
            assert_eq!(of(&geo, address), value, "{address}");
        }
    }

    #[test]
    fn ranges_know_no_ipv6() {
        assert_eq!(of(&geo(true), "::1"), "default");
    }
}
