//! The two halves of a client's connection, and reading what one message's echo has to be.
//!
//! Reader and writer are apart from the start, because bulk reads and writes at once.

use std::io;

use monoio::buf::{IoBuf, IoBufMut};
use monoio::io::{AsyncReadRent, AsyncWriteRent, AsyncWriteRentExt, OwnedReadHalf, OwnedWriteHalf, Splitable};
use monoio::net::TcpStream;
use monoio_rustls::ClientTlsStream as TlsStream;

/// The largest piece that is read at once.
const PIECE_BYTES_MAX: usize = 256 * 1024;

/// With TLS or without, as the target wants it.
pub enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub enum Reader {
    Plain(OwnedReadHalf<TcpStream>),
    Tls(OwnedReadHalf<TlsStream<TcpStream>>),
}

pub enum Writer {
    Plain(OwnedWriteHalf<TcpStream>),
    Tls(OwnedWriteHalf<TlsStream<TcpStream>>),
}

impl Link {
    pub fn split(self) -> (Reader, Writer) {
        match self {
            Self::Plain(stream) => {
                let (reader, writer) = stream.into_split();
                (Reader::Plain(reader), Writer::Plain(writer))
            }
            Self::Tls(stream) => {
                let (reader, writer) = stream.into_split();
                (Reader::Tls(reader), Writer::Tls(writer))
            }
        }
    }
}

/// Why an echo is not what was sent.
#[derive(Debug)]
pub enum Flaw {
    /// The connection ended or failed.
    Lost(io::Error),
    /// Other bytes arrived.
    Differs,
}

impl Reader {
    pub async fn read<B: IoBufMut + 'static>(&mut self, buffer: B) -> (io::Result<usize>, B) {
        match self {
            Self::Plain(half) => half.read(buffer).await,
            Self::Tls(half) => half.read(buffer).await,
        }
    }

    /// Reads one message and compares it. `seen` is told of each piece.
    pub async fn expect(
        &mut self,
        expected: &[u8],
        buffer: &mut Vec<u8>,
        mut seen: impl FnMut(usize),
    ) -> Result<(), Flaw> {
        let mut at = 0;
        if buffer.capacity() == 0 {
            buffer.reserve(expected.len().min(PIECE_BYTES_MAX));
        }
        while at < expected.len() {
            let wanted = buffer.capacity().min(expected.len() - at);
            let slice = std::mem::take(buffer).slice_mut(0..wanted);
            let (result, slice) = self.read(slice).await;
            *buffer = slice.into_inner();
            let count = match result {
                Ok(0) => return Err(Flaw::Lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => count,
                Err(error) => return Err(Flaw::Lost(error)),
            };
            if buffer[..count] != expected[at..at + count] {
                return Err(Flaw::Differs);
            }
            at += count;
            seen(count);
        }
        Ok(())
    }
}

impl Writer {
    pub async fn write_all<B: IoBuf + 'static>(&mut self, buffer: B) -> (io::Result<usize>, B) {
        match self {
            Self::Plain(half) => half.write_all(buffer).await,
            Self::Tls(half) => {
                let (result, buffer) = half.write_all(buffer).await;
                // TLS may keep the end of a message until it is told that this was one.
                match (result, half.flush().await) {
                    (Ok(count), Ok(())) => (Ok(count), buffer),
                    (Err(error), _) | (Ok(_), Err(error)) => (Err(error), buffer),
                }
            }
        }
    }
}
