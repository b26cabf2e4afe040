//! Whether a request may go on: limits first, then the rules by origin, by address, by password
//! and by another service's leave of its location, in
//! nginx's order.
//!
//! They hold for upgrades as for everything else: nothing is sent to a peer, and nothing served, before this has said
//! yes.

mod basic;
mod counting;
mod md5_crypt;
mod origin;
mod passwords;
mod said;
mod service;
mod verifier;

use std::time::Duration;

use self::said::Said;
use super::exchange::Exchange;
use super::failure::{Cause, Failure, Phase};
use super::real_ip;
use crate::http::Name;
use crate::model::{Access, AccessRule, LogLevel, Source};
use crate::net::accept::ClientAddress;
use crate::net::timer;
use crate::observe::escape::Quoted;

/// Runs all checks of the exchange's location.
///
/// # Errors
/// The answer for whoever may not go on.
pub async fn check(exchange: &mut Exchange<'_>) -> Result<(), Failure> {
    real_ip::apply(exchange);
    let wait = counting::check_requests(exchange)?;
    if !wait.is_zero() {
        pause(exchange, wait).await?;
    }
    counting::check_connections(exchange)?;
    let location = exchange.location;
    let access = &location.access;
    // Who asks for leave inside has it: else the location that gives leave would be asked for its own.
    if access.is_open() || exchange.is_subrequest() {
        return Ok(());
    }
    check_origin(exchange, access)?;
    let found = Box::pin(satisfy(exchange, access)).await;
    if let Err(failure) = &found
        && failure.status() == 401
        && !access.auth_delay.is_zero()
    {
        pause(exchange, access.auth_delay).await?;
    }
    found
}

/// All kinds of rules, or the first that lets the request in.
async fn satisfy(exchange: &mut Exchange<'_>, access: &Access) -> Result<(), Failure> {
    let mut refused = None;
    for kind in [Kind::Address, Kind::Password, Kind::Service] {
        let said = match kind {
            Kind::Address => check_address(exchange, access),
            Kind::Password => match &access.auth_basic {
                Some(auth) => basic::check(exchange, auth).await,
                None => Said::Nothing,
            },
            Kind::Service => match &access.auth_request {
                Some(auth) => service::check(exchange, auth).await,
                None => Said::Nothing,
            },
        };
        match said {
            Said::Nothing => {}
            Said::Yes if access.satisfies_any => {
                exchange.challenge(Vec::new());
                return Ok(());
            }
            Said::Yes => {}
            // Only a rule's no can be outvoted, not a failure to find out.
            Said::No(failure) if access.satisfies_any && matches!(failure.status(), 401 | 403) => {
                // The 401 tells the client what it can do.
                if refused.as_ref().is_none_or(|earlier: &Failure| earlier.status() != 401) {
                    refused = Some(failure);
                }
            }
            Said::No(failure) => return Err(failure),
        }
    }
    refused.map_or(Ok(()), Err)
}

#[derive(Clone, Copy)]
enum Kind {
    Address,
    Password,
    Service,
}

fn check_address(exchange: &Exchange<'_>, access: &Access) -> Said {
    match decision(&access.rules, exchange.remote) {
        None => Said::Nothing,
        Some(true) => Said::Yes,
        Some(false) => {
            let words = "access forbidden by rule".to_owned();
            let cause = Cause::Denied { status: 403, level: LogLevel::Error, words };
            Said::No(Failure::new(Phase::ProcessingRequest, cause))
        }
    }
}

/// What the first rule that matches says.
fn decision(rules: &[AccessRule], remote: ClientAddress) -> Option<bool> {
    let matches = |rule: &&AccessRule| match (rule.source, remote) {
        (Source::All, _) | (Source::Unix, ClientAddress::Unix) => true,
        (Source::Network(network), ClientAddress::Ip(address)) => network.contains(address.ip()),
        (Source::Network(_), ClientAddress::Unix) | (Source::Unix, ClientAddress::Ip(_)) => false,
    };
    rules.iter().find(matches).map(|rule| rule.allows)
}

/// Every request that names the protocol is checked, whether it could become a WebSocket or not: a peer may see more
/// in it than we do.
fn check_origin(exchange: &Exchange<'_>, access: &Access) -> Result<(), Failure> {
    let fields = &exchange.head.fields;
    let Some(rules) = &access.websocket_origin else { return Ok(()) };
    if !fields.has_token(Name::Upgrade, b"websocket") {
        return Ok(());
    }
    let is_single = fields.count(Name::Origin) <= 1;
    if is_single && origin::is_allowed(rules, fields.first(Name::Origin)) {
        return Ok(());
    }
    let words = match fields.first(Name::Origin) {
        Some(origin) => format!("websocket origin \"{}\" is not allowed", Quoted(origin)),
        None => "websocket without origin is not allowed".to_owned(),
    };
    let cause = Cause::Denied { status: 403, level: LogLevel::Error, words };
    Err(Failure::new(Phase::ProcessingRequest, cause))
}

/// Waits while the client does.
///
/// # Errors
/// The client has gone.
async fn pause(exchange: &Exchange<'_>, time: Duration) -> Result<(), Failure> {
    monoio::select! {
        () = timer::sleep(time) => Ok(()),
        () = exchange.client.stream.gone() => Err(Failure::new(Phase::ProcessingRequest, Cause::ClientGone)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Network;

    fn rule(allows: bool, source: &str) -> AccessRule {
        let source = match source {
            "all" => Source::All,
            "unix:" => Source::Unix,
            text => {
                let (address, bits) = text.split_once('/').unwrap();
                Source::Network(Network::new(address.parse().unwrap(), bits.parse().unwrap()).unwrap())
            }
        };
        AccessRule { allows, source }
    }

    fn from(address: &str) -> ClientAddress {
        ClientAddress::Ip(address.parse().unwrap())
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules =
            [rule(false, "10.1.0.0/16"), rule(true, "10.0.0.0/8"), rule(true, "2001:db8::/32"), rule(false, "all")];
        assert_eq!(decision(&rules, from("10.1.2.3:1")), Some(false));
        assert_eq!(decision(&rules, from("10.2.2.3:1")), Some(true));
        assert_eq!(decision(&rules, from("[::ffff:10.2.2.3]:1")), Some(true));
        assert_eq!(decision(&rules, from("[2001:db8::1]:1")), Some(true));
        assert_eq!(decision(&rules, from("192.0.2.1:1")), Some(false));
        assert_eq!(decision(&rules, ClientAddress::Unix), Some(false));
    }

    #[test]
    fn unix_sockets_have_rules_of_their_own() {
        assert_eq!(decision(&[rule(false, "0.0.0.0/0")], ClientAddress::Unix), None);
        assert_eq!(decision(&[rule(false, "unix:")], ClientAddress::Unix), Some(false));
        assert_eq!(decision(&[rule(false, "unix:")], from("127.0.0.1:1")), None);
        assert_eq!(decision(&[], ClientAddress::Unix), None);
    }
}
