//! One `resolver` line at run time.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use super::ask::{Asker, Found};
use super::book::{Book, Entry, Outcome, Question};
use super::thread;
use super::unresolved::Unresolved;
use crate::model;

/// Addresses of a name; never none. They take turns at the first place.
pub type Addresses = Arc<[IpAddr]>;

/// Asks the name servers of one `resolver` line and keeps what they say, for all shards.
pub struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    asker: Asker,
    book: Mutex<Book>,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing panics inside the lock that would leave the tables half changed.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver {
    #[must_use]
    pub fn new(settings: &model::Resolver) -> Self {
        Self { shared: Arc::new(Shared { asker: Asker::new(settings), book: Mutex::default() }) }
    }

    #[must_use]
    pub fn settings(&self) -> &model::Resolver {
        self.shared.asker.settings()
    }

    /// The addresses of a name: at once if they are known, else when the thread has them. Works on any runtime; how
    /// long it may take is for the caller to bound.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn lookup(&self, name: &str) -> Result<Addresses, Unresolved> {
        let name = folded(name);
        let entry = self.shared.book().look_up(&name, Instant::now());
        let wanting = match entry {
            Entry::Known(addresses) => return Ok(addresses),
            Entry::Full => return Err(Unresolved::Crowded),
            Entry::Asked(question) => Wanting { shared: &self.shared, name, question },
            Entry::New(question) => {
                self.ask(name.clone(), &question);
                Wanting { shared: &self.shared, name, question }
            }
        };
        poll_fn(|task| wanting.question.poll(task.waker()).map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Has the thread ask.
    fn ask(&self, name: Box<str>, question: &Arc<Question>) {
        let answering = Answering { shared: Arc::clone(&self.shared), name, question: Arc::clone(question) };
        // Where there is no thread it is dropped, and whoever waits is told.
        let task = thread::spawn(async move {
            let found = answering.shared.asker.ask(&answering.name).await;
            answering.end(found);
        });
        if let Some(task) = task {
            question.is_asked_by(task);
        }
    }

    /// Asks whatever is known, and lets everybody know what was found.
    pub(super) async fn renew(&self, name: &str) -> Result<Found, Unresolved> {
        self.shared.asker.ask(name).await
    }
}

/// Somebody who wants an answer, until this is dropped.
struct Wanting<'r> {
    shared: &'r Shared,
    name: Box<str>,
    question: Arc<Question>,
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.shared.book().leave(&self.name, &self.question);
    }
}

/// A question that is told something in the end, come what may.
struct Answering {
    shared: Arc<Shared>,
    name: Box<str>,
    question: Arc<Question>,
}

impl Answering {
    fn end(self, found: Result<Found, Unresolved>) {
        let outcome: Outcome = found.as_ref().map(|found| Arc::clone(&found.addresses)).map_err(|error| *error);
        let kept = found.ok().map(|found| (found.addresses, found.until));
        self.shared.book().answer(&self.name, kept, Instant::now());
        self.question.tell(outcome);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.shared.book().forget(&self.name, &self.question);
        self.question.tell(Err(Unresolved::ServerFailure));
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(self.settings()).finish()
    }
}

/// Names are compared without case, and the root's dot changes nothing.
fn folded(name: &str) -> Box<str> {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into()
}
