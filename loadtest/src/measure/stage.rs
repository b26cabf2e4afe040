//! One scenario on one proxy: what both are, what has been read so far, and a window of time in which all is counted.

use std::time::{Duration, Instant};

use crate::crew::{Counted, Crew};
use crate::host::cpu::CpuTime;
use crate::host::kernel_memory::Group;
use crate::host::{limits, process};
use crate::interrupt;
use crate::scenario::{Mode, Scenario};
use crate::stats::latency::Latencies;

/// A core is saturated from here on: the rest goes to timers and to whatever else runs.
const SATURATED_PERCENT: f64 = 95.0;
/// More waiting than this makes a window a picture of something else.
const WAIT_PERCENT_MAX: f64 = 10.0;
/// From the last opening until something of tunnels that are held is measured: what a proxy puts off until a tunnel has
/// lived for a second is a cost of its opening, not of holding it.
const SETTLED_AFTER: Duration = Duration::from_millis(1200);
/// Listeners, logs, pipes and rings of a proxy.
const DESCRIPTORS_SPARE: u64 = 100;
/// Shares that are kept of a distribution, for the curve.
const CURVE: [f64; 14] = [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0];

/// The proxy.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its first process; none when the target is not ours to look into.
    pub pid: Option<u32>,
    pub group: Result<&'a Group, String>,
    /// Kernel memory of two bare sockets in a cgroup of the same kind.
    pub bare_bytes: Result<f64, String>,
}

impl Subject<'_> {
    /// All its processes as of now.
    pub fn pids(&self) -> Vec<u32> {
        self.pid.map(process::tree).unwrap_or_default()
    }
}

#[derive(Debug)]
pub struct Stage<'a> {
    pub scenario: &'a Scenario,
    pub crew: &'a mut Crew,
    pub subject: Subject<'a>,
    /// Figure, place on its curve, value.
    pub readings: Vec<(&'static str, u32, f64)>,
    /// Share of all in percent, and the latency it had.
    pub curve: Vec<(f64, f64)>,
    pub faults: Vec<String>,
}

/// What happened in a measured time.
#[derive(Debug)]
pub struct Window {
    pub counted: Counted,
    pub seconds: f64,
    /// `None` without processes to look at.
    pub proxy_cpu: Option<Duration>,
    pub load_cpu: Duration,
    /// Whether the cores were proxy's and load's: else latencies and rates are somebody else's.
    undisturbed: bool,
}

/// What these processes have run so far; `None` without any.
fn cpu_of(pids: &[u32]) -> Result<Option<CpuTime>, String> {
    if pids.is_empty() { Ok(None) } else { CpuTime::of(pids).map(Some) }
}

impl<'a> Stage<'a> {
    pub fn new(scenario: &'a Scenario, crew: &'a mut Crew, subject: Subject<'a>) -> Self {
        Self { scenario, crew, subject, readings: Vec::new(), curve: Vec::new(), faults: Vec::new() }
    }

    pub fn read(&mut self, figure: &'static str, value: f64) {
        self.readings.push((figure, 0, value));
    }

    pub fn read_at(&mut self, figure: &'static str, at: u32, value: f64) {
        self.readings.push((figure, at, value));
    }

    /// Says at once what cannot be held, instead of measuring how a proxy fails at it.
    pub fn check_limits(&self) -> Result<(), String> {
        let needed = self.scenario.descriptors_each() * u64::from(self.scenario.tunnels) + DESCRIPTORS_SPARE;
        for pid in self.subject.pids() {
            let limit = limits::descriptors_max(pid)?;
            if needed > limit {
                let what = self.scenario.mode.held();
                return Err(format!(
                    "{} {what} take {needed} descriptors, its limit is {limit}",
                    self.scenario.tunnels
                ));
            }
        }
        Ok(())
    }

    /// Opens tunnels; all of them or an error that says how many there were.
    pub fn open(&mut self, count: u32) -> Result<f64, String> {
        let opened = self.crew.open(count)?;
        if opened.failed > 0 {
            let reason = opened.error.unwrap_or_default();
            return Err(format!("{} of {count} {} did not open: {reason}", opened.failed, self.scenario.mode.held()));
        }
        Ok(opened.seconds)
    }

    /// Waits until what comes after the openings is done.
    pub fn settle(&self) -> Result<(), String> {
        interrupt::sleep(SETTLED_AFTER)
    }

    /// What the proxy's processes have run so far; `None` without processes to look at.
    pub fn proxy_cpu(&self) -> Result<Option<CpuTime>, String> {
        cpu_of(&self.subject.pids())
    }

    /// Counts for the scenario's time after its warm-up. Traffic has begun already.
    pub fn window(&mut self) -> Result<Window, String> {
        interrupt::sleep(self.scenario.warm_up())?;
        let pids = self.subject.pids();
        let before = self.crew.mark()?;
        self.note_failures(&before);
        let (start, proxy, load) = self.times(&pids)?;
        interrupt::sleep(self.scenario.window())?;
        let counted = self.crew.mark()?;
        let (end, proxy_end, load_end) = self.times(&pids)?;
        self.note_failures(&counted);
        let proxy_cpu = proxy.zip(proxy_end).map(|(before, after)| after - before);
        let undisturbed = self.judge_waiting(proxy.zip(proxy_end), (load, load_end), end - start);
        let load_cpu = load_end - load;
        let window = Window { counted, seconds: (end - start).as_secs_f64(), proxy_cpu, load_cpu, undisturbed };
        self.read_cores(&window);
        Ok(window)
    }

    /// Whether the cores were proxy's and load's alone while something was done.
    pub fn watch<T>(&mut self, act: impl FnOnce(&mut Crew) -> Result<T, String>) -> Result<(T, bool), String> {
        self.around(act).map(|(done, _, undisturbed)| (done, undisturbed))
    }

    /// What the proxy took of its core while something was done, and whether the cores were proxy's and load's alone.
    pub fn around<T>(
        &mut self,
        act: impl FnOnce(&mut Crew) -> Result<T, String>,
    ) -> Result<(T, Option<Duration>, bool), String> {
        let pids = self.subject.pids();
        let (start, proxy, load) = self.times(&pids)?;
        let done = act(self.crew)?;
        let (end, proxy_end, load_end) = self.times(&pids)?;
        let both = proxy.zip(proxy_end);
        let undisturbed = self.judge_waiting(both, (load, load_end), end - start);
        Ok((done, both.map(|(before, after)| after - before), undisturbed))
    }

    fn times(&self, pids: &[u32]) -> Result<(Instant, Option<CpuTime>, CpuTime), String> {
        let now = Instant::now();
        Ok((now, cpu_of(pids)?, CpuTime::of(&self.crew.pids())?))
    }

    /// Whoever else runs on the cores makes latencies its own.
    fn judge_waiting(&mut self, proxy: Option<(CpuTime, CpuTime)>, load: (CpuTime, CpuTime), time: Duration) -> bool {
        let percent = |(before, after): (CpuTime, CpuTime)| {
            100.0 * after.waited_since(&before).as_secs_f64() / time.as_secs_f64()
        };
        // Several processes of load on a core wait for each other, and so do the peers and wrk.
        let is_alone = self.crew.size() == 1 && self.scenario.mode != Mode::Wrk;
        let of_load = if is_alone { percent(load) } else { 0.0 };
        let waited = proxy.map_or(0.0, percent).max(of_load);
        self.read("core_wait_percent", waited);
        let undisturbed = waited <= WAIT_PERCENT_MAX;
        if !undisturbed && !self.scenario.mode.is_quiet() {
            self.faults.push(format!("no latencies and rates: others held the cores for {waited:.0} % of the time"));
        }
        undisturbed
    }

    fn read_cores(&mut self, window: &Window) {
        if let Some(cpu) = window.proxy_cpu {
            self.read("proxy_core_percent", 100.0 * cpu.as_secs_f64() / window.seconds);
        }
        self.read("load_core_percent", 100.0 * window.load_cpu.as_secs_f64() / window.seconds);
    }

    /// Ends the traffic; what broke while it ended counts too.
    pub fn stop(&mut self) -> Result<(), String> {
        let counted = self.crew.stop()?;
        self.note_failures(&counted);
        Ok(())
    }

    fn note_failures(&mut self, counted: &Counted) {
        if counted.failed + counted.corrupt > 0 {
            let reason = counted.error.clone().unwrap_or_default();
            self.faults.push(format!("{} failed, {} with wrong bytes: {reason}", counted.failed, counted.corrupt));
        }
    }

    pub fn read_latencies(&mut self, window: &Window) {
        if window.undisturbed {
            self.read_distribution(&window.counted.latencies);
        }
    }

    pub fn read_distribution(&mut self, latencies: &Latencies) {
        if latencies.count() == 0 {
            self.faults.push("no message came back in the measured time".to_owned());
            return;
        }
        let shares =
            [("latency_p50_us", 50.0), ("latency_p90_us", 90.0), ("latency_p99_us", 99.0), ("latency_p999_us", 99.9)];
        for (figure, share) in shares {
            self.read(figure, latencies.percentile_us(share));
        }
        self.read("latency_max_us", latencies.max_us());
        self.curve = CURVE.map(|share| (share, latencies.percentile_us(share))).to_vec();
    }

    /// CPU divided by what it was spent on.
    pub fn read_cost(&mut self, figure: &'static str, window: &Window, count: f64, seconds_to_unit: f64) {
        self.read_cost_of(figure, window.proxy_cpu, count, seconds_to_unit);
    }

    pub fn read_cost_of(&mut self, figure: &'static str, cpu: Option<Duration>, count: f64, seconds_to_unit: f64) {
        match cpu {
            Some(cpu) if count > 0.0 => self.read(figure, cpu.as_secs_f64() * seconds_to_unit / count),
            Some(_) => self.faults.push(format!("{figure}: nothing came back to divide by")),
            None => {}
        }
    }

    /// A rate is the proxy's when its core was full; else the load's was, and it only says "at least".
    pub fn read_rate(&mut self, figure: &'static str, at_least: &'static str, window: &Window, count: f64) {
        if window.undisturbed {
            let figure = if is_saturated(window.proxy_cpu, window.seconds) { figure } else { at_least };
            self.read(figure, count / window.seconds);
        }
    }
}

/// Whether the proxy's core had nothing left.
pub fn is_saturated(cpu: Option<Duration>, seconds: f64) -> bool {
    cpu.is_some_and(|cpu| 100.0 * cpu.as_secs_f64() / seconds >= SATURATED_PERCENT)
}
