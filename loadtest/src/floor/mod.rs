//! The floors under a proxy: what the system calls of an open and of a request cost with no code between them.
//!
//! A process that takes connections and relays bytes, launched and pinned as a proxy is. It reads no head, keeps no time,
//! writes no log and never waits for a connect. There are two, which differ in what they make of an end. `pairs` knows
//! which sockets belong together, `relay` makes the calls.

mod pairs;
mod relay;

use std::net::SocketAddrV4;

use clap::Args;

use relay::{Ending, Relay};

/// One of the relays, as it stands beside the proxies.
#[derive(Debug)]
pub struct Floor {
    /// What it is called wherever proxies have their names.
    pub name: &'static str,
    pub what: &'static str,
    /// What tells it from the other one on the command line.
    pub flags: &'static [&'static str],
}

/// The one that makes the fewest calls comes first: it can do whatever the other can.
pub const FLOORS: [Floor; 2] = [
    Floor {
        name: "bare calls",
        what: "accept4, recv, socket, connect, send and close over epoll, one after the other, no code between them",
        flags: &[],
    },
    Floor {
        name: "bare calls with half-close",
        what: "the same, but an end is passed on by shutdown and that of the other side read before both are closed, and \
               sockets of peers that have ended are disconnected and connected anew",
        flags: &["--half-close"],
    },
];

pub fn is_floor(name: &str) -> bool {
    FLOORS.iter().any(|floor| floor.name == name)
}

#[derive(Debug, Args)]
pub struct FloorProxy {
    #[arg(long)]
    listen: SocketAddrV4,
    /// Where it connects to, in turn.
    #[arg(long, value_delimiter = ',', required = true)]
    peers: Vec<SocketAddrV4>,
    /// Pass an end on, close once both sides have ended, and connect sockets of peers anew.
    #[arg(long)]
    half_close: bool,
}

/// Relays until the process is ended.
pub fn run(args: &FloorProxy) -> Result<(), String> {
    crate::host::limits::raise_descriptors();
    let in_place = |error: std::io::Error| format!("{}: {error}", args.listen);
    let ending = if args.half_close { Ending::HalfClose } else { Ending::Close };
    let mut relay = Relay::new(args.listen, args.peers.clone(), ending).map_err(in_place)?;
    loop {
        relay.turn(None).map_err(in_place)?;
    }
}
