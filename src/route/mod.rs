//! (listener, host, path) -> virtual server and location.
//!
//! Pure: built once for each generation from the model, then only read. Knows nothing of messages, connections or time.
//! The rules are nginx's: `server_name` with its precedence (exact, longest leading wildcard, longest trailing wildcard,
//! first expression, default server), and the choice of a location with nesting.

mod captures;
pub mod geo;
mod level;
pub mod map;
mod names;
mod router;
pub mod split;

#[cfg(test)]
mod tests;

pub use captures::{Captures, MatchError, find};
pub use router::{Located, Router, Server, ServerMatch, build, locate, named};
