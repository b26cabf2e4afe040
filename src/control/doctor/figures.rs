//! Pairs of numbers that limits come in.

/// A resource limit; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rlimit {
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

/// Something of which so much is there and so much is used, by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    pub max: u64,
    pub used: u64,
}

impl Share {
    #[must_use]
    pub fn left(self) -> u64 {
        self.max.saturating_sub(self.used)
    }
}

/// Ports that the system gives to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub low: u64,
    pub high: u64,
    /// Those of them that `ip_local_reserved_ports` keeps back.
    pub reserved_count: u64,
    /// Those that a socket of this host listens on.
    pub listening_count: u64,
}

impl Ports {
    /// Connections that one local address can have to one peer.
    #[must_use]
    pub fn count(self) -> u64 {
        let all = (self.high + 1).saturating_sub(self.low);
        all.saturating_sub(self.reserved_count + self.listening_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_that_a_connection_may_begin_at() {
        assert_eq!(Ports { low: 100, high: 199, reserved_count: 10, listening_count: 2 }.count(), 88);
        assert_eq!(Ports { low: 7, high: 7, ..Ports::default() }.count(), 1);
        assert_eq!(Ports { low: 7, high: 7, reserved_count: 1, listening_count: 1 }.count(), 0);
    }
}
