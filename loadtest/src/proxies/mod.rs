//! The proxies that are compared: which are there, their configuration, and their life as processes.
//!
//! Knows nothing of scenarios beyond what a configuration has to hold. Another proxy joins by a file (`template`).

pub mod certificate;
mod known;
mod launch;
mod running;
mod template;

pub use known::{Found, Proxy, find, floor, program, version};
pub use launch::{Launch, arguments as launch_arguments, launch};
pub use running::{Place, start};
