//! What leaves this module when an exchange ends in a tunnel: both sockets by value, so that nothing here can write
//! to them any more.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::client::Client;
use crate::model::Tunnel;
use crate::net::stream::Stream;
use crate::observe::outcome::TunnelRecord;

/// Called once, when the tunnel has ended.
pub type OnEnd = Box<dyn FnOnce(&TunnelRecord)>;

/// A verified upgrade, before the client's socket is taken from its connection.
pub struct Handover {
    pub upstream: Stream,
    /// Bytes that the peer sent right after its 101.
    pub to_client: Vec<u8>,
    /// Whether WebSocket frames flow: else the tunnel is blind.
    pub frames: bool,
    pub settings: Arc<Tunnel>,
    pub on_end: OnEnd,
}

/// Two sockets that are to be a tunnel.
pub struct Ends {
    pub client: OwnedFd,
    pub upstream: OwnedFd,
    /// Bytes that go to the upstream before anything else: the client sent them with its handshake.
    pub to_upstream: Vec<u8>,
    pub to_client: Vec<u8>,
    pub frames: bool,
    pub settings: Arc<Tunnel>,
    pub on_end: OnEnd,
}

impl Handover {
    /// Joins the client's socket and the bytes read from it.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn join(self, client: Client, to_upstream: Vec<u8>) -> std::io::Result<Ends> {
        let client =
            Rc::into_inner(client.stream).ok_or_else(|| std::io::Error::other("the socket is still in use"))?;
        Ok(Ends {
            client: client.into_fd()?,
            upstream: self.upstream.into_fd()?,
            to_upstream,
            to_client: self.to_client,
            frames: self.frames,
            settings: self.settings,
            on_end: self.on_end,
        })
    }
}
