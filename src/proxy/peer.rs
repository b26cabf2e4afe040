//! A connection to a peer, fresh or kept from an earlier exchange, and the body that is sent on it while its answer
//! is awaited.

use std::cell::Cell;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::body::{Body, BodyError};
use super::failure::{Cause, Failure, Phase};
use super::spool::Spool;
use crate::http::chunked;
use crate::http::framing::BodyLength;
use crate::model::Proxy;
use crate::net::buffer;
use crate::net::moment;
use crate::net::turn::Turn;
use crate::transport::Transport;
use crate::upstream::Lease;
use crate::upstream::idle::Age;

/// A connection that may carry an exchange: boxed where it is made, since it passes through many hands.
pub struct PeerConnection {
    pub stream: Transport,
    /// Bytes read and not yet used.
    pub raw: Vec<u8>,
    pub age: Age,
    /// Bytes of the request that went out as the connection was made.
    pub written: usize,
    /// Counts it at its peer.
    pub lease: Lease,
}

impl PeerConnection {
    /// A connection that was just made.
    #[must_use]
    pub fn fresh(stream: Transport, written: usize, lease: Lease) -> Box<Self> {
        Box::new(Self { stream, raw: Vec::new(), age: Age { opened: moment::now(), requests: 0 }, written, lease })
    }

    /// Whether it carried an exchange before this one, so that the peer may have closed it meanwhile.
    #[must_use]
    pub fn was_reused(&self) -> bool {
        self.age.requests > 0
    }
}

/// What of a request is written first: the head, and the part of the body that is here.
pub struct Opening<'o> {
    pub parts: [&'o [u8]; 4],
    is_chunked: bool,
}

impl<'o> Opening<'o> {
    /// `size` takes that of the first chunk.
    #[must_use]
    pub fn new(head: &'o [u8], first: &'o [u8], length: BodyLength, size: &'o mut Vec<u8>) -> Self {
        let is_chunked = length == BodyLength::Chunked;
        if is_chunked && !first.is_empty() {
            chunked::chunk_head(first.len(), size);
            return Self { parts: [head, size, first, b"\r\n"], is_chunked };
        }
        Self { parts: [head, b"", first, b""], is_chunked }
    }

    fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }
}

/// A request on its way to a peer: what is here of it, and the part of the body that is still to come.
pub struct Upload<'u> {
    pub opening: &'u Opening<'u>,
    pub file: Option<&'u Spool>,
    /// The client's side, when not all of the body has been read.
    pub rest: Option<Rest<'u>>,
}

/// Where the rest of a request's body comes from.
pub struct Rest<'u> {
    pub body: &'u mut Body,
    pub client: &'u Transport,
    pub raw: &'u mut Vec<u8>,
    pub timeout: Duration,
    /// `client_max_body_size`, 0 for no limit, and what of it was used.
    pub max_bytes: u64,
    pub used_bytes: u64,
    /// `$request_length`.
    pub received: &'u Cell<u64>,
}

impl<'u> Upload<'u> {
    /// Sends what the peer takes at once, which mostly is all of it; the rest goes on beside the wait for the answer.
    /// `written` of it are out already.
    #[must_use]
    pub fn begin(self, written: usize, peer: &'u Transport, proxy: &'u Proxy, sent: &'u Cell<u64>) -> Sending<'u> {
        let begun = if written > 0 { Ok(written) } else { peer.write_parts_now(&self.opening.parts) };
        match begun {
            Ok(written) => {
                sent.set(sent.get() + written as u64);
                if written == self.opening.bytes() && self.file.is_none() && self.rest.is_none() {
                    return Sending::over();
                }
                self.later(written, peer, proxy, sent)
            }
            Err(error) => Sending::failed(error),
        }
    }

    /// What the peer does not take at once.
    #[inline(never)]
    fn later(self, written: usize, peer: &'u Transport, proxy: &'u Proxy, sent: &'u Cell<u64>) -> Sending<'u> {
        Sending::going_on(Box::pin(self.go_on(written, peer, proxy, sent)))
    }

    /// Sends the rest when so many bytes are out.
    async fn go_on(self, mut written: usize, peer: &Transport, proxy: &Proxy, sent: &Cell<u64>) -> Result<(), Failure> {
        // No later write waits until those before it are acknowledged.
        peer.stream().set_nodelay();
        for part in self.opening.parts {
            let skipped = written.min(part.len());
            written -= skipped;
            if skipped < part.len() {
                send_piece(&part[skipped..], peer, proxy, sent).await?;
            }
        }
        if let Some(file) = self.file {
            Box::pin(send_file(file, peer, proxy, sent)).await?;
        }
        if let Some(rest) = self.rest {
            Box::pin(rest.send(peer, proxy, sent, self.opening.is_chunked)).await?;
        }
        Ok(())
    }
}

async fn send_piece(piece: &[u8], peer: &Transport, proxy: &Proxy, sent: &Cell<u64>) -> Result<(), Failure> {
    let mut written = 0;
    let result = peer.write_all(piece, proxy.send_timeout, &mut written).await;
    sent.set(sent.get() + written);
    result.map_err(|error| Failure::upstream(Phase::SendingRequest, "send()", error))
}

/// Sends a body that a file holds; its length was announced.
async fn send_file(file: &Spool, peer: &Transport, proxy: &Proxy, sent: &Cell<u64>) -> Result<(), Failure> {
    let mut piece = buffer::take();
    let (mut at, mut turn) = (0, Turn::default());
    while at < file.len() {
        turn.note(at, peer.stream()).await;
        piece.clear();
        let own = |error| Failure::new(Phase::SendingRequest, Cause::Own("pread()", error));
        match file.read_at(at, &mut piece).map_err(own)? {
            0 => return Err(own(io::ErrorKind::UnexpectedEof.into())),
            n => at += n as u64,
        }
        send_piece(&piece, peer, proxy, sent).await?;
    }
    Ok(())
}

impl Rest<'_> {
    async fn send(
        mut self,
        peer: &Transport,
        proxy: &Proxy,
        sent: &Cell<u64>,
        is_chunked: bool,
    ) -> Result<(), Failure> {
        let lost = |error| Failure::upstream(Phase::SendingRequest, "send()", error);
        let mut piece = buffer::take();
        while self.next(&mut piece).await? {
            let mut written = 0;
            let mut size = Vec::new();
            let mut parts: [&[u8]; 4] = [b"", &piece, b"", b""];
            let is_last = self.body.is_done();
            if is_chunked {
                chunked::chunk_head(piece.len(), &mut size);
                parts = [&size, &piece, b"\r\n", if is_last { chunked::LAST_CHUNK } else { b"" }];
            }
            let result = peer.write_parts(&parts, proxy.send_timeout, &mut written).await;
            sent.set(sent.get() + written);
            result.map_err(lost)?;
            if is_last {
                return Ok(());
            }
        }
        if is_chunked {
            send_piece(chunked::LAST_CHUNK, peer, proxy, sent).await?;
        }
        Ok(())
    }

    async fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Failure> {
        piece.clear();
        let any = self.body.next(self.client, self.raw, piece, self.timeout).await.map_err(of_client)?;
        self.received.set(self.received.get() + piece.len() as u64);
        self.used_bytes += piece.len() as u64;
        if self.max_bytes > 0 && self.used_bytes > self.max_bytes {
            return Err(Failure::new(Phase::ReadingRequestBody, Cause::BodyTooLarge(None)));
        }
        Ok(any)
    }
}

/// A request's body that cannot be read on.
#[must_use]
pub fn of_client(error: BodyError) -> Failure {
    match error {
        BodyError::Io(error) => Failure::client(Phase::ReadingRequestBody, "recv()", error),
        BodyError::Malformed(words) => Failure::new(Phase::ReadingRequestBody, Cause::BodyMalformed(words)),
    }
}

/// An answer's body that cannot be read on.
#[must_use]
pub fn of_peer(error: BodyError) -> Failure {
    match error {
        BodyError::Io(error) => Failure::upstream(Phase::ReadingResponse, "recv()", error),
        BodyError::Malformed(_) => {
            Failure::new(Phase::ReadingResponse, Cause::UpstreamMalformed("invalid chunked response"))
        }
    }
}

/// What is left of an upload. Boxed, since mostly that is nothing.
type Left<'f> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'f>>;

/// An upload that may go on while something else is awaited.
pub struct Sending<'f> {
    left: Option<Left<'f>>,
    is_complete: bool,
    has_answer: bool,
}

impl<'f> Sending<'f> {
    fn over() -> Self {
        Self { left: None, is_complete: true, has_answer: false }
    }

    #[cold]
    fn failed(error: io::Error) -> Self {
        let failure = Failure::upstream(Phase::SendingRequest, "send()", error);
        Self::going_on(Box::pin(ready(Err(failure))))
    }

    fn going_on(left: Left<'f>) -> Self {
        Self { left: Some(left), is_complete: false, has_answer: false }
    }

    /// The peer has answered: what it does not take of the request any more is no failure.
    pub fn note_answer(&mut self) {
        self.has_answer = true;
    }

    /// Whether all of the request is out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Runs `doing` to its end, and the upload beside it. A failure of the client's side ends both, and a peer that
    /// takes nothing for too long before it answers. One that has closed may have answered before, so that failure
    /// counts only if `doing` fails too.
    ///
    /// # Errors
    /// Those of `doing`, or the client's.
    pub async fn beside<T>(
        &mut self,
        mut doing: Pin<&mut impl Future<Output = Result<T, Failure>>>,
    ) -> Result<T, Failure> {
        poll_fn(|cx| {
            if let Some(left) = &mut self.left
                && let Poll::Ready(ended) = left.as_mut().poll(cx)
            {
                self.left = None;
                self.is_complete = ended.is_ok();
                let gives_up = |failure: &Failure| {
                    !failure.is_of_peer() || (!self.has_answer && matches!(failure.cause(), Cause::UpstreamTimedOut))
                };
                if let Err(failure) = ended
                    && gives_up(&failure)
                {
                    return Poll::Ready(Err(failure));
                }
            }
            doing.as_mut().poll(cx)
        })
        .await
    }
}

/// Waits for bytes of the peer. Only when they take their time is the client watched as well: a client that has gone ends
/// the wait.
///
/// # Errors
/// `ClientGone`, or the peer's failure.
pub async fn answer_or_client_gone(
    peer: &Transport,
    client: &Transport,
    phase: Phase,
    watch_after: Option<Duration>,
    timeout: Duration,
) -> Result<(), Failure> {
    let failed = |error| Failure::upstream(phase, "recv()", error);
    let Some(watch_after) = watch_after.filter(|after| *after < timeout) else {
        return peer.readable_within(timeout).await.map_err(failed);
    };
    if !watch_after.is_zero() {
        match peer.readable_within(watch_after).await {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            result => return result.map_err(failed),
        }
    }
    // Seldom, so it has its own room.
    let waits = async {
        let mut gone = pin!(client.gone());
        let mut readable = pin!(peer.readable_within(timeout - watch_after));
        poll_fn(|cx| {
            if let Poll::Ready(result) = readable.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(failed));
            }
            gone.as_mut().poll(cx).map(|()| Err(Failure::new(phase, Cause::ClientGone)))
        })
        .await
    };
    Box::pin(waits).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::Stream;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    /// An upload of which `written` bytes went out before: whether the socket then holds back what follows, and all that
    /// arrived.
    fn upload(first: &[u8], written: usize) -> (bool, Vec<u8>) {
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().enable_timer().build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        near.set_nonblocking(true).unwrap();
        let also_near = near.try_clone().unwrap();
        let mut far = listener.accept().unwrap().0;
        let reader = std::thread::spawn(move || {
            let mut came = Vec::new();
            far.read_to_end(&mut came).map(|_| came)
        });
        runtime.block_on(async {
            let peer = Transport::Plain(Stream::from_fd(near.into()));
            let (proxy, sent) = (Proxy { send_timeout: Duration::from_secs(60), ..Proxy::default() }, Cell::new(0));
            let mut size = Vec::new();
            let opening = Opening::new(b"HEAD", first, BodyLength::Length(first.len() as u64), &mut size);
            let sending = Upload { opening: &opening, file: None, rest: None }.begin(written, &peer, &proxy, &sent);
            if let Some(left) = sending.left {
                left.await.unwrap();
            }
            assert_eq!(sent.get(), 4 + first.len() as u64);
            peer.shutdown_write().unwrap();
        });
        (!also_near.nodelay().unwrap(), reader.join().unwrap().unwrap())
    }

    #[test]
    fn what_is_written_at_once_waits_for_nothing() {
        assert_eq!(upload(b"BODY", 0), (true, b"HEADBODY".to_vec()));
        assert_eq!(upload(b"", 0), (true, b"HEAD".to_vec()));
    }

    #[test]
    fn a_later_write_does_not_wait_until_those_before_it_are_acknowledged() {
        assert_eq!(upload(b"BODY", 2), (false, b"ADBODY".to_vec()));
        let body = vec![b'x'; 16 << 20];
        let (holds_back, came) = upload(&body, 0);
        assert!(!holds_back && came.len() == 4 + body.len());
    }

    #[test]
    fn what_went_out_before_is_not_sent_again() {
        assert_eq!(upload(b"BODY", 8), (true, Vec::new()));
    }
}
