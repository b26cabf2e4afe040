//! The two ends of the load, on one thread and one ring: clients before the proxy, echoing peers behind it.
//!
//! Runs in processes of its own (`worker`), as many as descriptors demand. Knows no proxy, no figures and no files.

mod bare;
mod bulk;
mod counts;
mod echo;
mod http;
mod kept;
mod lane;
mod link;
mod open;
mod pace;
mod peers;
mod tls;
mod tunnels;
mod worker;

pub use bare::hold as hold_bare_sockets;
pub use worker::{Options, run};
