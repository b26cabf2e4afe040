//! longhaul: a reverse proxy for Linux that holds as many long-lived WebSocket connections as the machine can carry.
//!
//! # From a client to a peer and back
//!
//! A *shard* is one thread on one core with its own io_uring runtime and its own `SO_REUSEPORT` listeners. It accepts a
//! connection and gives it to [`proxy`], which reads a head, parses it with [`http`], asks [`route`] for the virtual
//! server and the location, [`upstream`] for a peer, rewrites the head, forwards the message, and brings the answer back:
//! that is one *exchange*. After a verified 101 both sockets go by value into [`tunnel`], an engine on a second ring,
//! and nothing else can write to them any more. What has ended is told to [`observe`].
//!
//! A connection to a server of `stream` is such an exchange without a head: see `proxy::stream_server`.
//!
//! Sockets that carry messages are registered with one epoll instance, which the ring waits for: see [`net::readiness`].
//!
//! Decisions are pure functions; moving bytes is asynchronous and decides nothing. Begin reading with `proxy::exchange`.
//!
//! # Who owns what
//!
//! | module | owns | knows nothing of |
//! |---|---|---|
//! | [`cli`] | flags, the ways to start without a file | what a start is |
//! | [`control`] | the process: start, reload, stop, signals, privileges, and what the host allows it; the only importer of [`config`] | messages |
//! | [`config`] | the dialect: text -> [`model`], every error with its place | sockets, threads |
//! | [`shard`] | one thread: runtime, listeners, mailbox, counts | the syntax of messages |
//! | [`proxy`] | a client connection from accept to its end or its tunnel | threads, signals, how a tunnel works |
//! | [`tunnel`] | pairs of sockets after an upgrade, and parked ones, on a ring of its own | HTTP, logs, configuration |
//! | [`transport`] | connections that carry messages: a socket, or TLS over one | HTTP, configuration |
//! | [`names`] | addresses of names that are asked for while requests are served | requests, groups |
//! | [`zones`] | what `limit_conn` and `limit_req` count by key, for all shards | requests |
//! | [`upstream`] | which peer, and what is known about the peers of all shards | messages |
//! | [`route`] | (listener, host, path) -> location | messages, connections, time |
//! | [`observe`] | error log, access logs, counters, the table of endings | connections |
//! | [`tls`] | certificates, and TLS as a machine over bytes | sockets, messages |
//! | [`net`] | bytes and sockets: streams, listeners, connecting, lent buffers | HTTP, configuration |
//! | [`http`] | RFC 9110, 9112 and 6455 as functions over bytes | I/O, time, configuration |
//! | [`model`] | the contract: the immutable data of one generation | how it was written |
//! | [`limits`] | every bound, with its reason | |
//! | [`sys`] | all unsafe code, behind safe signatures | what it is used for |
//!
//! # Layers
//!
//! A module imports only from below; `config` sees `model` and `limits` alone. `tests/tidy.rs` reads the source and holds
//! this, the lengths of files and functions, and the words.
//!
//! `main > cli > control > shard > proxy, tunnel > transport > upstream, zones, names, route, observe, tls, net > http, model > limits, sys`
//!
//! # What always holds
//!
//! - One loaded configuration is a *generation*: immutable, shared by all shards, replaced as a whole. A connection, and
//!   the tunnel it may become, stays with the generation it was accepted by.
//! - A client's bytes after an upgrade request reach the peer after a verified 101, or nobody. A connection that carried
//!   an upgrade is used for nothing else after it.
//! - A message whose end two parsers could see in two places is refused, from either side.
//! - What waits holds no buffer: a client's connection that is idle for a second is *parked*, 96 bytes without a task until
//!   something comes; a quiet tunnel is a slot of 112 bytes.
//! - Every queue, buffer and wait has a bound, in [`limits`] or by a directive.
//! - A panic ends the connection it happened in, and is an `[alert]` in the log, as is anything left open at the end.
//! - Directions are called `to_upstream` and `to_client`; a *peer* is one address of an *upstream*, which is a group.

pub mod cli;
pub mod config;
pub mod control;
pub mod http;
pub mod limits;
pub mod model;
pub mod names;
pub mod net;
pub mod observe;
pub mod proxy;
pub mod route;
pub mod shard;
pub mod sys;
pub mod tls;
pub mod transport;
pub mod tunnel;
pub mod upstream;
pub mod zones;
