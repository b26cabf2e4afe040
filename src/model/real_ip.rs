//! `set_real_ip_from` and kin: whose word on the client's address is taken.

use std::sync::Arc;

use super::Source;

/// Settings of a location; without trusted addresses there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealIp {
    /// `set_real_ip_from`.
    pub from: Arc<[Source]>,
    pub header: RealIpHeader,
    /// `real_ip_recursive`.
    pub recursive: bool,
}

/// `real_ip_header`: where the address stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealIpHeader {
    Field(Box<[u8]>),
    ProxyProtocol,
}
