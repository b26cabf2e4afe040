//! Readings of all rounds brought together: median and range for each proxy, ratio and chance against the first.

use crate::figure::{FIGURES, Fault, Figure, Reading};
use crate::stats::{ranks, summary};

/// What one proxy reached in one figure of one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub median: f64,
    pub range: (f64, f64),
    pub rounds: usize,
    /// Of the first proxy's median to this one's; with how likely so large a difference is by chance.
    pub against: Option<(f64, f64)>,
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

/// A difference that chance makes more often than this is not told from it. Three rounds reach it when they do not
/// overlap at all.
pub const CHANCE_MAX: f64 = 0.1;

impl Cell {
    /// Against the first proxy: the ratio, and whether chance alone may have made it.
    pub fn ratio(&self) -> Option<(f64, bool)> {
        self.against.map(|(ratio, chance)| (ratio, chance > CHANCE_MAX + 1e-9))
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

pub fn values(readings: &[Reading], scenario: &str, proxy: &str, figure: &str, at: Option<u32>) -> Vec<f64> {
    let wanted = readings.iter().filter(|reading| {
        reading.scenario == scenario
            && reading.proxy == proxy
            && reading.figure == figure
            && at.is_none_or(|at| reading.at == at)
    });
    wanted.map(|reading| reading.value).collect()
}

fn cell(values: &[f64], first: &[f64]) -> Option<Cell> {
    let median = summary::median(values)?;
    let against = summary::median(first).zip(ranks::p_value(first, values));
    let against =
        against.filter(|(first, _)| *first > 0.0 && median > 0.0).map(|(first, chance)| (first / median, chance));
    Some(Cell { median, range: summary::range(values)?, rounds: values.len(), against })
}

/// All scenarios, each with the figures that were read there. Places on curves are not in it.
pub fn sections(readings: &[Reading], proxies: &[String]) -> Vec<Section> {
    let scenarios = names(readings.iter().map(|reading| reading.scenario.as_str()));
    let row = |scenario: &str, figure: &'static Figure| {
        let of = |proxy: &String| values(readings, scenario, proxy, figure.name, Some(0));
        let first = proxies.first().map(of).unwrap_or_default();
        let cells: Vec<Option<Cell>> = proxies
            .iter()
            .enumerate()
            .map(|(index, proxy)| cell(&of(proxy), if index == 0 { &[] } else { &first }))
            .collect();
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
        let (ratio, chance) = b.against.unwrap();
        assert!((ratio - 0.5).abs() < 1e-9 && (chance - 0.1).abs() < 1e-9);
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
