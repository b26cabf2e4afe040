//! Where text comes from, and how a place in it is named.
//!
//! Files are reached through [`Files`], so that the whole reader runs on files in memory as well. A [`Span`] is a file
//! and a byte range; only here is it turned into a line number.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::limits;

/// What the reader needs of a file system.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// What the system says of it.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files that a pattern with `*`, `?` or `[…]` stands for, sorted by name.
    fn glob(&self, pattern: &str) -> Vec<PathBuf>;
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // A pipe or a device has no end to wait for, and a directory fails only at the first read.
        let metadata = std::fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(limits::CONFIG_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        // An unreadable folder on the way holds nothing that could be included.
        glob::glob_with(pattern, options).map(|paths| paths.flatten().collect()).unwrap_or_default()
    }
}

/// Files in memory, for tests and generated configurations.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: HashMap<PathBuf, Vec<u8>>,
}

impl MemoryFiles {
    /// Adds or replaces a file.
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), bytes.into());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // The number gives the message the system's words.
        self.files.get(path).cloned().ok_or_else(|| io::Error::from_raw_os_error(2))
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let Ok(pattern) = glob::Pattern::new(pattern) else { return Vec::new() };
        let mut found: Vec<_> = self.files.keys().filter(|path| pattern.matches_path(path)).cloned().collect();
        found.sort();
        found
    }
}

/// A text among [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(u32);

/// A place: a byte range of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// From the start of this one to the end of `other`, if they are in the same text.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file == other.file && other.end >= self.start { Self { end: other.end, ..self } } else { self }
    }
}

/// One text.
#[derive(Debug)]
pub struct Source {
    pub origin: Origin,
    pub text: String,
    /// Offsets of bytes that are not UTF-8; in `text` a `?` stands there. Harmless in a comment.
    pub invalid_offsets: Vec<u32>,
}

/// What a text is, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    File(PathBuf),
    /// `-g`.
    CommandLine,
    /// Text that this program generated, with its name.
    Generated(String),
}

/// All texts of one load.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    /// Adds a text.
    pub fn add(&mut self, origin: Origin, bytes: Vec<u8>) -> FileId {
        let (text, invalid_offsets) = decode(bytes);
        // Texts are bounded by CONFIG_INCLUDE_COUNT_MAX.
        let id = FileId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Source { origin, text, invalid_offsets });
        id
    }

    /// The text of an id that [`Sources::add`] gave.
    #[must_use]
    pub fn source(&self, id: FileId) -> &Source {
        &self.all[id.0 as usize]
    }

    /// The text that was read from a file earlier.
    #[must_use]
    pub fn find(&self, path: &Path) -> Option<FileId> {
        let at = self.all.iter().position(|source| matches!(&source.origin, Origin::File(file) if file == path))?;
        u32::try_from(at).ok().map(FileId)
    }

    /// All texts, in the order in which they were first read.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.all.iter()
    }

    /// What a span covers.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.source(span.file).text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Number of the line in which a span begins, from 1.
    #[must_use]
    pub fn line(&self, span: Span) -> usize {
        let text = self.source(span.file).text.as_bytes();
        let before = &text[..text.len().min(span.start as usize)];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// A place as messages name it: ` in FILE:LINE`, or what nginx says of `-g`.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        match &self.source(span.file).origin {
            Origin::File(path) => format!(" in {}:{}", path.display(), self.line(span)),
            Origin::CommandLine => " in command line".to_owned(),
            Origin::Generated(name) => format!(" in {name}:{}", self.line(span)),
        }
    }
}

/// UTF-8 text of the same length, and where bytes had to be replaced.
fn decode(bytes: Vec<u8>) -> (String, Vec<u32>) {
    let mut rest = match String::from_utf8(bytes) {
        Ok(text) => return (text, Vec::new()),
        Err(error) => error.into_bytes(),
    };
    let mut invalid_offsets = Vec::new();
    let mut from = 0;
    while let Err(error) = std::str::from_utf8(&rest[from..]) {
        let at = from + error.valid_up_to();
        let end = error.error_len().map_or(rest.len(), |length| at + length);
        for (offset, byte) in rest.iter_mut().enumerate().take(end).skip(at) {
            invalid_offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
            *byte = b'?';
        }
        from = end;
    }
    (String::from_utf8_lossy(&rest).into_owned(), invalid_offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_and_remembered() {
        let (text, invalid) = decode(b"a\xffb\xe2\x82".to_vec());
        assert_eq!(text, "a?b??");
        assert_eq!(invalid, [1, 3, 4]);
    }

    #[test]
    fn lines_are_counted_from_one() {
        let mut sources = Sources::default();
        let file = sources.add(Origin::File("/a.conf".into()), b"one\ntwo\n".to_vec());
        assert_eq!(sources.place(Span { file, start: 4, end: 7 }), " in /a.conf:2");
    }

    #[test]
    fn files_in_memory_answer_as_the_system_does() {
        let files = MemoryFiles::default().with("/c/a.conf", "x").with("/c/b.conf", "y").with("/c/d/e.conf", "z");
        assert_eq!(files.glob("/c/?.conf"), [PathBuf::from("/c/a.conf"), PathBuf::from("/c/b.conf")]);
        assert_eq!(files.read(Path::new("/none")).unwrap_err().raw_os_error(), Some(2));
    }
}
