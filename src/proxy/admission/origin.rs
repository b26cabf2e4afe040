//! `websocket_origin`: whether a page may open a WebSocket (RFC 6455 10.2). Pure.

use crate::model::OriginRule;

/// Whether one of the rules lets an origin in; `None` is a request that names none.
#[must_use]
pub fn is_allowed(rules: &[OriginRule], origin: Option<&[u8]>) -> bool {
    let Some(origin) = origin else { return rules.contains(&OriginRule::Missing) };
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    let origin = origin.to_ascii_lowercase();
    rules.iter().any(|rule| match rule {
        OriginRule::Missing => false,
        OriginRule::Page { scheme, host, is_wildcard, port } => {
            let (found_scheme, rest) = match origin.split_once("://") {
                Some((scheme, rest)) => (Some(scheme), rest),
                None => (None, origin.as_str()),
            };
            let rest = match port {
                Some(port) => rest.strip_suffix(&format!(":{port}")),
                None => Some(rest),
            };
            let names_host = rest.is_some_and(|rest| match is_wildcard {
                true => rest.strip_suffix(&**host).is_some_and(is_labels),
                false => rest == &**host,
            });
            names_host && (scheme.is_none() || scheme.as_deref() == found_scheme)
        }
    })
}

/// One or more labels with the dot behind them, and nothing that would end the host.
fn is_labels(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.len() > 1 && text.ends_with('.') && !text.starts_with('.') && text.bytes().all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(scheme: Option<&str>, host: &str, is_wildcard: bool, port: Option<u16>) -> OriginRule {
        OriginRule::Page { scheme: scheme.map(Into::into), host: host.into(), is_wildcard, port }
    }

    fn allowed(rule: OriginRule, origin: &str) -> bool {
        is_allowed(&[rule], Some(origin.as_bytes()))
    }

    #[test]
    fn an_exact_origin_is_compared_without_case() {
        let rule = || page(Some("https"), "example.com", false, None);
        assert!(allowed(rule(), "https://example.com"));
        assert!(allowed(rule(), "HTTPS://Example.COM"));
        for other in
            ["http://example.com", "https://example.com:8443", "https://a.example.com", "https://example.com.evil", ""]
        {
            assert!(!allowed(rule(), other), "{other}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_names_below_the_host() {
        let rule = || page(Some("https"), "example.com", true, None);
        assert!(allowed(rule(), "https://a.example.com"));
        assert!(allowed(rule(), "https://a.b.example.com"));
        for other in [
            "https://example.com",
            "https://evilexample.com",
            "https://.example.com",
            "https://evil/.example.com",
            "https://evil@x.example.com",
            "https://evil:1.example.com",
            "https://a.example.com.evil",
        ] {
            assert!(!allowed(rule(), other), "{other}");
        }
    }

    #[test]
    fn port_and_scheme_count_when_they_are_written() {
        assert!(allowed(page(None, "example.com", false, None), "http://example.com"));
        assert!(allowed(page(None, "example.com", false, Some(8080)), "http://example.com:8080"));
        assert!(!allowed(page(None, "example.com", false, Some(8080)), "http://example.com"));
        assert!(allowed(page(None, "[::1]", false, Some(80)), "http://[::1]:80"));
        assert!(allowed(page(None, "null", false, None), "null"));
    }

    #[test]
    fn no_origin_needs_a_rule_of_its_own() {
        assert!(is_allowed(&[OriginRule::Missing], None));
        assert!(!is_allowed(&[OriginRule::Missing], Some(b"https://example.com")));
        assert!(!is_allowed(&[page(None, "example.com", false, None)], None));
        assert!(!is_allowed(&[], None));
    }
}
