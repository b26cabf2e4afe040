//! Keeps a panic inside the task it happened in: the other connections of the shard go on.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use crate::net::moment;
use crate::sys::memory;

/// What a task panicked with. The place was logged by the panic hook.
#[derive(Debug)]
pub struct Panicked(pub String);

/// Runs a future to its end or to its panic. What the future owned is dropped in both cases. It is lent by the caller,
/// who would else hold it twice: once to hand it over, and once as handed over.
///
/// # Errors
/// When it panicked.
pub async fn contain<F: Future>(mut slot: Pin<&mut Option<F>>) -> Result<F::Output, Panicked> {
    let result = poll_fn(|cx| {
        // Since it waited, others have been at work.
        memory::fetch(&*slot);
        let Some(running) = slot.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(Panicked("polled after its end".into())));
        };
        // What the future shares with others is cells of one shard: each is consistent between two of its statements,
        // and a borrow that was held is given back while unwinding.
        match moment::during(|| catch_unwind(AssertUnwindSafe(|| running.poll(cx)))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(Panicked(text_of(&*payload)))),
        }
    })
    .await;
    // Dropping may panic as well, and must not leave this task either.
    match catch_unwind(AssertUnwindSafe(|| slot.set(None))) {
        Ok(()) => result,
        Err(payload) => Err(Panicked(text_of(&*payload))),
    }
}

/// The words of a panic.
#[must_use]
pub fn text_of(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "no message".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_its_task_only_and_drops_what_it_owned() {
        let owned = std::rc::Rc::new(());
        let inside = std::rc::Rc::clone(&owned);
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().build().unwrap();
        let result = runtime.block_on(async move {
            let panicking = async move {
                let _inside = inside;
                if std::env::args().count() > 0 {
                    panic!("one connection");
                }
            };
            contain(std::pin::pin!(Some(panicking))).await
        });
        assert_eq!(result.unwrap_err().0, "one connection");
        assert_eq!(std::rc::Rc::strong_count(&owned), 1);
    }
}
