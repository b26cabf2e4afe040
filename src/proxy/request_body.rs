//! A request's body before it goes to a peer: as much of it as one buffer holds, and how it will be framed.

use super::exchange::{ClientSide, Exchange};
use super::failure::{Cause, Failure, Phase};
use super::peer::of_client;
use crate::http::framing::BodyLength;
use crate::model::Proxy;

/// What of the request's body is here, and how it will be framed for the peer.
pub struct Prepared {
    /// What has been read: all of it, or the beginning.
    pub first: Vec<u8>,
    pub length: BodyLength,
}

/// Reads the request's body as far as one buffer goes. A body that fits can be sent to another peer again.
///
/// # Errors
/// The client's failures, and the limits of a body.
pub async fn prepare(
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    proxy: &Proxy,
) -> Result<Prepared, Failure> {
    let declared = side.body.length();
    let mut first = Vec::new();
    if side.body.is_done() {
        let has_length = exchange.head.fields.first(b"content-length").is_some();
        let length = if has_length { BodyLength::Length(0) } else { BodyLength::None };
        return Ok(Prepared { first, length });
    }
    exchange.phase = Phase::ReadingRequestBody;
    continue_if_expected(side).await?;
    let settings = &exchange.location.client;
    let (max, room) = (settings.max_body_bytes, settings.body_buffer_bytes);
    // A peer that speaks HTTP/1.0 must be told the length, so all of the body has to be here first.
    let needs_all = proxy.http_1_0 && declared.is_none();
    let room = if needs_all { usize::MAX } else { room };
    while !side.body.is_done() && first.len() < room {
        let before = first.len();
        first.reserve(room.saturating_sub(before).clamp(1, crate::limits::BODY_BUFFER_BYTES));
        let timeout = settings.body_timeout;
        let more = side.body.next(&exchange.client.stream, side.raw, &mut first, timeout).await.map_err(of_client)?;
        exchange.request_bytes.set(exchange.request_bytes.get() + (first.len() - before) as u64);
        if max > 0 && first.len() as u64 > max {
            return Err(exchange.failure(Cause::BodyTooLarge(None)));
        }
        if needs_all && first.len() > crate::limits::UNCHUNKED_BODY_BYTES_MAX {
            return Err(exchange.failure(Cause::Refused(411, "client sent a chunked body too long for HTTP/1.0")));
        }
        if !more {
            break;
        }
    }
    let length = match declared {
        Some(length) => BodyLength::Length(length),
        None if side.body.is_done() => BodyLength::Length(first.len() as u64),
        None => BodyLength::Chunked,
    };
    Ok(Prepared { first, length })
}

async fn continue_if_expected(side: &mut ClientSide<'_>) -> Result<(), Failure> {
    if side.expects_continue && side.raw.is_empty() {
        let sent = side.responder.interim(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        sent.map_err(|error| Failure::client(Phase::ReadingRequestBody, "send()", error))?;
    }
    side.expects_continue = false;
    Ok(())
}
