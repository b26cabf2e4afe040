//! Groups whose peers come from names: what changes when a name's addresses do.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{GROUP, http, peer, upstream};
use crate::model::{Followed, ResolverId, Serving, UpstreamId};
use crate::upstream::{Groups, Tried};

/// A group with one configured peer and one followed name.
fn http_following(host: &str) -> Serving {
    let followed = Followed {
        resolver: ResolverId(0),
        timeout: Duration::from_secs(1),
        host: host.into(),
        port: 9,
        peer: peer(9, 2),
        is_backup: false,
    };
    let mut model = upstream("u", vec![peer(1, 1)], vec![]);
    model.followed.push(followed);
    http(vec![model])
}

fn picked(groups: &Groups, count: usize) -> Vec<String> {
    let pick = |_| groups.pick(GROUP, &mut Tried::default(), Instant::now());
    let mut names: Vec<String> = (0..count).filter_map(pick).map(|lease| lease.peer().address.to_string()).collect();
    names.sort_unstable();
    names
}

fn ips(last: &[u8]) -> Vec<IpAddr> {
    last.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect()
}

#[test]
fn peers_of_a_name_come_and_go_and_the_others_keep_their_counts() {
    let groups = Groups::new(&http_following("a.example"), None);
    assert_eq!(picked(&groups, 2), ["127.0.0.1:1", "127.0.0.1:1"]);
    let held = groups.pick(GROUP, &mut Tried::default(), Instant::now()).unwrap();
    groups.change(GROUP, 0, &ips(&[1, 2]));
    assert_eq!(picked(&groups, 5), ["127.0.0.1:1", "192.0.2.1:9", "192.0.2.1:9", "192.0.2.2:9", "192.0.2.2:9"]);
    // The old group's lease counts in the new one.
    assert_eq!(groups.group(GROUP).unwrap().live_count(), 1);
    let before = groups.group(GROUP).unwrap();
    groups.change(GROUP, 0, &ips(&[2, 1]));
    assert!(Arc::ptr_eq(&before, &groups.group(GROUP).unwrap()), "another order is no change");
    groups.change(GROUP, 0, &[]);
    assert_eq!(picked(&groups, 2), ["127.0.0.1:1", "127.0.0.1:1"]);
    drop(held);
    assert_eq!(groups.group(GROUP).unwrap().live_count(), 0);
    // Of another generation.
    groups.change(GROUP, 7, &ips(&[1]));
    groups.change(UpstreamId(7), 0, &ips(&[1]));
}

#[test]
fn what_a_name_meant_is_known_to_the_next_generation_if_it_has_the_name() {
    let groups = Groups::new(&http_following("a.example"), None);
    groups.change(GROUP, 0, &ips(&[1]));
    let same = Groups::new(&http_following("a.example"), Some(&groups));
    assert_eq!(picked(&same, 3), ["127.0.0.1:1", "192.0.2.1:9", "192.0.2.1:9"]);
    let other = Groups::new(&http_following("b.example"), Some(&groups));
    assert_eq!(picked(&other, 1), ["127.0.0.1:1"]);
}
