//! The main context and `events`: the process as a whole.

use crate::config::diagnostic::Fault;
use crate::config::line::{Line, Recorded};
use crate::config::raw::RawProcess;
use crate::config::table::*;
use crate::config::value;
use crate::model::{Affinity, ErrorLog, Process, Workers};

/// nginx's, for one worker.
const WORKER_CONNECTIONS: usize = 512;
const PID: &str = "logs/nginx.pid";
/// Masks of `worker_cpu_affinity` are strings of bits: more cores than any machine has.
const AFFINITY_CORES_MAX: usize = 4096;

pub const TABLE: &[Directive] = &[
    supported("events", MAIN, block(NO_ARGS), Setter::Block(Block::Events), "Settings of connections."),
    supported("http", MAIN, block(NO_ARGS), Setter::Block(Block::Http), "The HTTP servers."),
    supported(
        "stream",
        MAIN,
        block(NO_ARGS),
        Setter::Block(Block::Stream),
        "Servers that pass TCP connections on as they are.",
    ),
    supported(
        "include",
        MAIN | EVENTS | HTTP_LEVELS | UPSTREAM | TYPES | MAP | STREAM_LEVELS | STREAM_UPSTREAM,
        ONE,
        Setter::Include,
        "Reads other files here; a pattern may name several.",
    ),
    supported(
        "worker_processes",
        MAIN,
        ONE,
        Setter::Process(worker_processes),
        "Number of shards (threads pinned to a core); `auto`, the default, is one for each core.",
    ),
    supported(
        "worker_cpu_affinity",
        MAIN,
        ONE_OR_MORE,
        Setter::Process(worker_cpu_affinity),
        "Cores that each shard may run on; without it each is pinned to one of its own.",
    ),
    supported(
        "worker_rlimit_nofile",
        MAIN,
        ONE,
        Setter::Process(|process, line| line.number(&mut process.worker_rlimit_nofile)),
        "Limit of open files; a tunnel needs two.",
    ),
    supported(
        "worker_shutdown_timeout",
        MAIN,
        ONE,
        Setter::Process(|process, line| line.time(&mut process.worker_shutdown_timeout)),
        "How long a graceful stop, or a generation that was replaced, waits for open connections; without it until they end.",
    ),
    supported(
        "worker_connections",
        EVENTS,
        ONE,
        Setter::Process(|process, line| line.number(&mut process.worker_connections)),
        "Most connections of one shard, clients and peers together (512).",
    ),
    supported("user", MAIN, ONE_OR_TWO, Setter::Process(user), "User and group to run as."),
    supported("pid", MAIN, ONE, Setter::Process(pid), "File that holds the number of the process."),
    supported(
        "daemon",
        MAIN,
        FLAG,
        Setter::Process(|process, line| line.flag(&mut process.daemon)),
        "Whether to leave the terminal (on).",
    ),
];

fn worker_processes(process: &mut RawProcess, line: &Line) -> Recorded {
    line.once(&mut process.worker_processes, |line| {
        let word = line.arg(0);
        if word.text == "auto" {
            return Ok(Workers::Auto);
        }
        let count = value::number(&word.text).filter(|count| (1..=4096).contains(count));
        match count.and_then(|count| usize::try_from(count).ok()) {
            Some(count) => Ok(Workers::Count(count)),
            None => {
                Err(line.invalid_value(word).help("`auto` or a number from 1 to 4096, as in `worker_processes 4;`"))
            }
        }
    })
}

fn worker_cpu_affinity(process: &mut RawProcess, line: &Line) -> Recorded {
    line.once(&mut process.worker_cpu_affinity, |line| {
        let is_auto = line.arg(0).text == "auto";
        let words = if is_auto { &line.args()[1..] } else { line.args() };
        if is_auto && words.len() > 1 {
            return Err(line.fault("has invalid number of parameters after \"auto\""));
        }
        let mut masks = Vec::new();
        for word in words {
            let mut cores = Vec::new();
            if word.text.len() > AFFINITY_CORES_MAX {
                let message = format!("\"{}\" supports up to {AFFINITY_CORES_MAX} CPUs only", line.name());
                return Err(Fault::new(word.span, message));
            }
            for (core, bit) in word.text.chars().rev().enumerate() {
                match bit {
                    '1' => cores.push(core),
                    '0' => {}
                    other => {
                        let message = format!("invalid character \"{other}\" in \"{}\"", line.name());
                        return Err(Fault::new(word.span, message).help("a mask is a string of 0 and 1, as in `0101`"));
                    }
                }
            }
            if cores.is_empty() {
                return Err(line.invalid_value(word).help("a mask needs at least one 1"));
            }
            masks.push(cores);
        }
        match (is_auto, masks.pop()) {
            (true, None) => Ok(Affinity::Auto),
            // `auto MASK` gives each shard one core of the mask.
            (true, Some(allowed)) => Ok(Affinity::Masks(allowed.into_iter().map(|core| vec![core]).collect())),
            (false, last) => {
                masks.extend(last);
                Ok(Affinity::Masks(masks))
            }
        }
    })
}

fn user(process: &mut RawProcess, line: &Line) -> Recorded {
    line.once(&mut process.user, |line| {
        Ok((line.arg(0).text.clone(), line.args().get(1).map(|group| group.text.clone())))
    })
}

fn pid(process: &mut RawProcess, line: &Line) -> Recorded {
    line.once(&mut process.pid, |line| Ok(line.env.path(&line.arg(0).text)))
}

/// The process with nginx's defaults.
pub fn resolve(raw: RawProcess, prefix: &std::path::Path, error_logs: Vec<ErrorLog>) -> Process {
    let connections = raw.worker_connections.and_then(|count| usize::try_from(count).ok());
    Process {
        workers: raw.worker_processes.unwrap_or(Workers::Auto),
        affinity: raw.worker_cpu_affinity.unwrap_or(Affinity::Auto),
        rlimit_nofile: raw.worker_rlimit_nofile,
        worker_connections: connections.unwrap_or(WORKER_CONNECTIONS),
        user: raw.user.map(|(user, group)| (user.into(), group.map(Into::into))),
        pid: raw.pid.unwrap_or_else(|| prefix.join(PID)),
        daemon: raw.daemon.unwrap_or(true),
        error_logs,
        shutdown_timeout: raw.worker_shutdown_timeout,
    }
}
