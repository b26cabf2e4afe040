//! All logs of one generation.

use std::path::PathBuf;
use std::sync::Arc;

use super::access_log::AccessLogs;
use super::error_log::ErrorLogs;
use super::file::OpenError;
use crate::model::Generation;

/// Opened before the generation takes over, kept until the last of its connections has ended.
#[derive(Debug, Default)]
pub struct Logs {
    pub access: AccessLogs,
    pub error: ErrorLogs,
}

impl Logs {
    /// Opens what a generation logs to, anew as nginx does; what cannot be opened and is open in `before` stays.
    ///
    /// # Errors
    /// The first file that cannot be opened; nothing has changed then.
    pub fn open(generation: &Generation, before: Option<&Self>) -> Result<Arc<Self>, OpenError> {
        let access = AccessLogs::open(generation, before.map(|logs| &logs.access))?;
        let error = ErrorLogs::open(generation, before.map(|logs| &logs.error))?;
        Ok(Arc::new(Self { access, error }))
    }

    /// Paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.access.paths().chain(self.error.paths())
    }

    /// Opens all files anew, the error logs last. Those that cannot be opened go on with the old file.
    #[must_use]
    pub fn reopen(&self) -> Vec<OpenError> {
        let mut failed = self.access.reopen();
        failed.extend(self.error.reopen());
        failed
    }
}
