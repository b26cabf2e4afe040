//! Addresses of a `geo` block on their way into disjoint, sorted ranges: what lies inside something wider wins.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::model::{GeoRange, Network};

/// Ranges of IPv4 addresses as they are written: disjoint, by their first address.
#[derive(Debug, Default)]
pub struct Ranges(BTreeMap<u32, (u32, Arc<[u8]>)>);

/// `10.0.0.0-10.0.0.255`.
#[must_use]
pub fn parse(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-')?;
    let of = |text: &str| text.trim().parse::<Ipv4Addr>().ok().map(u32::from);
    let (first, last) = (of(first)?, of(last)?);
    (first <= last).then_some((first, last))
}

impl Ranges {
    /// Adds a range; one around it is cut. `false` when just this range was there and has a new value.
    ///
    /// # Errors
    /// The range that it partly covers.
    pub fn insert(&mut self, first: u32, last: u32, value: Arc<[u8]>) -> Result<bool, (Ipv4Addr, Ipv4Addr)> {
        let Some((&at, &(end, _))) = self.0.range(..=last).next_back().filter(|(_, (end, _))| *end >= first) else {
            self.0.insert(first, (last, value));
            return Ok(true);
        };
        if at > first || end < last {
            return Err((at.into(), end.into()));
        }
        let is_new = (at, end) != (first, last);
        if let Some((_, around)) = self.0.remove(&at) {
            if at < first {
                self.0.insert(at, (first - 1, Arc::clone(&around)));
            }
            if last < end {
                self.0.insert(last + 1, (end, around));
            }
        }
        self.0.insert(first, (last, value));
        Ok(is_new)
    }

    /// Removes just this range; whether it was there.
    pub fn remove(&mut self, first: u32, last: u32) -> bool {
        let is_there = self.0.get(&first).is_some_and(|(end, _)| *end == last);
        is_there && self.0.remove(&first).is_some()
    }

    #[must_use]
    pub fn into_sorted(self) -> Vec<GeoRange<u32>> {
        self.0.into_iter().map(|(first, (last, value))| GeoRange { first, last, value }).collect()
    }
}

/// Addresses of one length, as numbers.
trait Number: Copy + Ord {
    fn next(self) -> Option<Self>;
    /// Of one that is not the first.
    fn previous(self) -> Self;
}

impl Number for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Self {
        self.saturating_sub(1)
    }
}

impl Number for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Self {
        self.saturating_sub(1)
    }
}

/// Networks as disjoint ranges of both kinds.
#[must_use]
pub fn of_networks(networks: Vec<(Network, Arc<[u8]>)>) -> (Vec<GeoRange<u32>>, Vec<GeoRange<u128>>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (network, value) in networks {
        let bits = u32::from(network.prefix_bits);
        match network.address {
            IpAddr::V4(address) => {
                let first = u32::from(address);
                let last = first | u32::MAX.checked_shr(bits).unwrap_or(0);
                v4.push(GeoRange { first, last, value });
            }
            IpAddr::V6(address) => {
                let first = u128::from(address);
                let last = first | u128::MAX.checked_shr(bits).unwrap_or(0);
                v6.push(GeoRange { first, last, value });
            }
        }
    }
    (disjoint(v4), disjoint(v6))
}

/// Ranges that lie inside each other or apart, cut so that the innermost is left at every address.
fn disjoint<A: Number>(mut nested: Vec<GeoRange<A>>) -> Vec<GeoRange<A>> {
    nested.sort_by(|a, b| a.first.cmp(&b.first).then(b.last.cmp(&a.last)));
    let mut out: Vec<GeoRange<A>> = Vec::with_capacity(nested.len());
    let mut put = |first: Option<A>, last: A, value: &Arc<[u8]>| {
        if let Some(first) = first.filter(|first| *first <= last) {
            out.push(GeoRange { first, last, value: Arc::clone(value) });
        }
    };
    // Ranges around the place that has been reached, the innermost last.
    let mut open: Vec<GeoRange<A>> = Vec::new();
    let mut place = None;
    for range in nested {
        while let Some(ended) = open.pop_if(|around| around.last < range.first) {
            put(place, ended.last, &ended.value);
            place = ended.last.next();
        }
        if let Some(around) = open.last()
            && place < Some(range.first)
        {
            put(place, range.first.previous(), &around.value);
        }
        place = Some(range.first);
        open.push(range);
    }
    while let Some(ended) = open.pop() {
        put(place, ended.last, &ended.value);
        place = ended.last.next();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Arc<[u8]> {
        text.as_bytes().into()
    }

    fn shown(ranges: &[GeoRange<u32>]) -> Vec<(u32, u32, String)> {
        let text = |range: &GeoRange<u32>| String::from_utf8(range.value.to_vec()).unwrap();
        ranges.iter().map(|range| (range.first, range.last, text(range))).collect()
    }

    #[test]
    fn a_range_inside_another_cuts_it() {
        let mut ranges = Ranges::default();
        assert_eq!(ranges.insert(0, 255, value("wide")), Ok(true));
        assert_eq!(ranges.insert(1, 2, value("inner")), Ok(true));
        assert_eq!(ranges.insert(1, 1, value("one")), Ok(true));
        assert_eq!(ranges.insert(1, 1, value("again")), Ok(false));
        assert!(ranges.insert(2, 5, value("across")).is_err());
        assert!(ranges.insert(0, 300, value("around")).is_err());
        assert!(ranges.remove(2, 2));
        assert!(!ranges.remove(3, 4));
        let found = shown(&ranges.into_sorted());
        assert_eq!(found, [(0, 0, "wide".into()), (1, 1, "again".into()), (3, 255, "wide".into())]);
    }

    #[test]
    fn ranges_are_two_addresses_in_order() {
        assert_eq!(parse("0.0.0.1-0.0.1.0"), Some((1, 256)));
        for bad in ["", "0.0.0.1", "0.0.0.2-0.0.0.1", "a-b", "::1-::2"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        /// The ranges say of every address what the longest network around it says.
        #[test]
        fn the_innermost_network_wins(networks in proptest::collection::vec((0u32..64, 26u8..=32), 0..20)) {
            let mut given: Vec<(Network, Arc<[u8]>)> = Vec::new();
            for (at, (address, bits)) in networks.into_iter().enumerate() {
                let network = Network::new(IpAddr::V4(address.into()), bits).unwrap();
                if given.iter().all(|(known, _)| *known != network) {
                    given.push((network, value(&at.to_string())));
                }
            }
            let (ranges, _) = of_networks(given.clone());
            prop_assert!(ranges.windows(2).all(|pair| pair[0].last < pair[1].first));
            prop_assert!(ranges.iter().all(|range| range.first <= range.last));
            for address in 0u32..80 {
                let inside = |(network, _): &&(Network, _)| network.contains(IpAddr::V4(address.into()));
                let expected = given.iter().filter(inside).max_by_key(|(network, _)| network.prefix_bits);
                let found = ranges.iter().find(|range| range.first <= address && address <= range.last);
                prop_assert_eq!(found.map(|range| &range.value), expected.map(|(_, value)| value));
            }
        }
    }

    #[test]
    fn the_whole_space_has_no_address_behind_it() {
        let network = |text: &str, bits| Network::new(text.parse().unwrap(), bits).unwrap();
        let (v4, v6) = of_networks(vec![
            (network("0.0.0.0", 0), value("all")),
            (network("255.255.255.255", 32), value("last")),
            (network("::", 0), value("six")),
        ]);
        assert_eq!(shown(&v4), [(0, u32::MAX - 1, "all".into()), (u32::MAX, u32::MAX, "last".into())]);
        assert_eq!(v6.len(), 1);
    }
}
