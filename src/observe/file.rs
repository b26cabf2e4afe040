//! One log file: opened for appending, shared by all threads, opened again on USR1.
//!
//! A line is one write, and appending is atomic in the kernel, so writers only share a lock that a reopening takes alone.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::clock;
use crate::sys::errno::Errno;

/// A log could not be opened.
#[derive(Debug)]
pub struct OpenError {
    pub path: PathBuf,
    pub cause: io::Error,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "open() \"{}\" failed ({})", self.path.display(), Errno(&self.cause))
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// An open log file.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: RwLock<File>,
    /// Bytes that could not be written.
    lost_bytes: AtomicU64,
    /// Second in which the disk was full: nothing is tried again before the next, since each try would be slow.
    full_at: AtomicU64,
    /// Second in which a failure was last reported.
    reported_at: AtomicU64,
}

impl LogFile {
    /// # Errors
    /// When the file cannot be opened or made.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = append_to(path)?;
        Ok(Self {
            path: path.to_owned(),
            file: RwLock::new(file),
            lost_bytes: AtomicU64::new(0),
            full_at: AtomicU64::new(0),
            reported_at: AtomicU64::new(0),
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes lost since the start.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.lost_bytes.load(Ordering::Relaxed)
    }

    /// Opens the path anew; lines go to the new file from here on.
    ///
    /// Writers wait from before the file is made: whoever sees it finds all later lines in it.
    ///
    /// # Errors
    /// When that cannot be done. The old file stays in use.
    pub fn reopen(&self) -> Result<(), OpenError> {
        let mut file = self.file.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *file, append_to(&self.path)?);
        drop(file);
        drop(old);
        Ok(())
    }

    /// Writes whole lines. What cannot be written is counted as lost.
    ///
    /// # Errors
    /// The failure, if it should be reported: at most one a second for each file.
    pub fn write(&self, lines: &[u8]) -> io::Result<()> {
        let now = clock::unix_seconds();
        if self.full_at.load(Ordering::Relaxed) == now {
            self.lost_bytes.fetch_add(lines.len() as u64, Ordering::Relaxed);
            return Ok(());
        }
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        let result = (&*file).write_all(lines);
        drop(file);
        let Err(error) = result else { return Ok(()) };
        self.lost_bytes.fetch_add(lines.len() as u64, Ordering::Relaxed);
        if error.kind() == io::ErrorKind::StorageFull {
            self.full_at.store(now, Ordering::Relaxed);
        }
        if self.reported_at.swap(now, Ordering::Relaxed) == now { Ok(()) } else { Err(error) }
    }
}

fn append_to(path: &Path) -> Result<File, OpenError> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .open(path)
        .map_err(|cause| OpenError { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_and_a_reopened_file_is_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
        std::fs::write(&path, "before\n").unwrap();
        let log = LogFile::open(&path).unwrap();
        log.write(b"one\n").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        log.write(b"two\n").unwrap();
        log.reopen().unwrap();
        log.write(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(moved).unwrap(), "before\none\ntwo\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "three\n");
    }

    #[test]
    fn whoever_sees_the_reopened_file_finds_all_later_lines_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
        let log = LogFile::open(&path).unwrap();
        for _ in 0..200 {
            std::fs::rename(&path, &moved).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| log.reopen().unwrap());
                while !path.exists() {
                    std::hint::spin_loop();
                }
                log.write(b"late\n").unwrap();
            });
            assert_eq!(std::fs::read_to_string(&moved).unwrap(), "");
            std::fs::write(&path, "").unwrap();
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named_with_the_errno() {
        let error = LogFile::open(Path::new("/nonexistent/a.log")).unwrap_err();
        assert_eq!(error.to_string(), "open() \"/nonexistent/a.log\" failed (2: No such file or directory)");
    }

    #[test]
    fn a_failed_reopening_keeps_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let log = LogFile::open(&inner.join("a.log")).unwrap();
        std::fs::remove_dir_all(&inner).unwrap();
        assert!(log.reopen().is_err());
        log.write(b"line\n").unwrap();
    }

    #[test]
    fn a_full_disk_is_reported_once_a_second_and_counted() {
        let log = LogFile::open(Path::new("/dev/full")).unwrap();
        let reports = (0..100).filter(|_| log.write(b"12345\n").is_err()).count();
        assert!((1..=2).contains(&reports), "{reports}");
        assert_eq!(log.lost_bytes(), 600);
    }
}
