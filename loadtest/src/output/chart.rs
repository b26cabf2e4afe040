//! Plots as inline SVG: lines over a scale, and bars. Colours and text come from the page's style, by class.
//!
//! Pure text; knows shapes and numbers, no figure and no proxy.

use std::fmt::Write;

use crate::figure::plain;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;
const BAR_HEIGHT: f64 = 20.0;
const BAR_GAP: f64 = 8.0;
const BAR_LEFT: f64 = 110.0;
const BAR_RIGHT: f64 = 190.0;
/// Below this share of all a scale of percentiles has no place.
const SHARE_MAX: f64 = 99.99;

#[derive(Debug, Clone)]
pub struct Series {
    pub name: String,
    /// Number of its colour in the page's style.
    pub colour: usize,
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Straight,
    /// Powers of ten.
    Powers,
    /// Percentiles: each nine takes as much room.
    Nines,
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Straight => value,
            Self::Powers => value.max(1e-9).log10(),
            Self::Nines => -(1.0 - value.min(SHARE_MAX) / 100.0).log10(),
        }
    }
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Round numbers from 0 to beyond `largest`, four to six of them.
fn ticks(largest: f64) -> Vec<f64> {
    if largest <= 0.0 || !largest.is_finite() {
        return vec![0.0, 1.0];
    }
    let rough = largest / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough).unwrap_or(rough);
    let count = (largest / step).ceil() as usize;
    (0..=count).map(|n| n as f64 * step).collect()
}

fn powers(smallest: f64, largest: f64) -> Vec<f64> {
    let (from, to) = (smallest.max(1e-9).log10().floor() as i32, largest.max(1e-9).log10().ceil() as i32);
    (from..=to.max(from + 1)).map(|power| 10f64.powi(power)).collect()
}

fn extent(series: &[Series], part: fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let all = series.iter().flat_map(|one| one.points.iter().map(part));
    all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

#[derive(Debug, Clone, Copy)]
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// On the picture.
    from: f64,
    to: f64,
}

impl Axis {
    fn new(scale: Scale, marks: &[f64], from: f64, to: f64) -> Self {
        let places = marks.iter().map(|mark| scale.place(*mark));
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), place| (l.min(place), h.max(place)));
        Self { scale, low, high: if high > low { high } else { low + 1.0 }, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (self.scale.place(value) - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

/// Lines through points. `x` and `y` are the words under and beside the plot.
pub fn lines(series: &[Series], x: (&str, Scale), y: (&str, Scale)) -> String {
    let ((x_low, x_high), (y_low, y_high)) = (extent(series, |point| point.0), extent(series, |point| point.1));
    let marks = |scale, low, high| match scale {
        Scale::Straight => ticks(high),
        Scale::Powers => powers(low, high),
        Scale::Nines => vec![0.0, 90.0, 99.0, 99.9, 99.99],
    };
    let (x_marks, y_marks) = (marks(x.1, x_low, x_high), marks(y.1, y_low, y_high));
    let across = Axis::new(x.1, &x_marks, LEFT, WIDTH - RIGHT);
    let up = Axis::new(y.1, &y_marks, HEIGHT - BOTTOM, TOP);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} over {}\">",
        escape(y.0),
        escape(x.0)
    );
    // Writing to a String cannot fail.
    for mark in &y_marks {
        let at = up.at(*mark);
        let _ =
            write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>", WIDTH - RIGHT);
        let _ = write!(
            svg,
            "<text class=\"mark\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            at + 4.0,
            plain(*mark)
        );
    }
    for mark in &x_marks {
        let (at, suffix) = (across.at(*mark), if x.1 == Scale::Nines { " %" } else { "" });
        let _ = write!(
            svg,
            "<text class=\"mark\" x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{mark}{suffix}</text>",
            HEIGHT - BOTTOM + 18.0
        );
    }
    let _ = write!(
        svg,
        "<text class=\"word\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        HEIGHT - 8.0,
        escape(x.0)
    );
    let middle = f64::midpoint(TOP, HEIGHT - BOTTOM);
    let _ = write!(
        svg,
        "<text class=\"word\" transform=\"translate(14 {middle}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        escape(y.0)
    );
    for one in series {
        let points: Vec<String> =
            one.points.iter().map(|(px, py)| format!("{:.1},{:.1}", across.at(*px), up.at(*py))).collect();
        let _ = write!(svg, "<polyline class=\"line c{}\" points=\"{}\"/>", one.colour, points.join(" "));
        for (px, py) in &one.points {
            let _ = write!(
                svg,
                "<circle class=\"dot c{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"><title>{}: {} at {}</title></circle>",
                one.colour,
                across.at(*px),
                up.at(*py),
                escape(&one.name),
                plain(*py),
                px
            );
        }
    }
    svg + "</svg>"
}

/// One bar.
#[derive(Debug, Clone)]
pub struct Bar {
    pub name: String,
    pub colour: usize,
    pub value: f64,
    /// Smallest and largest, drawn as a thin line.
    pub range: (f64, f64),
    /// After the value, for example a ratio.
    pub remark: String,
}

/// Bars from zero, one below the other, with their values at their ends.
pub fn bars(bars: &[Bar], unit: &str) -> String {
    let height = bars.len() as f64 * (BAR_HEIGHT + BAR_GAP) + BAR_GAP;
    let largest = bars.iter().map(|bar| bar.value.max(bar.range.1)).fold(0.0, f64::max);
    let width =
        |value: f64| if largest > 0.0 { value.max(0.0) / largest * (WIDTH - BAR_LEFT - BAR_RIGHT) } else { 0.0 };
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">");
    for (index, bar) in bars.iter().enumerate() {
        let top = BAR_GAP + index as f64 * (BAR_HEIGHT + BAR_GAP);
        let (middle, text) = (top + BAR_HEIGHT / 2.0, top + BAR_HEIGHT / 2.0 + 4.5);
        let _ = write!(
            svg,
            "<text class=\"word\" x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>",
            BAR_LEFT - 10.0,
            escape(&bar.name)
        );
        let _ = write!(
            svg,
            "<rect class=\"bar c{}\" x=\"{BAR_LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>",
            bar.colour,
            width(bar.value).max(1.0)
        );
        let (low, high) = (BAR_LEFT + width(bar.range.0), BAR_LEFT + width(bar.range.1));
        if high > low {
            let _ = write!(
                svg,
                "<line class=\"spread\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>"
            );
        }
        let end = BAR_LEFT + width(bar.value.max(bar.range.1)) + 8.0;
        let _ = write!(
            svg,
            "<text class=\"value\" x=\"{end:.1}\" y=\"{text}\">{} {}<tspan class=\"mark\"> {}</tspan></text>",
            plain(bar.value),
            escape(unit),
            escape(&bar.remark)
        );
    }
    svg + "</svg>"
}

/// Ratios of one thing: its words, where it was measured, and for each other proxy name, colour and ratio.
#[derive(Debug, Clone)]
pub struct Ratios {
    pub name: String,
    pub place: String,
    pub dots: Vec<(String, usize, f64)>,
}

/// Where the scale of ratios begins; it ends at the first power of ten that holds all, at the least at 10.
const RATIO_LEFT: f64 = 350.0;
/// Two lines of words.
const RATIO_HEIGHT: f64 = 30.0;

/// Dots over powers of ten, with a line at 1: left of it the first proxy needs less.
pub fn ratios(rows: &[Ratios]) -> String {
    let height = rows.len() as f64 * (RATIO_HEIGHT + BAR_GAP) + BAR_GAP + BOTTOM - 20.0;
    let all = || rows.iter().flat_map(|row| row.dots.iter().map(|(_, _, ratio)| *ratio));
    let marks = powers(all().fold(0.1, f64::min), all().fold(10.0, f64::max));
    let across = Axis::new(Scale::Powers, &marks, RATIO_LEFT, WIDTH - RIGHT);
    let end = height - BOTTOM + 20.0;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"ratios\">");
    for mark in &marks {
        let (at, class) = (across.at(*mark), if *mark == 1.0 { "one" } else { "grid" });
        let _ = write!(svg, "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{end}\"/>");
        let _ = write!(
            svg,
            "<text class=\"mark\" x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">×{mark}</text>",
            end + 16.0
        );
    }
    for (index, row) in rows.iter().enumerate() {
        let middle = BAR_GAP + index as f64 * (RATIO_HEIGHT + BAR_GAP) + RATIO_HEIGHT / 2.0;
        for (class, below, words) in [("word", -2.0, &row.name), ("mark", 13.0, &row.place)] {
            let _ = write!(
                svg,
                "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                RATIO_LEFT - 12.0,
                middle + below,
                escape(words)
            );
        }
        for (name, colour, ratio) in &row.dots {
            let at = across.at(*ratio);
            let _ = write!(
                svg,
                "<circle class=\"dot c{colour}\" cx=\"{at:.1}\" cy=\"{middle}\" r=\"6\"><title>×{ratio:.2} of {}</title></circle>",
                escape(name)
            );
        }
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_reach_the_largest() {
        assert_eq!(ticks(9000.0), [0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10000.0]);
        assert_eq!(ticks(0.37).len(), 5);
        assert_eq!(ticks(0.0), [0.0, 1.0]);
        assert_eq!(powers(30.0, 900.0), [10.0, 100.0, 1000.0]);
        assert_eq!(powers(10.0, 10.0), [10.0, 100.0]);
    }

    #[test]
    fn each_nine_takes_as_much_room() {
        let place = |value| Scale::Nines.place(value);
        assert!((place(99.0) - 2.0 * place(90.0)).abs() < 1e-6);
        assert!((place(99.9) - 3.0 * place(90.0)).abs() < 1e-6);
        assert!(place(100.0).is_finite());
    }

    #[test]
    fn all_points_lie_within_the_picture() {
        let series =
            [Series { name: "a<b".into(), colour: 0, points: vec![(0.0, 30.0), (50.0, 40.0), (100.0, 9000.0)] }];
        let svg = lines(&series, ("share", Scale::Nines), ("us", Scale::Powers));
        assert!(svg.contains("a&lt;b") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        for point in points.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{point}");
        }
    }

    #[test]
    fn ratios_have_a_line_at_one() {
        let row = Ratios {
            name: "cpu".into(),
            place: "echo".into(),
            dots: vec![("b".into(), 1, 0.004), ("c".into(), 2, 1.5)],
        };
        let svg = ratios(&[row]);
        assert_eq!(svg.matches("class=\"one\"").count(), 1);
        assert!(svg.contains("×0.001<") && svg.contains("×10<") && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn bars_of_nothing_are_still_a_picture() {
        let bar = Bar { name: "a".into(), colour: 1, value: 0.0, range: (0.0, 0.0), remark: String::new() };
        assert!(!bars(&[bar], "B").contains("NaN"));
    }
}
