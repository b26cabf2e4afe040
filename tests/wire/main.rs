//! Wire tests: a configuration, the exact bytes a peer sees and answers, the exact bytes the client gets.
//!
//! Every case runs the real binary; stopping it also asserts that it ends well and leaves nothing open.

// A test says no by a panic, and so do the functions it calls.
#![allow(clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod added_fields;
mod answer_fields;
mod answers;
mod auth_request;
mod balance;
mod bodies;
mod broken_configurations;
mod buffering;
mod charset;
mod command_line;
mod computed;
mod doctor;
mod early_hints;
mod error_logs;
mod error_pages;
mod exhaustion;
mod files;
mod forward;
mod framing;
mod gzip;
mod gzip_streams;
mod hostile;
mod hostile_heads;
mod hosts;
mod limits;
mod lingering;
mod locations;
mod log_files;
mod logs;
mod maps;
mod names;
mod parked;
mod peer_figures;
mod rates;
mod real_addresses;
mod repeated_fields;
mod request_bodies;
mod retries;
mod rewrite;
mod signals;
mod ssi;
mod ssi_includes;
mod status_page;
mod steps;
mod stream;
mod stream_endings;
mod stream_rates;
mod stream_tls;
mod stream_tls_peers;
mod supervised;
mod syslog;
mod targets;
mod timeouts;
mod tls;
mod tls_handshakes;
mod tls_names;
mod tls_peers;
mod tls_tunnels;
mod tunnel;
mod tunnel_cuts;
mod tunnel_endings;
mod unix;
mod upgrade;
mod upgrade_refused;
mod upstream_connections;
