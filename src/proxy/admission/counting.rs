//! `limit_req` and `limit_conn`: whether a request's keys have room for it, and how long it waits for that.

use std::fmt;
use std::time::{Duration, Instant};

use crate::limits::ZONE_KEY_BYTES_MAX;
use crate::model::{Counts, LimitReply, LimitReq, LogLevel, ZoneId};
use crate::proxy::exchange::Exchange;
use crate::proxy::failure::{Cause, Failure, Phase};
use crate::proxy::limit_status::LimitStatus;
use crate::zones::Refused;

/// A number of requests in thousandths.
struct Amount(u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// The key of a zone for this request; `None` if it is not counted.
fn key(exchange: &Exchange<'_>, id: ZoneId) -> Option<Vec<u8>> {
    let generation = &exchange.shard.generation;
    let zone = generation.serving.zones.get(usize::from(id.0))?;
    let key = exchange.evaluate(&zone.key);
    if key.len() > ZONE_KEY_BYTES_MAX {
        let text = format_args!("the value of the \"{}\" key is more than 65535 bytes: not counted", zone.key_text);
        exchange.report(LogLevel::Error, text);
        return None;
    }
    (!key.is_empty()).then_some(key)
}

fn name<'e>(exchange: &'e Exchange<'_>, id: ZoneId) -> &'e str {
    exchange.shard.generation.serving.zones.get(usize::from(id.0)).map_or("", |zone| &zone.name)
}

fn rate(exchange: &Exchange<'_>, id: ZoneId) -> u64 {
    match exchange.shard.generation.serving.zones.get(usize::from(id.0)).map(|zone| zone.counts) {
        Some(Counts::Requests { rate }) => rate,
        Some(Counts::Connections) | None => 0,
    }
}

/// Takes a place in each zone of `limit_conn`, once for each request.
///
/// # Errors
/// One of them has none left.
pub fn check_connections(exchange: &mut Exchange<'_>) -> Result<(), Failure> {
    let location = exchange.location;
    let limits = &location.limits;
    if exchange.limit_conn_status.is_some() || limits.conns.is_empty() {
        return Ok(());
    }
    for limit in limits.conns.iter() {
        let Some(key) = key(exchange, limit.zone) else { continue };
        let Some(zone) = exchange.shard.zones.connections(limit.zone) else { continue };
        exchange.limit_conn_status = Some(LimitStatus::Passed);
        match zone.enter(&key, limit.most) {
            Ok(place) => exchange.places.push(place),
            Err(refused) => {
                exchange.places.clear();
                let reply = limits.conn_reply;
                let zone = name(exchange, limit.zone);
                let dry = if reply.dry_run { ", dry run," } else { "" };
                let words = match refused {
                    Refused::Limit { .. } => format!("limiting connections{dry} by zone \"{zone}\""),
                    Refused::Full => format!("limit_conn zone \"{zone}\" has no memory for one more key{dry}"),
                };
                let (status, result) = rejected(exchange, reply, words);
                exchange.limit_conn_status = Some(status);
                return result;
            }
        }
    }
    Ok(())
}

fn rejected(exchange: &Exchange<'_>, reply: LimitReply, words: String) -> (LimitStatus, Result<(), Failure>) {
    let LimitReply { status, log_level: level, dry_run } = reply;
    if dry_run {
        exchange.report(level, format_args!("{words}"));
        return (LimitStatus::RejectedDryRun, Ok(()));
    }
    let failure = Failure::new(Phase::ProcessingRequest, Cause::Denied { status, level, words });
    (LimitStatus::Rejected, Err(failure))
}

/// Counts the request in all zones of `limit_req` or, if one of them refuses it, in none. Returns how long it waits.
///
/// # Errors
/// One of them refuses it.
pub fn check_requests(exchange: &mut Exchange<'_>) -> Result<Duration, Failure> {
    let location = exchange.location;
    let limits = &location.limits;
    if exchange.limit_req_status.is_some() || limits.reqs.is_empty() {
        return Ok(Duration::ZERO);
    }
    let now = Instant::now();
    let keyed: Vec<(&LimitReq, Vec<u8>)> =
        limits.reqs.iter().filter_map(|limit| Some((limit, key(exchange, limit.zone)?))).collect();
    let Some(((last, last_key), others)) = keyed.split_last() else { return Ok(Duration::ZERO) };
    let mut wait = Duration::ZERO;
    let mut waits_for = None;
    let mut note = |limit: &LimitReq, excess: u64, rate: u64| {
        let above = limit.delay_above.map_or(0, |delay_above| excess.saturating_sub(delay_above));
        let time = Duration::from_millis((above * 1000).checked_div(rate).unwrap_or(0));
        if time > wait {
            (wait, waits_for) = (time, Some((limit.zone, excess)));
        }
    };
    let zones = &exchange.shard.zones;
    let outcome = (|| {
        for (limit, key) in others {
            let Some(zone) = zones.requests(limit.zone) else { continue };
            zone.look(key, rate(exchange, limit.zone), limit.burst, now).map_err(|refused| (limit.zone, refused))?;
        }
        let Some(zone) = zones.requests(last.zone) else { return Ok(()) };
        let last_rate = rate(exchange, last.zone);
        let excess = zone.take(last_key, last_rate, last.burst, now).map_err(|refused| (last.zone, refused))?;
        note(last, excess, last_rate);
        for (limit, key) in others {
            let Some(zone) = zones.requests(limit.zone) else { continue };
            let rate = rate(exchange, limit.zone);
            // Another shard may have been faster since the look: the request is counted all the same.
            if let Ok(excess) = zone.take(key, rate, u64::MAX, now) {
                note(limit, excess, rate);
            }
        }
        Ok(())
    })();
    match outcome {
        Err((zone, refused)) => refuse(exchange, limits.req_reply, zone, refused).map(|()| Duration::ZERO),
        Ok(()) => Ok(delay(exchange, limits.req_reply, wait, waits_for)),
    }
}

fn refuse(exchange: &mut Exchange<'_>, reply: LimitReply, zone: ZoneId, refused: Refused) -> Result<(), Failure> {
    let dry = if reply.dry_run { ", dry run" } else { "" };
    let zone = name(exchange, zone);
    let words = match refused {
        Refused::Limit { excess } => format!("limiting requests{dry}, excess: {} by zone \"{zone}\"", Amount(excess)),
        Refused::Full => format!("limit_req zone \"{zone}\" has no memory for the key{dry}"),
    };
    let (status, result) = rejected(exchange, reply, words);
    exchange.limit_req_status = Some(status);
    result
}

/// How long the request waits, and the line that says for what.
fn delay(exchange: &mut Exchange<'_>, reply: LimitReply, wait: Duration, why: Option<(ZoneId, u64)>) -> Duration {
    let Some((zone, excess)) = why else {
        exchange.limit_req_status = Some(LimitStatus::Passed);
        return Duration::ZERO;
    };
    let dry = if reply.dry_run { ", dry run" } else { "" };
    let zone = name(exchange, zone);
    let text = format_args!("delaying request{dry}, excess: {}, by zone \"{zone}\"", Amount(excess));
    exchange.report(quieter(reply.log_level), text);
    if reply.dry_run {
        exchange.limit_req_status = Some(LimitStatus::DelayedDryRun);
        return Duration::ZERO;
    }
    exchange.limit_req_status = Some(LimitStatus::Delayed);
    wait
}

/// A request that only waits is told one level below one that is refused.
fn quieter(level: LogLevel) -> LogLevel {
    match level {
        LogLevel::Emerg | LogLevel::Alert | LogLevel::Crit | LogLevel::Error => LogLevel::Warn,
        LogLevel::Warn => LogLevel::Notice,
        LogLevel::Notice | LogLevel::Info => LogLevel::Info,
        LogLevel::Debug => LogLevel::Debug,
    }
}
