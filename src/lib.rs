//! longhaul: a reverse proxy for Linux that holds as many long-lived WebSocket connections as the machine can carry.

pub mod cli;
pub mod config;
pub mod control;
pub mod http;
pub mod limits;
pub mod model;
pub mod net;
pub mod observe;
pub mod proxy;
pub mod route;
pub mod shard;
pub mod sys;
pub mod tunnel;
pub mod upstream;
