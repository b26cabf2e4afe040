//! What one resolver knows and what it is asking for, as state without threads and clocks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use tokio::task::AbortHandle;

use super::unresolved::Unresolved;
use crate::limits::{NAMES_ASKED_MAX, NAMES_KNOWN_MAX};

/// What came of a question: addresses in the servers' order, never none.
pub(super) type Outcome = Result<Arc<[IpAddr]>, Unresolved>;

/// Names, in lower case.
#[derive(Default)]
pub(super) struct Book {
    known: HashMap<Box<str>, Known>,
    /// Questions under way.
    asked: HashMap<Box<str>, Arc<Question>>,
}

struct Known {
    addresses: Arc<[IpAddr]>,
    until: Instant,
    /// How often it was looked up: the addresses take turns at the first place.
    turns: usize,
}

/// A question under way, and who waits for its answer.
#[derive(Default)]
pub(super) struct Question(std::sync::Mutex<State>);

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waiting: Vec<Waker>,
    /// How many want the answer. Changed under the lock of the book alone, so that nobody joins what is given up.
    count: usize,
    task: Option<AbortHandle>,
}

/// What is to be done for a name.
pub(super) enum Entry {
    Known(Arc<[IpAddr]>),
    /// Somebody has asked already.
    Asked(Arc<Question>),
    /// The caller asks.
    New(Arc<Question>),
    Full,
}

impl Book {
    pub(super) fn look_up(&mut self, name: &str, now: Instant) -> Entry {
        if let Some(known) = self.known.get_mut(name) {
            if now < known.until {
                known.turns = known.turns.wrapping_add(1);
                return Entry::Known(rotated(&known.addresses, known.turns));
            }
            self.known.remove(name);
        }
        if let Some(question) = self.asked.get(name) {
            question.lock().count += 1;
            return Entry::Asked(Arc::clone(question));
        }
        if self.asked.len() >= NAMES_ASKED_MAX {
            return Entry::Full;
        }
        let question = Arc::<Question>::default();
        question.lock().count = 1;
        self.asked.insert(name.into(), Arc::clone(&question));
        Entry::New(question)
    }

    /// Ends a question. Addresses are kept until then.
    pub(super) fn answer(&mut self, name: &str, addresses: Option<(Arc<[IpAddr]>, Instant)>, now: Instant) {
        self.asked.remove(name);
        let Some((addresses, until)) = addresses.filter(|(_, until)| now < *until) else { return };
        if self.known.len() >= NAMES_KNOWN_MAX {
            self.known.retain(|_, known| now < known.until);
        }
        if self.known.len() >= NAMES_KNOWN_MAX
            && let Some(first) = self.known.keys().next().cloned()
        {
            // Any will do: whoever floods the book with names must not be told which.
            self.known.remove(&first);
        }
        self.known.insert(name.into(), Known { addresses, until, turns: 0 });
    }

    /// A question that nobody answers any more can be asked again.
    pub(super) fn forget(&mut self, name: &str, question: &Arc<Question>) {
        if self.asked.get(name).is_some_and(|asked| Arc::ptr_eq(asked, question)) {
            self.asked.remove(name);
        }
    }

    /// One who wanted the answer does not any more. With the last one the question is given up.
    pub(super) fn leave(&mut self, name: &str, question: &Arc<Question>) {
        let task = {
            let mut state = question.lock();
            state.count = state.count.saturating_sub(1);
            if state.count > 0 || state.outcome.is_some() {
                return;
            }
            state.task.take()
        };
        self.forget(name, question);
        if let Some(task) = task {
            task.abort();
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.known.len(), self.asked.len())
    }
}

impl Question {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The outcome, once it is there; `waker` is woken then.
    pub(super) fn poll(&self, waker: &Waker) -> Option<Outcome> {
        let mut state = self.lock();
        if state.outcome.is_none() && !state.waiting.iter().any(|known| known.will_wake(waker)) {
            state.waiting.push(waker.clone());
        }
        state.outcome.clone()
    }

    /// Who answers it, to be stopped when nobody wants the answer any more.
    pub(super) fn is_asked_by(&self, task: AbortHandle) {
        self.lock().task = Some(task);
    }

    /// Tells everybody who waits. What was told stays.
    pub(super) fn tell(&self, outcome: Outcome) {
        let waiting = {
            let mut state = self.lock();
            state.outcome.get_or_insert(outcome);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The same addresses from another place on.
fn rotated(addresses: &Arc<[IpAddr]>, turns: usize) -> Arc<[IpAddr]> {
    match turns % addresses.len().max(1) {
        0 => Arc::clone(addresses),
        first => addresses[first..].iter().chain(&addresses[..first]).copied().collect(),
    }
}
