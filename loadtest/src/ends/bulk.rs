//! Large messages on one tunnel, both ways at once: the writer never waits for an echo, the reader compares all of it.

use std::rc::Rc;

use super::counts::Shared;
use super::echo::{Stop, judge};
use super::lane::{Entrance, lane};
use super::link::{Flaw, Writer};
use super::open::Tunnel;
use crate::wire::frame::Message;

pub async fn both_ways(tunnel: Tunnel, payload_bytes: usize, counts: Shared, stop: Stop) -> Option<Tunnel> {
    let Tunnel { number, mut reader, writer } = tunnel;
    let Message { sent, expected, .. } = Message::new(number, payload_bytes);
    let (announce, mut announced) = lane();
    let sender = monoio::spawn(send(writer, number, Rc::new(sent), announce, counts.clone(), stop));
    let mut buffer = Vec::new();
    while let Some(()) = announced.next().await {
        let count = |bytes| counts.borrow_mut().bulk_bytes += bytes as u64;
        let result = reader.expect(&expected, &mut buffer, count).await;
        if !judge(result, number, &counts) {
            return None;
        }
    }
    let writer = sender.await?;
    Some(Tunnel { number, reader, writer })
}

async fn send(
    mut writer: Writer,
    tunnel: u32,
    sent: Rc<Vec<u8>>,
    announce: Entrance<()>,
    counts: Shared,
    stop: Stop,
) -> Option<Writer> {
    while !stop.get() {
        announce.push(());
        let (result, _) = writer.write_all(sent.clone()).await;
        if !judge(result.map(|_| ()).map_err(Flaw::Lost), tunnel, &counts) {
            return None;
        }
    }
    Some(writer)
}
