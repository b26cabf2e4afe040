//! TLS by rustls' interface without buffers: bytes in, bytes out, and what is known of the connection.
//!
//! Nothing here reads or writes a socket, so that an exchange and a tunnel carry the same [`Link`]: whoever owns the
//! socket gives ciphertext and takes ciphertext. An idle link holds no buffer.

pub mod certificate;
mod distrust;
mod files;
mod hello;
mod link;
pub mod names;
mod passwords;
mod peer;
mod provider;
mod remembered;
mod server;
mod tickets;
mod trust;

use std::sync::Arc;

pub use distrust::Distrust;
pub use files::Unusable;
pub use hello::{Greeting, Hello, begins_handshake};
pub use link::{Broken, Link, Taken};
pub use peer::{Peer, distrusted, name_of};
pub use rustls::HandshakeKind;
pub use rustls::pki_types::ServerName;
pub use server::Server;

use crate::model::{Serving, TlsPeerId, TlsServerId};

/// The TLS of one generation.
#[derive(Debug, Default)]
pub struct Tls {
    servers: Vec<Arc<Server>>,
    peers: Vec<Arc<Peer>>,
}

impl Tls {
    /// Reads all files that a configuration names. Blocks: for the main thread.
    ///
    /// # Errors
    /// All that cannot be used.
    pub fn load(serving: &Serving) -> Result<Self, Vec<Unusable>> {
        let mut unusable = Vec::new();
        let mut note = |error| unusable.push(error);
        let servers = serving.tls_servers.iter().filter_map(|settings| Server::load(settings).map_err(&mut note).ok());
        let servers = servers.map(Arc::new).collect();
        let peers = serving.tls_peers.iter().filter_map(|settings| Peer::load(settings).map_err(&mut note).ok());
        let peers = peers.map(Arc::new).collect();
        if unusable.is_empty() { Ok(Self { servers, peers }) } else { Err(unusable) }
    }

    #[must_use]
    pub fn server(&self, id: TlsServerId) -> Option<&Arc<Server>> {
        self.servers.get(usize::from(id.0))
    }

    #[must_use]
    pub fn peer(&self, id: TlsPeerId) -> Option<&Arc<Peer>> {
        self.peers.get(usize::from(id.0))
    }
}

#[cfg(test)]
mod tests;
