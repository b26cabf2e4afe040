//! One TLS connection, of either side, as a machine over bytes.
//!
//! States: it shakes hands, then carries bytes both ways until each side has said `close_notify`, or it breaks, after
//! which nothing but its last alert leaves it. What is kept between two calls is a record that has come in part.

use std::fmt;
use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, CommonState, Error, InvalidMessage, ServerConfig};

use crate::limits::{TLS_MESSAGE_BYTES_MAX, TLS_RECORD_BYTES_MAX, TLS_RECORD_OVERHEAD_BYTES};

/// Why a link has broken; the alert that tells the other side has been made.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken(pub Error);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for Broken {}

/// What some ciphertext came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The other side has said that nothing follows.
    pub is_closed: bool,
}

enum End {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

/// One TLS connection.
pub struct Link {
    end: End,
    /// The begin of a record or of a handshake message, as rustls left it: it changes such bytes where they lie.
    partial: Vec<u8>,
    is_closed: bool,
    has_said_goodbye: bool,
    broken: Option<Error>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("partial_bytes", &self.partial.len()).field("broken", &self.broken).finish()
    }
}

/// Both kinds of rustls' connections.
trait Records {
    type Data;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    /// Whether a record waits to be encoded: then the next `process` gives it and looks at no byte of what comes.
    fn has_output(&self) -> bool;
}

impl Records for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
    fn has_output(&self) -> bool {
        self.wants_write()
    }
}

impl Records for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
    fn has_output(&self) -> bool {
        self.wants_write()
    }
}

impl Link {
    /// The side that is connected to.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn server(config: Arc<ServerConfig>) -> Result<Self, Broken> {
        UnbufferedServerConnection::new(config).map(|end| Self::of(End::Server(end))).map_err(Broken)
    }

    /// The side that connects. The first [`Link::take`], without bytes, makes what begins the handshake.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Broken> {
        UnbufferedClientConnection::new(config, name).map(|end| Self::of(End::Client(end))).map_err(Broken)
    }

    fn of(end: End) -> Self {
        Self { end, partial: Vec::new(), is_closed: false, has_said_goodbye: false, broken: None }
    }

    /// What rustls knows of the connection.
    #[must_use]
    pub fn state(&self) -> &CommonState {
        match &self.end {
            End::Server(end) => end,
            End::Client(end) => end,
        }
    }

    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.state().is_handshaking()
    }

    /// The other side has said that nothing follows.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether a record has begun that has not come whole.
    #[must_use]
    pub fn is_within_record(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Puts what waits for its rest before what is to be read: to be called with the empty buffer that is then given to
    /// [`Link::take`] with what was read behind it.
    pub fn begin(&mut self, incoming: &mut Vec<u8>) {
        debug_assert!(incoming.is_empty(), "bytes are taken in their order");
        incoming.extend_from_slice(&self.partial);
        self.partial = Vec::new();
    }

    /// Takes ciphertext and empties `incoming`. `plain` gets what it says, piece by piece; what has to be answered is
    /// appended to `outgoing`, that of a broken link included.
    ///
    /// # Errors
    /// The other side broke the protocol, or is not to be trusted.
    pub fn take(
        &mut self,
        incoming: &mut Vec<u8>,
        plain: impl FnMut(&[u8]),
        outgoing: &mut Vec<u8>,
    ) -> Result<Taken, Broken> {
        if let Some(error) = &self.broken {
            return Err(Broken(error.clone()));
        }
        debug_assert!(self.partial.is_empty() || incoming.is_empty(), "`begin` comes first");
        let turned = match &mut self.end {
            End::Server(end) => turn(end, incoming, plain, outgoing),
            End::Client(end) => turn(end, incoming, plain, outgoing),
        };
        let result = match turned {
            // Each record has a head of its own, however little of the message is in it.
            Ok(Turned { used, is_closed: false }) if incoming.len() - used > TLS_MESSAGE_BYTES_MAX => {
                let error = Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge);
                self.broken = Some(error.clone());
                Err(Broken(error))
            }
            Ok(Turned { used, is_closed }) => {
                self.is_closed |= is_closed;
                if used < incoming.len() && !self.is_closed {
                    self.partial = incoming[used..].to_vec();
                }
                Ok(Taken { is_closed: self.is_closed })
            }
            Err(error) => {
                self.broken = Some(error.clone());
                Err(Broken(error))
            }
        };
        incoming.clear();
        result
    }

    /// Appends `bytes` as records.
    ///
    /// # Errors
    /// The link has broken, or has not shaken hands.
    pub fn encrypt(&mut self, bytes: &[u8], outgoing: &mut Vec<u8>) -> Result<(), Broken> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.say(&Said::Bytes(bytes), outgoing)
    }

    /// Says, once, that nothing follows. Where that cannot be said `outgoing` stays as it is.
    pub fn close(&mut self, outgoing: &mut Vec<u8>) {
        if self.has_said_goodbye || self.is_handshaking() {
            return;
        }
        self.has_said_goodbye = true;
        // A link that has broken has told so by its alert.
        let _ = self.say(&Said::Goodbye, outgoing);
    }

    fn say(&mut self, said: &Said<'_>, outgoing: &mut Vec<u8>) -> Result<(), Broken> {
        if let Some(error) = &self.broken {
            return Err(Broken(error.clone()));
        }
        let result = match &mut self.end {
            End::Server(end) => speak(end, &mut self.partial, said, outgoing),
            End::Client(end) => speak(end, &mut self.partial, said, outgoing),
        };
        result.map_err(|error| {
            self.broken = Some(error.clone());
            Broken(error)
        })
    }
}

/// What is to be sent.
enum Said<'b> {
    Bytes(&'b [u8]),
    Goodbye,
}

impl Said<'_> {
    /// Room that is enough for all but very small records.
    fn room_bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len() + (bytes.len() / TLS_RECORD_BYTES_MAX + 1) * TLS_RECORD_OVERHEAD_BYTES,
            Self::Goodbye => TLS_RECORD_OVERHEAD_BYTES * 2,
        }
    }
}

/// How far a turn came.
struct Turned {
    /// Bytes at the begin of what came that are of no further use.
    used: usize,
    is_closed: bool,
}

/// Lets rustls work until it wants more bytes.
fn turn<R: Records>(
    records: &mut R,
    incoming: &mut [u8],
    mut plain: impl FnMut(&[u8]),
    outgoing: &mut Vec<u8>,
) -> Result<Turned, Error> {
    let mut turned = Turned { used: 0, is_closed: false };
    let mut failed: Option<Error> = None;
    loop {
        let UnbufferedStatus { mut discard, state } = records.process(&mut incoming[turned.used..]);
        match state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => append(outgoing, TLS_RECORD_OVERHEAD_BYTES, |out| {
                data.encode(out).map_err(|error| match error {
                    EncodeError::InsufficientSize(short) => Ok(short.required_size),
                    EncodeError::AlreadyEncoded => Err(Error::General("a record was encoded twice".to_owned())),
                })
            })?,
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Err(error) => failed = Some(error),
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    discard += record.discard;
                    plain(record.payload);
                }
            }
            Ok(ConnectionState::PeerClosed) => turned.is_closed = true,
            Ok(ConnectionState::Closed) => {
                turned.is_closed = true;
                break;
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => {
                turned.used += discard;
                break;
            }
            // Nothing asks for early data.
            Ok(ConnectionState::ReadEarlyData(_) | _) => {
                failed = Some(Error::General("early data came unasked".to_owned()));
            }
        }
        turned.used += discard;
        // After an error only the alert that tells of it is of interest.
        if failed.is_some() && !records.has_output() {
            break;
        }
    }
    failed.map_or(Ok(turned), Err)
}

/// Sends something once rustls can.
fn speak<R: Records>(
    records: &mut R,
    partial: &mut Vec<u8>,
    said: &Said<'_>,
    outgoing: &mut Vec<u8>,
) -> Result<(), Error> {
    loop {
        // The part of a record that waits is what rustls has seen last: it finds it as it was.
        let UnbufferedStatus { discard, state } = records.process(partial);
        match state? {
            ConnectionState::EncodeTlsData(mut data) => append(outgoing, TLS_RECORD_OVERHEAD_BYTES, |out| {
                data.encode(out).map_err(|error| match error {
                    EncodeError::InsufficientSize(short) => Ok(short.required_size),
                    EncodeError::AlreadyEncoded => Err(Error::General("a record was encoded twice".to_owned())),
                })
            })?,
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::PeerClosed => {}
            ConnectionState::WriteTraffic(mut traffic) => {
                append(outgoing, said.room_bytes(), |out| {
                    let made = match said {
                        Said::Bytes(bytes) => traffic.encrypt(bytes, out),
                        Said::Goodbye => traffic.queue_close_notify(out),
                    };
                    made.map_err(|error| match error {
                        EncryptError::InsufficientSize(short) => Ok(short.required_size),
                        EncryptError::EncryptExhausted => Err(Error::EncryptError),
                    })
                })?;
                partial.drain(..discard);
                return Ok(());
            }
            _ => return Err(Error::HandshakeNotComplete),
        }
        partial.drain(..discard);
    }
}

/// Appends what `make` writes into the room it is given. Where that is too little, `make` says how much is not.
fn append(
    outgoing: &mut Vec<u8>,
    room_bytes: usize,
    mut make: impl FnMut(&mut [u8]) -> Result<usize, Result<usize, Error>>,
) -> Result<(), Error> {
    let begin = outgoing.len();
    let mut room_bytes = room_bytes;
    loop {
        outgoing.resize(begin + room_bytes, 0);
        match make(&mut outgoing[begin..]) {
            Ok(n) => {
                outgoing.truncate(begin + n);
                return Ok(());
            }
            Err(Ok(required_bytes)) if required_bytes > room_bytes => room_bytes = required_bytes,
            Err(Ok(_)) => return Err(Error::General("no room is enough".to_owned())),
            Err(Err(error)) => {
                outgoing.truncate(begin);
                return Err(error);
            }
        }
    }
}
