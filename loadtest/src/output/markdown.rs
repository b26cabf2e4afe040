//! The table for READMEs: medians with their range, and ratios against the first proxy.

use super::bare;
use super::summary::{CHANCE_MAX, Cell, Ratio, Row, Section, gathered, sections};
use super::targets;
use crate::figure::{Better, Fault, Reading, plain};
use crate::stats::ranks::least_p_value;

fn cell_text(cell: Option<&Cell>, better: Better) -> String {
    let Some(cell) = cell else { return "-".to_owned() };
    let mut text = plain(cell.median);
    if cell.rounds > 1 {
        text += &format!(" ({}–{})", plain(cell.range.0), plain(cell.range.1));
    }
    if let (Some(ratio), Better::Less | Better::More) = (cell.against, better) {
        text += &format!(" → {:.2}{}", ratio.value, ratio.mark());
    }
    text
}

fn section_text(section: &Section, proxies: &[String]) -> String {
    let rows = section.rows.iter().map(|row| row_text("", row));
    head_text(&section.scenario, proxies) + &rows.collect::<String>()
}

fn row_text(before: &str, row: &Row) -> String {
    let unit = if row.figure.unit.is_empty() { String::new() } else { format!(", {}", row.figure.unit) };
    let cells: Vec<String> = row.cells.iter().map(|cell| cell_text(cell.as_ref(), row.figure.better)).collect();
    format!("| {before}{}{unit} | {} |\n", row.figure.title, cells.join(" | "))
}

fn head_text(title: &str, proxies: &[String]) -> String {
    format!("\n### {title}\n\n| figure | {} |\n|---|{}\n", proxies.join(" | "), "---:|".repeat(proxies.len()))
}

fn overview(sections: &[Section], proxies: &[String]) -> String {
    let rows = sections.iter().flat_map(|section| section.headlines().map(move |row| (section, row)));
    let rows: String = rows.map(|(section, row)| row_text(&format!("{}: ", section.scenario), row)).collect();
    if rows.is_empty() { rows } else { head_text("At a glance", proxies) + &rows }
}

/// What longhaul is to reach, and whether it did.
pub fn targets(rows: &[targets::Row], proxies: &[String]) -> String {
    let row = |row: &targets::Row| {
        let unit = if row.unit.is_empty() { String::new() } else { format!(", {}", row.unit) };
        let medians: Vec<String> =
            row.medians.iter().map(|median| median.map_or_else(|| "-".to_owned(), plain)).collect();
        let ratio = |(name, ratio): &(String, Ratio)| format!("{}{} of {name}", share(ratio.value), ratio.mark());
        let ratios: Vec<String> = row.ratios.iter().map(ratio).collect();
        let words = row.words;
        format!(
            "| {words}{unit} | {} | {} | {} | {} |\n",
            medians.join(" | "),
            ratios.join(", "),
            row.target,
            row.verdict
        )
    };
    let columns = "---:|".repeat(proxies.len());
    let head = format!("| figure | {} | longhaul has | target | |\n|---|{columns}---|---|---|\n", proxies.join(" | "));
    head + &rows.iter().map(row).collect::<String>()
}

/// What the calls alone cost, beside the proxies.
pub fn bare_calls(rows: &[bare::Row], proxies: &[String]) -> String {
    let share_text = |share: &Option<f64>| share.map_or_else(|| "-".to_owned(), self::share);
    let row = |row: &bare::Row| {
        let shares: Vec<String> = row.shares.iter().map(share_text).collect();
        let spread = row.range.map(|(low, high)| format!(" ({}–{})", plain(low), plain(high))).unwrap_or_default();
        let (scenario, figure, median) = (&row.scenario, row.figure, plain(row.median));
        let name = format!("{scenario}: {}, {}", figure.title, figure.unit);
        format!("| {name} | {} | {median}{spread} | {} |\n", row.floor, shares.join(" | "))
    };
    let heads: Vec<String> = proxies.iter().map(|name| format!("of {name}")).collect();
    let columns = "---:|".repeat(proxies.len());
    let head = format!("| figure | relay | median | {} |\n|---|---|---:|{columns}\n", heads.join(" | "));
    head + &rows.iter().map(row).collect::<String>()
}

/// What the ratios of a run are, and what their marks can tell.
pub fn ratio_words(readings: &[Reading]) -> String {
    let rounds = readings.iter().map(|reading| reading.round).max().unwrap_or(0) as usize;
    let least = least_p_value(rounds);
    let least = if least < 0.001 { "less than 0.001".to_owned() } else { plain(least) };
    let enough = (1..).find(|rounds| least_p_value(*rounds) <= CHANCE_MAX).unwrap_or(usize::MAX);
    format!(
        "A ratio is the median over the rounds of each round's own, of those that have a reading of both: in a round all \
         proxies run one after the other, so that a machine which is slower for a while is so for both. `?` marks a ratio \
         that a signed-rank test (Wilcoxon) does not tell from 1, p > {CHANCE_MAX}: {rounds} rounds can show {least} at the \
         least, and no ratio of fewer than {enough} is without the mark, however far from 1."
    )
}

/// A ratio with two digits that mean something.
fn share(ratio: f64) -> String {
    if ratio < 0.095 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

pub fn table(
    readings: &[Reading],
    faults: &[Fault],
    targets: &[targets::Row],
    bare: &[bare::Row],
    proxies: &[String],
) -> String {
    let first = proxies.first().map_or("the first", String::as_str);
    let mut text = format!(
        "Medians over the rounds with smallest and largest. `→` is {first} divided by this proxy. {}\n",
        ratio_words(readings)
    );
    if !targets.is_empty() {
        text += &format!("\n### Targets\n\n{}", self::targets(targets, proxies));
    }
    if !bare.is_empty() {
        text += &format!("\n### Bare calls\n\n{}\n\n{}", bare::words(bare), bare_calls(bare, proxies));
    }
    let sections = sections(readings, proxies);
    text += &overview(&sections, proxies);
    for section in &sections {
        text += &section_text(section, proxies);
    }
    if !faults.is_empty() {
        text += "\n### Not measured, or not as it should be\n\n";
        text += &gathered(faults).iter().map(|line| format!("- {line}\n")).collect::<String>();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_medians_ratios_and_gaps() {
        let reading = |round, proxy: &str, value| Reading {
            round,
            scenario: "echo".to_owned(),
            proxy: proxy.to_owned(),
            figure: "cpu_us_per_trip".to_owned(),
            at: 0,
            value,
        };
        let readings = [reading(1, "a", 10.0), reading(2, "a", 12.0), reading(1, "b", 20.0)];
        let faults = [Fault { round: 2, scenario: "echo".into(), proxy: "b".into(), reason: "it ended".into() }];
        let text = table(&readings, &faults, &[], &[], &["a", "b", "c"].map(ToOwned::to_owned));
        assert!(text.contains("| figure | a | b | c |\n|---|---:|---:|---:|"), "{text}");
        assert!(text.contains("| CPU per echo round trip, us | 11 (10–12) | 20 → 0.50? | - |"), "{text}");
        assert!(text.contains("- b, echo, round 2: it ended"), "{text}");
        assert!(
            text.contains(" 2 rounds can show 0.5 at the least, and no ratio of fewer than 5 is without"),
            "{text}"
        );
    }

    #[test]
    fn bare_calls_are_a_table_of_their_own() {
        let figure = crate::figure::find("cpu_us_per_open").unwrap();
        let (range, shares) = (Some((58.0, 64.25)), vec![Some(0.754), None]);
        let floor = crate::floor::FLOORS[0].name;
        let row = bare::Row { scenario: "churn".to_owned(), floor, figure, median: 60.0, range, shares };
        let proxies = ["a", "b"].map(ToOwned::to_owned);
        let text = table(&[], &[], &[], &[row], &proxies);
        assert!(text.contains("\n### Bare calls\n\nThe same work by relays"), "{text}");
        assert!(text.contains("\n\n| figure | relay | median | of a | of b |\n|---|---|---:|---:|---:|\n"), "{text}");
        assert!(
            text.contains(
                "| churn: CPU per open, verified handshake and close, us | bare calls | 60 (58–64.2) | 0.75 | - |\n"
            ),
            "{text}"
        );
        assert!(!table(&[], &[], &[], &[], &proxies).contains("are calls"));
    }

    #[test]
    fn targets_are_one_table() {
        let row = targets::Row {
            words: "idle memory",
            unit: "B",
            medians: vec![Some(100.0), Some(18_000.0), None],
            ratios: vec![("b".to_owned(), Ratio { value: 100.0 / 18_000.0, chance: 0.25 })],
            target: "≤ 128 B".to_owned(),
            verdict: targets::Verdict::Met(2, 2),
        };
        let text = targets(&[row], &["a", "b", "c"].map(ToOwned::to_owned));
        assert!(
            text.contains("| figure | a | b | c | longhaul has | target | |\n|---|---:|---:|---:|---|---|---|\n"),
            "{text}"
        );
        assert!(text.contains("| idle memory, B | 100 | 18,000 | - | 0.006? of b | ≤ 128 B | met |"), "{text}");
        assert_eq!([0.004, 0.0949, 0.123].map(share), ["0.004", "0.095", "0.12"]);
    }
}
