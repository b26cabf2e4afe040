//! What the user wrote of the fields that are added to answers.

use crate::config::lexer::Word;
use crate::model::Expiry;

/// `add_header`, `add_trailer`, how they are inherited, and `expires`.
#[derive(Debug, Default)]
pub struct RawAdded {
    pub headers: Vec<RawAddHeader>,
    pub header_inherit: Option<RawInherit>,
    pub trailers: Vec<RawAddHeader>,
    pub trailer_inherit: Option<RawInherit>,
    pub expires: Option<RawExpires>,
}

/// `add_header`.
#[derive(Debug)]
pub struct RawAddHeader {
    pub name: Word,
    pub value: Word,
    pub always: bool,
}

/// `add_header_inherit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RawInherit {
    /// The lines around act nowhere inside.
    Off,
    /// They act where a level has none of its own.
    #[default]
    On,
    /// They act behind those of the level.
    Merge,
}

/// `expires`.
#[derive(Debug)]
pub enum RawExpires {
    /// `None` is `off`.
    At(Option<Expiry>),
    Evaluated {
        after_change: bool,
        value: Word,
    },
}
