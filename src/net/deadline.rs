//! When a wait is over, as it is written down: and when somebody looks whether it is.
//!
//! Most waits end long before they are over, and the next one of the same kind is over later. So to begin one is to write
//! a time; a look that was arranged for an earlier time stays, and finds that it has come too soon. Times are
//! milliseconds, see [`super::moment::now_ms`].

/// No time.
pub(super) const NEVER: u64 = u64::MAX;

/// So much before its time a look may be taken that is too soon anyway: who looks comes less often.
const EARLY_MS: u64 = 8;

/// When a wait is over.
#[derive(Debug, Clone)]
pub(super) struct Deadline {
    /// `NEVER` without a wait.
    due_ms: u64,
    /// When somebody looks, which is not after it is due; `NEVER` if nobody does.
    look_ms: u64,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is to be looked at again, at the time that was arranged.
    TooSoon,
    /// It is due later: then it is to be looked at again.
    Later(u64),
    /// Another look was arranged, or there is no wait.
    Nothing,
    Due,
}

impl Default for Deadline {
    fn default() -> Self {
        Self { due_ms: NEVER, look_ms: NEVER }
    }
}

impl Deadline {
    /// Begins a wait. Whether a look has to be arranged for that time.
    #[must_use]
    pub(super) fn begin(&mut self, due_ms: u64) -> bool {
        self.due_ms = due_ms;
        let is_sooner = due_ms < self.look_ms;
        if is_sooner {
            self.look_ms = due_ms;
        }
        is_sooner
    }

    /// The wait has ended.
    pub(super) fn end(&mut self) {
        self.due_ms = NEVER;
    }

    /// The look that was arranged for `look_ms`.
    pub(super) fn look(&mut self, look_ms: u64, now_ms: u64) -> Seen {
        if self.look_ms != look_ms {
            return Seen::Nothing;
        }
        let is_moved = self.due_ms > look_ms;
        if look_ms > if is_moved { now_ms.saturating_add(EARLY_MS) } else { now_ms } {
            return Seen::TooSoon;
        }
        self.look_ms = if is_moved { self.due_ms } else { NEVER };
        match self.due_ms {
            _ if !is_moved => Seen::Due,
            NEVER => Seen::Nothing,
            due_ms => Seen::Later(due_ms),
        }
    }

    /// Whether the look that was arranged for `look_ms` is of any use. If not, it need not be taken.
    pub(super) fn needs(&mut self, look_ms: u64) -> bool {
        let is_current = self.look_ms == look_ms;
        if is_current && self.due_ms == NEVER {
            self.look_ms = NEVER;
        }
        is_current && self.due_ms != NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_wait_needs_no_look_of_its_own() {
        let mut deadline = Deadline::default();
        assert!(deadline.begin(100));
        deadline.end();
        assert!(!deadline.begin(150));
        assert_eq!(deadline.look(100, 100 - EARLY_MS - 1), Seen::TooSoon);
        assert_eq!(deadline.look(100, 100 - EARLY_MS), Seen::Later(150));
        assert_eq!(deadline.look(150, 149), Seen::TooSoon, "what is due then is not looked at before");
        assert_eq!(deadline.look(150, 150), Seen::Due);
        assert!(deadline.begin(200));
    }

    #[test]
    fn a_sooner_wait_has_one_and_the_other_is_in_vain() {
        let mut deadline = Deadline::default();
        assert!(deadline.begin(100) && deadline.begin(50));
        assert!(deadline.needs(50) && !deadline.needs(100));
        assert_eq!(deadline.look(100, 100), Seen::Nothing);
        assert_eq!(deadline.look(50, 60), Seen::Due);
    }

    #[test]
    fn without_a_wait_there_is_nothing_to_see() {
        let mut deadline = Deadline::default();
        assert!(deadline.begin(100));
        deadline.end();
        assert_eq!(deadline.look(100, 100), Seen::Nothing);
        assert!(deadline.begin(200));
        deadline.end();
        assert!(!deadline.needs(200) && deadline.begin(300));
    }
}
