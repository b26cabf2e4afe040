//! Addresses as nginx reads them in `listen`, `proxy_pass` and `server`: split, not resolved.
//!
//! Errors are nginx's words, without the value they are about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// Most bytes of the path of a unix socket, by the kernel's `sockaddr_un`.
const UNIX_PATH_BYTES_MAX: usize = 107;

/// An address as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Inet(Host),
}

/// Host and port as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// With the brackets of an IPv6 address.
    pub name: String,
    pub port: Option<u16>,
}

impl Host {
    /// The address, if it is one and not a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self.name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => self.name.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    }
}

/// What `listen` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    Unix(PathBuf),
    /// One port or a range of ports, of all addresses or one.
    Ip {
        ip: IpAddr,
        ports: (u16, u16),
    },
    Name {
        name: String,
        ports: (u16, u16),
    },
}

/// A text before its URI part, and that part: from the first `/` or `?`, or behind the second `:` of `unix:PATH:URI`.
#[must_use]
pub fn split_uri(text: &str) -> (&str, &str) {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.find(':') {
            Some(colon) => (&text[..5 + colon], &path[colon + 1..]),
            None => (text, ""),
        };
    }
    text.split_at(text.find(['/', '?']).unwrap_or(text.len()))
}

/// An address of a peer, without a URI.
///
/// # Errors
/// nginx's words.
pub fn peer(text: &str) -> Result<Address, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path).map(Address::Unix);
    }
    if text.contains(['/', '?']) {
        return Err("invalid host");
    }
    let (name, port) = split_port(text)?;
    let port = port.map(self::port).transpose()?;
    Ok(Address::Inet(Host { name: checked_host(name)?.to_owned(), port }))
}

/// An address of `listen`.
///
/// # Errors
/// nginx's words.
pub fn listen(text: &str) -> Result<Listen, &'static str> {
    const PORT: (u16, u16) = (80, 80);
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path).map(Listen::Unix);
    }
    if text.contains(['/', '?']) {
        return Err("invalid host");
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Ok(Listen::Ip { ip: Ipv4Addr::UNSPECIFIED.into(), ports: ports(text)? });
    }
    let (name, port) = split_port(text)?;
    let ports = port.map_or(Ok(PORT), ports)?;
    if name == "*" {
        return Ok(Listen::Ip { ip: Ipv4Addr::UNSPECIFIED.into(), ports });
    }
    let host = Host { name: checked_host(name)?.to_owned(), port: None };
    Ok(host.ip().map_or(Listen::Name { name: host.name, ports }, |ip| Listen::Ip { ip, ports }))
}

fn unix(path: &str) -> Result<PathBuf, &'static str> {
    match path.len() {
        0 => Err("no path in the unix domain socket"),
        length if length > UNIX_PATH_BYTES_MAX => Err("too long path in the unix domain socket"),
        _ => Ok(PathBuf::from(path)),
    }
}

/// Name and text of the port behind the last colon outside brackets.
fn split_port(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    if text.starts_with('[') {
        let end = text.find(']').ok_or("invalid host")?;
        let (name, rest) = text.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((name, Some(port))),
            None if rest.is_empty() => Ok((name, None)),
            None => Err("invalid host"),
        };
    }
    match text.split_once(':') {
        Some((name, port)) => Ok((name, Some(port))),
        None => Ok((text, None)),
    }
}

fn checked_host(name: &str) -> Result<&str, &'static str> {
    if name.is_empty() {
        return Err("no host");
    }
    if name.starts_with('[') && name[1..name.len() - 1].parse::<Ipv6Addr>().is_err() {
        return Err("invalid IPv6 address");
    }
    Ok(name)
}

fn port(text: &str) -> Result<u16, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0).ok_or("invalid port")
}

fn ports(text: &str) -> Result<(u16, u16), &'static str> {
    match text.split_once('-') {
        None => port(text).map(|port| (port, port)),
        Some((first, last)) => {
            let range = (port(first)?, port(last)?);
            if range.0 <= range.1 { Ok(range) } else { Err("invalid port range") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str, port: u16) -> Result<Listen, &'static str> {
        Ok(Listen::Ip { ip: text.parse().unwrap(), ports: (port, port) })
    }

    #[test]
    fn listen_has_the_forms_of_nginx() {
        assert_eq!(listen("8080"), ip("0.0.0.0", 8080));
        assert_eq!(listen("*:81"), ip("0.0.0.0", 81));
        assert_eq!(listen("127.0.0.1"), ip("127.0.0.1", 80));
        assert_eq!(listen("[::]:81"), ip("::", 81));
        assert_eq!(listen("[::1]"), ip("::1", 80));
        assert_eq!(listen("localhost:1"), Ok(Listen::Name { name: "localhost".into(), ports: (1, 1) }));
        assert_eq!(listen("unix:/a"), Ok(Listen::Unix("/a".into())));
        assert_eq!(listen("81-83"), Ok(Listen::Ip { ip: "0.0.0.0".parse().unwrap(), ports: (81, 83) }));
    }

    #[test]
    fn listen_says_what_is_wrong() {
        for (text, words) in [
            ("", "no host"),
            ("0", "invalid port"),
            ("99999", "invalid port"),
            ("a:b", "invalid port"),
            (":80", "no host"),
            ("[::1", "invalid host"),
            ("[x]:80", "invalid IPv6 address"),
            ("unix:", "no path in the unix domain socket"),
            ("83-81", "invalid port range"),
            ("1.2.3.4/8", "invalid host"),
        ] {
            assert_eq!(listen(text), Err(words), "{text}");
        }
    }

    #[test]
    fn uris_begin_at_a_slash_and_behind_a_unix_path() {
        assert_eq!(split_uri("a:80/x"), ("a:80", "/x"));
        assert_eq!(split_uri("a?x"), ("a", "?x"));
        assert_eq!(split_uri("unix:/tmp/s:/x"), ("unix:/tmp/s", "/x"));
        assert_eq!(split_uri("unix:/tmp/s"), ("unix:/tmp/s", ""));
    }

    #[test]
    fn peers_are_hosts_with_ports() {
        assert_eq!(peer("a:81"), Ok(Address::Inet(Host { name: "a".into(), port: Some(81) })));
        assert_eq!(peer("a:PORT"), Err("invalid port"));
        assert_eq!(peer("a:0"), Err("invalid port"));
    }
}
