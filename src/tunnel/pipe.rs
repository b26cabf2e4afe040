//! Pipes as the middle of a splice: bytes go from socket to socket without a copy.
//!
//! A pipe knows how many bytes it holds. Neither call waits, provided that the sockets are non-blocking: the flag of
//! splice alone speaks of the pipe only.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::socket::{Moved, uninterrupted};

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

/// One pipe, both ends.
#[derive(Debug)]
pub struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    held_bytes: usize,
    size_bytes: usize,
}

impl Pipe {
    /// A pipe of `size_bytes`, or of what the kernel grants where the user's limit of pipe memory is met.
    pub fn new(size_bytes: usize) -> io::Result<Pipe> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let size_bytes = match fcntl_setpipe_size(&writer, size_bytes) {
            Ok(granted) => granted,
            // A smaller pipe works, only slower.
            Err(_) => rustix::pipe::fcntl_getpipe_size(&writer)?,
        };
        Ok(Pipe { reader, writer, held_bytes: 0, size_bytes })
    }

    /// Bytes inside.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Moves up to `limit_bytes` from the socket into the pipe. [`Moved::Blocked`] says that the socket has nothing or
    /// the pipe no room: ask it of an empty pipe.
    pub fn fill(&mut self, socket: BorrowedFd<'_>, limit_bytes: usize) -> Moved {
        let limit_bytes = limit_bytes.min(self.size_bytes);
        let moved = Moved::of(uninterrupted(|| splice(socket, None, self.writer.as_fd(), None, limit_bytes, FLAGS)));
        if let Moved::Bytes(count) = moved {
            self.held_bytes += count;
        }
        moved
    }

    /// Moves what the pipe holds to the socket. Always asked for the whole: less makes the kernel expect more
    /// (`MSG_MORE`) and hold the bytes back.
    pub fn drain(&mut self, socket: BorrowedFd<'_>) -> Moved {
        let moved =
            Moved::of(uninterrupted(|| splice(self.reader.as_fd(), None, socket, None, self.held_bytes, FLAGS)));
        if let Moved::Bytes(count) = moved {
            self.held_bytes = self.held_bytes.saturating_sub(count);
        }
        moved
    }

    /// Takes bytes out into memory. At least one, provided that the pipe holds some and the buffer has room.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = uninterrupted(|| rustix::io::read(&self.reader, &mut *buffer))?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.held_bytes = self.held_bytes.saturating_sub(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_pipe_carries_bytes_between_sockets_and_knows_what_it_holds() {
        let (mut source, near) = UnixStream::pair().unwrap();
        let (far, mut target) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        far.set_nonblocking(true).unwrap();
        let mut pipe = Pipe::new(256 << 10).unwrap();
        assert_eq!(pipe.fill(near.as_fd(), 1 << 20), Moved::Blocked);
        source.write_all(b"hello").unwrap();
        assert_eq!(pipe.fill(near.as_fd(), 2), Moved::Bytes(2));
        assert_eq!(pipe.fill(near.as_fd(), 1 << 20), Moved::Bytes(3));
        assert_eq!(pipe.held_bytes(), 5);
        let mut moved = 0;
        while let Moved::Bytes(count) = pipe.drain(far.as_fd()) {
            moved += count;
            if pipe.held_bytes() == 0 {
                break;
            }
        }
        assert_eq!((moved, pipe.held_bytes()), (5, 0));
        let mut bytes = [0; 5];
        target.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"hello");
        drop(source);
        assert_eq!(pipe.fill(near.as_fd(), 1), Moved::End);
    }
}
