//! A gate that is shut once: tasks of one shard wait at it for what cannot be undone (drain, the last connection).

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Open until [`Gate::shut`].
#[derive(Debug, Default)]
pub struct Gate {
    is_shut: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Gate {
    /// Wakes everybody who waits, now and later.
    pub fn shut(&self) {
        self.is_shut.set(true);
        let waiting = self.waiting.take();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Resolves when the gate is shut. It may be asked as often as its task has something else to do: the task is written
    /// down once.
    pub fn shutting(&self) -> impl Future<Output = ()> {
        let mut written: Option<Waker> = None;
        poll_fn(move |cx| {
            if self.is_shut.get() {
                return Poll::Ready(());
            }
            if !written.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                self.waiting.borrow_mut().push(cx.waker().clone());
                written = Some(cx.waker().clone());
            }
            Poll::Pending
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{self, Wake};

    use super::*;

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_written_down_once_and_woken_once() {
        let (gate, tasks) = (Gate::default(), [Arc::new(Task::default()), Arc::new(Task::default())]);
        let mut waits = [pin!(gate.shutting()), pin!(gate.shutting())];
        for _ in 0..3 {
            for (wait, task) in waits.iter_mut().zip(&tasks) {
                assert!(wait.as_mut().poll(&mut task::Context::from_waker(&Arc::clone(task).into())).is_pending());
            }
        }
        assert_eq!(gate.waiting.borrow().len(), 2);
        gate.shut();
        assert_eq!(tasks.map(|each| each.0.load(Ordering::Relaxed)), [1, 1]);
        assert!(
            waits.iter_mut().all(|wait| wait.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_ready())
        );
        assert!(pin!(gate.shutting()).poll(&mut task::Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn who_waits_in_another_task_than_before_is_woken_there() {
        let (gate, tasks) = (Gate::default(), [Arc::new(Task::default()), Arc::new(Task::default())]);
        let mut wait = pin!(gate.shutting());
        for task in &tasks {
            assert!(wait.as_mut().poll(&mut task::Context::from_waker(&Arc::clone(task).into())).is_pending());
        }
        gate.shut();
        assert_eq!(tasks[1].0.load(Ordering::Relaxed), 1);
    }
}
