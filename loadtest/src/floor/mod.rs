//! The floor under a proxy: what the system calls of an open and of a request cost with no code between them.
//!
//! A process that takes connections and relays bytes, launched and pinned as a proxy is. It reads no head, keeps no time,
//! writes no log and never waits for a connect. `pairs` knows which sockets belong together, `relay` makes the calls.

mod pairs;
mod relay;

use std::net::SocketAddrV4;

use clap::Args;

use relay::Relay;

/// What it is called wherever proxies have their names.
pub const NAME: &str = "bare calls";
pub const WHAT: &str =
    "accept4, recv, socket, connect, send and close over epoll, one after the other, no code between them";

#[derive(Debug, Args)]
pub struct FloorProxy {
    #[arg(long)]
    listen: SocketAddrV4,
    /// Where it connects to, in turn.
    #[arg(long, value_delimiter = ',', required = true)]
    peers: Vec<SocketAddrV4>,
}

/// Relays until the process is ended.
pub fn run(args: &FloorProxy) -> Result<(), String> {
    crate::host::limits::raise_descriptors();
    let in_place = |error: std::io::Error| format!("{}: {error}", args.listen);
    let mut relay = Relay::new(args.listen, args.peers.clone()).map_err(in_place)?;
    loop {
        relay.turn(None).map_err(in_place)?;
    }
}
