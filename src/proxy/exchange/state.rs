//! What is known of one request and its response while the steps of an exchange go on, and how it is named in the log.
//!
//! Data and its tail in the error log; no step is taken here.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::host::Host;
use crate::http::{Fields, Method, Name, Names, RequestHead, ResponseHead};
use crate::model::{self, Location, LogLevel, PeerAddress, Scheme};
use crate::net::accept::ClientAddress;
use crate::observe::escape::Quoted;
use crate::observe::outcome::ExchangeEnd;
use crate::proxy::Shard;
use crate::proxy::body::Body;
use crate::proxy::client::Client;
use crate::proxy::facts::Facts;
use crate::proxy::failure::{Cause, Failure, Phase};
use crate::proxy::handover::Handover;
use crate::proxy::includes::Includes;
use crate::proxy::limit_status::LimitStatus;
use crate::proxy::responder::Responder;
use crate::proxy::sent::Shown;
use crate::proxy::spool::Prepared;
use crate::route;
use crate::zones::Place;

/// What becomes of the client's connection after an exchange.
pub enum Next {
    /// It waits for the next request.
    KeepAlive,
    /// It is closed: all that the client sent has been read.
    Close,
    /// It is closed, but bytes are still under way from the client: they are read and dropped for a while, so that the
    /// answer is not lost to a reset.
    Linger,
    /// As [`Next::Close`], in the middle of an answer: its peer sent no more.
    Cut,
    /// Nothing more can be said on it.
    Drop,
    /// It is a tunnel now.
    Tunnel(Box<Handover>),
}

/// What is sent to the peers of a request, behind their addresses.
pub struct Upstream {
    pub scheme: Scheme,
    pub uri: Vec<u8>,
}

/// What stands in `$upstream_addr`.
#[derive(Debug, Clone)]
pub enum At {
    Peer(PeerAddress),
    /// A group without a peer that may be used.
    Group(Arc<model::Upstream>),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(address) => address.fmt(f),
            Self::Group(group) => f.write_str(&group.name),
        }
    }
}

/// One peer that was asked, for `$upstream_*`.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub at: At,
    pub status: Option<u16>,
    pub connect_time: Option<Duration>,
    pub header_time: Option<Duration>,
    pub response_time: Option<Duration>,
    pub response_bytes: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

impl Attempt {
    /// One that begins.
    #[must_use]
    pub fn at(address: PeerAddress) -> Self {
        Self::of(At::Peer(address))
    }

    /// None was to be had of a group.
    #[must_use]
    pub fn in_vain(group: &Arc<model::Upstream>) -> Self {
        Self { status: Some(502), response_time: Some(Duration::ZERO), ..Self::of(At::Group(Arc::clone(group))) }
    }

    fn of(at: At) -> Self {
        Self {
            at,
            status: None,
            connect_time: None,
            header_time: None,
            response_time: None,
            response_bytes: 0,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }
}

/// Everything known of one request. Variables are evaluated against it.
pub struct Exchange<'c> {
    pub shard: &'c Shard,
    pub client: &'c Client,
    /// Who asks: the address of the connection, or what a trusted proxy says in its stead.
    pub remote: ClientAddress,
    /// A trusted proxy has said so.
    pub has_real_ip: bool,
    pub head: Box<RequestHead>,
    pub host: Option<Host>,
    /// Path as routed: normalized, and changed by internal redirects.
    pub path: Vec<u8>,
    /// Where the path lies in the target as the client sent it, as long as nothing changed it.
    pub raw_path: Option<Range<usize>>,
    pub args: Option<Vec<u8>>,
    /// Of the generation, which outlives it: counting who uses them would have all shards write to one place for each
    /// request.
    pub server: &'c route::Server,
    pub location: &'c Arc<Location>,
    pub facts: RefCell<Facts>,
    pub map_depth: Cell<u8>,
    pub started: Instant,
    /// `$request_length`: head and body as received.
    pub request_bytes: Cell<u64>,
    pub pipelined: bool,
    pub sent: Shown,
    pub is_complete: bool,
    /// What `$limit_rate` or a peer set, and once the answer is chosen what limits it; 0 is no limit.
    pub rate: Cell<Option<u64>>,
    pub attempts: Vec<Attempt>,
    /// When the last attempt began.
    pub attempt_started: Cell<Instant>,
    /// The last peer's answer, its reason taken out where it went on.
    pub answered: Option<Box<ResponseHead>>,
    /// Fields behind its body.
    pub upstream_trailers: Option<Box<Fields>>,
    pub proxy_host: Option<Cow<'c, str>>,
    pub proxy_port: Option<Cow<'c, str>>,
    pub phase: Phase,
    /// `$upstream` of the error log: where the request is being sent.
    pub upstream: Option<Upstream>,
    pub request_id: OnceCell<String>,
    /// Fields behind the body that were made here.
    pub sent_trailers: RefCell<Option<Box<Fields>>>,
    /// The body, once it was read for a peer.
    pub request_body: Option<Rc<Prepared>>,
    /// In a request that is made inside for another one: that one's method.
    pub main_method: Option<Box<Method>>,
    /// Something inside chose the path: `internal` locations are open.
    pub is_internal: bool,
    /// A `break` ended the steps: the path is not measured by its location, `proxy_pass` takes it whole.
    pub has_own_path: bool,
    /// The last `if` that held has no `proxy_pass` and one before it has.
    pub passes_nowhere: bool,
    /// Rewrites, indexes and error pages so far.
    pub redirect_count: usize,
    /// An error page was entered from a location without `recursive_error_pages`: another error shows the built-in one.
    pub had_error_page: bool,
    /// The status an error page is shown with.
    pub shown_status: Option<u16>,
    /// What the first answer says to the one in its place.
    pub carried: Option<Box<Carried>>,
    /// `X-Accel-Charset` of a peer, unless it is empty.
    pub accel_charset: Option<Box<[u8]>>,
    /// The connection closes after the answer, whatever location gives it.
    pub must_close: bool,
    /// How the first failure is counted.
    pub end: Option<ExchangeEnd>,
    /// What came of the limits, once they were asked.
    pub limit_conn_status: Option<LimitStatus>,
    pub limit_req_status: Option<LimitStatus>,
    /// Where an answer is read for commands, or is for one that is.
    pub includes: Option<Box<Includes>>,
    /// Of `limit_conn`; given back with the exchange or with its tunnel.
    pub places: Vec<Place>,
}

/// What outlives an answer that another one takes the place of.
#[derive(Default)]
pub struct Carried {
    /// `WWW-Authenticate` of a 401, each value a line of its own.
    pub challenges: Vec<Box<[u8]>>,
    /// `Location` of the last redirect: the page that takes the place of its answer shows it too.
    pub redirect_to: Option<Vec<u8>>,
    /// `Content-Range` of a 416, and with `X-Accel-Redirect` what the peer says of the content.
    pub fields: Fields,
    /// The type that a peer gave with `X-Accel-Redirect`.
    pub content_type: Option<Box<[u8]>>,
}

/// The two directions of the client's connection during one exchange.
pub struct ClientSide<'c> {
    pub body: Body,
    /// Bytes read from the client and not yet used: the rest of the body, then further requests.
    pub raw: &'c mut Vec<u8>,
    pub responder: Responder<'c>,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Whether the head allows another request on the connection, once that was looked at.
    pub may_stay: Option<bool>,
}

impl<'c> Exchange<'c> {
    /// An exchange at the server level of the listener's default server, before anything is known of the request.
    #[must_use]
    pub fn new(
        shard: &'c Shard,
        client: &'c Client,
        head: Box<RequestHead>,
        head_bytes: usize,
        started: Instant,
    ) -> Self {
        let server: &route::Server = shard.router(client.listener).default_server();
        let location = &server.root;
        Self {
            shard,
            client,
            remote: client.remote,
            has_real_ip: false,
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
            sent: Shown::default(),
            is_complete: false,
            rate: Cell::new(None),
            attempts: Vec::new(),
            attempt_started: Cell::new(started),
            answered: None,
            upstream_trailers: None,
            proxy_host: None,
            proxy_port: None,
            phase: Phase::ProcessingRequest,
            upstream: None,
            request_id: OnceCell::new(),
            sent_trailers: RefCell::default(),
            request_body: None,
            main_method: None,
            is_internal: false,
            has_own_path: false,
            passes_nowhere: false,
            redirect_count: 0,
            had_error_page: false,
            shown_status: None,
            accel_charset: None,
            carried: None,
            must_close: false,
            end: None,
            limit_conn_status: None,
            limit_req_status: None,
            includes: None,
            places: Vec::new(),
        }
    }

    /// Whether it is made inside for another request: see `subrequest`.
    #[must_use]
    pub fn is_subrequest(&self) -> bool {
        self.main_method.is_some()
    }

    /// What another answer takes over from here on.
    pub fn carried_on(&mut self) -> &mut Carried {
        self.carried.get_or_insert_default()
    }

    /// `WWW-Authenticate` says these from here on.
    pub fn challenge(&mut self, challenges: Vec<Box<[u8]>>) {
        if self.carried.is_some() || !challenges.is_empty() {
            self.carried_on().challenges = challenges;
        }
    }

    /// Keeps what a peer that sends the request on says of the content.
    pub fn carry(&mut self, fields: &Fields) {
        const CARRIED: Names = Names::of(&[
            Name::SetCookie,
            Name::ContentDisposition,
            Name::CacheControl,
            Name::Expires,
            Name::AcceptRanges,
        ]);
        let carried = self.carried_on();
        for (known, name, value) in fields.iter_known().filter(|(known, ..)| CARRIED.has(*known)) {
            carried.fields.push_spelled(known, name, value);
        }
        carried.content_type = fields.first(Name::ContentType).map(Into::into);
    }

    /// A failure in the phase the exchange is in.
    #[must_use]
    pub fn failure(&self, cause: Cause) -> Failure {
        Failure::new(self.phase, cause)
    }

    /// Writes one line to the error log, with nginx's tail of what is known.
    pub fn report(&self, level: LogLevel, message: fmt::Arguments<'_>) {
        let (logs, id) = (&self.shard.logs.error, self.location.error_log);
        if logs.takes(id, level) {
            logs.write(id, level, Some(self.client.number), format_args!("{message}{}", Tail(self)));
        }
    }
}

/// `, client: …, server: …, request: "…", upstream: "…", host: "…", referrer: "…"`.
struct Tail<'e>(&'e Exchange<'e>);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchange = self.0;
        if exchange.server.stream.is_some() {
            write!(f, "{}", exchange.stream_ends())?;
            return match exchange.phase {
                Phase::ReadingRequestLine | Phase::ProcessingRequest => Ok(()),
                _ => write!(f, "{}", exchange.stream_bytes()),
            };
        }
        write!(f, ", client: {}, server: {}", exchange.remote, exchange.server.name)?;
        if !exchange.head.line.is_empty() {
            write!(f, ", request: \"{}\"", Quoted(&exchange.head.line))?;
        }
        if exchange.is_subrequest() {
            write!(f, ", subrequest: \"{}\"", exchange.path.escape_ascii())?;
        }
        if let (Some(Upstream { scheme, uri }), Some(Attempt { at, .. })) =
            (&exchange.upstream, exchange.attempts.last())
        {
            write!(f, ", upstream: \"{}{at}{}\"", scheme.prefix(), Quoted(uri))?;
        }
        if let Some(host) = exchange.head.fields.first(Name::Host) {
            write!(f, ", host: \"{}\"", Quoted(host))?;
        }
        if let Some(referrer) = exchange.head.fields.first(Name::Referer) {
            write!(f, ", referrer: \"{}\"", Quoted(referrer))?;
        }
        Ok(())
    }
}
