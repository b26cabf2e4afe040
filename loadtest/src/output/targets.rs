//! What longhaul is to reach: one table of bounds, and the verdict of a run on each.
//!
//! A target belongs to a piece of work, not to a scenario's name: a run that did other work has no verdict on it.

use super::summary::{Ratio, ratios, values};
use crate::figure::{Figure, Reading, find, plain};
use crate::scenario::{Scenario, parse, parse_matrix};
use crate::stats::summary::median;

/// The proxy that has targets.
const OURS: &str = "longhaul";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    Below(f64),
    /// Of another proxy's figure.
    ShareAtMost(&'static str, f64),
    ShareAtLeast(&'static str, f64),
}

use Bound::{AtLeast, AtMost, Below, ShareAtLeast, ShareAtMost};

struct Target {
    words: &'static str,
    work: &'static str,
    figure: &'static str,
    bounds: &'static [Bound],
}

const fn target(words: &'static str, work: &'static str, figure: &'static str, bounds: &'static [Bound]) -> Target {
    Target { words, work, figure, bounds }
}

const TARGETS: [Target; 16] = [
    target(
        "user memory per idle plain tunnel, 9,000 held",
        "idle tunnels=9000",
        "user_bytes_per_tunnel",
        &[AtMost(128.0)],
    ),
    target("the same with an access log", "idle tunnels=9000 log=true", "user_bytes_per_tunnel", &[AtMost(400.0)]),
    target(
        "kernel memory per tunnel beyond its two sockets",
        "idle tunnels=9000",
        "kernel_bytes_beyond_sockets",
        &[AtMost(520.0)],
    ),
    target(
        "CPU per 64 B echo round trip, 1,000 busy tunnels",
        "echo tunnels=1000 bytes=64",
        "cpu_us_per_trip",
        &[ShareAtMost("nginx", 0.80), ShareAtMost("haproxy", 0.70)],
    ),
    target(
        "the same with 50 busy among 9,000",
        "echo tunnels=9000 busy=50 bytes=64",
        "cpu_us_per_trip",
        &[ShareAtMost("nginx", 0.85)],
    ),
    target(
        "CPU per GB each way, 4 tunnels of 1 MB messages",
        "bulk tunnels=4 bytes=1048576",
        "cpu_s_per_gb",
        &[ShareAtMost("nginx", 0.12), ShareAtMost("haproxy", 0.25)],
    ),
    target(
        "CPU per open, verified handshake and close",
        "churn busy=32",
        "cpu_us_per_open",
        &[ShareAtMost("nginx", 0.80), ShareAtMost("haproxy", 0.90)],
    ),
    target(
        "p99 latency of 64 B echoes while 4 other tunnels run bulk, 100 MB/s each way",
        "mixed tunnels=204 busy=200 bulk=4 bulk_rate=100 rate=2000",
        "latency_p99_us",
        &[ShareAtMost("nginx", 1.0)],
    ),
    target("idle CPU of 9,000 quiet tunnels", "idle tunnels=9000", "idle_cpu_percent", &[Below(0.1)]),
    target("descriptors per tunnel", "idle tunnels=9000", "descriptors_per_tunnel", &[AtMost(2.0)]),
    target("r² of the memory curve up to 9,000 tunnels", "idle tunnels=9000", "user_memory_fit", &[AtLeast(0.99)]),
    target(
        "requests per second, 1 KB answers, 100 connections",
        "http busy=100 bytes=1024",
        "requests_per_second",
        &[ShareAtLeast("nginx", 1.0)],
    ),
    target(
        "CPU per request, 1 KB answers, 100 connections",
        "http busy=100 bytes=1024",
        "cpu_us_per_request",
        &[ShareAtMost("nginx", 1.0)],
    ),
    target(
        "requests per second by wrk, 1 KB answers, 100 connections",
        "wrk busy=100 bytes=1024",
        "requests_per_second",
        &[ShareAtLeast("nginx", 1.0)],
    ),
    target(
        "CPU per request by wrk, 1 KB answers, 100 connections",
        "wrk busy=100 bytes=1024",
        "cpu_us_per_request",
        &[ShareAtMost("nginx", 1.0)],
    ),
    target(
        "user memory per idle keep-alive client connection",
        "kept tunnels=9000",
        "user_bytes_per_connection",
        &[ShareAtMost("nginx", 0.5)],
    ),
];

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub words: &'static str,
    pub unit: &'static str,
    /// In the order of the proxies.
    pub medians: Vec<Option<f64>>,
    /// Of ours to each other proxy, by rounds.
    pub ratios: Vec<(String, Ratio)>,
    /// What is to be reached, and whether it was.
    pub target: String,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// By median and ratio of all rounds; with the rounds that agree, of how many.
    Met(usize, usize),
    Missed(usize, usize),
    NotMeasured,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotMeasured => f.write_str("not measured"),
            Self::Met(agree, rounds) if agree == rounds => f.write_str("met"),
            Self::Met(agree, rounds) => write!(f, "met ({agree} of {rounds} rounds)"),
            Self::Missed(agree, rounds) if agree == rounds => f.write_str("missed"),
            Self::Missed(agree, rounds) => write!(f, "missed ({agree} of {rounds} rounds)"),
        }
    }
}

impl Bound {
    /// Whether `ours` keeps it; `None` without the ratio to the other proxy that it takes.
    fn holds(self, ours: f64, ratio: impl Fn(&str) -> Option<f64>) -> Option<bool> {
        Some(match self {
            AtMost(most) => ours <= most,
            AtLeast(least) => ours >= least,
            Below(end) => ours < end,
            ShareAtMost(name, most) => ratio(name)? <= most,
            ShareAtLeast(name, least) => ratio(name)? >= least,
        })
    }

    fn text(self, unit: &str) -> String {
        let with_unit = |value: f64| format!("{} {unit}", plain(value)).trim_end().to_owned();
        match self {
            AtMost(most) => format!("≤ {}", with_unit(most)),
            AtLeast(least) => format!("≥ {}", with_unit(least)),
            Below(end) => format!("< {}", with_unit(end)),
            ShareAtMost(name, most) => format!("≤ {most:.2} of {name}"),
            ShareAtLeast(name, least) => format!("≥ {least:.2} of {name}"),
        }
    }
}

/// The rows of all targets whose work is in the run's matrix; none when ours is not among the proxies.
pub fn rows(readings: &[Reading], matrix: &str, proxies: &[String]) -> Vec<Row> {
    if !proxies.iter().any(|name| name == OURS) {
        return Vec::new();
    }
    // What was measured under an unreadable matrix belongs to no target.
    let scenarios = parse_matrix(matrix).unwrap_or_default();
    TARGETS.iter().filter_map(|target| row(target, readings, &scenarios, proxies)).collect()
}

fn row(target: &Target, readings: &[Reading], scenarios: &[Scenario], proxies: &[String]) -> Option<Row> {
    let work = parse(target.work).ok()?;
    let figure: &Figure = find(target.figure)?;
    let scenario = scenarios.iter().find(|scenario| scenario.is_same_work(&work))?;
    let of = |proxy: &str| median(&values(readings, &scenario.name, proxy, figure.name, Some(0)));
    let ratio =
        |name: &String| Some((name.clone(), Ratio::of(&ratios(readings, &scenario.name, figure.name, OURS, name))?));
    let bounds: Vec<String> = target.bounds.iter().map(|bound| bound.text(figure.unit)).collect();
    Some(Row {
        words: target.words,
        unit: figure.unit,
        medians: proxies.iter().map(|name| of(name)).collect(),
        ratios: proxies.iter().filter(|name| *name != OURS).filter_map(ratio).collect(),
        target: bounds.join(", "),
        verdict: verdict(target, readings, scenario),
    })
}

fn verdict(target: &Target, readings: &[Reading], scenario: &Scenario) -> Verdict {
    let holds = |readings: &[Reading]| {
        let ours = median(&values(readings, &scenario.name, OURS, target.figure, Some(0)))?;
        let ratio = |other: &str| median(&ratios(readings, &scenario.name, target.figure, OURS, other));
        target.bounds.iter().try_fold(true, |all, bound| Some(all & bound.holds(ours, ratio)?))
    };
    let Some(by_all) = holds(readings) else { return Verdict::NotMeasured };
    let last = readings.iter().map(|reading| reading.round).max().unwrap_or(0);
    let of_round = |round| -> Vec<Reading> { readings.iter().filter(|one| one.round == round).cloned().collect() };
    let rounds: Vec<bool> = (1..=last).filter_map(|round| holds(&of_round(round))).collect();
    let agree = rounds.iter().filter(|holds| **holds == by_all).count();
    if by_all { Verdict::Met(agree, rounds.len()) } else { Verdict::Missed(agree, rounds.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(round: u32, scenario: &str, proxy: &str, figure: &str, value: f64) -> Reading {
        Reading { round, scenario: scenario.into(), proxy: proxy.into(), figure: figure.into(), at: 0, value }
    }

    #[test]
    fn every_target_names_work_and_a_figure() {
        for target in &TARGETS {
            assert!(parse(target.work).is_ok() && find(target.figure).is_some(), "{}", target.words);
            assert!(!target.bounds.is_empty(), "{}", target.words);
        }
    }

    #[test]
    fn the_built_in_matrices_do_the_work_of_every_target() {
        let proxies = ["nginx", "longhaul"].map(ToOwned::to_owned);
        for matrix in [crate::scenario::QUICK, crate::scenario::FULL] {
            assert_eq!(rows(&[], matrix, &proxies).len(), TARGETS.len());
        }
        assert!(rows(&[], crate::scenario::QUICK, &proxies[..1]).is_empty());
        assert!(rows(&[], "memory: idle tunnels=10", &proxies).is_empty());
    }

    #[test]
    fn the_verdict_is_by_all_rounds_and_tells_rounds_that_differ() {
        let figure = "cpu_us_per_trip";
        // By their medians it were 0.90.
        let values = [(1, 10.0, 8.0), (2, 50.0, 42.0), (3, 20.0, 18.0)];
        let readings: Vec<Reading> = values
            .iter()
            .flat_map(|(n, nginx, ours)| [("nginx", nginx), (OURS, ours)].map(|(p, v)| reading(*n, "s", p, figure, *v)))
            .collect();
        let proxies = [OURS, "nginx", "haproxy"].map(ToOwned::to_owned);
        let found = rows(&readings, "s: echo tunnels=9000 busy=50 bytes=64", &proxies);
        let [row] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((row.verdict, row.verdict.to_string().as_str()), (Verdict::Met(2, 3), "met (2 of 3 rounds)"));
        assert_eq!(row.medians, [Some(18.0), Some(20.0), None]);
        assert_eq!(row.target, "≤ 0.85 of nginx");
        assert_eq!(row.ratios, [("nginx".to_owned(), Ratio { value: 0.84, chance: 0.25 })]);
        let found = rows(&readings, "s: echo tunnels=1000 bytes=64", &proxies);
        assert_eq!(found[0].verdict, Verdict::NotMeasured, "no haproxy");
    }

    #[test]
    fn bounds_say_what_they_mean() {
        let none = |_: &str| None;
        assert_eq!(AtMost(128.0).text("B"), "≤ 128 B");
        assert_eq!((AtMost(2.0).holds(2.0, none), Below(0.1).holds(0.1, none)), (Some(true), Some(false)));
        assert_eq!(ShareAtLeast("nginx", 1.0).holds(5.0, |_| Some(1.0)), Some(true));
        assert_eq!(ShareAtMost("nginx", 0.5).holds(5.0, none), None);
        assert_eq!(AtLeast(0.99).holds(0.98, none), Some(false));
    }
}
