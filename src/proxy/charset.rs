//! What the type of an answer says of its characters.

use super::exchange::Exchange;
use crate::http::{Fields, Name};

/// Adds the location's character set to the type of an answer.
pub fn label(exchange: &Exchange<'_>, status: u16, fields: &mut Fields) {
    // As in nginx: a browser of old took the character set of such an answer for that of the page it led to.
    if exchange.location.charset.is_empty() || matches!(status, 301 | 302) {
        return;
    }
    if let Some(labelled) = fields.first(Name::ContentType).and_then(|plain| labelled(exchange, plain)) {
        fields.set(Name::ContentType, &labelled);
    }
}

/// A type with the location's character set, if it is to have one.
pub fn labelled(exchange: &Exchange<'_>, content_type: &[u8]) -> Option<Vec<u8>> {
    let location = &exchange.location;
    if location.charset.is_empty() || content_type.contains(&b';') || !location.charset_types.list(Some(content_type)) {
        return None;
    }
    let name = exchange.evaluate(&location.charset);
    (!name.is_empty()).then(|| [content_type, b"; charset=", &name].concat())
}
