//! A plain request on a connection that stays open: what a proxy keeps for quiet clients is measured on these.
//!
//! By hand over httparse, because monoio-http's codec would hold buffers for each connection here.

use super::open::Tunnel;
use crate::wire::handshake::{HEAD_BYTES_MAX, body_of_200};

/// Of the answer's body.
const BODY_BYTES: usize = 64;

/// Asks once and reads the whole answer.
pub async fn exchange(connection: &mut Tunnel, host: &str) -> Result<(), String> {
    let request = format!("GET /b/{BODY_BYTES} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    connection.writer.write_all(request.into_bytes()).await.0.map_err(|error| format!("request: {error}"))?;
    let mut answer = Vec::new();
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let (result, filled) = connection.reader.read(buffer).await;
        buffer = filled;
        match result {
            Ok(0) => return Err("closed before the answer's end".to_owned()),
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) => return Err(format!("answer: {error}")),
        }
        match body_of_200(&answer)? {
            Some(body) if answer.len() - body == BODY_BYTES => return Ok(()),
            Some(body) if answer.len() - body > BODY_BYTES => return Err("more than the answer came back".to_owned()),
            None | Some(_) if answer.len() < HEAD_BYTES_MAX => {}
            None | Some(_) => return Err("the answer has no end".to_owned()),
        }
    }
}
