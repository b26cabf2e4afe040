//! Answers that are made here and not by a peer: error pages, `return`, redirects.

use std::net::IpAddr;

use super::exchange::{Carried, ClientSide, Exchange, Next};
use super::failure::{Cause, Failure, Phase};
use super::responder::Answer;
use crate::http::framing::BodyLength;
use crate::http::{Fields, Name, status};
use crate::limits::HEAD_BYTES_USUAL;
use crate::model::{MediaType, Return};
use crate::observe::clock;

/// `return 444`: the connection ends without a word.
pub const CLOSE_WITHOUT_ANSWER: u16 = 444;

/// Statuses that a client is never told: 444 by its meaning, the others because who should read them went or went to
/// sleep. `return` of one of them, too, ends the connection without a word, as in nginx.
#[must_use]
pub fn closes_without_answer(code: u16) -> bool {
    matches!(code, CLOSE_WITHOUT_ANSWER | 408 | 499)
}

/// Sends an answer with its whole body.
///
/// # Errors
/// When the client does not take it.
pub async fn send(
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    code: u16,
    fields: Fields,
    body: &[u8],
) -> Result<Next, Failure> {
    let (mut code, mut fields, mut body) = (code, fields, body);
    let mut length = BodyLength::Length(body.len() as u64);
    match precondition(exchange, code) {
        Precondition::Holds => {}
        Precondition::Fails => return Err(exchange.failure(Cause::Status(412))),
        Precondition::IsKnown => {
            (code, length, body) = (304, BodyLength::None, b"");
            fields.remove(Name::ContentType);
        }
    }
    exchange.begin(&mut side.responder, Answer { status: code, reason: None, fields, length });
    exchange.add_trailers(&mut side.responder);
    if exchange.has_page() {
        Box::pin(exchange.take_piece(&mut side.responder, body)).await?;
        Box::pin(exchange.take_end(&mut side.responder)).await?;
        return Ok(after(side));
    }
    side.responder.whole(body).await.map_err(|error| Failure::client(Phase::SendingToClient, "send()", error))?;
    Ok(after(side))
}

/// What the conditions of a request come to.
enum Precondition {
    Holds,
    Fails,
    IsKnown,
}

/// Those that can be judged of an answer without a tag and a time (RFC 9110 13), by nginx's rules: `*` is any tag, and what
/// has no time was always changed.
fn precondition(exchange: &Exchange<'_>, code: u16) -> Precondition {
    if code != 200 || exchange.is_subrequest() || !matches!(exchange.shown_status, None | Some(200)) {
        return Precondition::Holds;
    }
    let fields = &exchange.head.fields;
    let is_any = |list: &[u8]| list.trim_ascii() == b"*";
    let (expected, known) = (fields.first(Name::IfMatch), fields.first(Name::IfNoneMatch));
    if !expected.map_or_else(|| fields.first(Name::IfUnmodifiedSince).is_none(), is_any) {
        Precondition::Fails
    } else if known.is_some_and(is_any) && fields.first(Name::IfModifiedSince).is_none() {
        Precondition::IsKnown
    } else {
        Precondition::Holds
    }
}

/// What becomes of the connection once an answer is out.
#[must_use]
pub fn after(side: &ClientSide<'_>) -> Next {
    if side.responder.keep_alive { Next::KeepAlive } else { Next::Close }
}

/// `Server` and `Date`, which every answer begins with.
#[must_use]
pub fn standard_fields(exchange: &Exchange<'_>) -> Fields {
    // Room for most answers: growing is several times what a field costs.
    let mut fields = Fields::with_capacity(16, HEAD_BYTES_USUAL);
    fields.push_known(Name::Server, status::product(exchange.location.client.server_tokens).as_bytes());
    fields.push_known(Name::Date, clock::http_date().as_bytes());
    if let Some(carried) = &exchange.carried {
        add_carried(carried, &mut fields);
    }
    fields
}

/// What an answer in the place of another one takes over.
#[cold]
#[inline(never)]
fn add_carried(carried: &Carried, fields: &mut Fields) {
    for challenge in &carried.challenges {
        fields.push(b"WWW-Authenticate", challenge);
    }
    if let Some(to) = &carried.redirect_to {
        fields.push(b"Location", to);
    }
    for (known, name, value) in carried.fields.iter_known() {
        fields.push_spelled(known, name, value);
    }
}

/// The page of a status.
///
/// # Errors
/// When the client does not take it.
pub async fn error_page(exchange: &mut Exchange<'_>, side: &mut ClientSide<'_>, code: u16) -> Result<Next, Failure> {
    let mut fields = standard_fields(exchange);
    let page = status::page(code, status::product(exchange.location.client.server_tokens));
    if !page.is_empty() {
        fields.push(b"Content-Type", b"text/html");
    }
    if code == 426 {
        // RFC 6455 4.4: the version that would have been right. It is the only cause of this status here.
        fields.push(b"Sec-WebSocket-Version", b"13");
        fields.push(b"Upgrade", b"websocket");
    }
    send(exchange, side, status::shown(code), fields, &page).await
}

/// After these nobody knows where the next request begins, or the client should come again from the start.
#[must_use]
pub fn closes_connection(code: u16) -> bool {
    matches!(code, 400 | 408 | 413 | 414 | 426 | 431 | 494..=497 | 500 | 501 | 505)
}

/// `return`.
///
/// # Errors
/// The status or redirect, which may have an error page. When the client does not take the answer.
pub async fn returned(
    exchange: &mut Exchange<'_>,
    side: &mut ClientSide<'_>,
    answer: &Return,
) -> Result<Next, Failure> {
    let text = answer.text.as_ref().map(|template| exchange.evaluate(template));
    match (answer.status, text) {
        (CLOSE_WITHOUT_ANSWER, _) => {
            side.responder.sent.status = CLOSE_WITHOUT_ANSWER;
            Ok(Next::Drop)
        }
        (301 | 302 | 303 | 307 | 308, Some(to)) => Err(exchange.failure(Cause::Redirect(answer.status, to))),
        (code @ 400.., None) => Err(exchange.failure(Cause::Status(code))),
        (code, text) => {
            let mut fields = standard_fields(exchange);
            if !matches!(code, 204 | 304) {
                fields.push(b"Content-Type", content_type(exchange, &exchange.path));
            }
            send(exchange, side, code, fields, &text.unwrap_or_default()).await
        }
    }
}

/// A redirect's target: a path becomes absolute, as `absolute_redirect` says.
#[must_use]
pub fn absolute(exchange: &Exchange<'_>, to: &[u8]) -> Vec<u8> {
    let settings = &exchange.location.client;
    let mut location = Vec::new();
    if to.starts_with(b"/") && settings.absolute_redirect {
        let scheme = exchange.scheme();
        location.extend_from_slice(scheme.prefix().as_bytes());
        let asks_for_name = settings.server_name_in_redirect && !exchange.server.name.is_empty();
        match &exchange.host {
            _ if asks_for_name => location.extend_from_slice(exchange.server.name.as_bytes()),
            Some(host) if !settings.server_name_in_redirect => location.extend_from_slice(&host.name),
            Some(_) | None => match exchange.client.local().map(|local| local.ip()) {
                Some(IpAddr::V4(ip)) => location.extend_from_slice(ip.to_string().as_bytes()),
                Some(IpAddr::V6(ip)) => location.extend_from_slice(format!("[{ip}]").as_bytes()),
                None => {}
            },
        }
        match exchange.client.local() {
            Some(local) if settings.port_in_redirect && local.port() != scheme.port() => {
                location.extend_from_slice(format!(":{}", local.port()).as_bytes());
            }
            Some(_) | None => {}
        }
    }
    location.extend_from_slice(to);
    without_line_breaks(location)
}

/// The path with a slash at its end, for a location that serves everything below it.
#[must_use]
pub fn slash_added(exchange: &Exchange<'_>) -> Failure {
    let mut to = crate::http::target::escape(&exchange.path);
    to.push(b'/');
    if let Some(args) = &exchange.args {
        to.push(b'?');
        to.extend_from_slice(args);
    }
    exchange.failure(Cause::Redirect(301, to))
}

/// A value evaluated from what a client sent must not end its own line.
fn without_line_breaks(mut value: Vec<u8>) -> Vec<u8> {
    value.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    value
}

/// `Content-Type` by the extension of a path: `types`, or the built-in list where there is no such block.
#[must_use]
pub fn content_type<'e>(exchange: &'e Exchange<'_>, path: &[u8]) -> &'e [u8] {
    if let Some(given) = exchange.carried.as_ref().and_then(|carried| carried.content_type.as_deref()) {
        return given;
    }
    let location = &exchange.location;
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let extension = match name.iter().rposition(|byte| *byte == b'.') {
        Some(dot) => name[dot + 1..].to_ascii_lowercase(),
        None => return location.default_type.as_bytes(),
    };
    let found = match &location.types {
        Some(types) => of_list(types, &extension),
        None => std::str::from_utf8(&extension)
            .ok()
            .and_then(|extension| mime_guess::from_ext(extension).first_raw())
            .map(str::as_bytes),
    };
    found.unwrap_or(location.default_type.as_bytes())
}

fn of_list<'t>(types: &'t [MediaType], extension: &[u8]) -> Option<&'t [u8]> {
    types.iter().find(|line| line.extension.as_bytes() == extension).map(|line| line.content_type.as_bytes())
}
