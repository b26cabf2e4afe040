//! Which host a request is for: the authority of an absolute target, else the `Host` field (RFC 9112 3.2, 3.3).
//!
//! An absolute target that contradicts `Host` is refused in HTTP/1.1: what stands behind might believe the other one.
//! In HTTP/1.0, where `Host` is no part of the protocol, the target wins, as with nginx.

pub use super::authority::{Host, InvalidHost, parse};

use super::head::RequestHead;
use super::name::Name;
use super::target::Target;
use super::version::Version;

/// Why a request names no host, or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostError {
    Invalid,
    Duplicate,
    /// HTTP/1.1 requires the field, with an absolute target too.
    Missing,
    ContradictsTarget,
}

impl HostError {
    /// nginx's words for the error log.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Invalid => "client sent invalid host header",
            Self::Duplicate => "client sent duplicate host header",
            Self::Missing => "client sent HTTP/1.1 request without \"Host\" header",
            Self::ContradictsTarget => "client sent \"Host\" header that contradicts the request line",
        }
    }
}

/// The host of a request; `None` when HTTP/1.0 or 0.9 names none.
///
/// # Errors
/// The `Host` field is invalid (even where the target decides), there are two, one is missing, or it contradicts.
pub fn of(head: &RequestHead, target: &Target) -> Result<Option<Host>, HostError> {
    let field = of_fields(head)?;
    if field.is_none() && head.version == Version::Http11 {
        return Err(HostError::Missing);
    }
    match (&target.authority, field) {
        (Some(authority), Some(field)) if head.version == Version::Http11 && !is_same(authority, &field) => {
            Err(HostError::ContradictsTarget)
        }
        (Some(authority), _) => Ok(Some(authority.clone())),
        (None, field) => Ok(field),
    }
}

/// What the `Host` field alone says.
///
/// # Errors
/// It is invalid, or there are two.
pub fn of_fields(head: &RequestHead) -> Result<Option<Host>, HostError> {
    match head.fields.only(Name::Host) {
        Ok(None) => Ok(None),
        Ok(Some(value)) => parse(value).map(Some).map_err(|InvalidHost| HostError::Invalid),
        Err(_) => Err(HostError::Duplicate),
    }
}

/// A port that one of them leaves out contradicts nothing.
fn is_same(a: &Host, b: &Host) -> bool {
    let same_port = match (a.port, b.port) {
        (Some(a), Some(b)) => a == b,
        (None, _) | (_, None) => true,
    };
    a.name == b.name && same_port
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{parse, target};

    fn host(text: &str) -> Result<Option<String>, HostError> {
        let rules = parse::RequestRules::default();
        let (head, _) = parse::request(text.as_bytes(), &rules).unwrap().unwrap();
        let target = target::parse(&head, true).unwrap();
        of(&head, &target).map(|host| host.map(|host| String::from_utf8(host.name.into_vec()).unwrap()))
    }

    fn some(name: &str) -> Result<Option<String>, HostError> {
        Ok(Some(name.to_string()))
    }

    #[test]
    fn the_absolute_target_wins_in_1_0() {
        assert_eq!(host("GET http://A.b:1/ HTTP/1.0\nHost: localhost\n\n"), some("a.b"));
        assert_eq!(host("GET http://A.b:1/ HTTP/1.0\n\n"), some("a.b"));
        assert_eq!(host("GET / HTTP/1.0\nHost: L\n\n"), some("l"));
        assert_eq!(host("GET / HTTP/1.0\n\n"), Ok(None));
        assert_eq!(host("GET /\n"), Ok(None));
    }

    #[test]
    fn in_1_1_both_must_agree() {
        assert_eq!(host("GET http://a/ HTTP/1.1\nHost: b\n\n"), Err(HostError::ContradictsTarget));
        assert_eq!(host("GET http://a:80/ HTTP/1.1\nHost: a:81\n\n"), Err(HostError::ContradictsTarget));
        assert_eq!(host("GET http://a:80/ HTTP/1.1\nHost: A.\n\n"), some("a"));
        assert_eq!(host("GET http://a/ HTTP/1.1\n\n"), Err(HostError::Missing));
        assert_eq!(host("GET / HTTP/1.1\n\n"), Err(HostError::Missing));
    }

    #[test]
    fn a_bad_field_is_refused_even_where_the_target_decides() {
        assert_eq!(host("GET http://a/ HTTP/1.0\nHost: b/\n\n"), Err(HostError::Invalid));
        assert_eq!(host("GET / HTTP/1.0\nHost: \n\n"), Err(HostError::Invalid));
        assert_eq!(host("GET / HTTP/1.0\nHost: localhost\nHost: again\n\n"), Err(HostError::Duplicate));
        assert_eq!(host("GET / HTTP/1.1\nHost: a\nhost: a\n\n"), Err(HostError::Duplicate));
    }
}
