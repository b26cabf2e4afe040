//! A connection that carries messages: a socket as it is, or TLS over one. Exchanges read and write this and see no
//! difference; a plain connection pays one branch for it.

mod secured;

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::task::{Poll, Waker};
use std::time::Duration;

pub use secured::{Purpose, Secured, TlsState};

use crate::net::stream::{ReadBound, Stream};
use crate::net::timer::TimedOut;
use crate::sys::socket::TcpInfo;
use crate::upstream::idle::Rests;

/// One connection of a shard.
pub enum Transport {
    Plain(Stream),
    Tls(Box<Secured>),
}

impl Transport {
    /// The socket under it.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(secured) => secured.stream(),
        }
    }

    /// Whether a connection to a peer is what is wanted: plain, or made for this.
    #[must_use]
    pub fn serves(&self, wanted: Option<&Purpose>) -> bool {
        match self {
            Self::Plain(_) => wanted.is_none(),
            Self::Tls(secured) => wanted.is_some() && secured.purpose() == wanted,
        }
    }

    /// What is known of its TLS; `None` for a plain one.
    #[must_use]
    pub fn secured(&self) -> Option<&Secured> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(secured) => Some(secured),
        }
    }

    /// Waits until bytes, an end or an error can be read. It may be a part of a TLS record: then a read finds nothing.
    ///
    /// # Errors
    /// When the kernel refuses the wait.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|cx| self.poll_readable(cx.waker()))
    }

    /// The same, for so long at most. Zero is no bound.
    ///
    /// # Errors
    /// When the kernel refuses the wait, or `TimedOut`.
    pub fn readable_within(&self, timeout: Duration) -> impl Future<Output = io::Result<()>> {
        let mut bound = ReadBound::new(timeout);
        poll_fn(move |cx| match self.poll_readable(cx.waker()) {
            Poll::Pending if self.stream().is_overdue(&mut bound, cx.waker()) => Poll::Ready(Err(TimedOut.into())),
            polled => polled,
        })
    }

    fn poll_readable(&self, waker: &Waker) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_readable(waker),
            Self::Tls(secured) => secured.poll_readable(waker),
        }
    }

    /// Waits until bytes may be taken, or the connection has failed.
    ///
    /// # Errors
    /// When the kernel refuses the wait.
    pub async fn writable(&self) -> io::Result<()> {
        self.stream().writable().await
    }

    /// As [`Stream::read_now`].
    ///
    /// # Errors
    /// The socket's error; `UnexpectedEof` when TLS ends without `close_notify`, `InvalidData` when its protocol is broken.
    pub fn read_now(&self, buffer: &mut Vec<u8>, max: usize) -> io::Result<Option<usize>> {
        match self {
            Self::Plain(stream) => stream.read_now(buffer, max),
            Self::Tls(secured) => secured.read_now(buffer, max),
        }
    }

    /// As [`Stream::read`].
    ///
    /// # Errors
    /// As [`Transport::read_now`], or `TimedOut` when nothing came for `timeout`.
    pub async fn read(&self, buffer: &mut Vec<u8>, max: usize, timeout: Duration) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer, max, timeout).await,
            Self::Tls(secured) => Box::pin(secured.read(buffer, max, timeout)).await,
        }
    }

    /// Resolves when the other side has gone, and never when it sends: its bytes stay unread.
    pub async fn gone(&self) {
        match self {
            Self::Plain(stream) => stream.gone().await,
            Self::Tls(secured) => secured.gone().await,
        }
    }

    /// Whether an idle connection is still usable: nothing to read, no end, no error.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_quiet(),
            Self::Tls(secured) => secured.is_quiet(),
        }
    }

    /// The same as far as has been noticed: seldom worth a call.
    #[must_use]
    pub fn seems_quiet(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.seems_quiet(),
            Self::Tls(secured) => secured.is_quiet(),
        }
    }

    /// Whether the begin of something has come that cannot be read before its rest is here.
    #[must_use]
    pub fn is_within_record(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(secured) => secured.is_within_record(),
        }
    }

    /// Writes what can be written now; 0 when that is nothing. Bytes that were not written are to be given again before any
    /// others: TLS may have encrypted them already.
    ///
    /// # Errors
    /// As [`Transport::read_now`].
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write_now(bytes),
            Self::Tls(secured) => secured.write_now(bytes),
        }
    }

    /// As [`Stream::write_all`].
    ///
    /// # Errors
    /// The socket's error, or `TimedOut` when the other side took nothing for `timeout`.
    pub async fn write_all(&self, bytes: &[u8], timeout: Duration, written: &mut u64) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes, timeout, written).await,
            Self::Tls(secured) => Box::pin(secured.write_all(bytes, timeout, written)).await,
        }
    }

    /// As [`Stream::write_parts`].
    ///
    /// # Errors
    /// As [`Transport::write_all`].
    pub async fn write_parts(&self, parts: &[&[u8]], timeout: Duration, written: &mut u64) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_parts(parts, timeout, written).await,
            Self::Tls(secured) => secured.write_parts(parts, timeout, written).await,
        }
    }

    /// As [`Stream::write_parts_now`].
    ///
    /// # Errors
    /// As [`Transport::write_now`].
    pub fn write_parts_now(&self, parts: &[&[u8]]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write_parts_now(parts),
            Self::Tls(secured) => secured.write_parts_now(parts),
        }
    }

    /// As [`Stream::write_file`]; TLS has to read what it encrypts.
    ///
    /// # Errors
    /// As [`Transport::write_all`]; `UnexpectedEof` when the file ends before its part does.
    pub async fn write_file(
        &self,
        file: &File,
        offset: u64,
        length: u64,
        timeout: Duration,
        written: &mut u64,
    ) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_file(file, offset, length, timeout, written).await,
            Self::Tls(secured) => Box::pin(secured.write_file(file, offset, length, timeout, written)).await,
        }
    }

    /// What was sent is not whole, so that its end must not be said: with TLS the other side can tell (RFC 9112 9.8).
    pub fn cut(&self) {
        if let Self::Tls(secured) = self {
            secured.cut();
        }
    }

    /// Says that nothing follows: `close_notify`, where there is TLS, and a FIN.
    ///
    /// # Errors
    /// `ENOTCONN` when the other side is gone already.
    pub fn shutdown_write(&self) -> io::Result<()> {
        if let Self::Tls(secured) = self {
            secured.say_goodbye();
        }
        self.stream().shutdown_write()
    }

    /// Ends the connection so that whoever waits on it sees its end; with TLS the other side is told before.
    pub fn end(&self) {
        if let Self::Tls(secured) = self {
            secured.say_goodbye();
        }
        self.stream().shutdown_both();
    }

    /// What the kernel knows of a TCP connection.
    #[must_use]
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        self.stream().tcp_info()
    }

    /// As [`Transport::read`], from the socket as it is: for bytes that nobody wants to know.
    ///
    /// # Errors
    /// The socket's error, or `TimedOut`.
    pub async fn read_raw(&self, buffer: &mut Vec<u8>, timeout: Duration) -> io::Result<usize> {
        self.stream().read(buffer, usize::MAX, timeout).await
    }
}

impl Rests for Transport {
    fn is_disturbed(&self, waker: &Waker) -> bool {
        match self {
            Self::Plain(stream) => stream.is_disturbed(waker),
            Self::Tls(secured) => secured.is_disturbed(waker),
        }
    }
}
