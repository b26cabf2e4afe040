//! Bytes and sockets. Nothing here knows HTTP or the configuration's syntax.

pub mod accept;
pub mod buffer;
pub mod connect;
mod deadline;
pub mod early;
pub mod listener;
pub mod moment;
pub mod proxy_protocol;
pub mod readiness;
pub mod spare;
pub mod stream;
pub mod timer;
pub mod turn;
