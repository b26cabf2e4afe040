//! `tunnel_*`: what acts on tunnels, longhaul's own directives.

use std::time::Duration;

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::RawTunnel;
use crate::config::table::*;
use crate::config::value;
use crate::limits;
use crate::model::{Client, Proxy, Tunnel, TunnelKeepalive, TunnelLifetime, TunnelPing};

pub const TABLE: &[Directive] = &[
    level(
        "tunnel_timeout",
        ONE,
        |level, line| line.once(&mut level.tunnel.timeout, |line| or_off(line, |line| time(line.arg(0)))),
        "Ends a tunnel in which neither side sent anything, or took what waited for it, for this long (`off`).",
    ),
    level(
        "tunnel_lifetime",
        ONE_OR_TWO,
        |level, line| line.once(&mut level.tunnel.lifetime, |line| or_off(line, lifetime)),
        "Longest life of a tunnel; `jitter=TIME` adds a random part of that for each (`off`).",
    )
    .also(STREAM_LEVELS),
    level(
        "tunnel_drain",
        ONE,
        |level, line| line.once(&mut level.tunnel.drain, |line| or_off(line, drain)),
        "Ends the tunnels of a generation that was replaced (HUP) or is to end (QUIT) with 1001, evenly spread over this \
         long, which may be `0`; without it they stay until they end, or `worker_shutdown_timeout` is over (`off`).",
    )
    .also(STREAM_LEVELS),
    level(
        "tunnel_ping",
        ONE_OR_TWO,
        |level, line| line.once(&mut level.tunnel.ping, |line| or_off(line, ping)),
        "Pings a WebSocket client that was quiet for this long, and ends the tunnel if nothing comes for `timeout=TIME` \
         (30s) (`off`).",
    ),
    level(
        "tunnel_max_message",
        ONE,
        |level, line| line.once(&mut level.tunnel.max_message, |line| or_off(line, max_message)),
        "Largest WebSocket message, as it is on its way, so compressed where it is; a longer one ends the tunnel with 1009 \
         on both sides (`off`).",
    ),
    level(
        "tunnel_keepalive",
        ONE_OR_MORE,
        |level, line| line.once(&mut level.tunnel.keepalive, |line| or_off(line, keepalive)),
        "TCP keep-alive on both sockets of a tunnel that is older than a second: `idle=`, `interval=`, `count=`, and \
         `user_timeout=` for bytes that nobody acknowledges (`idle=2m user_timeout=3m`).",
    )
    .also(STREAM_LEVELS),
    level_flag(
        "tunnel_frames",
        |level| &mut level.tunnel.frames,
        "Whether WebSocket frames are followed; `off` carries the bytes blind, without pings and limits (on).",
    ),
];

/// Sane for the open internet: a peer that vanished is noticed after three minutes.
const KEEPALIVE: TunnelKeepalive = TunnelKeepalive {
    idle: Duration::from_secs(120),
    interval: None,
    count: None,
    user_timeout: Duration::from_secs(180),
};

/// Time for an answer to a ping, where none is given.
const PING_TIMEOUT: Duration = Duration::from_secs(30);

/// `off`, or what `read` makes of the arguments.
fn or_off<T>(line: &Line, read: impl FnOnce(&Line) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
    match line.args() {
        [word] if word.text == "off" => Ok(None),
        _ => read(line).map(Some),
    }
}

/// A time that is not zero: tunnels are looked at once a second, and nothing lasts no time at all.
fn time(word: &Word) -> Result<Duration, Fault> {
    time_of(word, &word.text)
}

fn time_of(word: &Word, text: &str) -> Result<Duration, Fault> {
    time_within(word, text, limits::TUNNEL_TIME_MAX)
}

fn time_within(word: &Word, text: &str, max: Duration) -> Result<Duration, Fault> {
    let found = value::time(text).ok_or_else(|| invalid_time(word, text))?;
    match found {
        Duration::ZERO => Err(invalid_time(word, text)),
        found if found > max => Err(invalid_time(word, text).help(format!("it is at most {}s", max.as_secs()))),
        found => Ok(found),
    }
}

fn invalid_time(word: &Word, text: &str) -> Fault {
    Fault::new(word.span, format!("invalid time \"{text}\"")).help("write a time as `90s` or `5m`")
}

/// A time that nginx has for connections, and that acts on tunnels too.
///
/// # Errors
/// As [`Line::time`].
pub fn shared_time(field: &mut Option<Duration>, line: &Line) -> Recorded {
    line.time(field)?;
    if field.is_some_and(|time| time > limits::TUNNEL_TIME_MAX) {
        // Everything else keeps to it, so it is no error.
        let word = line.arg(0);
        let help = format!("tunnels tell times apart up to {}s", limits::TUNNEL_TIME_MAX.as_secs());
        line.env.warn(Fault::new(word.span, format!("\"{}\" of {} ends no tunnel", line.name(), word.text)).help(help));
    }
    Ok(())
}

/// The time of a parameter `NAME=TIME`, the only one there may be.
fn parameter(line: &Line, name: &str, default: Duration) -> Result<Duration, Fault> {
    let Some(word) = line.args().get(1) else { return Ok(default) };
    match word.text.split_once('=') {
        Some((known, text)) if known == name => time_of(word, text),
        Some(_) | None => Err(line.invalid_parameter(word)),
    }
}

fn lifetime(line: &Line) -> Result<TunnelLifetime, Fault> {
    let base = time(line.arg(0))?;
    let jitter = parameter(line, "jitter", Duration::ZERO)?;
    match line.args() {
        [_, word] if base + jitter > limits::TUNNEL_TIME_MAX => Err(line
            .invalid_parameter(word)
            .help(format!("both together are at most {}s", limits::TUNNEL_TIME_MAX.as_secs()))),
        _ => Ok(TunnelLifetime { base, jitter }),
    }
}

/// Zero is at once.
fn drain(line: &Line) -> Result<Duration, Fault> {
    let word = line.arg(0);
    match value::time(&word.text) {
        Some(Duration::ZERO) => Ok(Duration::ZERO),
        Some(_) | None => time(word),
    }
}

fn ping(line: &Line) -> Result<TunnelPing, Fault> {
    Ok(TunnelPing { interval: time(line.arg(0))?, timeout: parameter(line, "timeout", PING_TIMEOUT)? })
}

fn max_message(line: &Line) -> Result<u32, Fault> {
    let word = line.arg(0);
    let size = value::offset(&word.text).and_then(|size| u32::try_from(size).ok()).filter(|size| *size > 0);
    size.ok_or_else(|| line.invalid_value(word).help("write a size as `64k` or `16m`, at most 4095m"))
}

fn keepalive(line: &Line) -> Result<TunnelKeepalive, Fault> {
    let mut keepalive = KEEPALIVE;
    for word in line.args() {
        match word.text.split_once('=') {
            None if word.text == "on" && line.args().len() == 1 => {}
            Some(("idle", text)) => keepalive.idle = time_within(word, text, limits::TUNNEL_KEEPALIVE_TIME_MAX)?,
            Some(("interval", text)) => {
                keepalive.interval = Some(time_within(word, text, limits::TUNNEL_KEEPALIVE_TIME_MAX)?);
            }
            Some(("user_timeout", text)) => {
                keepalive.user_timeout = time_within(word, text, limits::TUNNEL_USER_TIMEOUT_MAX)?;
            }
            Some(("count", text)) => {
                let count = value::number(text).filter(|count| (1..=PROBES_MAX).contains(count));
                let count = count.and_then(|count| u32::try_from(count).ok());
                keepalive.count = Some(count.ok_or_else(|| line.invalid_parameter(word))?);
            }
            Some(_) | None => return Err(line.invalid_parameter(word)),
        }
    }
    Ok(keepalive)
}

/// TCP_KEEPCNT takes no more.
const PROBES_MAX: u64 = 127;

/// What is used where nothing is written.
pub fn defaults() -> Tunnel {
    Tunnel { keepalive: Some(KEEPALIVE), frames: true, ..Tunnel::default() }
}

/// The level's settings over those around it. The default timeouts of `proxy_*` do not act on tunnels: a quiet one
/// stays open.
pub fn resolve(raw: &RawTunnel, outer: &Tunnel, proxy: &Proxy, client: &Client) -> Tunnel {
    Tunnel {
        read_timeout: bound(proxy.read_timeout).filter(|_| proxy.read_timeout_is_explicit),
        send_timeout: bound(proxy.send_timeout).filter(|_| proxy.send_timeout_is_explicit),
        client_send_timeout: bound(client.send_timeout),
        timeout: raw.timeout.unwrap_or(outer.timeout),
        lifetime: raw.lifetime.unwrap_or(outer.lifetime),
        drain: raw.drain.unwrap_or(outer.drain),
        ping: raw.ping.unwrap_or(outer.ping),
        max_message: raw.max_message.unwrap_or(outer.max_message),
        keepalive: raw.keepalive.unwrap_or(outer.keepalive),
        frames: raw.frames.unwrap_or(outer.frames),
        ends_with_either: outer.ends_with_either,
    }
}

/// Zero is none, as for every wait of requests.
fn bound(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}
