//! `limit_conn` and `limit_req` with their zones.

use std::sync::Arc;

use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawLevel, RawLimitConn, RawLimitReply, RawLimitReq, RawLimits, RawServing, RawZone};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::{Counts, LimitConn, LimitReply, LimitReq, Limits, LogLevel, Zone, ZoneId};

/// The smallest zone, as in nginx: eight pages.
const ZONE_BYTES_MIN: u64 = 32 << 10;

type OfReply = fn(&mut RawLevel) -> &mut RawLimitReply;
const CONN: OfReply = |level| &mut level.limits.conn_reply;
const REQ: OfReply = |level| &mut level.limits.req_reply;

pub const TABLE: &[Directive] = &[
    supported(
        "limit_conn_zone",
        HTTP | STREAM,
        TWO,
        Setter::Serving(|serving, line| zone(serving, line, false)),
        "A memory of keys for `limit_conn`: the key and `zone=NAME:SIZE`.",
    ),
    supported(
        "limit_conn",
        HTTP_LEVELS | STREAM_LEVELS,
        TWO,
        Setter::Level(limit_conn),
        "Most requests and tunnels that a key of the zone has at a time, over all shards.",
    ),
    supported(
        "limit_conn_status",
        HTTP_LEVELS,
        ONE,
        Setter::Level(|level, line| status(CONN(level), line)),
        "The answer above `limit_conn` (503).",
    ),
    supported(
        "limit_conn_log_level",
        HTTP_LEVELS | STREAM_LEVELS,
        ONE,
        Setter::Level(|level, line| log_level(CONN(level), line)),
        "How loud `limit_conn` is: `info`, `notice`, `warn`, `error` (`error`).",
    ),
    supported(
        "limit_conn_dry_run",
        HTTP_LEVELS | STREAM_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut CONN(level).dry_run),
        "`limit_conn` only logs (off).",
    ),
    supported(
        "limit_req_zone",
        HTTP,
        THREE,
        Setter::Serving(|serving, line| zone(serving, line, true)),
        "A memory of keys for `limit_req`: the key, `zone=NAME:SIZE` and `rate=10r/s` or `rate=30r/m`.",
    ),
    supported(
        "limit_req",
        HTTP_LEVELS,
        ONE_TO_THREE,
        Setter::Level(limit_req),
        "Holds the keys of `zone=` to their rate, over all shards; `burst=` may wait, `nodelay` and `delay=` say who \
         need not.",
    ),
    supported(
        "limit_req_status",
        HTTP_LEVELS,
        ONE,
        Setter::Level(|level, line| status(REQ(level), line)),
        "The answer above `limit_req` (503).",
    ),
    supported(
        "limit_req_log_level",
        HTTP_LEVELS,
        ONE,
        Setter::Level(|level, line| log_level(REQ(level), line)),
        "How loud `limit_req` is; waiting is one level less (`error`).",
    ),
    supported(
        "limit_req_dry_run",
        HTTP_LEVELS,
        FLAG,
        Setter::Flag(|level| &mut REQ(level).dry_run),
        "`limit_req` only logs (off).",
    ),
];

fn zone(serving: &mut RawServing, line: &Line, counts_requests: bool) -> Recorded {
    let (mut named, mut rate) = (None, None);
    for word in &line.args()[1..] {
        if let Some(text) = word.text.strip_prefix("zone=") {
            named = Some(name_and_size(text, word)?);
        } else if let Some(text) = word.text.strip_prefix("rate=").filter(|_| counts_requests) {
            let invalid = || Fault::new(word.span, format!("invalid rate \"{}\"", word.text));
            rate = Some(parse_rate(text).ok_or_else(|| invalid().help("as in `rate=10r/s` or `rate=30r/m`"))?);
        } else {
            return Err(line.invalid_parameter(word));
        }
    }
    let missing = || line.fault("must have \"zone\" parameter").help("as in `zone=addr:10m`");
    let (name, bytes) = named.ok_or_else(missing)?;
    // One request a second, as in nginx.
    let counts = if counts_requests { Counts::Requests { rate: rate.unwrap_or(1000) } } else { Counts::Connections };
    let key = line.arg(0).clone();
    if let Some(earlier) = serving.zones.iter().find(|zone| zone.name == name) {
        let message = format!("{} \"{name}\" is already bound to key \"{}\"", line.name(), earlier.key.text);
        return Err(Fault::new(line.span(), message).help("give each zone a name of its own"));
    }
    if serving.zones.len() > usize::from(u16::MAX) {
        return Err(line.fault("stands more than 65536 times"));
    }
    serving.zones.push(RawZone { name, key, bytes, counts });
    Ok(())
}

fn name_and_size(text: &str, word: &Word) -> Result<(String, usize), Fault> {
    let invalid =
        || Fault::new(word.span, format!("invalid zone size \"{}\"", word.text)).help("as in `zone=addr:10m`");
    let (name, size) = text.rsplit_once(':').ok_or_else(invalid)?;
    let bytes = value::size(size).ok_or_else(invalid)?;
    if bytes < ZONE_BYTES_MIN {
        let fault = Fault::new(word.span, format!("zone \"{}\" is too small", word.text));
        return Err(fault.help("at least 32k"));
    }
    if name.is_empty() {
        return Err(Fault::new(word.span, format!("invalid zone name \"{}\"", word.text)));
    }
    Ok((name.to_owned(), usize::try_from(bytes).map_err(|_| invalid())?))
}

/// Thousandths of a request in a second.
fn parse_rate(text: &str) -> Option<u64> {
    let (number, seconds) = match text.strip_suffix("r/s") {
        Some(number) => (number, 1),
        None => (text.strip_suffix("r/m")?, 60),
    };
    let number = value::number(number).filter(|number| (1..=1_000_000_000).contains(number))?;
    Some(number * 1000 / seconds)
}

fn limit_conn(level: &mut RawLevel, line: &Line) -> Recorded {
    let (zone, number) = (line.arg(0), line.arg(1));
    let most = value::number(&number.text).filter(|most| *most > 0);
    let most = most.ok_or_else(|| {
        Fault::new(number.span, format!("invalid number of connections \"{}\"", number.text)).help(value::NUMBER_HELP)
    })?;
    if most > 65_535 {
        return Err(Fault::new(number.span, "connection limit must be less 65536"));
    }
    let conns = &mut level.limits.conns;
    if conns.iter().any(|earlier| earlier.zone.text == zone.text) {
        return Err(line.fault("is duplicate").help("a zone stands once at each level"));
    }
    // At most 65,535.
    conns.push(RawLimitConn { zone: zone.clone(), most: most as u32 });
    Ok(())
}

fn limit_req(level: &mut RawLevel, line: &Line) -> Recorded {
    let mut zone = None;
    let (mut burst, mut delay) = (0, Some(0));
    for word in line.args() {
        let number = |text: &str, what: &str| {
            let invalid = || Fault::new(word.span, format!("invalid {what} value \"{}\"", word.text));
            let number = value::number(text).filter(|number| (1..=1_000_000_000).contains(number));
            number.map(|number| number * 1000).ok_or_else(|| invalid().help(value::NUMBER_HELP))
        };
        match word.text.split_once('=') {
            Some(("zone", name)) => zone = Some(Word { text: name.to_owned(), ..word.clone() }),
            Some(("burst", text)) => burst = number(text, "burst")?,
            Some(("delay", text)) => delay = Some(number(text, "delay")?),
            None if word.text == "nodelay" => delay = None,
            Some(_) | None => return Err(line.invalid_parameter(word)),
        }
    }
    let missing = || line.fault("must have \"zone\" parameter").help("as in `limit_req zone=addr burst=5;`");
    let zone = zone.ok_or_else(missing)?;
    let reqs = &mut level.limits.reqs;
    if reqs.iter().any(|earlier| earlier.zone.text == zone.text) {
        return Err(line.fault("is duplicate").help("a zone stands once at each level"));
    }
    reqs.push(RawLimitReq { zone, burst, delay_above: delay });
    Ok(())
}

fn status(reply: &mut RawLimitReply, line: &Line) -> Recorded {
    line.once(&mut reply.status, |line| {
        let word = line.arg(0);
        match u16::try_from(line.as_number(word)?) {
            Ok(status @ 400..=599) => Ok(status),
            Ok(_) | Err(_) => Err(Fault::new(word.span, "value must be between 400 and 599")),
        }
    })
}

fn log_level(reply: &mut RawLimitReply, line: &Line) -> Recorded {
    line.once(&mut reply.log_level, |line| match line.arg(0).text.as_str() {
        "info" => Ok(LogLevel::Info),
        "notice" => Ok(LogLevel::Notice),
        "warn" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        _ => Err(line.unknown_value(line.arg(0)).help("`info`, `notice`, `warn` or `error`")),
    })
}

/// All zones; limits find them by name in the scope.
///
/// `before` is how many the blocks before have.
pub fn resolve_zones(raw: Vec<RawZone>, before: usize, scope: &mut Scope<'_>) -> Vec<Zone> {
    let zone = |(number, raw): (usize, RawZone)| {
        let Ok(id) = u16::try_from(before + number) else {
            scope.env.fault(Fault::new(raw.key.span, "more than 65536 zones"));
            return None;
        };
        scope.zones.insert(raw.name.clone(), (ZoneId(id), raw.counts));
        Some(Zone {
            protocol: scope.protocol,
            key: scope.template(&raw.key),
            key_text: raw.key.text.into(),
            name: raw.name.into(),
            bytes_max: raw.bytes,
            counts: raw.counts,
        })
    };
    raw.into_iter().enumerate().filter_map(zone).collect()
}

/// A level's limits over those around it.
pub fn resolve(raw: &RawLimits, around: &Arc<Limits>, scope: &Scope<'_>) -> Arc<Limits> {
    let conn = |raw: &RawLimitConn| {
        let zone = zone_of(&raw.zone, |counts| counts == Counts::Connections, scope)?;
        Some(LimitConn { zone, most: raw.most })
    };
    let req = |raw: &RawLimitReq| {
        let zone = zone_of(&raw.zone, |counts| counts != Counts::Connections, scope)?;
        Some(LimitReq { zone, burst: raw.burst, delay_above: raw.delay_above })
    };
    let reply = |raw: &RawLimitReply, around: LimitReply| LimitReply {
        status: raw.status.unwrap_or(around.status),
        log_level: raw.log_level.unwrap_or(around.log_level),
        dry_run: raw.dry_run.unwrap_or(around.dry_run),
    };
    let RawLimits { conns, conn_reply, reqs, req_reply } = raw;
    let limits = Limits {
        conns: if conns.is_empty() { Arc::clone(&around.conns) } else { conns.iter().filter_map(conn).collect() },
        conn_reply: reply(conn_reply, around.conn_reply),
        reqs: if reqs.is_empty() { Arc::clone(&around.reqs) } else { reqs.iter().filter_map(req).collect() },
        req_reply: reply(req_reply, around.req_reply),
    };
    if limits == **around { Arc::clone(around) } else { Arc::new(limits) }
}

/// A zone that counts what a limit needs; a fault is noted.
fn zone_of(word: &Word, counts_it: impl Fn(Counts) -> bool, scope: &Scope<'_>) -> Option<ZoneId> {
    match scope.zones.get(&word.text) {
        Some((id, counts)) if counts_it(*counts) => Some(*id),
        Some(_) => {
            let message = format!("the zone \"{}\" counts something else", word.text);
            scope.env.fault(Fault::new(word.span, message).help("connections and requests have zones of their own"));
            None
        }
        None => {
            let fault = Fault::new(word.span, format!("zero size shared memory zone \"{}\"", word.text));
            scope.env.fault(fault.help("no `limit_conn_zone` or `limit_req_zone` defines the zone"));
            None
        }
    }
}
