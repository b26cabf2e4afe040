//! Tunnels that are held: memory in steps, descriptors, CPU while nothing happens, and that each still carries bytes.

use std::time::Duration;

use super::stage::Stage;
use crate::host::{kernel_memory, memory, process};
use crate::interrupt;
use crate::scenario::Mode;
use crate::stats::summary;

/// Opened before the fresh process is looked at, so that what is made once is not charged to the tunnels.
const FIRST: u32 = 8;
/// The same where the proxy keeps connections to its peers, which are not the clients'.
const FIRST_KEPT: u32 = 256;
/// From the last opening until memory is read: closed requests' buffers go back meanwhile.
const SETTLE: Duration = Duration::from_millis(300);
/// The same for connections between two requests: they are held for minutes, and a proxy may take a moment to see that
/// they are idle.
const SETTLE_KEPT: Duration = Duration::from_secs(3);

struct Look {
    user_bytes: f64,
    kernel_bytes: Option<f64>,
    descriptors: f64,
}

fn look(stage: &Stage) -> Result<Look, String> {
    interrupt::sleep(if stage.scenario.mode == Mode::Kept { SETTLE_KEPT } else { SETTLE })?;
    let pids = stage.subject.pids();
    let kernel_bytes = match &stage.subject.group {
        Ok(group) => Some(group.bytes()? as f64),
        Err(_) => None,
    };
    Ok(Look {
        user_bytes: memory::proportional_bytes(&pids)? as f64,
        kernel_bytes,
        descriptors: process::descriptors(&pids)? as f64,
    })
}

pub fn run(stage: &mut Stage) -> Result<(), String> {
    let first = if stage.scenario.mode == Mode::Kept { FIRST_KEPT } else { FIRST };
    let wanted = stage.scenario.tunnels.max(first + 1);
    stage.open(first)?;
    check(stage)?;
    if stage.subject.pid.is_none() {
        stage.faults.push("memory and CPU: whose processes? name them by --pid".to_owned());
        stage.open(wanted - first)?;
        return check(stage);
    }
    let fresh = look(stage)?;
    let cpu_before = stage.proxy_cpu()?;
    let (mut held, mut seconds) = (first, 0.0);
    let mut last = None;
    let mut points = Vec::new();
    for step in 1..=stage.scenario.steps {
        let next = (u64::from(wanted) * u64::from(step) / u64::from(stage.scenario.steps)) as u32;
        seconds += stage.open(next.saturating_sub(held))?;
        held = next.max(held);
        let now = look(stage)?;
        let more = held - first;
        let user_bytes = now.user_bytes - fresh.user_bytes;
        stage.read_at("user_bytes", more, user_bytes);
        points.push((f64::from(more), user_bytes));
        if let (Some(now), Some(fresh)) = (now.kernel_bytes, fresh.kernel_bytes) {
            stage.read_at("kernel_bytes", more, now - fresh);
        }
        last = Some(now);
    }
    stage.read("open_seconds", seconds);
    if let Some(last) = last {
        read_each(stage, &fresh, &last, f64::from(held - first));
    }
    // What many openings at once take for good is an offset and no slope: the line need not begin at nothing. One through
    // two points fits always.
    if let Some(line) = summary::line(&points).filter(|_| points.len() > 2) {
        stage.read("user_bytes_per_more_tunnel", line.slope);
        stage.read("user_memory_fit", line.fit);
    }
    stage.settle()?;
    if stage.scenario.mode == Mode::Idle
        && let Some((before, after)) = cpu_before.zip(stage.proxy_cpu()?)
    {
        stage.read("cpu_us_per_tunnel", 1e6 * (after - before).as_secs_f64() / f64::from(held - first));
    }
    let window = stage.window()?;
    let cpu = window.proxy_cpu.unwrap_or_default().as_secs_f64();
    stage.read("idle_cpu_percent", 100.0 * cpu / window.seconds);
    check(stage)
}

fn read_each(stage: &mut Stage, fresh: &Look, last: &Look, count: f64) {
    let user_bytes = (last.user_bytes - fresh.user_bytes) / count;
    if stage.scenario.mode == Mode::Kept {
        return stage.read("user_bytes_per_connection", user_bytes);
    }
    stage.read("user_bytes_per_tunnel", user_bytes);
    stage.read("descriptors_per_tunnel", (last.descriptors - fresh.descriptors) / count);
    let kernel = last.kernel_bytes.zip(fresh.kernel_bytes).map(|(last, fresh)| (last - fresh) / count);
    if let Some(bytes) = kernel_memory::two_sockets_bytes() {
        stage.read("kernel_bytes_of_sockets", bytes as f64);
    }
    match (kernel, stage.subject.bare_bytes.clone(), stage.subject.group.as_ref().err().cloned()) {
        (Some(kernel), Ok(bare), _) => stage.read("kernel_bytes_beyond_sockets", kernel - bare),
        (Some(_), Err(reason), _) | (None, _, Some(reason)) => stage.faults.push(format!("kernel memory: {reason}")),
        (None, _, None) => stage.faults.push("kernel memory: not read".to_owned()),
    }
}

fn check(stage: &mut Stage) -> Result<(), String> {
    match stage.crew.check()? {
        (_, 0) => Ok(()),
        (ok, failed) => {
            Err(format!("{failed} of {} held {} no longer carried a message", ok + failed, stage.scenario.mode.held()))
        }
    }
}
