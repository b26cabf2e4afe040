//! User memory of a process by mapping, from `smaps`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

/// Bytes that the process has written, by mapping: not its code, which comes as it runs.
#[derive(Debug, Clone, Default)]
pub struct PrivateMemory {
    mappings: BTreeMap<String, u64>,
}

impl PrivateMemory {
    pub fn of(pid: u32) -> Self {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap_or_default();
        let mut mappings = BTreeMap::new();
        let mut mapping = String::new();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let first = words.next().unwrap_or_default();
            if !first.ends_with(':') {
                // Where it begins, and its name: it may grow at its end.
                let start = first.split('-').next().unwrap_or_default();
                mapping = format!("{start} {}", words.nth(4).unwrap_or("anonymous"));
            } else if first == "Anonymous:" {
                // Of a binary that was linked just now all that was read of it is dirty too.
                let kib: u64 = words.next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
                mappings.insert(mapping.clone(), kib * 1024);
            }
        }
        Self { mappings }
    }

    pub fn bytes(&self) -> u64 {
        self.mappings.values().sum()
    }

    /// A line for each mapping that has more now than it had before.
    pub fn difference(&self, before: &Self) -> String {
        let mut text = String::new();
        for (mapping, now) in &self.mappings {
            let was = before.mappings.get(mapping).copied().unwrap_or(0);
            if *now > was {
                writeln!(text, "{mapping}: {was} bytes, now {now}").expect("memory");
            }
        }
        text
    }
}
