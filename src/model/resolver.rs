//! `resolver`: who is asked for the addresses of names while requests are served.

use std::net::SocketAddr;
use std::time::Duration;

/// Index into [`super::Serving::resolvers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResolverId(pub u16);

/// One `resolver` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolver {
    /// Name servers, asked in turn.
    pub servers: Vec<SocketAddr>,
    /// `valid`: how long an answer counts, whatever it says itself.
    pub valid: Option<Duration>,
    /// Which kinds of addresses are asked for; never neither.
    pub ipv4: bool,
    pub ipv6: bool,
}
