//! How the client's connection, its heads and its bodies are treated.

use std::path::Path;
use std::time::Duration;

use super::{body, tunnel};
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawClient, RawClientHead, RawLevel};
use crate::config::table::*;
use crate::config::{diagnostic::Fault, value};
use crate::model::{Client, ClientHead, IfModifiedSince};

/// nginx compares the buffers of heads with this, its `connection_pool_size`.
const HEAD_BUFFER_BYTES_MIN: usize = 512;

const fn head(name: &'static str, arity: Arity, setter: Setter, doc: &'static str) -> Directive {
    supported(name, HTTP | SERVER, arity, setter, doc)
}

pub const TABLE: &[Directive] = &[
    level("client_max_body_size", ONE, max_body_size, "Largest body of a request (1m); 0 is no limit."),
    level_time("client_body_timeout", |level| &mut level.client.body_timeout, "Longest pause within a body (60s)."),
    level_size(
        "client_body_buffer_size",
        |level| &mut level.client.body_buffer_size,
        "Bytes of a body that are held at a time (8k).",
    ),
    level(
        "send_timeout",
        ONE,
        |level, line| tunnel::shared_time(&mut level.client.send_timeout, line),
        "How long a client may take nothing while bytes wait for it (60s).",
    ),
    level(
        "keepalive_timeout",
        ONE_OR_TWO,
        keepalive_timeout,
        "How long a connection waits for its next request (75s).",
    ),
    level_number(
        "keepalive_requests",
        |level| &mut level.client.keepalive_requests,
        "Requests of one connection before it is closed (1000).",
    ),
    level_time(
        "keepalive_time",
        |level| &mut level.client.keepalive_time,
        "Age of a connection at which it takes no further request (1h).",
    ),
    level_flag("tcp_nodelay", |level| &mut level.client.tcp_nodelay, "Small writes are sent at once (on).")
        .also(STREAM_LEVELS),
    level("server_tokens", ONE, server_tokens, "Whether answers name the version (on)."),
    level_flag("etag", |level| &mut level.client.etag, "`ETag` on static files (on)."),
    level_flag(
        "chunked_transfer_encoding",
        |level| &mut level.client.chunks,
        "Answers of unknown length go to HTTP/1.1 clients in chunks (on); off ends them with the connection.",
    ),
    level(
        "if_modified_since",
        ONE,
        if_modified_since,
        "How `If-Modified-Since` is compared with a file: `off`, `exact`, `before` (exact).",
    ),
    level_number(
        "max_ranges",
        |level| &mut level.client.max_ranges,
        "Most ranges of a file in one request; 0 always sends it whole (no limit).",
    ),
    level_flag(
        "absolute_redirect",
        |level| &mut level.client.absolute_redirect,
        "Redirects name scheme and host (on).",
    ),
    level_flag(
        "server_name_in_redirect",
        |level| &mut level.client.server_name_in_redirect,
        "Redirects name the server's first name instead of the request's host (off).",
    ),
    level_flag("port_in_redirect", |level| &mut level.client.port_in_redirect, "Redirects name the port (on)."),
    head(
        "client_header_timeout",
        ONE,
        Setter::Time(|level| &mut level.client_head.timeout),
        "How long a client may take to send a head (60s).",
    ),
    head(
        "client_header_buffer_size",
        ONE,
        Setter::Size(|level| &mut level.client_head.buffer_size),
        "First buffer of a head (1k).",
    ),
    head(
        "large_client_header_buffers",
        TWO,
        Setter::Level(large_buffers),
        "Number and size of further buffers of a head (4 8k).",
    ),
    head(
        "underscores_in_headers",
        FLAG,
        Setter::Flag(|level| &mut level.client_head.underscores_in_headers),
        "Whether names of fields may hold `_` (off).",
    ),
    head(
        "ignore_invalid_headers",
        FLAG,
        Setter::Flag(|level| &mut level.client_head.ignore_invalid_headers),
        "Drop fields with names that are not valid, instead of refusing the request (on).",
    ),
    head(
        "max_headers",
        ONE,
        Setter::Number(|level| &mut level.client_head.max_headers),
        "Most fields of a head (1000; never more than 256).",
    ),
    head(
        "merge_slashes",
        FLAG,
        Setter::Flag(|level| &mut level.client_head.merge_slashes),
        "`//` in a path counts as `/` (on).",
    ),
];

fn max_body_size(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.client.max_body_size, |line| {
        let word = line.arg(0);
        value::offset(&word.text).ok_or_else(|| line.invalid_value(word).help(value::SIZE_HELP))
    })
}

fn keepalive_timeout(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.client.keepalive_timeout, |line| {
        let timeout = line.time_at(0)?;
        let Some(word) = line.args().get(1) else { return Ok((timeout, None)) };
        let header = value::time_seconds(&word.text);
        let header = header.ok_or_else(|| line.invalid_value(word).help("whole seconds, as in `75s`"))?;
        Ok((timeout, (!header.is_zero()).then_some(header)))
    })
}

fn if_modified_since(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.client.if_modified_since, |line| match line.arg(0).text.to_ascii_lowercase().as_str() {
        "off" => Ok(IfModifiedSince::Off),
        "exact" => Ok(IfModifiedSince::Exact),
        "before" => Ok(IfModifiedSince::Before),
        other => {
            let fault = Fault::new(line.arg(0).span, format!("invalid value \"{other}\""));
            Err(fault.help("`off`, `exact` or `before`"))
        }
    })
}

fn server_tokens(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.client.server_tokens, |line| match line.arg(0).text.as_str() {
        "on" | "build" => Ok(true),
        "off" => Ok(false),
        _ => Err(line.unknown_value(line.arg(0)).help("`on`, `off` or `build`")),
    })
}

fn large_buffers(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.client_head.large_buffers, |line| {
        let count = line.arg(0);
        let number = value::number(&count.text).filter(|number| (1..=1024).contains(number));
        let number = number.and_then(|number| usize::try_from(number).ok());
        let number = number.ok_or_else(|| line.invalid_value(count).help("a number of buffers from 1 to 1024"))?;
        let bytes = line.size_at(1)?;
        if bytes < HEAD_BUFFER_BYTES_MIN {
            let message =
                format!("the \"{}\" size must be equal to or greater than \"connection_pool_size\"", line.name());
            return Err(Fault::new(line.arg(1).span, message).help("at least 512 bytes"));
        }
        Ok((number, bytes))
    })
}

/// nginx's defaults.
#[must_use]
pub fn client_defaults(prefix: &Path) -> Client {
    let mut client = Client {
        max_body_bytes: 1 << 20,
        body_timeout: Duration::from_secs(60),
        body_buffer_bytes: 8 << 10,
        send_timeout: Duration::from_secs(60),
        keepalive_timeout: Duration::from_secs(75),
        keepalive_header: None,
        keepalive_requests: 1000,
        keepalive_time: Duration::from_secs(3600),
        tcp_nodelay: true,
        server_tokens: true,
        etag: true,
        chunks: true,
        if_modified_since: IfModifiedSince::Exact,
        max_ranges: None,
        absolute_redirect: true,
        server_name_in_redirect: false,
        port_in_redirect: true,
        ..Client::default()
    };
    body::set_defaults(&mut client, prefix);
    client
}

/// nginx's defaults.
#[must_use]
pub fn client_head_defaults() -> ClientHead {
    ClientHead {
        timeout: Duration::from_secs(60),
        buffer_bytes: 1 << 10,
        large_buffer_count: 4,
        large_buffer_bytes: 8 << 10,
        underscores: false,
        ignore_invalid: true,
        max_headers: 1000,
        merge_slashes: true,
    }
}

/// A level's settings over those around it.
#[must_use]
pub fn resolve(raw: &RawClient, around: &Client) -> Client {
    let (keepalive_timeout, keepalive_header) =
        raw.keepalive_timeout.unwrap_or((around.keepalive_timeout, around.keepalive_header));
    let mut client = Client {
        max_body_bytes: raw.max_body_size.unwrap_or(around.max_body_bytes),
        body_timeout: raw.body_timeout.unwrap_or(around.body_timeout),
        body_buffer_bytes: raw.body_buffer_size.unwrap_or(around.body_buffer_bytes),
        send_timeout: raw.send_timeout.unwrap_or(around.send_timeout),
        keepalive_timeout,
        keepalive_header,
        keepalive_requests: raw.keepalive_requests.unwrap_or(around.keepalive_requests),
        keepalive_time: raw.keepalive_time.unwrap_or(around.keepalive_time),
        tcp_nodelay: raw.tcp_nodelay.unwrap_or(around.tcp_nodelay),
        server_tokens: raw.server_tokens.unwrap_or(around.server_tokens),
        etag: raw.etag.unwrap_or(around.etag),
        chunks: raw.chunks.unwrap_or(around.chunks),
        if_modified_since: raw.if_modified_since.unwrap_or(around.if_modified_since),
        max_ranges: raw.max_ranges.or(around.max_ranges),
        absolute_redirect: raw.absolute_redirect.unwrap_or(around.absolute_redirect),
        server_name_in_redirect: raw.server_name_in_redirect.unwrap_or(around.server_name_in_redirect),
        port_in_redirect: raw.port_in_redirect.unwrap_or(around.port_in_redirect),
        ..around.clone()
    };
    body::resolve(raw, &mut client);
    client
}

/// The same for what acts before the location is known.
#[must_use]
pub fn resolve_head(raw: &RawClientHead, around: &ClientHead) -> ClientHead {
    let (large_buffer_count, large_buffer_bytes) =
        raw.large_buffers.unwrap_or((around.large_buffer_count, around.large_buffer_bytes));
    ClientHead {
        timeout: raw.timeout.unwrap_or(around.timeout),
        buffer_bytes: raw.buffer_size.unwrap_or(around.buffer_bytes),
        large_buffer_count,
        large_buffer_bytes,
        underscores: raw.underscores_in_headers.unwrap_or(around.underscores),
        max_headers: raw.max_headers.map_or(around.max_headers, |count| usize::try_from(count).unwrap_or(usize::MAX)),
        ignore_invalid: raw.ignore_invalid_headers.unwrap_or(around.ignore_invalid),
        merge_slashes: raw.merge_slashes.unwrap_or(around.merge_slashes),
    }
}
