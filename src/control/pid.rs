//! The `pid` file: where a running process is found.

use crate::sys::errno::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file of this process.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Writes the number of this process.
    ///
    /// # Errors
    /// The system's.
    pub fn write(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { path: path.to_owned(), file })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the file away. After a change of user the folder may refuse that: then at least no number stays in it.
    ///
    /// # Errors
    /// The system's, when neither could be done.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path).or_else(|_| self.file.set_len(0))
    }
}

/// Reads the number of the process that wrote the file.
///
/// # Errors
/// One line in nginx's words with the remedy.
pub fn read(path: &Path) -> Result<u32, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let error = Errno(&error);
        format!("open() \"{shown}\" failed ({error}): is it running, and with this \"pid\" in its configuration?")
    })?;
    match text.trim().parse() {
        Ok(number) if number > 0 => Ok(number),
        Ok(_) | Err(_) => Err(format!("invalid PID number \"{}\" in \"{shown}\"", text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_again_until_the_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let file = PidFile::write(&path).unwrap();
        assert_eq!(read(&path), Ok(std::process::id()));
        file.remove().unwrap();
        assert!(read(&path).unwrap_err().contains("failed (2: No such file or directory)"));
        std::fs::write(&path, "\n").unwrap();
        assert!(read(&path).unwrap_err().starts_with("invalid PID number \"\""));
    }
}
