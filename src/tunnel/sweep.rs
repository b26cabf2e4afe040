//! Which tunnels are at the end of their time. Pure: the clock is an argument.

use super::record::Ending;
use super::side::{Direction, Known, Side};
use super::slot::{Moment, Slot, between};

/// The ending that is due now, if one is.
pub fn due(slot: &Slot, now: Moment) -> Option<Ending> {
    let now = now.ticks();
    let settings = &*slot.settings;
    for (side, timeout) in [(Side::Upstream, settings.send_timeout), (Side::Client, settings.client_send_timeout)] {
        let direction = side.other().outgoing();
        if let (Some(timeout), Some(rare)) = (timeout, &slot.rare)
            && rare.is_waiting(direction)
            && between(rare.stuck_since(direction), now) >= timeout
        {
            return Some(Ending::SendTimeout(side));
        }
    }
    // An upstream that is not read since the client takes nothing is not the one that is silent.
    let is_read = !slot.has(Side::Upstream, Known::ENDED) && !slot.is_waiting(Direction::ToClient);
    let silence = between(slot.last_read[Direction::ToClient.index()], now);
    settings.read_timeout.filter(|timeout| is_read && silence >= *timeout).map(|_| Ending::ReadTimeout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn slot(settings: model::Tunnel) -> Slot {
        let (client, upstream) = UnixStream::pair().unwrap();
        Slot::new(client.into(), upstream.into(), settings.into(), Moment(5_000))
    }

    fn seconds(count: u64) -> Option<Duration> {
        Some(Duration::from_secs(count))
    }

    #[test]
    fn a_quiet_tunnel_without_settings_stays() {
        assert_eq!(due(&slot(model::Tunnel::default()), Moment(u64::MAX)), None);
    }

    #[test]
    fn read_timeout_counts_from_the_last_byte_of_the_upstream() {
        let mut slot = slot(model::Tunnel { read_timeout: seconds(60), ..Default::default() });
        assert_eq!(due(&slot, Moment(64_900)), None);
        assert_eq!(due(&slot, Moment(65_000)), Some(Ending::ReadTimeout));
        slot.last_read[Direction::ToClient.index()] = Moment(10_000).ticks();
        assert_eq!(due(&slot, Moment(69_900)), None);
        assert_eq!(due(&slot, Moment(70_000)), Some(Ending::ReadTimeout));
        slot.keep(Direction::ToClient, b"x", Moment(69_000));
        assert_eq!(due(&slot, Moment(70_000)), None, "the client is the slow one");
        slot.release(Direction::ToClient, 1, Moment(70_000));
        slot.set(Side::Upstream, Known::ENDED);
        assert_eq!(due(&slot, Moment(70_000)), None, "nothing more can come");
    }

    #[test]
    fn send_timeouts_count_while_bytes_wait() {
        let settings =
            model::Tunnel { send_timeout: seconds(10), client_send_timeout: seconds(20), ..Default::default() };
        let mut slot = slot(settings);
        slot.keep(Direction::ToUpstream, b"abc", Moment(6_000));
        assert_eq!(due(&slot, Moment(15_900)), None);
        assert_eq!(due(&slot, Moment(16_000)), Some(Ending::SendTimeout(Side::Upstream)));
        slot.release(Direction::ToUpstream, 1, Moment(16_000));
        assert_eq!(due(&slot, Moment(25_900)), None, "a byte has moved");
        slot.release(Direction::ToUpstream, 2, Moment(25_900));
        slot.keep(Direction::ToClient, b"abc", Moment(30_000));
        assert_eq!(due(&slot, Moment(49_900)), None);
        assert_eq!(due(&slot, Moment(50_000)), Some(Ending::SendTimeout(Side::Client)));
    }
}
