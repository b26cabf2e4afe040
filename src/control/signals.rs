//! Signals as messages for the main thread.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

/// What the operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// TERM, INT: end everything now.
    Stop,
    /// QUIT: finish what runs.
    Quit,
    /// HUP: load the configuration anew.
    Reload,
    /// USR1: open the log files anew.
    Reopen,
    /// USR2, WINCH: nginx's change of its binary, for which a restart is the way here.
    Unused(&'static str),
}

/// The order tells which wins when several are pending.
const WATCHED: [(i32, Signal, &str); 7] = [
    (SIGTERM, Signal::Stop, "SIGTERM"),
    (SIGINT, Signal::Stop, "SIGINT"),
    (SIGQUIT, Signal::Quit, "SIGQUIT"),
    (SIGHUP, Signal::Reload, "SIGHUP"),
    (SIGUSR1, Signal::Reopen, "SIGUSR1"),
    (SIGUSR2, Signal::Unused("SIGUSR2"), "SIGUSR2"),
    (SIGWINCH, Signal::Unused("SIGWINCH"), "SIGWINCH"),
];

/// The signals of this process, from now on.
pub struct Signals {
    raised: [Arc<AtomicBool>; WATCHED.len()],
    wake: UnixStream,
}

impl Signals {
    /// Sockets it holds: the two ends of the wake-up, and one more writer for each signal.
    pub const SOCKET_COUNT: usize = 1 + WATCHED.len();

    /// Takes the signals over.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn watch() -> io::Result<Self> {
        let (wake, writer) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let raised: [Arc<AtomicBool>; WATCHED.len()] = std::array::from_fn(|_| Arc::default());
        for ((number, _, _), raised) in WATCHED.iter().zip(&raised) {
            // The flag first: whoever is woken by the byte must find it.
            signal_hook::flag::register(*number, Arc::clone(raised))?;
            signal_hook::low_level::pipe::register(*number, writer.try_clone()?)?;
        }
        Ok(Self { raised, wake })
    }

    /// Becomes readable when a signal has come.
    #[must_use]
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Signals that came since the last call, with their names. The same one twice counts once.
    pub fn take(&self) -> Vec<(Signal, i32, &'static str)> {
        // Nothing to read is what is hoped for: the flags are what counts.
        let _ = (&self.wake).read(&mut [0u8; 64]);
        let pending = WATCHED.iter().zip(&self.raised);
        let pending = pending.filter(|(_, raised)| raised.swap(false, Ordering::AcqRel));
        pending.map(|((number, signal, name), _)| (*signal, *number, *name)).collect()
    }
}
