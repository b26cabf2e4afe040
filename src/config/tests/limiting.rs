//! `limit_conn` and `limit_req` with their zones.

use super::*;
use crate::model::{Counts, LimitConn, LimitReq, LogLevel, ZoneId};

const ZONES: &str = "limit_conn_zone $remote_addr zone=c:1m; limit_req_zone $host zone=r:64k rate=30r/m; \
                     limit_req_zone $uri zone=s:1m rate=10r/s;";

#[test]
fn zones_have_a_key_a_size_and_a_rate() {
    let generation = generation(&format!("http {{ {ZONES} server {{ }} }}"));
    let zones = &generation.serving.zones;
    let of = |at: usize| (&*zones[at].name, &*zones[at].key_text, zones[at].bytes_max, zones[at].counts);
    assert_eq!(of(0), ("c", "$remote_addr", 1 << 20, Counts::Connections));
    assert_eq!(of(1), ("r", "$host", 64 << 10, Counts::Requests { rate: 500 }));
    assert_eq!(of(2), ("s", "$uri", 1 << 20, Counts::Requests { rate: 10_000 }));
}

#[test]
fn limits_are_inherited_by_levels_that_have_none_of_their_kind() {
    let server = "limit_conn c 2; limit_req zone=r burst=3 nodelay; limit_req_status 429; limit_conn_dry_run on;";
    let inner =
        location(ZONES, server, "limit_req zone=s burst=5 delay=2; limit_req zone=r; limit_req_log_level warn;");
    let limits = &inner.limits;
    assert_eq!(&*limits.conns, [LimitConn { zone: ZoneId(0), most: 2 }]);
    assert!(limits.conn_reply.dry_run && !limits.req_reply.dry_run);
    assert_eq!((limits.req_reply.status, limits.req_reply.log_level), (429, LogLevel::Warn));
    assert_eq!(
        &*limits.reqs,
        [
            LimitReq { zone: ZoneId(2), burst: 5000, delay_above: Some(2000) },
            LimitReq { zone: ZoneId(1), burst: 0, delay_above: Some(0) }
        ]
    );
    let inherited = location(ZONES, server, "");
    assert_eq!(&*inherited.limits.reqs, [LimitReq { zone: ZoneId(1), burst: 3000, delay_above: None }]);
}

#[test]
fn broken_limits_are_told() {
    let told = |lines: &str| fault(&format!("http {{ {ZONES} server {{ {lines} }} }}"));
    assert_eq!(told("limit_conn x 1;"), "zero size shared memory zone \"x\"");
    assert_eq!(told("limit_conn r 1;"), "the zone \"r\" counts something else");
    assert_eq!(told("limit_conn c 0;"), "invalid number of connections \"0\"");
    assert_eq!(told("limit_conn c 70000;"), "connection limit must be less 65536");
    assert_eq!(told("limit_conn c 1; limit_conn c 2;"), "\"limit_conn\" directive is duplicate");
    assert_eq!(told("limit_req burst=1;"), "\"limit_req\" directive must have \"zone\" parameter");
    assert_eq!(told("limit_req zone=r burst=x;"), "invalid burst value \"burst=x\"");
    assert_eq!(told("limit_req zone=r later;"), "invalid parameter \"later\"");
    assert_eq!(told("limit_req_status 302;"), "value must be between 400 and 599");
    assert_eq!(told("limit_conn_status x;"), "\"limit_conn_status\" directive invalid number");
    assert_eq!(told("limit_conn_log_level loud;"), "invalid value \"loud\"");
    let zone_fault = |line: &str| fault(&format!("http {{ {line} }}"));
    assert_eq!(zone_fault("limit_req_zone $uri zone=a:1m rate=1r/h;"), "invalid rate \"rate=1r/h\"");
    assert_eq!(zone_fault("limit_conn_zone $uri zone=a:1k;"), "zone \"zone=a:1k\" is too small");
    assert_eq!(zone_fault("limit_conn_zone $uri zone=a;"), "invalid zone size \"zone=a\"");
    assert_eq!(zone_fault("limit_conn_zone $uri size=1m;"), "invalid parameter \"size=1m\"");
    assert_eq!(
        zone_fault("limit_conn_zone $uri zone=a:1m; limit_conn_zone $host zone=a:1m;"),
        "limit_conn_zone \"a\" is already bound to key \"$uri\""
    );
}
