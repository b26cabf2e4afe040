//! One request with its response: read this page first.
//!
//! An exchange goes through fixed steps: the host chooses the virtual server, the path the location, the location's
//! rewrite steps and then its content answer. Content is static files or a peer. Whatever fails on the way becomes an
//! error page, if the client can still be told, and one log line. At the end stands [`Next`]: what becomes of the
//! client's connection.
//!
//! All decisions are pure functions of other modules; here they are put in order.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::body::Body;
use super::client::Client;
use super::facts::Facts;
use super::failure::{Cause, Failure, Phase};
use super::handover::Handover;
use super::responder::{Responder, Sent};
use super::{Shard, files, pass, respond};
use crate::http::framing::BodyLength;
use crate::http::host::Host;
use crate::http::{Fields, Method, RequestHead, Version, framing, host, target};
use crate::limits::INTERNAL_REDIRECTS_MAX;
use crate::model::{Content, Location, LogLevel, Matching, Return, Step};
use crate::observe::error_log;
use crate::observe::outcome::ExchangeEnd;
use crate::route::{self, MatchError};

/// What becomes of the client's connection after an exchange.
pub enum Next {
    /// It waits for the next request.
    KeepAlive,
    /// It is closed: all that the client sent has been read.
    Close,
    /// It is closed, but bytes are still under way from the client: they are read and dropped for a while, so that the
    /// answer is not lost to a reset.
    Linger,
    /// Nothing more can be said on it.
    Drop,
    /// It is a tunnel now.
    Tunnel(Box<Handover>),
}

/// One peer that was asked, for `$upstream_*`.
#[derive(Debug, Default, Clone)]
pub struct Attempt {
    pub address: Box<str>,
    pub status: Option<u16>,
    pub connect_time: Option<Duration>,
    pub header_time: Option<Duration>,
    pub response_time: Option<Duration>,
    pub response_bytes: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

/// Everything known of one request. Variables are evaluated against it.
pub struct Exchange<'c> {
    pub shard: &'c Shard,
    pub client: &'c Client,
    pub head: RequestHead,
    pub host: Option<Host>,
    /// Path as routed: normalized, and changed by internal redirects.
    pub path: Vec<u8>,
    /// The path part of the target as the client sent it, as long as nothing changed it.
    pub raw_path: Option<Vec<u8>>,
    pub args: Option<Vec<u8>>,
    pub server: Arc<route::Server>,
    pub location: Arc<Location>,
    pub facts: RefCell<Facts>,
    pub map_depth: Cell<u8>,
    pub started: Instant,
    /// `$request_length`: head and body as received.
    pub request_bytes: Cell<u64>,
    pub pipelined: bool,
    pub sent: Sent,
    pub is_complete: bool,
    pub attempts: Vec<Attempt>,
    /// When the last attempt began.
    pub attempt_started: Cell<Instant>,
    /// Fields of the last peer's answer.
    pub upstream_fields: Fields,
    pub proxy_host: Option<Box<[u8]>>,
    pub proxy_port: Option<Box<[u8]>>,
    pub phase: Phase,
    /// `$upstream` of the error log: where the request is being sent.
    pub upstream_text: Option<String>,
    pub request_id: OnceCell<String>,
}

/// The two directions of the client's connection during one exchange.
pub struct ClientSide<'c> {
    pub body: Body,
    /// Bytes read from the client and not yet used: the rest of the body, then further requests.
    pub raw: &'c mut Vec<u8>,
    pub responder: Responder<'c>,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
}

impl<'c> Exchange<'c> {
    /// An exchange at the server level of the listener's default server, before anything is known of the request.
    #[must_use]
    pub fn new(shard: &'c Shard, client: &'c Client, head: RequestHead, head_bytes: usize, started: Instant) -> Self {
        let server = Arc::clone(shard.router(client.listener).default_server());
        let location = Arc::clone(&server.root);
        Self {
            shard,
            client,
            head,
            host: None,
            path: Vec::new(),
            raw_path: None,
            args: None,
            server,
            location,
            facts: RefCell::default(),
            map_depth: Cell::new(0),
            started,
            request_bytes: Cell::new(head_bytes as u64),
            pipelined: false,
            sent: Sent::default(),
            is_complete: false,
            attempts: Vec::new(),
            attempt_started: Cell::new(started),
            upstream_fields: Fields::new(),
            proxy_host: None,
            proxy_port: None,
            phase: Phase::ProcessingRequest,
            upstream_text: None,
            request_id: OnceCell::new(),
        }
    }

    /// Answers the request. `early` is a failure that was met while its head was read.
    pub async fn run(&mut self, raw: &mut Vec<u8>, early: Option<Failure>) -> Next {
        let stream = &self.client.stream;
        let mut side = ClientSide {
            body: Body::new(BodyLength::None),
            raw,
            responder: Responder::new(stream, self.head.version, self.head.method == Method::Head),
            expects_continue: false,
        };
        let answered = match early {
            Some(failure) => Err(failure),
            None => self.answer(&mut side).await,
        };
        let metrics = self.shard.own_metrics();
        metrics.requests.add(1);
        let next = match answered {
            Ok(Next::Tunnel(handover)) => return Next::Tunnel(handover),
            Ok(next) => {
                metrics.exchange_ended(ExchangeEnd::Answered);
                next
            }
            Err(failure) => {
                metrics.exchange_ended(failure.end());
                self.fail(&mut side, failure).await
            }
        };
        self.sent = std::mem::take(&mut side.responder.sent);
        self.is_complete = !matches!(next, Next::Drop);
        self.write_access_log();
        match next {
            Next::KeepAlive if !side.body.is_done() => self.discard_body(&mut side).await,
            Next::Close if !side.body.is_done() || !side.raw.is_empty() => Next::Linger,
            next => next,
        }
    }

    /// The next request stands behind a body that nobody wanted. A client that waits for `100 Continue` was told no,
    /// and may send the body or not: that connection is of no further use.
    async fn discard_body(&self, side: &mut ClientSide<'_>) -> Next {
        let timeout = self.location.client.body_timeout;
        let found_end = !side.expects_continue && side.body.discard(&self.client.stream, side.raw, timeout).await;
        if found_end { Next::KeepAlive } else { Next::Linger }
    }

    async fn answer(&mut self, side: &mut ClientSide<'_>) -> Result<Next, Failure> {
        self.read_target()?;
        self.read_framing(side)?;
        let root = Arc::clone(&self.server.root);
        if let Some(answer) = first_return(&root) {
            return respond::returned(self, side, answer).await;
        }
        let mut redirects = 0;
        loop {
            if let Some(next) = self.locate(side, redirects > 0).await? {
                return Ok(next);
            }
            self.check_body(side)?;
            let location = Arc::clone(&self.location);
            if let (Some(answer), false) = (first_return(&location), matches!(location.matching, Matching::Server)) {
                return respond::returned(self, side, answer).await;
            }
            match &location.content {
                Content::Proxy(to) => return pass::run(self, side, to).await,
                Content::Files => match files::run(self, side).await? {
                    files::Served::Answered(next) => return Ok(next),
                    files::Served::Index(path) => self.change_path(path),
                },
            }
            redirects += 1;
            if redirects > INTERNAL_REDIRECTS_MAX {
                let words = "rewrite or internal redirection cycle";
                return Err(self.failure(Cause::Refused(500, words)));
            }
        }
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
        self.raw_path = Some(target.raw_path);
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

    fn match_server(&mut self, name: &[u8]) -> Result<(), Failure> {
        let shard = self.shard;
        let found = shard.router(self.client.listener).server(Some(name)).map_err(|error| self.unmatched(&error))?;
        self.server = Arc::clone(found.server);
        self.location = Arc::clone(&self.server.root);
        if let Some(captures) = found.captures {
            self.facts.borrow_mut().captured(captures);
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
            && !side.body.is_done()
            && self.head.fields.first(b"expect").is_some_and(|v| v.eq_ignore_ascii_case(b"100-continue"));
        self.apply_client_settings(side);
        Ok(())
    }

    /// The location's settings of the client's connection; the connection stays open only if all agree.
    fn apply_client_settings(&self, side: &mut ClientSide<'_>) {
        let settings = &self.location.client;
        side.responder.timeout = settings.send_timeout;
        side.responder.keep_alive_header = settings.keepalive_header;
        let asked = match self.head.version {
            Version::Http09 => false,
            Version::Http10 => self.head.fields.has_token(b"connection", b"keep-alive"),
            Version::Http11 => !self.head.fields.has_token(b"connection", b"close"),
        };
        side.responder.keep_alive = asked
            && !settings.keepalive_timeout.is_zero()
            && self.client.requests.get() < settings.keepalive_requests
            && self.client.accepted_at.elapsed() < settings.keepalive_time
            && !self.shard.is_draining();
    }

    /// Finds the location; an answer when the path alone already gives one.
    async fn locate(&mut self, side: &mut ClientSide<'_>, is_internal: bool) -> Result<Option<Next>, Failure> {
        let found = route::locate(&self.server, &self.path).map_err(|error| self.unmatched(&error))?;
        self.location = found.location;
        if let Some(captures) = found.captures {
            self.facts.borrow_mut().captured(captures);
        }
        self.client.keepalive_timeout.set(Some(self.location.client.keepalive_timeout));
        self.apply_client_settings(side);
        if found.add_slash {
            return respond::slash_added(self, side).await.map(Some);
        }
        if self.location.internal && !is_internal {
            return Err(self.failure(Cause::Refused(404, "access to internal location")));
        }
        Ok(None)
    }

    fn check_body(&self, side: &ClientSide<'_>) -> Result<(), Failure> {
        let max = self.location.client.max_body_bytes;
        match side.body.length() {
            Some(length) if max > 0 && length > max => Err(self.failure(Cause::BodyTooLarge(Some(length)))),
            _ => Ok(()),
        }
    }

    /// An internal redirect: the path is ours now, what the client sent no longer stands for it.
    fn change_path(&mut self, path: Vec<u8>) {
        self.path = path;
        self.raw_path = None;
    }

    /// Ends a failed exchange: the log line, and the error page if the client can still read one.
    async fn fail(&mut self, side: &mut ClientSide<'_>, failure: Failure) -> Next {
        let status = failure.status();
        self.report(failure.level(), format_args!("{failure}"));
        if side.responder.has_begun() || !failure.leaves_client() {
            if !side.responder.has_begun() {
                side.responder.sent.status = status;
            }
            return Next::Drop;
        }
        if status == respond::CLOSE_WITHOUT_ANSWER {
            side.responder.sent.status = status;
            return Next::Drop;
        }
        match respond::error_page(self, side, status).await {
            Ok(next) => next,
            Err(_) => Next::Drop,
        }
    }

    /// A failure in the phase the exchange is in.
    #[must_use]
    pub fn failure(&self, cause: Cause) -> Failure {
        Failure::new(self.phase, cause)
    }

    /// Writes one line to the error log, with nginx's tail of what is known.
    pub fn report(&self, level: LogLevel, message: fmt::Arguments<'_>) {
        if error_log::is_on(level) {
            error_log::write(level, Some(self.client.number), format_args!("{message}{}", Tail(self)));
        }
    }
}

/// The `return` of a location's rewrite steps that answers, if any does.
fn first_return(location: &Location) -> Option<&Return> {
    location
        .steps
        .iter()
        .map(|step| match step {
            Step::Return(answer) => answer,
        })
        .next()
}

/// `, client: …, server: …, request: "…", upstream: "…", host: "…"`.
struct Tail<'e>(&'e Exchange<'e>);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchange = self.0;
        write!(f, ", client: {}, server: {}", exchange.client.remote, exchange.server.name)?;
        if !exchange.head.line.is_empty() {
            write!(f, ", request: \"{}\"", exchange.head.line.escape_ascii())?;
        }
        if let Some(upstream) = &exchange.upstream_text {
            write!(f, ", upstream: \"{upstream}\"")?;
        }
        if let Some(host) = exchange.head.fields.first(b"host") {
            write!(f, ", host: \"{}\"", host.escape_ascii())?;
        }
        Ok(())
    }
}
