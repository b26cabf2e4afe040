//! The PROXY protocol, versions 1 and 2: whom a proxy in front says that it speaks for.
//!
//! Pure: bytes in, a header out. Nothing is believed here; who may say so is decided by `set_real_ip_from`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::limits::PROXY_HEADER_BYTES_MAX;

const PROXY: &[u8; 6] = b"PROXY ";
const FAMILIES: [&[u8]; 3] = [b"TCP4 ", b"TCP6 ", b"UNKNOWN"];
const UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest first version: the line of two IPv6 addresses.
const LINE_BYTES_MAX: usize = 107;
/// Signature, command, family and length.
const FIXED_BYTES: usize = 16;
/// Behind it stand a byte of flags and the result of the check, then further values.
const SSL: u8 = 0x20;
const SSL_FIXED_BYTES: usize = 5;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The client that the proxy accepted.
    pub source: SocketAddr,
    /// What that client connected to.
    pub destination: SocketAddr,
    /// Further values of version 2: type, length in two bytes, value.
    values: Box<[u8]>,
}

/// It is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// A header and how long it is; `None` as header where it speaks of nobody (`UNKNOWN`, `LOCAL`, or a family other than
/// TCP over IP). `Ok(None)` needs more bytes.
///
/// # Errors
/// What came cannot become a header.
pub fn parse(bytes: &[u8]) -> Result<Option<(Option<ProxyHeader>, usize)>, Broken> {
    if begins(bytes, SIGNATURE) {
        return binary(bytes);
    }
    if begins(bytes, PROXY) {
        return line(bytes);
    }
    Err(Broken)
}

/// A header of the first version, for the peer of a client at `source` that connected to `destination`. What is no pair
/// of IP addresses of one family is `UNKNOWN`.
#[must_use]
pub fn write(source: Option<SocketAddr>, destination: Option<SocketAddr>) -> Vec<u8> {
    let Some((source, destination)) = source.zip(destination) else { return UNKNOWN.to_vec() };
    let (from, to) = (source.ip().to_canonical(), destination.ip().to_canonical());
    let family = match (from, to) {
        (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
        (IpAddr::V6(_), IpAddr::V6(_)) => "TCP6",
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return UNKNOWN.to_vec(),
    };
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

/// Whether what came agrees with a beginning, as far as both go.
fn begins(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(a, b)| a == b)
}

fn line(bytes: &[u8]) -> Result<Option<(Option<ProxyHeader>, usize)>, Broken> {
    let head = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        // What can be no header any more is not waited for.
        let rest = head.get(PROXY.len()..).unwrap_or_default();
        let is_family = FAMILIES.iter().any(|family| begins(rest, family));
        return if is_family && bytes.len() < LINE_BYTES_MAX { Ok(None) } else { Err(Broken) };
    };
    let text = std::str::from_utf8(&head[..end]).map_err(|_| Broken)?;
    let mut words = text.split(' ').skip(1);
    let family = words.next();
    if family.is_some_and(|family| family.starts_with("UNKNOWN")) {
        return Ok(Some((None, end + 2)));
    }
    let mut address = || words.next().and_then(|word| word.parse::<IpAddr>().ok()).ok_or(Broken);
    let (source, destination) = (address()?, address()?);
    let mut port = || words.next().and_then(|word| word.parse::<u16>().ok()).ok_or(Broken);
    let (source_port, destination_port) = (port()?, port()?);
    let fits = match family {
        Some("TCP4") => source.is_ipv4() && destination.is_ipv4(),
        Some("TCP6") => source.is_ipv6() && destination.is_ipv6(),
        Some(_) | None => false,
    };
    if !fits || words.next().is_some() {
        return Err(Broken);
    }
    let header = ProxyHeader {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
        values: Box::default(),
    };
    Ok(Some((Some(header), end + 2)))
}

fn binary(bytes: &[u8]) -> Result<Option<(Option<ProxyHeader>, usize)>, Broken> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else { return Ok(None) };
    let (version, command) = (fixed[12] >> 4, fixed[12] & 15);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if version != 2 || FIXED_BYTES + length > PROXY_HEADER_BYTES_MAX {
        return Err(Broken);
    }
    let Some(rest) = rest.get(..length) else { return Ok(None) };
    let used = FIXED_BYTES + length;
    let header = match (command, fixed[13]) {
        (1, 0x11) => Some(addresses::<4>(rest).ok_or(Broken)?),
        (1, 0x21) => Some(addresses::<16>(rest).ok_or(Broken)?),
        _ => None,
    };
    Ok(Some((header, used)))
}

/// Two addresses, two ports and the further values.
fn addresses<const N: usize>(rest: &[u8]) -> Option<ProxyHeader>
where
    Octets<N>: Into<IpAddr>,
{
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (ports, values) = rest.split_first_chunk::<4>()?;
    Some(ProxyHeader {
        source: SocketAddr::new(Octets(*source).into(), u16::from_be_bytes([ports[0], ports[1]])),
        destination: SocketAddr::new(Octets(*destination).into(), u16::from_be_bytes([ports[2], ports[3]])),
        values: values.into(),
    })
}

struct Octets<const N: usize>([u8; N]);

impl From<Octets<4>> for IpAddr {
    fn from(octets: Octets<4>) -> Self {
        Ipv4Addr::from(octets.0).into()
    }
}

impl From<Octets<16>> for IpAddr {
    fn from(octets: Octets<16>) -> Self {
        Ipv6Addr::from(octets.0).into()
    }
}

impl ProxyHeader {
    /// A further value by nginx's name for it: `alpn`, `ssl_cn`, or a type as `0x05`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        if let Some(name) = name.strip_prefix("ssl_") {
            let (fixed, values) = find(&self.values, SSL)?.split_at_checked(SSL_FIXED_BYTES)?;
            if name == "verify" {
                let result = u32::from_be_bytes([fixed[1], fixed[2], fixed[3], fixed[4]]);
                return Some(result.to_string().into_bytes());
            }
            let known = [("version", 0x21), ("cn", 0x22), ("cipher", 0x23), ("sig_alg", 0x24), ("key_alg", 0x25)];
            return find(values, kind(name, &known)?).map(<[u8]>::to_vec);
        }
        let known = [("alpn", 0x01), ("authority", 0x02), ("unique_id", 0x05), ("ssl", SSL), ("netns", 0x30)];
        find(&self.values, kind(name, &known)?).map(<[u8]>::to_vec)
    }
}

fn kind(name: &str, known: &[(&str, u8)]) -> Option<u8> {
    match name.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None => known.iter().find(|(text, _)| *text == name).map(|(_, kind)| *kind),
    }
}

/// The value of a type; what is cut off or broken holds none.
fn find(mut values: &[u8], kind: u8) -> Option<&[u8]> {
    loop {
        let ([found, high, low], rest) = values.split_first_chunk::<3>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
        if *found == kind {
            return Some(value);
        }
        values = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> Option<ProxyHeader> {
        let (header, used) = parse(bytes).unwrap().unwrap();
        assert_eq!(used, bytes.len());
        header
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x20 | command, family]);
        bytes.extend((rest.len() as u16).to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0, 123, 1, 0];

    #[test]
    fn the_first_version_is_a_line() {
        let header = whole(b"PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n").unwrap();
        assert_eq!(header.source, "192.0.2.1:123".parse().unwrap());
        assert_eq!(header.destination, "192.0.2.2:5678".parse().unwrap());
        let header = whole(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n").unwrap();
        assert_eq!(header.source, "[2001:db8::1]:1".parse().unwrap());
        assert_eq!(whole(b"PROXY UNKNOWN\r\n"), None);
        assert_eq!(whole(b"PROXY UNKNOWN whatever 1 2\r\n"), None);
    }

    #[test]
    fn the_second_version_is_binary_and_carries_values() {
        let mut rest = V4.to_vec();
        rest.extend(b"\x01\x00\x02h2\x05\x00\x00\x20\x00\x0b\x01\x00\x00\x00\x07\x22\x00\x03abc");
        let header = whole(&version_2(1, 0x11, &rest)).unwrap();
        assert_eq!(header.source, "192.0.2.1:123".parse().unwrap());
        assert_eq!(header.destination, "192.0.2.2:256".parse().unwrap());
        assert_eq!(header.value("alpn").as_deref(), Some(b"h2".as_slice()));
        assert_eq!(header.value("0x05").as_deref(), Some(b"".as_slice()));
        assert_eq!(header.value("ssl_verify").as_deref(), Some(b"7".as_slice()));
        assert_eq!(header.value("ssl_cn").as_deref(), Some(b"abc".as_slice()));
        assert_eq!(header.value("ssl_0x22").as_deref(), Some(b"abc".as_slice()));
        for absent in ["authority", "ssl_version", "0x99", "other", "0xzz", ""] {
            assert_eq!(header.value(absent), None, "{absent}");
        }
        assert_eq!(whole(&version_2(0, 0x00, b"")), None);
        assert_eq!(whole(&version_2(1, 0x31, &[0; 216])), None);
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for (source, destination) in [
            ("192.0.2.1:123", "192.0.2.2:80"),
            ("[2001:db8::1]:1", "[::1]:65535"),
            ("[::ffff:192.0.2.1]:1", "10.0.0.1:2"),
        ] {
            let (source, destination): (SocketAddr, SocketAddr) =
                (source.parse().unwrap(), destination.parse().unwrap());
            let header = whole(&write(Some(source), Some(destination))).unwrap();
            assert_eq!(header.source.ip(), source.ip().to_canonical());
            assert_eq!((header.source.port(), header.destination), (source.port(), destination));
        }
        let (v4, v6) = (Some("192.0.2.1:1".parse().unwrap()), Some("[::1]:1".parse().unwrap()));
        for (source, destination) in [(None, v4), (v4, None), (v4, v6), (v6, v4)] {
            assert_eq!(write(source, destination), b"PROXY UNKNOWN\r\n");
        }
    }

    #[test]
    fn what_is_no_header_is_broken() {
        for bad in [
            b"GET / HTTP/1.1\r\n\r\n".as_slice(),
            b"PROXY\r\n",
            b"PROXY INVALID",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 123\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 123 99999\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 123 5 6\r\n",
            b"PROXY TCP6 192.0.2.1 192.0.2.2 123 5\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 123 5\r\n",
            &[b'P'; 3],
            &version_2(1, 0x11, &[0; 11]),
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x00",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        ] {
            assert_eq!(parse(bad), Err(Broken), "{}", bad.escape_ascii());
        }
        let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
        assert_eq!(parse(&long), Err(Broken));
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..64), version in 0..3) {
            let begin: &[u8] = [b"".as_slice(), b"PROXY TCP4 ", SIGNATURE][version as usize];
            let bytes = [begin, &bytes].concat();
            if let Ok(Some((header, used))) = parse(&bytes) {
                prop_assert!(used <= bytes.len());
                if let Some(header) = header {
                    let _ = (header.value("ssl_cn"), header.value("alpn"));
                }
            }
        }

        #[test]
        fn any_split_asks_for_more(cut in 0usize..40, port in any::<u16>()) {
            for bytes in [
                format!("PROXY TCP4 192.0.2.1 192.0.2.2 {port} 80\r\n").into_bytes(),
                version_2(1, 0x11, &V4),
            ] {
                let cut = cut.min(bytes.len() - 1);
                prop_assert_eq!(parse(&bytes[..cut]), Ok(None));
                prop_assert!(parse(&bytes).unwrap().is_some());
            }
        }
    }
}
