//! How far a run is and how long it will take: a bar on a terminal, plain lines elsewhere.
//!
//! Writes to standard error only. The time left is the estimate of what remains, scaled by how the estimates did so far.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const BAR_CELLS: usize = 24;

#[derive(Debug)]
pub struct Progress {
    on_terminal: bool,
    start: Instant,
    /// Estimated seconds: of everything, and of what is done.
    total: f64,
    done: f64,
}

impl Progress {
    pub fn new(total_seconds: f64) -> Self {
        Self { on_terminal: std::io::stderr().is_terminal(), start: Instant::now(), total: total_seconds, done: 0.0 }
    }

    /// A step begins that was estimated at so many seconds.
    pub fn begin(&self, what: &str) {
        print(&self.line(what, self.start.elapsed().as_secs_f64()));
    }

    fn line(&self, what: &str, elapsed: f64) -> String {
        let left = duration(self.left(elapsed));
        if self.on_terminal {
            format!("\r\x1b[K{} {what} · {left} left", bar(self.share(), BAR_CELLS))
        } else {
            format!("{:3.0} % · {what} · {left} left\n", 100.0 * self.share())
        }
    }

    pub fn end(&mut self, seconds: f64) {
        self.done += seconds;
    }

    /// A line that stays.
    pub fn say(&self, text: &str) {
        let before = if self.on_terminal { "\r\x1b[K" } else { "" };
        print(&format!("{before}{text}\n"));
    }

    /// Whether steps estimated at `more` seconds would end within `time` from the start, by the pace so far.
    pub fn fits(&self, more: f64, time: Duration) -> bool {
        let elapsed = self.start.elapsed().as_secs_f64();
        elapsed + more * self.pace(elapsed) <= time.as_secs_f64()
    }

    fn pace(&self, elapsed: f64) -> f64 {
        if self.done > 0.0 { elapsed / self.done } else { 1.0 }
    }

    fn share(&self) -> f64 {
        if self.total > 0.0 { (self.done / self.total).min(1.0) } else { 1.0 }
    }

    fn left(&self, elapsed: f64) -> f64 {
        (self.total - self.done).max(0.0) * self.pace(elapsed)
    }
}

fn print(text: &str) {
    let mut out = std::io::stderr();
    // Progress is a courtesy: a closed terminal must not end a run.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn bar(share: f64, cells: usize) -> String {
    let full = (share * cells as f64).round() as usize;
    format!("[{}{}] {:3.0} %", "#".repeat(full), ".".repeat(cells - full.min(cells)), share * 100.0)
}

/// `1:05` or `2:00:00`.
pub fn duration(seconds: f64) -> String {
    let whole = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match whole {
        0..3600 => format!("{}:{:02}", whole / 60, whole % 60),
        _ => format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0.0, 4), "[....]   0 %");
        assert_eq!(bar(0.5, 4), "[##..]  50 %");
        assert_eq!(bar(1.0, 4), "[####] 100 %");
    }

    #[test]
    fn a_terminal_has_one_line_and_anything_else_a_line_for_each_step() {
        let mut progress = Progress::new(100.0);
        progress.end(50.0);
        progress.on_terminal = true;
        let bar = format!("[{}{}]  50 %", "#".repeat(12), ".".repeat(12));
        assert_eq!(progress.line("echo", 65.0), format!("\r\x1b[K{bar} echo · 1:05 left"));
        progress.on_terminal = false;
        assert_eq!(progress.line("echo", 65.0), " 50 % · echo · 1:05 left\n");
    }

    #[test]
    fn time_left_follows_the_pace_so_far() {
        let mut progress = Progress::new(100.0);
        assert_eq!(progress.left(0.0), 100.0);
        progress.end(20.0);
        assert_eq!(progress.left(40.0), 160.0);
        assert!(progress.fits(1.0, Duration::from_secs(1)) && !progress.fits(1e9, Duration::from_secs(1)));
        progress.end(90.0);
        assert_eq!(progress.left(40.0), 0.0);
        assert_eq!([65.4, 7200.0, -1.0].map(duration), ["1:05", "2:00:00", "0:00"]);
    }
}
