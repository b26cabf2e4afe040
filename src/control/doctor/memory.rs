//! Limits of memory: the machine's, and that of the control group.

use super::demand::Demand;
use super::facts::Facts;
use super::figures::Share;
use super::finding::{Bound, Finding, Remedy, bytes, counted, grouped};
use crate::limits::{PROCESS_IDLE_BYTES, SHARD_IDLE_BYTES, TUNNEL_KERNEL_BYTES, TUNNEL_USER_BYTES};

/// A quiet tunnel, in the proxy and in the kernel.
pub const TUNNEL_BYTES: u64 = TUNNEL_USER_BYTES + TUNNEL_KERNEL_BYTES;

/// All of them, for so many tunnels.
pub fn findings(facts: &Facts, demand: &Demand, target: u64) -> Vec<Finding> {
    vec![machine(facts, demand, target), group(facts, demand, target)]
}

/// The tunnels that memory alone would allow: what no setting changes.
#[must_use]
pub fn most(facts: &Facts, demand: &Demand) -> Option<u64> {
    let shares = facts.memory.iter().chain(&facts.group_memory);
    shares.map(|share| held(*share, facts, demand)).min()
}

/// What so many quiet tunnels take, with the process around them.
#[must_use]
pub fn needed(demand: &Demand, tunnels: u64) -> u64 {
    own(demand) + tunnels * TUNNEL_BYTES
}

fn own(demand: &Demand) -> u64 {
    PROCESS_IDLE_BYTES + demand.shard_count * SHARD_IDLE_BYTES
}

fn held(share: Share, facts: &Facts, demand: &Demand) -> u64 {
    // A process that runs has taken its own part already.
    let own = if facts.tunnels_open > 0 { 0 } else { own(demand) };
    facts.tunnels_open + share.left().saturating_sub(own) / TUNNEL_BYTES
}

fn machine(facts: &Facts, demand: &Demand, target: u64) -> Finding {
    const NAME: &str = "memory";
    let Some(share) = facts.memory else { return Finding::unknown(NAME) };
    let stands = format!(
        "{} of {} available; a quiet tunnel takes {} B ({TUNNEL_USER_BYTES} of the proxy, {} of the kernel)",
        bytes(share.left()),
        bytes(share.max),
        grouped(TUNNEL_BYTES),
        grouped(TUNNEL_KERNEL_BYTES)
    );
    let finding = Finding::held(NAME, Bound::At(held(share, facts, demand)), stands);
    let is_short = finding.is_short_of(target);
    let more = || Remedy::machine(format!("{} of memory, or several machines", bytes(needed(demand, target))));
    finding.with(is_short.then(more))
}

fn group(facts: &Facts, demand: &Demand, target: u64) -> Finding {
    const NAME: &str = "cgroup memory";
    let Some(share) = facts.group_memory else {
        return Finding::held(NAME, Bound::None, "no control group around it has a limit".to_owned());
    };
    let shards = counted(demand.shard_count, "shard");
    let stands = format!(
        "{} of {} left in the tightest group; without tunnels {shards} take {}",
        bytes(share.left()),
        bytes(share.max),
        bytes(own(demand))
    );
    let finding = Finding::held(NAME, Bound::At(held(share, facts, demand)), stands);
    let is_short = finding.is_short_of(target);
    let line = format!("MemoryMax={}", share.used.saturating_add(needed(demand, target)));
    finding.with(is_short.then(|| Remedy::unit(&line, "the memory limit of the container")))
}
