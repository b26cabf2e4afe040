//! `-s`: a signal to the running process, found through its `pid` file.

use std::process::ExitCode;

use rustix::process::{Pid, Signal, kill_process};

use super::options::Start;
use super::report::{Fatal, emerg};
use super::{load, pid};
use crate::sys::errno::Errno;

/// What the running process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Stop,
    Quit,
    Reload,
    Reopen,
}

impl Order {
    fn signal(self) -> Signal {
        match self {
            Self::Stop => Signal::TERM,
            Self::Quit => Signal::QUIT,
            Self::Reload => Signal::HUP,
            Self::Reopen => Signal::USR1,
        }
    }
}

/// Sends the order to the process of this configuration.
pub fn order(start: &Start, order: Order) -> ExitCode {
    let Some(loaded) = load::load_or_say(start) else { return ExitCode::FAILURE };
    match send(&loaded.generation.process.pid, order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            emerg(&Fatal(text));
            ExitCode::FAILURE
        }
    }
}

fn send(file: &std::path::Path, order: Order) -> Result<(), String> {
    let number = pid::read(file)?;
    let signal = order.signal();
    let process = i32::try_from(number).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| format!("invalid PID number \"{number}\" in \"{}\"", file.display()))?;
    kill_process(process, signal).map_err(|errno| {
        let error = std::io::Error::from(errno);
        format!("kill({number}, {}) failed ({})", signal.as_raw(), Errno(&error))
    })
}
