//! The life of a client connection: requests in, answers out, peers in between, until it ends or becomes a tunnel.
//!
//! Begin with `exchange`. This module decides through `http`, `route` and `upstream` and moves bytes through `net`;
//! it knows nothing of threads, signals, the configuration's text, or how a tunnel works.

mod access;
mod added_fields;
mod admission;
mod answer;
mod answer_fields;
mod answer_variables;
mod backlog;
mod body;
mod charset;
mod client;
mod compressor;
mod computed;
pub mod connection;
mod cookie;
mod destination;
mod early_hints;
mod exchange;
mod facts;
mod failure;
mod files;
mod gzip;
mod handover;
mod limit_status;
mod linger;
mod pace;
mod parked;
mod pass;
mod peer;
mod preface;
mod rate;
mod real_ip;
mod replace;
mod request_body;
mod respond;
mod responder;
mod retry;
mod rewrite;
mod seats;
mod sent;
mod shard;
mod spool;
mod status_page;
mod steps;
mod stream_server;
mod subrequest;
mod upgrade;
mod variables;

pub use compressor::release as release_encoders;
pub use exchange::{Ground, Sample};
pub use handover::{Ends, Kept};
pub use parked::Parked;
pub use shard::{Shard, ShardParts};
