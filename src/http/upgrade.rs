//! The WebSocket handshake (RFC 6455 4): what a request asks for, and whether an answer keeps the promise.
//!
//! Strict, because after it both sockets carry bytes that nobody reads: GET, HTTP/1.1, no body, version 13, a key of
//! 16 bytes, and the Accept value for that very key. Other protocols are named and not judged. `h2c` is not offered on.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::fields::Fields;
use super::framing::{self, BodyLength};
use super::head::{RequestHead, ResponseHead};
use super::method::Method;
use super::name::Name;
use super::token;
use super::version::Version;

/// What a request asks its connection to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Nothing, or `h2c` alone, or in a way that RFC 9110 7.8 says to ignore: in HTTP/1.0, or not named in
    /// `Connection`.
    Nothing,
    /// A valid handshake. Whether an answer fits is asked of its fields: see [`verify`].
    WebSocket,
    /// Another protocol: its name, or the first of several.
    Other(Box<[u8]>),
    /// A WebSocket handshake that breaks RFC 6455.
    Refused(Reason),
}

/// Why a handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Method,
    Body,
    /// Not 13. The answer must say `Sec-WebSocket-Version: 13`.
    Version,
    Key,
    Protocol,
}

impl Reason {
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Method => 405,
            Self::Version => 426,
            Self::Body | Self::Key | Self::Protocol => 400,
        }
    }

    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Method => "client sent WebSocket handshake with a method other than GET",
            Self::Body => "client sent WebSocket handshake with a body",
            Self::Version => "client sent WebSocket handshake with a version other than 13",
            Self::Key => "client sent WebSocket handshake without one valid \"Sec-WebSocket-Key\"",
            Self::Protocol => "client sent WebSocket handshake with invalid \"Sec-WebSocket-Protocol\"",
        }
    }
}

/// The protocol's name.
const WEBSOCKET: &[u8] = b"websocket";

/// Questions to a request head.
#[derive(Debug, Clone, Copy)]
pub struct Request;

impl Request {
    /// What the request asks for.
    #[must_use]
    #[inline(never)]
    pub fn of(head: &RequestHead) -> Asked {
        if !may_upgrade(head) {
            return Asked::Nothing;
        }
        if head.fields.has_token(Name::Upgrade, WEBSOCKET) {
            return match check(head) {
                Ok(()) => Asked::WebSocket,
                Err(reason) => Asked::Refused(reason),
            };
        }
        let is_http = |name: &[u8]| token::is_same(name, b"h2c") || token::is_same(name, b"h2");
        let mut named = head.fields.all(Name::Upgrade).flat_map(token::elements);
        named.find(|name| !is_http(name)).map_or(Asked::Nothing, |name| Asked::Other(name.into()))
    }
}

/// Whether the request asks for a WebSocket, in whatever state its handshake is.
#[must_use]
pub fn names_websocket(head: &RequestHead) -> bool {
    may_upgrade(head) && head.fields.has_token(Name::Upgrade, WEBSOCKET)
}

fn may_upgrade(head: &RequestHead) -> bool {
    head.version == Version::Http11 && head.fields.connection().upgrade
}

/// Whether a handshake keeps the rules.
fn check(head: &RequestHead) -> Result<(), Reason> {
    if head.method != Method::Get {
        return Err(Reason::Method);
    }
    match framing::request(head) {
        Ok(BodyLength::None | BodyLength::Length(0)) => {}
        Ok(BodyLength::Length(_) | BodyLength::Chunked | BodyLength::UntilClose) | Err(_) => return Err(Reason::Body),
    }
    let fields = &head.fields;
    if fields.only(Name::SecWebsocketVersion) != Ok(Some(b"13")) {
        return Err(Reason::Version);
    }
    if !matches!(fields.only(Name::SecWebsocketKey), Ok(Some(key)) if is_key(key)) {
        return Err(Reason::Key);
    }
    if !listed(fields, Name::SecWebsocketProtocol).all(token::is_token) {
        return Err(Reason::Protocol);
    }
    Ok(())
}

/// 16 bytes in base64. The four bits that no byte uses may be anything: some clients draw the 22 letters at random.
fn is_key(key: &[u8]) -> bool {
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(|byte| IN_KEYS[usize::from(*byte)])
}

/// The letters of base64, by byte.
const IN_KEYS: [bool; 256] = {
    let mut letters = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        letters[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'+' | b'/');
        byte += 1;
    }
    letters
};

/// The elements of all comma lists of a name.
fn listed(fields: &Fields, name: Name) -> impl Iterator<Item = &[u8]> {
    fields.all(name).flat_map(token::elements)
}

/// How an answer breaks the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    Status(u16),
    Version,
    Upgrade,
    Connection,
    Accept,
    Protocol,
    Extension,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status} instead of 101"),
            Self::Version => f.write_str("101 in HTTP/1.0"),
            Self::Upgrade => f.write_str("101 without \"Upgrade: websocket\""),
            Self::Connection => f.write_str("101 without \"Connection: upgrade\""),
            Self::Accept => f.write_str("101 with a \"Sec-WebSocket-Accept\" that does not fit the key"),
            Self::Protocol => f.write_str("101 with a \"Sec-WebSocket-Protocol\" that was not offered"),
            Self::Extension => f.write_str("101 with a \"Sec-WebSocket-Extensions\" that was not offered"),
        }
    }
}

/// Whether a response accepts the handshake of a request and nothing else (RFC 6455 4.1).
///
/// # Errors
/// It does not; the first thing that is wrong.
#[inline(never)]
pub fn verify(offer: &Fields, response: &ResponseHead) -> Result<(), Mismatch> {
    if response.status != 101 {
        return Err(Mismatch::Status(response.status));
    }
    if response.version != Version::Http11 {
        return Err(Mismatch::Version);
    }
    let fields = &response.fields;
    if !matches!(fields.only(Name::Upgrade), Ok(Some(value)) if token::is_same(value, WEBSOCKET)) {
        return Err(Mismatch::Upgrade);
    }
    if !fields.connection().upgrade {
        return Err(Mismatch::Connection);
    }
    let key = offer.first(Name::SecWebsocketKey).ok_or(Mismatch::Accept)?;
    if fields.only(Name::SecWebsocketAccept) != Ok(Some(&accept_value(key))) {
        return Err(Mismatch::Accept);
    }
    match fields.only(Name::SecWebsocketProtocol) {
        Ok(None) => {}
        Ok(Some(chosen)) if listed(offer, Name::SecWebsocketProtocol).any(|offered| offered == chosen) => {}
        Ok(Some(_)) | Err(_) => return Err(Mismatch::Protocol),
    }
    if fields.has(Name::SecWebsocketExtensions) { verify_extensions(offer, fields) } else { Ok(()) }
}

fn verify_extensions(offer: &Fields, answer: &Fields) -> Result<(), Mismatch> {
    let named = |fields| listed(fields, Name::SecWebsocketExtensions).map(extension_name);
    let is_offered = |name: &[u8]| named(offer).any(|offered| offered == name);
    if named(answer).all(is_offered) { Ok(()) } else { Err(Mismatch::Extension) }
}

/// Without parameters.
fn extension_name(extension: &[u8]) -> &[u8] {
    token::trim(extension.split(|byte| *byte == b';').next().unwrap_or_default())
}

/// `Sec-WebSocket-Accept` for a key.
#[must_use]
pub fn accept_value(key: &[u8]) -> [u8; ACCEPT_BYTES] {
    let digest = Sha1::new().chain_update(key).chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let mut value = [0; ACCEPT_BYTES];
    // There is room: see the length. Zeros would be the value of no key.
    let _ = STANDARD.encode_slice(digest, &mut value);
    value
}

/// 20 bytes in base64.
const ACCEPT_BYTES: usize = 28;

#[cfg(test)]
#[path = "tests/upgrade.rs"]
mod tests;
