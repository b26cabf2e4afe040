//! What a start was asked for, in the words of the command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// What the program was started with.
#[derive(Debug, Clone, Default)]
pub struct Start {
    pub configuration: Configuration,
    /// `-p`.
    pub prefix: Option<PathBuf>,
    /// `-e`; `stderr` is the terminal.
    pub error_log: Option<PathBuf>,
    /// `-g`.
    pub globals: Option<String>,
}

/// Where the configuration is.
#[derive(Debug, Clone)]
pub enum Configuration {
    /// `-c`, or the default file.
    File(Option<PathBuf>),
    /// Text that this program made. Such a process has no `pid` file.
    Generated { name: String, text: String },
}

impl Default for Configuration {
    fn default() -> Self {
        Self::File(None)
    }
}

impl Start {
    /// A start without a file.
    #[must_use]
    pub fn generated(name: &str, text: String) -> Self {
        Self { configuration: Configuration::Generated { name: name.to_owned(), text }, ..Self::default() }
    }
}

/// Called on a thread of its own once the process serves.
pub type OnServing = Box<dyn FnOnce(Ender) + Send>;

/// Ends the process from another thread.
#[derive(Debug, Clone, Default)]
pub struct Ender(Arc<Mutex<Option<ExitCode>>>);

impl Ender {
    /// Ends the process as TERM does, with this exit code.
    pub fn end(&self, code: ExitCode) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
        // A signal to ourselves cannot be refused.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
    }

    /// What [`Ender::end`] asked for.
    pub(super) fn code(&self) -> ExitCode {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(ExitCode::SUCCESS)
    }
}
