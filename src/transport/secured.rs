//! TLS over a socket. Ciphertext goes through buffers of the shard; a connection that waits keeps at most what came in
//! part and what could not be sent.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::limits::{TLS_READ_BYTES, TLS_SCRATCH_BYTES_MAX, TLS_WRITE_BYTES};
use crate::model::TlsPeerId;
use crate::net::stream::Stream;
use crate::net::timer::within;
use crate::net::{buffer, moment};
use crate::tls::{Broken, Link};

thread_local! {
    /// Ciphertext that has come, and that is to be sent.
    static INCOMING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTGOING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// Pieces of a message that become one record.
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends an empty buffer of the shard.
fn lent<T>(buffer: &'static std::thread::LocalKey<RefCell<Vec<u8>>>, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut bytes = buffer.take();
    bytes.clear();
    let done = work(&mut bytes);
    if bytes.capacity() <= TLS_SCRATCH_BYTES_MAX {
        buffer.set(bytes);
    }
    done
}

/// A TLS connection without its socket: all that is kept of it while it rests.
#[derive(Debug)]
pub struct TlsState {
    pub link: Link,
    /// Plain bytes that found no room where they were wanted.
    plain: Vec<u8>,
    /// Ciphertext that the socket did not take.
    outgoing: Vec<u8>,
    /// How many plain bytes that ciphertext stands for whose writer was told that they were not written.
    promised: usize,
    /// The socket has ended.
    has_ended: bool,
}

impl TlsState {
    #[must_use]
    pub fn new(link: Link) -> Self {
        Self { link, plain: Vec::new(), outgoing: Vec::new(), promised: 0, has_ended: false }
    }

    fn has_something(&self) -> bool {
        !self.plain.is_empty() || self.has_ended || self.link.is_closed()
    }

    /// Appends what is kept to `buffer`, which has room for `room` bytes.
    fn give(&mut self, buffer: &mut Vec<u8>, room: usize) -> usize {
        let n = room.min(self.plain.len());
        buffer.extend_from_slice(&self.plain[..n]);
        if n == self.plain.len() {
            self.plain = Vec::new();
        } else {
            self.plain.drain(..n);
        }
        n
    }

    /// Sends what waits; whether nothing waits any more.
    fn flush(&mut self, stream: &Stream) -> io::Result<bool> {
        while !self.outgoing.is_empty() {
            let n = stream.write_now(&self.outgoing)?;
            if n == 0 {
                return Ok(false);
            }
            self.outgoing.drain(..n);
        }
        self.outgoing = Vec::new();
        Ok(true)
    }

    /// Sends `bytes`, or keeps what the socket does not take.
    fn send(&mut self, stream: &Stream, bytes: &[u8]) -> io::Result<bool> {
        if !self.flush(stream)? {
            self.outgoing.extend_from_slice(bytes);
            return Ok(false);
        }
        let sent = stream.write_now(bytes)?;
        self.outgoing.extend_from_slice(&bytes[sent..]);
        Ok(self.outgoing.is_empty())
    }

    /// Reads ciphertext, once. `None` when nothing is there.
    fn pull(&mut self, stream: &Stream, buffer: Option<(&mut Vec<u8>, usize)>) -> io::Result<Option<()>> {
        lent(&INCOMING, |incoming| {
            self.link.begin(incoming);
            incoming.reserve(TLS_READ_BYTES);
            let read = stream.read_now(incoming, TLS_READ_BYTES);
            match read {
                Ok(Some(0)) => self.has_ended = true,
                Ok(_) => {}
                Err(error) => {
                    self.has_ended = true;
                    return Err(error);
                }
            }
            // What was kept has to go back, whether something came behind it or not.
            self.take(stream, incoming, buffer)?;
            Ok(read?.map(drop))
        })
    }

    /// Takes ciphertext; what it says goes to `buffer` as far as that has room.
    fn take(
        &mut self,
        stream: &Stream,
        incoming: &mut Vec<u8>,
        buffer: Option<(&mut Vec<u8>, usize)>,
    ) -> io::Result<()> {
        let mut none = Vec::new();
        let (buffer, mut room) = buffer.unwrap_or((&mut none, 0));
        lent(&OUTGOING, |outgoing| {
            let kept = &mut self.plain;
            let plain = |bytes: &[u8]| {
                let direct = if kept.is_empty() { room.min(bytes.len()) } else { 0 };
                buffer.extend_from_slice(&bytes[..direct]);
                kept.extend_from_slice(&bytes[direct..]);
                room -= direct;
            };
            let taken = self.link.take(incoming, plain, outgoing);
            if !outgoing.is_empty() {
                // What cannot be told any more does not matter: the next read says why.
                let _ = self.send(stream, outgoing);
            }
            taken.map(drop).map_err(broken)
        })
    }
}

/// A connection whose protocol is broken, for those who know sockets alone.
fn broken(error: Broken) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// What a connection to a peer was made for: it serves nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    pub settings: TlsPeerId,
    /// The name that the peer is known by.
    pub name: Box<str>,
}

/// A socket with TLS.
pub struct Secured {
    stream: Stream,
    /// `None` for those of clients.
    purpose: Option<Box<Purpose>>,
    /// `None` once it was taken away.
    state: RefCell<Option<Box<TlsState>>>,
    /// What was sent is not whole.
    is_cut: Cell<bool>,
}

impl Secured {
    #[must_use]
    pub fn new(stream: Stream, state: Box<TlsState>) -> Self {
        Self { stream, purpose: None, state: RefCell::new(Some(state)), is_cut: Cell::new(false) }
    }

    /// A connection to a peer.
    #[must_use]
    pub fn to_peer(stream: Stream, state: Box<TlsState>, purpose: Purpose) -> Self {
        Self { stream, purpose: Some(Box::new(purpose)), state: RefCell::new(Some(state)), is_cut: Cell::new(false) }
    }

    pub(super) fn purpose(&self) -> Option<&Purpose> {
        self.purpose.as_deref()
    }

    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Takes the state away, for whoever goes on with the connection over another descriptor: here nothing more can be
    /// said.
    pub fn take_state(&self) -> Option<Box<TlsState>> {
        self.state.take()
    }

    /// Looks at what is known of the connection.
    pub fn look<T>(&self, look: impl FnOnce(&Link) -> T) -> Option<T> {
        self.state.borrow().as_ref().map(|state| look(&state.link))
    }

    fn with<T>(&self, work: impl FnOnce(&mut TlsState, &Stream) -> io::Result<T>) -> io::Result<T> {
        match self.state.borrow_mut().as_mut() {
            Some(state) => work(state, &self.stream),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Shakes hands. `came` is ciphertext that was read before.
    ///
    /// # Errors
    /// As [`Secured::read_now`]; the other side has been told why.
    pub async fn shake_hands(&self, mut came: Vec<u8>) -> io::Result<()> {
        self.with(|state, stream| state.take(stream, &mut came, None))?;
        loop {
            self.flush_all().await?;
            if self.with(|state, _| Ok(!state.link.is_handshaking()))? {
                return Ok(());
            }
            if self.with(|state, stream| state.pull(stream, None))?.is_none() {
                self.stream.readable().await?;
            } else if self.with(|state, _| Ok(state.has_ended))? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends what waits to be sent.
    async fn flush_all(&self) -> io::Result<()> {
        while !self.with(|state, stream| state.flush(stream))? {
            self.stream.writable().await?;
        }
        Ok(())
    }

    pub(super) fn poll_readable(&self, waker: &Waker) -> Poll<io::Result<()>> {
        if self.with(|state, _| Ok(state.has_something()))? {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_readable(waker)
    }

    pub(super) fn read_now(&self, buffer: &mut Vec<u8>, max: usize) -> io::Result<Option<usize>> {
        let before = buffer.len();
        let room = max.min(buffer.capacity() - before);
        debug_assert!(room > 0, "a read needs room");
        self.with(|state, stream| {
            loop {
                if !state.plain.is_empty() {
                    state.give(buffer, room);
                } else if state.link.is_closed() {
                    return Ok(Some(0));
                } else if state.has_ended {
                    // Nobody has said that this is the end: it may be a cut.
                    return Err(io::ErrorKind::UnexpectedEof.into());
                } else if state.pull(stream, Some((&mut *buffer, room)))?.is_none() {
                    return Ok(None);
                }
                if buffer.len() > before {
                    moment::passes(buffer.len() - before);
                    return Ok(Some(buffer.len() - before));
                }
            }
        })
    }

    pub(super) async fn read(&self, buffer: &mut Vec<u8>, max: usize, timeout: Duration) -> io::Result<usize> {
        loop {
            within(timeout, pin!(poll_fn(|cx| self.poll_readable(cx.waker())))).await?;
            if let Some(n) = self.read_now(buffer, max)? {
                return Ok(n);
            }
        }
    }

    /// What has come while nobody reads: `None` if nothing that matters.
    fn noticed(&self) -> Option<Noticed> {
        let noticed = self.with(|state, stream| {
            loop {
                if !state.plain.is_empty() {
                    return Ok(Some(Noticed::Bytes));
                }
                if state.has_something() {
                    return Ok(Some(Noticed::End));
                }
                if state.pull(stream, None)?.is_none() {
                    return Ok(None);
                }
            }
        });
        noticed.unwrap_or(Some(Noticed::End))
    }

    pub(super) async fn gone(&self) {
        loop {
            match self.noticed() {
                Some(Noticed::End) => return,
                Some(Noticed::Bytes) => std::future::pending::<()>().await,
                None if self.stream.readable().await.is_err() => return,
                None => {}
            }
        }
    }

    pub(super) fn is_disturbed(&self, waker: &Waker) -> bool {
        // What was read together with the end of an answer makes no edge.
        !self.is_quiet() || self.stream.is_disturbed_unless(waker, || self.is_quiet())
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.noticed().is_none()
    }

    pub(super) fn is_within_record(&self) -> bool {
        self.state.borrow().as_ref().is_some_and(|state| state.link.is_within_record())
    }

    /// What could not be sent was told to be unwritten, since only what the socket has is on its way. Given again, it is
    /// found to be encrypted already.
    pub(super) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|state, stream| {
            if !state.flush(stream)? {
                return Ok(0);
            }
            if state.promised > 0 {
                let n = state.promised.min(bytes.len());
                state.promised -= n;
                return Ok(n);
            }
            let bytes = &bytes[..bytes.len().min(TLS_WRITE_BYTES)];
            let is_sent = lent(&OUTGOING, |outgoing| {
                state.link.encrypt(bytes, outgoing).map_err(broken)?;
                state.send(stream, outgoing)
            })?;
            moment::passes(bytes.len());
            if is_sent {
                return Ok(bytes.len());
            }
            state.promised = bytes.len();
            Ok(0)
        })
    }

    pub(super) async fn write_all(&self, mut bytes: &[u8], timeout: Duration, written: &mut u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = match self.write_now(bytes)? {
                0 => within(timeout, pin!(self.some_room(bytes))).await?,
                n => n,
            };
            *written += n as u64;
            bytes = &bytes[n..];
        }
        Ok(())
    }

    /// Waits until more ciphertext has left; how many of `bytes` are out with it.
    async fn some_room(&self, bytes: &[u8]) -> io::Result<usize> {
        let waiting = || self.with(|state, _| Ok(state.outgoing.len()));
        let before = waiting()?;
        loop {
            self.stream.writable().await?;
            let n = self.write_now(bytes)?;
            if n > 0 || waiting()? < before {
                return Ok(n);
            }
        }
    }

    pub(super) fn write_parts_now(&self, parts: &[&[u8]]) -> io::Result<usize> {
        lent(&JOINED, |joined| {
            for part in parts {
                let room = TLS_WRITE_BYTES - joined.len();
                joined.extend_from_slice(&part[..part.len().min(room)]);
            }
            if joined.is_empty() { Ok(0) } else { self.write_now(joined) }
        })
    }

    pub(super) async fn write_parts(&self, parts: &[&[u8]], timeout: Duration, written: &mut u64) -> io::Result<()> {
        let mut skipped = self.write_parts_now(parts)?;
        *written += skipped as u64;
        for part in parts {
            let here = skipped.min(part.len());
            skipped -= here;
            if here < part.len() {
                Box::pin(self.write_all(&part[here..], timeout, written)).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn write_file(
        &self,
        file: &File,
        offset: u64,
        length: u64,
        timeout: Duration,
        written: &mut u64,
    ) -> io::Result<()> {
        let (mut offset, end) = (offset, offset + length);
        let mut piece = buffer::take();
        while offset < end {
            let step = usize::try_from(end - offset).unwrap_or(usize::MAX).min(piece.capacity());
            piece.resize(step, 0);
            match file.read_at(&mut piece[..step], offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => {
                    self.write_all(&piece[..n], timeout, written).await?;
                    offset += n as u64;
                }
            }
        }
        Ok(())
    }

    pub(super) fn cut(&self) {
        self.is_cut.set(true);
    }

    /// Says that nothing follows, if there is room to say it.
    pub(super) fn say_goodbye(&self) {
        if self.is_cut.get() {
            return;
        }
        let said = self.with(|state, stream| {
            lent(&OUTGOING, |outgoing| {
                state.link.close(outgoing);
                if outgoing.is_empty() { Ok(true) } else { state.send(stream, outgoing) }
            })
        });
        // Whoever does not take it finds the end of the connection instead.
        let _ = said;
    }
}

/// What was noticed of a connection that nobody reads.
enum Noticed {
    Bytes,
    End,
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}
