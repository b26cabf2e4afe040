//! From a scenario to readings: what is asked of the load, and what is read of the proxy meanwhile.
//!
//! Knows neither which proxy it is nor what becomes of the readings.

mod bare;
mod idle;
mod stage;
mod traffic;
mod wrk;

pub use bare::bytes_per_pair;
pub use stage::{Stage, Subject};
pub use wrk::version as wrk_version;

use crate::scenario::Mode;

/// Runs the stage's scenario; readings and faults are in the stage afterwards.
pub fn run(stage: &mut Stage) -> Result<(), String> {
    stage.check_limits()?;
    match stage.scenario.mode {
        Mode::Idle | Mode::Kept => idle::run(stage),
        Mode::Echo => traffic::echo(stage),
        Mode::Bulk => traffic::bulk(stage),
        Mode::Churn => traffic::churn(stage),
        Mode::Storm => traffic::storm(stage),
        Mode::Mixed => traffic::mixed(stage),
        Mode::Http => traffic::http(stage),
        Mode::Wrk => wrk::run(stage),
    }
}
