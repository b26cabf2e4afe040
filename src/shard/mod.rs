//! One thread of the data path: its runtime, its listening sockets, its mailbox and its count of live connections.
//!
//! A shard takes commands from `control` and answers with reports; it shares nothing else with other shards. It knows
//! no message syntax: what becomes of a connection is [`Service`]'s business. Life: adopt a generation, serve, adopt
//! the next while the old one drains, drain or stop. The thread never ends by itself: a runtime that is dropped frees
//! memory that the kernel may still write to, so the process leaves with `exit`.

pub mod contain;
pub mod core;
pub mod mailbox;
pub mod runtime;

mod accept;
mod expiry;
mod gate;
mod local;
mod messages;
mod naming;
mod proxying;
mod rest;
mod service;
#[cfg(test)]
mod tests;
mod thread;

pub use mailbox::Mailbox;
pub use messages::{Adoption, Command, Left, Plan, Report};
pub use proxying::{Parts, Proxying};
pub use service::{Onward, Service};
pub use thread::{Shard, start};
