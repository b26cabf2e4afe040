//! What the type of an answer says of its characters.

use super::exchange::Exchange;
use crate::http::{Fields, Name};
use crate::model::LogLevel;

/// Adds the location's character set to the type of an answer, or that which a peer asks for.
pub fn label(exchange: &Exchange<'_>, status: u16, fields: &mut Fields) {
    // As in nginx: a browser of old took the character set of such an answer for that of the page it led to.
    if (exchange.location.charset.is_empty() && exchange.accel_charset.is_none()) || matches!(status, 301 | 302) {
        return;
    }
    // Parts have labels of their own.
    let plain = fields.first(Name::ContentType).filter(|plain| !plain.starts_with(b"multipart/byteranges;"));
    if let Some(labelled) = plain.and_then(|plain| labelled(exchange, plain)) {
        fields.set(Name::ContentType, &labelled);
    }
}

/// A type with a character set, if it is to have one.
pub fn labelled(exchange: &Exchange<'_>, content_type: &[u8]) -> Option<Vec<u8>> {
    let location = &exchange.location;
    if let Some(asked) = &exchange.accel_charset {
        let known = &exchange.shard.generation.serving.charsets;
        if known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(asked)) {
            return (!has_charset(content_type)).then(|| with(content_type, asked));
        }
        let text = format_args!("unknown charset \"{}\" to override", asked.escape_ascii());
        exchange.report(LogLevel::Error, text);
        return None;
    }
    if location.charset.is_empty() || !location.charset_types.list(Some(content_type)) {
        return None;
    }
    // A type with parameters is none of a list.
    if has_charset(content_type) || (location.charset_types.0.is_some() && content_type.contains(&b';')) {
        return None;
    }
    let name = exchange.evaluate(&location.charset);
    (!name.is_empty()).then(|| with(content_type, &name))
}

fn with(content_type: &[u8], charset: &[u8]) -> Vec<u8> {
    [content_type, b"; charset=", charset].concat()
}

fn has_charset(content_type: &[u8]) -> bool {
    const NAME: &[u8] = b"charset=";
    content_type.split(|byte| *byte == b';').skip(1).any(|parameter| {
        parameter.trim_ascii_start().get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME))
    })
}
