//! A request's body before it goes to a peer: gathered in memory or in a file, or as much as is there, and how it will
//! be framed.

use std::io;
use std::rc::Rc;

use super::exchange::{ClientSide, Exchange};
use super::failure::{Cause, Failure, Phase};
use super::peer::of_client;
use super::spool::{Prepared, Spool};
use crate::http::Name;
use crate::http::framing::BodyLength;
use crate::limits::BODY_BUFFER_BYTES;
use crate::model::{BodyFile, LogLevel, Proxy, Template};
use crate::net::buffer;

/// A body as it goes to peers.
pub struct Ready {
    /// `None` when there is none, or nothing is in it.
    held: Option<Rc<Prepared>>,
    pub length: BodyLength,
}

impl Ready {
    fn empty(length: BodyLength) -> Self {
        Self { held: None, length }
    }

    fn held(prepared: Rc<Prepared>) -> Self {
        Self { length: prepared.length, held: Some(prepared) }
    }

    /// The part that is in memory.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.held.as_ref().map_or(b"", |held| &held.first)
    }

    #[must_use]
    pub fn file(&self) -> Option<&Spool> {
        self.held.as_ref()?.file.as_ref()
    }
}

/// Reads the request's body: all of it, or with `proxy_request_buffering off` what has come already. A body that is
/// here as a whole can be sent to another peer again.
///
/// # Errors
/// The client's failures, and the limits of a body.
pub async fn prepare(exchange: &mut Exchange<'_>, side: &mut ClientSide<'_>, proxy: &Proxy) -> Result<Ready, Failure> {
    if let Some(known) = &exchange.request_body {
        // What was passed on as it came is not here any more: an error page's peer gets none of it.
        return Ok(Ready::held(if side.body.is_done() { Rc::clone(known) } else { Rc::default() }));
    }
    if side.body.is_done() && !side.expects_continue {
        return Ok(Ready::empty(length_of_none(exchange)));
    }
    exchange.phase = Phase::ReadingRequestBody;
    let prepared = Rc::new(Box::pin(read(exchange, side, proxy)).await?);
    exchange.phase = Phase::ProcessingRequest;
    exchange.request_body = Some(Rc::clone(&prepared));
    Ok(Ready::held(prepared))
}

/// How a request is framed that has no body, or an empty one.
fn length_of_none(exchange: &Exchange<'_>) -> BodyLength {
    if exchange.head.fields.has(Name::ContentLength) { BodyLength::Length(0) } else { BodyLength::None }
}

async fn read(exchange: &Exchange<'_>, side: &mut ClientSide<'_>, proxy: &Proxy) -> Result<Prepared, Failure> {
    if side.expects_continue {
        allow_body(side).await?;
    }
    if side.body.is_done() {
        return Ok(Prepared { length: length_of_none(exchange), ..Prepared::default() });
    }
    let declared = side.body.length();
    let mut prepared = Prepared::default();
    let request = &proxy.request;
    // A peer that speaks HTTP/1.0 must be told the length, so all of the body has to be here first.
    let needs_all = (proxy.http_1_0 && declared.is_none()) || request.set_body.is_some() || request.drops_body;
    if request.is_unbuffered && !needs_all {
        read_what_is_there(exchange, side, &mut prepared)?;
    } else {
        read_all(exchange, side, &mut prepared).await?;
    }
    let held = prepared.file.as_ref().map_or(prepared.first.len() as u64, Spool::len);
    prepared.length = match declared {
        Some(length) => BodyLength::Length(length),
        None if side.body.is_done() => BodyLength::Length(held),
        None => BodyLength::Chunked,
    };
    Ok(prepared)
}

/// What a peer gets of it: `proxy_set_body`, or nothing, or the body.
#[must_use]
pub fn for_peer(exchange: &Exchange<'_>, proxy: &Proxy, prepared: Ready) -> Ready {
    match &proxy.request.set_body {
        Some(body) => set_body(exchange, body),
        None if proxy.request.drops_body => Ready::empty(BodyLength::None),
        None => prepared,
    }
}

#[cold]
#[inline(never)]
fn set_body(exchange: &Exchange<'_>, body: &Template) -> Ready {
    let first = exchange.evaluate(body);
    let length = BodyLength::Length(first.len() as u64);
    Ready::held(Rc::new(Prepared { first, file: None, length }))
}

/// Reads to the end, into memory as far as `client_body_buffer_size` goes.
async fn read_all(exchange: &Exchange<'_>, side: &mut ClientSide<'_>, prepared: &mut Prepared) -> Result<(), Failure> {
    let settings = &exchange.location.client;
    let failed = |error: io::Error| exchange.failure(Cause::Own("pwrite()", error));
    let mut taken = 0;
    if settings.body_in_file_only != BodyFile::Off {
        prepared.file = Some(spool(exchange)?);
    }
    let mut piece = buffer::take();
    while !side.body.is_done() {
        piece.clear();
        let timeout = settings.body_timeout;
        let more = side.body.next(&exchange.client.stream, side.raw, &mut piece, timeout).await.map_err(of_client)?;
        note(exchange, &mut taken, piece.len())?;
        if prepared.file.is_none() && prepared.first.len() + piece.len() > settings.body_buffer_bytes {
            let mut file = spool(exchange)?;
            file.write(&std::mem::take(&mut prepared.first)).map_err(failed)?;
            prepared.file = Some(file);
        }
        match &mut prepared.file {
            Some(file) => file.write(&piece).map_err(failed)?,
            None => prepared.first.extend_from_slice(&piece),
        }
        if !more {
            break;
        }
    }
    Ok(())
}

/// Takes what has come already, at most `client_body_buffer_size`.
fn read_what_is_there(
    exchange: &Exchange<'_>,
    side: &mut ClientSide<'_>,
    prepared: &mut Prepared,
) -> Result<(), Failure> {
    let room = exchange.location.client.body_buffer_bytes;
    let first = &mut prepared.first;
    let mut taken = 0;
    while !side.body.is_done() && first.len() < room {
        let before = first.len();
        first.reserve(room.saturating_sub(before).clamp(1, BODY_BUFFER_BYTES));
        let any = side.body.next_now(&exchange.client.stream, side.raw, first).map_err(of_client)?;
        note(exchange, &mut taken, first.len() - before)?;
        if any != Some(true) {
            break;
        }
    }
    Ok(())
}

/// Counts bytes of the body against `client_max_body_size`.
fn note(exchange: &Exchange<'_>, taken: &mut u64, more: usize) -> Result<(), Failure> {
    *taken += more as u64;
    exchange.request_bytes.set(exchange.request_bytes.get() + more as u64);
    let max = exchange.location.client.max_body_bytes;
    if max > 0 && *taken > max { Err(exchange.failure(Cause::BodyTooLarge(None))) } else { Ok(()) }
}

fn spool(exchange: &Exchange<'_>) -> Result<Spool, Failure> {
    let settings = &exchange.location.client;
    let (folder, levels) = &*settings.body_temp_path;
    let file = Spool::create(folder, levels, settings.body_in_file_only)
        .map_err(|error| exchange.failure(Cause::Own("open()", error)))?;
    if settings.body_in_file_only == BodyFile::Off {
        let text = format_args!("a client request body is buffered to a temporary file {}", file.path().display());
        exchange.report(LogLevel::Warn, text);
    }
    Ok(file)
}

/// Sends the client that waits for it leave to send the body.
async fn allow_body(side: &mut ClientSide<'_>) -> Result<(), Failure> {
    // One that has begun to send does not wait.
    if side.raw.is_empty() {
        let sent = side.responder.interim(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        sent.map_err(|error| Failure::client(Phase::ReadingRequestBody, "send()", error))?;
    }
    side.expects_continue = false;
    Ok(())
}
