//! The last steps before a proxy's program takes over its process: cgroup, core, and that it ends with us.
//!
//! A step of its own, because whatever the program starts at once has to be in the cgroup and on the core already.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::host;

#[derive(Debug, Args)]
pub struct Launch {
    #[arg(long)]
    core: usize,
    /// The file of a cgroup that takes processes.
    #[arg(long)]
    group: Option<PathBuf>,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    program: Vec<OsString>,
}

/// The words with which this program is started to become another.
pub fn arguments(core: usize, group: Option<PathBuf>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["launch".into(), "--core".into(), core.to_string().into()];
    if let Some(file) = group {
        arguments.extend(["--group".into(), file.into()]);
    }
    arguments.push("--".into());
    arguments
}

/// Returns only when the program could not be started.
pub fn launch(launch: &Launch) -> Result<(), String> {
    host::pin(launch.core)?;
    if let Some(file) = &launch.group {
        let own = std::process::id().to_string();
        std::fs::write(file, own).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    // One that measures and is killed must not leave a proxy behind.
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(|error| format!("ending with the parent: {error}"))?;
    let [program, arguments @ ..] = launch.program.as_slice() else { return Err("no program".to_owned()) };
    let error = Command::new(program).args(arguments).exec();
    Err(format!("{}: {error}", program.display()))
}
