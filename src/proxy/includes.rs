//! What a request knows of server side includes while its answer is read for commands. Data; what is done with it is
//! `ssi`'s.

mod values;

use std::sync::Arc;

pub use self::values::{Refused, Values};
use crate::http::ssi::Parser;
use crate::http::ssi::text::Encoding;
use crate::model::Ssi;
use crate::net::turn::Turn;

/// nginx's, for `timefmt` and `errmsg`.
pub const TIME_FORM: &[u8] = b"%A, %d-%b-%Y %H:%M:%S %Z";
const ERROR_MESSAGE: &[u8] = b"[an error occurred while processing the directive]";

/// What one request knows of includes.
#[derive(Default)]
pub struct Includes {
    /// Its answer is read for commands.
    pub page: Option<Page>,
    /// Those of the request that the client made and of all that are made for it: who runs has them.
    pub values: Values,
    /// How many pages this one is in.
    pub depth: usize,
    /// Its answer is kept for a variable.
    pub is_kept: bool,
    /// The block that stands in for an answer that is empty or fails.
    pub stub: Option<usize>,
    /// The type of the page that it is for.
    pub parent_type: Option<Box<[u8]>>,
    /// Its answer had bytes, before they were read for commands.
    pub had_body: bool,
}

/// An answer that is read for commands.
pub struct Page {
    pub rules: Arc<Ssi>,
    pub parser: Parser,
    pub content_type: Option<Box<[u8]>>,
    pub encoding: Encoding,
    pub time_form: Vec<u8>,
    pub error_message: Vec<u8>,
    /// Text goes on to the client.
    pub is_shown: bool,
    /// Text goes into the last block.
    pub is_block: bool,
    pub branch: Branch,
    /// A condition of the `if` held.
    pub has_held: bool,
    pub turn: Turn,
    pub read_bytes: u64,
}

/// Between which commands a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Branch {
    None,
    /// Behind `if` or `elif`.
    If,
    Else,
}

impl Page {
    #[must_use]
    pub fn new(rules: Arc<Ssi>, content_type: Option<Box<[u8]>>) -> Self {
        Self {
            parser: Parser::new(rules.value_bytes),
            rules,
            content_type,
            encoding: Encoding::default(),
            time_form: TIME_FORM.to_vec(),
            error_message: ERROR_MESSAGE.to_vec(),
            is_shown: true,
            is_block: false,
            branch: Branch::None,
            has_held: false,
            turn: Turn::default(),
            read_bytes: 0,
        }
    }
}
