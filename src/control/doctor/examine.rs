//! All findings in the order in which they bind, and all steps in the order in which they are taken. Pure.

use super::demand::Demand;
use super::facts::Facts;
use super::finding::{Bound, Finding, Kind, Remedy, grouped};
use super::{descriptors, memory, network, process};
use crate::limits::DOCTOR_TUNNELS_MAX;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// Those that bound what is held, the least first, then those of a moment.
    pub findings: Vec<Finding>,
    /// `--tunnels`.
    pub wanted: Option<u64>,
    /// What the remedies are for: what is wanted, else what memory allows.
    pub target: u64,
    /// `None` when nothing was asked.
    pub is_reachable: Option<bool>,
}

impl Examination {
    #[must_use]
    pub fn of(facts: &Facts, demand: &Demand, wanted: Option<u64>) -> Self {
        const WITHOUT_FACTS: u64 = 1_000_000;
        let target = wanted.or_else(|| memory::most(facts, demand)).unwrap_or(WITHOUT_FACTS);
        let target = target.clamp(1, DOCTOR_TUNNELS_MAX);
        let mut findings = process::findings(facts, demand);
        findings.extend(descriptors::findings(facts, demand, target));
        findings.extend(network::findings(facts, demand, target));
        findings.extend(memory::findings(facts, demand, target));
        // Stable: of two that bind at the same number the one that is nearer to the kernel stands first.
        findings.sort_by_key(|finding| (finding.kind, finding.bound));
        let is_reachable = wanted.map(|wanted| !findings.iter().any(|finding| finding.is_short_of(wanted)));
        Self { findings, wanted, target, is_reachable }
    }

    /// The limit that binds first, with its number.
    #[must_use]
    pub fn first(&self) -> Option<(&Finding, u64)> {
        self.findings.iter().find_map(|finding| match (finding.kind, finding.bound) {
            (Kind::Held, Bound::At(tunnels)) => Some((finding, tunnels)),
            (Kind::Held | Kind::Moment, _) => None,
        })
    }

    /// What to do, in this order.
    #[must_use]
    pub fn steps(&self) -> Vec<(&Finding, &Remedy)> {
        let all = self.findings.iter().flat_map(|finding| finding.remedies.iter().map(move |remedy| (finding, remedy)));
        let mut steps: Vec<(&Finding, &Remedy)> = all.collect();
        // The limit of a process is refused above fs.nr_open, and worker_rlimit_nofile above the hard limit.
        steps.sort_by_key(|(finding, remedy)| (remedy.stage, finding.kind));
        steps
    }

    /// `first limit: descriptors at 9,973 tunnels`.
    #[must_use]
    pub fn in_a_line(&self) -> String {
        match self.first() {
            Some((finding, tunnels)) => format!("first limit: {} at {} tunnels", finding.name, grouped(tunnels)),
            None => "first limit: none was found".to_owned(),
        }
    }
}
