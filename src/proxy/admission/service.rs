//! `auth_request`: whether another service lets a request in, by the status of its answer to a request of its own.

use super::said::Said;
use crate::http::Name;
use crate::model::{AuthRequest, LogLevel, SetTarget};
use crate::proxy::exchange::Exchange;
use crate::proxy::failure::{Cause, Failure, Phase};
use crate::proxy::subrequest;

/// What a client gets that has gone meanwhile: nothing.
const NOBODY_THERE: u16 = 499;

/// Asks, and gives the variables of `auth_request_set` their values.
pub async fn check(exchange: &mut Exchange<'_>, auth: &AuthRequest) -> Said {
    let mut asked = subrequest::run(exchange, &auth.uri).await;
    for set in auth.sets.iter() {
        let value = asked.evaluate(&set.value);
        match set.target {
            SetTarget::Args | SetTarget::LimitRate => exchange.assign(set.target, value),
            SetTarget::Slot(_) | SetTarget::Map(_) => asked.assign(set.target, value),
        }
    }
    let status = asked.sent.borrow().status;
    let challenges = challenges(&asked);
    subrequest::end(exchange, asked);
    match status {
        200..=299 => Said::Yes,
        401 => {
            exchange.challenge(challenges);
            Said::No(Failure::new(Phase::ProcessingRequest, Cause::Status(status)))
        }
        403 => Said::No(Failure::new(Phase::ProcessingRequest, Cause::Status(status))),
        NOBODY_THERE => Said::No(Failure::new(Phase::ProcessingRequest, Cause::ClientGone)),
        _ => {
            let words = format!("auth request unexpected status: {status} while sending to client");
            Said::No(Failure::new(
                Phase::ProcessingRequest,
                Cause::Denied { status: 500, level: LogLevel::Error, words },
            ))
        }
    }
}

/// What the service says of how to ask again, also if `proxy_hide_header` keeps it from clients.
fn challenges(asked: &Exchange<'_>) -> Vec<Box<[u8]>> {
    let shown = &asked.sent.borrow().fields;
    let told = || asked.answered.as_ref().map(|head| &head.fields);
    let fields = if shown.has(Name::WwwAuthenticate) { Some(shown) } else { told() };
    fields.into_iter().flat_map(|fields| fields.all(Name::WwwAuthenticate)).map(Into::into).collect()
}
