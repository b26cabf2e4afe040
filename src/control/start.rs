//! From the command line to a process that serves, in the order that errors can still be told to whoever started it.

use std::process::ExitCode;
use std::sync::Arc;

use super::adopt::adopt;
use super::daemon::{self, Waiting};
use super::listeners::Listeners;
use super::load::{self, Loaded};
use super::locked;
use super::logs::Opened;
use super::options::{Configuration, Ender, OnServing, Start};
use super::passed::Passed;
use super::pid::PidFile;
use super::process::Process;
use super::report::{Fatal, emerg, log_panics};
use super::signals::Signals;
use super::wake::next_report;
use super::{descriptors, notify, privileges, ring};
use crate::model::{self, LogLevel};
use crate::observe::{error_log, syslog};
use crate::shard::{self, Mailbox, Parts, Plan, Proxying, Report, Shard};
use crate::sys::errno::Errno;

/// Serves until a signal ends it. Returns only with an error of the start: a process that served leaves by `exit`.
pub fn serve(start: Start, on_serving: Option<OnServing>) -> ExitCode {
    log_panics();
    let Some(loaded) = load::load_or_say(&start) else { return ExitCode::FAILURE };
    match begin(start, &loaded, on_serving) {
        Ok(never) => match never {},
        Err(errors) => {
            errors.iter().for_each(emerg);
            ExitCode::FAILURE
        }
    }
}

fn begin(start: Start, loaded: &Loaded, on_serving: Option<OnServing>) -> Result<std::convert::Infallible, Vec<Fatal>> {
    let generation = &loaded.generation;
    let settings = &generation.process;
    let cores = cores_of_shards(settings);
    let raised = descriptors::raise(settings.rlimit_nofile);
    locked::raise();
    let mut warnings = raised.warnings;
    warnings.extend(descriptors::shortage(raised.limit, cores.len(), settings.worker_connections));
    let ring = ring::probe().map_err(|error| one(Fatal(ring::refusal(&error))))?;
    let account = account(settings, &mut warnings).map_err(one)?;

    let tls = load::tls(generation)?;
    let opened = Opened::of(generation, None).map_err(one)?;
    if let Some(account) = &account {
        opened.paths().iter().try_for_each(|path| account.own(path)).map_err(one)?;
    }
    let logs = opened.take_over(None);
    warnings.iter().for_each(|text| error_log::write(LogLevel::Warn, None, format_args!("{text}")));
    let sockets_before = descriptors::sockets_open().len() - syslog::open_count();
    let mut listeners = Listeners::with(passed(&start, generation));
    let change = listeners.bind_when_free(&generation.serving.listeners, cores.len())?;
    listeners.keep(&change);

    // From here on an error must take the files of unix sockets away again.
    let prepared = prepare(&start, settings, account.as_ref());
    let (waiting, signals, pid) = prepared.map_err(|error| undo(&listeners, None, error))?;
    let reports =
        Mailbox::new().map_err(|error| undo(&listeners, None, Fatal(format!("eventfd() failed ({error})"))))?;
    let shards = match start_shards(cores, &reports) {
        Ok(shards) => shards,
        Err(error) => return Err(undo(&listeners, pid, error)),
    };
    let parts = Parts::new(generation, None, tls, logs.newest(), shards.len());
    parts.wait_for_names();
    adopt(&shards, generation, change, &parts);
    if let Some(waiting) = waiting {
        waiting.serving().map_err(|error| one(Fatal(format!("/dev/null failed ({})", Errno(&error)))))?;
    }
    let ender = Ender::default();
    if let Some(on_serving) = on_serving {
        let ender = ender.clone();
        let spawned = std::thread::Builder::new().spawn(move || on_serving(ender));
        spawned.map_err(|error| one(Fatal(format!("pthread_create() failed ({error})"))))?;
    }
    let process = Process { start, parts, logs, listeners, pid, signals, reports, shards, ender, sockets_before };
    error_log::leave_console();
    notify::ready(process.parts.generation.number);
    process.run(&ring)
}

/// The sockets that the process was started with. Those that no `listen` names stay open and unused: a reload may bring
/// one.
fn passed(start: &Start, generation: &model::Generation) -> Passed {
    if matches!(start.configuration, Configuration::Generated { .. }) {
        return Passed::default();
    }
    let (passed, mut warnings) = Passed::take();
    let wanted = |address: &&model::ListenAddress| generation.serving.listeners.iter().any(|l| l.address == **address);
    let unwanted = passed.addresses().filter(|address| !wanted(address));
    warnings.extend(unwanted.map(|address| {
        format!("no \"listen\" has {address}, on which a socket was passed: both must name the same address")
    }));
    warnings.iter().for_each(|text| error_log::write(LogLevel::Warn, None, format_args!("{text}")));
    passed
}

fn one(error: Fatal) -> Vec<Fatal> {
    vec![error]
}

fn undo(listeners: &Listeners, pid: Option<PidFile>, error: Fatal) -> Vec<Fatal> {
    listeners.leave();
    // What made the start fail is the error to tell.
    let _ = pid.map(PidFile::remove);
    one(error)
}

fn cores_of_shards(settings: &model::Process) -> Vec<Vec<usize>> {
    let first = usize::try_from(std::process::id()).unwrap_or(0);
    shard::core::assign(settings.workers, &settings.affinity, &shard::core::allowed(), first)
}

/// Whom to become. Without root that is nobody else, which nginx warns of.
fn account(settings: &model::Process, warnings: &mut Vec<String>) -> Result<Option<privileges::Account>, Fatal> {
    let Some((name, group)) = &settings.user else { return Ok(None) };
    if !privileges::is_root() {
        warnings.push(
            "the \"user\" directive makes sense only if the process runs with super-user privileges, ignored".into(),
        );
        return Ok(None);
    }
    privileges::account(name, group.as_deref()).map(Some)
}

type Prepared = (Option<Waiting>, Signals, Option<PidFile>);

/// What comes between bound ports and the first thread.
fn prepare(start: &Start, settings: &model::Process, account: Option<&privileges::Account>) -> Result<Prepared, Fatal> {
    let is_generated = matches!(start.configuration, Configuration::Generated { .. });
    let waiting = match settings.daemon && !is_generated {
        true => Some(daemon::detach().map_err(|error| Fatal(format!("fork() failed ({})", Errno(&error))))?),
        false => None,
    };
    let signals = Signals::watch().map_err(|error| Fatal(format!("sigaction() failed ({})", Errno(&error))))?;
    let pid = match is_generated {
        true => None,
        false => Some(PidFile::write(&settings.pid).map_err(|error| {
            let path = settings.pid.display();
            Fatal(format!("open() \"{path}\" failed ({}): choose another file with \"pid\"", Errno(&error)))
        })?),
    };
    if let Some(account) = account
        && let Err(error) = account.enter()
    {
        // The start has failed: there is nobody to be found through the file.
        let _ = pid.map(PidFile::remove);
        return Err(error);
    }
    Ok((waiting, signals, pid))
}

fn start_shards(cores: Vec<Vec<usize>>, reports: &Arc<Mailbox<Report>>) -> Result<Vec<Shard<Parts>>, Fatal> {
    let mut shards = Vec::with_capacity(cores.len());
    for (number, cores) in cores.into_iter().enumerate() {
        let shard = shard::start::<Proxying>(Plan { number, cores }, Arc::clone(reports));
        shards.push(shard.map_err(|error| Fatal(format!("shard {number} could not start ({})", Errno(&error))))?);
    }
    let mut waiting = shards.len();
    while waiting > 0 {
        match next_report(reports) {
            Report::Started { .. } => waiting -= 1,
            Report::Failed { call: "io_uring_setup()", error, .. } => return Err(Fatal(ring::refusal(&error))),
            Report::Failed { shard, call, error } => {
                return Err(Fatal(format!("{call} of shard {shard} failed ({})", Errno(&error))));
            }
            // Nothing was adopted yet that could drain or stop.
            Report::Drained { .. } | Report::Stopped { .. } => {}
        }
    }
    Ok(shards)
}
