//! One limit: at how many tunnels it binds, where it stands, and what moves it.

use std::fmt::Write;

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable: scripts look for it.
    pub name: &'static str,
    pub kind: Kind,
    pub bound: Bound,
    /// Where it stands, in a line.
    pub stands: String,
    /// What to set for the tunnels that are aimed at; empty where nothing is needed or nothing can be set.
    pub remedies: Vec<Remedy>,
}

/// What the number of tunnels means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// So many can be held.
    Held,
    /// So many can do something at the same moment; it says nothing of how many are held.
    Moment,
}

/// The number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    At(u64),
    /// What it depends on could not be read.
    Unknown,
    /// It does not bind.
    None,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    pub stage: Stage,
    /// What to run or to change, now.
    pub action: String,
    /// What makes it last, when that is something else.
    pub keep: Option<String>,
}

/// When it is its turn: a later stage is refused, or without effect, before an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The machine, and whatever the setting cannot give.
    Machine,
    Kernel,
    /// The unit of the service, or `limits.d`.
    Service,
    Configuration,
}

impl Stage {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Kernel => "kernel",
            Self::Service => "service",
            Self::Configuration => "configuration",
        }
    }
}

/// The file that the lines of `sysctl` go to.
pub const SYSCTL_FILE: &str = "/etc/sysctl.d/99-longhaul.conf";

impl Finding {
    #[must_use]
    pub fn held(name: &'static str, bound: Bound, stands: String) -> Self {
        Self { name, kind: Kind::Held, bound, stands, remedies: Vec::new() }
    }

    #[must_use]
    pub fn moment(name: &'static str, bound: Bound, stands: String) -> Self {
        Self { name, kind: Kind::Moment, bound, stands, remedies: Vec::new() }
    }

    /// What it depends on is in none of the files read.
    #[must_use]
    pub fn unknown(name: &'static str) -> Self {
        Self::held(name, Bound::Unknown, "could not be read".to_owned())
    }

    /// Adds what to do.
    #[must_use]
    pub fn with(mut self, remedies: impl IntoIterator<Item = Remedy>) -> Self {
        self.remedies.extend(remedies);
        self
    }

    /// Whether so many tunnels are more than it lets be held.
    #[must_use]
    pub fn is_short_of(&self, tunnels: u64) -> bool {
        match (self.kind, self.bound) {
            (Kind::Held, Bound::At(most)) => most < tunnels,
            (Kind::Held, Bound::Unknown | Bound::None) | (Kind::Moment, _) => false,
        }
    }
}

impl Remedy {
    /// A kernel setting: now, and at the next boot.
    #[must_use]
    pub fn sysctl(name: &str, value: impl std::fmt::Display) -> Self {
        let value = value.to_string();
        let quote = if value.contains(' ') { "\"" } else { "" };
        Self {
            stage: Stage::Kernel,
            action: format!("sysctl -w {quote}{name}={value}{quote}"),
            keep: Some(format!("{name} = {value}  in {SYSCTL_FILE}")),
        }
    }

    /// A line of the unit, which a service needs, with what a login needs in its place.
    #[must_use]
    pub fn unit(line: &str, otherwise: &str) -> Self {
        let action = format!("{line}  in [Service] of the unit (systemctl edit longhaul), or {otherwise}");
        Self { stage: Stage::Service, action, keep: None }
    }

    #[must_use]
    pub fn directive(line: String) -> Self {
        Self { stage: Stage::Configuration, action: line, keep: None }
    }

    #[must_use]
    pub fn machine(text: String) -> Self {
        Self { stage: Stage::Machine, action: text, keep: None }
    }
}

/// `1,048,576`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3 GB`: thousands, as sellers of memory and the kernel's `kB` lines nearly do.
#[must_use]
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = if unit == "B" || value >= 100.0 {
        write!(text, "{value:.0} {unit}")
    } else {
        write!(text, "{value:.1} {unit}")
    };
    text
}

/// `1 shard`, `2 shards`.
#[must_use]
pub fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_to_be_read() {
        assert_eq!([0, 999, 1000, 1_048_576].map(grouped), ["0", "999", "1,000", "1,048,576"]);
        assert_eq!([999, 8_000, 24_600_000_000, 250_000_000].map(bytes), ["999 B", "8.0 kB", "24.6 GB", "250 MB"]);
        assert_eq!([counted(1, "shard"), counted(2, "shard")], ["1 shard", "2 shards"]);
    }

    #[test]
    fn a_setting_with_blanks_is_quoted_for_the_shell() {
        let remedy = Remedy::sysctl("net.ipv4.ip_local_port_range", "1024 65535");
        assert_eq!(remedy.action, "sysctl -w \"net.ipv4.ip_local_port_range=1024 65535\"");
        assert_eq!(Remedy::sysctl("fs.nr_open", 7).action, "sysctl -w fs.nr_open=7");
    }

    #[test]
    fn only_what_limits_held_tunnels_can_be_short() {
        let held = |bound| Finding::held("x", bound, String::new());
        assert!(held(Bound::At(9)).is_short_of(10) && !held(Bound::At(10)).is_short_of(10));
        assert!(!held(Bound::None).is_short_of(u64::MAX) && !held(Bound::Unknown).is_short_of(1));
        assert!(!Finding::moment("x", Bound::At(1), String::new()).is_short_of(10));
    }
}
