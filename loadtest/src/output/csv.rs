//! Readings, latency curves and faults as CSV (RFC 4180), written and read back.

use crate::compare::Curve;
use crate::figure::{Fault, Reading};

const READINGS: &str = "round,scenario,proxy,figure,at,value";
const CURVES: &str = "round,scenario,proxy,percent,us";
const FAULTS: &str = "round,scenario,proxy,reason";

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn row(fields: &[&str]) -> String {
    let fields: Vec<String> = fields.iter().map(|text| field(text)).collect();
    fields.join(",") + "\n"
}

/// Rows of fields; quotes may hold commas and line ends.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

fn body(text: &str, head: &str) -> Result<Vec<Vec<String>>, String> {
    let mut rows = rows(text);
    if rows.is_empty() || rows[0].join(",") != head {
        return Err(format!("the first line is not `{head}`"));
    }
    rows.remove(0);
    let columns = head.split(',').count();
    match rows.iter().position(|row| row.len() != columns) {
        Some(index) => Err(format!("line {}: not {columns} fields", index + 2)),
        None => Ok(rows),
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

pub fn readings(readings: &[Reading]) -> String {
    let row_of = |r: &Reading| {
        row(&[&r.round.to_string(), &r.scenario, &r.proxy, &r.figure, &r.at.to_string(), &r.value.to_string()])
    };
    READINGS.to_owned() + "\n" + &readings.iter().map(row_of).collect::<String>()
}

pub fn parse_readings(text: &str) -> Result<Vec<Reading>, String> {
    let parse = |row: Vec<String>| {
        let (round, at, value) = (number(&row[0])?, number(&row[4])?, number(&row[5])?);
        let [_, scenario, proxy, figure, ..] = <[String; 6]>::try_from(row).map_err(|_| "not six fields")?;
        Ok(Reading { round, scenario, proxy, figure, at, value })
    };
    body(text, READINGS)?.into_iter().map(parse).collect()
}

pub fn curves(curves: &[Curve]) -> String {
    let mut text = CURVES.to_owned() + "\n";
    for curve in curves {
        for (percent, us) in &curve.points {
            text +=
                &row(&[&curve.round.to_string(), &curve.scenario, &curve.proxy, &percent.to_string(), &us.to_string()]);
        }
    }
    text
}

pub fn parse_curves(text: &str) -> Result<Vec<Curve>, String> {
    let mut curves: Vec<Curve> = Vec::new();
    for row in body(text, CURVES)? {
        let (round, point) = (number(&row[0])?, (number(&row[3])?, number(&row[4])?));
        let known = curves.iter_mut().find(|c| c.round == round && c.scenario == row[1] && c.proxy == row[2]);
        match known {
            Some(curve) => curve.points.push(point),
            None => {
                curves.push(Curve { round, scenario: row[1].clone(), proxy: row[2].clone(), points: vec![point] });
            }
        }
    }
    Ok(curves)
}

pub fn faults(faults: &[Fault]) -> String {
    let row_of = |f: &Fault| row(&[&f.round.to_string(), &f.scenario, &f.proxy, &f.reason]);
    FAULTS.to_owned() + "\n" + &faults.iter().map(row_of).collect::<String>()
}

pub fn parse_faults(text: &str) -> Result<Vec<Fault>, String> {
    let parse = |row: Vec<String>| {
        let round = number(&row[0])?;
        let [_, scenario, proxy, reason] = <[String; 4]>::try_from(row).map_err(|_| "not four fields")?;
        Ok(Fault { round, scenario, proxy, reason })
    };
    body(text, FAULTS)?.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let name = "a, \"b\"\nc".to_owned();
        let given = vec![
            Reading {
                round: 1,
                scenario: "echo".into(),
                proxy: name.clone(),
                figure: "x".into(),
                at: 9000,
                value: 0.1 + 0.2,
            },
            Reading { round: 2, scenario: "echo".into(), proxy: "p".into(), figure: "x".into(), at: 0, value: -5.0 },
        ];
        assert_eq!(parse_readings(&readings(&given)), Ok(given));
        let given =
            vec![Curve { round: 1, scenario: "s".into(), proxy: name.clone(), points: vec![(50.0, 1.5), (99.9, 7.0)] }];
        assert_eq!(parse_curves(&curves(&given)), Ok(given));
        let given = vec![Fault { round: 3, scenario: "s".into(), proxy: "p".into(), reason: name }];
        assert_eq!(parse_faults(&faults(&given)), Ok(given));
    }

    #[test]
    fn other_files_are_refused() {
        assert!(parse_readings("a,b\n1,2\n").is_err_and(|error| error.contains("the first line")));
        assert!(parse_readings(&format!("{READINGS}\n1,2\n")).is_err_and(|error| error == "line 2: not 6 fields"));
        assert!(parse_readings(&format!("{READINGS}\n1,s,p,f,0,x\n")).is_err_and(|error| error.contains("`x`")));
    }
}
