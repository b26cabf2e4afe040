//! The report as a reader sees it, in a headless Chromium; and the runs that are committed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no")]

#[path = "support/chromium.rs"]
mod chromium;
mod support;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chromium::Page;
use serde_json::{Value, json};
use support::{PROGRAM, is_there};

const PROXIES: [&str; 3] = ["longhaul", "nginx", "haproxy"];

/// Every figure with a plot of its own.
const FIGURES: [&str; 17] = [
    "user_bytes_per_tunnel",
    "user_bytes_per_connection",
    "kernel_bytes_beyond_sockets",
    "idle_cpu_percent",
    "cpu_us_per_tunnel",
    "descriptors_per_tunnel",
    "cpu_us_per_trip",
    "trips_per_second",
    "cpu_s_per_gb",
    "cpu_us_per_open",
    "storm_seconds",
    "storm_failures",
    "cpu_us_per_request",
    "requests_per_second",
    "latency_p50_us",
    "latency_p99_us",
    "send_lag_p99_us",
];

fn report(folder: &Path) {
    let output = Command::new(PROGRAM).arg("report").arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The raw files of a run in which every scenario has something of each kind, with `report` made of them.
fn run(folder: &Path) {
    let matrix = include_str!("../matrix/quick.txt");
    let (mut facts, mut readings) = (String::new(), "round,scenario,proxy,figure,at,value\n".to_owned());
    let mut curves = "round,scenario,proxy,percent,us\n".to_owned();
    let names = matrix.lines().filter_map(|line| Some(line.split_once(':')?.0));
    for (number, proxy) in PROXIES.iter().enumerate() {
        writeln!(facts, "proxy {proxy}: {proxy} version 1.{number} <beta>").unwrap();
        let factor = (number + 1) as f64;
        for name in names.clone().filter(|name| !name.starts_with('#')) {
            for round in 1..=3 {
                for at in [1000, 5000, 9000] {
                    writeln!(readings, "{round},{name},{proxy},user_bytes,{at},{}", f64::from(at) * 100.0 * factor)
                        .unwrap();
                    writeln!(readings, "{round},{name},{proxy},kernel_bytes,{at},{}", f64::from(at) * 7e3 * factor)
                        .unwrap();
                }
                for figure in FIGURES {
                    writeln!(readings, "{round},{name},{proxy},{figure},0,{}", factor * 10.0 + f64::from(round))
                        .unwrap();
                }
                for (percent, us) in [(0.0, 20.0), (50.0, 90.0), (99.0, 400.0), (99.99, 3000.0)] {
                    writeln!(curves, "{round},{name},{proxy},{percent},{}", us * factor).unwrap();
                }
            }
        }
    }
    for (scenario, figure) in
        [("churn", "cpu_us_per_open"), ("http", "cpu_us_per_request"), ("wrk", "cpu_us_per_request")]
    {
        for round in 1..=3 {
            writeln!(readings, "{round},{scenario},bare calls,{figure},0,{}", 7 + round).unwrap();
            writeln!(curves, "{round},{scenario},bare calls,50,30").unwrap();
            if scenario == "churn" {
                writeln!(readings, "{round},churn,bare calls with half-close,{figure},0,{}", 8 + round).unwrap();
            }
        }
    }
    facts += "when: 2026-01-02T03:04:05Z\nkernel: 6.1 & more\n";
    let faults = "round,scenario,proxy,reason\n1,bulk,nginx,\"ended with \"\"no\"\", twice <b>\"\n";
    for (name, text) in [
        ("run.txt", facts.as_str()),
        ("matrix.txt", matrix),
        ("readings.csv", &readings),
        ("curves.csv", &curves),
        ("faults.csv", faults),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    report(folder);
}

/// For each plot: its words, the proxies whose marks lie within it and can be seen, and whether its text is in reach.
const PLOTS: &str = r"
    [...document.querySelectorAll('svg')].map(svg => {
        const frame = svg.getBoundingClientRect();
        const within = box => box.left >= frame.left - 1 && box.right <= frame.right + 1
            && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
        const seen = number => [...svg.querySelectorAll('.c' + number)].some(mark => {
            const box = mark.getBoundingClientRect();
            const style = getComputedStyle(mark);
            const paint = style.fill == 'none' ? style.stroke : style.fill;
            return (box.width > 0 || box.height > 0) && within(box) && paint != 'none' && style.visibility == 'visible';
        });
        const texts = [...svg.querySelectorAll('text')];
        return {
            words: svg.getAttribute('aria-label'),
            area: frame.width * frame.height,
            seen: [0, 1, 2, 3, 4, 5].filter(seen),
            outside: texts.filter(text => !within(text.getBoundingClientRect())).map(text => text.textContent),
        };
    })";

/// Opens the report of a folder and holds it against what a reader may expect. `has_all`: there is a reading of each
/// proxy for each plot. A real run may lack one, as where a proxy did not fill its core; its plots together show all.
fn inspect(page: &mut Page, folder: &Path, proxies: usize, has_all: bool) {
    let file = folder.canonicalize().unwrap().join("report.html");
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        page.ask("Emulation.setEmulatedMedia", &features);
        page.load(&file);
        let plots = page.evaluate(PLOTS);
        let plots: &Vec<Value> = plots.as_array().unwrap();
        assert!(!plots.is_empty());
        let shows = |proxy: usize| plots.iter().any(|plot| plot["seen"].as_array().unwrap().contains(&json!(proxy)));
        assert!((0..proxies).all(shows), "{scheme}: a proxy is in no plot");
        for plot in plots {
            // Where all are compared with the first, that one is the line.
            let first = usize::from(plot["words"] == "ratios");
            let all: Vec<usize> = (first..proxies).collect();
            let is_as_expected = if has_all {
                plot["seen"] == json!(all)
            } else {
                plot["seen"].as_array().is_some_and(|seen| !seen.is_empty() && seen.len() <= all.len())
            };
            assert!(is_as_expected, "{scheme}: {plot}");
            assert!(plot["area"].as_f64().unwrap() > 1000.0, "{scheme}: {plot}");
            assert_eq!(plot["outside"], json!([]), "{scheme}: {plot}");
        }
        let scroll = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(scroll, json!(0), "{scheme}: the page is wider than its window");
        backgrounds.push(page.evaluate("getComputedStyle(document.body).backgroundColor"));
        assert_eq!(page.complaints(), Vec::<String>::new(), "{scheme}");
    }
    assert_ne!(backgrounds[0], backgrounds[1], "light and dark are alike");
}

/// A folder for the browser's own files.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_report_opens_without_an_error_and_shows_all_proxies_in_all_plots() {
    let program = chromium::program();
    if !is_there("a report", "chromium", program.is_some()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    run(folder.path());
    let scratch = scratch();
    let mut page = Page::open(program.unwrap(), scratch.path());
    inspect(&mut page, folder.path(), PROXIES.len(), true);
    let text = page.evaluate("document.body.innerText");
    let text = text.as_str().unwrap();
    for words in ["Targets", "longhaul version 1.0 <beta>", "6.1 & more", "ended with \"no\", twice <b>", "r² = 1.0000"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    // A floor is no proxy: it has a table of its own, and no place in another.
    let tables = page.evaluate("[...document.querySelectorAll('table')].map(table => table.innerText)");
    let with_floor = |table: &&Value| table.as_str().unwrap().contains("bare calls");
    assert_eq!(tables.as_array().unwrap().iter().filter(with_floor).count(), 1, "{tables}");
    for words in [
        "Bare calls",
        "wrk: CPU per request, us\tbare calls\t9 8–10\t×0.75\t×0.41\t×0.28",
        "handshake and close, us\tbare calls with half-close\t10 9–11\t×0.83",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let sections = page.evaluate("[...document.querySelectorAll('h2')].map(head => head.textContent)");
    for name in ["memory", "log-memory", "mixed", "kept"] {
        assert!(sections.as_array().unwrap().contains(&json!(name)), "{name} in {sections}");
    }
}

/// A page that does what a report must not, so that it is known that it would be seen.
#[test]
fn errors_of_a_page_are_seen() {
    let program = chromium::program();
    if !is_there("a broken page", "chromium", program.is_some()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("page.html");
    fs::write(&file, "<!doctype html><img src=\"http://127.0.0.1:1/x.png\"><script>console.error('e'); f()</script>")
        .unwrap();
    let scratch = scratch();
    let mut page = Page::open(program.unwrap(), scratch.path());
    page.load(&file);
    page.evaluate("1");
    let complaints = page.complaints().join("\n");
    for word in ["consoleAPICalled", "exceptionThrown", "requestWillBeSent"] {
        assert!(complaints.contains(word), "{word} in {complaints}");
    }
}

/// The folders under `runs`, each with the number of its proxies.
fn committed() -> Vec<(PathBuf, usize)> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("runs")).unwrap();
    let folders = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let with_proxies = |folder: PathBuf| {
        let facts = fs::read_to_string(folder.join("run.txt")).unwrap();
        let count = facts.lines().filter(|line| line.starts_with("proxy ")).count();
        (folder, count)
    };
    folders.map(with_proxies).collect()
}

#[test]
fn what_is_derived_of_committed_runs_is_what_their_raw_files_give() {
    for (committed, _) in committed() {
        let folder = tempfile::tempdir().unwrap();
        // The section for the README names the folder.
        let folder = folder.path().join(committed.file_name().unwrap());
        fs::create_dir(&folder).unwrap();
        for name in ["run.txt", "matrix.txt", "readings.csv", "curves.csv", "faults.csv"] {
            fs::copy(committed.join(name), folder.join(name)).unwrap();
        }
        report(&folder);
        for name in ["table.md", "readme.md", "report.html"] {
            let is_same = fs::read(folder.join(name)).unwrap() == fs::read(committed.join(name)).unwrap();
            assert!(is_same, "{name}: run `longhaul-loadtest report {}`", committed.display());
        }
    }
}

#[test]
fn committed_runs_open_without_an_error_and_name_no_place_of_their_machine() {
    let runs = committed();
    let program = chromium::program();
    if runs.is_empty() || !is_there("committed runs", "chromium", program.is_some()) {
        return;
    }
    let scratch = scratch();
    let mut page = Page::open(program.unwrap(), scratch.path());
    for (folder, proxies) in runs {
        inspect(&mut page, &folder, proxies, false);
        let raw = ["run.txt", "faults.csv"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
        let own = [env!("CARGO_MANIFEST_DIR"), "/home/", "/root/"];
        assert!(!own.iter().any(|path| raw.concat().contains(path)), "{}", folder.display());
    }
}
