//! What goes over the wire at the two ends of the load: pure functions over bytes.
//!
//! Knows no socket, no runtime and no clock. Shares no code with the proxy, so that a fault there cannot hide here.

pub mod frame;
pub mod handshake;
