//! HTTP/1.x and the WebSocket handshake as pure functions over bytes (RFC 9110, 9112, 6455).
//!
//! Bytes in, values out: what a head says, how long its body is, what its target names, what may be passed on. Nothing
//! here reads a socket or a clock, and nothing knows the configuration: bounds and choices come in as plain values.
//! Where nginx is lenient without harm this is lenient in the same way; where two parsers could come to see two
//! different messages in the same bytes it refuses.

pub mod accept_encoding;
pub mod authority;
pub mod chunked;
pub mod connection;
pub mod encode;
pub mod error;
pub mod field_lines;
pub mod fields;
pub mod forwarded;
pub mod framing;
pub mod gzip;
pub mod head;
pub mod hop_by_hop;
pub mod host;
pub mod method;
pub mod name;
pub mod parse;
pub mod request_line;
pub mod scan;
pub mod ssi;
pub mod status;
pub mod status_line;
pub mod target;
pub mod token;
pub mod unique;
pub mod upgrade;
pub mod version;

pub use fields::Fields;
pub use head::{RequestHead, ResponseHead};
pub use method::Method;
pub use name::{Name, Names};
pub use version::Version;

#[cfg(test)]
#[path = "tests/hostile.rs"]
mod hostile;
