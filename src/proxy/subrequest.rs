//! A request that is made inside for another one. It goes through the phases like a client's, but asks nobody for leave,
//! has no body, and its answer is chosen and then dropped (what counts is its status and its fields) or becomes a part of
//! the other's.
//!
//! Values that variables were given are one set for both requests, as in nginx; expressions that match have groups of
//! their own.

use std::mem;
use std::time::Instant;

use super::body::Body;
use super::exchange::{ClientSide, Exchange, Next};
use super::includes::Includes;
use super::responder::Responder;
use crate::http::framing::BodyLength;
use crate::http::{Method, Version};

/// What is asked for.
pub struct Asked<'a> {
    pub path: &'a [u8],
    pub args: Option<Vec<u8>>,
    /// What an `include` goes on with.
    pub includes: Option<Box<Includes>>,
}

/// Runs a GET of `path` whose answer goes nowhere, and gives back how it ended. Its values are those of `main` until
/// [`end`] returns them.
pub async fn run<'c>(main: &mut Exchange<'c>, path: &[u8]) -> Exchange<'c> {
    let mut raw = Vec::new();
    let mut side = ClientSide {
        body: Body::new(BodyLength::None),
        raw: &mut raw,
        responder: Responder::for_nobody(Version::Http11, false),
        expects_continue: false,
        may_stay: None,
    };
    run_into(main, Asked { path, args: None, includes: None }, &mut side).await.0
}

/// The same with an answer that goes there.
pub async fn run_into<'c>(
    main: &mut Exchange<'c>,
    asked: Asked<'_>,
    side: &mut ClientSide<'_>,
) -> (Exchange<'c>, Next) {
    let mut inner = begin(main, asked);
    // Boxed, since the phases it goes through are those that led here.
    let next = Box::pin(inner.go(side, Ok(()))).await;
    let next = Box::pin(inner.fill(side, next)).await;
    inner.is_complete = !matches!(next, Next::Drop | Next::Cut);
    inner.sent.swap_with(&mut side.responder.sent);
    if inner.location.log_subrequest {
        inner.write_access_log();
    }
    (inner, next)
}

fn begin<'c>(main: &mut Exchange<'c>, asked: Asked<'_>) -> Exchange<'c> {
    let mut inner = Exchange::new(main.shard, main.client, main.head.clone(), 0, Instant::now());
    let method = mem::replace(&mut inner.head.method, Method::Get);
    inner.main_method = Some(main.main_method.clone().unwrap_or_else(|| Box::new(method)));
    inner.server = main.server;
    inner.location = &inner.server.root;
    inner.remote = main.remote;
    inner.has_real_ip = main.has_real_ip;
    inner.host = main.host.clone();
    inner.path = asked.path.to_vec();
    inner.args = asked.args;
    inner.includes = asked.includes;
    inner.is_internal = true;
    inner.pipelined = main.pipelined;
    // There is none, and the client's is not read for it.
    inner.request_body = Some(std::rc::Rc::default());
    inner.limit_conn_status = main.limit_conn_status;
    inner.limit_req_status = main.limit_req_status;
    mem::swap(&mut inner.request_id, &mut main.request_id);
    let captures = main.facts.get_mut().take_captures();
    inner.facts = mem::take(&mut main.facts);
    main.facts.get_mut().put_captures(captures);
    inner
}

/// Gives `main` its values back, and what the request inside took for both.
pub fn end(main: &mut Exchange<'_>, mut inner: Exchange<'_>) {
    let captures = main.facts.get_mut().take_captures();
    main.facts = mem::take(&mut inner.facts);
    main.facts.get_mut().put_captures(captures);
    mem::swap(&mut inner.request_id, &mut main.request_id);
    main.limit_conn_status = inner.limit_conn_status;
    main.limit_req_status = inner.limit_req_status;
    main.places.append(&mut inner.places);
}
