//! Messages between threads: a queue under a lock, and an eventfd that rings when something was put in.
//!
//! The lock is held for a push or a pop only. A shard awaits the bell through its own ring; the main thread polls it
//! beside its signals.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use monoio::net::TcpListener;
use rustix::event::EventfdFlags;

/// One queue. Any thread may send; one thread receives.
#[derive(Debug)]
pub struct Mailbox<T> {
    queue: Mutex<VecDeque<T>>,
    bell: OwnedFd,
}

impl<T> Mailbox<T> {
    /// Makes an empty mailbox.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn new() -> io::Result<Arc<Self>> {
        let bell = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(Self { queue: Mutex::new(VecDeque::new()), bell }))
    }

    /// Puts a message in and rings.
    pub fn send(&self, message: T) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
        // Fails only when the counter is full: then the bell rings already.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    /// The oldest message.
    pub fn take(&self) -> Option<T> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Becomes readable when a message was put in, and stays so until [`Mailbox::quiet`].
    #[must_use]
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Stops the bell. Whoever does this looks into the queue afterwards, or a message waits for the next one.
    pub fn quiet(&self) {
        // EAGAIN: it did not ring.
        let _ = rustix::io::read(&self.bell, &mut [0u8; 8]);
    }
}

/// The receiving end on a shard.
pub struct Receiver<T> {
    mailbox: Arc<Mailbox<T>>,
    bell: TcpListener,
}

impl<T> Receiver<T> {
    /// Registers the bell with the runtime of this thread.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn new(mailbox: Arc<Mailbox<T>>) -> io::Result<Self> {
        let bell = rustix::io::fcntl_dupfd_cloexec(mailbox.bell(), 0)?;
        // Only the readiness of the runtime's type is used, which every descriptor has.
        let bell = TcpListener::from_std(std::net::TcpListener::from(bell))?;
        Ok(Self { mailbox, bell })
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// When the ring refuses the wait.
    pub async fn next(&self) -> io::Result<T> {
        loop {
            if let Some(message) = self.mailbox.take() {
                return Ok(message);
            }
            self.bell.readable(true).await?;
            self.mailbox.quiet();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_from_another_thread_arrive_in_order() {
        let mailbox = Mailbox::new().unwrap();
        let sender = Arc::clone(&mailbox);
        let thread = std::thread::spawn(move || (0..100).for_each(|n| sender.send(n)));
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().build().unwrap();
        let received = runtime.block_on(async {
            let receiver = Receiver::new(mailbox).unwrap();
            let mut received = Vec::new();
            while received.len() < 100 {
                received.push(receiver.next().await.unwrap());
            }
            received
        });
        thread.join().unwrap();
        assert_eq!(received, (0..100).collect::<Vec<_>>());
    }
}
