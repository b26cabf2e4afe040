//! `geo` and `split_clients`: variables that depend on an address, or on a hash of a text.

use std::sync::Arc;

use super::access::{self, parse_network};
use super::ranges::{self, Ranges};
use crate::config::diagnostic::Fault;
use crate::config::lexer::Word;
use crate::config::line::{Line, Recorded};
use crate::config::parser::Node;
use crate::config::raw::{RawGeo, RawServing, RawSplit};
use crate::config::scope::Scope;
use crate::config::table::*;
use crate::model::{Geo, Network, Split, SplitPart, Variable};

pub const TABLE: &[Directive] = &[
    supported(
        "geo",
        HTTP | STREAM,
        block(ONE_OR_TWO),
        Setter::Serving(geo),
        "A variable that depends on an address (`$remote_addr`): networks, `default`, `ranges`, `delete`, `proxy`, \
         `proxy_recursive`, `volatile`.",
    ),
    supported(
        "split_clients",
        HTTP | STREAM,
        block(TWO),
        Setter::Serving(split_clients),
        "A variable whose values are shared out by a hash: parts as `12.5%`, and `*` for the rest.",
    ),
];

/// The name of the new variable.
fn variable(word: &Word) -> Result<&str, Fault> {
    word.text.strip_prefix('$').filter(|name| !name.is_empty()).ok_or_else(|| {
        let fault = Fault::new(word.span, format!("invalid variable name \"{}\"", word.text));
        fault.help("a variable begins with `$`, as in `geo $near { … }`")
    })
}

fn geo(serving: &mut RawServing, line: &Line) -> Recorded {
    let (source, target) = match line.args() {
        [source, target] => {
            variable(source)?;
            (Some(source.clone()), target)
        }
        _ => (None, line.arg(0)),
    };
    let name = variable(target)?;
    let id = u16::try_from(serving.first_geo + serving.geos.len())
        .map_err(|_| line.fault("stands more than 65536 times"))?;
    line.env.names.borrow_mut().add_computed(name, Variable::Geo(crate::model::GeoId(id)), target.span)?;
    let uses_ranges = line.block().iter().any(|node| node.name.text == "ranges" && node.args.is_empty());
    let mut geo = RawGeo {
        name: name.to_owned(),
        source,
        proxies: Vec::new(),
        is_proxy_recursive: false,
        is_volatile: false,
        default: None,
        ranges: uses_ranges.then(Ranges::default),
        networks: Vec::new(),
    };
    for node in line.block() {
        if let Err(fault) = geo_entry(&mut geo, node, line) {
            line.env.fault(fault);
        }
    }
    serving.geos.push(geo);
    Ok(())
}

fn geo_entry(geo: &mut RawGeo, node: &Node, line: &Line) -> Recorded {
    let name = node.name.text.as_str();
    match (name, node.args.as_slice()) {
        // Read before all others.
        ("ranges", []) => Ok(()),
        ("proxy_recursive", []) => {
            geo.is_proxy_recursive = true;
            Ok(())
        }
        ("volatile", []) => {
            geo.is_volatile = true;
            Ok(())
        }
        ("proxy", [network]) => {
            geo.proxies.push(access::network(network, line)?);
            Ok(())
        }
        ("delete", [network]) => delete(geo, network, line),
        ("default", [value]) => {
            geo.default = Some(value.text.as_bytes().into());
            Ok(())
        }
        (_, [value]) if node.block.is_none() => add(geo, &node.name, value, line),
        _ => {
            let fault = Fault::new(node.span(), "invalid number of the geo parameters");
            Err(fault.help("an entry has an address and a value, as in `10.0.0.0/8 near;`"))
        }
    }
}

fn add(geo: &mut RawGeo, key: &Word, value: &Word, line: &Line) -> Recorded {
    let bytes: Arc<[u8]> = value.text.as_bytes().into();
    match &mut geo.ranges {
        Some(ranges) => {
            let (first, last) = ranges::parse(&key.text).ok_or_else(|| {
                let fault = Fault::new(key.span, format!("invalid range \"{}\"", key.text));
                fault.help("two addresses with `-` between them, as in `10.0.0.0-10.0.0.255`")
            })?;
            match ranges.insert(first, last, bytes) {
                Ok(is_new) => {
                    if !is_new {
                        line.env.warn(Fault::new(key.span, format!("duplicate range \"{}\"", key.text)));
                    }
                    Ok(())
                }
                Err((other_first, other_last)) => {
                    let message = format!("range \"{}\" overlaps \"{other_first}-{other_last}\"", key.text);
                    Err(Fault::new(key.span, message).help("a range lies inside another one or beside it"))
                }
            }
        }
        None => {
            let network = network(key, line)?;
            if let Some(known) = geo.networks.iter_mut().find(|(known, _)| *known == network) {
                line.env.warn(Fault::new(key.span, format!("duplicate network \"{}\"", key.text)));
                known.1 = bytes;
            } else {
                geo.networks.push((network, bytes));
            }
            Ok(())
        }
    }
}

fn delete(geo: &mut RawGeo, key: &Word, line: &Line) -> Recorded {
    let was_there = match &mut geo.ranges {
        Some(ranges) => ranges::parse(&key.text).is_some_and(|(first, last)| ranges.remove(first, last)),
        None => {
            let network = network(key, line)?;
            let before = geo.networks.len();
            geo.networks.retain(|(known, _)| *known != network);
            geo.networks.len() < before
        }
    };
    if !was_there {
        line.env.warn(Fault::new(key.span, format!("no address range or network \"{}\" to delete", key.text)));
    }
    Ok(())
}

fn network(word: &Word, line: &Line) -> Result<Network, Fault> {
    match parse_network(&word.text) {
        Some((network, true)) => Ok(network),
        Some((network, false)) => {
            let message = format!("low address bits of {} are meaningless", word.text);
            line.env.warn(Fault::new(word.span, message).help(format!("the network is {network}")));
            Ok(network)
        }
        None => {
            let fault = Fault::new(word.span, format!("invalid network \"{}\"", word.text));
            Err(fault.help("an address or a network, as in `10.0.0.0/8`; with `ranges` two addresses"))
        }
    }
}

/// The block with its addresses in order.
pub fn resolve(raw: RawGeo, scope: &Scope<'_>) -> Geo {
    let uses_ranges = raw.ranges.is_some();
    let (v4, v6) = match raw.ranges {
        Some(ranges) => (ranges.into_sorted(), Vec::new()),
        None => ranges::of_networks(raw.networks),
    };
    Geo {
        name: raw.name.into(),
        source: raw.source.map(|word| scope.template(&word)),
        proxies: raw.proxies.into(),
        proxy_recursive: raw.is_proxy_recursive,
        uses_ranges,
        volatile: raw.is_volatile,
        v4: v4.into(),
        v6: v6.into(),
        default: raw.default.unwrap_or_default(),
    }
}

fn split_clients(serving: &mut RawServing, line: &Line) -> Recorded {
    let target = line.arg(1);
    let name = variable(target)?;
    let id = u16::try_from(serving.first_split + serving.splits.len())
        .map_err(|_| line.fault("stands more than 65536 times"))?;
    line.env.names.borrow_mut().add_computed(name, Variable::Split(crate::model::SplitId(id)), target.span)?;
    let mut parts = Vec::new();
    let mut total = 0;
    for node in line.block() {
        let [value] = node.args.as_slice() else {
            let fault = Fault::new(node.span(), "invalid number of the split_clients parameters");
            return Err(fault.help("a part has a percentage and a value, as in `12.5% blue;`"));
        };
        let end = match node.name.text.as_str() {
            "*" => {
                total = HUNDRED_PERCENT;
                None
            }
            text => {
                let share = percent(text).filter(|share| *share > 0).ok_or_else(|| {
                    let fault = Fault::new(node.name.span, format!("invalid percent value \"{text}\""));
                    fault.help("up to two decimals and a percent sign, as in `12.5%`, or `*` for the rest")
                })?;
                total += share;
                // The quotient is at most the mask itself.
                Some((u64::from(u32::MAX) * total.min(HUNDRED_PERCENT) / HUNDRED_PERCENT) as u32)
            }
        };
        if total > HUNDRED_PERCENT {
            return Err(Fault::new(node.span(), "percent total is greater than 100%"));
        }
        parts.push(SplitPart { end, value: value.text.as_bytes().into() });
    }
    serving.splits.push(RawSplit { name: name.to_owned(), source: line.arg(0).clone(), parts });
    Ok(())
}

const HUNDRED_PERCENT: u64 = 10_000;

/// Hundredths of a percent.
fn percent(text: &str) -> Option<u64> {
    let number = text.strip_suffix('%')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || decimals.len() > 2 || !is_number(whole) || !is_number(decimals) {
        return None;
    }
    format!("{whole}{decimals:0<2}").parse().ok()
}

/// The block with its source.
pub fn resolve_split(raw: RawSplit, scope: &Scope<'_>) -> Split {
    Split { name: raw.name.into(), source: scope.template(&raw.source), parts: raw.parts.into() }
}
