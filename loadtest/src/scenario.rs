//! What is measured: a mode with its numbers, written as one line of a matrix file.
//!
//! `sparse: echo tunnels=9000 busy=50 bytes=64 seconds=2`. Pure text; knows nothing of how a mode is run.

use std::fmt;
use std::time::Duration;

use crate::floor::FLOORS;

pub const QUICK: &str = include_str!("../matrix/quick.txt");
pub const FULL: &str = include_str!("../matrix/full.txt");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Opens tunnels in steps and holds them: memory, descriptors, idle CPU.
    Idle,
    /// Small messages over some of the tunnels, at a rate or as fast as answers come.
    Echo,
    /// Large messages both ways at once.
    Bulk,
    /// Open, verified handshake, close.
    Churn,
    /// All clients go and come back at once.
    Storm,
    /// Bulk on some tunnels beside echoes at a rate on others.
    Mixed,
    /// Requests over kept connections.
    Http,
    /// Connections that made a request and stay open without another.
    Kept,
    /// Requests over kept connections, as `http`, by the program `wrk` in place of our own client.
    Wrk,
}

pub const MODES: [(Mode, &str); 9] = [
    (Mode::Idle, "idle"),
    (Mode::Echo, "echo"),
    (Mode::Bulk, "bulk"),
    (Mode::Churn, "churn"),
    (Mode::Storm, "storm"),
    (Mode::Mixed, "mixed"),
    (Mode::Http, "http"),
    (Mode::Kept, "kept"),
    (Mode::Wrk, "wrk"),
];

impl Mode {
    pub fn word(self) -> &'static str {
        MODES.iter().find(|(mode, _)| *mode == self).map_or("", |(_, word)| word)
    }

    /// What is held open, in words.
    pub fn held(self) -> &'static str {
        if self == Self::Kept { "connections" } else { "tunnels" }
    }

    /// Whether nothing moves while it is measured.
    pub fn is_quiet(self) -> bool {
        matches!(self, Self::Idle | Self::Kept)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub mode: Mode,
    /// Held open.
    pub tunnels: u32,
    /// Of these, with traffic; in `churn`, `http` and `wrk` how many at once.
    pub busy: u32,
    /// Beside the busy ones, with bulk (`mixed`).
    pub bulk: u32,
    /// Payload of a message, or body of a response.
    pub bytes: u32,
    /// Megabytes in a second over all bulk each way; 0 for as many as there can be.
    pub bulk_rate: u32,
    /// Messages in a second over all; 0 for as fast as answers come.
    pub rate: u32,
    /// In how many steps the tunnels are opened (`idle`).
    pub steps: u32,
    /// The measured time; a third of it goes before, unmeasured.
    pub seconds: f64,
    /// At most so many rounds of this scenario; 0 for as many as of the others.
    pub rounds: u32,
    pub tls: bool,
    /// With an access log in nginx's `combined` form.
    pub log: bool,
}

impl Scenario {
    /// The defaults of a mode.
    pub fn new(mode: Mode) -> Self {
        let (tunnels, busy, bulk, bytes, rate, steps) = match mode {
            Mode::Idle => (9000, 0, 0, 64, 0, 5),
            Mode::Echo => (1000, 1000, 0, 64, 0, 1),
            Mode::Bulk => (4, 4, 0, 1 << 20, 0, 1),
            Mode::Churn => (0, 32, 0, 0, 0, 1),
            Mode::Storm => (4000, 0, 0, 0, 0, 1),
            Mode::Mixed => (204, 200, 4, 64, 2000, 1),
            Mode::Http | Mode::Wrk => (0, 100, 0, 1024, 0, 1),
            Mode::Kept => (9000, 0, 0, 64, 0, 5),
        };
        let name = mode.word().to_owned();
        Self {
            name,
            mode,
            tunnels,
            busy,
            bulk,
            bulk_rate: 0,
            bytes,
            rate,
            steps,
            seconds: 2.0,
            rounds: 0,
            tls: false,
            log: false,
        }
    }

    pub fn wrap_in_tls(&mut self) {
        self.tls = true;
        self.name.insert_str(0, "tls-");
    }

    /// Whether this is the same work, whatever it is called and however long and often it is done.
    pub fn is_same_work(&self, other: &Self) -> bool {
        let work = |one: &Self| Self { name: String::new(), seconds: 0.0, rounds: 0, steps: 0, ..one.clone() };
        work(self) == work(other)
    }

    /// How many of the proxies that only make the calls have a figure of their own here: they know neither TLS nor logs.
    pub fn floors(&self) -> usize {
        match self.mode {
            _ if self.tls || self.log => 0,
            Mode::Churn => FLOORS.len(),
            // They differ in ends, and a connection that is kept has its one after all its requests.
            Mode::Http | Mode::Wrk => 1,
            Mode::Idle | Mode::Echo | Mode::Bulk | Mode::Mixed | Mode::Storm | Mode::Kept => 0,
        }
    }

    /// What a proxy needs at the least for each that is held: one for the client, and for a tunnel one for the peer.
    pub fn descriptors_each(&self) -> u64 {
        if self.mode == Mode::Kept { 1 } else { 2 }
    }

    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub fn warm_up(&self) -> Duration {
        self.window() / 3
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = |wanted: &str| format!("`{key}={value}`: {wanted}");
        let number = || value.parse::<u32>().map_err(|_| wrong("wants a whole number"));
        match key {
            "tunnels" => self.tunnels = number()?,
            "busy" => self.busy = number()?,
            "bulk" => self.bulk = number()?,
            "bulk_rate" => self.bulk_rate = number()?,
            "bytes" => self.bytes = number()?,
            "rate" => self.rate = number()?,
            "steps" => self.steps = number()?,
            "rounds" => self.rounds = number()?,
            "seconds" => self.seconds = value.parse().map_err(|_| wrong("wants seconds, for example 2.5"))?,
            "tls" => self.tls = value.parse().map_err(|_| wrong("wants true or false"))?,
            "log" => self.log = value.parse().map_err(|_| wrong("wants true or false"))?,
            _ => {
                return Err(wrong(
                    "not a key; known are tunnels, busy, bulk, bulk_rate, bytes, rate, steps, rounds, seconds, tls, log",
                ));
            }
        }
        Ok(())
    }

    /// What would measure nothing, or for ever.
    pub fn check(&self) -> Result<(), String> {
        if !(self.seconds > 0.0 && self.seconds <= 3600.0) {
            return Err(format!("seconds={}: more than 0, at most 3600", self.seconds));
        }
        let with_traffic = self.busy + self.bulk;
        let of_tunnels = !matches!(self.mode, Mode::Churn | Mode::Http | Mode::Wrk);
        if of_tunnels && with_traffic > self.tunnels {
            return Err(format!("busy and bulk are {with_traffic} of only {} tunnels", self.tunnels));
        }
        match self.mode {
            Mode::Idle | Mode::Kept | Mode::Storm if self.tunnels == 0 => {
                Err("tunnels=0 leaves nothing to hold".to_owned())
            }
            Mode::Echo | Mode::Bulk | Mode::Churn | Mode::Http | Mode::Mixed | Mode::Wrk if self.busy == 0 => {
                Err("busy=0 leaves nothing to measure".to_owned())
            }
            Mode::Wrk if self.seconds.fract() > 0.0 => Err(format!("seconds={}: wrk counts whole ones", self.seconds)),
            Mode::Mixed if self.bulk == 0 || self.rate == 0 => Err("mixed wants bulk= and rate=".to_owned()),
            Mode::Idle | Mode::Kept if self.steps == 0 => Err("steps=0: at least 1".to_owned()),
            Mode::Idle
            | Mode::Echo
            | Mode::Bulk
            | Mode::Churn
            | Mode::Storm
            | Mode::Mixed
            | Mode::Http
            | Mode::Kept
            | Mode::Wrk => Ok(()),
        }
    }
}

impl fmt::Display for Scenario {
    /// The line that parses to this scenario again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::new(self.mode);
        write!(f, "{}: {}", self.name, self.mode.word())?;
        let numbers = [
            ("tunnels", self.tunnels, default.tunnels),
            ("busy", self.busy, default.busy),
            ("bulk", self.bulk, default.bulk),
            ("bulk_rate", self.bulk_rate, default.bulk_rate),
            ("bytes", self.bytes, default.bytes),
            ("rate", self.rate, default.rate),
            ("steps", self.steps, default.steps),
            ("rounds", self.rounds, default.rounds),
        ];
        for (key, value, _) in numbers.iter().filter(|(_, value, default)| value != default) {
            write!(f, " {key}={value}")?;
        }
        write!(f, " seconds={}", self.seconds)?;
        let switches = [("tls", self.tls), ("log", self.log)];
        switches.iter().filter(|(_, on)| *on).try_for_each(|(key, _)| write!(f, " {key}=true"))
    }
}

/// One line: `NAME: MODE key=value …`; the name may be left out.
pub fn parse(line: &str) -> Result<Scenario, String> {
    let (name, rest) = match line.split_once(':') {
        Some((name, rest)) => (Some(name.trim()), rest),
        None => (None, line),
    };
    let mut words = rest.split_whitespace();
    let word = words.next().ok_or("a mode is missing")?;
    let known = || MODES.map(|(_, word)| word).join(", ");
    let found = MODES.iter().find(|(_, name)| *name == word);
    let (mode, _) = found.ok_or_else(|| format!("`{word}` is not a mode; known are {}", known()))?;
    let mut scenario = Scenario::new(*mode);
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        name.clone_into(&mut scenario.name);
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !scenario.name.chars().all(is_plain) {
        return Err(format!("`{}`: a name is letters, digits, - and _", scenario.name));
    }
    let mut busy_given = false;
    for pair in words {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}`: wants key=value"))?;
        busy_given |= key == "busy";
        scenario.set(key, value)?;
    }
    if !busy_given && matches!(scenario.mode, Mode::Echo | Mode::Bulk) {
        scenario.busy = scenario.tunnels;
    }
    scenario.check()?;
    Ok(scenario)
}

/// A matrix file: a scenario on each line, `#` begins a remark. Names are unique.
pub fn parse_matrix(text: &str) -> Result<Vec<Scenario>, String> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let scenario = parse(line).map_err(|error| format!("line {}: {error}", index + 1))?;
        if scenarios.iter().any(|known| known.name == scenario.name) {
            return Err(format!("line {}: `{}` is there already", index + 1, scenario.name));
        }
        scenarios.push(scenario);
    }
    if scenarios.is_empty() {
        return Err("no scenario in it; for example `echo: echo tunnels=1000 bytes=64`".to_owned());
    }
    Ok(scenarios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_parses_to_the_same() {
        for text in [QUICK, FULL] {
            for scenario in parse_matrix(text).unwrap() {
                assert_eq!(parse(&scenario.to_string()), Ok(scenario));
            }
        }
    }

    #[test]
    fn a_line_sets_what_it_names() {
        let scenario = parse("sparse: echo tunnels=9000 busy=50 seconds=1.5 tls=true").unwrap();
        assert_eq!((scenario.tunnels, scenario.busy, scenario.bytes), (9000, 50, 64));
        assert!(scenario.tls && scenario.mode == Mode::Echo && scenario.name == "sparse");
        assert_eq!(parse("echo tunnels=7").unwrap().busy, 7);
    }

    #[test]
    fn the_same_work_may_have_another_name_and_time() {
        let line = |text: &str| parse(text).unwrap();
        assert!(line("a: idle seconds=9 steps=3").is_same_work(&line("b: idle rounds=2")));
        assert!(!line("a: idle").is_same_work(&line("a: idle log=true")));
        assert!(!line("a: echo busy=5").is_same_work(&line("a: echo")));
    }

    #[test]
    fn wrong_lines_say_what_is_accepted() {
        let wrong = |line: &str| parse(line).unwrap_err();
        assert!(wrong("soak").contains("known are idle, echo"));
        assert!(wrong("echo tunnel=1").contains("known are tunnels"));
        assert!(wrong("echo tunnels=x").contains("whole number"));
        assert!(wrong("echo tunnels=5 busy=6").contains("only 5 tunnels"));
        assert!(wrong("a/b: echo").contains("a name is"));
        assert!(wrong("mixed rate=0").contains("rate="));
        assert!(wrong("wrk seconds=1.5").contains("whole ones"));
        assert!(wrong("idle seconds=0").contains("more than 0"));
        assert!(wrong("idle tunnels").contains("key=value"));
        assert!(parse_matrix("echo\n\necho # again").unwrap_err().contains("line 3: `echo` is there"));
        assert!(parse_matrix("# none").unwrap_err().contains("no scenario"));
    }
}
