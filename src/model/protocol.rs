//! What is spoken: `http`, or nothing that is known, as in `stream`.

/// Which block of the file something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    #[default]
    Http,
    /// `stream`: connections whose bytes are passed on as they are.
    Stream,
}
