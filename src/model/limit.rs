//! `limit_conn` and `limit_req`: how much one key may have at a time, or in a time.

use std::sync::Arc;

use super::{LogLevel, Protocol, Template};

/// Index into [`super::Serving::zones`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZoneId(pub u16);

/// One `limit_conn_zone` or `limit_req_zone`: a memory of keys that all shards share.
#[derive(Debug)]
pub struct Zone {
    pub name: Box<str>,
    pub protocol: Protocol,
    /// What is counted by; an empty value is not counted.
    pub key: Template,
    /// The key as written: a zone of another generation with the same one goes on.
    pub key_text: Box<str>,
    /// How much memory the keys may take.
    pub bytes_max: usize,
    pub counts: Counts,
}

/// What a zone counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    Connections,
    /// Requests, and how many thousandths of one each second takes away again.
    Requests {
        rate: u64,
    },
}

/// All limits of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub conns: Arc<[LimitConn]>,
    pub conn_reply: LimitReply,
    pub reqs: Arc<[LimitReq]>,
    pub req_reply: LimitReply,
}

/// One `limit_conn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitConn {
    pub zone: ZoneId,
    /// Most requests and tunnels of a key at a time.
    pub most: u32,
}

/// One `limit_req`; amounts in thousandths of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitReq {
    pub zone: ZoneId,
    /// What a key may have above its rate.
    pub burst: u64,
    /// Above this requests wait; `None` is `nodelay`.
    pub delay_above: Option<u64>,
}

/// What happens at a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitReply {
    /// `limit_conn_status`, `limit_req_status`.
    pub status: u16,
    /// `limit_conn_log_level`, `limit_req_log_level`.
    pub log_level: LogLevel,
    /// `limit_conn_dry_run`, `limit_req_dry_run`: it is only logged.
    pub dry_run: bool,
}

impl Default for LimitReply {
    fn default() -> Self {
        Self { status: 503, log_level: LogLevel::Error, dry_run: false }
    }
}

impl Limits {
    /// Whether nothing is counted.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.conns.is_empty() && self.reqs.is_empty()
    }
}

impl Default for Limits {
    fn default() -> Self {
        let reply = LimitReply::default();
        Self { conns: Arc::default(), conn_reply: reply, reqs: Arc::default(), req_reply: reply }
    }
}
