//! The opening handshake of RFC 6455 4 at both ends, and the first look a peer takes at a request.
//!
//! Knows bytes only. A client here is strict: an answer that is not the 101 it asked for is named, never taken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455 1.3.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const FIELDS_MAX: usize = 64;
/// More than any proxy adds; beyond it a head is an error and not a reason to wait.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// One tunnel's request with the answer that it has to get.
#[derive(Debug)]
pub struct Offer {
    pub request: Vec<u8>,
    accept: String,
}

impl Offer {
    /// `number` makes the key this tunnel's own.
    pub fn new(host: &str, number: u64) -> Self {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        nonce[8..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let key = STANDARD.encode(nonce);
        let request = format!(
            "GET /echo HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        Self { request: request.into_bytes(), accept: accept_value(key.as_bytes()) }
    }

    /// `Ok(None)` when the head is not whole yet; else the bytes that it took.
    pub fn verify(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let taken = match response.parse(bytes) {
            Ok(httparse::Status::Complete(taken)) => taken,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
            Ok(httparse::Status::Partial) => return Err("the answer's head has no end".to_owned()),
            Err(error) => return Err(format!("the answer is not HTTP: {error}")),
        };
        let status = response.code.unwrap_or(0);
        if status != 101 {
            return Err(format!("status {status} {} instead of 101", response.reason.unwrap_or("")));
        }
        let accept = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("sec-websocket-accept"));
        match accept {
            Some(field) if field.value == self.accept.as_bytes() => Ok(Some(taken)),
            Some(_) => Err("wrong Sec-WebSocket-Accept".to_owned()),
            None => Err("101 without Sec-WebSocket-Accept".to_owned()),
        }
    }
}

/// Where the body of an answer to a plain request begins, once its head is whole. Its connection has to stay open.
pub fn body_of_200(bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let taken = match response.parse(bytes) {
        Ok(httparse::Status::Complete(taken)) => taken,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(format!("the answer is not HTTP: {error}")),
    };
    let status = response.code.unwrap_or(0);
    if status != 200 {
        return Err(format!("status {status} {} instead of 200", response.reason.unwrap_or("")));
    }
    let closes = |field: &&httparse::Header<'_>| {
        field.name.eq_ignore_ascii_case("connection") && field.value.eq_ignore_ascii_case(b"close")
    };
    match response.headers.iter().find(closes) {
        Some(_) => Err("the connection is not kept".to_owned()),
        None => Ok(Some(taken)),
    }
}

fn accept_value(key: &[u8]) -> String {
    let mut digest = Sha1::new();
    digest.update(key);
    digest.update(MAGIC);
    STANDARD.encode(digest.finalize())
}

/// What arrived at a peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The head is not whole yet.
    Part,
    /// A handshake: what to answer, and where in the bytes the frames begin.
    WebSocket {
        answer: Vec<u8>,
        taken: usize,
    },
    /// Any other request.
    Http,
    Broken,
}

/// A peer's look at the first bytes of a connection.
pub fn arrival(bytes: &[u8]) -> Arrival {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let taken = match request.parse(bytes) {
        Ok(httparse::Status::Complete(taken)) => taken,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Arrival::Part,
        Ok(httparse::Status::Partial) | Err(_) => return Arrival::Broken,
    };
    let key = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("sec-websocket-key"));
    let upgrade = request.headers.iter().any(|field| field.name.eq_ignore_ascii_case("upgrade"));
    match key {
        Some(key) if upgrade => {
            let accept = accept_value(key.value);
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            Arrival::WebSocket { answer: answer.into_bytes(), taken }
        }
        Some(_) | None => Arrival::Http,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        assert_eq!(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn both_ends_agree() {
        let offer = Offer::new("a", 5);
        let Arrival::WebSocket { mut answer, taken } = arrival(&offer.request) else { panic!("not seen") };
        assert_eq!(taken, offer.request.len());
        let whole = answer.len();
        answer.extend_from_slice(b"\x82\x00");
        assert_eq!(offer.verify(&answer), Ok(Some(whole)));
        assert_eq!(offer.verify(&answer[..whole - 1]), Ok(None));
        assert_eq!(arrival(&offer.request[..9]), Arrival::Part);
    }

    #[test]
    fn other_answers_are_named() {
        let offer = Offer::new("a", 5);
        assert!(offer.verify(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").is_err_and(|text| text.contains("502 Bad Gateway")));
        let wrong = b"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: x\r\n\r\n";
        assert!(offer.verify(wrong).is_err_and(|text| text.contains("wrong")));
        assert!(offer.verify(b"HTTP/1.1 101 X\r\n\r\n").is_err_and(|text| text.contains("without")));
        assert!(offer.verify(b"SSH-2.0\r\n").is_err());
    }

    #[test]
    fn an_answer_keeps_its_connection() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(body_of_200(head), Ok(Some(head.len() - 2)));
        assert_eq!(body_of_200(&head[..20]), Ok(None));
        assert!(body_of_200(b"HTTP/1.1 404 Not Found\r\n\r\n").is_err_and(|text| text.contains("404 Not Found")));
        assert!(body_of_200(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").is_err());
    }

    #[test]
    fn plain_requests_are_told_apart() {
        assert_eq!(arrival(b"GET /b/10 HTTP/1.1\r\nHost: a\r\n\r\n"), Arrival::Http);
        assert_eq!(arrival(b"\x16\x03\x01\x00"), Arrival::Broken);
    }
}
