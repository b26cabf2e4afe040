//! `daemon on`: the process goes to the background, and the one that was started leaves when it serves.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use crate::sys::process::{Fork, fork};

/// The child's end of the line to the process that was started.
#[derive(Debug)]
pub struct Waiting(UnixStream);

/// Goes to the background. Returns in the child only; the parent leaves with the child's result.
///
/// # Errors
/// The system's.
pub fn detach() -> io::Result<Waiting> {
    let (mut parent, child) = UnixStream::pair()?;
    match fork()? {
        Fork::Parent => {
            drop(child);
            // A child that ends before it serves has said why.
            let code = i32::from(parent.read_exact(&mut [0u8]).is_err());
            std::process::exit(code)
        }
        Fork::Child => {
            drop(parent);
            rustix::process::setsid()?;
            Ok(Waiting(child))
        }
    }
}

impl Waiting {
    /// Tells that the process serves, and leaves the terminal.
    ///
    /// # Errors
    /// When `/dev/null` cannot be opened.
    pub fn serving(mut self) -> io::Result<()> {
        // A parent that was killed meanwhile needs no answer.
        let _ = self.0.write_all(b"1");
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        Ok(())
    }
}
