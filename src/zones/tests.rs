//! Limits hold exactly, over threads and over reloads, and memory stays within its bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::limits::ZONE_ENTRY_BYTES;
use crate::model::Template;

fn http(zones: &[(&str, Counts, usize)]) -> Serving {
    let zone = |(name, counts, bytes_max): &(&str, Counts, usize)| model::Zone {
        protocol: model::Protocol::Http,
        name: (*name).into(),
        key: Template::default(),
        key_text: "$key".into(),
        bytes_max: *bytes_max,
        counts: *counts,
    };
    Serving { zones: zones.iter().map(zone).collect(), ..Serving::default() }
}

#[test]
fn a_key_has_as_many_places_as_it_may_and_gets_them_back() {
    let zone = Arc::new(Connections::new(1 << 20));
    let first = zone.enter(b"a", 2).unwrap();
    let _second = zone.enter(b"a", 2).unwrap();
    assert_eq!(zone.enter(b"a", 2).unwrap_err(), Refused::Limit { excess: 0 });
    assert!(zone.enter(b"b", 2).is_ok());
    drop(first);
    assert!(zone.enter(b"a", 2).is_ok());
}

#[test]
fn places_are_exact_over_threads() {
    let zone = Arc::new(Connections::new(1 << 20));
    let (now, most) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    if let Ok(place) = zone.enter(b"key", 3) {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        now.fetch_sub(1, Ordering::SeqCst);
                        drop(place);
                    }
                }
            });
        }
    });
    assert!(most.into_inner() <= 3);
    assert!(zone.enter(b"key", 1).is_ok());
}

#[test]
fn a_zone_takes_no_more_memory_than_it_may() {
    let zone = Arc::new(Connections::new(2 * (ZONE_ENTRY_BYTES + 1)));
    let first = zone.enter(b"a", 9).unwrap();
    let _again = zone.enter(b"a", 9).unwrap();
    let _second = zone.enter(b"b", 9).unwrap();
    assert_eq!(zone.enter(b"c", 9).unwrap_err(), Refused::Full);
    drop((first, _again));
    assert!(zone.enter(b"c", 9).is_ok());
}

#[test]
fn requests_above_the_rate_are_refused_until_time_has_passed() {
    let zone = Requests::new(1 << 20);
    let begin = Instant::now();
    let after = |ms| begin + Duration::from_millis(ms);
    // Two a second, and one above that.
    assert_eq!(zone.take(b"a", 2000, 1000, begin), Ok(0));
    assert_eq!(zone.take(b"a", 2000, 1000, begin), Ok(1000));
    assert_eq!(zone.take(b"a", 2000, 1000, begin), Err(Refused::Limit { excess: 2000 }));
    assert_eq!(zone.look(b"a", 2000, 1000, after(499)), Err(Refused::Limit { excess: 1002 }));
    assert_eq!(zone.look(b"a", 2000, 1000, after(500)), Ok(1000));
    assert_eq!(zone.take(b"a", 2000, 1000, after(500)), Ok(1000));
    assert_eq!(zone.take(b"a", 2000, 1000, after(60_000)), Ok(0));
    assert_eq!(zone.take(b"b", 2000, 0, begin), Ok(0));
}

#[test]
fn requests_are_exact_over_threads() {
    let zone = Requests::new(1 << 20);
    let passed = AtomicU32::new(0);
    let now = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    if zone.take(b"key", 1, 99_000, now).is_ok() {
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 100);
}

#[test]
fn a_reload_keeps_a_zone_that_stays_what_it_was() {
    let all = [("c", Counts::Connections, 1 << 20), ("r", Counts::Requests { rate: 1000 }, 1 << 20)];
    let old = Zones::new(&http(&all), None);
    let _place = old.connections(ZoneId(0)).unwrap().enter(b"k", 1).unwrap();
    old.requests(ZoneId(1)).unwrap().take(b"k", 1, 0, Instant::now()).unwrap();
    // Another order, another rate.
    let kept = [("r", Counts::Requests { rate: 5 }, 1 << 20), ("c", Counts::Connections, 1 << 20)];
    let new = Zones::new(&http(&kept), Some(&old));
    assert!(new.connections(ZoneId(1)).unwrap().enter(b"k", 1).is_err());
    assert!(new.requests(ZoneId(0)).unwrap().take(b"k", 1, 0, Instant::now()).is_err());
    assert!(new.connections(ZoneId(0)).is_none() && new.requests(ZoneId(1)).is_none());
    let changed = [("c", Counts::Requests { rate: 1 }, 1 << 20), ("r", Counts::Requests { rate: 1 }, 2 << 20)];
    let other = Zones::new(&http(&changed), Some(&old));
    assert!(other.requests(ZoneId(1)).unwrap().take(b"k", 1, 0, Instant::now()).is_ok());
}
