//! `syslog:` as the target of a log (RFC 3164 over datagrams).

use super::PeerAddress;

/// Index into [`super::Serving::syslogs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyslogId(pub u16);

/// `syslog:server=…,facility=…,severity=…,tag=…,nohostname`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    pub address: PeerAddress,
    /// 0 (`kern`) to 23 (`local7`).
    pub facility: u8,
    /// 0 (`emerg`) to 7 (`debug`). Lines of the error log have their own.
    pub severity: u8,
    pub tag: Box<str>,
    pub has_hostname: bool,
}
