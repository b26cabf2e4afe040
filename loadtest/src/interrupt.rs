//! Ctrl-C: a flag that every wait looks at, so that a run ends with what was measured.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How soon a wait sees the flag.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The first signal sets the flag; a second one ends the process at once.
pub fn watch() -> Result<(), String> {
    let flag = FLAG.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let error = |error: std::io::Error| format!("signal {signal}: {error}");
        signal_hook::flag::register_conditional_shutdown(signal, 130, flag.clone()).map_err(error)?;
        signal_hook::flag::register(signal, flag.clone()).map_err(error)?;
    }
    Ok(())
}

pub fn is_set() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

pub const WORD: &str = "interrupted";

/// Sleeps, unless interrupted.
pub fn sleep(time: Duration) -> Result<(), String> {
    let end = Instant::now() + time;
    loop {
        if is_set() {
            return Err(WORD.to_owned());
        }
        match end.checked_duration_since(Instant::now()) {
            Some(left) => std::thread::sleep(left.min(LOOK_EVERY)),
            None => return Ok(()),
        }
    }
}
