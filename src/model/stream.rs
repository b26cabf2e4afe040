//! What a `server` of `stream` does with a connection.

use super::{Destination, Template};

/// A `server` of `stream`.
#[derive(Debug, Clone)]
pub struct Stream {
    pub answer: StreamAnswer,
    /// `proxy_protocol on`: the peer is first told who the client is.
    pub proxy_protocol: bool,
}

/// Who answers.
#[derive(Debug, Clone)]
pub enum StreamAnswer {
    /// `return`: this text, and the end.
    Return(Template),
    /// `proxy_pass`.
    Pass(Destination),
}
