//! What has to be there before the first tunnel: io_uring, a kernel that is new enough, threads, locked memory.

use super::demand::Demand;
use super::facts::{Facts, Ring};
use super::figures::Share;
use super::finding::{Bound, Finding, Remedy, bytes, counted, grouped};
use crate::limits::{KERNEL_MIN, KERNEL_RINGS_UNLOCKED, PROCESS_THREADS, SHARD_LOCKED_BYTES, SHARD_THREADS};

/// `kernel.io_uring_disabled`: only for CAP_SYS_ADMIN and one group, and for nobody.
const PRIVILEGED_ONLY: u64 = 1;
const NOBODY: u64 = 2;

/// All of them.
pub fn findings(facts: &Facts, demand: &Demand) -> Vec<Finding> {
    vec![ring(facts, demand), kernel(facts), threads(facts, demand), locked(facts, demand)]
}

fn ring(facts: &Facts, demand: &Demand) -> Finding {
    const NAME: &str = "io_uring";
    let enable = || Remedy::sysctl("kernel.io_uring_disabled", 0);
    let is_forbidden = facts.ring_disabled == Some(NOBODY);
    match &facts.ring {
        Ring::Refused(why) => Finding::held(NAME, Bound::At(0), why.clone()).with(is_forbidden.then(enable)),
        Ring::Made(features) if !features.missing.is_empty() => {
            let stands = format!("this kernel's has no {}", features.missing.join(", "));
            Finding::held(NAME, Bound::At(0), stands).with([newer()])
        }
        Ring::Made(features) => {
            let stands = format!(
                "permitted, {} completions, {}",
                grouped(u64::from(features.completions)),
                features.present.join(" ")
            );
            match &demand.user {
                // Shards make their rings after they have become that user.
                Some(user) if facts.ring_disabled == Some(PRIVILEGED_ONLY) => {
                    let group = facts.ring_group.unwrap_or(-1);
                    let text = format!(
                        "kernel.io_uring_disabled is 1: user {user} may use it only in group {group} \
                         (kernel.io_uring_group)"
                    );
                    Finding::held(NAME, Bound::Unknown, text).with([enable()])
                }
                Some(_) | None => Finding::held(NAME, Bound::None, stands),
            }
        }
    }
}

fn newer() -> Remedy {
    let (major, minor) = KERNEL_MIN;
    Remedy::machine(format!("Linux {major}.{minor} or newer"))
}

fn kernel(facts: &Facts) -> Finding {
    const NAME: &str = "kernel";
    let Some((release, version)) = facts.release.as_deref().and_then(|text| Some((text, version(text)?))) else {
        return Finding::unknown(NAME);
    };
    let (major, minor) = KERNEL_MIN;
    let stands = format!("Linux {release}, {major}.{minor} or newer is needed");
    if version >= KERNEL_MIN {
        return Finding::held(NAME, Bound::None, stands);
    }
    Finding::held(NAME, Bound::At(0), stands).with([newer()])
}

/// `6.18.1-x` as (6, 18).
fn version(release: &str) -> Option<(u64, u64)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Threads do not grow with tunnels: they are enough, or nothing runs.
fn threads(facts: &Facts, demand: &Demand) -> Finding {
    const NAME: &str = "threads";
    let needed = PROCESS_THREADS + demand.shard_count * SHARD_THREADS;
    let of_user = facts.nproc.and_then(|limit| limit.soft).map(|max| Share { max, used: 0 });
    let all = [
        ("kernel.pid_max", facts.pids),
        ("kernel.threads-max", facts.threads),
        ("pids.max of the control group", facts.group_tasks),
        ("the user's limit of processes", of_user),
    ];
    let known = all.iter().filter_map(|(name, share)| Some((*name, (*share)?)));
    let Some((name, least)) = known.min_by_key(|(_, share)| share.left()) else { return Finding::unknown(NAME) };
    let shards = counted(demand.shard_count, "shard");
    let stands = format!(
        "{shards} need {needed} at most, {name} leaves {} of {}; tunnels need none",
        grouped(least.left()),
        grouped(least.max)
    );
    if least.left() >= needed {
        return Finding::held(NAME, Bound::None, stands);
    }
    let remedy = match name {
        "kernel.pid_max" | "kernel.threads-max" => Remedy::sysctl(name, least.used + needed * 2),
        _ => Remedy::unit(&format!("TasksMax={}", needed * 2), "`longhaul hard nproc` in /etc/security/limits.d"),
    };
    Finding::held(NAME, Bound::At(0), stands).with([remedy])
}

fn locked(facts: &Facts, demand: &Demand) -> Finding {
    const NAME: &str = "locked memory";
    let [free_from, free_before] = KERNEL_RINGS_UNLOCKED;
    let version = facts.release.as_deref().and_then(version);
    if version.is_some_and(|version| (free_from..free_before).contains(&version)) {
        return Finding::held(NAME, Bound::None, "rings need none with this kernel".to_owned());
    }
    if facts.may_raise || facts.may_lock && demand.user.is_none() {
        return Finding::held(NAME, Bound::None, "this process may have what rings need".to_owned());
    }
    let Some(limit) = facts.memlock else { return Finding::unknown(NAME) };
    let needed = demand.shard_count * SHARD_LOCKED_BYTES;
    // The proxy raises its own limit to the hard one.
    let Some(max) = limit.hard.filter(|max| *max < needed) else {
        return Finding::held(NAME, Bound::None, format!("enough for rings, which take {}", bytes(needed)));
    };
    let stands = format!("{} is less than the {} of the rings", bytes(max), bytes(needed));
    let remedy = Remedy::unit(&format!("LimitMEMLOCK={needed}"), "`longhaul hard memlock` in /etc/security/limits.d");
    Finding::held(NAME, Bound::At(0), stands).with([remedy])
}
