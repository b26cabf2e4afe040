//! How things end, in one table each for exchanges, connections and tunnels: the word in logs, the name of the
//! counter, whether it is an error, and what it means.
//!
//! An ending is not an error because it came early: a client that goes away is none.

use std::time::Duration;

/// Defines an enumeration of endings from its table.
macro_rules! endings {
    (
        $(#[$about:meta])*
        $name:ident, $prefix:literal
        $($ending:ident $word:literal $is_error:literal $text:literal;)+
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $text] $ending,)+
        }

        impl $name {
            /// In the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$ending),+];

            /// As it stands in a log.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$ending => $word,)+ }
            }

            /// Name of the counter.
            #[must_use]
            pub fn counter(self) -> &'static str {
                match self { $(Self::$ending => concat!($prefix, $word),)+ }
            }

            /// Whether somebody should look into it.
            #[must_use]
            pub fn is_error(self) -> bool {
                match self { $(Self::$ending => $is_error,)+ }
            }

            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$ending => $text,)+ }
            }

            /// Place in [`Self::ALL`].
            #[must_use]
            pub fn index(self) -> usize {
                self as usize
            }
        }
    };
}

endings! {
    /// How an exchange ended.
    ExchangeEnd, "exchanges_"
    Answered "answered" false "the client got the whole answer";
    Upgraded "upgraded" false "the exchange became a tunnel";
    Malformed "malformed" false "the request breaks a rule of the protocol";
    Refused "refused" false "the configuration or a limit refused the request";
    ClientGone "client_gone" false "the client went away before the end";
    ClientTimeout "client_timeout" false "the client sent or took nothing for too long";
    NoPeer "no_peer" true "no peer of the group could be used";
    PeerFailed "peer_failed" true "the peer could not be reached, or closed too early";
    PeerTimeout "peer_timeout" true "the peer sent or took nothing for too long";
    PeerMalformed "peer_malformed" true "the peer's answer breaks a rule of the protocol";
    Internal "internal" true "a failure of our own: a file, a descriptor, an expression";
}

endings! {
    /// How a client's connection ended.
    ConnectionEnd, "connections_"
    ClientClosed "client_closed" false "the client closed it between two requests";
    Answered "answered" false "closed after an answer, as that answer said";
    Idle "idle" false "no further request came within keepalive_timeout";
    HeadTimeout "head_timeout" false "the head of a request did not come within client_header_timeout";
    Tunnelled "tunnelled" false "it became a tunnel";
    Failed "failed" false "the exchange on it failed in a way that left nothing to answer";
    Drained "drained" false "closed between two requests because its generation drains";
    Refused "refused" true "more connections than worker_connections";
    Panicked "panicked" true "a panic in its own task";
}

endings! {
    /// How a tunnel ended.
    TunnelEnd, "tunnels_"
    ClientClosed "client_closed" false "both ends are closed, the client first";
    PeerClosed "peer_closed" false "both ends are closed, the peer first";
    ClientReset "client_reset" false "the client reset the connection";
    PeerReset "peer_reset" false "the peer reset the connection";
    ClientFailed "client_failed" true "the client's socket failed";
    PeerFailed "peer_failed" true "the peer's socket failed";
    ReadTimeout "read_timeout" false "neither side sent anything for proxy_read_timeout";
    PeerSendTimeout "peer_send_timeout" false "the peer took nothing for proxy_send_timeout";
    ClientSendTimeout "client_send_timeout" false "the client took nothing for send_timeout";
    Idle "idle" false "neither side sent anything for tunnel_timeout";
    Lifetime "lifetime" false "it lasted for tunnel_lifetime";
    NoPong "no_pong" false "the client did not answer a tunnel_ping";
    ClientMessageTooLong "client_message_too_long" false "the client began a message over tunnel_max_message";
    PeerMessageTooLong "peer_message_too_long" true "the peer began a message over tunnel_max_message";
    Drained "drained" false "its generation drained: tunnel_drain, or worker_shutdown_timeout was over";
    Stopped "stopped" false "the process was told to stop at once";
}

/// A tunnel that has ended, as logs and counters see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelRecord {
    pub ended: TunnelEnd,
    /// Bytes written to the peer's socket by the tunnel.
    pub bytes_to_upstream: u64,
    /// Bytes written to the client's socket by the tunnel.
    pub bytes_to_client: u64,
    /// Complete WebSocket messages; zero where frames are not followed.
    pub messages_to_upstream: u32,
    pub messages_to_client: u32,
    /// The first Close frame.
    pub close: Option<TunnelClose>,
    /// From the beginning of the tunnel to the first byte of the peer, where that is known.
    pub answered: Option<Duration>,
    /// From the upgrade to the close of both sockets.
    pub duration: Duration,
}

impl TunnelRecord {
    /// That of a tunnel which ended before anything was carried.
    #[must_use]
    pub fn of_nothing(ended: TunnelEnd) -> Self {
        Self {
            ended,
            bytes_to_upstream: 0,
            bytes_to_client: 0,
            messages_to_upstream: 0,
            messages_to_client: 0,
            close: None,
            answered: None,
            duration: Duration::ZERO,
        }
    }
}

/// A WebSocket Close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelClose {
    pub by: TunnelCloser,
    /// 1005 if it carried none.
    pub code: u16,
}

/// Who sent a Close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelCloser {
    Client,
    Peer,
    Proxy,
}

impl TunnelCloser {
    /// As it stands in a log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Proxy => "proxy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn counters_are_distinct_names_and_indexes_are_places() {
        let mut counters = HashSet::new();
        let mut check = |index: usize, place: usize, counter: &'static str, word: &str| {
            assert_eq!(index, place);
            assert!(counter.ends_with(word) && counters.insert(counter), "{counter}");
            assert!(counter.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{counter}");
        };
        for (place, end) in ExchangeEnd::ALL.iter().enumerate() {
            check(end.index(), place, end.counter(), end.word());
        }
        for (place, end) in ConnectionEnd::ALL.iter().enumerate() {
            check(end.index(), place, end.counter(), end.word());
        }
        for (place, end) in TunnelEnd::ALL.iter().enumerate() {
            check(end.index(), place, end.counter(), end.word());
        }
    }

    #[test]
    fn a_client_that_goes_away_is_no_error() {
        assert!(!ExchangeEnd::ClientGone.is_error() && !TunnelEnd::ClientReset.is_error());
        assert!(ExchangeEnd::PeerTimeout.is_error());
        assert!(TunnelEnd::ReadTimeout.text().contains("proxy_read_timeout"));
    }
}
