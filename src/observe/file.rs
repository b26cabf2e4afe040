//! One log file: opened for appending, shared by all threads, opened again on USR1.
//!
//! Lines go out in one write, and appending is atomic in the kernel, so writers only share a lock that a reopening takes
//! alone. A file is written as nginx does, on the calling thread: what the kernel takes into its cache at once. A pipe,
//! a terminal or a FIFO never makes its writer wait: lines that it has no room for are lost and counted.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::OFlags;

use super::clock;
use super::losses::Losses;
use crate::limits::LOG_PIPE_WRITE_BYTES;
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

/// A descriptor for appending that never waits for a reader.
#[derive(Debug)]
pub(super) struct Appending {
    file: File,
    is_regular: bool,
}

/// An open log file.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: RwLock<Appending>,
    /// Bytes that could not be written.
    losses: Losses,
    /// Second in which the disk was full: nothing is tried again before the next, since each try would be slow.
    full_at: AtomicU64,
}

impl LogFile {
    /// # Errors
    /// When the file cannot be opened or made.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = Appending::open(path).map_err(|cause| OpenError { path: path.to_owned(), cause })?;
        Ok(Self {
            path: path.to_owned(),
            file: RwLock::new(file),
            losses: Losses::default(),
            full_at: AtomicU64::new(0),
        })
    }

    /// Opens a path, or takes what is open already if that fails, with the failure: this process may no longer have
    /// the rights that it started with.
    ///
    /// # Errors
    /// When the file cannot be opened and is not open.
    pub fn open_or(path: &Path, open: Option<&Arc<Self>>) -> Result<(Arc<Self>, Option<OpenError>), OpenError> {
        match (Self::open(path), open) {
            (Ok(file), _) => Ok((Arc::new(file), None)),
            (Err(error), Some(open)) => Ok((Arc::clone(open), Some(error))),
            (Err(error), None) => Err(error),
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes lost since the start.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.losses.total()
    }

    /// Opens the path anew; lines go to the new file from here on.
    ///
    /// Writers wait from before the file is made: whoever sees it finds all later lines in it.
    ///
    /// # Errors
    /// When that cannot be done. The old file stays in use.
    pub fn reopen(&self) -> Result<(), OpenError> {
        let mut file = self.file.write().unwrap_or_else(PoisonError::into_inner);
        let new = Appending::open(&self.path).map_err(|cause| OpenError { path: self.path.clone(), cause })?;
        let old = std::mem::replace(&mut *file, new);
        drop(file);
        drop(old);
        Ok(())
    }

    /// Writes whole lines. What cannot be written is counted as lost.
    ///
    /// # Errors
    /// The failure, if it should be reported.
    pub fn write(&self, lines: &[u8]) -> io::Result<()> {
        let now = clock::unix_seconds();
        if self.full_at.load(Ordering::Relaxed) == now {
            let _ = self.losses.add(lines.len() as u64, now);
            return Ok(());
        }
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        let result = file.append(lines);
        drop(file);
        let Err((lost_bytes, error)) = result else { return Ok(()) };
        if error.kind() == io::ErrorKind::StorageFull {
            self.full_at.store(now, Ordering::Relaxed);
        }
        if self.losses.add(lost_bytes as u64, now) { Err(error) } else { Ok(()) }
    }
}

impl Appending {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let no_wait = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.append(true).create(true).mode(0o644).custom_flags(no_wait.bits().cast_signed());
        let file = match options.open(path) {
            // A FIFO that nobody reads yet: open for reading too, it waits for its reader with what it has room for.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                options.read(true).open(path)?
            }
            opened => opened?,
        };
        let is_regular = file.metadata()?.is_file();
        Ok(Self { file, is_regular })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Writes whole lines; on failure the bytes that were lost.
    pub(super) fn append(&self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        if self.is_regular {
            return (&self.file).write_all(lines).map_err(|error| (lines.len(), error));
        }
        let mut rest = lines;
        while !rest.is_empty() {
            let piece = &rest[..piece_bytes(rest)];
            match (&self.file).write(piece) {
                Ok(written) if written > 0 => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) => return Err((rest.len(), io::ErrorKind::WriteZero.into())),
                Err(error) => return Err((rest.len(), error)),
            }
        }
        Ok(())
    }
}

/// As many whole lines as a pipe takes in one piece. A line that is longer may be cut by a pipe that is full.
fn piece_bytes(lines: &[u8]) -> usize {
    let Some(first) = lines.get(..LOG_PIPE_WRITE_BYTES) else { return lines.len() };
    let end = first.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
    end.unwrap_or_else(|| lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |at| at + 1))
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
    fn a_full_disk_is_reported_once_and_counted() {
        let log = LogFile::open(Path::new("/dev/full")).unwrap();
        let reports = (0..100).filter(|_| log.write(b"12345\n").is_err()).count();
        assert_eq!(reports, 1);
        assert_eq!(log.lost_bytes(), 600);
    }

    #[test]
    fn a_pipe_that_nobody_reads_takes_whole_lines_and_never_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let log = LogFile::open(&path).unwrap();
        let lines = [[b'x'; 99].as_slice(), b"\n"].concat().repeat(100);
        let told: Vec<io::Error> = (0..100).filter_map(|_| log.write(&lines).err()).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].kind(), io::ErrorKind::WouldBlock);
        // A reader comes at last, and lines go to it again.
        let reader = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path);
        let mut text = Vec::new();
        let _ = io::Read::read_to_end(&mut reader.unwrap(), &mut text);
        assert!(!text.is_empty() && text.split(|byte| *byte == b'\n').all(|line| matches!(line.len(), 0 | 99)));
        assert_eq!(log.lost_bytes(), 1_000_000 - text.len() as u64);
        log.write(b"more\n").unwrap();
        assert_eq!(log.lost_bytes(), 1_000_000 - text.len() as u64);
    }

    #[test]
    fn pieces_are_whole_lines() {
        assert_eq!(piece_bytes(b"a\nb\n"), 4);
        let lines = b"0123456\n".repeat(1000);
        assert_eq!(piece_bytes(&lines), LOG_PIPE_WRITE_BYTES);
        let long = [[b'x'; 5000].as_slice(), b"\nrest\n"].concat();
        assert_eq!(piece_bytes(&long), 5001);
    }

    #[test]
    fn what_cannot_be_opened_anew_stays_open() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let path = inner.join("a.log");
        let log = Arc::new(LogFile::open(&path).unwrap());
        let (new, failed) = LogFile::open_or(&path, Some(&log)).unwrap();
        assert!(failed.is_none() && !Arc::ptr_eq(&new, &log));
        std::fs::remove_dir_all(&inner).unwrap();
        let (same, failed) = LogFile::open_or(&path, Some(&log)).unwrap();
        assert!(failed.is_some() && Arc::ptr_eq(&same, &log));
        assert!(LogFile::open_or(&path, None).is_err());
    }
}
