//! Which tunnels are at the end of their time, and when to look at one again. Pure: the clock is an argument.

use std::time::Duration;

use crate::limits;
use crate::model;

use super::clock::{Moment, between, ticks};
use super::rare::{Ping, Rare};
use super::record::{Ending, Reason};
use super::side::{Direction, Known, Side};
use super::slot::Slot;

/// What is due now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    End(Ending),
    /// The end, told to both ends where frames are tracked.
    Farewell(Ending),
    /// A ping to the client.
    Ping,
    /// The client has sent something since the last ping, or its FIN: it lives, pong or not.
    Alive,
    /// TCP's own probes, which its sockets have not been told of.
    Probes,
}

/// What is due in a tunnel, if anything is. `salt` is any number that differs from tunnel to tunnel, `draining_since` the
/// tick at which the drain of its generation began.
pub fn due(slot: &Slot, salt: u32, draining_since: Option<u32>, now: Moment) -> Option<Due> {
    if let Some(farewell) = slot.rare.as_ref().and_then(|rare| rare.farewell) {
        let is_over = between(farewell.since, now.ticks()) >= limits::TUNNEL_FAREWELL_TIME;
        return is_over.then_some(Due::End(farewell.ending));
    }
    send_timeout(slot, now)
        .or_else(|| read_timeout(slot, now))
        .or_else(|| idle(slot, now))
        .or_else(|| lifetime(slot, salt, now))
        .or_else(|| drain(slot, salt, draining_since?, now))
        .map(Due::Farewell)
        .or_else(|| ping(slot, now))
        // What the probes ask of the kernel begins after seconds: until now, a tunnel that is soon over spared their calls.
        .or_else(|| slot.is_young().then_some(Due::Probes))
}

/// Ticks until [`due`] may have an answer, if nothing that a turn or a drain does makes it earlier: the sweep hears of those
/// by itself. Too early does no harm.
pub fn wait(slot: &Slot, salt: u32, draining_since: Option<u32>, now: Moment) -> u32 {
    let left = |since: u32, length: Duration| ticks(length.saturating_sub(between(since, now.ticks())));
    if slot.is_ending() {
        return u32::MAX;
    }
    if let Some(farewell) = slot.rare.as_ref().and_then(|rare| rare.farewell) {
        return left(farewell.since, limits::TUNNEL_FAREWELL_TIME);
    }
    if slot.is_young() || due(slot, salt, draining_since, now).is_some() {
        // Of what is due already only who acts on it can say what comes next.
        return 0;
    }
    let settings = &*slot.settings;
    let [to_upstream, to_client] = slot.last_read;
    let silent_since = if between(to_upstream, to_client).is_zero() { to_upstream } else { to_client };
    let is_heard = !slot.has(Side::Client, Known::ENDED);
    [
        settings.read_timeout.filter(|_| !slot.has(Side::Upstream, Known::ENDED)).map(|time| left(silent_since, time)),
        settings.timeout.map(|time| left(silent_since, time)),
        settings.lifetime.map(|lifetime| left(slot.adopted, longest(slot, salt, lifetime))),
        draining_since.zip(settings.drain).map(|(since, drain)| left(since, drain.mul_f64(part(slot, salt)))),
        settings.ping.filter(|_| is_heard && slot.trackers().is_some()).map(|ping| {
            match slot.ping().filter(Ping::is_owed) {
                None => left(to_upstream, ping.interval),
                Some(sent) => left(sent.sent, ping.timeout),
            }
        }),
        slot.rare.as_ref().map(|rare| stuck_wait(settings, rare, silent_since, now)),
    ]
    .into_iter()
    .flatten()
    .min()
    .unwrap_or(u32::MAX)
}

/// The same for what only waits for a side to take bytes. A pipe among it may be needed elsewhere at any time.
fn stuck_wait(settings: &model::Tunnel, rare: &Rare, silent_since: u32, now: Moment) -> u32 {
    let of = |(direction, timeout): (Direction, Option<Duration>)| match timeout {
        _ if rare.pipe_bytes(direction) > 0 => Some(0),
        Some(timeout) if rare.is_waiting(direction) => {
            let still = between(rare.stuck_since(direction), now.ticks()).min(between(silent_since, now.ticks()));
            Some(ticks(timeout.saturating_sub(still)))
        }
        Some(_) | None => None,
    };
    [(Direction::ToUpstream, settings.send_timeout), (Direction::ToClient, settings.client_send_timeout)]
        .into_iter()
        .filter_map(of)
        .min()
        .unwrap_or(u32::MAX)
}

fn send_timeout(slot: &Slot, now: Moment) -> Option<Ending> {
    let settings = &*slot.settings;
    let rare = slot.rare.as_ref()?;
    [(Side::Upstream, settings.send_timeout), (Side::Client, settings.client_send_timeout)]
        .into_iter()
        .find(|(side, timeout)| {
            let direction = side.other().outgoing();
            let stuck = between(rare.stuck_since(direction), now.ticks());
            // In nginx all times begin anew with whatever either side does: who takes nothing but sends is not gone, and
            // who sends on to somebody that takes nothing has not given up.
            let is_over = |timeout| stuck >= timeout && is_silent(slot, timeout, now);
            rare.is_waiting(direction) && timeout.is_some_and(is_over)
        })
        .map(|(side, _)| Ending::SendTimeout(side))
}

fn silence(slot: &Slot, direction: Direction, now: Moment) -> Duration {
    between(slot.last_read[direction.index()], now.ticks())
}

fn read_timeout(slot: &Slot, now: Moment) -> Option<Ending> {
    let timeout = slot.settings.read_timeout?;
    // An upstream that is not read since the client takes nothing is not the one that is silent.
    let is_read = !slot.has(Side::Upstream, Known::ENDED) && !slot.is_waiting(Direction::ToClient);
    // In nginx what a client sends begins the time anew, too: who only takes messages need not answer them.
    (is_read && is_silent(slot, timeout, now)).then_some(Ending::ReadTimeout)
}

fn idle(slot: &Slot, now: Moment) -> Option<Ending> {
    is_silent(slot, slot.settings.timeout?, now).then_some(Ending::Idle)
}

/// Neither side has sent anything for so long, nor taken anything of what waited.
fn is_silent(slot: &Slot, time: Duration, now: Moment) -> bool {
    // Longer times cannot be told: a directive that nginx has may say one, and is warned of.
    time <= limits::TUNNEL_TIME_MAX && Direction::BOTH.iter().all(|direction| silence(slot, *direction, now) >= time)
}

fn lifetime(slot: &Slot, salt: u32, now: Moment) -> Option<Ending> {
    let longest = longest(slot, salt, slot.settings.lifetime?);
    (between(slot.adopted, now.ticks()) >= longest).then_some(Ending::Lifetime)
}

fn longest(slot: &Slot, salt: u32, lifetime: model::TunnelLifetime) -> Duration {
    lifetime.base + lifetime.jitter.mul_f64(part(slot, salt))
}

fn drain(slot: &Slot, salt: u32, since: u32, now: Moment) -> Option<Ending> {
    let longest = slot.settings.drain?.mul_f64(part(slot, salt));
    (between(since, now.ticks()) >= longest).then_some(Ending::Stopped(Reason::Drain))
}

/// A tunnel's place among others, from 0 to 1. Neighbours end far from each other, and those opened at any steady rate
/// evenly: the two factors and 1 have no ratio of small whole numbers (Roberts' sequence for two dimensions).
fn part(slot: &Slot, salt: u32) -> f64 {
    let place = salt.wrapping_mul(0xc13f_a9a9).wrapping_add(slot.adopted.wrapping_mul(0x91e1_0da5));
    f64::from(place) / f64::from(u32::MAX)
}

fn ping(slot: &Slot, now: Moment) -> Option<Due> {
    let settings = slot.settings.ping?;
    let trackers = slot.trackers()?;
    let Some(ping) = slot.ping().filter(Ping::is_owed) else {
        let has_place = trackers[Direction::ToClient.index()].is_between_frames()
            && !trackers[Direction::ToClient.index()].has_closed()
            && !slot.is_waiting(Direction::ToClient)
            && !slot.has(Side::Client, Known::FINISHED);
        let is_silent = silence(slot, Direction::ToUpstream, now) >= settings.interval;
        return (has_place && is_silent && !slot.has(Side::Client, Known::ENDED)).then_some(Due::Ping);
    };
    // Who has sent FIN can answer nothing: that is no sign of being gone.
    if slot.has(Side::Client, Known::ENDED) {
        return Some(Due::Alive);
    }
    if between(ping.sent, slot.last_read[Direction::ToUpstream.index()]) > Duration::ZERO {
        return Some(Due::Alive);
    }
    (between(ping.sent, now.ticks()) >= settings.timeout).then_some(Due::Farewell(Ending::NoPong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::slot::Carried;
    use proptest::prelude::*;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn slot(settings: model::Tunnel) -> Slot {
        let (client, upstream) = UnixStream::pair().unwrap();
        Slot::new(client.into(), upstream.into(), settings.into(), Moment(5_000))
    }

    fn seconds(count: u64) -> Option<Duration> {
        Some(Duration::from_secs(count))
    }

    proptest! {
        /// Otherwise what is due would be found late: nothing but the clock has moved.
        #[test]
        fn the_wait_is_over_before_anything_is_due(
            times in proptest::array::uniform10(proptest::option::of(1..20_u64)),
            last_read in proptest::array::uniform2(0..30_u64),
            (state, ended, salt, is_young) in (0..6_u8, 0..8_u8, any::<u32>(), any::<bool>()),
            (looked, later) in (30_000..60_000_u64, 0..40_000_u64),
        ) {
            let time = |at: usize| times[at].map(Duration::from_secs);
            let mut slot = slot(model::Tunnel {
                timeout: time(0),
                read_timeout: time(1),
                send_timeout: time(2),
                client_send_timeout: time(3),
                drain: time(4),
                lifetime: time(5).map(|base| model::TunnelLifetime { base, jitter: base }),
                keepalive: time(9).map(|time| model::TunnelKeepalive {
                    idle: time,
                    interval: None,
                    count: None,
                    user_timeout: time,
                }),
                ping: time(6).zip(time(7)).map(|(interval, timeout)| model::TunnelPing { interval, timeout }),
                ..Default::default()
            });
            slot.last_read = last_read.map(|second| Moment(second * 1000).ticks());
            slot.carried = Carried::new(ended & 1 == 0);
            slot.set_young(slot.is_young() && is_young);
            if ended & 2 != 0 {
                slot.set(Side::Upstream, Known::ENDED);
            }
            if ended & 4 != 0 {
                slot.set(Side::Client, Known::ENDED);
            }
            let since = Moment(20_000);
            match state {
                0 => slot.keep(Direction::ToClient, b"x", since),
                1 => slot.keep(Direction::ToUpstream, b"x", since),
                2 => slot.set_ping(Some(Ping::new(Default::default(), since.ticks()))),
                3 => slot.set_farewell(super::super::rare::Farewell {
                    ending: Ending::Idle,
                    since: since.ticks(),
                    is_said: [false; 2],
                }),
                4.. => {}
            }
            let draining = times[8].map(|_| since.ticks());
            let (looked, later) = (Moment(looked), Moment(looked + later));
            let wait = wait(&slot, salt, draining, looked);
            if due(&slot, salt, draining, later).is_some() {
                prop_assert!(wait <= later.ticks() - looked.ticks(), "{wait}");
            }
            // And not long before either, where bytes are all that decides: what is left of a tick is cut off.
            if state >= 4 && wait < u32::MAX && wait > 0 {
                let then = Moment((looked.ticks() + wait + 1) as u64 * 10);
                prop_assert!(due(&slot, salt, draining, then).is_some());
            }
        }
    }

    #[test]
    fn a_quiet_tunnel_without_settings_stays() {
        assert_eq!(due(&slot(model::Tunnel::default()), 0, None, Moment(u64::MAX)), None);
    }

    #[test]
    fn tunnels_opened_at_any_rate_end_evenly() {
        const COUNT: u32 = 1000;
        for (tunnels, ticks) in [(1, 0), (1, 1), (1, 2), (1, 3), (1, 10), (1, 100), (2, 1), (3, 1), (10, 1), (100, 1)] {
            for begin in [0, 1 << 20, 123_457] {
                let mut counts = [0_u32; 10];
                let mut slot = slot(model::Tunnel::default());
                for index in 0..COUNT {
                    slot.adopted = begin + index / tunnels * ticks;
                    counts[(part(&slot, index) * 10.0) as usize % 10] += 1;
                }
                let is_even = counts.iter().all(|count| (COUNT / 20..=COUNT / 5).contains(count));
                assert!(is_even, "{tunnels} in {ticks} ticks from {begin}: {counts:?}");
            }
        }
    }

    #[test]
    fn read_timeout_counts_from_the_last_byte_of_either_side_while_the_upstream_may_send() {
        let mut slot = slot(model::Tunnel { read_timeout: seconds(60), ..Default::default() });
        assert_eq!(due(&slot, 0, None, Moment(64_900)), None);
        assert_eq!(due(&slot, 0, None, Moment(65_000)), Some(Due::Farewell(Ending::ReadTimeout)));
        slot.last_read[Direction::ToClient.index()] = Moment(7_000).ticks();
        slot.last_read[Direction::ToUpstream.index()] = Moment(10_000).ticks();
        assert_eq!(due(&slot, 0, None, Moment(69_900)), None, "the client has sent something");
        assert_eq!(due(&slot, 0, None, Moment(70_000)), Some(Due::Farewell(Ending::ReadTimeout)));
        slot.keep(Direction::ToClient, b"x", Moment(69_000));
        assert_eq!(due(&slot, 0, None, Moment(70_000)), None, "the client is the slow one");
        slot.release(Direction::ToClient, 1, Moment(70_000));
        slot.set(Side::Upstream, Known::ENDED);
        assert_eq!(due(&slot, 0, None, Moment(70_000)), None, "nothing more can come");
    }

    #[test]
    fn send_timeouts_count_while_bytes_wait() {
        let settings =
            model::Tunnel { send_timeout: seconds(10), client_send_timeout: seconds(20), ..Default::default() };
        let mut slot = slot(settings);
        slot.keep(Direction::ToUpstream, b"abc", Moment(6_000));
        assert_eq!(due(&slot, 0, None, Moment(15_900)), None);
        assert_eq!(due(&slot, 0, None, Moment(16_000)), Some(Due::Farewell(Ending::SendTimeout(Side::Upstream))));
        slot.release(Direction::ToUpstream, 1, Moment(16_000));
        assert_eq!(due(&slot, 0, None, Moment(25_900)), None, "a byte has moved");
        slot.release(Direction::ToUpstream, 2, Moment(25_900));
        slot.keep(Direction::ToClient, b"abc", Moment(30_000));
        assert_eq!(due(&slot, 0, None, Moment(49_900)), None);
        assert_eq!(due(&slot, 0, None, Moment(50_000)), Some(Due::Farewell(Ending::SendTimeout(Side::Client))));
    }
}
