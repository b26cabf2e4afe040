//! Flags and subcommands, and the line from each to what it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::compare::{self, Settings};
use crate::crew::{Crew, Plan, free_ports};
use crate::figure::{find, plain};
use crate::measure::{self, Stage, Subject};
use crate::output::folder::{self, Run, WITHOUT};
use crate::proxies::{self, Found};
use crate::scenario::{FULL, Mode, QUICK, Scenario, parse, parse_matrix};
use crate::{ends, floor, host, interrupt};

/// `--quick` keeps its five minutes on a slow machine too, by fewer rounds; table and report are written after it.
const QUICK_TIME_MAX: Duration = Duration::from_secs(280);

#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start each proxy found on the same work, in interleaved rounds, and write table and report
    Compare(CompareArgs),
    /// Run one scenario against a proxy that runs already
    Run(RunArgs),
    /// Only be the echoing peers behind a proxy, until Ctrl-C
    Peers(PeerArgs),
    /// Make table and report again from the raw files of a run
    Report {
        /// The run's folder
        folder: PathBuf,
    },
    #[command(hide = true)]
    Worker(WorkerArgs),
    #[command(hide = true)]
    Launch(proxies::Launch),
    #[command(hide = true)]
    FloorProxy(floor::FloorProxy),
    #[command(hide = true)]
    BareSockets {
        #[arg(long)]
        count: usize,
    },
}

#[derive(Debug, Args)]
struct PeerArgs {
    /// First port of the peers on 127.0.0.1
    #[arg(long, default_value_t = 9001)]
    peer_port: u16,
    /// How many peers
    #[arg(long, default_value_t = 8, value_parser = peer_count)]
    peers: usize,
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// A short matrix: about five minutes for three proxies
    #[arg(long, conflicts_with = "matrix")]
    quick: bool,
    /// A file with a scenario on each line: NAME: MODE key=value …
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Every scenario with TLS at the listener
    #[arg(long)]
    tls: bool,
    /// Rounds over the whole matrix [default: 7, with --quick 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Only these of longhaul, nginx, haproxy, or none of them; the first is what others are compared with
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    proxies: Vec<String>,
    /// Another proxy, described by a file (see README)
    #[arg(long, value_name = "FILE")]
    proxy: Vec<PathBuf>,
    /// The longhaul program [default: beside this one]
    #[arg(long, value_name = "PROGRAM")]
    longhaul: Option<PathBuf>,
    /// Where the run is written [default: loadtest-TIME]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The core of the proxy [default: the first]
    #[arg(long, value_name = "CORE")]
    proxy_core: Option<usize>,
    /// The cores of the load [default: the second]
    #[arg(long, value_delimiter = ',', value_name = "CORES")]
    load_cores: Vec<usize>,
    /// First of the ports on 127.0.0.1, for the peers and then the proxies [default: what is free]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..65_000))]
    port: Option<u16>,
    /// How many peers
    #[arg(long, default_value_t = 8, value_parser = peer_count)]
    peers: usize,
    #[arg(long, hide = true)]
    debug_build_for_tests: bool,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// MODE key=value …, for example: echo tunnels=1000 bytes=64 seconds=5
    #[arg(required = true)]
    scenario: Vec<String>,
    /// The proxy's address
    #[arg(long, value_name = "ADDRESS:PORT")]
    target: SocketAddr,
    /// `Host` of the requests
    #[arg(long, default_value = "longhaul-loadtest.test")]
    host: String,
    /// The proxy's process, to read its CPU and memory
    #[arg(long)]
    pid: Option<u32>,
    /// The cores of the load [default: not pinned]
    #[arg(long, value_delimiter = ',', value_name = "CORES")]
    load_cores: Vec<usize>,
    /// The peers behind the proxy run elsewhere: start none
    #[arg(long)]
    no_peers: bool,
    #[command(flatten)]
    peers: PeerArgs,
    /// With tls=true: the certificate to trust (PEM), for the name in --host
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Needed for a target that is not on loopback: its address again
    #[arg(long, value_name = "ADDRESS")]
    i_own_the_target: Option<String>,
    #[arg(long, hide = true)]
    debug_build_for_tests: bool,
}

#[derive(Debug, Args)]
struct WorkerArgs {
    #[arg(long)]
    target: SocketAddr,
    #[arg(long)]
    host: String,
    #[arg(long)]
    core: Option<usize>,
    #[arg(long)]
    process: u8,
    #[arg(long)]
    keeps: bool,
    #[arg(long)]
    certificate: Option<PathBuf>,
}

fn peer_count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| (1..=64).contains(count)).ok_or_else(|| "1 to 64 peers".to_owned())
}

impl PeerArgs {
    fn ports(&self) -> Vec<u16> {
        (self.peer_port..=u16::MAX).take(self.peers).collect()
    }
}

/// Whether all was measured; `Err` when nothing could be.
pub fn run(cli: Cli) -> Result<bool, String> {
    match cli.command {
        Command::Compare(args) => compare(args),
        Command::Run(args) => run_one(args),
        Command::Peers(args) => peers(&args),
        Command::Report { folder } => report(&folder),
        Command::Worker(WorkerArgs { target, host, core, process, keeps, certificate }) => {
            ends::run(&ends::Options { target, host, core, process, keeps, certificate }).map(|()| true)
        }
        Command::Launch(args) => proxies::launch(&args).map(|()| true),
        Command::FloorProxy(args) => floor::run(&args).map(|()| true),
        Command::BareSockets { count } => ends::hold_bare_sockets(count).map(|()| true),
    }
}

/// Debug builds of either end measure the compiler's checks.
fn refuse_debug(allowed: bool) -> Result<(), String> {
    if cfg!(debug_assertions) && !allowed {
        return Err("this is a debug build, its figures mean nothing; use `cargo run --release`".to_owned());
    }
    Ok(())
}

fn peers(args: &PeerArgs) -> Result<bool, String> {
    interrupt::watch()?;
    let target = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), args.peer_port);
    let plan = Plan {
        target,
        host: String::new(),
        cores: Vec::new(),
        peers: args.ports(),
        tunnels: 1,
        keeps: false,
        certificate: None,
    };
    let _crew = Crew::start(&plan)?;
    eprintln!("echoing on 127.0.0.1, ports {:?}, until Ctrl-C", args.ports());
    while interrupt::sleep(interrupt::LOOK_EVERY).is_ok() {}
    Ok(true)
}

fn report(folder: &Path) -> Result<bool, String> {
    Run::read(folder)?.write(folder)?;
    println!("{}", folder.join("report.html").display());
    Ok(true)
}

fn compare(args: CompareArgs) -> Result<bool, String> {
    refuse_debug(args.debug_build_for_tests)?;
    interrupt::watch()?;
    let matrix = match &args.matrix {
        Some(file) => std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
        None if args.quick => QUICK.to_owned(),
        None => FULL.to_owned(),
    };
    let mut scenarios = parse_matrix(&matrix).map_err(|error| format!("matrix, {error}"))?;
    if args.tls {
        scenarios.retain(|scenario| !scenario.tls);
        scenarios.iter_mut().for_each(Scenario::wrap_in_tls);
    }
    let wrk = measure::wrk_version();
    if args.matrix.is_none() && wrk.is_err() {
        scenarios.retain(|scenario| scenario.mode != Mode::Wrk);
    }
    let matrix = scenarios.iter().map(|scenario| format!("{scenario}\n")).collect();
    let (proxy_core, load_cores) = compare::cores(args.proxy_core, &args.load_cores)?;
    let Found { proxies, mut missing } = proxies::find(&args.proxies, args.longhaul.as_deref(), &args.proxy);
    // Where a matrix names it, each time that it is missed is a fault.
    missing.extend(wrk.clone().err().filter(|_| args.matrix.is_none()).map(|reason| ("wrk".to_owned(), reason)));
    for (name, reason) in &missing {
        eprintln!("{name} is left out: {reason}");
    }
    if proxies.is_empty() {
        return Err("no proxy to measure".to_owned());
    }
    let out = args.out.unwrap_or_else(|| format!("loadtest-{}", folder::now().replace(':', "")).into());
    let floors = scenarios.iter().map(Scenario::floors).max().unwrap_or(0);
    let floors = floor::FLOORS[..floors].iter().map(proxies::floor).collect::<Result<Vec<_>, _>>()?;
    let count = args.peers + proxies.len() + floors.len();
    let mut ports = match args.port {
        Some(first) => (first..=u16::MAX).take(count).collect(),
        None => free_ports(count)?,
    };
    let settings = Settings {
        scenarios,
        rounds: args.rounds.unwrap_or(if args.quick { 3 } else { 7 }),
        time_max: args.quick.then_some(QUICK_TIME_MAX),
        proxy_core,
        load_cores,
        floors,
        ports: ports.split_off(args.peers),
        peer_ports: ports,
        folder: out.join("proxies"),
    };
    let mut facts = facts(&settings);
    facts.extend(wrk.ok().map(|version| ("wrk".to_owned(), version)));
    facts.extend(missing.iter().map(|(name, reason)| (format!("{WITHOUT}{name}"), reason.clone())));
    let mut outcome = compare::run(&settings, &proxies);
    // One that was not there is a gap only if it was asked for.
    let asked = |name: &String| {
        args.proxies.contains(name) || args.proxy.iter().any(|file| file.display().to_string() == *name)
    };
    for (name, reason) in missing.iter().filter(|(name, _)| asked(name)) {
        outcome.fault(0, "all", name, reason);
    }
    facts.extend(settings.floors.iter().map(|floor| (floor.name.clone(), floor.version.clone())));
    facts.extend(folder::floor_faults(&outcome.floor_faults));
    facts.push(("took".to_owned(), crate::progress::duration(outcome.seconds)));
    facts.extend(outcome.cut.take().map(|cut| ("left out".to_owned(), cut)));
    let versions = proxies.iter().map(|proxy| (proxy.name.clone(), proxy.version.clone())).collect();
    let run = Run::new(versions, facts, matrix, outcome);
    run.write(&out)?;
    println!("{}", run.table());
    println!("{}", out.join("report.html").display());
    Ok(run.faults.is_empty())
}

/// As it was given, without the way to this program.
fn command() -> String {
    let own = env!("CARGO_PKG_NAME").to_owned();
    std::iter::once(own).chain(std::env::args().skip(1)).collect::<Vec<String>>().join(" ")
}

fn facts(settings: &Settings) -> Vec<(String, String)> {
    let mut facts = vec![
        ("when".to_owned(), folder::now()),
        ("command".to_owned(), command()),
        ("longhaul-loadtest".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("rounds".to_owned(), settings.rounds.to_string()),
        ("core of the proxy".to_owned(), settings.proxy_core.to_string()),
        ("cores of the load".to_owned(), format!("{:?}", settings.load_cores)),
        ("descriptors for each process".to_owned(), host::limits::raise_descriptors().to_string()),
    ];
    facts.extend(host::machine::facts());
    facts
}

/// Load on somebody else's machine is an attack.
fn refuse_foreign(target: SocketAddr, owned: Option<&str>) -> Result<(), String> {
    if target.ip().is_loopback() || owned == Some(target.ip().to_string().as_str()) {
        return Ok(());
    }
    Err(format!("{} is not on loopback; if it is yours, say --i-own-the-target {}", target.ip(), target.ip()))
}

fn run_one(args: RunArgs) -> Result<bool, String> {
    refuse_debug(args.debug_build_for_tests)?;
    refuse_foreign(args.target, args.i_own_the_target.as_deref())?;
    interrupt::watch()?;
    let scenario = parse(&args.scenario.join(" "))?;
    let peers = if args.no_peers { Vec::new() } else { args.peers.ports() };
    if scenario.tls && args.certificate.is_none() {
        return Err("tls=true wants the target's certificate: --certificate FILE".to_owned());
    }
    let certificate = args.certificate.filter(|_| scenario.tls);
    let (target, host, cores) = (args.target, args.host, args.load_cores);
    let keeps = scenario.mode == Mode::Kept;
    let plan = Plan { target, host, cores, peers, tunnels: scenario.tunnels, keeps, certificate };
    let mut crew = Crew::start(&plan)?;
    let reason = || "the proxy was not started here, so it is in no cgroup of ours".to_owned();
    let subject = Subject { pid: args.pid, group: Err(reason()), bare_bytes: Err(reason()) };
    let mut stage = Stage::new(&scenario, &mut crew, subject);
    let result = measure::run(&mut stage);
    for (name, at, value) in &stage.readings {
        let (title, unit) = find(name).map_or((*name, ""), |figure| (figure.title, figure.unit));
        let place = if *at > 0 { format!(" at {at} tunnels") } else { String::new() };
        println!("{title}{place}: {} {unit}", plain(*value));
    }
    stage.faults.iter().chain(result.as_ref().err()).for_each(|fault| eprintln!("{fault}"));
    Ok(stage.faults.is_empty() && result.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_targets_want_their_address_twice() {
        let target = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(refuse_foreign(target("127.0.0.9:80"), None).is_ok());
        assert!(refuse_foreign(target("[::1]:80"), None).is_ok());
        assert!(
            refuse_foreign(target("192.0.2.1:80"), None).is_err_and(|e| e.contains("--i-own-the-target 192.0.2.1"))
        );
        assert!(refuse_foreign(target("192.0.2.1:80"), Some("192.0.2.2")).is_err());
        assert!(refuse_foreign(target("192.0.2.1:80"), Some("192.0.2.1")).is_ok());
    }

    #[test]
    fn a_debug_build_refuses_to_compare() {
        assert_eq!(refuse_debug(false).is_err(), cfg!(debug_assertions));
        assert!(refuse_debug(true).is_ok());
    }

    #[test]
    fn the_flags_are_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
