//! `tunnel_*`.

use std::time::Duration;

use super::*;
use crate::model::{TunnelKeepalive, TunnelLifetime, TunnelPing};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn without_a_line_a_tunnel_is_kept_alive_and_followed_and_never_ended() {
    let tunnel = &location("", "", "").tunnel;
    assert_eq!((tunnel.timeout, tunnel.lifetime, tunnel.ping, tunnel.max_message), (None, None, None, None));
    assert_eq!(tunnel.drain, None);
    assert_eq!(tunnel.keepalive.map(|keepalive| keepalive.user_timeout), Some(seconds(180)));
    assert!(tunnel.frames);
}

#[test]
fn each_has_its_value_and_parameters() {
    let lines = "tunnel_timeout 90s; tunnel_lifetime 6h jitter=10m; tunnel_ping 25s timeout=5s; \
                 tunnel_max_message 16m; tunnel_drain 30s; tunnel_keepalive idle=1m count=2; tunnel_frames off;";
    let tunnel = &location("", "", lines).tunnel;
    assert_eq!(tunnel.timeout, Some(seconds(90)));
    assert_eq!(tunnel.lifetime, Some(TunnelLifetime { base: seconds(21_600), jitter: seconds(600) }));
    assert_eq!(tunnel.ping, Some(TunnelPing { interval: seconds(25), timeout: seconds(5) }));
    assert_eq!(tunnel.max_message, Some(16 << 20));
    assert_eq!(tunnel.drain, Some(seconds(30)));
    assert_eq!(location("", "", "tunnel_drain 0;").tunnel.drain, Some(Duration::ZERO));
    let (idle, interval, user_timeout) = (seconds(60), None, seconds(180));
    assert_eq!(tunnel.keepalive, Some(TunnelKeepalive { idle, interval, count: Some(2), user_timeout }));
    assert!(!tunnel.frames);
    let jitter = seconds(40 * 86_400);
    let lifetime = location("", "", "tunnel_lifetime 200d jitter=40d;").tunnel.lifetime;
    assert_eq!(lifetime.map(|lifetime| lifetime.jitter), Some(jitter));
}

#[test]
fn off_takes_back_what_a_level_around_set() {
    let outer = "tunnel_drain 5s; tunnel_timeout 90s; tunnel_lifetime 6h; tunnel_ping 25s; tunnel_max_message 1k;";
    let tunnel =
        &location(outer, "", "tunnel_timeout off; tunnel_ping off; tunnel_keepalive off; tunnel_drain off;").tunnel;
    assert_eq!((tunnel.timeout, tunnel.ping, tunnel.keepalive, tunnel.drain), (None, None, None, None));
    assert_eq!(tunnel.lifetime, Some(TunnelLifetime { base: seconds(21_600), jitter: Duration::ZERO }));
    assert_eq!(tunnel.max_message, Some(1024));
}

#[test]
fn what_is_no_value_is_told() {
    for (line, words) in [
        ("tunnel_timeout 0;", "invalid time \"0\""),
        ("tunnel_timeout soon;", "invalid time \"soon\""),
        ("tunnel_lifetime 1h jiter=1m;", "invalid parameter \"jiter=1m\""),
        ("tunnel_ping 1m timeout=x;", "invalid time \"x\""),
        ("tunnel_drain later;", "invalid time \"later\""),
        ("tunnel_drain 1s 2s;", "invalid number of arguments in \"tunnel_drain\" directive"),
        ("tunnel_max_message 5g;", "\"tunnel_max_message\" directive invalid value"),
        ("tunnel_keepalive count=0;", "invalid parameter \"count=0\""),
        ("tunnel_keepalive on idle=1m;", "invalid parameter \"on\""),
        ("tunnel_lifetime 241d;", "invalid time \"241d\""),
        ("tunnel_lifetime 1d jitter=1y;", "invalid time \"1y\""),
        ("tunnel_lifetime 200d jitter=41d;", "invalid parameter \"jitter=41d\""),
        ("tunnel_drain 1y;", "invalid time \"1y\""),
        ("tunnel_keepalive idle=10h;", "invalid time \"10h\""),
        ("tunnel_keepalive interval=10h;", "invalid time \"10h\""),
        ("tunnel_keepalive user_timeout=25d;", "invalid time \"25d\""),
        ("tunnel_keepalive count=128;", "invalid parameter \"count=128\""),
        ("tunnel_frames maybe;", "invalid value \"maybe\""),
        ("tunnel_timeout 1m; tunnel_timeout 1m;", "\"tunnel_timeout\" directive is duplicate"),
    ] {
        let fault = location_fault(line);
        assert!(fault.starts_with(words), "{line} gave {fault}");
    }
}

#[test]
fn a_time_of_requests_that_tunnels_cannot_tell_is_told() {
    for (line, told) in [
        ("proxy_read_timeout 1y;", "\"proxy_read_timeout\" of 1y ends no tunnel"),
        ("proxy_send_timeout 241d;", "\"proxy_send_timeout\" of 241d ends no tunnel"),
        ("send_timeout 240d1s;", "\"send_timeout\" of 240d1s ends no tunnel"),
    ] {
        let text = format!("http {{ server {{ location / {{ {line} proxy_pass http://127.0.0.1:1; }} }} }}");
        let loaded = loaded(&text);
        assert_eq!(warnings(&text), [format!("{told} at 1")]);
        let help = &loaded.warnings[0].detail;
        assert!(help.contains("tunnels tell times apart up to 20736000s"), "{help}");
    }
    let in_stream = "stream { proxy_timeout 1y; server { listen 81; proxy_pass 127.0.0.1:1; } }";
    assert_eq!(warnings(in_stream), ["\"proxy_timeout\" of 1y ends no tunnel at 1"]);
    let longest = "proxy_read_timeout 240d; proxy_send_timeout 240d; send_timeout 240d;";
    assert!(warnings(&format!("http {{ {longest} server {{ listen 81; }} }}")).is_empty());
    assert_eq!(location(longest, "", "").tunnel.client_send_timeout, Some(seconds(240 * 86_400)));
}

#[test]
fn a_time_of_requests_that_is_zero_is_no_bound_of_tunnels_either() {
    let tunnel = &location("proxy_read_timeout 0; proxy_send_timeout 0; send_timeout 0;", "", "").tunnel;
    assert_eq!((tunnel.read_timeout, tunnel.send_timeout, tunnel.client_send_timeout), (None, None, None));
}
