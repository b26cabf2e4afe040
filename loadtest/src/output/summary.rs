//! Readings of all rounds brought together: median and range for each proxy, ratio and chance against the first.

use crate::figure::{FIGURES, Figure, Reading};
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
    let against = against.filter(|_| median != 0.0).map(|(first, chance)| (first / median, chance));
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
    fn what_was_not_read_is_a_gap() {
        let proxies = ["a", "b"].map(ToOwned::to_owned);
        let sections = sections(&[reading(1, "b", 1.0)], &proxies);
        assert!(sections[0].rows[0].cells[0].is_none());
        assert_eq!(sections[0].rows[0].cells[1].as_ref().unwrap().against, None);
    }
}
