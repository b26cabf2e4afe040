//! What the target of a request names: a path, normalized as nginx does it, and arguments, as received.
//!
//! Origin form and absolute form name a resource here. The authority form belongs to CONNECT, which no location
//! serves; only its form is judged. The asterisk form names no resource that a location could have: refused, as with
//! nginx. A fragment is cut off and never passed on.

use std::ops::Range;

use super::authority::{self, Host};
use super::encode;
use super::head::RequestHead;
use super::method::Method;
use super::token;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Decoded, without `.` and `..` segments, begins with a slash: `$uri`.
    pub path: Vec<u8>,
    /// Where the path lies in the target; `None` when that has none: the path is `/` then.
    pub raw_path: Option<Range<usize>>,
    /// What follows the `?`, as received; `Some` and empty behind a lone `?`.
    pub args: Option<Vec<u8>>,
    /// Of the absolute form, or of CONNECT.
    pub authority: Option<Host>,
}

/// Why a target names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetError {
    /// Neither a path nor an absolute URI.
    Form,
    /// A space, a control byte.
    Byte,
    /// `%` without two hexadecimal digits, or `%00`.
    Escape,
    /// `..` above the root.
    AboveRoot,
    /// The authority of the absolute form, or of CONNECT.
    Host,
}

impl TargetError {
    /// nginx's words for the error log.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Form | Self::Byte | Self::Escape | Self::AboveRoot => "client sent invalid request",
            Self::Host => "client sent invalid host in request line",
        }
    }
}

/// Reads the target of a request.
///
/// # Errors
/// It has no form that fits the method, or names something above the root.
pub fn parse(head: &RequestHead, merge_slashes: bool) -> Result<Target, TargetError> {
    let target = head.target();
    if token::has_space(target) {
        return Err(TargetError::Byte);
    }
    if head.method == Method::Connect {
        let authority = Some(connect_authority(target)?);
        return Ok(Target { path: b"/".to_vec(), raw_path: None, args: None, authority });
    }
    let (authority, rest) = match split_absolute(target)? {
        Some((authority, rest)) => (Some(authority), rest),
        None => (None, target),
    };
    let path_at = target.len() - rest.len();
    let (raw_path, args) = split(rest);
    let authority = match authority {
        Some(authority) => Some(authority::parse(authority).map_err(|_| TargetError::Host)?),
        None => None,
    };
    let (path, raw_path) = match raw_path {
        [] => (b"/".to_vec(), None),
        [..] => (normalize(raw_path, merge_slashes)?, Some(path_at..path_at + raw_path.len())),
    };
    Ok(Target { path, raw_path, args: args.map(<[u8]>::to_vec), authority })
}

/// The target without scheme and authority: `$request_uri`.
#[must_use]
pub fn unparsed(target: &[u8]) -> &[u8] {
    match split_absolute(target) {
        Ok(Some((_, b""))) => b"/",
        Ok(Some((_, rest))) => rest,
        Ok(None) | Err(_) => target,
    }
}

type Parts<'t> = (&'t [u8], &'t [u8]);

/// Authority and rest of the absolute form; `None` for the origin form.
fn split_absolute(target: &[u8]) -> Result<Option<Parts<'_>>, TargetError> {
    match target.first() {
        Some(b'/') => return Ok(None),
        Some(first) if first.is_ascii_alphabetic() => {}
        Some(_) | None => return Err(TargetError::Form),
    }
    let is_scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let scheme_end = target.iter().position(|byte| !is_scheme_byte(byte)).ok_or(TargetError::Form)?;
    let rest = target[scheme_end..].strip_prefix(b"://").ok_or(TargetError::Form)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if !is_plain_authority(authority) {
        return Err(TargetError::Form);
    }
    Ok(Some((authority, rest)))
}

/// The request line allows fewer bytes in a name than the `Host` field does.
fn is_plain_authority(authority: &[u8]) -> bool {
    authority.first() == Some(&b'[')
        || authority.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'))
}

/// `host:port` with a port.
fn connect_authority(target: &[u8]) -> Result<Host, TargetError> {
    if !is_plain_authority(target) {
        return Err(TargetError::Form);
    }
    let host = authority::parse(target).map_err(|_| TargetError::Form)?;
    if host.port.is_some() { Ok(host) } else { Err(TargetError::Form) }
}

/// Path and arguments, the fragment cut off.
fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let target = match memchr::memchr(b'#', target) {
        Some(at) => &target[..at],
        None => target,
    };
    match memchr::memchr(b'?', target) {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    }
}

/// Where in a segment the normalization stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Usual,
    /// Behind a slash.
    Slash,
    /// Behind `/.`.
    Dot,
    /// Behind `/..`.
    DotDot,
}

/// Decodes escapes, removes `.` and `..` segments, merges slashes. An escaped dot or slash counts as a plain one; an
/// escaped `%`, `#` or `?` stands for itself.
///
/// # Errors
/// A bad escape, `%00`, `..` above the root, a space or control byte, a path that does not begin with a slash.
pub fn normalize(raw: &[u8], merge_slashes: bool) -> Result<Vec<u8>, TargetError> {
    if raw.first() != Some(&b'/') {
        return Err(TargetError::Form);
    }
    if is_normal(raw) {
        return Ok(raw.to_vec());
    }
    let mut path = Vec::with_capacity(raw.len());
    let mut state = State::Usual;
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let byte = match first {
            b'%' => {
                let [high, low, tail @ ..] = tail else { return Err(TargetError::Escape) };
                rest = tail;
                match decoded(*high, *low)? {
                    0 => return Err(TargetError::Escape),
                    literal @ (b'%' | b'#' | b'?') => {
                        path.push(literal);
                        state = State::Usual;
                        continue;
                    }
                    byte => byte,
                }
            }
            0..=b' ' | 0x7f => return Err(TargetError::Byte),
            byte => *byte,
        };
        state = step(&mut path, state, byte, merge_slashes)?;
    }
    match state {
        State::Usual | State::Slash => {}
        State::Dot => path.truncate(path.len() - 1),
        State::DotDot => ascend(&mut path)?,
    }
    Ok(path)
}

fn step(path: &mut Vec<u8>, state: State, byte: u8, merge_slashes: bool) -> Result<State, TargetError> {
    match (state, byte) {
        (State::Slash, b'/') => {
            if !merge_slashes {
                path.push(byte);
            }
            return Ok(State::Slash);
        }
        (State::Dot, b'/') => {
            path.truncate(path.len() - 1);
            return Ok(State::Slash);
        }
        (State::DotDot, b'/') => {
            ascend(path)?;
            return Ok(State::Slash);
        }
        (State::Usual | State::Slash | State::Dot | State::DotDot, _) => path.push(byte),
    }
    Ok(match (state, byte) {
        (State::Usual, b'/') => State::Slash,
        (State::Slash, b'.') => State::Dot,
        (State::Dot, b'.') => State::DotDot,
        (State::Usual | State::Slash | State::Dot | State::DotDot, _) => State::Usual,
    })
}

/// Removes `SEGMENT/..` from the end of a path that ends with `/..`.
fn ascend(path: &mut Vec<u8>) -> Result<(), TargetError> {
    path.truncate(path.len().saturating_sub(b"/..".len()));
    let parent = path.iter().rposition(|byte| *byte == b'/').ok_or(TargetError::AboveRoot)?;
    path.truncate(parent + 1);
    Ok(())
}

/// Nothing to decode, no dot behind a slash, no two slashes: most paths.
fn is_normal(raw: &[u8]) -> bool {
    let mut after_slash = false;
    raw.iter().all(|byte| match byte {
        b'%' | 0..=b' ' | 0x7f => false,
        b'/' if after_slash => false,
        b'.' if after_slash => false,
        byte => {
            after_slash = *byte == b'/';
            true
        }
    })
}

fn decoded(high: u8, low: u8) -> Result<u8, TargetError> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8).ok_or(TargetError::Escape);
    Ok(digit(high)? << 4 | digit(low)?)
}

/// Escapes a decoded path for a request line as nginx does: what RFC 3986 does not allow there, and `%`, `?`, `#`.
#[must_use]
pub fn escape(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for byte in path {
        if needs_escape(*byte) { encode::percent_encoded(&mut out, *byte) } else { out.push(*byte) }
    }
    out
}

fn needs_escape(byte: u8) -> bool {
    byte <= b' ' || byte >= 0x7f || b"\"#%<>?\\^`{|}".contains(&byte)
}

#[cfg(test)]
#[path = "tests/target.rs"]
mod tests;
