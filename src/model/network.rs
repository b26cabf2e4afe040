//! A block of addresses.

use std::fmt;
use std::net::IpAddr;

/// Addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// The first address of the block.
    pub address: IpAddr,
    /// How many bits of it count.
    pub prefix_bits: u8,
}

impl Network {
    /// A block; bits behind the prefix are dropped. `None` when the prefix is longer than the address.
    #[must_use]
    pub fn new(address: IpAddr, prefix_bits: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(v4) if prefix_bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix_bits)).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) if prefix_bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix_bits)).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        };
        Some(Self { address, prefix_bits })
    }

    /// Whether an address is in the block. An IPv4 address that comes mapped into IPv6 counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(one)) => {
                let differing = u32::from(first) ^ u32::from(one);
                differing.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V6(first), IpAddr::V6(one)) => {
                let differing = u128::from(first) ^ u128::from(one);
                differing.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, bits: u8) -> Network {
        Network::new(address.parse().unwrap(), bits).unwrap()
    }

    #[test]
    fn an_address_is_inside_when_the_prefix_agrees() {
        let ten = network("10.1.2.3", 8);
        assert_eq!(ten.to_string(), "10.0.0.0/8");
        assert!(ten.contains("10.255.0.1".parse().unwrap()));
        assert!(!ten.contains("11.0.0.0".parse().unwrap()));
        assert!(ten.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!ten.contains("::1".parse().unwrap()));
        assert!(network("2001:db8::", 32).contains("2001:db8:1::1".parse().unwrap()));
        assert!(!network("2001:db8::", 32).contains("2001:db9::".parse().unwrap()));
    }

    #[test]
    fn the_shortest_and_longest_prefixes_work() {
        assert!(network("1.2.3.4", 0).contains("255.255.255.255".parse().unwrap()));
        assert!(network("::", 0).contains("ff::1".parse().unwrap()));
        assert!(!network("::", 0).contains("1.2.3.4".parse().unwrap()));
        assert!(network("1.2.3.4", 32).contains("1.2.3.4".parse().unwrap()));
        assert!(!network("1.2.3.4", 32).contains("1.2.3.5".parse().unwrap()));
        assert!(Network::new("1.2.3.4".parse().unwrap(), 33).is_none());
    }
}
