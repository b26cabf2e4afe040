//! One thread of the process that compares passwords: the good schemes take milliseconds by design, and a shard that
//! waited would keep all its connections waiting.

use std::future::poll_fn;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use super::passwords::{self, Verdict};
use crate::limits::PASSWORDS_WAITING_MAX;

/// A password to compare.
struct Job {
    stored: Box<[u8]>,
    password: Box<[u8]>,
    reply: Arc<Mutex<Reply>>,
}

#[derive(Default)]
struct Reply {
    verdict: Option<Verdict>,
    waker: Option<Waker>,
}

/// Compares a password on the thread; `None` when too many wait already.
pub async fn verify(stored: &[u8], password: &[u8]) -> Option<Verdict> {
    if !passwords::is_slow(stored) {
        return Some(passwords::verify(stored, password));
    }
    let reply = Arc::new(Mutex::new(Reply::default()));
    let job = Job { stored: stored.into(), password: password.into(), reply: Arc::clone(&reply) };
    queue()?.try_send(job).ok()?;
    let verdict = poll_fn(|task| {
        let mut reply = reply.lock().unwrap_or_else(PoisonError::into_inner);
        match reply.verdict {
            Some(verdict) => Poll::Ready(verdict),
            None => {
                reply.waker = Some(task.waker().clone());
                Poll::Pending
            }
        }
    });
    Some(verdict.await)
}

/// The thread's queue; it starts when first wanted. `None` when the system has no thread to give.
fn queue() -> Option<&'static SyncSender<Job>> {
    static QUEUE: OnceLock<Option<SyncSender<Job>>> = OnceLock::new();
    QUEUE
        .get_or_init(|| {
            let (sender, jobs) = sync_channel(PASSWORDS_WAITING_MAX);
            std::thread::Builder::new().name("passwords".to_owned()).spawn(move || work(&jobs)).ok()?;
            Some(sender)
        })
        .as_ref()
}

fn work(jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        let Job { stored, password, reply } = job;
        // Whoever waits must not wait for ever: what panics is wrong, and the thread goes on.
        let verdict = std::panic::catch_unwind(|| passwords::verify(&stored, &password));
        let mut reply = reply.lock().unwrap_or_else(PoisonError::into_inner);
        reply.verdict = Some(verdict.unwrap_or(Verdict::Unreadable));
        if let Some(waker) = reply.waker.take() {
            waker.wake();
        }
    }
}
