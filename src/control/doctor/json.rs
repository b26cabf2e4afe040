//! What was found, for programs. The shape is stable: keys are added, none is renamed or changes its meaning.
//!
//! An object with `longhaul` (version), `kernel`, `configuration` (path or null), `shards`, `limits_of` (number of the
//! running process whose resource limits were read, or null), `tunnels_wanted`, `reachable` (both null unless asked),
//! `first_limit` (name or null), `tunnels_reachable` (number or null), `bytes_per_tunnel` (`user`, `kernel`), `limits`,
//! `steps` and `unread`. A limit has `name`, `kind` (`held` or `moment`), `bound` (`at`, `none`, `unknown`), `tunnels`
//! (number or null) and `stands`. A step has `limit`, `stage` (`machine`, `kernel`, `service`, `configuration`),
//! `action` and `keep` (text or null); steps are in the order in which they are to be taken. A file that could not be
//! read has `path` and `reason`.

use super::demand::Demand;
use super::examine::Examination;
use super::facts::{Facts, Whose};
use super::finding::{Bound, Finding, Kind, Remedy};
use crate::limits::{TUNNEL_KERNEL_BYTES, TUNNEL_USER_BYTES};
use crate::model::Escape;
use crate::observe::escape;

/// One object, one line for each limit and step.
#[must_use]
pub fn write(examination: &Examination, facts: &Facts, demand: &Demand, configuration: Option<&str>) -> String {
    let running = match facts.whose {
        Whose::Ours => None,
        Whose::Running(number) => Some(u64::from(number)),
    };
    let first = examination.first();
    let (user, kernel) = (TUNNEL_USER_BYTES, TUNNEL_KERNEL_BYTES);
    let unread =
        facts.unread.iter().map(|(path, reason)| object(&[("path", string(path)), ("reason", string(reason))]));
    let steps = examination.steps();
    let fields = [
        ("longhaul", string(env!("CARGO_PKG_VERSION"))),
        ("kernel", facts.release.as_deref().map_or_else(null, string)),
        ("configuration", configuration.map_or_else(null, string)),
        ("shards", demand.shard_count.to_string()),
        ("limits_of", number(running)),
        ("tunnels_wanted", number(examination.wanted)),
        ("reachable", examination.is_reachable.map_or_else(null, |is_reachable| is_reachable.to_string())),
        ("first_limit", first.map_or_else(null, |(finding, _)| string(finding.name))),
        ("tunnels_reachable", number(first.map(|(_, tunnels)| tunnels))),
        ("bytes_per_tunnel", object(&[("user", user.to_string()), ("kernel", kernel.to_string())])),
        ("limits", list(examination.findings.iter().map(limit))),
        ("steps", list(steps.iter().map(|(finding, remedy)| step(finding, remedy)))),
        ("unread", list(unread)),
    ];
    let lines: Vec<String> = fields.iter().map(|(name, value)| format!("  \"{name}\": {value}")).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn limit(finding: &Finding) -> String {
    let kind = match finding.kind {
        Kind::Held => "held",
        Kind::Moment => "moment",
    };
    let (bound, tunnels) = match finding.bound {
        Bound::At(tunnels) => ("at", Some(tunnels)),
        Bound::Unknown => ("unknown", None),
        Bound::None => ("none", None),
    };
    object(&[
        ("name", string(finding.name)),
        ("kind", string(kind)),
        ("bound", string(bound)),
        ("tunnels", number(tunnels)),
        ("stands", string(&finding.stands)),
    ])
}

fn step(finding: &Finding, remedy: &Remedy) -> String {
    object(&[
        ("limit", string(finding.name)),
        ("stage", string(remedy.stage.name())),
        ("action", string(&remedy.action)),
        ("keep", remedy.keep.as_deref().map_or_else(null, string)),
    ])
}

fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| format!("    {item}")).collect();
    if items.is_empty() { "[]".to_owned() } else { format!("[\n{}\n  ]", items.join(",\n")) }
}

fn string(text: &str) -> String {
    let mut out = vec![b'"'];
    escape::append(Escape::Json, Some(text.as_bytes()), &mut out);
    out.push(b'"');
    String::from_utf8_lossy(&out).into_owned()
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(null, |value| value.to_string())
}

fn null() -> String {
    "null".to_owned()
}
