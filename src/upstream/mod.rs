//! Which peer of a group gets a request, and what is known about the peers.
//!
//! [`Groups`] is shared by all shards: live counts and health are exact over the whole process. [`idle::Pool`] belongs
//! to one shard. Knows nothing of sockets and messages; time is an argument.

mod balance;
mod changing;
mod group;
mod groups;
pub mod idle;
#[cfg(test)]
mod tests;

pub use group::{Group, Lease, Tried};
pub use groups::Groups;
