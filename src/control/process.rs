//! The main thread of a process that serves: waits for signals and for reports of the shards, and acts on them.
//!
//! Life: serving, then draining (QUIT) or stopping (TERM, INT). A reload replaces the newest generation and leaves the
//! old one to the shards until they report it drained.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use super::adopt::adopt;
use super::listeners::Listeners;
use super::logs::{Logs, Opened};
use super::options::{Ender, Start};
use super::pid::PidFile;
use super::report::{Fatal, emerg};
use super::signals::{Signal, Signals};
use super::wake::wait;
use super::{descriptors, doctor, load, notify};
use crate::limits::{EXIT_CLOSE_TIME, EXIT_LOOK_INTERVAL};
use crate::model::LogLevel;
use crate::names;
use crate::observe::{error_log, syslog};
use crate::shard::{Command, Left, Mailbox, Parts, Report, Shard};
use crate::sys::errno::Errno;
use crate::sys::features::Features;

/// All that the main thread holds.
pub(super) struct Process {
    pub(super) start: Start,
    /// Of the newest generation.
    pub(super) parts: Parts,
    pub(super) logs: Logs,
    pub(super) listeners: Listeners,
    pub(super) pid: Option<PidFile>,
    pub(super) signals: Signals,
    pub(super) reports: Arc<Mailbox<Report>>,
    pub(super) shards: Vec<Shard<Parts>>,
    pub(super) ender: Ender,
    /// Sockets open before the first was bound.
    pub(super) sockets_before: usize,
}

/// How far the end of the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Stopping,
}

/// What is being waited for.
struct State {
    phase: Phase,
    /// Old generations, with the number of shards that still have something of them.
    draining: HashMap<u64, usize>,
    /// Shards that have reported their stop.
    stopped: Vec<Left>,
}

impl Process {
    pub(super) fn run(mut self, features: &Features) -> ! {
        let system = rustix::system::uname();
        notice(format_args!("longhaul/{} (nginx/{})", env!("CARGO_PKG_VERSION"), load::DIALECT_VERSION));
        notice(format_args!("OS: Linux {}", system.release().to_string_lossy()));
        self.say_what_runs(features);
        let mut state = State { phase: Phase::Serving, draining: HashMap::new(), stopped: Vec::new() };
        loop {
            let pause = self.logs.flush_due();
            wait(&[self.signals.bell(), self.reports.bell()], pause);
            for (signal, number, name) in self.signals.take() {
                notice(format_args!("signal {number} ({name}) received"));
                self.obey(signal, name, &mut state);
            }
            self.reports.quiet();
            while let Some(report) = self.reports.take() {
                self.note(report, &mut state);
            }
            if state.stopped.len() == self.shards.len() {
                self.leave(&state);
            }
        }
    }

    /// Shards, listeners, rings, and the limit that will be met first.
    fn say_what_runs(&self, features: &Features) {
        if !error_log::is_on(LogLevel::Notice) {
            return;
        }
        let generation = &self.parts.generation;
        let (shards, listeners) = (self.shards.len(), generation.serving.listeners.len());
        let Features { completions, present, .. } = features;
        let ring = format_args!("io_uring with {completions} completions ({})", present.join(" "));
        let first = doctor::first_limit(generation, shards, features);
        notice(format_args!("start {shards} shards, {listeners} listeners, {ring}; {first}"));
    }

    fn obey(&mut self, signal: Signal, name: &str, state: &mut State) {
        match (signal, state.phase) {
            (Signal::Stop, Phase::Serving | Phase::Draining) => {
                notice(format_args!("exiting"));
                notify::stopping();
                state.phase = Phase::Stopping;
                state.stopped.clear();
                self.shards.iter().for_each(|shard| shard.commands.send(Command::Stop));
            }
            (Signal::Quit, Phase::Serving) => {
                notice(format_args!("gracefully shutting down"));
                notify::stopping();
                state.phase = Phase::Draining;
                let within = self.parts.generation.process.shutdown_timeout;
                self.shards.iter().for_each(|shard| shard.commands.send(Command::Drain { within }));
            }
            (Signal::Reload, Phase::Serving) => self.reload_or_say(state),
            (Signal::Reopen, Phase::Serving | Phase::Draining) => {
                notice(format_args!("reopening logs"));
                self.logs.reopen().iter().for_each(emerg);
            }
            (Signal::Unused(_), _) => {
                notice(format_args!("{name} does nothing here: start the new program, then send QUIT to this one"));
            }
            (Signal::Quit | Signal::Reload, Phase::Draining) | (_, Phase::Stopping) => {}
        }
    }

    fn reload_or_say(&mut self, state: &mut State) {
        notify::reloading();
        match self.reload() {
            Ok(old) => {
                state.draining.insert(old, self.shards.len());
            }
            Err(errors) => {
                errors.iter().for_each(emerg);
                let number = self.parts.generation.number;
                let text = format_args!("reconfiguration failed: generation {number} goes on as it was");
                error_log::write(LogLevel::Error, None, text);
            }
        }
        notify::ready(self.parts.generation.number);
    }

    /// Puts the configuration as it is now in the place of the running one; the number of the old generation.
    fn reload(&mut self) -> Result<u64, Vec<Fatal>> {
        notice(format_args!("reconfiguring"));
        let old = Arc::clone(&self.parts.generation);
        let new = load::load(&self.start, old.number + 1)?;
        let tls = load::tls(&new)?;
        let opened = Opened::of(&new, Some(&self.logs)).map_err(|error| vec![error])?;
        let change = self.listeners.bind(&new.serving.listeners, self.shards.len())?;
        self.listeners.keep(&change);
        self.logs = opened.take_over(Some(&self.logs));
        self.warn_of_fixed(&old.process, &new.process);
        self.move_pid(&new.process.pid);
        let parts = Parts::new(&new, Some(&self.parts), tls, self.logs.newest(), self.shards.len());
        parts.wait_for_names();
        adopt(&self.shards, &new, change, &parts);
        self.parts = parts;
        notice(format_args!("generation {} serves new connections", new.number));
        Ok(old.number)
    }

    /// Settings that a running process cannot change.
    fn warn_of_fixed(&self, old: &crate::model::Process, new: &crate::model::Process) {
        let changed = [
            ("worker_processes", old.workers != new.workers),
            ("worker_cpu_affinity", old.affinity != new.affinity),
            ("worker_rlimit_nofile", old.rlimit_nofile != new.rlimit_nofile),
            ("user", old.user != new.user),
        ];
        for (name, _) in changed.iter().filter(|(_, is_changed)| *is_changed) {
            let text = format_args!("\"{name}\" has changed: it takes effect when the process is started again");
            error_log::write(LogLevel::Warn, None, text);
        }
    }

    fn move_pid(&mut self, path: &std::path::Path) {
        let Some(old) = self.pid.take_if(|pid| pid.path() != path) else { return };
        match PidFile::write(path) {
            Ok(new) => {
                self.pid = Some(new);
                remove_pid(old);
            }
            Err(error) => {
                let text = format_args!("open() \"{}\" failed ({})", path.display(), Errno(&error));
                error_log::write(LogLevel::Error, None, text);
                self.pid = Some(old);
            }
        }
    }

    fn note(&mut self, report: Report, state: &mut State) {
        match report {
            Report::Started { .. } => {}
            Report::Failed { shard, call, error } => {
                let text = format_args!("{call} of shard {shard} failed ({}): the process ends", Errno(&error));
                error_log::write(LogLevel::Emerg, None, text);
                self.clean_up();
                std::process::exit(1);
            }
            Report::Drained { generation, .. } => {
                let Some(left) = state.draining.get_mut(&generation) else { return };
                *left -= 1;
                if *left == 0 {
                    state.draining.remove(&generation);
                    notice(format_args!("generation {generation} has drained and exited with code 0"));
                }
            }
            Report::Stopped { left, .. } => {
                // A drain that ended just before a fast stop was asked for does not count twice.
                if state.phase != Phase::Stopping || left.is_intended {
                    state.stopped.push(left);
                }
            }
        }
    }

    fn leave(&mut self, state: &State) -> ! {
        if state.phase == Phase::Draining && state.stopped.iter().all(|left| !left.is_intended) {
            // Questions to name servers are under way over sockets of their own.
            names::stop();
            log_leaks(&state.stopped, self.sockets_before);
        }
        notice(format_args!("exit"));
        self.clean_up();
        exit(self.ender.code())
    }

    fn clean_up(&mut self) {
        self.logs.flush();
        self.listeners.leave();
        if let Some(pid) = self.pid.take() {
            remove_pid(pid);
        }
    }
}

fn remove_pid(pid: PidFile) {
    let path = pid.path().to_owned();
    if let Err(error) = pid.remove() {
        let text = format_args!("unlink() \"{}\" failed ({})", path.display(), Errno(&error));
        error_log::write(LogLevel::Warn, None, text);
    }
}

/// After a drain nothing is open that a connection once used.
fn log_leaks(stopped: &[Left], sockets_before: usize) {
    for left in stopped.iter().filter(|left| left.connections + left.tunnels + left.pipes > 0) {
        let Left { connections, tunnels, pipes, .. } = left;
        let text = format_args!("{connections} connections, {tunnels} tunnels and {pipes} pipes left after the drain");
        error_log::write(LogLevel::Alert, None, text);
    }
    let expected = sockets_before + Signals::SOCKET_COUNT + syslog::open_count();
    // Rings close descriptors a moment after they were told to.
    let deadline = Instant::now() + EXIT_CLOSE_TIME;
    let mut open = descriptors::sockets_open();
    while open.len() > expected && Instant::now() < deadline {
        std::thread::sleep(EXIT_LOOK_INTERVAL);
        open = descriptors::sockets_open();
    }
    if open.len() > expected {
        let count = open.len() - expected;
        let text = format_args!("{count} open sockets left after the drain, among {open:?}");
        error_log::write(LogLevel::Alert, None, text);
    }
}

/// Leaves without dropping anything: see the head of `shard`.
fn exit(code: ExitCode) -> ! {
    std::process::exit(i32::from(code != ExitCode::SUCCESS))
}

fn notice(text: std::fmt::Arguments<'_>) {
    error_log::write(LogLevel::Notice, None, text);
}
