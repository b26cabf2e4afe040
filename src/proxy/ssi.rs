//! Server side includes: answers that are read for commands on their way to the client.
//!
//! A page is read piece by piece ([`Parser`](crate::http::ssi::Parser)); its commands are carried out in [`commands`],
//! and what they make of the piece leaves in order, with the answers of the requests that [`include`] makes in between.
//! As in nginx a piece is read to its end before such a request begins, unless the page waits for it: its variables
//! have the values that they have then.

mod commands;
mod include;
mod names;

use std::io;

use self::include::Include;
pub use self::include::give_stub;
use super::exchange::Exchange;
use super::failure::{Failure, Phase};
use super::gzip::weaken;
use super::includes::Page;
use super::responder::{Answer, Responder};
use crate::http::framing::BodyLength;
use crate::http::{Method, Name};
use crate::limits::SSI_MADE_BYTES_MAX;

/// What a piece of a page becomes.
enum Part<'p> {
    Text(&'p [u8]),
    Made(Vec<u8>),
    Include(Box<Include>),
}

/// Whether an answer of that kind is read for commands.
fn is_read(exchange: &Exchange<'_>, content_type: Option<&[u8]>, length: Option<u64>) -> bool {
    exchange.location.ssi.as_ref().is_some_and(|rules| length != Some(0) && rules.types.list(content_type))
}

/// Whether a file is, if it is sent whole: then no part of it can be asked for.
pub fn is_chosen_for_file(exchange: &Exchange<'_>, content_type: &[u8], length: u64) -> bool {
    is_read(exchange, Some(content_type), Some(length))
}

/// Chooses for an answer with all its fields, before it is given to the responder.
pub fn choose(exchange: &mut Exchange<'_>, responder: &Responder<'_>, answer: &mut Answer) {
    let length = match answer.length {
        BodyLength::Length(length) => Some(length),
        BodyLength::None | BodyLength::Chunked | BodyLength::UntilClose => None,
    };
    let content_type = answer.fields.first(Name::ContentType);
    if responder.is_for_nobody() || !is_read(exchange, content_type, length) {
        return;
    }
    let Some(rules) = exchange.location.ssi.clone() else { return };
    let content_type = content_type.map(Into::into);
    if !exchange.is_subrequest() {
        answer.length = BodyLength::Chunked;
        answer.fields.remove(Name::AcceptRanges);
        if rules.last_modified {
            weaken(&mut answer.fields);
        } else {
            answer.fields.remove(Name::LastModified);
            answer.fields.remove(Name::Etag);
        }
    }
    if exchange.head.method == Method::Head {
        // Its head says what would be done.
        return;
    }
    exchange.includes.get_or_insert_default().page = Some(Page::new(rules, content_type));
}

impl<'c> Exchange<'c> {
    /// Whether the answer is read for commands.
    #[must_use]
    pub fn has_page(&self) -> bool {
        self.includes.as_ref().is_some_and(|includes| includes.page.is_some())
    }

    fn page(&mut self) -> Option<&mut Page> {
        self.includes.as_mut()?.page.as_mut()
    }

    /// Takes a piece of the body.
    ///
    /// # Errors
    /// The client does not take it, or an answer that is a part of it was cut.
    pub async fn take_piece(&mut self, responder: &mut Responder<'_>, piece: &[u8]) -> Result<(), Failure> {
        if let Some(includes) = &mut self.includes {
            includes.had_body |= !piece.is_empty();
        }
        if !self.has_page() {
            return responder.data(piece).await.map_err(lost);
        }
        let mut rest = piece;
        while !rest.is_empty() {
            self.sent.swap_with(&mut responder.sent);
            let parts = self.read_page(&mut rest);
            self.sent.swap_with(&mut responder.sent);
            for part in parts {
                match part {
                    Part::Text(text) => responder.gather(text).await.map_err(lost)?,
                    Part::Made(text) => responder.gather(&text).await.map_err(lost)?,
                    Part::Include(include) => self.include(responder, *include).await?,
                }
            }
        }
        let stream = self.client.stream.stream();
        if let Some(page) = self.includes.as_mut().and_then(|includes| includes.page.as_mut()) {
            page.read_bytes += piece.len() as u64;
            page.turn.note(page.read_bytes, stream).await;
        }
        Ok(())
    }

    /// Takes the end of the body.
    ///
    /// # Errors
    /// As [`Exchange::take_piece`].
    pub async fn take_end(&mut self, responder: &mut Responder<'_>) -> Result<(), Failure> {
        if let Some(page) = self.page() {
            let text = page.parser.end();
            if page.is_shown {
                responder.gather(text).await.map_err(lost)?;
            }
        }
        responder.finish().await.map_err(lost)
    }

    /// Reads a piece until it is over, or until something must leave before it is read on.
    fn read_page<'p>(&mut self, rest: &mut &'p [u8]) -> Vec<Part<'p>> {
        let mut parts = Vec::new();
        let mut made_bytes = 0;
        while let Some(event) = self.page().and_then(|page| page.parser.next(rest)) {
            let part = self.carry_out(event);
            let must_leave = match &part {
                Some(Part::Made(text)) => {
                    made_bytes += text.len();
                    made_bytes > SSI_MADE_BYTES_MAX
                }
                Some(Part::Include(include)) => include.is_waited,
                Some(Part::Text(_)) | None => false,
            };
            parts.extend(part);
            if must_leave {
                break;
            }
        }
        parts
    }
}

fn lost(error: io::Error) -> Failure {
    Failure::client(Phase::SendingToClient, "send()", error)
}
