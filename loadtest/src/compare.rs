//! The comparison: every proxy on every scenario, round after round, each time started fresh.
//!
//! Rounds are interleaved and begin with another proxy each time, so that a machine that warms up or is disturbed
//! disturbs all alike. A proxy that fails is named, and the rest goes on.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::crew::{Crew, Plan};
use crate::figure::{Fault, Reading};
use crate::measure::{self, Stage, Subject};
use crate::progress::Progress;
use crate::proxies::{Place, Proxy, certificate, start};
use crate::scenario::{Mode, Scenario};
use crate::{floor, host, interrupt};

/// Opens in a second that an estimate counts on.
const OPENS_PER_SECOND: f64 = 6000.0;
/// The name in requests and in certificates.
const HOST: &str = "longhaul-loadtest.test";
/// More are refused at once, which takes no time.
const TUNNELS_MAX: u32 = 2_000_000;
/// Starting and ending of a proxy and of the load.
const AROUND_SECONDS: f64 = 0.7;
/// What a look at memory waits.
const STEP_SECONDS: f64 = 0.4;

#[derive(Debug)]
pub struct Settings {
    pub scenarios: Vec<Scenario>,
    pub rounds: u32,
    /// No scenario is begun in a further round that would not end within this, by the pace so far.
    pub time_max: Option<Duration>,
    pub proxy_core: usize,
    pub load_cores: Vec<usize>,
    /// What the calls alone cost is measured with these, in the order in which scenarios count them.
    pub floors: Vec<Proxy>,
    /// One for each proxy, and one for each floor.
    pub ports: Vec<u16>,
    pub peer_ports: Vec<u16>,
    /// Where proxies have their files.
    pub folder: PathBuf,
}

/// What came out; complete unless there are faults.
#[derive(Debug, Default)]
pub struct Outcome {
    pub readings: Vec<Reading>,
    pub curves: Vec<Curve>,
    pub faults: Vec<Fault>,
    /// Of the floors, which are no proxies: they make no verdict and no exit code.
    pub floor_faults: Vec<Fault>,
    pub seconds: f64,
    /// The round and the scenario from which on nothing was begun any more, for time.
    pub cut: Option<String>,
}

/// A distribution of latencies: share in percent, microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    pub round: u32,
    pub scenario: String,
    pub proxy: String,
    pub points: Vec<(f64, f64)>,
}

fn estimate(scenario: &Scenario) -> f64 {
    let opened = f64::from(scenario.tunnels.min(TUNNELS_MAX)) * if scenario.mode == Mode::Storm { 2.0 } else { 1.0 };
    let steps = if scenario.mode.is_quiet() { f64::from(scenario.steps + 1) * STEP_SECONDS } else { 0.0 };
    let warm_up = if scenario.mode == Mode::Wrk { 0.0 } else { scenario.seconds / 3.0 };
    AROUND_SECONDS + opened / OPENS_PER_SECOND + steps + warm_up + scenario.seconds
}

/// How many take part in a scenario: the proxies, and behind them the floors.
fn entrants(scenario: &Scenario, proxies: usize, floors: usize) -> usize {
    proxies + scenario.floors().min(floors)
}

/// Round, scenario and proxy in the order in which they are run.
fn order(scenarios: &[Scenario], rounds: u32, proxies: usize, floors: usize) -> Vec<(u32, usize, usize)> {
    let mut order = Vec::new();
    for round in 1..=rounds {
        for (index, scenario) in scenarios.iter().enumerate() {
            if scenario.rounds == 0 || round <= scenario.rounds {
                let count = entrants(scenario, proxies, floors);
                order.extend((0..count).map(|turn| (round, index, (turn + round as usize - 1) % count)));
            }
        }
    }
    order
}

pub fn run(settings: &Settings, proxies: &[Proxy]) -> Outcome {
    let begin = Instant::now();
    let mut outcome = Outcome::default();
    let floors = settings.floors.len();
    let order = order(&settings.scenarios, settings.rounds, proxies.len(), floors);
    let total = order.iter().map(|(_, scenario, _)| estimate(&settings.scenarios[*scenario])).sum();
    let mut progress = Progress::new(total);
    let bare = measure::bytes_per_pair();
    let mut last = None;
    for (round, number, index) in order {
        let scenario = &settings.scenarios[number];
        let Some(proxy) = proxies.iter().chain(&settings.floors).nth(index) else { continue };
        let name = &proxy.name;
        // All proxies have as many rounds of a scenario.
        let begins = last.replace((round, number)) != Some((round, number));
        let more = estimate(scenario) * entrants(scenario, proxies.len(), floors) as f64;
        if begins && round > 1 && settings.time_max.is_some_and(|max| !progress.fits(more, max)) {
            progress.say(&format!("time is up: {} has no round {round} any more", scenario.name));
            outcome.cut = Some(format!("for time, everything from {} in round {round} on", scenario.name));
            break;
        }
        progress.begin(&format!("round {round} of {}: {} on {name}", settings.rounds, scenario.name));
        let result = run_one(settings, scenario, index, proxy, round, &bare, &mut outcome);
        progress.end(estimate(scenario));
        if interrupt::is_set() {
            progress.say("interrupted: what was measured so far is kept");
            outcome.fault(round, &scenario.name, name, interrupt::WORD);
            break;
        }
        if let Err(reason) = result {
            progress.say(&format!("{name}, {}: {reason}", scenario.name));
            outcome.fault(round, &scenario.name, name, &reason);
        }
    }
    outcome.seconds = begin.elapsed().as_secs_f64();
    progress.say(&format!("done after {}", crate::progress::duration(outcome.seconds)));
    outcome
}

impl Outcome {
    pub fn fault(&mut self, round: u32, scenario: &str, proxy: &str, reason: &str) {
        let (scenario, proxy, reason) = (scenario.to_owned(), proxy.to_owned(), reason.to_owned());
        let faults = if floor::is_floor(&proxy) { &mut self.floor_faults } else { &mut self.faults };
        faults.push(Fault { round, scenario, proxy, reason });
    }
}

/// What a single core cannot show.
fn refuse_one_core(settings: &Settings, scenario: &Scenario) -> Result<(), String> {
    if !scenario.mode.is_quiet() && settings.load_cores.contains(&settings.proxy_core) {
        return Err("the load would share the proxy's core: figures with traffic want a second one".to_owned());
    }
    Ok(())
}

fn run_one(
    settings: &Settings,
    scenario: &Scenario,
    index: usize,
    proxy: &Proxy,
    round: u32,
    bare: &Result<f64, String>,
    outcome: &mut Outcome,
) -> Result<(), String> {
    refuse_one_core(settings, scenario)?;
    let folder = settings.folder.join(&proxy.name).join(&scenario.name);
    let certificate = match scenario.tls {
        true => Some(certificate::make(&folder, HOST)?),
        false => None,
    };
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), settings.ports[index]);
    let plan = Plan {
        target: address,
        host: HOST.to_owned(),
        cores: settings.load_cores.clone(),
        peers: settings.peer_ports.clone(),
        tunnels: scenario.tunnels,
        keeps: scenario.mode == Mode::Kept,
        certificate: certificate.as_ref().map(|certificate| certificate.certificate.clone()),
    };
    let mut crew = Crew::start(&plan)?;
    let place = Place {
        address,
        peers: settings.peer_ports.iter().map(|port| format!("127.0.0.1:{port}")).collect(),
        core: settings.proxy_core,
        folder,
        access_log: scenario.log,
        tls: certificate,
    };
    let mut running = start(proxy, &place)?;
    let subject = Subject {
        pid: Some(running.pid()),
        group: running.group.as_ref().map_err(Clone::clone),
        bare_bytes: bare.clone(),
    };
    let mut stage = Stage::new(scenario, &mut crew, subject);
    let result = measure::run(&mut stage);
    let Stage { readings, curve, faults, .. } = stage;
    let (scenario, proxy) = (scenario.name.clone(), proxy.name.clone());
    for (figure, at, value) in readings {
        let (scenario, proxy, figure) = (scenario.clone(), proxy.clone(), figure.to_owned());
        outcome.readings.push(Reading { round, scenario, proxy, figure, at, value });
    }
    if !curve.is_empty() {
        outcome.curves.push(Curve { round, scenario: scenario.clone(), proxy: proxy.clone(), points: curve });
    }
    for reason in faults {
        outcome.fault(round, &scenario, &proxy, &reason);
    }
    match running.has_ended() {
        Some(ending) => Err(format!("it {ending}")),
        None => result,
    }
}

/// The cores to use when none are named: the first for the proxy, the next for the load.
pub fn cores(proxy: Option<usize>, load: &[usize]) -> Result<(usize, Vec<usize>), String> {
    let there = host::cores();
    let first = there.first().copied().ok_or("no core that this process may use")?;
    let proxy = proxy.unwrap_or(first);
    let load = match load {
        [] => vec![there.iter().copied().find(|core| *core != proxy).unwrap_or(proxy)],
        load => load.to_vec(),
    };
    match std::iter::once(&proxy).chain(&load).find(|core| !there.contains(core)) {
        Some(core) => Err(format!("core {core} is not one that this process may use ({there:?})")),
        None => Ok((proxy, load)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse_matrix;

    #[test]
    fn rounds_are_interleaved_and_begin_with_another_proxy() {
        let scenarios = parse_matrix("a: idle rounds=1\nb: churn").unwrap();
        let order = order(&scenarios, 2, 3, 0);
        assert_eq!(order[..6], [(1, 0, 0), (1, 0, 1), (1, 0, 2), (1, 1, 0), (1, 1, 1), (1, 1, 2)]);
        assert_eq!(order[6..], [(2, 1, 1), (2, 1, 2), (2, 1, 0)]);
    }

    #[test]
    fn floors_take_their_turns_in_work_that_they_can_do() {
        let scenarios = parse_matrix("a: echo\nb: churn\nc: http tls=true\nd: http").unwrap();
        let of = |scenario| move |(_, index, proxy): &(u32, usize, usize)| (*index == scenario).then_some(*proxy);
        let order = order(&scenarios, 2, 2, floor::FLOORS.len());
        assert_eq!(order.iter().filter_map(of(0)).collect::<Vec<_>>(), [0, 1, 1, 0]);
        assert_eq!(order.iter().filter_map(of(1)).collect::<Vec<_>>(), [0, 1, 2, 3, 1, 2, 3, 0]);
        assert_eq!(order.iter().filter_map(of(2)).count(), 4);
        assert_eq!(order.iter().filter_map(of(3)).collect::<Vec<_>>(), [0, 1, 2, 1, 2, 0]);
    }

    #[test]
    fn quick_fits_five_minutes_for_three_proxies() {
        let scenarios = parse_matrix(crate::scenario::QUICK).unwrap();
        let order = order(&scenarios, 3, 3, floor::FLOORS.len());
        let total: f64 = order.iter().map(|(_, index, _)| estimate(&scenarios[*index])).sum();
        assert!(total < 290.0, "{total}");
    }

    #[test]
    fn cores_are_apart_where_there_are_two() {
        let there = host::cores();
        let (proxy, load) = cores(None, &[]).unwrap();
        assert_eq!(proxy == load[0], there.len() == 1);
        assert!(cores(Some(100_000), &[]).is_err());
    }
}
