//! Requests by `wrk`, the program that most figures of other proxies come from, over the same kept connections as `http`.
//!
//! It runs on the last core of the load, one thread for all connections, beside the peers. CPU is counted over its whole
//! time, the opening of its connections included.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::stage::{Stage, is_saturated};
use crate::crew::Plan;
use crate::proxies::{self, launch_arguments, program};
use crate::scenario::Scenario;
use crate::{host, interrupt};

const NAME: &str = "wrk";
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Beyond the time that it was given: connections that hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it said.
#[derive(Debug, Default, PartialEq)]
struct Said {
    requests: f64,
    per_second: f64,
    /// Share in percent, microseconds.
    latencies: Vec<(f64, f64)>,
    errors: Vec<String>,
}

pub fn run(stage: &mut Stage) -> Result<(), String> {
    let program = program(NAME)?;
    let mut child = Running(start(&program, stage.scenario, &stage.crew.plan)?);
    let deadline = Instant::now() + stage.scenario.window() + PATIENCE;
    let (text, cpu, undisturbed) = stage.around(|_| child.said(deadline))?;
    let said = parse(&text)?;
    for error in &said.errors {
        stage.faults.push(format!("{NAME}: {error}"));
    }
    stage.read_cost_of("cpu_us_per_request", cpu, said.requests, 1e6);
    let seconds = if said.per_second > 0.0 { said.requests / said.per_second } else { stage.scenario.seconds };
    if let Some(cpu) = cpu {
        stage.read("proxy_core_percent", 100.0 * cpu.as_secs_f64() / seconds);
    }
    if undisturbed {
        let figure = if is_saturated(cpu, seconds) { "requests_per_second" } else { "requests_per_second_at_least" };
        stage.read(figure, said.per_second);
        for (figure, share) in [("latency_p50_us", 50.0), ("latency_p90_us", 90.0), ("latency_p99_us", 99.0)] {
            let found = said.latencies.iter().find(|(known, _)| *known == share);
            found.into_iter().for_each(|(_, us)| stage.read(figure, *us));
        }
        stage.curve = said.latencies;
    }
    Ok(())
}

/// Its version; `Err` says why it cannot be run.
pub fn version() -> Result<String, String> {
    let line = proxies::version(&program(NAME)?, NAME, &["--version"])?;
    Ok(line.split_whitespace().nth(1).unwrap_or(&line).to_owned())
}

fn start(program: &Path, scenario: &Scenario, plan: &Plan) -> Result<Child, String> {
    let core = plan.cores.last().copied().or_else(|| host::cores().last().copied());
    let core = core.ok_or("no core that this process may use")?;
    let in_place = |error: std::io::Error| format!("{}: {error}", program.display());
    let mut command = Command::new(std::env::current_exe().map_err(in_place)?);
    command.args(launch_arguments(core, None)).arg(program);
    let (seconds, scheme) = (scenario.seconds as u64, if plan.certificate.is_some() { "https" } else { "http" });
    command.args(["-t", "1", "-c", &scenario.busy.to_string(), "-d", &format!("{seconds}s"), "--latency"]);
    command.args(["-H", &format!("Host: {}", plan.host)]);
    command.arg(format!("{scheme}://{}/b/{}", plan.target, scenario.bytes));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(in_place)
}

/// Ends with us.
struct Running(Child);

impl Running {
    fn said(&mut self, deadline: Instant) -> Result<String, String> {
        let status = loop {
            match self.0.try_wait().map_err(|error| format!("{NAME}: {error}"))? {
                Some(status) => break status,
                None if Instant::now() > deadline => return Err(format!("{NAME} did not end in its time")),
                None => interrupt::sleep(LOOK_EVERY)?,
            }
        };
        // A few lines, which a pipe holds.
        let (mut said, mut complaint) = (String::new(), String::new());
        let out = self.0.stdout.take().map_or(Ok(0), |mut out| out.read_to_string(&mut said));
        let err = self.0.stderr.take().map_or(Ok(0), |mut err| err.read_to_string(&mut complaint));
        out.and(err).map_err(|error| format!("{NAME}: {error}"))?;
        if status.success() { Ok(said) } else { Err(format!("{NAME} ended with {status}: {}", complaint.trim())) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn parse(text: &str) -> Result<Said, String> {
    let mut said = Said::default();
    for line in text.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [count, "requests", "in", ..] => said.requests = number(count)?,
            ["Requests/sec:", rate] => said.per_second = number(rate)?,
            ["Socket", "errors:", ..] | ["Non-2xx", ..] => said.errors.push(line.to_owned()),
            [share, time] if share.ends_with('%') => {
                said.latencies.push((number(share.trim_end_matches('%'))?, microseconds(time)?));
            }
            _ => {}
        }
    }
    if said.requests > 0.0 { Ok(said) } else { Err(format!("{NAME} had no answer: {}", said.errors.join(", "))) }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{NAME} says `{text}`, which is no number"))
}

/// `830.00us`, `1.83ms` or `1.02s`.
fn microseconds(text: &str) -> Result<f64, String> {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 60e6)];
    let found = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (digits, factor) = found.ok_or_else(|| format!("{NAME} says `{text}`, which is no time"))?;
    Ok(number(digits)? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Running 2s test @ http://127.0.0.1:1/b/1024
  1 threads and 100 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.83ms  201.45us   6.12ms   91.20%
    Req/Sec    54.51k     1.20k   56.10k    70.00%
  Latency Distribution
     50%  830.00us
     75%    1.90ms
     90%    2.50ms
     99%    1.02s
  108800 requests in 2.00s, 131.00MB read
Requests/sec:  54400.00
Transfer/sec:     65.50MB
";

    #[test]
    fn what_it_says_is_read() {
        let said = parse(TEXT).unwrap();
        assert_eq!((said.requests, said.per_second), (108_800.0, 54_400.0));
        assert_eq!(said.latencies, [(50.0, 830.0), (75.0, 1900.0), (90.0, 2500.0), (99.0, 1_020_000.0)]);
        assert!(said.errors.is_empty());
    }

    #[test]
    fn what_failed_is_told() {
        let errors = "  Socket errors: connect 0, read 7, write 0, timeout 0\n  Non-2xx or 3xx responses: 9\n";
        let said = parse(&TEXT.replace("Requests/sec", &format!("{errors}Requests/sec"))).unwrap();
        assert_eq!(said.errors.len(), 2);
        assert!(said.errors[1].ends_with("responses: 9"), "{said:?}");
        let none = "  0 requests in 2.00s, 0.00B read\n  Socket errors: connect 100, read 0, write 0, timeout 0\n";
        assert!(parse(none).is_err_and(|error| error.contains("had no answer") && error.contains("connect 100")));
        assert!(parse("").is_err());
        assert!(microseconds("5h").is_err() && parse("x requests in 2s").is_err());
    }
}
