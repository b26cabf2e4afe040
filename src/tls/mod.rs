//! TLS by rustls' interface without buffers: bytes in, bytes out, and what is known of the connection.
//!
//! Nothing here reads or writes a socket, so that an exchange and a tunnel carry the same [`Link`]: whoever owns the
//! socket gives ciphertext and takes ciphertext. An idle link holds no buffer.

mod hello;
mod link;

pub use hello::{Greeting, Hello, begins_handshake};
pub use link::{Broken, Link, Taken};

#[cfg(test)]
mod tests;
