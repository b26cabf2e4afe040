//! One connected socket of a shard, TCP or unix.
//!
//! Reads and writes are direct non-blocking calls after readiness, which `readiness` knows: while a stream waits it holds
//! no buffer, dropping a wait loses no bytes, and one side may be read while the other is written. Heads, bodies and the
//! hand-over to a tunnel all go through [`Stream`], so a transport that encrypts has this one place to stand in.

use std::cell::RefCell;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};

use super::moment;
use super::readiness::{Registration, Side};
use super::spare::{Detached, Reuse};
use super::timer::{self, TimedOut, Timer, within};
use crate::limits::{FILE_STEP_BYTES, JOINED_BYTES_MAX};
use crate::sys;
use crate::sys::held::Held;

/// Pieces that one call sends: a head, the three of a chunk, and the end.
const WRITE_PARTS_MAX: usize = 6;

thread_local! {
    /// Where the pieces of a short message are put together.
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A connected, non-blocking stream socket that lives on one shard.
pub struct Stream {
    /// Dropped before the socket, which it refers to.
    registration: Registration,
    /// The first wait for something to read is here. Many have no other, or not even that: those who connect for one answer,
    /// or for a tunnel. An operation of the ring costs less than a registration and its end.
    socket: Held,
    reuse: Reuse,
}

/// A bound on one wait for something to read.
pub struct ReadBound(Bound);

enum Bound {
    /// It begins when nothing is found.
    Ahead(Duration),
    /// It stands with the registration too.
    Registered {
        due_ms: u64,
    },
    Timed(Timer),
}

impl ReadBound {
    /// Zero is none.
    #[must_use]
    pub fn new(length: Duration) -> Self {
        Self(Bound::Ahead(length))
    }
}

impl Stream {
    /// Takes over a connected socket. It must be non-blocking.
    #[must_use]
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self::of_peer(fd.into())
    }

    /// The same for a socket that a connection to a peer was made of, which may serve again when it is over.
    #[must_use]
    pub fn of_peer(Detached { fd, reuse }: Detached) -> Self {
        Self { registration: Registration::new(), socket: Held::new(fd), reuse }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }

    #[cfg(test)]
    pub(super) fn slot(&self) -> u32 {
        self.registration.slot()
    }

    /// Gives the socket up, for a tunnel. See [`Held::into_fd`].
    ///
    /// # Errors
    /// `EMFILE` when no descriptor is left for a duplicate.
    pub fn detach(self) -> io::Result<Detached> {
        let Self { registration, socket, reuse } = self;
        registration.end(socket.fd());
        // Of a duplicate the old descriptor would be connected along with it.
        let reuse = if socket.is_lent() { Reuse::Never } else { reuse };
        Ok(Detached { fd: socket.into_fd()?, reuse })
    }

    /// The same connection by another descriptor, for whoever goes on with it.
    ///
    /// # Errors
    /// `EMFILE` when none is left.
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        let other = self.socket.duplicate()?;
        // It would hold the registration.
        self.registration.end(self.fd());
        Ok(other)
    }

    /// Waits until bytes, an end or an error can be read. There may turn out to be nothing: then it is waited for again.
    ///
    /// # Errors
    /// When the kernel refuses the wait.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|cx| self.poll_readable(cx.waker()))
    }

    /// As [`Stream::readable`].
    pub fn poll_readable(&self, waker: &Waker) -> Poll<io::Result<()>> {
        if self.socket.is_past_first() {
            self.registration.poll(self.fd(), Side::Read, waker)
        } else {
            self.socket.poll_first(waker)
        }
    }

    /// As [`Stream::readable`], for so long at most. Zero is no bound.
    ///
    /// # Errors
    /// When the kernel refuses the wait, or `TimedOut`.
    pub fn readable_within(&self, timeout: Duration) -> impl Future<Output = io::Result<()>> {
        let mut bound = ReadBound::new(timeout);
        poll_fn(move |cx| match self.poll_readable(cx.waker()) {
            Poll::Pending if self.is_overdue(&mut bound, cx.waker()) => Poll::Ready(Err(TimedOut.into())),
            polled => polled,
        })
    }

    /// Whether a wait is over its time that has just found nothing to read.
    pub fn is_overdue(&self, bound: &mut ReadBound, waker: &Waker) -> bool {
        match &mut bound.0 {
            Bound::Ahead(Duration::ZERO) => false,
            Bound::Ahead(length) if self.registration.is_made() => {
                let due_ms = timer::due_ms(*length);
                if let Some(slot) = self.registration.bound(due_ms) {
                    timer::look_at_socket(slot, due_ms);
                }
                bound.0 = Bound::Registered { due_ms };
                false
            }
            Bound::Ahead(length) => {
                let mut timer = Timer::new(*length);
                let is_due = timer.is_due(waker);
                bound.0 = Bound::Timed(timer);
                is_due
            }
            Bound::Registered { due_ms } => moment::now_ms() >= *due_ms,
            Bound::Timed(timer) => timer.is_due(waker),
        }
    }

    /// Waits until bytes may be taken after some were not, or the connection has failed.
    ///
    /// # Errors
    /// When the kernel refuses the wait.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|cx| self.registration.poll(self.fd(), Side::Write, cx.waker()))
    }

    /// The same, but never at once: all others of the shard have their turn before.
    ///
    /// # Errors
    /// When the kernel refuses the wait.
    pub async fn writable_in_turn(&self) -> io::Result<()> {
        self.registration.ask_again(self.fd())?;
        self.writable().await
    }

    /// Appends what can be read now to `buffer`, at most `max` bytes and never more than it has room for.
    /// `Ok(None)` when nothing is there yet, `Ok(Some(0))` at the end of the stream.
    ///
    /// # Errors
    /// The socket's error, such as a reset.
    pub fn read_now(&self, buffer: &mut Vec<u8>, max: usize) -> io::Result<Option<usize>> {
        let max = max.min(buffer.capacity() - buffer.len());
        debug_assert!(max > 0, "a read needs room");
        loop {
            match sys::socket::receive(self.fd(), buffer, max) {
                Ok(n) => {
                    if 0 < n && n < max {
                        self.registration.note_short_read();
                    }
                    moment::passes(n);
                    return Ok(Some(n));
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    self.registration.note_drained();
                    return Ok(None);
                }
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
            self.readable_within(timeout).await?;
            if let Some(n) = self.read_now(buffer, max)? {
                return Ok(n);
            }
        }
    }

    /// Resolves when the other side has gone, and never when it sends: its bytes stay unread.
    pub async fn gone(&self) {
        while self.readable().await.is_ok() {
            match self.peek() {
                Ok(None) => {}
                Ok(Some(1..)) => std::future::pending::<()>().await,
                Ok(Some(0)) | Err(_) => return,
            }
        }
    }

    /// Whether an idle connection is so no more: something came, or its end. If not, `waker` is woken when it may be.
    pub fn is_disturbed(&self, waker: &Waker) -> bool {
        self.is_disturbed_unless(waker, || self.is_quiet())
    }

    /// The same for what knows better whether that which came is a disturbance.
    pub fn is_disturbed_unless(&self, waker: &Waker, is_quiet: impl Fn() -> bool) -> bool {
        loop {
            match self.poll_readable(waker) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) if is_quiet() => {}
                Poll::Ready(_) => return true,
            }
        }
    }

    fn peek(&self) -> io::Result<Option<usize>> {
        let mut byte = [0u8; 1];
        match rustix::net::recv(self.fd(), &mut byte[..], RecvFlags::DONTWAIT | RecvFlags::PEEK) {
            Ok((_, n)) => Ok(Some(n)),
            Err(rustix::io::Errno::AGAIN) => {
                self.registration.note_drained();
                Ok(None)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether an idle connection is still usable: nothing to read, no end, no error.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        matches!(self.peek(), Ok(None))
    }

    /// The same as far as has been noticed, without a call.
    #[must_use]
    pub fn seems_quiet(&self) -> bool {
        match self.registration.can_read() {
            Some(false) => true,
            Some(true) | None => self.is_quiet(),
        }
    }

    /// Whether the other side has closed its socket, and not only the half that it sends by. Asked of the kernel.
    #[must_use]
    pub fn has_hung_up(&self) -> bool {
        let mut polled = [PollFd::from_borrowed_fd(self.fd(), PollFlags::empty())];
        let asked = rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        asked.is_err() || polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    /// Writes what the socket takes now; 0 when it takes nothing.
    ///
    /// # Errors
    /// The socket's error.
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::net::send(self.fd(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(n) => {
                    if n < bytes.len() {
                        self.registration.note_full();
                    }
                    return Ok(n);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    self.registration.note_full();
                    return Ok(0);
                }
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
        if sent == parts.iter().map(|part| part.len()).sum::<usize>() {
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
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        match (filled.next(), filled.next()) {
            (None, _) => Ok(0),
            (Some(only), None) => self.write_now(only),
            (Some(_), Some(_)) => self.write_several_now(parts),
        }
    }

    /// Out of the way of a head that goes alone.
    #[inline(never)]
    fn write_several_now(&self, parts: &[&[u8]]) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); WRITE_PARTS_MAX];
        let (mut count, mut bytes) = (0, 0);
        for part in parts.iter().filter(|part| !part.is_empty()).take(WRITE_PARTS_MAX) {
            slices[count] = IoSlice::new(part);
            count += 1;
            bytes += part.len();
        }
        let given = &slices[..count];
        if bytes > JOINED_BYTES_MAX {
            return self.send_slices(given);
        }
        JOINED.with_borrow_mut(|joined| {
            joined.clear();
            given.iter().for_each(|part| joined.extend_from_slice(part));
            self.write_now(joined)
        })
    }

    fn send_slices(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut control = SendAncillaryBuffer::default();
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = match rustix::net::sendmsg(self.fd(), slices, &mut control, flags) {
            Ok(n) => n,
            Err(rustix::io::Errno::INTR) => return Ok(0),
            Err(rustix::io::Errno::AGAIN) => 0,
            Err(errno) => return Err(errno.into()),
        };
        if sent < slices.iter().map(|slice| slice.len()).sum() {
            self.registration.note_full();
        }
        Ok(sent)
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
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(FILE_STEP_BYTES);
            match rustix::fs::sendfile(self.fd(), file, Some(&mut offset), step) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    moment::passes(n);
                    *written += n as u64;
                    left -= n as u64;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    self.registration.note_full();
                    within(timeout, pin!(self.writable())).await?;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Waits until at least one byte of `bytes` could be written.
    async fn room(&self, bytes: &[u8], written: &mut u64) -> io::Result<usize> {
        loop {
            self.writable().await?;
            let n = self.write_now(bytes)?;
            if n > 0 {
                *written += n as u64;
                return Ok(n);
            }
        }
    }

    /// Waits until a connection that was begun stands.
    ///
    /// # Errors
    /// Why it could not be made.
    pub(super) async fn connected(&self) -> io::Result<()> {
        self.writable().await?;
        match rustix::net::sockopt::socket_error(self.fd())? {
            Ok(()) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sends a FIN after what was written.
    ///
    /// # Errors
    /// `ENOTCONN` when the other side is gone already.
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.fd(), Shutdown::Write)?)
    }

    /// Ends the connection so that whoever waits on it sees its end.
    pub fn shutdown_both(&self) {
        // ENOTCONN: it has ended already, which is what was wanted.
        let _ = rustix::net::shutdown(self.fd(), Shutdown::Both);
    }

    /// Turns Nagle's algorithm off, which is of use before a write that follows another one.
    pub fn set_nodelay(&self) {
        sys::socket::set_nodelay(self.fd());
    }

    /// What the kernel knows of a TCP connection.
    #[must_use]
    pub fn tcp_info(&self) -> Option<sys::socket::TcpInfo> {
        sys::socket::tcp_info(self.fd()).ok()
    }

    /// The address the client connected to.
    ///
    /// # Errors
    /// The system's.
    pub fn local_address(&self) -> io::Result<socket2::SockAddr> {
        socket2::SockRef::from(&self.fd()).local_addr()
    }
}
