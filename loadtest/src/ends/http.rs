//! Plain requests over kept connections, by monoio-http at both ends.
//!
//! `GET /b/N` is answered by N bytes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use monoio::io::sink::SinkExt;
use monoio::io::stream::Stream;
use monoio::io::{AsyncReadRent, AsyncWriteRent, Split};
use monoio_http::common::body::Body;
use monoio_http::common::error::HttpError;
use monoio_http::h1::codec::{ClientCodec, ServerCodec};
use monoio_http::h1::payload::{FixedPayload, Payload};

use super::counts::Shared;
use super::echo::{Stop, nanoseconds_since};
use super::link::Link;
use super::open::Target;

/// No larger body is made.
const BODY_BYTES_MAX: usize = 16 << 20;

thread_local! {
    /// Bodies by their length: a run asks for few.
    static BODIES: RefCell<HashMap<usize, Bytes>> = RefCell::new(HashMap::new());
}

fn body(bytes: usize) -> Bytes {
    BODIES.with_borrow_mut(|bodies| bodies.entry(bytes).or_insert_with(|| vec![b'x'; bytes].into()).clone())
}

fn wanted_bytes(path: &str) -> usize {
    path.strip_prefix("/b/").and_then(|number| number.parse().ok()).unwrap_or(0).min(BODY_BYTES_MAX)
}

/// A peer's side of a connection.
pub async fn answer<S: Split + AsyncReadRent + AsyncWriteRent + 'static>(stream: S) {
    let mut codec = ServerCodec::new(stream);
    while let Some(Ok(request)) = codec.next().await {
        let bytes = wanted_bytes(request.uri().path());
        let payload: Payload<Bytes, HttpError> = match bytes {
            0 => Payload::None,
            _ => Payload::Fixed(FixedPayload::new(body(bytes))),
        };
        let response = Response::builder().status(StatusCode::OK).header("content-type", "text/plain").body(payload);
        let Ok(response) = response else { return };
        if codec.send_and_flush(response).await.is_err() {
            return;
        }
    }
}

/// A client's: one request after the other until told to stop. A connection that ends is opened anew.
pub async fn ask(target: std::rc::Rc<Target>, bytes: usize, counts: Shared, stop: Stop) {
    let path = format!("/b/{bytes}");
    while !stop.get() {
        if let Err(reason) = ask_on_one(&target, &path, bytes, &counts, &stop).await {
            counts.borrow_mut().fail(&reason);
            // A target that refuses must not be asked as fast as it can refuse.
            monoio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

async fn ask_on_one(target: &Target, path: &str, bytes: usize, counts: &Shared, stop: &Stop) -> Result<(), String> {
    match target.connect().await? {
        Link::Plain(stream) => ask_over(stream, target, path, bytes, counts, stop).await,
        Link::Tls(stream) => ask_over(*stream, target, path, bytes, counts, stop).await,
    }
}

async fn ask_over<S: Split + AsyncReadRent + AsyncWriteRent>(
    stream: S,
    target: &Target,
    path: &str,
    bytes: usize,
    counts: &Shared,
    stop: &Stop,
) -> Result<(), String> {
    let mut codec = ClientCodec::new(stream);
    let uri: Uri = path.parse().map_err(|error| format!("{path}: {error}"))?;
    while !stop.get() {
        let request = Request::builder()
            .method(Method::GET)
            .uri(uri.clone())
            .version(Version::HTTP_11)
            .header("host", &target.host)
            .body(Payload::<Bytes, HttpError>::None)
            .map_err(|error| error.to_string())?;
        let start = Instant::now();
        codec.send_and_flush(request).await.map_err(|error| format!("request: {error}"))?;
        let response = match codec.next().await {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Err(format!("response: {error}")),
            None => return Ok(()),
        };
        if response.status() != StatusCode::OK {
            return Err(format!("status {} instead of 200", response.status()));
        }
        let keeps =
            response.headers().get("connection").is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"close"));
        let mut payload = response.into_body().with_io(&mut codec);
        let mut received = 0;
        while let Some(data) = payload.next_data().await {
            received += data.map_err(|error| format!("body: {error}"))?.len();
        }
        if received != bytes {
            return Err(format!("a body of {received} bytes instead of {bytes}"));
        }
        counts.borrow_mut().trip(nanoseconds_since(start));
        if !keeps {
            return Ok(());
        }
    }
    Ok(())
}
