//! The report: one page with its style and plots inside, light or dark as the reader's system is, needing no network.

use super::bare;
use super::chart::{self, Bar, Ratios, Scale, Series, bars, escape, lines};
use super::folder::Run;
use super::markdown::ratio_words;
use super::summary::{Cell, Ratio, Row, Section, gathered, names, sections, values};
use super::targets::{self, Verdict};
use crate::figure::{Better, find, plain};
use crate::stats::summary::{line as straight_line, median};

const STYLE: &str = include_str!("report.css");

pub fn report(run: &Run) -> String {
    let names = run.names();
    let sections = sections(&run.readings, &names);
    let versions: String =
        run.proxies.iter().enumerate().map(|(n, (name, version))| legend(n, name, version)).collect();
    let mut body =
        format!("<h1>Proxies for WebSocket, side by side</h1><ul class=\"legend\">{versions}</ul>{}", intro(run));
    body += &overview(&sections, &names);
    body += &targets(run, &names);
    body += &bare_calls(run, &names);
    body += &faults(run);
    for section in &sections {
        body += &self::section(run, section, &names);
    }
    body += &facts(run);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>longhaul-loadtest</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}

fn legend(number: usize, name: &str, version: &str) -> String {
    format!("<li><span class=\"key c{number}\"></span><b>{}</b> {}</li>", escape(name), escape(version))
}

/// Which colour is whose, above a plot.
fn keys(names: &[String]) -> String {
    let key =
        |(number, name): (usize, &String)| format!("<span class=\"key c{number}\"></span><b>{}</b>", escape(name));
    format!("<div class=\"keys\">{}</div>", names.iter().enumerate().map(key).collect::<String>())
}

/// The headlines of all scenarios as ratios of the first proxy to each other one.
fn overview(sections: &[Section], names: &[String]) -> String {
    let ratios = |scenario: &str, row: &Row| {
        let dot = |(number, cell): (usize, &Option<Cell>)| {
            let ratio = cell.as_ref()?.against?;
            Some((names[number].clone(), number, ratio.value))
        };
        let dots: Vec<(String, usize, f64)> = row.cells.iter().enumerate().filter_map(dot).collect();
        let name = row.figure.title.split(',').next().unwrap_or("").to_owned();
        (!dots.is_empty()).then_some(Ratios { name, place: scenario.to_owned(), dots })
    };
    let of_section = |section: &Section| section.headlines().filter_map(|row| ratios(&section.scenario, row)).collect();
    let rows: Vec<Ratios> = sections.iter().flat_map::<Vec<Ratios>, _>(of_section).collect();
    if rows.is_empty() {
        return String::new();
    }
    let first = names.first().map_or("", String::as_str);
    format!(
        "<section><h2>At a glance</h2><p class=\"mark\">{} divided by each other proxy: left of the line it needs less.</p>\
         {}{}</section>",
        escape(first),
        keys(names),
        chart::ratios(&rows)
    )
}

/// What longhaul is to reach, and whether it did.
fn targets(run: &Run, names: &[String]) -> String {
    let rows = run.targets();
    if rows.is_empty() {
        return String::new();
    }
    let row = |row: &targets::Row| {
        let medians = row.medians.iter().map(|median| median.map_or_else(|| "-".to_owned(), plain));
        let medians: String = medians.map(|text| format!("<td>{text}</td>")).collect();
        let ratio = |(name, ratio): &(String, Ratio)| format!("×{:.2}{} {}", ratio.value, ratio.mark(), escape(name));
        let ratios: Vec<String> = row.ratios.iter().map(ratio).collect();
        let class = if matches!(row.verdict, Verdict::Met(..)) { "" } else { " class=\"alarm\"" };
        format!(
            "<tr><th>{}{}</th>{medians}<td class=\"whole\">{}</td><td class=\"whole\">{}</td><td{class}>{}</td></tr>",
            escape(row.words),
            if row.unit.is_empty() { String::new() } else { format!(", {}", row.unit) },
            ratios.join("<br>"),
            escape(&row.target).replace(", ", "<br>"),
            row.verdict
        )
    };
    let rows: String = rows.iter().map(row).collect();
    let heads: String = names.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
    format!(
        "<section><h2>Targets</h2><div class=\"wide\"><table><thead><tr><th>figure</th>{heads}<th>ratio</th><th>target</th>\
         <th></th></tr></thead><tbody>{rows}</tbody></table></div></section>"
    )
}

/// What the calls alone cost, beside the proxies.
fn bare_calls(run: &Run, names: &[String]) -> String {
    let rows = run.bare_calls();
    if rows.is_empty() {
        return String::new();
    }
    let share =
        |share: &Option<f64>| share.map_or_else(|| "<td>-</td>".to_owned(), |share| format!("<td>×{share:.2}</td>"));
    let row = |row: &bare::Row| {
        let spread = row.range.map(|(low, high)| format!("{}–{}", plain(low), plain(high))).unwrap_or_default();
        format!(
            "<tr><th>{}: {}, {}</th><td>{}</td><td>{} <span class=\"mark\">{spread}</span></td>{}</tr>",
            escape(&row.scenario),
            escape(row.figure.title),
            row.figure.unit,
            escape(row.floor),
            plain(row.median),
            row.shares.iter().map(share).collect::<String>()
        )
    };
    let words = escape(&bare::words(&rows));
    let rows: String = rows.iter().map(row).collect();
    let heads: String = names.iter().map(|name| format!("<th>of {}</th>", escape(name))).collect();
    format!(
        "<section><h2>Bare calls</h2><p class=\"mark\">{words}</p><div class=\"wide\"><table><thead><tr><th>figure</th>\
         <th>relay</th><th>median</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )
}

fn intro(run: &Run) -> String {
    let first = run.proxies.first().map_or("the first", |(name, _)| name.as_str());
    format!(
        "<p>Each proxy was started fresh for each scenario and round, with one worker pinned to one core, the load on \
         another. Bars are medians over the rounds, the thin line spans smallest to largest. A factor such as ×0.50 is \
         {} divided by that proxy. {}</p>",
        escape(first),
        escape(&ratio_words(&run.readings).replace('`', ""))
    )
}

fn faults(run: &Run) -> String {
    if run.faults.is_empty() {
        return String::new();
    }
    let items: String = gathered(&run.faults).iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    format!("<section class=\"faults\"><h2>Not measured, or not as it should be</h2><ul>{items}</ul></section>")
}

fn section(run: &Run, section: &Section, names: &[String]) -> String {
    let line = run.matrix.lines().find(|line| line.split(':').next().map(str::trim) == Some(&section.scenario));
    let mut text = format!("<section><h2>{}</h2>", escape(&section.scenario));
    if let Some(line) = line {
        text += &format!("<p class=\"mark\"><code>{}</code></p>", escape(line.trim()));
    }
    text += &curves(run, &section.scenario, names);
    for row in section.rows.iter().filter(|row| row.figure.better != Better::Neither) {
        let bar = |(number, cell): (usize, &Option<Cell>)| {
            let cell = cell.as_ref()?;
            let name = names[number].clone();
            Some(Bar { name, colour: number, value: cell.median, range: cell.range, remark: remark(cell) })
        };
        let all: Vec<Bar> = row.cells.iter().enumerate().filter_map(bar).collect();
        let wish = if row.figure.better == Better::Less { "less is better" } else { "more is better" };
        text += &format!(
            "<figure><figcaption>{} <span class=\"mark\">{wish}</span></figcaption>{}</figure>",
            escape(row.figure.title),
            bars(&all, row.figure.unit)
        );
    }
    text + &table(section, names) + "</section>"
}

fn remark(cell: &Cell) -> String {
    cell.against.map(|ratio| format!("×{:.2}{}", ratio.value, ratio.mark())).unwrap_or_default()
}

/// The plots over a scale: memory against tunnels, latency against percentile.
fn curves(run: &Run, scenario: &str, names: &[String]) -> String {
    let mut text = String::new();
    for figure in ["user_bytes", "kernel_bytes"] {
        let series: Vec<Series> =
            names.iter().enumerate().map(|(n, name)| growth(run, scenario, figure, n, name)).collect();
        let series: Vec<Series> = series.into_iter().filter(|one| one.points.len() > 1).collect();
        if !series.is_empty() {
            let title = find(figure).map_or("", |figure| figure.title);
            let plot = lines(&series, ("held", Scale::Straight), ("MB", Scale::Straight));
            let fits: Vec<String> = series.iter().filter_map(fit).collect();
            text += &format!(
                "<figure><figcaption>{}</figcaption>{}{plot}<p class=\"mark\">{}</p></figure>",
                escape(title),
                keys(names),
                fits.join("<br>")
            );
        }
    }
    let series: Vec<Series> = names.iter().enumerate().map(|(n, name)| latency(run, scenario, n, name)).collect();
    let series: Vec<Series> = series.into_iter().filter(|one| one.points.len() > 1).collect();
    if !series.is_empty() {
        let plot = lines(&series, ("share of all", Scale::Nines), ("us", Scale::Powers));
        text += &format!(
            "<figure><figcaption>latency, median over the rounds at each share</figcaption>{}{plot}</figure>",
            keys(names)
        );
    }
    text
}

/// How straight a curve is behind its begin: through two points every line fits.
fn fit(series: &Series) -> Option<String> {
    let points = series.points.get(1..).filter(|points| points.len() > 2)?;
    let line = straight_line(points)?;
    Some(format!("{}: {} B for each, r² = {:.4}", escape(&series.name), plain(line.slope * 1e6), line.fit))
}

fn growth(run: &Run, scenario: &str, figure: &str, colour: usize, name: &str) -> Series {
    let own = run.readings.iter().filter(|r| r.scenario == scenario && r.proxy == name && r.figure == figure);
    let mut places: Vec<u32> = own.map(|reading| reading.at).collect();
    places.sort_unstable();
    places.dedup();
    let value = |at: u32| median(&values(&run.readings, scenario, name, figure, Some(at)));
    let points = places.into_iter().filter_map(|at| Some((f64::from(at), value(at)? / 1e6)));
    let points = std::iter::once((0.0, 0.0)).chain(points).collect();
    Series { name: name.to_owned(), colour, points }
}

fn latency(run: &Run, scenario: &str, colour: usize, name: &str) -> Series {
    let own = || run.curves.iter().filter(|curve| curve.scenario == scenario && curve.proxy == name);
    let shares = names(
        own()
            .flat_map(|curve| curve.points.iter().map(|(share, _)| share.to_string()))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str),
    );
    let value = |share: f64| {
        let at = own().flat_map(|curve| curve.points.iter().filter(|point| point.0 == share).map(|point| point.1));
        median(&at.collect::<Vec<f64>>())
    };
    // Beyond the scale's end there is only the longest one, which says little.
    let shares = shares.iter().filter_map(|share| share.parse::<f64>().ok()).filter(|share| *share < 100.0);
    Series { name: name.to_owned(), colour, points: shares.filter_map(|share| Some((share, value(share)?))).collect() }
}

fn table(section: &Section, names: &[String]) -> String {
    let heads: String = names.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
    let cell = |cell: &Option<Cell>| match cell {
        Some(cell) if cell.rounds > 1 => {
            format!(
                "<td>{} <span class=\"mark\">{}–{}</span></td>",
                plain(cell.median),
                plain(cell.range.0),
                plain(cell.range.1)
            )
        }
        Some(cell) => format!("<td>{}</td>", plain(cell.median)),
        None => "<td>-</td>".to_owned(),
    };
    let chance = |cell: &Option<Cell>| cell.as_ref()?.against.map(|ratio| format!("{:.3}", ratio.chance));
    let row = |row: &Row| {
        let cells: String = row.cells.iter().map(cell).collect();
        let chances: Vec<String> = row.cells.iter().filter_map(chance).collect();
        format!(
            "<tr><th>{}</th><td>{}</td>{cells}<td>{}</td></tr>",
            escape(row.figure.title),
            escape(row.figure.unit),
            chances.join(" ")
        )
    };
    let rows: String = section.rows.iter().map(row).collect();
    format!(
        "<details><summary>all figures</summary><div class=\"wide\"><table><thead><tr><th>figure</th><th>unit</th>{heads}\
         <th>p</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )
}

fn facts(run: &Run) -> String {
    let row =
        |(name, value): &(String, String)| format!("<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
    let rows: String = run.facts.iter().map(row).collect();
    format!(
        "<section><h2>Where and how</h2><div class=\"wide\"><table class=\"facts\"><tbody>{rows}</tbody></table></div></section>"
    )
}
