//! Readings of all rounds brought together: median and range for each proxy, ratio and chance against the first.
//!
//! A ratio is the median of those of single rounds. In a round all run one after the other, so that a machine that is
//! faster in one than in another changes both sides alike.

use crate::figure::{FIGURES, Fault, Figure, Reading};
use crate::stats::{ranks, summary};

/// What one proxy reached in one figure of one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub median: f64,
    pub range: (f64, f64),
    pub rounds: usize,
    /// Of the first proxy to this one.
    pub against: Option<Ratio>,
}

/// Of one proxy to another in all rounds that have a reading of both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    pub value: f64,
    /// How likely chance alone leans as much to one side.
    pub chance: f64,
}

#[derive(Debug)]
pub struct Row {
    pub figure: &'static Figure,
    /// In the order of the proxies.
    pub cells: Vec<Option<Cell>>,
}

#[derive(Debug)]
pub struct Section {
    pub scenario: String,
    pub rows: Vec<Row>,
}

/// A ratio that chance makes more often than this is not told from 1. Five rounds reach it when all say the same.
pub const CHANCE_MAX: f64 = 0.1;

impl Ratio {
    /// Of the ratios of single rounds; `None` where it is not a number that can be shown.
    pub fn of(ratios: &[f64]) -> Option<Self> {
        let value = summary::median(ratios).filter(|ratio| *ratio > 0.0 && ratio.is_finite())?;
        let sizes: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
        Some(Self { value, chance: ranks::p_value(&sizes)? })
    }

    /// Behind a ratio that chance alone may have made: a mark.
    pub fn mark(self) -> &'static str {
        if self.chance > CHANCE_MAX + 1e-9 { "?" } else { "" }
    }
}

/// Names in the order in which they first appear.
pub fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in all {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Readings of one figure, in their order.
fn chosen<'a>(
    readings: &'a [Reading],
    scenario: &'a str,
    proxy: &'a str,
    figure: &'a str,
    at: Option<u32>,
) -> impl Iterator<Item = &'a Reading> {
    readings.iter().filter(move |reading| {
        reading.scenario == scenario
            && reading.proxy == proxy
            && reading.figure == figure
            && at.is_none_or(|at| reading.at == at)
    })
}

pub fn values(readings: &[Reading], scenario: &str, proxy: &str, figure: &str, at: Option<u32>) -> Vec<f64> {
    chosen(readings, scenario, proxy, figure, at).map(|reading| reading.value).collect()
}

/// One divided by the other, for each round that has a reading of both. Nothing is less than any other value, and what
/// fell below it is nothing. A round in which both have nothing is left out.
pub fn ratios(readings: &[Reading], scenario: &str, figure: &str, one: &str, other: &str) -> Vec<f64> {
    let of = |proxy| -> Vec<(u32, f64)> {
        let wanted = chosen(readings, scenario, proxy, figure, Some(0));
        wanted.map(|reading| (reading.round, reading.value.max(0.0))).collect()
    };
    let others = of(other);
    let ratio = |(round, value): (u32, f64)| {
        let (_, other) = others.iter().find(|(of, _)| *of == round)?;
        Some(value / other).filter(|ratio| !ratio.is_nan())
    };
    of(one).into_iter().filter_map(ratio).collect()
}

fn cell(values: &[f64], ratios: &[f64]) -> Option<Cell> {
    let (median, range) = (summary::median(values)?, summary::range(values)?);
    Some(Cell { median, range, rounds: values.len(), against: Ratio::of(ratios) })
}

/// All scenarios, each with the figures that were read there. Places on curves are not in it.
pub fn sections(readings: &[Reading], proxies: &[String]) -> Vec<Section> {
    let scenarios = names(readings.iter().map(|reading| reading.scenario.as_str()));
    let row = |scenario: &str, figure: &'static Figure| {
        let of = |proxy: &String| values(readings, scenario, proxy, figure.name, Some(0));
        let against = |proxy: &String| match proxies.first() {
            Some(first) if first != proxy => ratios(readings, scenario, figure.name, first, proxy),
            _ => Vec::new(),
        };
        let cells: Vec<Option<Cell>> = proxies.iter().map(|proxy| cell(&of(proxy), &against(proxy))).collect();
        cells.iter().any(Option::is_some).then_some(Row { figure, cells })
    };
    let section = |scenario: String| {
        let rows = FIGURES.iter().filter_map(|figure| row(&scenario, figure)).collect();
        Section { scenario, rows }
    };
    scenarios.into_iter().map(section).collect()
}

/// What a comparison is read for, where a scenario has it. A latency counts only at a rate: else it is the load's.
const HEADLINES: [&str; 8] = [
    "user_bytes_per_tunnel",
    "kernel_bytes_beyond_sockets",
    "cpu_us_per_trip",
    "cpu_s_per_gb",
    "cpu_us_per_open",
    "cpu_us_per_request",
    "latency_p99_us",
    "storm_seconds",
];
const AT_A_RATE: &str = "send_lag_p99_us";

impl Section {
    fn has(&self, figure: &str) -> bool {
        self.rows.iter().any(|row| row.figure.name == figure)
    }

    pub fn headlines(&self) -> impl Iterator<Item = &Row> {
        let counts = |row: &&Row| {
            HEADLINES.contains(&row.figure.name) && (row.figure.name != "latency_p99_us" || self.has(AT_A_RATE))
        };
        self.rows.iter().filter(counts)
    }
}

/// Faults that differ only in round and numbers, as one text for each kind.
pub fn gathered(faults: &[Fault]) -> Vec<String> {
    let mut kinds: Vec<(String, &Fault, Vec<u32>)> = Vec::new();
    for fault in faults {
        let words: String = fault.reason.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect();
        let kind = format!("{}|{}|{words}", fault.proxy, fault.scenario);
        match kinds.iter_mut().find(|(known, _, _)| *known == kind) {
            Some((_, _, rounds)) => rounds.push(fault.round),
            None => kinds.push((kind, fault, vec![fault.round])),
        }
    }
    let text = |(_, fault, rounds): (String, &Fault, Vec<u32>)| {
        let rounds: Vec<String> = rounds.iter().map(ToString::to_string).collect();
        format!("{}, {}, round {}: {}", fault.proxy, fault.scenario, rounds.join(", "), fault.reason)
    };
    kinds.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(round: u32, proxy: &str, value: f64) -> Reading {
        let (scenario, figure) = ("echo".to_owned(), "cpu_us_per_trip".to_owned());
        Reading { round, scenario, proxy: proxy.to_owned(), figure, at: 0, value }
    }

    #[test]
    fn medians_and_ratios_against_the_first() {
        let mut readings = Vec::new();
        for round in 1..=3 {
            readings.push(reading(round, "a", 10.0 + f64::from(round)));
            readings.push(reading(round, "b", 24.0));
        }
        let proxies = names(readings.iter().map(|reading| reading.proxy.as_str()));
        let sections = sections(&readings, &proxies);
        assert_eq!((sections.len(), sections[0].rows.len()), (1, 1));
        let cells = &sections[0].rows[0].cells;
        let (a, b) = (cells[0].clone().unwrap(), cells[1].clone().unwrap());
        assert_eq!((a.median, a.range, a.rounds, a.against), (12.0, (11.0, 13.0), 3, None));
        let ratio = b.against.unwrap();
        assert!((ratio.value - 0.5).abs() < 1e-9 && (ratio.chance - 0.25).abs() < 1e-9);
        assert_eq!(ratio.mark(), "?", "three rounds cannot tell it from chance");
    }

    #[test]
    fn each_round_is_compared_with_itself() {
        // The machine is twice as slow in each further round, and `b` was not read in the last one.
        let slow = |round: u32| f64::from(1 << round);
        let mut readings: Vec<Reading> = (1..=6).map(|round| reading(round, "a", 9.0 * slow(round))).collect();
        readings.extend((1..=5).map(|round| reading(round, "b", 10.0 * slow(round))));
        let proxies = ["a", "b"].map(ToOwned::to_owned);
        let b = sections(&readings, &proxies)[0].rows[0].cells[1].clone().unwrap();
        let ratio = b.against.unwrap();
        assert_eq!((b.median, b.rounds, ratio.value, ratio.mark()), (80.0, 5, 0.9, ""));
    }

    #[test]
    fn nothing_is_less_than_something() {
        let with = |pairs: [(f64, f64); 3]| {
            let pairs = (1..).zip(pairs);
            let readings: Vec<Reading> = pairs
                .flat_map(|(round, (one, other))| [reading(round, "a", one), reading(round, "b", other)])
                .collect();
            ratios(&readings, "echo", "cpu_us_per_trip", "a", "b")
        };
        let found = with([(1.0, 0.0), (0.0, 0.0), (3.0, 2.0)]);
        assert_eq!(
            (found.as_slice(), Ratio::of(&found).map(|ratio| ratio.value)),
            ([f64::INFINITY, 1.5].as_slice(), None)
        );
        let found = with([(1.0, 0.0), (-1.0, 4.0), (3.0, 2.0)]);
        assert_eq!(
            (found.as_slice(), Ratio::of(&found).map(|ratio| ratio.value)),
            ([f64::INFINITY, 0.0, 1.5].as_slice(), Some(1.5))
        );
    }

    #[test]
    fn faults_of_a_kind_are_one_line() {
        let fault =
            |round, reason: &str| Fault { round, scenario: "s".into(), proxy: "p".into(), reason: reason.into() };
        let lines = gathered(&[fault(1, "12.5 late"), fault(2, "it ended"), fault(3, "7 late")]);
        assert_eq!(lines, ["p, s, round 1, 3: 12.5 late", "p, s, round 2: it ended"]);
    }

    #[test]
    fn a_latency_is_a_headline_only_at_a_rate() {
        let of = |scenario: &str, figure: &str| Reading {
            scenario: scenario.into(),
            figure: figure.into(),
            ..reading(1, "a", 5.0)
        };
        let readings = [of("x", "latency_p99_us"), of("y", "latency_p99_us"), of("y", "send_lag_p99_us")];
        let sections = sections(&readings, &["a".to_owned()]);
        let count = |n: usize| sections[n].headlines().count();
        assert_eq!((count(0), count(1)), (0, 1));
    }

    #[test]
    fn what_was_not_read_is_a_gap() {
        let proxies = ["a", "b"].map(ToOwned::to_owned);
        let sections = sections(&[reading(1, "b", 1.0)], &proxies);
        assert!(sections[0].rows[0].cells[0].is_none());
        assert_eq!(sections[0].rows[0].cells[1].as_ref().unwrap().against, None);
    }
}
