//! Whether another peer is tried: `proxy_next_upstream`, `_tries` and `_timeout`. Pure but for the clock.

use std::time::Instant;

use super::failure::{Cause, Failure};
use crate::http::Method;
use crate::model::ProxyRetry;
use crate::net::moment;

/// What is left of the tries of one exchange.
pub struct Retry<'r> {
    rules: &'r ProxyRetry,
    began: Instant,
    tries_left: usize,
    /// The method may reach a peer twice, or the configuration says so.
    may_repeat: bool,
}

impl<'r> Retry<'r> {
    /// `peer_count` is how many there are to try.
    #[must_use]
    pub fn new(rules: &'r ProxyRetry, peer_count: usize, method: &Method) -> Self {
        let most = if rules.tries == 0 { usize::MAX } else { rules.tries };
        // The others are not sent again once a peer may have acted on them, as in nginx.
        let is_repeatable = !matches!(method.as_bytes(), b"POST" | b"LOCK" | b"PATCH");
        let may_repeat = is_repeatable || rules.non_idempotent;
        Self { rules, began: moment::now(), tries_left: peer_count.min(most), may_repeat }
    }

    /// A peer was tried.
    pub fn used(&mut self) {
        self.tries_left = self.tries_left.saturating_sub(1);
    }

    fn has_another(&self) -> bool {
        let is_late = !self.rules.timeout.is_zero() && self.began.elapsed() >= self.rules.timeout;
        self.tries_left > 1 && !is_late
    }

    /// Whether another peer is tried after a failure. `was_sent` is whether a byte of the request may have arrived.
    #[must_use]
    pub fn allows(&self, failure: &Failure, was_sent: bool) -> bool {
        let is_wanted = match failure.cause() {
            Cause::UpstreamTimedOut => self.rules.on_timeout,
            Cause::UpstreamMalformed(_) | Cause::UpgradeMismatch(_) => self.rules.on_invalid_header,
            _ => self.rules.on_error && failure.is_of_peer(),
        };
        is_wanted && self.has_another() && (self.may_repeat || !was_sent)
    }

    /// Statuses for which another peer is tried, if one may be.
    #[must_use]
    pub fn statuses(&self) -> &'r [u16] {
        if self.has_another() && self.may_repeat { &self.rules.on_status } else { &[] }
    }

    /// Whether the same request may be sent again over a new connection, because the old one had died in its sleep.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        self.may_repeat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::failure::Phase;
    use std::sync::Arc;

    fn rules() -> ProxyRetry {
        ProxyRetry { on_error: true, on_timeout: true, on_status: Arc::new([503]), ..ProxyRetry::default() }
    }

    fn failure(cause: Cause) -> Failure {
        Failure::new(Phase::Connecting, cause)
    }

    #[test]
    fn what_is_listed_is_tried_again() {
        let rules = rules();
        let retry = Retry::new(&rules, 3, &Method::Get);
        assert!(retry.allows(&failure(Cause::UpstreamClosed), true));
        assert!(retry.allows(&failure(Cause::UpstreamTimedOut), true));
        assert!(!retry.allows(&failure(Cause::UpstreamMalformed("x")), true));
        assert!(!retry.allows(&failure(Cause::ClientGone), false));
        assert_eq!(retry.statuses(), [503]);
    }

    #[test]
    fn what_a_peer_may_have_acted_on_is_not() {
        let rules = rules();
        let retry = Retry::new(&rules, 3, &Method::Post);
        assert!(retry.allows(&failure(Cause::UpstreamTimedOut), false));
        assert!(!retry.allows(&failure(Cause::UpstreamTimedOut), true));
        assert!(retry.statuses().is_empty());
        let rules = ProxyRetry { non_idempotent: true, ..rules };
        assert!(Retry::new(&rules, 3, &Method::Post).allows(&failure(Cause::UpstreamTimedOut), true));
    }

    #[test]
    fn tries_and_time_come_to_an_end() {
        let rules = ProxyRetry { tries: 2, ..rules() };
        let mut retry = Retry::new(&rules, 3, &Method::Get);
        assert!(retry.allows(&failure(Cause::UpstreamClosed), true));
        retry.used();
        assert!(!retry.allows(&failure(Cause::UpstreamClosed), true));
        let late = ProxyRetry { timeout: std::time::Duration::from_nanos(1), tries: 0, ..rules };
        let retry = Retry::new(&late, 3, &Method::Get);
        while retry.began.elapsed().is_zero() {}
        assert!(!retry.allows(&failure(Cause::UpstreamClosed), true) && retry.statuses().is_empty());
        assert!(!Retry::new(&late, 1, &Method::Get).allows(&failure(Cause::UpstreamClosed), true));
    }
}
