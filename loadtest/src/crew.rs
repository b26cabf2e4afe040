//! The processes of load, seen from the one that measures: started, asked, ended.
//!
//! Each is this same program, pinned to a core of the load, with a socket as its standard input.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::orders::Line;
use crate::stats::latency::Latencies;
use crate::{host, interrupt};

/// Both ends of a tunnel are descriptors of one process, and some are left for listeners and skew between processes.
const DESCRIPTORS_SPARE: u64 = 1000;
/// The longest that any order takes to be carried out.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(120);
/// Below are well-known ones.
const PORT_FIRST: u16 = 10_000;
const RELEASE_TIME_MAX: Duration = Duration::from_secs(10);
const END_TIME_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Plan {
    pub target: SocketAddr,
    pub host: String,
    /// Of the load; processes are spread over them.
    pub cores: Vec<usize>,
    /// Ports on loopback; none when the peers are somebody else's.
    pub peers: Vec<u16>,
    pub tunnels: u32,
    /// Whether plain requests' connections are held in place of tunnels.
    pub keeps: bool,
    /// The certificate that clients trust, for a target that speaks TLS.
    pub certificate: Option<PathBuf>,
}

#[derive(Debug)]
struct Worker {
    child: Child,
    orders: BufReader<UnixStream>,
}

#[derive(Debug)]
pub struct Crew {
    pub plan: Plan,
    workers: Vec<Worker>,
}

/// What all processes counted together.
#[derive(Debug, Default)]
pub struct Counted {
    pub trips: u64,
    pub bulk_bytes: u64,
    pub failed: u64,
    pub corrupt: u64,
    pub latencies: Latencies,
    pub lags: Latencies,
    pub error: Option<String>,
}

/// How an opening went in all processes together.
#[derive(Debug, Default)]
pub struct Opened {
    pub ok: u32,
    pub failed: u32,
    pub seconds: f64,
    pub error: Option<String>,
}

/// How many processes it takes to hold so many tunnels, at least one for each core of the load.
pub fn processes(tunnels: u32, descriptors_max: u64, cores: usize) -> u32 {
    let each = (descriptors_max.saturating_sub(DESCRIPTORS_SPARE) / 2).max(1);
    let wanted = u64::from(tunnels).div_ceil(each).max(cores as u64);
    u32::try_from(wanted.max(1)).unwrap_or(u32::MAX)
}

/// Whether nobody listens on the port, now or after a moment: the kernel closes a ring's sockets only some time after
/// its process has ended.
pub fn is_free_soon(port: u16) -> bool {
    is_free_within(port, RELEASE_TIME_MAX)
}

fn is_free_within(port: u16, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    while TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
        if Instant::now() > deadline || interrupt::is_set() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Ports on loopback that nobody uses, below those that the kernel gives to outgoing connections: a proxy makes
/// thousands of these between two starts.
pub fn free_ports(count: usize) -> Result<Vec<u16>, String> {
    let end = host::machine::first_outgoing_port().max(PORT_FIRST + 1);
    let start = u64::from(std::process::id()).wrapping_mul(97) % u64::from(end - PORT_FIRST);
    let all = (PORT_FIRST..end).cycle().skip(start as usize).take(usize::from(end - PORT_FIRST));
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let ports: Vec<u16> = all.filter(free).take(count).collect();
    if ports.len() == count { Ok(ports) } else { Err(format!("no {count} free ports from {PORT_FIRST} to {end}")) }
}

/// `count` in `parts` as even as can be.
fn share(count: u32, parts: u32, part: u32) -> u32 {
    count / parts + u32::from(part < count % parts)
}

impl Crew {
    pub fn start(plan: &Plan) -> Result<Self, String> {
        let limit = crate::host::limits::raise_descriptors();
        let count = processes(plan.tunnels, limit, plan.cores.len());
        if count > 200 {
            return Err(format!("{} tunnels would take {count} processes with {limit} descriptors each", plan.tunnels));
        }
        if let Some(port) = plan.peers.iter().find(|port| !is_free_soon(**port)) {
            // Shared with somebody else, a part of the tunnels would end there.
            return Err(format!("the peers' port {port} is taken"));
        }
        let mut crew = Self { plan: plan.clone(), workers: Vec::new() };
        for number in 0..count {
            let core = plan.cores.get(number as usize % plan.cores.len().max(1)).copied();
            crew.workers.push(Worker::start(plan, number, core)?);
        }
        if !plan.peers.is_empty() {
            let ports: Vec<String> = plan.peers.iter().map(ToString::to_string).collect();
            crew.ask(|_| Line::new("peers").with("ports", ports.join(",")))?;
        }
        Ok(crew)
    }

    pub fn pids(&self) -> Vec<u32> {
        self.workers.iter().map(|worker| worker.child.id()).collect()
    }

    pub fn size(&self) -> u32 {
        self.workers.len() as u32
    }

    /// Gives each process its order, then waits for all: they work at the same time.
    fn ask(&mut self, order: impl Fn(u32) -> Line) -> Result<Vec<Line>, String> {
        for (number, worker) in self.workers.iter_mut().enumerate() {
            let line = format!("{}\n", order(number as u32));
            worker.orders.get_mut().write_all(line.as_bytes()).map_err(|error| format!("process of load: {error}"))?;
        }
        let deadline = Instant::now() + ANSWER_TIME_MAX;
        self.workers.iter_mut().map(|worker| worker.answer(deadline)).collect()
    }

    pub fn open(&mut self, count: u32) -> Result<Opened, String> {
        let parts = self.size();
        let answers = self.ask(|number| Line::new("open").with("count", share(count, parts, number)))?;
        opened(&answers)
    }

    pub fn storm(&mut self) -> Result<Opened, String> {
        opened(&self.ask(|_| Line::new("storm"))?)
    }

    /// Begins traffic; `busy` tunnels and `rate` over all processes: messages a second, of bulk megabytes.
    pub fn run(&mut self, what: &str, busy: u32, bytes: u32, rate: u32) -> Result<(), String> {
        let parts = self.size();
        let order = |number| {
            let line = Line::new("run").with("what", what).with("busy", share(busy, parts, number));
            // No rate at all is none for each.
            line.with("bytes", bytes).with("rate", share(rate, parts, number).max(rate.min(1)))
        };
        self.ask(order).map(|_| ())
    }

    /// What was counted since the last mark.
    pub fn mark(&mut self) -> Result<Counted, String> {
        counted(&self.ask(|_| Line::new("mark"))?)
    }

    pub fn stop(&mut self) -> Result<Counted, String> {
        counted(&self.ask(|_| Line::new("stop"))?)
    }

    /// How many held tunnels carried a message there and back, and how many did not.
    pub fn check(&mut self) -> Result<(u32, u32), String> {
        let answers = self.ask(|_| Line::new("check"))?;
        let sum = |key| answers.iter().map(|line| line.number::<u32>(key)).sum::<Result<u32, String>>();
        Ok((sum("ok")?, sum("failed")?))
    }
}

fn first_error(lines: &[Line]) -> Option<String> {
    lines.iter().find_map(|line| line.text("error").filter(|text| !text.is_empty()))
}

fn opened(lines: &[Line]) -> Result<Opened, String> {
    let mut opened = Opened { error: first_error(lines), ..Opened::default() };
    for line in lines {
        opened.ok += line.number::<u32>("ok")?;
        opened.failed += line.number::<u32>("failed")?;
        opened.seconds = opened.seconds.max(line.number("seconds")?);
    }
    Ok(opened)
}

fn counted(lines: &[Line]) -> Result<Counted, String> {
    let mut counted = Counted { error: first_error(lines), ..Counted::default() };
    for line in lines {
        counted.trips += line.number::<u64>("trips")?;
        counted.bulk_bytes += line.number::<u64>("bulk_bytes")?;
        counted.failed += line.number::<u64>("failed")?;
        counted.corrupt += line.number::<u64>("corrupt")?;
        counted.latencies.add(&Latencies::from_text(&line.text("latencies").unwrap_or_default())?);
        counted.lags.add(&Latencies::from_text(&line.text("lags").unwrap_or_default())?);
    }
    Ok(counted)
}

impl Worker {
    fn start(plan: &Plan, number: u32, core: Option<usize>) -> Result<Self, String> {
        let in_place = |error: std::io::Error| format!("start a process of load: {error}");
        let (ours, theirs) = UnixStream::pair().map_err(in_place)?;
        ours.set_read_timeout(Some(interrupt::LOOK_EVERY)).map_err(in_place)?;
        let program = std::env::current_exe().map_err(in_place)?;
        let mut command = Command::new(program);
        command.args(["worker", "--target", &plan.target.to_string(), "--host", &plan.host]);
        command.args(["--process", &(number + 1).to_string()]);
        if plan.keeps {
            command.arg("--keeps");
        }
        if let Some(certificate) = &plan.certificate {
            command.arg("--certificate").arg(certificate);
        }
        if let Some(core) = core {
            command.args(["--core", &core.to_string()]);
        }
        // A group of its own: Ctrl-C at the terminal is for the process that measures.
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).process_group(0);
        let child = command.spawn().map_err(in_place)?;
        Ok(Self { child, orders: BufReader::new(ours) })
    }

    fn answer(&mut self, deadline: Instant) -> Result<Line, String> {
        let mut text = Vec::new();
        loop {
            match self.orders.read_until(b'\n', &mut text) {
                Ok(_) if text.ends_with(b"\n") => break,
                Ok(_) => return Err("a process of load ended by itself".to_owned()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(format!("process of load: {error}")),
            }
            if interrupt::is_set() {
                return Err(interrupt::WORD.to_owned());
            }
            if Instant::now() > deadline {
                return Err(format!("the load did not answer within {} s", ANSWER_TIME_MAX.as_secs()));
            }
        }
        let line = Line::from(String::from_utf8_lossy(&text).trim_end());
        match line.word.as_str() {
            "error" => Err(line.text("why").unwrap_or_default()),
            _ => Ok(line),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The end of its orders ends it; one that does not see that is ended by force.
        let _ = self.orders.get_ref().shutdown(std::net::Shutdown::Both);
        let deadline = Instant::now() + END_TIME_MAX;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_follow_the_descriptors() {
        assert_eq!(processes(9000, 20_000, 1), 1);
        assert_eq!(processes(9501, 20_000, 1), 2);
        assert_eq!(processes(100, 1024, 1), 9);
        assert_eq!(processes(0, 20_000, 3), 3);
        assert_eq!(processes(5, 0, 1), 5);
    }

    #[test]
    fn a_taken_port_is_seen_until_it_is_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free_within(port, Duration::ZERO));
        drop(listener);
        assert!(is_free_soon(port));
    }

    #[test]
    fn free_ports_are_free_and_different() {
        let ports = free_ports(20).unwrap();
        assert!(ports.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(ports.iter().all(|port| *port >= PORT_FIRST));
    }

    #[test]
    fn shares_add_up() {
        for (count, parts) in [(10, 3), (2, 5), (0, 1), (9000, 7)] {
            assert_eq!((0..parts).map(|part| share(count, parts, part)).sum::<u32>(), count);
        }
    }

    #[test]
    fn counts_of_all_processes_are_added() {
        let line = Line::new("counts").with("trips", 5).with("bulk_bytes", 7).with("failed", 1).with("corrupt", 0);
        let line = line.with("latencies", "1000:5").with("lags", "").with("error", "");
        let other = line.clone().with("error", "unread");
        let sum = counted(&[line, other]).unwrap();
        assert_eq!((sum.trips, sum.bulk_bytes, sum.failed, sum.latencies.count()), (10, 14, 2, 10));
        assert_eq!(sum.error, None);
    }
}
