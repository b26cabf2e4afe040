//! One message after the other on one tunnel: as fast as answers come, or when one is due.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use super::counts::Shared;
use super::lane::{Entrance, Exit, lane};
use super::link::{Flaw, Writer};
use super::open::Tunnel;
use crate::wire::frame::Message;

/// Set when no further message may begin.
pub type Stop = Rc<Cell<bool>>;

pub fn nanoseconds_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Counts what broke; says whether the tunnel is still good.
pub fn judge(result: Result<(), Flaw>, tunnel: u32, counts: &Shared) -> bool {
    match result {
        Ok(()) => true,
        Err(Flaw::Lost(error)) => {
            counts.borrow_mut().fail(&format!("tunnel {tunnel}: {error}"));
            false
        }
        Err(Flaw::Differs) => {
            counts.borrow_mut().differ(&format!("tunnel {tunnel}: the echo is not what was sent"));
            false
        }
    }
}

async fn send(writer: &mut Writer, message: &mut Message) -> Result<(), Flaw> {
    let (result, sent) = writer.write_all(std::mem::take(&mut message.sent)).await;
    message.sent = sent;
    result.map(|_| ()).map_err(Flaw::Lost)
}

/// Sends, waits for the echo, sends again. Gives the tunnel back when told to stop, nothing when it broke.
pub async fn in_turn(mut tunnel: Tunnel, payload_bytes: usize, counts: Shared, stop: Stop) -> Option<Tunnel> {
    let mut message = Message::new(tunnel.number, payload_bytes);
    let mut buffer = Vec::new();
    let mut number = 0u32;
    while !stop.get() {
        number = number.wrapping_add(1);
        message.number(number);
        let start = Instant::now();
        let mut result = send(&mut tunnel.writer, &mut message).await;
        if result.is_ok() {
            result = tunnel.reader.expect(&message.expected, &mut buffer, |_| ()).await;
        }
        if !judge(result, tunnel.number, &counts) {
            return None;
        }
        counts.borrow_mut().trip(nanoseconds_since(start));
    }
    Some(tunnel)
}

/// One message that has to come back, to show that a held tunnel still carries bytes.
pub async fn once(tunnel: Tunnel, counts: Shared) -> Option<Tunnel> {
    let number = tunnel.number;
    let Tunnel { mut reader, mut writer, .. } = tunnel;
    let mut message = Message::new(number, 32);
    let mut result = send(&mut writer, &mut message).await;
    if result.is_ok() {
        result = reader.expect(&message.expected, &mut Vec::new(), |_| ()).await;
    }
    judge(result, number, &counts).then_some(Tunnel { number, reader, writer })
}

/// Sends when the pacer says that a message is due. A latency counts from then, so that a proxy that stalls is charged
/// for all messages that had to wait meanwhile.
pub async fn when_due(tunnel: Tunnel, payload_bytes: usize, counts: Shared, due: Exit<Instant>) -> Option<Tunnel> {
    let Tunnel { number, mut reader, writer } = tunnel;
    let (announce, mut announced) = lane();
    let sender = monoio::spawn(send_when_due(writer, number, payload_bytes, due, announce, counts.clone()));
    let mut message = Message::new(number, payload_bytes);
    let mut buffer = Vec::new();
    let mut count = 0u32;
    while let Some(since) = announced.next().await {
        count = count.wrapping_add(1);
        message.number(count);
        let result = reader.expect(&message.expected, &mut buffer, |_| ()).await;
        if !judge(result, number, &counts) {
            return None;
        }
        counts.borrow_mut().trip(nanoseconds_since(since));
    }
    let writer = sender.await?;
    Some(Tunnel { number, reader, writer })
}

async fn send_when_due(
    mut writer: Writer,
    tunnel: u32,
    payload_bytes: usize,
    mut due: Exit<Instant>,
    announce: Entrance<Instant>,
    counts: Shared,
) -> Option<Writer> {
    let mut message = Message::new(tunnel, payload_bytes);
    let mut count = 0u32;
    while let Some(since) = due.next().await {
        count = count.wrapping_add(1);
        message.number(count);
        counts.borrow_mut().lags.record(nanoseconds_since(since));
        announce.push(since);
        if !judge(send(&mut writer, &mut message).await, tunnel, &counts) {
            return None;
        }
    }
    Some(writer)
}
