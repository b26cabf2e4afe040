//! Which limit of the host or of the configuration binds first, at how many tunnels, and what moves it.
//!
//! [`facts`] reads the host, [`demand`] the configuration; what follows from both is decided by pure functions, one
//! file for each topic, and put in order by [`examine`]. The process says the first limit in its log when it starts.

mod cgroup;
mod demand;
mod descriptors;
mod examine;
mod facts;
mod figures;
mod finding;
mod json;
mod listening;
mod memory;
mod network;
mod process;
mod reader;
mod sizing;
#[cfg(test)]
mod tests;
mod text;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

pub use sizing::sizing_markdown;

use super::options::{Configuration, Start};
use super::report::emerg;
use super::{load, ring};
use crate::limits::DOCTOR_TUNNELS_MAX;
use crate::model::Generation;
use crate::shard::core;
use crate::sys::features::Features;
use demand::Demand;
use examine::Examination;
use facts::Ring;

/// Bad usage, which is no answer to the question.
const UNUSABLE: u8 = 2;

/// What the doctor is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Question {
    /// `--tunnels`.
    pub tunnels: Option<u64>,
    /// `--json`.
    pub as_json: bool,
}

/// `longhaul doctor`: reads the host and the configuration, and prints what was found.
pub fn doctor(start: &Start, question: Question) -> ExitCode {
    if question.tunnels.is_some_and(|tunnels| !(1..=DOCTOR_TUNNELS_MAX).contains(&tunnels)) {
        eprintln!("longhaul: [emerg] --tunnels takes a number from 1 to {DOCTOR_TUNNELS_MAX}");
        return ExitCode::from(UNUSABLE);
    }
    let generation = match configuration(start) {
        Ok(generation) => generation,
        Err(errors) => {
            errors.iter().for_each(emerg);
            return ExitCode::from(UNUSABLE);
        }
    };
    let root = Path::new("/");
    let ring = Ring::from(ring::probe());
    let name = generation.as_ref().map(|_| load::name(start));
    let (facts, demand) = match &generation {
        Some(generation) => (
            facts::read(root, Some(&generation.process.pid), ring),
            Demand::of(generation, core::count(generation.process.workers)),
        ),
        None => (facts::read(root, None, ring), Demand::without_file(core::allowed().len())),
    };
    let examination = Examination::of(&facts, &demand, question.tunnels);
    let text = match question.as_json {
        true => json::write(&examination, &facts, &demand, name.as_deref()),
        false => text::write(&examination, &facts, &demand, name.as_deref()),
    };
    // Whoever closed stdout does not want to read it.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::from(u8::from(examination.is_reachable == Some(false)))
}

/// The configuration, if there is one: without `-c` the default file may be missing.
fn configuration(start: &Start) -> Result<Option<std::sync::Arc<Generation>>, Vec<super::report::Fatal>> {
    let is_default = matches!(start.configuration, Configuration::File(None));
    if is_default && !Path::new(&load::name(start)).exists() {
        return Ok(None);
    }
    load::load(start, 1).map(Some)
}

/// For the log of a start: the limit that binds first.
#[must_use]
pub fn first_limit(generation: &Generation, shard_count: usize, features: &Features) -> String {
    let facts = facts::read(Path::new("/"), None, Ring::Made(features.clone()));
    let demand = Demand::of(generation, shard_count);
    Examination::of(&facts, &demand, None).in_a_line()
}
