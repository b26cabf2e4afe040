//! A name that is followed: asked for again whenever its answer is not valid any more.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::resolver::Resolver;
use super::thread;
use super::unresolved::Unresolved;
use crate::limits::{NAME_FOLLOW_MIN, NAME_RETRY_TIME};

/// Gets what came of each question, on the thread that asks.
pub type Told = Box<dyn Fn(Result<&[IpAddr], Unresolved>) + Send + Sync>;

/// Follows a name until it is dropped.
pub struct Watch {
    task: Option<AbortHandle>,
    first: Arc<First>,
}

/// Whether the first question is answered.
#[derive(Default)]
struct First {
    is_over: Mutex<bool>,
    over: Condvar,
}

impl Watch {
    pub(super) fn new(resolver: Arc<Resolver>, name: Box<str>, timeout: Duration, told: Told) -> Self {
        let first = Arc::<First>::default();
        let answered = Arc::clone(&first);
        let task = thread::spawn(async move {
            loop {
                let renewed = tokio::time::timeout(timeout, resolver.renew(&name)).await;
                let found = renewed.unwrap_or(Err(Unresolved::TimedOut));
                told(found.as_ref().map(|found| &*found.addresses).map_err(|error| *error));
                answered.end();
                let pause = match found {
                    Ok(found) => found.until.saturating_duration_since(Instant::now()).max(NAME_FOLLOW_MIN),
                    Err(_) => resolver.settings().valid.unwrap_or(NAME_RETRY_TIME).max(NAME_FOLLOW_MIN),
                };
                tokio::time::sleep(pause).await;
            }
        });
        Self { task, first }
    }

    pub(super) fn wait_first(&self, deadline: Instant) {
        if self.task.is_none() {
            return;
        }
        let mut is_over = self.first.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_over {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            is_over = self.first.over.wait_timeout(is_over, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl First {
    fn end(&self) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.notify_all();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("runs", &self.task.is_some()).finish()
    }
}
