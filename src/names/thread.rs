//! The thread that talks to name servers. It starts when the first name is asked for.

use std::future::Future;
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Asking {
    handle: Handle,
    /// Dropped to end the thread, with the thread.
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

static ASKING: OnceLock<Option<Asking>> = OnceLock::new();

/// Runs something on the thread; `None` when the system has no thread or descriptor to give.
pub(super) fn spawn<F>(doing: F) -> Option<tokio::task::AbortHandle>
where
    F: Future<Output = ()> + Send + 'static,
{
    let asking = ASKING.get_or_init(start).as_ref()?;
    Some(asking.handle.spawn(doing).abort_handle())
}

fn start() -> Option<Asking> {
    let (end, ended) = oneshot::channel();
    let (tell, told) = mpsc::channel();
    let work = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        // Nobody listens any more only if this is over as well.
        let _ = tell.send(runtime.handle().clone());
        let _ = runtime.block_on(ended);
    };
    let thread = std::thread::Builder::new().name("names".to_owned()).spawn(work).ok()?;
    let handle = told.recv().ok()?;
    Some(Asking { handle, running: Mutex::new(Some((end, thread))) })
}

/// Ends the thread with all questions that are under way, so that nothing of it is open any more.
pub fn stop() {
    let Some(Some(asking)) = ASKING.get() else { return };
    let running = asking.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((end, thread)) = running {
        drop(end);
        // It ends by itself; a panic of it was logged.
        let _ = thread.join();
    }
}
