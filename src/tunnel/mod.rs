//! Tunnels: two sockets whose bytes go to each other until both ends are done, at the least cost per idle tunnel.
//!
//! Each shard has one [`Engine`] on an io_uring of its own. No task and no buffer belongs to a tunnel: a slot of 80 bytes
//! and what the shard keeps beside it, a watch on each socket, and one dispatcher that serves whoever is ready. Knows
//! nothing of HTTP, logs or configuration: who needs to know of an end gives something to [`Keep`] with the seed.
//!
//! The same ring holds what else is quiet on a shard: a *parked* socket has a slot and a poll until there is something to
//! read, and then goes back to whoever parked it.

mod batch;
mod clock;
mod engine;
mod farewell;
pub mod frames;
mod marks;
mod parked;
mod pending;
mod pipe;
mod pipes;
mod pump;
mod rare;
mod record;
mod schedule;
mod side;
mod slab;
mod slot;
mod socket;
mod sweep;
#[cfg(test)]
mod tests;
mod token;
mod turns;
mod u48;

pub use engine::{Engine, EngineOptions, Seed};
pub use parked::{Park, Waking};
pub use record::{Close, Closer, Counts, Ending, Keep, Reason, Record};
pub use side::Side;
