//! Every bound of the process as a named constant with its reason.
//!
//! Bounds that a directive sets have their default in `config`; here is what no directive can raise, and what is
//! allocated before any directive is known.

use std::time::Duration;

/// Errors of one configuration reported before the rest is left unsaid: more than a screen helps nobody.
pub const CONFIG_ERRORS_MAX: usize = 20;

/// Depth of `include` in `include`: a file that includes itself ends here and not in the stack.
pub const CONFIG_INCLUDE_DEPTH_MAX: usize = 16;

/// Depth of blocks in blocks: the parser recurses over them.
pub const CONFIG_BLOCK_DEPTH_MAX: usize = 32;

/// One configuration file: far above any real one, and below what would stall a reload.
pub const CONFIG_FILE_BYTES_MAX: u64 = 64 << 20;

/// Fields of one head. httparse wants the table before it parses, and no real client sends more.
pub const HEAD_FIELD_COUNT_MAX: usize = 256;

/// A body moves through buffers of this size: below it more calls, above it no fewer wake-ups.
pub const BODY_BUFFER_BYTES: usize = 32 << 10;

/// Buffers of that size a shard keeps when nobody uses them.
pub const BODY_BUFFERS_KEPT: usize = 64;

/// Pause after a wake-up that brought no room to write, and the longest such pause. The kernel wakes a writer at once
/// when the other side has shut down its sending half, full or not: without the pause that is a busy loop.
pub const WRITE_BACKOFF_MIN: Duration = Duration::from_millis(1);
pub const WRITE_BACKOFF_MAX: Duration = Duration::from_millis(64);

/// Connections taken from one listening socket before other work of the shard has its turn.
pub const ACCEPT_BATCH_COUNT: usize = 64;

/// Pause of a listener after accept4 found no descriptor: long enough not to spin, short enough to go unnoticed.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
