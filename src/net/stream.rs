//! One connected socket of a shard, TCP or unix.
//!
//! Reads and writes are direct non-blocking calls after readiness: while a stream waits it holds no buffer, dropping
//! a wait loses no bytes, and one side may be read while the other is written. Heads, bodies and the hand-over to a
//! tunnel all go through [`Stream`], so a transport that encrypts has this one place to stand in.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use monoio::net::TcpStream;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};

use super::moment;
use super::timer::{self, within};
use crate::limits::{FILE_STEP_BYTES, JOINED_BYTES_MAX, WRITE_BACKOFF_MAX, WRITE_BACKOFF_MIN};
use crate::sys;

/// Pieces that one call sends: a head, the three of a chunk, and the end.
const WRITE_PARTS_MAX: usize = 6;

thread_local! {
    /// Where the pieces of a short message are put together.
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A connected, non-blocking stream socket that lives on one shard.
pub struct Stream {
    /// A wait for something to read that the ring knows of. It outlives who waits: whoever comes next finds it, and the
    /// ring is told once for an idle time and the answer that ends it. Dropped before the socket, which it refers to.
    armed: RefCell<Option<Wait>>,
    socket: Rc<TcpStream>,
    /// Waits that were dropped before their end: the ring may hold the descriptor for them a while longer.
    dropped_waits: Cell<u32>,
}

type Wait = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// A wait that has begun, until it is forgotten at its end.
struct Waiting<'s>(&'s Cell<u32>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_add(1));
    }
}

impl Stream {
    /// Takes over a connected socket. It must be non-blocking.
    ///
    /// # Errors
    /// When the runtime cannot register the descriptor.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        // The runtime's type for TCP carries any stream socket: only its readiness is used.
        let socket = TcpStream::from_std(std::net::TcpStream::from(fd))?;
        Ok(Self { armed: RefCell::new(None), socket: Rc::new(socket), dropped_waits: Cell::new(0) })
    }

    /// Gives the socket up, for a tunnel. After a wait that was dropped this is a duplicate: the old descriptor closes
    /// by itself, once the ring has given it back.
    ///
    /// # Errors
    /// `EMFILE` when no descriptor is left for a duplicate.
    pub fn into_fd(self) -> io::Result<OwnedFd> {
        let is_free = self.armed.into_inner().is_none() && self.dropped_waits.get() == 0;
        match Rc::try_unwrap(self.socket) {
            Ok(socket) if is_free => Ok(sys::fd::of_owned_stream(socket)),
            Ok(socket) => Ok(rustix::io::fcntl_dupfd_cloexec(sys::fd::of_stream(&socket), 0)?),
            Err(socket) => Ok(rustix::io::fcntl_dupfd_cloexec(sys::fd::of_stream(&socket), 0)?),
        }
    }

    /// The same connection by another descriptor.
    ///
    /// # Errors
    /// `EMFILE` when none is left.
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(sys::fd::of_stream(&self.socket), 0)?)
    }

    /// Waits until bytes, an end or an error can be read.
    ///
    /// # Errors
    /// When the ring refuses the wait.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|cx| {
            let mut armed = self.armed.borrow_mut();
            let wait = armed.get_or_insert_with(|| {
                let socket = Rc::clone(&self.socket);
                Box::pin(async move { socket.readable(true).await })
            });
            let result = ready!(wait.as_mut().poll(cx));
            *armed = None;
            Poll::Ready(result)
        })
    }

    /// Waits until bytes may be taken, or the connection has failed.
    pub async fn writable(&self) -> io::Result<()> {
        let waiting = Waiting(&self.dropped_waits);
        let result = self.socket.writable(true).await;
        std::mem::forget(waiting);
        result
    }

    /// Appends what can be read now to `buffer`, at most `max` bytes and never more than it has room for.
    /// `Ok(None)` when nothing is there yet, `Ok(Some(0))` at the end of the stream.
    ///
    /// # Errors
    /// The socket's error, such as a reset.
    pub fn read_now(&self, buffer: &mut Vec<u8>, max: usize) -> io::Result<Option<usize>> {
        let fd = sys::fd::of_stream(&self.socket);
        let max = max.min(buffer.capacity() - buffer.len());
        debug_assert!(max > 0, "a read needs room");
        loop {
            match sys::socket::receive(fd, buffer, max) {
                Ok(n) => {
                    moment::passes(n);
                    return Ok(Some(n));
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Waits for bytes and appends at most `max` of them to `buffer`; 0 at the end of the stream.
    ///
    /// # Errors
    /// The socket's error, or `TimedOut` when nothing came for `timeout`.
    pub async fn read(&self, buffer: &mut Vec<u8>, max: usize, timeout: Duration) -> io::Result<usize> {
        loop {
            within(timeout, pin!(self.readable())).await?;
            if let Some(n) = self.read_now(buffer, max)? {
                return Ok(n);
            }
        }
    }

    /// Resolves when the other side has gone, and never when it sends: its bytes stay unread.
    pub async fn gone(&self) {
        while self.readable().await.is_ok() {
            match self.peek() {
                // An old wait has ended.
                Ok(None) => {}
                Ok(Some(1..)) => std::future::pending::<()>().await,
                Ok(Some(0)) | Err(_) => return,
            }
        }
    }

    fn peek(&self) -> io::Result<Option<usize>> {
        let mut byte = [0u8; 1];
        let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
        match rustix::net::recv(sys::fd::of_stream(&self.socket), &mut byte[..], flags) {
            Ok((_, n)) => Ok(Some(n)),
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether an idle connection is still usable: nothing to read, no end, no error.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        matches!(self.peek(), Ok(None))
    }

    /// Writes what the socket takes now; 0 when it takes nothing.
    ///
    /// # Errors
    /// The socket's error.
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::net::send(sys::fd::of_stream(&self.socket), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            {
                Ok(n) => return Ok(n),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(0),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Writes all of `bytes`. `written` counts what went out, also when this fails.
    ///
    /// # Errors
    /// The socket's error, or `TimedOut` when the other side took nothing for `timeout`.
    pub async fn write_all(&self, mut bytes: &[u8], timeout: Duration, written: &mut u64) -> io::Result<()> {
        loop {
            let n = self.write_now(bytes)?;
            *written += n as u64;
            bytes = &bytes[n..];
            if bytes.is_empty() {
                return Ok(());
            }
            if n == 0 {
                let n = within(timeout, pin!(self.room(bytes, written))).await?;
                bytes = &bytes[n..];
                if bytes.is_empty() {
                    return Ok(());
                }
            }
        }
    }

    /// Writes several pieces one after the other, in one call where the socket takes them.
    ///
    /// # Errors
    /// As [`Stream::write_all`].
    pub async fn write_parts(&self, parts: &[&[u8]], timeout: Duration, written: &mut u64) -> io::Result<()> {
        let sent = self.write_parts_now(parts)?;
        *written += sent as u64;
        if sent == parts.iter().map(|part| part.len()).sum() {
            return Ok(());
        }
        // Few writes have to wait: what they need for that stands apart.
        Box::pin(self.write_rest(parts, sent, timeout, written)).await
    }

    /// What is left of the pieces when so many bytes of them are out.
    async fn write_rest(
        &self,
        parts: &[&[u8]],
        mut sent: usize,
        timeout: Duration,
        written: &mut u64,
    ) -> io::Result<()> {
        for part in parts {
            let skipped = sent.min(part.len());
            sent -= skipped;
            if skipped < part.len() {
                self.write_all(&part[skipped..], timeout, written).await?;
            }
        }
        Ok(())
    }

    /// As [`Stream::write_parts`], what the socket takes now.
    ///
    /// # Errors
    /// The socket's error.
    pub fn write_parts_now(&self, parts: &[&[u8]]) -> io::Result<usize> {
        let mut given = parts.iter().filter(|part| !part.is_empty());
        match (given.next(), given.next()) {
            (None, _) => return Ok(0),
            (Some(only), None) => return self.write_now(only),
            (Some(_), Some(_)) => {}
        }
        if parts.iter().map(|part| part.len()).sum::<usize>() <= JOINED_BYTES_MAX {
            return JOINED.with_borrow_mut(|joined| {
                joined.clear();
                parts.iter().for_each(|part| joined.extend_from_slice(part));
                self.write_now(joined)
            });
        }
        let mut slices = [IoSlice::new(&[]); WRITE_PARTS_MAX];
        let mut count = 0;
        for part in parts.iter().filter(|part| !part.is_empty()).take(WRITE_PARTS_MAX) {
            slices[count] = IoSlice::new(part);
            count += 1;
        }
        self.send_slices(&slices[..count])
    }

    fn send_slices(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut control = SendAncillaryBuffer::default();
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match rustix::net::sendmsg(sys::fd::of_stream(&self.socket), slices, &mut control, flags) {
            Ok(n) => Ok(n),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Writes a part of a file without a copy through this process. `written` counts what went out, also when this
    /// fails.
    ///
    /// # Errors
    /// As [`Stream::write_all`]; `UnexpectedEof` when the file ends before its part does.
    pub async fn write_file(
        &self,
        file: &File,
        offset: u64,
        length: u64,
        timeout: Duration,
        written: &mut u64,
    ) -> io::Result<()> {
        let (mut offset, mut left) = (offset, length);
        let mut pause = WRITE_BACKOFF_MIN;
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(FILE_STEP_BYTES);
            let fd = sys::fd::of_stream(&self.socket);
            match rustix::fs::sendfile(fd, file, Some(&mut offset), step) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    moment::passes(n);
                    *written += n as u64;
                    left -= n as u64;
                    pause = WRITE_BACKOFF_MIN;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    within(timeout, pin!(self.writable())).await?;
                    // See `room`: a wake-up need not mean that there is any.
                    if pause > WRITE_BACKOFF_MIN {
                        timer::sleep(pause).await;
                    }
                    pause = (pause * 2).min(WRITE_BACKOFF_MAX);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Waits until at least one byte of `bytes` could be written.
    ///
    /// A peer that has shut down its sending side makes every poll return at once, whether there is room or not. So a
    /// wake-up without room is followed by a pause instead of the next poll.
    async fn room(&self, bytes: &[u8], written: &mut u64) -> io::Result<usize> {
        let mut pause = WRITE_BACKOFF_MIN;
        loop {
            self.writable().await?;
            let n = self.write_now(bytes)?;
            if n > 0 {
                *written += n as u64;
                return Ok(n);
            }
            timer::sleep(pause).await;
            pause = (pause * 2).min(WRITE_BACKOFF_MAX);
        }
    }

    /// Waits until a connection that was begun stands.
    ///
    /// # Errors
    /// Why it could not be made.
    pub(super) async fn connected(&self) -> io::Result<()> {
        self.writable().await?;
        match rustix::net::sockopt::socket_error(sys::fd::of_stream(&self.socket))? {
            Ok(()) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sends a FIN after what was written.
    ///
    /// # Errors
    /// `ENOTCONN` when the other side is gone already.
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(sys::fd::of_stream(&self.socket), Shutdown::Write)?)
    }

    /// Ends the connection so that whoever waits on it sees its end.
    pub fn shutdown_both(&self) {
        // ENOTCONN: it has ended already, which is what was wanted.
        let _ = rustix::net::shutdown(sys::fd::of_stream(&self.socket), Shutdown::Both);
    }

    /// Turns Nagle's algorithm off. Unix sockets have none and answer with an error that says nothing.
    pub fn set_nodelay(&self) {
        let _ = rustix::net::sockopt::set_tcp_nodelay(sys::fd::of_stream(&self.socket), true);
    }

    /// What the kernel knows of a TCP connection.
    #[must_use]
    pub fn tcp_info(&self) -> Option<sys::socket::TcpInfo> {
        sys::socket::tcp_info(sys::fd::of_stream(&self.socket)).ok()
    }

    /// The address the client connected to.
    ///
    /// # Errors
    /// The system's.
    pub fn local_address(&self) -> io::Result<socket2::SockAddr> {
        socket2::SockRef::from(&sys::fd::of_stream(&self.socket)).local_addr()
    }
}
