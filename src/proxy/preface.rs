//! What comes before the first request of a connection: the header of the PROXY protocol, where `listen` asks for it.

use std::pin::pin;

use super::Shard;
use super::client::Client;
use crate::limits::PROXY_HEADER_BYTES_MAX;
use crate::model::LogLevel;
use crate::net::proxy_protocol::{self, Broken};
use crate::net::timer::within;
use crate::observe::escape::Quoted;

/// Reads the header. What follows it is left in `raw`. `false` ends the connection: nothing can be said to a proxy that
/// speaks something else, or nothing in time.
pub async fn read(shard: &Shard, client: &mut Client, raw: &mut Vec<u8>) -> bool {
    let timeout = shard.default_server(client.listener).client_head.timeout;
    let header = {
        let _waiting = shard.wait(client);
        within(timeout, pin!(header(client, raw))).await
    };
    match header {
        Ok(Ok(header)) => {
            client.proxy_header = header.map(Box::new);
            true
        }
        Ok(Err(Broken)) => {
            let line = raw.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or(raw);
            let shown = Quoted(&line[..line.len().min(64)]);
            let text = format_args!("broken header: \"{shown}\" while reading PROXY protocol");
            shard.report(client, LogLevel::Error, text);
            false
        }
        // It went away, or sent nothing: as with requests, that is no news.
        Err(_) => false,
    }
}

async fn header(
    client: &Client,
    raw: &mut Vec<u8>,
) -> std::io::Result<Result<Option<proxy_protocol::ProxyHeader>, Broken>> {
    loop {
        raw.reserve(PROXY_HEADER_BYTES_MAX.saturating_sub(raw.len()).max(1));
        if client.stream.read(raw, usize::MAX, std::time::Duration::ZERO).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match proxy_protocol::parse(raw) {
            Ok(Some((header, used))) => {
                raw.drain(..used);
                return Ok(Ok(header));
            }
            Ok(None) => {}
            Err(broken) => return Ok(Err(broken)),
        }
    }
}
