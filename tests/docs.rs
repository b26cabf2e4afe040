//! What the documents say is what the program does: lists and help texts in README.md are generated, every example
//! loads, and every duplicate dependency has its reason.
//!
//! `LONGHAUL_REWRITE_DOCS=1 cargo test --test docs` writes the generated parts anew.

// A test says no by a panic, and so do the functions it calls.
#![allow(clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Setup, binary};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Asserts that the part of the file between the marks of that name is this text, or makes it so.
fn generated(file: &str, name: &str, text: &str) {
    let readme = read(file);
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->\n"));
    let start = readme.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
    let stop = start + readme[start..].find(&end).unwrap_or_else(|| panic!("no {end}"));
    let text = format!("{}\n", text.trim_end());
    if readme[start..stop] == text {
        return;
    }
    let wanted = std::env::var_os("LONGHAUL_REWRITE_DOCS").is_some_and(|value| value == "1");
    assert!(wanted, "{file}: `{name}` is out of date; run LONGHAUL_REWRITE_DOCS=1 cargo test --test docs");
    let new = [&readme[..start], &text, &readme[stop..]].concat();
    fs::write(root().join(file), new).expect("it can be written");
}

/// One after the other in one test: each rewrites the same file.
#[test]
fn generated_parts_of_the_documents() {
    let output = Command::new(binary()).arg("-h").output().expect("the binary runs");
    assert!(output.status.success());
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let help: String = help.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect();
    generated("README.md", "help", &help);
    generated("README.md", "directives", &longhaul::config::directive_list_markdown());
    generated("README.md", "variables", &longhaul::config::variable_list_markdown());
    generated("tuning/README.md", "sizing", &longhaul::control::sizing_markdown());
    let comparison = newest_run().map(|run| fs::read_to_string(run.join("readme.md")).expect("readable"));
    generated("README.md", "compare", &comparison.unwrap_or_else(|| "No run is committed yet.".to_owned()));
}

/// Where runs of `longhaul-loadtest compare` are committed, and the one that is the newest by its name.
fn newest_run() -> Option<PathBuf> {
    let entries = fs::read_dir(root().join("loadtest/runs")).expect("the folder of runs");
    let runs = entries.flatten().map(|entry| entry.path()).filter(|path| path.join("readme.md").is_file());
    runs.max()
}

/// The largest reading of a figure that the newest run has of longhaul.
fn largest_reading(figure: &str) -> Option<f64> {
    let text = fs::read_to_string(newest_run()?.join("readings.csv")).expect("readable");
    let rows = text.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let of_ours = rows.filter(|row| row.get(2) == Some(&"longhaul") && row.get(3) == Some(&figure));
    of_ours.map(|row| row[5].parse().expect("a number")).max_by(f64::total_cmp)
}

/// A prediction must not be too low, and one that is far too high sends people to buy memory.
#[test]
fn the_doctor_counts_on_somewhat_more_memory_than_was_measured() {
    use longhaul::limits::{TUNNEL_KERNEL_BYTES, TUNNEL_USER_BYTES};
    let Some(user) = largest_reading("user_bytes_per_tunnel") else { return };
    let range = user..=1.5 * user;
    assert!(range.contains(&(TUNNEL_USER_BYTES as f64)), "{TUNNEL_USER_BYTES} is not in {range:?}");
    // A machine without a memory cgroup has no such reading.
    let kernel = largest_reading("kernel_bytes_of_sockets").zip(largest_reading("kernel_bytes_beyond_sockets"));
    let Some((sockets, beyond)) = kernel else { return };
    let range = sockets + beyond..=1.1 * (sockets + beyond);
    assert!(range.contains(&(TUNNEL_KERNEL_BYTES as f64)), "{TUNNEL_KERNEL_BYTES} is not in {range:?}");
}

fn examples() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples")).expect("the examples");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn every_example_loads_without_a_warning() {
    for file in examples() {
        let text = fs::read_to_string(&file).expect("readable");
        let setup = Setup::new();
        setup.write(&text);
        let output = setup.command(&["-t", "-q"]).output().expect("the binary runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && errors.is_empty(), "{}: {errors}", file.display());
    }
}

#[test]
fn every_example_stands_in_the_readme_and_says_how_to_run_it() {
    let readme = read("README.md");
    for file in examples() {
        let name = format!("examples/{}", file.file_name().expect("a file").to_string_lossy());
        assert!(readme.contains(&format!("]({name})")), "README.md does not name {name}");
        assert!(read(&name).contains(&format!("#   longhaul -c {name}\n")), "{name} does not say how to run it");
    }
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    for name in ["README.md", "tuning/README.md", "loadtest/README.md", "loadtest/runs/README.md"] {
        let folder = root().join(name).parent().expect("a folder").to_owned();
        for part in read(name).split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            let is_local = !target.contains("://") && !target.starts_with('#');
            assert!(!is_local || folder.join(target).exists(), "{name}: no {target}");
        }
    }
}

/// The value of a setting in one of the files of `tuning/`, with what stands before it.
fn setting(file: &str, before: &str) -> u64 {
    let text = read(file);
    let line = text.lines().find_map(|line| line.strip_prefix(before));
    let value = line.unwrap_or_else(|| panic!("{file}: no line with {before}")).trim_start_matches([' ', '=']);
    value.parse().unwrap_or_else(|_| panic!("{file}: {before} has no number"))
}

#[test]
fn the_files_of_tuning_are_for_a_million_tunnels_and_agree() {
    let table = longhaul::control::sizing_markdown();
    let row = table.lines().find(|line| line.starts_with("| 1,000,000 |")).expect("a row");
    let cell = |number: usize| row.split('|').nth(number).expect("a cell").trim().replace(',', "").parse::<u64>();
    let (descriptors, most) = (cell(5).expect("a number"), cell(6).expect("a number"));
    assert_eq!(setting("tuning/systemd/longhaul.service", "LimitNOFILE"), descriptors);
    for kind in ["soft", "hard"] {
        let before = format!("longhaul {kind} nofile");
        assert_eq!(setting("tuning/limits.d/99-longhaul.conf", &before), descriptors);
    }
    assert!(setting("tuning/sysctl.d/99-longhaul.conf", "fs.nr_open") >= most);
    assert!(setting("tuning/sysctl.d/99-longhaul.conf", "fs.file-max") >= most);
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut files = Vec::new();
    for name in ["longhaul.service", "longhaul.socket"] {
        let text = read(&format!("tuning/systemd/{name}"));
        let file = folder.path().join(name);
        let program = binary().display().to_string();
        fs::write(&file, text.replace("/usr/local/bin/longhaul", &program)).expect("a file");
        files.push(file);
    }
    let Ok(output) = Command::new("systemd-analyze").arg("verify").args(&files).output() else {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("longhaul.")).collect();
    assert!(ours.is_empty(), "{said}");
}

/// Packages of other systems: named in Cargo.lock, never built.
fn is_foreign(name: &str) -> bool {
    name.starts_with("windows") || name == "r-efi"
}

#[test]
fn duplicate_versions_have_their_reason_in_deny_toml() {
    let lock = read("Cargo.lock");
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| package.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix('"'));
        let (Some(name), Some(version)) = (field("name = \""), field("version = \"")) else { continue };
        versions.entry(name).or_default().push(version);
    }
    let deny = read("deny.toml");
    let reason = |name: &str, version: &str| {
        let series = version.split('.').take(if version.starts_with("0.") { 2 } else { 1 }).collect::<Vec<_>>();
        let entry = format!("{{ name = \"{name}\", version = \"{}\", reason = \"", series.join("."));
        deny.contains(&entry)
    };
    for (name, found) in versions.iter().filter(|(name, found)| found.len() > 1 && !is_foreign(name)) {
        let without = found.iter().filter(|version| !reason(name, version)).count();
        assert!(without <= 1, "{name} {found:?}: name the older versions with their reason in deny.toml");
    }
    for line in deny.lines().filter(|line| line.trim_start().starts_with("{ name")) {
        let name = line.split('"').nth(1).expect("a name");
        let count = versions.get(name).map_or(0, Vec::len);
        assert!(count > 1, "{name} is no duplicate any more: take its line out of deny.toml");
    }
}

#[test]
fn every_end_of_a_tunnel_stands_in_the_readme() {
    use longhaul::observe::outcome::TunnelEnd;
    let readme = read("README.md");
    let line = readme.lines().find(|line| line.starts_with("| `$tunnel_end` |")).unwrap_or_default();
    for end in TunnelEnd::ALL {
        assert!(line.contains(&format!("`{}`", end.word())), "`{}` is missing", end.word());
    }
}
