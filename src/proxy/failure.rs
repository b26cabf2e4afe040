//! What went wrong in an exchange: in which phase, on whose side, and why. One function each turns that into the
//! answer's status, the log level, the log's words, and whether another peer may be tried.

use std::fmt;
use std::io;

use crate::http::parse::RequestError;
use crate::http::upgrade::Mismatch;
use crate::model::LogLevel;
use crate::observe::escape::Quoted;
use crate::observe::outcome::ExchangeEnd;
use crate::sys::errno::Errno;

/// What an exchange was doing. The words are nginx's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The client's TLS handshake.
    Greeting,
    ReadingRequestLine,
    ReadingRequestHead,
    ReadingRequestBody,
    ProcessingRequest,
    Connecting,
    Handshaking,
    SendingRequest,
    ReadingResponseHead,
    ReadingResponse,
    SendingToClient,
}

impl Phase {
    /// As it stands after "while" in the error log.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Greeting => "SSL handshaking",
            Self::ReadingRequestLine => "reading client request line",
            Self::ReadingRequestHead => "reading client request headers",
            Self::ReadingRequestBody => "reading client request body",
            Self::ProcessingRequest => "processing request",
            Self::Connecting => "connecting to upstream",
            Self::Handshaking => "SSL handshaking to upstream",
            Self::SendingRequest => "sending request to upstream",
            Self::ReadingResponseHead => "reading response header from upstream",
            Self::ReadingResponse => "reading upstream",
            Self::SendingToClient => "sending to client",
        }
    }
}

/// Why.
#[derive(Debug)]
pub enum Cause {
    /// The head breaks a rule; the error knows its status and words.
    Request(RequestError),
    /// A rule of this proxy or its configuration says no: the status, and the words for the log.
    Refused(u16, &'static str),
    /// An access rule or a limit says no; its level may be set by a directive.
    Denied {
        status: u16,
        level: LogLevel,
        words: String,
    },
    /// A file cannot be served: the status, and what the log says of it.
    File(u16, String),
    /// The configuration gives this status: nothing went wrong.
    Status(u16),
    /// The same with a path or URL for `Location`.
    Redirect(u16, Vec<u8>),
    /// A peer sends the request on to another place inside (`X-Accel-Redirect`).
    Inside(Box<[u8]>),
    /// What ended an answer that is a part of this one ends the connection. It has told so itself.
    Included,
    /// A named location that is not there.
    NoSuchLocation(Box<str>),
    /// `client_max_body_size`.
    BodyTooLarge(Option<u64>),
    /// The body's chunks break a rule.
    BodyMalformed(&'static str),
    ClientGone,
    ClientTimedOut,
    /// No peer of the group may be used now.
    NoPeer,
    /// The value of a `proxy_pass` with variables is no address.
    NoSuchPeer(String),
    /// A name has no address, or nobody could be asked.
    Unresolved(String),
    UpstreamTimedOut,
    UpstreamClosed,
    /// What the peer sent, in words that stand behind "upstream sent".
    UpstreamMalformed(&'static str),
    UpgradeMismatch(Mismatch),
    /// A peer with which no encrypted connection could be made: the words say why.
    UpstreamDistrusted(String),
    /// The name of the call and its error, on the peer's side.
    Upstream(&'static str, io::Error),
    /// The name of the call and its error, on the client's side.
    Client(&'static str, io::Error),
    /// On our own side: no descriptor, no file.
    Own(&'static str, io::Error),
}

/// An exchange that did not end as it should: an address, since whatever may fail hands it on where nothing did.
#[derive(Debug)]
pub struct Failure(Box<(Phase, Cause)>);

impl Failure {
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn new(phase: Phase, cause: Cause) -> Self {
        Self(Box::new((phase, cause)))
    }

    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.0
    }

    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.1
    }

    /// A read or write of the client's socket failed.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn client(phase: Phase, call: &'static str, error: io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::TimedOut => Cause::ClientTimedOut,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Cause::ClientGone
            }
            // Not the client's: see `Responder::kept`.
            io::ErrorKind::FileTooLarge => Cause::Refused(500, "too big subrequest response"),
            _ => Cause::Client(call, error),
        };
        Self::new(phase, cause)
    }

    /// A read or write of the peer's socket failed.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn upstream(phase: Phase, call: &'static str, error: io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::TimedOut => Cause::UpstreamTimedOut,
            io::ErrorKind::UnexpectedEof => Cause::UpstreamClosed,
            _ => Cause::Upstream(call, error),
        };
        Self::new(phase, cause)
    }

    /// The answer's status; 499 means that nobody is there to be answered.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.cause() {
            Cause::Request(error) => error.status(),
            Cause::Refused(status, _)
            | Cause::File(status, _)
            | Cause::Denied { status, .. }
            | Cause::Status(status)
            | Cause::Redirect(status, _) => *status,
            Cause::BodyTooLarge(_) => 413,
            Cause::BodyMalformed(_) => 400,
            Cause::ClientGone | Cause::Client(..) => match self.phase() {
                // Half a request is a bad one, as in nginx.
                Phase::ReadingRequestLine | Phase::ReadingRequestHead => 400,
                _ => 499,
            },
            Cause::ClientTimedOut => 408,
            Cause::UpstreamTimedOut => 504,
            Cause::NoPeer
            | Cause::Unresolved(_)
            | Cause::UpstreamClosed
            | Cause::UpstreamMalformed(_)
            | Cause::UpgradeMismatch(_)
            | Cause::UpstreamDistrusted(_)
            | Cause::Upstream(..) => 502,
            Cause::NoSuchPeer(_) | Cause::NoSuchLocation(_) | Cause::Inside(_) | Cause::Included | Cause::Own(..) => {
                500
            }
        }
    }

    /// How loud the log line is: what a client does wrong is information, what a peer does wrong an error.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        match self.cause() {
            Cause::Request(_)
            | Cause::Status(_)
            | Cause::Redirect(..)
            | Cause::Inside(_)
            | Cause::Included
            | Cause::BodyMalformed(_)
            | Cause::ClientGone
            | Cause::ClientTimedOut
            | Cause::Client(..) => LogLevel::Info,
            Cause::Denied { level, .. } => *level,
            Cause::Refused(status, _) if *status < 500 => LogLevel::Info,
            Cause::Own(..) | Cause::File(500, _) => LogLevel::Crit,
            Cause::Refused(..)
            | Cause::File(..)
            | Cause::BodyTooLarge(_)
            | Cause::NoPeer
            | Cause::NoSuchPeer(_)
            | Cause::Unresolved(_)
            | Cause::NoSuchLocation(_)
            | Cause::UpstreamTimedOut
            | Cause::UpstreamClosed
            | Cause::UpstreamMalformed(_)
            | Cause::UpgradeMismatch(_)
            | Cause::UpstreamDistrusted(_)
            | Cause::Upstream(..) => LogLevel::Error,
        }
    }

    /// Whether the peer is to blame, so that it counts as failed and another may be tried.
    #[must_use]
    pub fn is_of_peer(&self) -> bool {
        match self.cause() {
            Cause::UpstreamTimedOut
            | Cause::UpstreamClosed
            | Cause::UpstreamMalformed(_)
            | Cause::UpgradeMismatch(_)
            | Cause::UpstreamDistrusted(_)
            | Cause::Upstream(..) => true,
            Cause::Request(_)
            | Cause::Refused(..)
            | Cause::Denied { .. }
            | Cause::File(..)
            | Cause::BodyTooLarge(_)
            | Cause::BodyMalformed(_)
            | Cause::ClientGone
            | Cause::ClientTimedOut
            | Cause::NoPeer
            | Cause::NoSuchPeer(_)
            | Cause::Unresolved(_)
            | Cause::NoSuchLocation(_)
            | Cause::Status(_)
            | Cause::Redirect(..)
            | Cause::Inside(_)
            | Cause::Included
            | Cause::Client(..)
            | Cause::Own(..) => false,
        }
    }

    /// The row of the outcome table.
    #[must_use]
    pub fn end(&self) -> ExchangeEnd {
        match self.cause() {
            Cause::Request(_) | Cause::BodyMalformed(_) => ExchangeEnd::Malformed,
            // An answer that the configuration gives is one.
            Cause::Status(_) | Cause::Redirect(..) | Cause::Inside(_) => ExchangeEnd::Answered,
            Cause::Refused(status, _) | Cause::File(status, _) if *status >= 500 => ExchangeEnd::Internal,
            Cause::Refused(..) | Cause::Denied { .. } | Cause::File(..) | Cause::BodyTooLarge(_) => {
                ExchangeEnd::Refused
            }
            Cause::ClientGone | Cause::Client(..) => ExchangeEnd::ClientGone,
            Cause::ClientTimedOut => ExchangeEnd::ClientTimeout,
            Cause::NoPeer | Cause::NoSuchPeer(_) | Cause::Unresolved(_) => ExchangeEnd::NoPeer,
            Cause::UpstreamTimedOut => ExchangeEnd::PeerTimeout,
            Cause::UpstreamClosed | Cause::UpstreamDistrusted(_) | Cause::Upstream(..) | Cause::Included => {
                ExchangeEnd::PeerFailed
            }
            Cause::UpstreamMalformed(_) | Cause::UpgradeMismatch(_) => ExchangeEnd::PeerMalformed,
            Cause::Own(..) | Cause::NoSuchLocation(_) => ExchangeEnd::Internal,
        }
    }

    /// Whether the client can still be answered.
    #[must_use]
    pub fn leaves_client(&self) -> bool {
        !matches!(self.cause(), Cause::ClientGone | Cause::ClientTimedOut | Cause::Client(..) | Cause::Included)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause() {
            Cause::Request(error) => f.write_str(error.phrase())?,
            Cause::Refused(_, words) => f.write_str(words)?,
            Cause::File(_, words) | Cause::Denied { words, .. } => return f.write_str(words),
            Cause::Status(status) | Cause::Redirect(status, _) => write!(f, "status {status}")?,
            Cause::Included => f.write_str("an included answer failed")?,
            Cause::Inside(to) => write!(f, "X-Accel-Redirect: {}", Quoted(to))?,
            Cause::NoSuchLocation(name) => write!(f, "could not find named location \"@{name}\"")?,
            Cause::BodyTooLarge(Some(n)) => write!(f, "client intended to send too large body: {n} bytes")?,
            Cause::BodyTooLarge(None) => f.write_str("client intended to send too large chunked body")?,
            Cause::BodyMalformed(words) => write!(f, "client sent invalid chunked body: {words}")?,
            Cause::ClientGone => f.write_str("client prematurely closed connection")?,
            Cause::ClientTimedOut => f.write_str("client timed out (110: Connection timed out)")?,
            Cause::NoPeer => f.write_str("no live upstreams")?,
            Cause::NoSuchPeer(words) | Cause::Unresolved(words) | Cause::UpstreamDistrusted(words) => {
                f.write_str(words)?;
            }
            Cause::UpstreamTimedOut => f.write_str("upstream timed out (110: Connection timed out)")?,
            Cause::UpstreamClosed => f.write_str("upstream prematurely closed connection")?,
            Cause::UpstreamMalformed(words) => write!(f, "upstream sent {words}")?,
            Cause::UpgradeMismatch(mismatch) => write!(f, "upstream sent invalid upgrade: {mismatch}")?,
            Cause::Upstream(call, error) | Cause::Client(call, error) | Cause::Own(call, error) => {
                write!(f, "{call} failed ({})", Errno(error))?;
            }
        }
        match self.phase() {
            Phase::ProcessingRequest => Ok(()),
            phase => write!(f, " while {}", phase.text()),
        }
    }
}
