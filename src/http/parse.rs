//! Heads from bytes that arrive in pieces. A scanner is kept for one head and asked again as its buffer grows: it looks
//! at each byte once, refuses what can no longer become a head at once, and parses once, when the head is whole.
//! `request` and `response` are the same for a buffer that is looked at only once.

pub use super::error::{FieldError, RequestError, ResponseError};

use super::field_lines::{self, Sender};
use super::fields::Fields;
use super::head::{RequestHead, ResponseHead};
use super::method::Method;
use super::request_line::{self, RequestLine};
use super::scan::{self, Exceeded, LineScanner};
use super::status;
use super::status_line;
use super::version::Version;
use crate::limits::HEAD_FIELD_COUNT_MAX;

/// How request heads are read: `client_header_buffer_size`, `large_client_header_buffers`, `underscores_in_headers`,
/// `ignore_invalid_headers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRules {
    pub buffer_bytes: usize,
    pub large_buffer_bytes: usize,
    pub large_buffer_count: usize,
    pub underscores: bool,
    pub ignore_invalid: bool,
}

impl Default for RequestRules {
    /// nginx's defaults.
    fn default() -> Self {
        Self {
            buffer_bytes: 1024,
            large_buffer_bytes: 8192,
            large_buffer_count: 4,
            underscores: false,
            ignore_invalid: true,
        }
    }
}

/// The head at the front of a buffer and how many bytes it takes; `None` when more bytes are needed.
///
/// # Errors
/// These bytes are no head, whatever follows.
pub fn request(buf: &[u8], rules: &RequestRules) -> Result<Option<(Box<RequestHead>, usize)>, RequestError> {
    RequestScanner::new(rules).push(buf)
}

/// As `request`, for a response whose head may be `head_max` bytes long.
///
/// # Errors
/// These bytes are no head, whatever follows.
pub fn response(buf: &[u8], head_max: usize) -> Result<Option<(Box<ResponseHead>, usize)>, ResponseError> {
    ResponseScanner::new(head_max).push(buf)
}

/// Reads one request head.
#[derive(Debug, Clone)]
pub struct RequestScanner {
    rules: RequestRules,
    lines: LineScanner,
    /// Where the request line begins: empty lines before it are skipped.
    line_at: usize,
    /// Once it is whole: its parts, and where the field lines begin.
    line: Option<(RequestLine, usize)>,
    line_count: usize,
}

impl RequestScanner {
    #[must_use]
    pub fn new(rules: &RequestRules) -> Self {
        let lines = LineScanner::new(rules.buffer_bytes, rules.large_buffer_bytes, rules.large_buffer_count);
        Self { rules: *rules, lines, line_at: 0, line: None, line_count: 0 }
    }

    /// Looks at what is new in the buffer, which must begin with the same bytes each time.
    ///
    /// # Errors
    /// These bytes are no head, whatever follows.
    pub fn push(&mut self, buf: &[u8]) -> Result<Option<(Box<RequestHead>, usize)>, RequestError> {
        if self.line.is_none() && !self.read_line(buf)? {
            return Ok(None);
        }
        let Some((line, fields_at)) = &self.line else { return Ok(None) };
        let text = &buf[self.line_at..*fields_at];
        if line.version == Version::Http09 {
            return Ok(Some((self.head(line, text, Fields::new()), *fields_at)));
        }
        let RequestRules { underscores, ignore_invalid, .. } = self.rules;
        let sender = Sender::Client { underscores, ignore_invalid };
        if let Some((fields, end)) =
            self.lines.in_room(buf, *fields_at).and_then(|block| field_lines::parse_front(block, sender))
        {
            return Ok(Some((self.head(line, text, fields), fields_at + end)));
        }
        let end = {
            match find_end(&mut self.lines, &mut self.line_count, buf) {
                Ok(Some(end)) => end,
                Ok(None) => return Ok(None),
                Err(TooLarge::Bytes) => return Err(RequestError::HeadTooLarge),
                Err(TooLarge::Count) => return Err(FieldError::TooMany.into()),
            }
        };
        let fields = field_lines::parse(&buf[*fields_at..end], sender)?;
        Ok(Some((self.head(line, text, fields), end)))
    }

    /// Whether the request line was met; its parts are kept.
    fn read_line(&mut self, buf: &[u8]) -> Result<bool, RequestError> {
        loop {
            let new_from = self.lines.scanned();
            let found = self.lines.next(buf).map_err(|Exceeded| self.too_long(buf))?;
            let Some(range) = found else {
                self.line_at = self.lines.position();
                check_partial(&buf[self.line_at..], new_from.saturating_sub(self.line_at))?;
                return Ok(false);
            };
            let text = scan::without_end(&buf[range.clone()]);
            if text.is_empty() {
                continue;
            }
            let line = match request_line::parse(text) {
                Ok(line) => line,
                Err(error) => {
                    // The look that an unfinished line gets comes first: the reason does not depend on how bytes arrive.
                    check_partial(&buf[range.start..range.end - 1], 0)?;
                    return Err(error);
                }
            };
            self.line_at = range.start;
            self.line = Some((line, range.end));
            return Ok(true);
        }
    }

    /// What was wrong before the line became too long comes first: the answer does not depend on how bytes arrive.
    /// Empty lines without end are no long URI.
    fn too_long(&self, buf: &[u8]) -> RequestError {
        let rest = &buf[self.lines.position()..];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        if matches!(line, b"" | b"\r") {
            return RequestError::Line;
        }
        let bound_bytes = self.rules.buffer_bytes.max(self.rules.large_buffer_bytes);
        match check_partial(&line[..line.len().min(bound_bytes)], 0) {
            Ok(()) => RequestError::LineTooLong,
            Err(error) => error,
        }
    }

    fn head(&self, line: &RequestLine, text: &[u8], fields: Fields) -> Box<RequestHead> {
        Box::new(RequestHead {
            method: Method::of(&text[line.method.clone()]),
            target_at: line.target.clone(),
            version: line.version,
            fields,
            line: scan::without_end(text).into(),
        })
    }
}

/// Refuses early what no line end can mend: another protocol, a control byte. Looks from `seen` on.
fn check_partial(line: &[u8], seen: usize) -> Result<(), RequestError> {
    match line {
        [] | [b'\r'] => return Ok(()),
        [first, ..] if !request_line::begins_method(*first) => return Err(RequestError::Method),
        [_, ..] => {}
    }
    // A CR may be the first half of the line's end if it is the last byte.
    let new = &line[seen.saturating_sub(1).min(line.len())..];
    let (last, before) = new.split_last().map_or((b' ', new), |(last, before)| (*last, before));
    let is_broken = |byte: u8| byte < b' ' || byte == 0x7f;
    if before.iter().any(|byte| is_broken(*byte)) || (is_broken(last) && last != b'\r') {
        let behind_method = line.iter().find(|byte| !request_line::begins_method(**byte));
        return Err(if behind_method == Some(&b' ') { RequestError::Line } else { RequestError::Method });
    }
    Ok(())
}

/// Reads one response head.
#[derive(Debug, Clone)]
pub struct ResponseScanner {
    lines: LineScanner,
    fields_at: Option<usize>,
    line_count: usize,
}

impl ResponseScanner {
    #[must_use]
    pub fn new(head_max: usize) -> Self {
        Self { lines: LineScanner::new(head_max, 0, 0), fields_at: None, line_count: 0 }
    }

    /// Looks at what is new in the buffer, which must begin with the same bytes each time.
    ///
    /// # Errors
    /// These bytes are no head, whatever follows. `NoStatusLine` as soon as that is known: what came is then either an
    /// HTTP/0.9 answer or not HTTP, for the caller to decide.
    pub fn push(&mut self, buf: &[u8]) -> Result<Option<(Box<ResponseHead>, usize)>, ResponseError> {
        if buf.is_empty() {
            return Ok(None);
        }
        if !status_line::may_begin(buf) {
            return Err(ResponseError::NoStatusLine);
        }
        let (fields_at, known) = match self.fields_at {
            Some(at) => (at, None),
            None => {
                let found = self.lines.next(buf).map_err(|Exceeded| ResponseError::HeadTooLarge)?;
                let Some(range) = found else { return Ok(None) };
                let line = status_line::parse(scan::without_end(&buf[range.clone()]))?;
                (*self.fields_at.insert(range.end), Some(line))
            }
        };
        let front =
            self.lines.in_room(buf, fields_at).and_then(|block| field_lines::parse_front(block, Sender::Upstream));
        let (fields, end) = match front {
            Some((fields, end)) => (fields, fields_at + end),
            None => {
                let end = match find_end(&mut self.lines, &mut self.line_count, buf) {
                    Ok(Some(end)) => end,
                    Ok(None) => return Ok(None),
                    Err(TooLarge::Bytes) => return Err(ResponseError::HeadTooLarge),
                    Err(TooLarge::Count) => return Err(FieldError::TooMany.into()),
                };
                (field_lines::parse(&buf[fields_at..end], Sender::Upstream)?, end)
            }
        };
        let line = match known {
            Some(line) => line,
            None => status_line::parse(scan::without_end(&buf[..fields_at]))?,
        };
        let reason = match line.reason {
            usual if usual == status::reason(line.status).as_bytes() => Box::default(),
            own => own.into(),
        };
        let head = Box::new(ResponseHead { version: line.version, status: line.status, reason, fields });
        Ok(Some((head, end)))
    }
}

enum TooLarge {
    Bytes,
    Count,
}

impl From<Exceeded> for TooLarge {
    fn from(Exceeded: Exceeded) -> Self {
        Self::Bytes
    }
}

/// The end of the empty line that ends the head.
fn find_end(lines: &mut LineScanner, line_count: &mut usize, buf: &[u8]) -> Result<Option<usize>, TooLarge> {
    while let Some(range) = lines.next(buf)? {
        if matches!(&buf[range.clone()], b"\n" | b"\r\n") {
            return Ok(Some(range.end));
        }
        *line_count += 1;
        // Ignored lines count too: they cost as much to read.
        if *line_count > HEAD_FIELD_COUNT_MAX {
            return Err(TooLarge::Count);
        }
    }
    Ok(None)
}

#[cfg(test)]
#[path = "tests/parse.rs"]
mod tests;
