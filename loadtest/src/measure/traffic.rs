//! Everything with traffic: echo, bulk, mixed, churn, storm, requests.

use super::stage::{Stage, Window};
use crate::crew::Crew;

/// A message that the load itself sent so late spoils the latencies of a run at a rate.
const LAG_US_MAX: f64 = 1000.0;

pub fn echo(stage: &mut Stage) -> Result<(), String> {
    let (busy, bytes, rate) = (stage.scenario.busy, stage.scenario.bytes, stage.scenario.rate);
    stage.open(stage.scenario.tunnels)?;
    if busy < stage.scenario.tunnels {
        stage.settle()?;
    }
    stage.crew.run(if rate > 0 { "pace" } else { "echo" }, busy, bytes, rate)?;
    let window = stage.window()?;
    let trips = window.counted.trips as f64;
    stage.read_cost("cpu_us_per_trip", &window, trips, 1e6);
    if rate == 0 {
        stage.read_rate("trips_per_second", "trips_per_second_at_least", &window, trips);
        stage.read_latencies(&window);
    } else {
        judge_rate(stage, trips / window.seconds);
        read_latencies_at_rate(stage, &window);
    }
    stage.stop()
}

fn judge_rate(stage: &mut Stage, reached: f64) {
    let rate = f64::from(stage.scenario.rate);
    if reached < 0.95 * rate {
        stage.faults.push(format!("{reached:.0} messages per second came back instead of {rate:.0}"));
    }
}

/// Latencies at a rate say something only when the load kept its schedule.
fn read_latencies_at_rate(stage: &mut Stage, window: &Window) {
    let lag_us = window.counted.lags.percentile_us(99.0);
    stage.read("send_lag_p99_us", lag_us);
    if lag_us > LAG_US_MAX {
        stage.faults.push(format!("no latencies: the load itself sent up to {lag_us:.0} us late (99 %)"));
    } else {
        stage.read_latencies(window);
    }
}

pub fn bulk(stage: &mut Stage) -> Result<(), String> {
    stage.open(stage.scenario.tunnels)?;
    stage.crew.run("bulk", stage.scenario.busy, stage.scenario.bytes, stage.scenario.bulk_rate)?;
    let window = stage.window()?;
    let gigabytes = window.counted.bulk_bytes as f64 / 1e9;
    stage.read_cost("cpu_s_per_gb", &window, gigabytes, 1.0);
    stage.read_rate("gb_per_second", "gb_per_second_at_least", &window, gigabytes);
    stage.stop()
}

/// The size of bulk messages beside echoes.
const BULK_BYTES: u32 = 1 << 20;

pub fn mixed(stage: &mut Stage) -> Result<(), String> {
    stage.open(stage.scenario.tunnels)?;
    stage.crew.run("bulk", stage.scenario.bulk, BULK_BYTES, stage.scenario.bulk_rate)?;
    stage.crew.run("pace", stage.scenario.busy, stage.scenario.bytes, stage.scenario.rate)?;
    let window = stage.window()?;
    read_latencies_at_rate(stage, &window);
    let gigabytes = window.counted.bulk_bytes as f64 / 1e9;
    // Beside less bulk than was asked for, echoes are faster than they should be.
    let (rate, reached) = (f64::from(stage.scenario.bulk_rate), 1e3 * gigabytes / window.seconds);
    if reached < 0.9 * rate {
        stage.faults.push(format!("{reached:.0} MB of bulk per second came back instead of {rate:.0}"));
    }
    stage.read_rate("gb_per_second", "gb_per_second_at_least", &window, gigabytes);
    stage.stop()
}

pub fn churn(stage: &mut Stage) -> Result<(), String> {
    stage.crew.run("churn", stage.scenario.busy, 0, 0)?;
    let window = stage.window()?;
    let opens = window.counted.trips as f64;
    stage.read_cost("cpu_us_per_open", &window, opens, 1e6);
    stage.read_rate("opens_per_second", "opens_per_second_at_least", &window, opens);
    stage.read_latencies(&window);
    stage.stop()
}

pub fn storm(stage: &mut Stage) -> Result<(), String> {
    let wanted = stage.scenario.tunnels;
    stage.open(wanted)?;
    stage.crew.mark()?;
    let (opened, undisturbed) = stage.watch(Crew::storm)?;
    let counted = stage.crew.mark()?;
    // Attempts that failed are a figure here, not a fault: each client tried again.
    stage.read("storm_failures", counted.failed as f64);
    if undisturbed {
        stage.read_distribution(&counted.latencies);
    }
    if opened.failed > 0 {
        let reason = opened.error.unwrap_or_default();
        return Err(format!("{} of {wanted} clients were not back in time: {reason}", opened.failed));
    }
    if undisturbed {
        stage.read("storm_seconds", opened.seconds);
    }
    match stage.crew.check()? {
        (_, 0) => Ok(()),
        (_, failed) => Err(format!("{failed} of {wanted} tunnels carried nothing after the storm")),
    }
}

pub fn http(stage: &mut Stage) -> Result<(), String> {
    stage.crew.run("http", stage.scenario.busy, stage.scenario.bytes, 0)?;
    let window = stage.window()?;
    let requests = window.counted.trips as f64;
    stage.read_cost("cpu_us_per_request", &window, requests, 1e6);
    stage.read_rate("requests_per_second", "requests_per_second_at_least", &window, requests);
    stage.read_latencies(&window);
    stage.stop()
}
