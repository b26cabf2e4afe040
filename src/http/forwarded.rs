//! Addresses that proxies have added to a field, such as `X-Forwarded-For`, and which of them to believe.

use std::net::{IpAddr, SocketAddr};

/// The address that stands for the client, given that whoever sent the field is trusted: the last one, or with
/// `recursive` the last that is not itself trusted. `None` when there is none.
///
/// `values` are those of all fields of the name, in order; reading stops at what is no address.
#[must_use]
pub fn client<'v>(
    values: impl DoubleEndedIterator<Item = &'v [u8]>,
    trusts: impl Fn(IpAddr) -> bool,
    recursive: bool,
) -> Option<SocketAddr> {
    let mut found = None;
    for value in values.rev() {
        let words = value.rsplit(|byte| matches!(byte, b' ' | b',')).filter(|word| !word.is_empty());
        for word in words {
            let Some(address) = address(word) else { return found };
            found = Some(address);
            if !recursive || !trusts(address.ip()) {
                return found;
            }
        }
    }
    found
}

/// An address with or without a port (0), an IPv6 one with or without brackets.
#[must_use]
pub fn address(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() != 0).then_some(address);
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    inner.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str], recursive: bool) -> Option<String> {
        let trusts = |address: IpAddr| address.to_string().starts_with("10.");
        client(values.iter().map(|value| value.as_bytes()), trusts, recursive).map(|address| address.to_string())
    }

    #[test]
    fn the_last_address_counts() {
        assert_eq!(of(&["192.0.2.1, 192.0.2.2"], false).as_deref(), Some("192.0.2.2:0"));
        assert_eq!(of(&["192.0.2.1", "192.0.2.3:80, ,"], false).as_deref(), Some("192.0.2.3:80"));
        assert_eq!(of(&["2001:db8::1"], false).as_deref(), Some("[2001:db8::1]:0"));
        assert_eq!(of(&["[2001:db8::1]:81"], false).as_deref(), Some("[2001:db8::1]:81"));
        assert_eq!(of(&["10.0.0.1"], false).as_deref(), Some("10.0.0.1:0"));
        assert_eq!(of(&[], false), None);
        assert_eq!(of(&[" , "], false), None);
    }

    #[test]
    fn recursion_passes_over_trusted_addresses() {
        assert_eq!(of(&["192.0.2.1, 10.0.0.1", "10.0.0.2"], true).as_deref(), Some("192.0.2.1:0"));
        assert_eq!(of(&["10.0.0.3, 10.0.0.1"], true).as_deref(), Some("10.0.0.3:0"));
        assert_eq!(of(&["192.0.2.1, 192.0.2.2, 10.0.0.1"], true).as_deref(), Some("192.0.2.2:0"));
    }

    #[test]
    fn reading_stops_at_what_is_no_address() {
        assert_eq!(of(&["192.0.2.1, unknown"], false), None);
        assert_eq!(of(&["192.0.2.1, unknown, 10.0.0.1"], true).as_deref(), Some("10.0.0.1:0"));
    }
}
