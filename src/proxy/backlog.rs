//! What of an answer the client has not taken yet: first in memory, then in a file, in the order it came.
//!
//! Bytes are kept as they will be sent. The file is behind what memory holds, and while some of it is unread all that
//! comes goes there too; once it is read to its end it begins anew.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::spool::Spool;
use crate::model::{BodyFile, Buffering};

/// One answer's backlog.
pub struct Backlog {
    rules: Arc<Buffering>,
    memory: Vec<u8>,
    /// How much of it has left.
    sent: usize,
    file: Option<Spool>,
    /// How much of the file has been read back.
    read: u64,
}

impl Backlog {
    #[must_use]
    pub fn new(rules: Arc<Buffering>) -> Self {
        Self { rules, memory: Vec::new(), sent: 0, file: None, read: 0 }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sent == self.memory.len() && self.unread() == 0
    }

    /// Whether more may be taken from the peer.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let in_file = self.file.as_ref().map_or(0, Spool::len);
        let fits_file = in_file < self.rules.file_bytes_max;
        let fits_memory = self.unread() == 0 && self.in_memory() < self.rules.memory_bytes();
        fits_memory || fits_file
    }

    /// The file that holds a part of it.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(Spool::path)
    }

    /// Takes bytes, and returns whether they were the first for a file.
    ///
    /// # Errors
    /// The file system's.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let fits = self.in_memory() + bytes.len() <= self.rules.memory_bytes();
        // What was asked for is kept, whatever the bounds: they are looked at before more is taken from the peer.
        if self.unread() == 0 && (fits || self.rules.file_bytes_max == 0) {
            self.compact();
            self.memory.extend_from_slice(bytes);
            return Ok(false);
        }
        let is_first = self.file.is_none();
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let (folder, levels) = &*self.rules.temp_path;
                self.file.insert(Spool::create(folder, levels, BodyFile::Off)?)
            }
        };
        file.write(bytes)?;
        Ok(is_first)
    }

    /// The bytes that leave next; none only if it is empty.
    ///
    /// # Errors
    /// The file system's.
    pub fn front(&mut self) -> io::Result<&[u8]> {
        if self.in_memory() == 0 && self.unread() > 0 {
            self.read_back()?;
        }
        Ok(&self.memory[self.sent..])
    }

    /// So many bytes of the front have left.
    pub fn advance(&mut self, bytes: usize) {
        self.sent = (self.sent + bytes).min(self.memory.len());
        if self.is_empty() {
            // Whoever is slow once need not be so for the whole answer.
            (self.memory, self.sent) = (Vec::new(), 0);
        }
    }

    fn read_back(&mut self) -> io::Result<()> {
        self.memory.clear();
        self.sent = 0;
        let Some(file) = &mut self.file else { return Ok(()) };
        let rest = usize::try_from(file.len() - self.read).unwrap_or(usize::MAX);
        let bytes = rest.min(self.rules.read_back_bytes()).max(1);
        if self.memory.capacity() > bytes {
            self.memory = Vec::new();
        }
        self.memory.reserve_exact(bytes);
        match file.read_at(self.read, &mut self.memory)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => self.read += read as u64,
        }
        if self.read >= file.len() {
            file.clear()?;
            self.read = 0;
        }
        Ok(())
    }

    fn compact(&mut self) {
        if self.sent > 0 {
            self.memory.drain(..self.sent);
            self.sent = 0;
        }
    }

    fn in_memory(&self) -> usize {
        self.memory.len() - self.sent
    }

    fn unread(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.len() - self.read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn backlog(folder: &Path, memory_bytes: usize, file_bytes_max: u64) -> Backlog {
        let temp_path = Arc::new((folder.to_owned(), Box::default()));
        let (buffer_count, busy_bytes) = (1, Some(7));
        let rules =
            Buffering { is_on: true, buffer_count, buffer_bytes: memory_bytes, busy_bytes, file_bytes_max, temp_path };
        Backlog::new(Arc::new(rules))
    }

    #[test]
    fn memory_comes_first_then_the_file_then_nothing_fits() {
        let folder = tempfile::tempdir().unwrap();
        let mut backlog = backlog(folder.path(), 10, 20);
        assert!(!backlog.push(b"0123456789").unwrap() && backlog.path().is_none() && backlog.has_room());
        assert!(backlog.push(b"abcde").unwrap() && backlog.has_room());
        assert!(!backlog.push(b"fghijklmnopqrstuvwxyz").unwrap());
        assert!(!backlog.has_room());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        assert_eq!(backlog.front().unwrap(), b"0123456789");
        backlog.advance(10);
        assert_eq!(backlog.front().unwrap(), b"abcdefg");
        backlog.advance(3);
        assert_eq!(backlog.front().unwrap(), b"defg");
        assert!(!backlog.has_room());
    }

    #[test]
    fn without_a_file_memory_is_all_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut backlog = backlog(folder.path(), 10, 0);
        assert!(backlog.has_room());
        assert!(!backlog.push(b"0123456789abc").unwrap());
        assert!(!backlog.has_room());
        backlog.advance(4);
        assert!(backlog.has_room());
    }

    proptest! {
        #[test]
        fn bytes_leave_in_the_order_they_came(steps in proptest::collection::vec((0usize..40, 0usize..40), 1..60)) {
            let folder = tempfile::tempdir().unwrap();
            let mut backlog = backlog(folder.path(), 16, 64);
            let (mut came, mut left) = (Vec::new(), Vec::new());
            let mut next = 0u8;
            for (push, take) in steps {
                if backlog.has_room() {
                    let bytes: Vec<u8> = (0..push).map(|_| { next = next.wrapping_add(1); next }).collect();
                    backlog.push(&bytes).unwrap();
                    came.extend(bytes);
                }
                let front = backlog.front().unwrap();
                let taken = take.min(front.len());
                left.extend_from_slice(&front[..taken]);
                backlog.advance(taken);
            }
            while !backlog.is_empty() {
                let front = backlog.front().unwrap().to_vec();
                prop_assert!(!front.is_empty());
                backlog.advance(front.len());
                left.extend(front);
            }
            prop_assert_eq!(came, left);
        }
    }
}
