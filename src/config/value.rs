//! Times, sizes and numbers of a file, and what a help text says of them.

pub use crate::model::quantity::{number, offset, size, time, time_seconds};

/// What a time may look like, for help texts.
pub const TIME_HELP: &str = "a time is a number with a unit: ms, s, m, h, d, w, M or y, as in `30s` or `1m30s`";
/// What a size may look like.
pub const SIZE_HELP: &str = "a size is a number of bytes, or of kilobytes or megabytes, as in `16k` or `1m`";
/// What a number may look like.
pub const NUMBER_HELP: &str = "a whole number is expected, as in `16`";
