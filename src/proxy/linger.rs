//! The end of a connection whose client may still be sending.

use std::time::Instant;

use super::client::Client;
use crate::model::Lingering;
use crate::net::buffer;

/// Reads and drops what is still under way from the client, so that the kernel does not answer it with a reset that
/// overtakes our last bytes.
pub(super) async fn linger(client: &Client, settings: Lingering, raw: Vec<u8>) {
    drop(raw);
    if settings.close.is_none() || client.stream.shutdown_write().is_err() {
        return;
    }
    let began = Instant::now();
    let mut piece = buffer::take();
    while let Some(timeout) = settings.pause_max(began.elapsed()) {
        piece.clear();
        match client.stream.read_raw(&mut piece, timeout).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
