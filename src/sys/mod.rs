//! All unsafe code, in small functions with safe signatures, one topic a file.

pub mod fd;
pub mod ring;
pub mod socket;
