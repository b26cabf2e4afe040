//! A body before it is sent: in memory, or in a file, be it a client's on its way to a peer or a peer's on its way back.
//!
//! Reads and writes go through the page cache with plain calls on the shard's thread, as in nginx without threads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::http::framing::BodyLength;
use crate::limits::SPOOL_NAME_ATTEMPTS_MAX;
use crate::model::BodyFile;

/// Serial number of the next name, over all shards.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// What of the request's body is here, and how it will be framed for the peer.
#[derive(Default)]
pub struct Prepared {
    /// All of it, or the beginning; empty when a file holds it.
    pub first: Vec<u8>,
    pub file: Option<Spool>,
    pub length: BodyLength,
}

/// A file that is being filled, then read.
pub struct Spool {
    file: File,
    path: PathBuf,
    bytes: u64,
    removes: bool,
}

impl Spool {
    /// A new file with a name nobody has. Unless it is to stay, it has that name for a moment only: what is open needs
    /// none, and leaves nothing behind.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(folder: &Path, levels: &[usize], kind: BodyFile) -> io::Result<Self> {
        let mut attempts = 0;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(name(number, levels));
            match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    if kind == BodyFile::Off {
                        fs::remove_file(&path)?;
                    }
                    return Ok(Self { file, path, bytes: 0, removes: kind == BodyFile::Clean });
                }
                Err(error) if attempts >= SPOOL_NAME_ATTEMPTS_MAX => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if let Some(parent) = path.parent() {
                        fs::create_dir_all(parent)?;
                    }
                }
                // Left over from an earlier process.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            attempts += 1;
        }
    }

    /// Appends.
    ///
    /// # Errors
    /// The file system's: a full disk.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Appends to `piece` what stands at a place, as much as it has room for; 0 at the end.
    ///
    /// # Errors
    /// The file system's.
    pub fn read_at(&self, at: u64, piece: &mut Vec<u8>) -> io::Result<usize> {
        let start = piece.len();
        piece.resize(piece.capacity(), 0);
        let read = self.file.read_at(&mut piece[start..], at);
        piece.truncate(start + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Forgets what was written: the next bytes stand at its begin.
    ///
    /// # Errors
    /// The file system's.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.bytes = 0;
        Ok(())
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.removes {
            // Somebody else may have taken it away, which is all the same.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Ten digits, behind folders that are named by the last of them.
fn name(number: u64, levels: &[usize]) -> PathBuf {
    let digits = format!("{number:010}");
    let mut end = digits.len();
    let mut path = PathBuf::new();
    for length in levels {
        let start = end.saturating_sub(*length);
        path.push(&digits[start..end]);
        end = start;
    }
    path.push(digits);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_levels_from_their_end() {
        assert_eq!(name(12_345, &[]), Path::new("0000012345"));
        assert_eq!(name(12_345, &[1, 2]), Path::new("5/34/0000012345"));
    }

    #[test]
    fn a_file_is_made_with_its_folders_filled_read_and_gone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        let mut spool = Spool::create(&folder, &[1], BodyFile::Clean).unwrap();
        spool.write(b"abc").unwrap();
        spool.write(b"def").unwrap();
        let path = spool.path().to_owned();
        assert_eq!((spool.len(), fs::read(&path).unwrap().as_slice()), (6, b"abcdef".as_slice()));
        let mut piece = Vec::with_capacity(4);
        assert_eq!((spool.read_at(1, &mut piece).unwrap(), piece.as_slice()), (4, b"bcde".as_slice()));
        piece.clear();
        assert_eq!(spool.read_at(6, &mut piece).unwrap(), 0);
        drop(spool);
        assert!(!path.exists());
        let spool = Spool::create(&folder, &[], BodyFile::Off).unwrap();
        assert!(!spool.path().exists());
        let spool = Spool::create(&folder, &[], BodyFile::On).unwrap();
        let path = spool.path().to_owned();
        drop(spool);
        assert!(path.exists());
    }
}
