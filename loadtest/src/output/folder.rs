//! The folder of a run: `run.txt`, `matrix.txt`, three CSV files, `table.md`, `readme.md`, `report.html` and the proxies'
//! files.
//!
//! Table and report are made from the other files alone, so that they can be made again at any time.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::summary::gathered;
use super::{bare, csv, html, markdown, readme, targets};
use crate::compare::{Curve, Outcome};
use crate::figure::{Fault, Reading};

/// What table and report are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Name and version in the order in which they are shown; the first is the one that others are compared with.
    pub proxies: Vec<(String, String)>,
    /// When, where and how.
    pub facts: Vec<(String, String)>,
    pub matrix: String,
    pub readings: Vec<Reading>,
    pub curves: Vec<Curve>,
    pub faults: Vec<Fault>,
}

const PROXY: &str = "proxy ";
/// Begins the name of a fact that tells what was not there.
pub const WITHOUT: &str = "without ";

/// Faults of the floors, as a fact: they are no proxies, so they are no faults of the run.
pub fn floor_faults(faults: &[Fault]) -> Option<(String, String)> {
    let lines = gathered(faults);
    (!lines.is_empty()).then(|| ("bare calls, faults".to_owned(), lines.join("; ").replace('\n', " ")))
}

impl Run {
    pub fn new(proxies: Vec<(String, String)>, facts: Vec<(String, String)>, matrix: String, outcome: Outcome) -> Self {
        let Outcome { readings, curves, faults, .. } = outcome;
        Self { proxies, facts, matrix, readings, curves, faults }
    }

    pub fn names(&self) -> Vec<String> {
        self.proxies.iter().map(|(name, _)| name.clone()).collect()
    }

    pub fn table(&self) -> String {
        let table = markdown::table(&self.readings, &self.faults, &self.targets(), &self.bare_calls(), &self.names());
        let missing = self.facts.iter().filter_map(|(name, reason)| Some((name.strip_prefix(WITHOUT)?, reason)));
        let missing: String = missing.map(|(name, reason)| format!("- {name} was left out: {reason}\n")).collect();
        if missing.is_empty() { table } else { format!("{table}\n{missing}") }
    }

    /// The section of the repository's README, when the run is committed under `loadtest/runs`.
    fn readme(&self, folder: &Path) -> String {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        readme::section(self, &name)
    }

    pub fn fact(&self, name: &str) -> &str {
        self.facts.iter().find(|(known, _)| known == name).map_or("unknown", |(_, value)| value)
    }

    pub fn bare_calls(&self) -> Vec<bare::Row> {
        bare::rows(&self.readings, &self.names())
    }

    pub fn targets(&self) -> Vec<targets::Row> {
        targets::rows(&self.readings, &self.matrix, &self.names())
    }

    fn facts_text(&self) -> String {
        let proxies = self.proxies.iter().map(|(name, version)| format!("{PROXY}{name}: {version}\n"));
        let facts = self.facts.iter().map(|(name, value)| format!("{name}: {value}\n"));
        proxies.chain(facts).collect()
    }

    /// Raw files first: they are what cannot be made again.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let files = [
            ("run.txt", self.facts_text()),
            ("matrix.txt", self.matrix.clone()),
            ("readings.csv", csv::readings(&self.readings)),
            ("curves.csv", csv::curves(&self.curves)),
            ("faults.csv", csv::faults(&self.faults)),
            ("table.md", self.table()),
            ("readme.md", self.readme(folder)),
            ("report.html", html::report(self)),
        ];
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for (name, text) in files {
            let file = folder.join(name);
            fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(())
    }

    pub fn read(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            let file = folder.join(name);
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
        };
        let in_file = |name: &'static str| move |error: String| format!("{name}: {error}");
        let mut run = Self {
            proxies: Vec::new(),
            facts: Vec::new(),
            matrix: read("matrix.txt")?,
            readings: csv::parse_readings(&read("readings.csv")?).map_err(in_file("readings.csv"))?,
            curves: csv::parse_curves(&read("curves.csv")?).map_err(in_file("curves.csv"))?,
            faults: csv::parse_faults(&read("faults.csv")?).map_err(in_file("faults.csv"))?,
        };
        for (name, value) in read("run.txt")?.lines().filter_map(|line| line.split_once(": ")) {
            let value = value.to_owned();
            match name.strip_prefix(PROXY) {
                Some(proxy) => run.proxies.push((proxy.to_owned(), value)),
                None => run.facts.push((name.to_owned(), value)),
            }
        }
        Ok(run)
    }
}

/// The time as `2026-01-31T12:05:09Z`.
pub fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    stamp(seconds)
}

fn stamp(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Years counted from the first of March have the leap day at their end (Hinnant's days to civil).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::{FLOORS, Floor};

    #[test]
    fn dates_are_right() {
        assert_eq!(stamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(stamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(stamp(1_735_689_599), "2024-12-31T23:59:59Z");
    }

    #[test]
    fn faults_of_the_floors_are_one_fact() {
        let fault = |floor: &Floor, reason: &str| Fault {
            round: 2,
            scenario: "s".into(),
            proxy: floor.name.into(),
            reason: reason.into(),
        };
        let faults = [fault(&FLOORS[0], "it ended\nearly"), fault(&FLOORS[1], "late")];
        let (name, value) = floor_faults(&faults).unwrap();
        assert_eq!(name, "bare calls, faults");
        assert_eq!(value, "bare calls, s, round 2: it ended early; bare calls with half-close, s, round 2: late");
        assert!(floor_faults(&[]).is_none());
    }

    #[test]
    fn a_run_is_read_back_and_both_texts_are_made() {
        let reading = |proxy: &str, figure: &str, at, value| Reading {
            round: 1,
            scenario: "echo".into(),
            proxy: proxy.into(),
            figure: figure.into(),
            at,
            value,
        };
        let run = Run {
            proxies: vec![("a".into(), "1 <b>".into()), ("b".into(), "2".into())],
            facts: vec![("kernel".into(), "6: x".into()), ("without wrk".into(), "not there".into())],
            matrix: "echo\n".into(),
            readings: vec![
                reading("a", "cpu_us_per_trip", 0, 5.0),
                reading("b", "cpu_us_per_trip", 0, 10.0),
                reading("a", "user_bytes", 1000, 5.0),
                reading("a", "user_bytes", 2000, 10.0),
            ],
            curves: vec![Curve {
                round: 1,
                scenario: "echo".into(),
                proxy: "a".into(),
                points: vec![(50.0, 1.0), (99.0, 9.0)],
            }],
            faults: vec![Fault { round: 1, scenario: "echo".into(), proxy: "b".into(), reason: "a < b".into() }],
        };
        let folder = tempfile::tempdir().unwrap();
        run.write(folder.path()).unwrap();
        assert_eq!(Run::read(folder.path()).unwrap(), run);
        let report = fs::read_to_string(folder.path().join("report.html")).unwrap();
        assert!(report.contains("1 &lt;b&gt;") && report.contains("a &lt; b") && report.contains("<svg"), "{report}");
        assert!(!report.contains("http://") && !report.contains("https://"), "{report}");
        assert!(
            fs::read_to_string(folder.path().join("readme.md")).unwrap().contains("a 1 <b>, b 2, each started fresh")
        );
        let table = fs::read_to_string(folder.path().join("table.md")).unwrap();
        assert!(table.contains("| 10 → 0.50? |") && table.ends_with("\n- wrk was left out: not there\n"), "{table}");
    }
}
