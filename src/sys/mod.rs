//! All unsafe code, in small functions with safe signatures, one topic a file.

pub mod buffers;
pub mod errno;
pub mod fd;
pub mod features;
pub mod held;
mod kept;
pub mod memory;
pub mod process;
pub mod ring;
pub mod socket;
pub mod time;
