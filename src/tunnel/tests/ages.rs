//! Tunnels that are older than half of the range of their clock, 248 days, and older than the whole, 497 days.

use std::time::Duration;

use super::super::clock::Moment;
use super::super::record::Ending;
use super::super::side::Side;
use super::stuck::stuck;
use super::{Bench, seconds};
use crate::model::{Tunnel, TunnelPing};

fn days(count: u64) -> Duration {
    seconds(count * 24 * 60 * 60)
}

/// Days pass, with a sweep at the end of each, up to the end of the tunnel if that comes first.
fn pass_days(bench: &mut Bench, count: u64) {
    for _ in 0..count {
        bench.now = Moment(bench.now.0 + days(1).as_millis() as u64);
        bench.turns.sweep(bench.now).unwrap();
        bench.settle();
    }
}

fn each_day(bench: &mut Bench, count: u64, from: Side) {
    for _ in 0..count {
        pass_days(bench, 1);
        bench.send(from, b"daily");
        bench.arrived(from.other());
    }
}

#[test]
fn a_direction_that_is_silent_for_most_of_a_year_keeps_no_timeout_from_its_end() {
    let time = Some(days(2));
    for (settings, ending) in [
        (Tunnel { timeout: time, ..Tunnel::default() }, Ending::Idle),
        (Tunnel { read_timeout: time, ..Tunnel::default() }, Ending::ReadTimeout),
    ] {
        for side in Side::BOTH {
            let mut bench = Bench::new(settings.clone(), false);
            each_day(&mut bench, 300, side);
            pass_days(&mut bench, 1);
            assert_eq!(bench.ended(), None, "{ending:?} {side:?}");
            pass_days(&mut bench, 1);
            assert_eq!(bench.ended(), Some(ending), "{side:?}");
        }
    }
}

#[test]
fn a_side_that_has_taken_nothing_for_most_of_a_year_has_its_send_timeout() {
    let settings = Tunnel { send_timeout: Some(days(2)), ..Tunnel::default() };
    let mut bench = stuck(settings, Side::Upstream);
    each_day(&mut bench, 300, Side::Upstream);
    pass_days(&mut bench, 1);
    assert_eq!(bench.ended(), None);
    pass_days(&mut bench, 1);
    assert_eq!(bench.ended(), Some(Ending::SendTimeout(Side::Upstream)));
}

#[test]
fn a_client_that_could_not_be_pinged_for_most_of_a_year_is_dead_if_it_answers_nothing() {
    let ping = TunnelPing { interval: days(2), timeout: days(2) };
    let mut bench = Bench::new(Tunnel { ping: Some(ping), ..Tunnel::default() }, true);
    // In the middle of a frame there is no place for a ping.
    bench.send(Side::Upstream, b"\x81\x05hell");
    pass_days(&mut bench, 300);
    bench.send(Side::Upstream, b"o");
    bench.arrived(Side::Client);
    pass_days(&mut bench, 1);
    assert_eq!(bench.arrived(Side::Client).0.len(), 10, "a ping");
    pass_days(&mut bench, 2);
    assert_eq!(bench.told(Side::Client), Some(1008));
}

#[test]
fn with_nothing_set_a_tunnel_stays_and_its_log_line_tells_its_age_as_far_as_that_is_counted() {
    for (age, told) in [(249, 249), (300, 300), (470, 470), (485, 497), (1_000, 497)] {
        let mut bench = Bench::new(Tunnel::default(), false);
        pass_days(&mut bench, age);
        assert_eq!(bench.ended(), None);
        bench.send(Side::Upstream, b"late");
        assert_eq!(bench.arrived(Side::Client).0, b"late");
        drop(bench.client);
        drop(bench.upstream);
        bench.turns.turn(bench.now).unwrap();
        let (on_end, record) = bench.turns.take_over().pop().expect("its end");
        on_end(&record);
        let counted = |time: Duration| time.as_secs() / days(1).as_secs();
        assert_eq!((counted(record.duration), record.answered.map(counted)), (told, Some(told)), "after {age} days");
    }
}

#[test]
fn a_timeout_that_is_longer_than_tunnels_count_ends_none() {
    let settings = Tunnel { read_timeout: Some(days(365)), client_send_timeout: Some(days(365)), ..Tunnel::default() };
    let mut bench = stuck(settings.clone(), Side::Client);
    pass_days(&mut bench, 800);
    assert_eq!(bench.ended(), None);
    let mut bench = Bench::new(settings, false);
    pass_days(&mut bench, 800);
    assert_eq!(bench.ended(), None);
}
