//! What a tunnel of `stream` keeps for the error log, where that takes `info`: the words for its end.

use std::fmt;

use super::Shard;
use crate::model::{ErrorLogId, LogLevel};
use crate::observe::outcome::{TunnelEnd, TunnelRecord};

/// What the end of a tunnel is told with.
pub struct Told {
    pub log: Option<ErrorLogId>,
    pub number: u64,
    /// `, client: …, server: …, upstream: "…"`
    pub tail: Box<str>,
    /// Bytes of our own that the peer had before: a header of the PROXY protocol.
    pub bytes_before: u64,
}

impl Told {
    /// The tunnel has ended.
    pub fn end(&self, shard: &Shard, record: &TunnelRecord) {
        let (up, down) = (record.bytes_to_upstream, record.bytes_to_client);
        let bytes = Bytes { client: (up, down), upstream: (down, up + self.bytes_before) };
        let write = |text| shard.logs.error.write(self.log, LogLevel::Info, Some(self.number), text);
        let tail = &self.tail;
        let why = match record.ended {
            TunnelEnd::PeerClosed | TunnelEnd::PeerReset | TunnelEnd::PeerFailed => {
                return write(format_args!("upstream disconnected{bytes}"));
            }
            TunnelEnd::ClientClosed | TunnelEnd::ClientReset | TunnelEnd::ClientFailed => {
                return write(format_args!("client disconnected{bytes}"));
            }
            TunnelEnd::Idle
            | TunnelEnd::ReadTimeout
            | TunnelEnd::PeerSendTimeout
            | TunnelEnd::ClientSendTimeout
            | TunnelEnd::NoPong => "connection timed out (110: Connection timed out)",
            TunnelEnd::Drained | TunnelEnd::Stopped => "disconnected on shutdown",
            TunnelEnd::Lifetime | TunnelEnd::ClientMessageTooLong | TunnelEnd::PeerMessageTooLong => "ended",
        };
        write(format_args!("{why} while proxying connection{tail}{bytes}"));
    }
}

/// `, bytes from/to client:…, bytes from/to upstream:…`, each what was received and what was sent.
pub struct Bytes {
    pub client: (u64, u64),
    pub upstream: (u64, u64),
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, upstream } = self;
        write!(f, ", bytes from/to client:{}/{}", client.0, client.1)?;
        write!(f, ", bytes from/to upstream:{}/{}", upstream.0, upstream.1)
    }
}
