//! What of a peer's answer is changed, hidden or obeyed on its way to the client.

use std::sync::Arc;

use super::{Pattern, Template};

/// `proxy_*` settings that act on an answer.
#[derive(Debug, Clone, Default)]
pub struct ProxyAnswer {
    /// `proxy_redirect`: the first rule that fits changes `Location` and `Refresh`.
    pub redirect: Arc<[Redirect]>,
    /// `proxy_cookie_domain`: the first that fits changes the domain of a cookie.
    pub cookie_domain: Arc<[Replace]>,
    /// `proxy_cookie_path`.
    pub cookie_path: Arc<[Replace]>,
    /// `proxy_cookie_flags`: the first whose cookie it is.
    pub cookie_flags: Arc<[CookieFlags]>,
    /// Names of fields that are not passed on, lower case: nginx's own list, `proxy_hide_header` added and
    /// `proxy_pass_header` taken away.
    pub hidden: Arc<[Box<[u8]>]>,
    /// `proxy_ignore_headers`: fields that would steer this proxy, and do not.
    pub ignores_accel_redirect: bool,
    pub ignores_accel_limit_rate: bool,
    pub ignores_accel_charset: bool,
    pub ignores_accel_buffering: bool,
    /// `proxy_limit_rate`: bytes a second that are read from the peer; empty is no limit.
    pub limit_rate: Template,
    /// `early_hints`: 103 is passed on when one of these is neither empty nor `0`.
    pub early_hints: Arc<[Template]>,
    /// `proxy_pass_trailers`.
    pub pass_trailers: bool,
}

/// One `proxy_redirect`.
#[derive(Debug, Clone)]
pub enum Redirect {
    /// `default`: the location's own [`super::ProxyPass::redirect`].
    Default,
    Replace(Replace),
}

/// Finds a text and says what takes its place.
#[derive(Debug, Clone)]
pub struct Replace {
    pub find: Find,
    pub replacement: Template,
}

/// What is looked for.
#[derive(Debug, Clone)]
pub enum Find {
    /// A beginning, or for domains all of it.
    Text(Template),
    Pattern(Arc<Pattern>),
}

/// `proxy_cookie_flags`: the cookie's name and what becomes of its flags.
#[derive(Debug, Clone)]
pub struct CookieFlags {
    pub name: Find,
    /// `secure`, `nosecure`, `httponly`, `nohttponly`, `samesite=…`, `nosamesite`, or what evaluates to one of them.
    pub flags: Box<[Template]>,
}
