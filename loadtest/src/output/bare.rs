//! What the calls alone cost beside what each proxy costs: the floor's CPU, and its share of each proxy's.

use super::summary::{names, values};
use crate::figure::{Figure, Reading, find};
use crate::floor;
use crate::stats::summary::{median, range};

/// What a call costs is CPU; all else of the floor says nothing.
const FIGURES: [&str; 2] = ["cpu_us_per_open", "cpu_us_per_request"];

#[derive(Debug, Clone)]
pub struct Row {
    pub scenario: String,
    pub figure: &'static Figure,
    pub median: f64,
    /// None of a single round.
    pub range: Option<(f64, f64)>,
    /// Of the floor's median to each proxy's, in the order of the proxies.
    pub shares: Vec<Option<f64>>,
}

/// What these rows are, above them.
pub const WORDS: &str = "The same work by a relay that makes the calls and does nothing else: accept4, recv, socket, connect, send, recv, send, \
     close, one after the other over epoll. It is no proxy: it reads no head and knows no time limit. A proxy that makes \
     these calls so needs its own code beside them; one that hands calls over in batches (io_uring) can need less than \
     they do.";

/// None for a run without the floor.
pub fn rows(readings: &[Reading], proxies: &[String]) -> Vec<Row> {
    let own = readings.iter().filter(|reading| reading.proxy == floor::NAME);
    let scenarios = names(own.map(|reading| reading.scenario.as_str()));
    let of_scenario =
        |scenario: &String| FIGURES.iter().filter_map(|name| row(readings, scenario, name, proxies)).collect();
    scenarios.iter().flat_map::<Vec<Row>, _>(of_scenario).collect()
}

fn row(readings: &[Reading], scenario: &str, figure: &str, proxies: &[String]) -> Option<Row> {
    let figure = find(figure)?;
    let of = |proxy: &str| values(readings, scenario, proxy, figure.name, Some(0));
    let own = of(floor::NAME);
    let (median_of_all, range) = (median(&own)?, range(&own).filter(|_| own.len() > 1));
    let share = |proxy: &String| Some(median_of_all / median(&of(proxy)).filter(|value| *value > 0.0)?);
    let shares = proxies.iter().map(share).collect();
    Some(Row { scenario: scenario.to_owned(), figure, median: median_of_all, range, shares })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(round: u32, proxy: &str, figure: &str, value: f64) -> Reading {
        Reading { round, scenario: "churn".into(), proxy: proxy.into(), figure: figure.into(), at: 0, value }
    }

    #[test]
    fn the_floor_is_a_share_of_each_proxy() {
        let mut readings = vec![reading(1, "a", "cpu_us_per_open", 80.0), reading(1, "b", "cpu_us_per_open", 100.0)];
        let proxies = ["a", "b", "c"].map(ToOwned::to_owned);
        assert!(rows(&readings, &proxies).is_empty());
        readings
            .extend([(1, 58.0), (2, 60.0), (3, 64.0)].map(|(n, us)| reading(n, floor::NAME, "cpu_us_per_open", us)));
        readings.push(reading(1, floor::NAME, "latency_p50_us", 5.0));
        let rows = rows(&readings, &proxies);
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.scenario.as_str(), row.median, row.range), ("churn", 60.0, Some((58.0, 64.0))));
        assert_eq!(row.shares, [Some(0.75), Some(0.6), None]);
        readings.retain(|reading| reading.round == 1);
        assert_eq!(self::rows(&readings, &proxies)[0].range, None);
    }
}
