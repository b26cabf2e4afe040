//! The figures against direct counts: a reader of its own looks into /proc meanwhile, and both have to agree.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test says no")]

mod support;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use support::{DEADLINE, PROGRAM, compare, port, wait};

/// How far a figure may be from the direct count.
const TOLERANCE: f64 = 0.15;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One look at a process and what it started.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    descriptors: usize,
    pss_kb: u64,
    ticks: u64,
}

fn family(pid: u32) -> Vec<u32> {
    let mut pids = vec![pid];
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        if parent.is_some_and(|parent| parent.trim() == pid.to_string()) {
            pids.push(entry.file_name().to_str().unwrap().parse().unwrap());
        }
    }
    pids
}

fn pss_kb(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// `utime` and `stime`, fields 14 and 15 of the whole line.
fn ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let behind_name = &stat[stat.rfind(')')? + 2..];
    let times = behind_name.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
    Some(times.sum())
}

fn look(pids: &[u32]) -> Option<Look> {
    let mut look = Look { at: Instant::now(), descriptors: 0, pss_kb: 0, ticks: 0 };
    for pid in pids {
        look.descriptors += fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        look.pss_kb += pss_kb(*pid)?;
        look.ticks += ticks(*pid)?;
    }
    Some(look)
}

/// Looks again and again, until told to stop or the process is gone.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Look>>,
}

impl Watch {
    /// `find` gives the process as soon as there is one.
    fn start(find: impl Fn() -> Option<u32> + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut looks, mut pids) = (Vec::new(), Vec::new());
            let deadline = Instant::now() + DEADLINE;
            while !told.load(Ordering::Relaxed) && Instant::now() < deadline {
                if pids.len() < 2 {
                    pids = find().map(family).unwrap_or_default();
                }
                match look(&pids) {
                    Some(look) if !pids.is_empty() => looks.push(look),
                    Some(_) | None => pids.clear(),
                }
                std::thread::sleep(LOOK_EVERY);
            }
            looks
        });
        Self { stop, thread }
    }

    fn end(self) -> Vec<Look> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Bytes for each tunnel more, from the time when only the first eight were there to the time when all were: with
/// `each` descriptors for a tunnel.
fn bytes_per_tunnel(looks: &[Look], tunnels: usize, each: usize) -> Result<f64, String> {
    let more = tunnels - 8;
    let all = looks.iter().map(|look| look.descriptors).max().ok_or("never a look")?;
    let median = |wanted: usize| {
        let found = looks.iter().filter(|look| look.descriptors == wanted);
        let mut found: Vec<u64> = found.map(|look| look.pss_kb).collect();
        found.sort_unstable();
        found.get(found.len() / 2).copied().ok_or_else(|| format!("never {wanted} descriptors of {all}"))
    };
    let (held, fresh) = (median(all)?, median(all.saturating_sub(more * each))?);
    Ok(held.saturating_sub(fresh) as f64 * 1024.0 / more as f64)
}

/// What differs by more is told.
fn near(what: &str, figure: f64, direct: f64) -> Result<(), String> {
    let is_near = (figure / direct - 1.0).abs() <= TOLERANCE;
    if is_near { Ok(()) } else { Err(format!("{what}: {figure} by the tool, {direct} by /proc")) }
}

/// The tool and this look one after the other, and on a busy machine something may come between: then neither is wrong.
/// A tool that is wrong is so each time.
fn in_one_of_several_tries(measure: impl Fn() -> Result<(), String>) {
    const TRIES: usize = 8;
    let mut said = Vec::new();
    while said.len() < TRIES {
        match measure() {
            Ok(()) => return,
            Err(reason) => said.push(reason),
        }
    }
    panic!("{}", said.join("\n"));
}

/// The echoing peer, as a proxy that runs already.
struct Subject {
    child: Child,
    port: u16,
}

impl Subject {
    fn start() -> Self {
        let port = port();
        let mut command = Command::new(PROGRAM);
        command.args(["peers", "--peers", "1", "--peer-port", &port.to_string()]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 7];
        child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"echoing");
        Self { child, port }
    }

    /// Runs a scenario and gives what was printed, with what was seen meanwhile.
    fn run(&self, scenario: &str) -> (String, Vec<Look>) {
        let pid = self.child.id();
        let watch = Watch::start(move || Some(pid));
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--debug-build-for-tests", "--no-peers", "--target", &format!("127.0.0.1:{}", self.port)]);
        let output = command.args(["--pid", &pid.to_string()]).args(scenario.split(' ')).output().unwrap();
        let looks = watch.end();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        (text, looks)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// The number of a line `WORDS: 1,234 UNIT`.
fn printed(text: &str, words: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(words)?.strip_prefix(": "));
    let number = line.unwrap_or_else(|| panic!("no {words} in {text}")).split(' ').next().unwrap();
    number.replace(',', "").parse().unwrap()
}

#[test]
fn memory_and_descriptors_are_those_of_proc() {
    in_one_of_several_tries(|| {
        let (text, looks) = Subject::start().run("idle tunnels=2000 steps=2 seconds=0.5");
        near("descriptors", printed(&text, "descriptors per tunnel"), 1.0)?;
        near("user memory", printed(&text, "user memory per tunnel"), bytes_per_tunnel(&looks, 2000, 1)?)
    });
}

#[test]
fn cpu_is_that_of_proc() {
    in_one_of_several_tries(compare_cpu);
}

fn compare_cpu() -> Result<(), String> {
    const RATE: f64 = 1000.0;
    let (text, looks) = Subject::start().run("echo tunnels=20 bytes=64 rate=1000 seconds=3");
    // The last three quarters of the traffic are measured. It begins and ends with the CPU that it takes.
    let grows = |pair: &&[Look]| pair[1].ticks > pair[0].ticks && pair[1].descriptors > 20;
    let busy: Vec<&[Look]> = looks.windows(2).filter(grows).collect();
    let (Some([first, _]), Some([_, last])) = (busy.first(), busy.last()) else { return Err("no traffic".to_owned()) };
    let middle = first.at + (last.at - first.at) / 4;
    let begin = looks.iter().find(|look| look.at >= middle).ok_or("no look in the midst")?;
    let seconds = (last.at - begin.at).as_secs_f64();
    let tick = 1.0 / rustix::param::clock_ticks_per_second() as f64;
    let cpu = (last.ticks - begin.ticks) as f64 * tick;
    near("use of the core", printed(&text, "use of the proxy's core"), 100.0 * cpu / seconds)?;
    near("CPU per trip", printed(&text, "CPU per echo round trip"), cpu * 1e6 / (RATE * seconds))
}

/// A proxy of several processes, as `compare` starts it.
#[test]
fn memory_of_a_compared_nginx_is_that_of_proc() {
    let is_there = Path::new("/usr/sbin/nginx").exists();
    if !is_there {
        eprintln!("skipped: nginx not found");
        return;
    }
    in_one_of_several_tries(compare_nginx);
}

fn compare_nginx() -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let matrix = "held: idle tunnels=1000 steps=1 seconds=0.5\n";
    let mut command = compare(folder.path(), matrix, &[], "1");
    let mut child = command.args(["--proxies", "nginx"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let file = folder.path().join("run/proxies/nginx/held/proxy.pid");
    let watch = Watch::start(move || fs::read_to_string(&file).ok()?.trim().parse().ok());
    wait(&mut child);
    let direct = bytes_per_tunnel(&watch.end(), 1000, 2)?;
    let readings = fs::read_to_string(folder.path().join("run/readings.csv")).unwrap();
    let value = |figure: &str| {
        let line = readings.lines().find(|line| line.contains(&format!("held,nginx,{figure},")));
        line.unwrap_or_else(|| panic!("no {figure} in {readings}")).rsplit(',').next().unwrap().parse::<f64>().unwrap()
    };
    near("descriptors", value("descriptors_per_tunnel"), 2.0)?;
    near("user memory", value("user_bytes_per_tunnel"), direct)
}
