//! Files below a root, and a list of those that could not be read.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::sys::errno::Errno;

/// Reads short texts, and remembers what went wrong.
pub struct Reader<'r> {
    root: &'r Path,
    unread: Vec<(String, String)>,
}

impl<'r> Reader<'r> {
    #[must_use]
    pub fn new(root: &'r Path) -> Self {
        Self { root, unread: Vec::new() }
    }

    /// The files that told nothing, each with the reason.
    #[must_use]
    pub fn into_unread(self) -> Vec<(String, String)> {
        self.unread
    }

    /// A file that each kernel has, without its last line end.
    pub fn text(&mut self, path: &str) -> Option<String> {
        self.read(path).map_err(|error| self.note(path, &Errno(&error).to_string())).ok()
    }

    /// A file that a kernel may lack.
    pub fn optional(&mut self, path: &str) -> Option<String> {
        match self.read(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.note(path, &Errno(&error).to_string());
                None
            }
        }
    }

    pub fn number(&mut self, path: &str) -> Option<u64> {
        let text = self.text(path)?;
        text.parse().ok().or_else(|| self.not_understood(path))
    }

    pub fn optional_number(&mut self, path: &str) -> Option<u64> {
        let text = self.optional(path)?;
        text.parse().ok().or_else(|| self.not_understood(path))
    }

    /// All numbers of a line.
    pub fn numbers(&mut self, path: &str) -> Option<Vec<u64>> {
        let text = self.text(path)?;
        let numbers: Result<Vec<u64>, _> = text.split_ascii_whitespace().map(str::parse).collect();
        numbers.ok().or_else(|| self.not_understood(path))
    }

    /// The file is there and says something else than it should.
    pub fn not_understood<T>(&mut self, path: &str) -> Option<T> {
        self.note(path, "its text is not what it should be");
        None
    }

    /// A file to be read in part.
    ///
    /// # Errors
    /// The system's.
    pub fn open(&self, path: &str) -> io::Result<File> {
        File::open(self.root.join(path))
    }

    fn read(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(self.root.join(path)).map(|text| text.trim_end().to_owned())
    }

    fn note(&mut self, path: &str, reason: &str) {
        self.unread.push((format!("/{path}"), reason.to_owned()));
    }
}
