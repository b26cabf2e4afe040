//! What the user wrote of the directives that change a request or an answer on its way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::lexer::Word;
use crate::config::source::Span;
use crate::model::Pattern;

/// Directives that act on an answer.
#[derive(Debug, Default)]
pub struct RawProxyAnswer {
    /// Empty for `off`.
    pub redirect: Option<Vec<RawRedirect>>,
    pub cookie_domain: Option<Vec<RawReplace>>,
    pub cookie_path: Option<Vec<RawReplace>>,
    pub cookie_flags: Option<Vec<RawCookieFlags>>,
    pub hide_header: Vec<String>,
    pub pass_header: Vec<String>,
    pub ignore_headers: Option<Vec<String>>,
    pub limit_rate: Option<Word>,
    pub early_hints: Option<Vec<Word>>,
    pub pass_trailers: Option<bool>,
}

/// `proxy_redirect`.
#[derive(Debug)]
pub enum RawRedirect {
    Default,
    Replace(RawReplace),
}

/// A pair of what is looked for and what takes its place.
#[derive(Debug)]
pub struct RawReplace {
    pub find: RawFind,
    pub replacement: Word,
}

/// What is looked for.
#[derive(Debug)]
pub enum RawFind {
    Text(Word),
    Pattern(Arc<Pattern>),
}

/// `proxy_cookie_flags`.
#[derive(Debug)]
pub struct RawCookieFlags {
    pub name: RawFind,
    pub flags: Vec<Word>,
}

/// Directives that act on the request.
#[derive(Debug, Default)]
pub struct RawProxyRequest {
    pub method: Option<Word>,
    pub pass_request_headers: Option<bool>,
    pub pass_request_body: Option<bool>,
    pub set_body: Option<Word>,
    pub request_buffering: Option<bool>,
    /// `None` inside is `off`.
    pub bind: Option<Option<Word>>,
    pub socket_keepalive: Option<bool>,
}

/// When another peer is tried.
#[derive(Debug, Default)]
pub struct RawProxyRetry {
    /// Words of `proxy_next_upstream`; empty for `off`.
    pub on: Option<Vec<String>>,
    pub tries: Option<u64>,
    pub timeout: Option<Duration>,
}

/// `proxy_buffering` and what goes with it. A [`Span`] is where a size stands.
#[derive(Debug, Default)]
pub struct RawBuffering {
    pub is_on: Option<bool>,
    pub buffers: Option<(usize, usize)>,
    pub busy_size: Option<(usize, Span)>,
    pub max_temp_file_size: Option<(u64, Span)>,
    pub temp_path: Option<(PathBuf, Vec<usize>)>,
}

impl RawBuffering {
    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { is_on, buffers, busy_size, max_temp_file_size, temp_path } = self;
        is_on.is_none()
            && buffers.is_none()
            && busy_size.is_none()
            && max_temp_file_size.is_none()
            && temp_path.is_none()
    }
}
