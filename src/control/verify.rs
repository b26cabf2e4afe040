//! `-t` and `-T`: what a start would say, without starting.

use std::process::ExitCode;

use super::listeners::Listeners;
use super::logs::Opened;
use super::options::Start;
use super::{load, report};

/// `-t` and `-T`: loads the configuration, opens its logs and says what was found.
pub fn test(start: &Start, dump: bool, quiet: bool) -> ExitCode {
    let name = load::name(start);
    let Some(loaded) = load::load_or_say(start) else {
        eprintln!("longhaul: configuration file {name} test failed");
        return ExitCode::FAILURE;
    };
    if !quiet {
        eprintln!("longhaul: the configuration file {name} syntax is ok");
    }
    let mut errors = Listeners::probe(&loaded.generation.serving.listeners);
    errors.extend(load::tls(&loaded.generation).err().into_iter().flatten());
    errors.extend(Opened::of(&loaded.generation, None).err());
    errors.iter().for_each(report::emerg);
    if !errors.is_empty() {
        eprintln!("longhaul: configuration file {name} test failed");
        return ExitCode::FAILURE;
    }
    if !quiet {
        eprintln!("longhaul: configuration file {name} test is successful");
    }
    if dump {
        loaded.dump();
    }
    ExitCode::SUCCESS
}
