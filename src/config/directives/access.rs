//! Who may ask: `allow`, `deny`, `satisfy`, `auth_basic` and its file, `auth_request`, `websocket_origin`.

use std::sync::Arc;

use super::rewrite::{resolve_set, set_name};
use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::raw::{RawAccess, RawLevel};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::config::value;
use crate::model::{Access, AccessRule, AuthBasic, AuthRequest, Network, OriginRule, Part, Set, Source, Template};

pub const TABLE: &[Directive] = &[
    supported(
        "allow",
        HTTP_LEVELS | LIMIT_EXCEPT | STREAM_LEVELS,
        ONE,
        Setter::Level(|level, line| rule(level, line, true)),
        "Lets an address, a network, `unix:` or `all` in; the first rule that matches decides.",
    ),
    supported(
        "deny",
        HTTP_LEVELS | LIMIT_EXCEPT | STREAM_LEVELS,
        ONE,
        Setter::Level(|level, line| rule(level, line, false)),
        "Answers an address, a network, `unix:` or `all` with 403, upgrades too; in `stream` closes.",
    ),
    supported(
        "satisfy",
        HTTP_LEVELS,
        ONE,
        Setter::Level(satisfy),
        "`any`: one of address and password is enough (`all`).",
    ),
    supported(
        "auth_basic",
        HTTP_LEVELS | LIMIT_EXCEPT,
        ONE,
        Setter::Level(|level, line| line.once(&mut level.access.auth_basic, |line| Ok(line.arg(0).clone()))),
        "Asks for a name and a password under this title (`off`).",
    ),
    supported(
        "auth_basic_user_file",
        HTTP_LEVELS | LIMIT_EXCEPT,
        ONE,
        Setter::Level(|level, line| line.once(&mut level.access.auth_basic_user_file, |line| Ok(line.arg(0).clone()))),
        "Names and passwords as `htpasswd` writes them: bcrypt, SHA-crypt, apr1, MD5-crypt, `{SHA}`, `{SSHA}`, \
         `{PLAIN}`.",
    ),
    level(
        "auth_request",
        ONE,
        auth_request,
        "Asks this location for leave first, by a request of its own without a body: 2xx lets in, 401 and 403 are passed \
         on, all else is 500 (`off`).",
    ),
    level("auth_request_set", TWO, auth_request_set, "Gives a variable a value of that request's answer."),
    supported(
        "auth_delay",
        HTTP_LEVELS,
        ONE,
        Setter::Time(|level| &mut level.access.auth_delay),
        "How long the answer 401 waits (0s).",
    ),
    supported(
        "websocket_origin",
        HTTP_LEVELS,
        ONE_OR_MORE,
        Setter::Level(websocket_origin),
        "Pages that may open a WebSocket, others get 403: `https://example.com`, `*.example.com`, `none` for clients \
         that name no origin, `any` (`any`).",
    ),
];

fn rule(level: &mut RawLevel, line: &Line, allows: bool) -> Recorded {
    let source = source(line.arg(0), line)?;
    level.access.rules.push(AccessRule { allows, source });
    Ok(())
}

/// `all`, `unix:`, an address or a network.
pub(super) fn source(word: &Word, line: &Line) -> Result<Source, Fault> {
    match word.text.as_str() {
        "all" => Ok(Source::All),
        "unix:" => Ok(Source::Unix),
        _ => network(word, line).map(Source::Network),
    }
}

/// An address, or one with the number of bits that count.
pub(super) fn network(word: &Word, line: &Line) -> Result<Network, Fault> {
    let Some((network, is_exact)) = parse_network(&word.text) else {
        return Err(line.invalid_parameter(word).help("an address or a network, as in `192.0.2.1` or `2001:db8::/32`"));
    };
    if !is_exact {
        let message = format!("low address bits of {} are meaningless", word.text);
        line.env.warn(Fault::new(word.span, message).help(format!("the network is {network}")));
    }
    Ok(network)
}

/// A network, and whether no bit behind its prefix was set.
pub(super) fn parse_network(text: &str) -> Option<(Network, bool)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(value::number(bits).and_then(|bits| u8::try_from(bits).ok())?)),
        None => (text, None),
    };
    let address = address.parse().ok()?;
    let longest = if matches!(address, std::net::IpAddr::V4(_)) { 32 } else { 128 };
    let network = Network::new(address, bits.unwrap_or(longest))?;
    Some((network, network.address == address))
}

fn satisfy(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.access.satisfies_any, |line| match line.arg(0).text.as_str() {
        "all" => Ok(false),
        "any" => Ok(true),
        _ => Err(line.unknown_value(line.arg(0)).help("`all` or `any`")),
    })
}

fn websocket_origin(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.access.websocket_origin, |line| {
        if let [word] = line.args()
            && word.text == "any"
        {
            return Ok(None);
        }
        line.args().iter().map(|word| origin(word, line)).collect::<Result<Vec<_>, Fault>>().map(Some)
    })
}

fn auth_request(level: &mut RawLevel, line: &Line) -> Recorded {
    line.once(&mut level.access.auth_request, |line| match line.arg(0).text.as_str() {
        "off" => Ok(None),
        uri => Ok(Some(uri.to_owned())),
    })
}

fn auth_request_set(level: &mut RawLevel, line: &Line) -> Recorded {
    let name = set_name(line)?;
    line.env.names.borrow_mut().add_filled(name, line.arg(0).span)?;
    level.access.auth_request_sets.push((name.to_owned(), line.arg(1).clone()));
    Ok(())
}

/// `none`, or an origin as browsers send it, with `*.` for all names below a host.
fn origin(word: &Word, line: &Line) -> Result<OriginRule, Fault> {
    let invalid = || {
        let help = "an origin without a path, as in `https://example.com`, `https://*.example.com` or `none`";
        line.invalid_parameter(word).help(help)
    };
    let text = word.text.to_ascii_lowercase();
    if text == "none" {
        return Ok(OriginRule::Missing);
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text.as_str()),
    };
    let (rest, is_wildcard) = match rest.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let colon = rest.rfind(':').filter(|colon| rest.rfind(']').is_none_or(|bracket| bracket < *colon));
    let (host, port) = match colon {
        Some(colon) => (&rest[..colon], Some(rest[colon + 1..].parse::<u16>().map_err(|_| invalid())?)),
        None => (rest, None),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) || scheme.is_some_and(str::is_empty) || text == "any" {
        return Err(invalid());
    }
    Ok(OriginRule::Page { scheme: scheme.map(Into::into), host: host.into(), is_wildcard, port })
}

/// What is asked for at a level; `auth_basic` and its file are inherited apart, and so are `auth_request` and its sets.
#[derive(Debug, Clone, Default)]
pub struct AccessParts {
    access: Arc<Access>,
    realm: Option<Template>,
    user_file: Option<Template>,
    service: Option<Box<[u8]>>,
    service_sets: Arc<[Set]>,
}

impl AccessParts {
    #[must_use]
    pub fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access)
    }
}

/// A level's rules over those around it.
pub fn resolve(raw: &RawAccess, around: &AccessParts, scope: &Scope<'_>) -> AccessParts {
    if raw.is_empty() {
        return around.clone();
    }
    let realm = match &raw.auth_basic {
        Some(word) if word.text == "off" => None,
        Some(word) => Some(scope.template(word)),
        None => around.realm.clone(),
    };
    let user_file = match &raw.auth_basic_user_file {
        Some(word) => Some(path(word, scope)),
        None => around.user_file.clone(),
    };
    let auth_basic = realm.clone().zip(user_file.clone());
    let service = match &raw.auth_request {
        Some(uri) => uri.as_ref().map(|uri| uri.as_bytes().into()),
        None => around.service.clone(),
    };
    let service_sets: Arc<[Set]> = match raw.auth_request_sets.as_slice() {
        [] => Arc::clone(&around.service_sets),
        own => own.iter().filter_map(|(name, value)| resolve_set(name, value, scope)).collect(),
    };
    let access = Access {
        rules: if raw.rules.is_empty() { Arc::clone(&around.access.rules) } else { raw.rules.as_slice().into() },
        satisfies_any: raw.satisfies_any.unwrap_or(around.access.satisfies_any),
        auth_basic: auth_basic.map(|(realm, user_file)| AuthBasic { realm, user_file }),
        auth_request: service.clone().map(|uri| AuthRequest { uri, sets: Arc::clone(&service_sets) }),
        auth_delay: raw.auth_delay.unwrap_or(around.access.auth_delay),
        websocket_origin: match &raw.websocket_origin {
            Some(rules) => rules.as_deref().map(Into::into),
            None => around.access.websocket_origin.clone(),
        },
    };
    AccessParts { access: Arc::new(access), realm, user_file, service, service_sets }
}

/// A file's name, absolute unless it begins with a variable.
fn path(word: &Word, scope: &Scope<'_>) -> Template {
    let template = scope.template(word);
    if matches!(template.parts.first(), Some(Part::Variable(_))) {
        return template;
    }
    scope.template_of(&scope.env.path(&word.text).to_string_lossy(), word.span)
}
