//! Text with variables in it.

use super::Variable;

/// A value such as `$scheme://$host/x`, split at its variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    pub parts: Box<[Part]>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(Box<[u8]>),
    Variable(Variable),
}

impl Template {
    /// A template without variables.
    #[must_use]
    pub fn text(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        Self { parts: Box::new([Part::Text(bytes.into())]) }
    }

    /// The value, if it is the same for every request.
    #[must_use]
    pub fn as_text(&self) -> Option<&[u8]> {
        match &*self.parts {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether the value is empty for every request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}
