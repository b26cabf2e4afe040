//! The pipes of a shard: lent while bytes are in flight, bounded in number, never handed on with bytes inside.

use super::pipe::Pipe;

/// The pool.
pub struct Pipes {
    free: Vec<Pipe>,
    lent_count: usize,
    pipe_bytes: usize,
    kept_max: usize,
    lent_max: usize,
    refused_count: u64,
}

impl Pipes {
    pub fn new(pipe_bytes: usize, kept_max: usize, lent_max: usize) -> Pipes {
        Pipes { free: Vec::new(), lent_count: 0, pipe_bytes, kept_max, lent_max, refused_count: 0 }
    }

    /// An empty pipe. `None` if the bound is met or the process has no descriptor left: then bytes are copied.
    pub fn lend(&mut self) -> Option<Pipe> {
        let pipe = if self.lent_count < self.lent_max {
            self.free.pop().or_else(|| Pipe::new(self.pipe_bytes).ok())
        } else {
            None
        };
        match pipe {
            Some(_) => self.lent_count += 1,
            None => self.refused_count += 1,
        }
        pipe
    }

    /// Takes a lent pipe back. With bytes inside it is closed: they belong to one tunnel alone.
    pub fn give_back(&mut self, pipe: Pipe) {
        self.lent_count -= 1;
        if pipe.held_bytes() == 0 && self.free.len() < self.kept_max {
            self.free.push(pipe);
        }
    }

    /// Pipes under way.
    pub fn lent_count(&self) -> usize {
        self.lent_count
    }

    /// So few are left that a pipe must not wait for a reader that has stopped.
    pub fn is_short(&self) -> bool {
        self.lent_count * 2 >= self.lent_max
    }

    /// How often there was no pipe to be had.
    pub fn refused_count(&self) -> u64 {
        self.refused_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_bound_holds_and_refusals_are_counted() {
        let mut pipes = Pipes::new(64 << 10, 1, 2);
        let lent = [pipes.lend().unwrap(), pipes.lend().unwrap()];
        assert!(pipes.lend().is_none() && pipes.is_short());
        assert_eq!((pipes.lent_count(), pipes.refused_count()), (2, 1));
        lent.into_iter().for_each(|pipe| pipes.give_back(pipe));
        assert_eq!((pipes.lent_count(), pipes.free.len()), (0, 1));
        assert!(!pipes.is_short());
    }

    #[test]
    fn a_pipe_with_bytes_is_not_lent_again() {
        let mut pipes = Pipes::new(64 << 10, 8, 8);
        let (mut far, near) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        far.write_all(b"secret").unwrap();
        let mut pipe = pipes.lend().unwrap();
        pipe.fill(near.as_fd(), 100);
        pipes.give_back(pipe);
        assert_eq!((pipes.lent_count(), pipes.free.len()), (0, 0));
        assert_eq!(pipes.lend().unwrap().held_bytes(), 0);
    }
}
