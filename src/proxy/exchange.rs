//! One request with its response: read this page first.
//!
//! An exchange goes through fixed steps: the host chooses the virtual server, the path the location, the location's
//! rewrite steps and then its content answer. Content is static files or a peer. Whatever fails on the way becomes an
//! error page, if the client can still be told, and one log line. At the end stands [`Next`]: what becomes of the
//! client's connection.
//!
//! All decisions are pure functions of other modules; here they are put in order.

mod flow;
mod sample;
mod state;

pub use self::sample::{Ground, Sample};
pub use self::state::{Attempt, Carried, ClientSide, Exchange, Next, Upstream};

use super::body::Body;
use super::failure::{Cause, Failure};
use super::respond;
use super::responder::Responder;
use crate::http::error::RequestError;
use crate::http::framing::BodyLength;
use crate::http::host::Host;
use crate::http::upgrade;
use crate::http::{Method, Name, RequestHead, Version, framing, host, target, unique};
use crate::model::LogLevel;
use crate::net::moment;
use crate::observe::outcome::ExchangeEnd;
use crate::route::{self, MatchError};

impl Exchange<'_> {
    /// Answers the request. `early` is a failure that was met while its head was read.
    pub async fn run(&mut self, raw: &mut Vec<u8>, early: Option<Failure>) -> Next {
        let stream = &self.client.stream;
        let mut side = ClientSide {
            body: Body::new(BodyLength::None),
            raw,
            responder: Responder::new(stream, self.head.version, self.head.method == Method::Head),
            expects_continue: false,
            may_stay: None,
        };
        let metrics = self.shard.own_metrics();
        metrics.requests.add(1);
        let _counted = metrics.writing.raised();
        let begun = match early {
            Some(failure) => Err(failure),
            None => self.read_head(&mut side),
        };
        let next = self.go(&mut side, begun).await;
        if let Next::Tunnel(handover) = next {
            return Next::Tunnel(handover);
        }
        metrics.exchange_ended(self.end.unwrap_or(ExchangeEnd::Answered));
        if !self.location.access_logs.is_empty() {
            self.sent.swap_with(&mut side.responder.sent);
            self.is_complete = !matches!(next, Next::Drop | Next::Cut);
            self.write_access_log();
        }
        match next {
            Next::KeepAlive if !side.body.is_done() => Box::pin(self.discard_body(&mut side)).await,
            Next::Close if !side.body.is_done() || !side.raw.is_empty() => Next::Linger,
            next => next,
        }
    }

    /// The next request stands behind a body that nobody wanted. A client that waits for `100 Continue` was told no,
    /// and may send the body or not: that connection is of no further use.
    async fn discard_body(&self, side: &mut ClientSide<'_>) -> Next {
        let patience = self.location.client.lingering;
        let found_end = !side.expects_continue && side.body.discard(&self.client.stream, side.raw, patience).await;
        if found_end { Next::KeepAlive } else { Next::Linger }
    }

    /// What the head alone says.
    fn read_head(&mut self, side: &mut ClientSide<'_>) -> Result<(), Failure> {
        self.read_target()?;
        if unique::has_repeated(&self.head.fields) {
            return Err(self.failure(Cause::Request(RequestError::Repeated)));
        }
        self.read_framing(side)?;
        self.check_security().inspect_err(|_| self.begin_client_settings(side))
    }

    /// Host, virtual server and path.
    fn read_target(&mut self) -> Result<(), Failure> {
        let merge = self.server.client_head.merge_slashes;
        let parsed = target::parse(&self.head, merge).map_err(|error| self.failure(Cause::Request(error.into())));
        let target = match parsed {
            Ok(target) => target,
            Err(failure) => {
                // The host still chooses whose error page and log this is.
                if let Ok(Some(host)) = host::of_fields(&self.head) {
                    self.choose_server(host)?;
                }
                return Err(failure);
            }
        };
        match host::of(&self.head, &target) {
            Ok(Some(host)) => self.choose_server(host)?,
            Ok(None) => self.match_server(b"")?,
            Err(error) => return Err(self.failure(Cause::Request(error.into()))),
        }
        self.path = target.path;
        self.raw_path = target.raw_path;
        self.args = target.args;
        match self.head.method {
            Method::Connect | Method::Trace => {
                Err(self.failure(Cause::Refused(405, "client sent CONNECT or TRACE method")))
            }
            _ => Ok(()),
        }
    }

    fn choose_server(&mut self, host: Host) -> Result<(), Failure> {
        self.match_server(&host.name)?;
        self.host = Some(host);
        Ok(())
    }

    pub(super) fn match_server(&mut self, name: &[u8]) -> Result<(), Failure> {
        let shard = self.shard;
        let found = shard.router(self.client.listener).server(Some(name)).map_err(|error| self.unmatched(&error))?;
        self.server = found.server;
        self.location = &self.server.root;
        if let Some(captures) = found.captures {
            self.facts.borrow_mut().captured(*captures);
        }
        Ok(())
    }

    /// An expression of the configuration could not be run to its end on what the client sent.
    fn unmatched(&self, error: &MatchError) -> Failure {
        self.report(LogLevel::Error, format_args!("{error}"));
        self.failure(Cause::Refused(500, "no virtual server or location could be found"))
    }

    fn read_framing(&mut self, side: &mut ClientSide<'_>) -> Result<(), Failure> {
        let length = framing::request(&self.head).map_err(|error| self.failure(Cause::Request(error.into())))?;
        side.body = Body::new(length);
        side.expects_continue = self.head.version == Version::Http11
            && self.head.fields.first(Name::Expect).is_some_and(|v| v.eq_ignore_ascii_case(b"100-continue"));
        Ok(())
    }

    /// Those of the server, where something answers before the location is known.
    fn begin_client_settings(&self, side: &mut ClientSide<'_>) {
        if side.may_stay.is_none() && !self.is_subrequest() {
            self.apply_client_settings(side);
        }
    }

    /// The location's settings of the client's connection; the connection stays open only if all agree.
    fn apply_client_settings(&self, side: &mut ClientSide<'_>) {
        let settings = &self.location.client;
        if !self.is_subrequest() {
            self.client.lingering.set(Some(settings.lingering));
        }
        side.responder.timeout = settings.send_timeout;
        side.responder.keep_alive_header = settings.keepalive_header;
        side.responder.keep_alive = *side.may_stay.get_or_insert_with(|| may_stay(&self.head))
            && !self.must_close
            && !settings.keepalive_timeout.is_zero()
            && self.client.requests.get() < settings.keepalive_requests
            && moment::now().duration_since(self.client.accepted_at) < settings.keepalive_time
            && !self.shard.is_draining();
    }

    /// Finds the location.
    fn locate(&mut self, side: &mut ClientSide<'_>) -> Result<(), Failure> {
        let found = route::locate(self.server, &self.path).map_err(|error| {
            self.begin_client_settings(side);
            self.unmatched(&error)
        })?;
        self.location = match &found.location.limit_except {
            Some(limit) if !limit.methods.iter().any(|method| **method == *self.head.method.as_bytes()) => {
                &limit.location
            }
            Some(_) | None => found.location,
        };
        if let Some(captures) = found.captures {
            self.facts.borrow_mut().captured(*captures);
        }
        if !self.is_subrequest() {
            self.client.keepalive_timeout.set(Some(self.location.client.keepalive_timeout));
        }
        self.apply_client_settings(side);
        if self.location.internal && !self.is_internal {
            return Err(self.failure(Cause::Status(404)));
        }
        self.check_body(side)?;
        if found.add_slash {
            return Err(respond::slash_added(self));
        }
        Ok(())
    }

    fn check_body(&self, side: &ClientSide<'_>) -> Result<(), Failure> {
        let max = self.location.client.max_body_bytes;
        match side.body.length() {
            Some(length) if max > 0 && length > max => Err(self.failure(Cause::BodyTooLarge(Some(length)))),
            _ => Ok(()),
        }
    }
}

/// Whether the head allows another request after this one.
fn may_stay(head: &RequestHead) -> bool {
    let asked = match head.version {
        Version::Http09 => false,
        Version::Http10 => head.fields.connection().keep_alive,
        Version::Http11 => !head.fields.connection().close,
    };
    // A client that asked for a WebSocket may already speak it: if the answer is no 101, nothing that came after the
    // head may be read as HTTP.
    asked && !upgrade::names_websocket(head)
}
