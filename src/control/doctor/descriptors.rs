//! Limits of open files and of connections.

use super::demand::Demand;
use super::facts::{Facts, Whose};
use super::figures::Rlimit;
use super::finding::{Bound, Finding, Remedy, counted, grouped};
use crate::limits::{SPARE_DESCRIPTORS, TUNNEL_DESCRIPTORS, TUNNEL_PIPES_MAX};

/// `TUNNEL_PIPES_MAX` pipes have two ends each.
const PIPE_DESCRIPTORS: u64 = TUNNEL_PIPES_MAX as u64 * 2;

/// All of them, for so many tunnels.
pub fn findings(facts: &Facts, demand: &Demand, target: u64) -> Vec<Finding> {
    let mut findings = vec![process(facts, demand, target), most(facts, demand, target), all(facts, demand, target)];
    findings.extend(connections(demand, target));
    findings
}

/// Tunnels that so many descriptors hold.
fn held(descriptors: u64, demand: &Demand) -> u64 {
    descriptors.saturating_sub(demand.own_descriptors()) / TUNNEL_DESCRIPTORS
}

/// What to set for so many tunnels: with room for pipes and files, in round numbers.
#[must_use]
pub fn needed(demand: &Demand, target: u64) -> u64 {
    const ROUND: u64 = 1000;
    let spare = SPARE_DESCRIPTORS + demand.shard_count * PIPE_DESCRIPTORS;
    (demand.own_descriptors() + spare + target * TUNNEL_DESCRIPTORS).next_multiple_of(ROUND)
}

/// The limit that the proxy gives itself at its start: it takes all that it may.
fn effective(limit: Rlimit, facts: &Facts, demand: &Demand) -> (Option<u64>, String) {
    let hard = limit.hard.map_or("none".to_owned(), grouped);
    if let Whose::Running(number) = facts.whose {
        return (limit.soft, format!("limit of the running process {number}, hard limit {hard}"));
    }
    let nr_open = facts.nr_open.unwrap_or(u64::MAX);
    match demand.rlimit_nofile {
        None => (limit.hard, format!("hard limit {hard}, which the proxy raises its soft one to")),
        Some(wanted) if wanted <= limit.hard.unwrap_or(u64::MAX) => {
            (Some(wanted), format!("worker_rlimit_nofile {}, hard limit {hard}", grouped(wanted)))
        }
        Some(wanted) if facts.may_raise && wanted <= nr_open => {
            (Some(wanted), format!("worker_rlimit_nofile {}, as root above the hard limit {hard}", grouped(wanted)))
        }
        Some(wanted) => (limit.hard, format!("hard limit {hard}, less than worker_rlimit_nofile {}", grouped(wanted))),
    }
}

fn process(facts: &Facts, demand: &Demand, target: u64) -> Finding {
    const NAME: &str = "descriptors";
    let Some(limit) = facts.nofile else { return Finding::unknown(NAME) };
    let (effective, source) = effective(limit, facts, demand);
    let bound = effective.map_or(Bound::None, |limit| Bound::At(held(limit, demand)));
    let own = grouped(demand.own_descriptors());
    let finding =
        Finding::held(NAME, bound, format!("{source}; {TUNNEL_DESCRIPTORS} for each tunnel, {own} of its own"));
    if !finding.is_short_of(target) {
        return finding;
    }
    let needed = needed(demand, target);
    let mut remedies = Vec::new();
    if limit.hard.is_some_and(|hard| hard < needed) {
        let login = format!("`longhaul hard nofile {needed}` in /etc/security/limits.d/99-longhaul.conf");
        remedies.push(Remedy::unit(&format!("LimitNOFILE={needed}"), &login));
    }
    if demand.rlimit_nofile.is_some_and(|wanted| wanted < needed) {
        remedies.push(Remedy::directive(format!("worker_rlimit_nofile {needed};")));
    }
    finding.with(remedies)
}

/// `fs.nr_open`: what the limit of a process may be raised to.
fn most(facts: &Facts, demand: &Demand, target: u64) -> Finding {
    const NAME: &str = "fs.nr_open";
    let Some(most) = facts.nr_open else { return Finding::unknown(NAME) };
    let stands = format!("{}, the most that a process may be allowed", grouped(most));
    let finding = Finding::held(NAME, Bound::At(held(most, demand)), stands);
    let needed = needed(demand, target);
    finding.with((most < needed).then(|| Remedy::sysctl(NAME, most_needed(needed))))
}

/// `fs.nr_open` for such a limit; the kernel takes no more than this.
#[must_use]
pub fn most_needed(limit: u64) -> u64 {
    const DEFAULT: u64 = 1 << 20;
    const MOST: u64 = (1 << 31) - 64;
    limit.next_power_of_two().clamp(DEFAULT, MOST)
}

/// `fs.file-max`: the whole machine.
fn all(facts: &Facts, demand: &Demand, target: u64) -> Finding {
    const NAME: &str = "fs.file-max";
    let Some(files) = facts.files else { return Finding::unknown(NAME) };
    let bound = facts.tunnels_open.saturating_add(held(files.left(), demand));
    let stands = format!("{} for the whole machine, {} in use", grouped(files.max), grouped(files.used));
    let finding = Finding::held(NAME, Bound::At(bound), stands);
    let value = files.used.saturating_add(needed(demand, target)).next_power_of_two();
    let is_short = finding.is_short_of(target);
    finding.with(is_short.then(|| Remedy::sysctl(NAME, value)))
}

/// `worker_connections`: a shard takes a client while it has fewer connections than that; a tunnel is two.
fn connections(demand: &Demand, target: u64) -> Option<Finding> {
    let of_shard = demand.worker_connections?;
    let shards = demand.shard_count;
    let bound = of_shard.div_ceil(TUNNEL_DESCRIPTORS).saturating_mul(shards);
    let stands = format!("{} in each of {}, clients and peers", grouped(of_shard), counted(shards, "shard"));
    let finding = Finding::held("worker_connections", Bound::At(bound), stands);
    let is_short = finding.is_short_of(target);
    Some(finding.with(is_short.then(|| Remedy::directive(format!("worker_connections {};", share(target, shards))))))
}

/// `worker_connections` for so many tunnels. The kernel deals connections to shards by a hash, so one of them gets more
/// than its part: four standard deviations are allowed for.
#[must_use]
pub fn share(target: u64, shards: u64) -> u64 {
    const ROUND: u64 = 100;
    let part = target as f64 / shards as f64;
    let uneven = if shards > 1 { 4.0 * part.sqrt() } else { 0.0 };
    let tunnels = (part + uneven).ceil() as u64;
    (tunnels * TUNNEL_DESCRIPTORS).next_multiple_of(ROUND)
}
