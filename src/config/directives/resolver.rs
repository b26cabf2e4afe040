//! `resolver`: who is asked for names that are not looked up when the configuration is loaded.

use std::time::Duration;

use crate::config::address::{self, Address};
use crate::config::diagnostic::Fault;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawResolver, RawUpstream};
use crate::config::scope::{Scope, host_addresses};
use crate::config::table::*;
use crate::config::value;
use crate::model::{Resolver, ResolverId};

const DOC: &str = "Name servers for names in variables and of `server NAME resolve`, asked in turn; `valid=` in place of \
                   the answers' own time, `ipv4=off`, `ipv6=off`.";
const TIMEOUT_DOC: &str = "How long resolving a name may take (30s).";

/// Port of a name server without a port.
const DNS_PORT: u16 = 53;

pub const TABLE: &[Directive] = &[
    level("resolver", ONE_OR_MORE, |level, line| line.once(&mut level.resolver, read), DOC).also(STREAM_LEVELS),
    level_time("resolver_timeout", |level| &mut level.resolver_timeout, TIMEOUT_DOC).also(STREAM_LEVELS),
    supported(
        "resolver",
        UPSTREAM | STREAM_UPSTREAM,
        ONE_OR_MORE,
        Setter::Upstream(|upstream: &mut RawUpstream, line| line.once(&mut upstream.resolver, read)),
        DOC,
    ),
    supported("resolver_timeout", UPSTREAM | STREAM_UPSTREAM, ONE, Setter::Upstream(upstream_timeout), TIMEOUT_DOC),
];

fn upstream_timeout(upstream: &mut RawUpstream, line: &Line) -> Recorded {
    line.time(&mut upstream.resolver_timeout)
}

fn read(line: &Line) -> Result<RawResolver, Fault> {
    let mut raw = RawResolver { servers: Vec::new(), valid: None, ipv4: true, ipv6: true };
    for word in line.args() {
        let invalid = || Fault::new(word.span, format!("invalid parameter: {}", word.text));
        let flag = |text: &str| match text {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(invalid().help("`on` or `off`")),
        };
        match word.text.split_once('=') {
            Some(("valid", text)) => {
                let valid = value::time_seconds(text).filter(|valid| !valid.is_zero());
                raw.valid = Some(valid.ok_or_else(|| invalid().help("whole seconds, as in `valid=30s`"))?);
            }
            Some(("ipv4", text)) => raw.ipv4 = flag(text)?,
            Some(("ipv6", text)) => raw.ipv6 = flag(text)?,
            Some(("status_zone", _)) => {
                let message = format!("\"{}\" changes nothing here: questions are not counted", word.text);
                line.env.warn(Fault::new(word.span, message));
            }
            _ => raw.servers.push(word.clone()),
        }
    }
    if !raw.ipv4 && !raw.ipv6 {
        return Err(Fault::new(line.span(), "\"ipv4\" and \"ipv6\" cannot both be \"off\""));
    }
    if raw.servers.is_empty() {
        return Err(Fault::new(line.span(), "no name servers defined").help("name one, as in `resolver 127.0.0.1;`"));
    }
    Ok(raw)
}

/// nginx's default of `resolver_timeout`.
#[must_use]
pub fn default_timeout() -> Duration {
    Duration::from_secs(30)
}

/// The resolver of a level. Lines that say the same are one, and know the same.
pub fn resolve(raw: Option<&RawResolver>, around: Option<ResolverId>, scope: &Scope<'_>) -> Option<ResolverId> {
    let Some(raw) = raw else { return around };
    let mut servers = Vec::new();
    for word in &raw.servers {
        let fault = |words: &str| Fault::new(word.span, format!("{words} in resolver \"{}\"", word.text));
        let found = match address::peer(&word.text) {
            Ok(Address::Inet(host)) => {
                host_addresses(scope.resolver, &host, DNS_PORT).map_err(|why| fault("host not found").label(why))
            }
            Ok(Address::Unix(_)) => Err(fault("invalid host")),
            Err(words) => Err(fault(words)),
        };
        match found {
            Ok(found) => servers.extend(found),
            Err(fault) => scope.env.fault(fault),
        }
    }
    let settings = Resolver { servers, valid: raw.valid, ipv4: raw.ipv4, ipv6: raw.ipv6 };
    let mut known = scope.resolvers.borrow_mut();
    let at = known.iter().position(|known| *known == settings).unwrap_or_else(|| {
        known.push(settings);
        known.len() - 1
    });
    match u16::try_from(at) {
        Ok(id) => Some(ResolverId(id)),
        Err(_) => {
            scope.env.fault(Fault::new(raw.servers[0].span, "more than 65536 resolvers"));
            around
        }
    }
}
