//! longhaul-loadtest: the exit code is 0 when all was measured, 1 when something could not be, 2 for wrong flags.
//!
//! `cli` starts `compare` (rounds) or a single `measure`; both ask a `crew` of `ends` processes for traffic and read
//! `host` meanwhile; `floor` is what a proxy is held against. `output` makes files of the readings. `wire`, `stats`, `scenario`, `orders`, `figure` are pure.

mod cli;
mod compare;
mod crew;
mod ends;
mod figure;
mod floor;
mod host;
mod interrupt;
mod measure;
mod orders;
mod output;
mod progress;
mod proxies;
mod scenario;
mod stats;
mod wire;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("longhaul-loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}
