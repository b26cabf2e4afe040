//! How a client begins: with the message that names the server it wants, or with something that is no TLS at all.

use std::io;

use rustls::Error;
use rustls::server::Acceptor;

use super::Broken;
use crate::limits::TLS_MESSAGE_BYTES_MAX;

/// First byte of a handshake record, and the bit that begins the greeting of clients older than TLS.
const HANDSHAKE: u8 = 0x16;
const ANCIENT: u8 = 0x80;

/// Whether a connection that begins with this byte wants TLS. nginx's rule: anything else is read as plain HTTP.
#[must_use]
pub fn begins_handshake(first: u8) -> bool {
    first == HANDSHAKE || first & ANCIENT != 0
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The server's name, in lower case; `None` if the client names none.
    pub server_name: Option<Box<str>>,
    /// Numbers of the ciphers and curves that it speaks.
    pub ciphers: Box<[u16]>,
    pub curves: Box<[u16]>,
}

/// A client's first message while it comes in.
#[derive(Default)]
pub struct Greeting {
    acceptor: Acceptor,
    seen: usize,
}

impl Greeting {
    /// Looks at what has come so far, `None` as long as more has to come. With an error `alert` gets what tells the client.
    ///
    /// # Errors
    /// The client says something else.
    pub fn look(&mut self, came: &[u8], alert: &mut Vec<u8>) -> Result<Option<Hello>, Broken> {
        let malformed = |words: &str| Broken(Error::General(words.to_owned()));
        while let Some(mut new) = came.get(self.seen..).filter(|new| !new.is_empty()) {
            match self.acceptor.read_tls(&mut new) {
                Ok(n) => self.seen += n,
                // It takes no more before it is asked.
                Err(error) if error.kind() == io::ErrorKind::Other => break,
                Err(_) => return Err(malformed("the handshake could not be read")),
            }
            match self.acceptor.accept() {
                Ok(Some(accepted)) => {
                    let said = accepted.client_hello();
                    let curves = said.named_groups().unwrap_or_default();
                    return Ok(Some(Hello {
                        server_name: said.server_name().map(|name| name.to_ascii_lowercase().into()),
                        ciphers: said.cipher_suites().iter().map(|suite| u16::from(*suite)).collect(),
                        curves: curves.iter().map(|group| u16::from(*group)).collect(),
                    }));
                }
                Ok(None) => {}
                Err((error, mut told)) => {
                    // Writing to memory does not fail.
                    let _ = told.write_all(alert);
                    return Err(Broken(error));
                }
            }
        }
        if came.len() > TLS_MESSAGE_BYTES_MAX { Err(malformed("the first message is too long")) } else { Ok(None) }
    }
}
