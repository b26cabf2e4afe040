//! What is known of the encryption of a client's connection.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::route;
use crate::tls::certificate::hex;
use crate::tls::{self, Hello, Link};

/// What a handshake is made with.
pub struct Chosen {
    pub server: Arc<route::Server>,
    pub name: Option<Box<str>>,
    pub tls: Arc<tls::Server>,
}

/// What is known of a client's TLS besides what the connection itself knows.
pub struct ClientTls {
    /// The virtual server that the handshake was made with.
    pub server: Arc<route::Server>,
    /// The name by which it was chosen, as that of a host; `None` if the client named none, or one that no server has.
    pub name: Option<Box<str>>,
    pub tls: Arc<tls::Server>,
    pub hello: Hello,
    /// `$ssl_session_id`.
    id: OnceCell<Box<str>>,
    /// Whether somebody vouches for the client's certificate; found out when first asked.
    judged: OnceCell<Result<(), tls::Distrust>>,
}

impl ClientTls {
    #[must_use]
    pub fn new(chosen: Chosen, hello: Hello) -> Self {
        let Chosen { server, name, tls } = chosen;
        Self { server, name, tls, hello, id: OnceCell::new(), judged: OnceCell::new() }
    }

    /// A name of the connection's own, as long as the one that OpenSSL gives: what names a session here is inside the
    /// tickets, which no library shows.
    pub fn id(&self) -> &str {
        self.id.get_or_init(|| {
            let mut bytes = [0u8; 32];
            // The system's generator does not fail once it is seeded, and this is no secret.
            let _ = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
            hex(&bytes, false).into()
        })
    }

    /// Whether somebody vouches for the client, if it has shown a certificate.
    pub fn judged(&self, link: &Link) -> &Result<(), tls::Distrust> {
        self.judged.get_or_init(|| link.state().peer_certificates().map_or(Ok(()), |chain| self.tls.judge(chain)))
    }
}

/// What a connection is to an encrypted listener.
#[derive(Default)]
pub enum Security {
    /// Its handshake has not begun, or the listener wants none.
    #[default]
    None,
    Tls(Box<ClientTls>),
    /// It speaks plain HTTP where TLS is wanted: there is a page for that.
    Misplaced,
}
