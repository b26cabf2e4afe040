//! What was found, for a terminal.

use std::fmt::Write;

use super::demand::Demand;
use super::examine::Examination;
use super::facts::{Facts, Whose};
use super::finding::{Bound, Finding, Kind, counted, grouped};

/// Widths of the first two columns.
const NAME: usize = 18;
const NUMBER: usize = 13;

/// All of it.
#[must_use]
pub fn write(examination: &Examination, facts: &Facts, demand: &Demand, configuration: Option<&str>) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = write_all(&mut out, examination, facts, demand, configuration);
    out
}

fn write_all(
    out: &mut String,
    examination: &Examination,
    facts: &Facts,
    demand: &Demand,
    configuration: Option<&str>,
) -> std::fmt::Result {
    let configuration = configuration.unwrap_or("no configuration file, the host alone");
    let release = facts.release.as_deref().unwrap_or("of unknown version");
    let whose = match facts.whose {
        Whose::Ours => "resource limits of this shell (a service has those of its unit)".to_owned(),
        Whose::Running(number) => {
            format!("resource limits of process {number}, which holds about {} tunnels", grouped(facts.tunnels_open))
        }
    };
    writeln!(out, "{configuration}\n{}, Linux {release}, {whose}\n", counted(demand.shard_count, "shard"))?;
    writeln!(out, "{:<NAME$}{:>NUMBER$}  where it stands", "limit", "tunnels")?;
    let first = examination.first().map(|(finding, _)| finding.name);
    let mut moments = examination.findings.iter().filter(|finding| finding.kind == Kind::Moment).peekable();
    for finding in examination.findings.iter().filter(|finding| finding.kind == Kind::Held) {
        row(out, finding, first == Some(finding.name))?;
    }
    if moments.peek().is_some() {
        writeln!(out, "\n{:<NAME$}{:>NUMBER$}", "at one moment", "tunnels")?;
        moments.try_for_each(|finding| row(out, finding, false))?;
    }
    for (path, reason) in &facts.unread {
        writeln!(out, "\n{path} told nothing ({reason})")?;
    }
    verdict(out, examination)?;
    steps(out, examination)
}

fn row(out: &mut String, finding: &Finding, is_first: bool) -> std::fmt::Result {
    let number = match finding.bound {
        Bound::At(tunnels) => grouped(tunnels),
        Bound::Unknown => "unknown".to_owned(),
        Bound::None => "no limit".to_owned(),
    };
    let mark = if is_first { "first: " } else { "" };
    writeln!(out, "{:<NAME$}{number:>NUMBER$}  {mark}{}", finding.name, finding.stands)
}

fn verdict(out: &mut String, examination: &Examination) -> std::fmt::Result {
    let first = examination.in_a_line();
    match (examination.wanted, examination.is_reachable) {
        (Some(wanted), Some(true)) => writeln!(out, "\n{} tunnels are within reach; {first}", grouped(wanted)),
        (Some(wanted), _) => writeln!(out, "\n{} tunnels are out of reach; {first}", grouped(wanted)),
        (None, _) => writeln!(out, "\n{first}"),
    }
}

fn steps(out: &mut String, examination: &Examination) -> std::fmt::Result {
    let steps = examination.steps();
    if steps.is_empty() {
        return Ok(());
    }
    let why = if examination.wanted.is_some() { "" } else { ", which its memory allows" };
    writeln!(out, "\nFor {} tunnels{why}, in this order:", grouped(examination.target))?;
    for (number, (finding, remedy)) in steps.iter().enumerate() {
        writeln!(out, "{:>3}. {}: {}", number + 1, finding.name, remedy.action)?;
        if let Some(keep) = &remedy.keep {
            writeln!(out, "     and to keep it: {keep}")?;
        }
    }
    writeln!(out, "Then start the proxy again: a running process keeps its limits.")
}
