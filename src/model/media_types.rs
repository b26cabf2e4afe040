//! Types of content that something is done to.

use std::sync::Arc;

/// `gzip_types` and its like: names in lower case, `text/html` among them; `None` is every type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaTypes(pub Option<Arc<[Box<[u8]>]>>);

impl Default for MediaTypes {
    /// nginx's: `text/html`.
    fn default() -> Self {
        Self(Some(Arc::new([(*b"text/html").into()])))
    }
}

impl MediaTypes {
    /// Whether a `Content-Type` is one of them, whatever its parameters are.
    #[must_use]
    pub fn list(&self, content_type: Option<&[u8]>) -> bool {
        let Some(types) = &self.0 else { return true };
        let Some(value) = content_type else { return false };
        let without_parameters = value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii_end();
        types.iter().any(|name| name.eq_ignore_ascii_case(without_parameters) || name.eq_ignore_ascii_case(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compared_without_parameters_and_case() {
        let types = MediaTypes::default();
        for (value, is) in [("text/html", true), ("TEXT/HTML; charset=utf-8", true), ("text/htmlx", false), ("", false)]
        {
            assert_eq!(types.list(Some(value.as_bytes())), is, "{value}");
        }
        assert!(!types.list(None));
        assert!(MediaTypes(None).list(None));
    }
}
