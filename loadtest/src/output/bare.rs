//! What the calls alone cost beside what each proxy costs: the CPU of each floor, and its share of each proxy's.

use super::summary::{Ratio, names, ratios, values};
use crate::figure::{Figure, Reading, find};
use crate::floor::{FLOORS, Floor};
use crate::stats::summary::{median, range};

/// What a call costs is CPU; all else of a floor says nothing.
const FIGURES: [&str; 2] = ["cpu_us_per_open", "cpu_us_per_request"];

#[derive(Debug, Clone)]
pub struct Row {
    pub scenario: String,
    pub floor: &'static str,
    pub figure: &'static Figure,
    pub median: f64,
    /// None of a single round.
    pub range: Option<(f64, f64)>,
    /// Of the floor to each proxy, in the order of the proxies.
    pub shares: Vec<Option<f64>>,
}

const WORDS: &str = "The same work by relays that make the calls and do nothing else, one after the other over epoll. They are no \
     proxies: they read no head and know no time limit. A proxy that makes these calls so needs its own code beside them; \
     one that hands calls over in batches (io_uring) can need less than they do. Bare calls: accept4, recv, socket, \
     connect, send, recv, send, recv, and when one side ends both sockets are closed, as nginx does with a tunnel.";
const HALF_CLOSE_WORDS: &str = " With half-close, as longhaul is bound to it: the end of one side is passed on to the other by shutdown, the \
     other's is read, and then the client's socket is closed; that of the peer, which has seen both ends, is disconnected \
     and connected anew for a later tunnel, where the first relay closes it and makes another.";

/// What these rows are, above them.
pub fn words(rows: &[Row]) -> String {
    let has_half_close = rows.iter().any(|row| row.floor != FLOORS[0].name);
    WORDS.to_owned() + if has_half_close { HALF_CLOSE_WORDS } else { "" }
}

/// None for a run without a floor.
pub fn rows(readings: &[Reading], proxies: &[String]) -> Vec<Row> {
    let own = readings.iter().filter(|reading| FLOORS.iter().any(|floor| floor.name == reading.proxy));
    let scenarios = names(own.map(|reading| reading.scenario.as_str()));
    let of_figure = |scenario: &str, figure: &str| -> Vec<Row> {
        FLOORS.iter().filter_map(|floor| row(readings, scenario, figure, floor, proxies)).collect()
    };
    scenarios.iter().flat_map(|scenario| FIGURES.iter().flat_map(|figure| of_figure(scenario, figure))).collect()
}

fn row(readings: &[Reading], scenario: &str, figure: &str, floor: &Floor, proxies: &[String]) -> Option<Row> {
    let figure = find(figure)?;
    let own = values(readings, scenario, floor.name, figure.name, Some(0));
    let (median_of_all, range) = (median(&own)?, range(&own).filter(|_| own.len() > 1));
    let share = |proxy: &String| {
        Ratio::of(&ratios(readings, scenario, figure.name, floor.name, proxy)).map(|ratio| ratio.value)
    };
    let shares = proxies.iter().map(share).collect();
    Some(Row { scenario: scenario.to_owned(), floor: floor.name, figure, median: median_of_all, range, shares })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(round: u32, proxy: &str, figure: &str, value: f64) -> Reading {
        Reading { round, scenario: "churn".into(), proxy: proxy.into(), figure: figure.into(), at: 0, value }
    }

    #[test]
    fn each_floor_is_a_share_of_each_proxy() {
        let of_a = [(1, 80.0), (2, 75.0), (3, 80.0)].map(|(n, us)| reading(n, "a", "cpu_us_per_open", us));
        let mut readings = [of_a.as_slice(), &[reading(1, "b", "cpu_us_per_open", 100.0)]].concat();
        let proxies = ["a", "b", "c"].map(ToOwned::to_owned);
        assert!(rows(&readings, &proxies).is_empty());
        readings
            .extend([(1, 58.0), (2, 60.0), (3, 64.0)].map(|(n, us)| reading(n, FLOORS[0].name, "cpu_us_per_open", us)));
        readings.push(reading(1, FLOORS[0].name, "latency_p50_us", 5.0));
        readings.push(reading(1, FLOORS[1].name, "cpu_us_per_open", 72.0));
        let rows = rows(&readings, &proxies);
        let [row, other] = rows.as_slice() else { panic!("{rows:?}") };
        assert!(words(rows.as_slice()).contains(" With half-close, ") && !words(&rows[..1]).contains("half-close"));
        assert_eq!((row.floor, other.floor), (FLOORS[0].name, FLOORS[1].name));
        assert_eq!((other.median, other.range, other.shares[0]), (72.0, None, Some(0.9)));
        assert_eq!((row.scenario.as_str(), row.median, row.range), ("churn", 60.0, Some((58.0, 64.0))));
        assert_eq!(row.shares, [Some(0.8), Some(0.58), None], "each round by itself");
        readings.retain(|reading| reading.round == 1);
        assert_eq!(self::rows(&readings, &proxies)[0].range, None);
    }
}
