//! Large messages on one tunnel, both ways at once: the writer never waits for an echo, the reader compares all of it.
//!
//! Without a pace a message begins where the one before it ends. A pace keeps its schedule as long as the proxy does.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::counts::Shared;
use super::echo::{Stop, judge};
use super::lane::{Entrance, lane};
use super::link::{Flaw, Writer};
use super::open::Tunnel;
use crate::wire::frame::Message;

/// When messages are due.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub first: Instant,
    pub every: Duration,
}

impl Pace {
    /// For `count` tunnels that carry `rate_mb` megabytes a second together, one after the other; none for no rate.
    pub fn of(rate_mb: u32, payload_bytes: usize, count: usize, index: usize) -> Option<Self> {
        let total = Duration::try_from_secs_f64(payload_bytes as f64 / (f64::from(rate_mb) * 1e6)).ok()?;
        Some(Self { first: Instant::now() + total * index as u32, every: total * count as u32 })
    }
}

pub async fn both_ways(
    tunnel: Tunnel,
    payload_bytes: usize,
    pace: Option<Pace>,
    counts: Shared,
    stop: Stop,
) -> Option<Tunnel> {
    let Tunnel { number, mut reader, writer } = tunnel;
    let Message { sent, expected, .. } = Message::new(number, payload_bytes);
    let (announce, mut announced) = lane();
    let sender = monoio::spawn(send(writer, number, Rc::new(sent), pace, announce, counts.clone(), stop));
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
    mut pace: Option<Pace>,
    announce: Entrance<()>,
    counts: Shared,
    stop: Stop,
) -> Option<Writer> {
    while !stop.get() {
        if let Some(pace) = &mut pace {
            monoio::time::sleep(pace.first.saturating_duration_since(Instant::now())).await;
            pace.first += pace.every;
        }
        announce.push(());
        let (result, _) = writer.write_all(sent.clone()).await;
        if !judge(result.map(|_| ()).map_err(Flaw::Lost), tunnel, &counts) {
            return None;
        }
    }
    Some(writer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_shared_out_and_staggered() {
        assert!(Pace::of(0, 1 << 20, 4, 0).is_none());
        let paces = [0, 1].map(|index| Pace::of(100, 1_000_000, 4, index).unwrap());
        assert_eq!(paces[0].every, Duration::from_millis(40));
        let apart = paces[1].first - paces[0].first;
        assert!((10.0..15.0).contains(&(apart.as_secs_f64() * 1e3)), "{apart:?}");
    }
}
